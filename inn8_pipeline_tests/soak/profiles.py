"""How long the random tests of this folder run: briefly in each test run, for long in `make soak-records`."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings


def soak_settings(
    request: pytest.FixtureRequest, *, examples: int, steps: tuple[int, int] = (50, 50), may_be_slow: bool = False
) -> settings:
    """Return the settings of a random test: so many examples, or `SOAK_EXAMPLES` in the profile `soak`.

    `steps` are those of an example of a state machine, in the brief and in the long run.
    """
    is_long = request.config.getoption("--hypothesis-profile") == "soak"
    inherited = settings.default.suppress_health_check if settings.default else ()
    return settings(
        max_examples=int(os.environ.get("SOAK_EXAMPLES", "200")) if is_long else examples,
        stateful_step_count=steps[is_long],
        # Shrinking takes minutes of such steps: it is for the long run, where somebody waits for a small example.
        phases=tuple(Phase) if is_long else (Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow] if may_be_slow else inherited,
        deadline=None,
    )
