"""`python -m inn8_pipeline_tests.system --minutes 60`: run the soak test; exit with 1 if it failed."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from inn8_pipeline_tests.system import final_checks
from inn8_pipeline_tests.system.chaos import Chaos
from inn8_pipeline_tests.system.environment import SoakEnvironment, wait_until
from inn8_pipeline_tests.system.samples import Samples

SECONDS_FOR_THREE_TICKS = 900


def main() -> int:
    """Run the soak test, and list every failure at the end."""
    given = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="inn8-soak-"))
    _say(f"seed {given.seed}, {given.minutes} minutes, logs in {folder}")
    try:
        faults = _soak(folder, given.minutes, given.seed)
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    for fault in faults:
        _say(f"WRONG: {fault}")
    _say(f"{0 if faults else 1} passed, {len(faults)} failed")
    return 1 if faults else 0


def _soak(folder: Path, minutes: float, seed: int) -> list[str]:
    samples = Samples()
    with SoakEnvironment(folder, seed) as environment:
        chaos = Chaos(environment, Random(seed))
        ends_at = time.monotonic() + minutes * 60
        looked_at = 0.0
        while time.monotonic() < ends_at:
            time.sleep(chaos.random.uniform(5, 25))
            _say(chaos.happen())
            if time.monotonic() - looked_at > 60:
                looked_at = time.monotonic()
                _say(samples.take(environment))
        chaos.heal()
        since = datetime.now(UTC).isoformat()
        _say("INN8 works again; waiting for three whole ticks of each tenant")
        is_complete = wait_until(
            lambda: final_checks.have_three_ticks(environment, since), SECONDS_FOR_THREE_TICKS, pause=5
        )
        _say(samples.take(environment))
        _report(environment, chaos, samples)
        missing_ticks = [] if is_complete else [f"no three whole ticks within {SECONDS_FOR_THREE_TICKS} s"]
        return [
            *missing_ticks,
            *final_checks.differences(environment),
            *final_checks.unlogged(environment),
            *samples.faults(),
        ]


def _report(environment: SoakEnvironment, chaos: Chaos, samples: Samples) -> None:
    for what, count in sorted(chaos.happened.items()):
        _say(f"happened {count} times: {what}")
    for name, slope in samples.slopes().items():
        _say(f"{name}: median {slope.typical:.0f}, {slope.per_hour:+.1f} per hour over {slope.hours * 60:.0f} minutes")
    for name, latency in final_checks.latency(environment, chaos.outages).items():
        _say(f"ticks of the first tenant {name}: {latency}")


def _say(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m inn8_pipeline_tests.system", description="The soak of it all.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
