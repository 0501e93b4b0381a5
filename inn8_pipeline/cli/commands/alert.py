"""`inn8 alert`: try the addresses to which alerts and heartbeats go, and mute alerts for a while."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support import dagster_modules
from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.options import json_option
from inn8_pipeline.cli.support.output import print_json, print_result, print_text, silence
from inn8_pipeline.cli.support.times import INSTANT, LOCAL_TIME, PERIOD
from inn8_pipeline.errors import NotifyError, SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    Environment,
    moment,
    now,
    read_alerts,
    read_heartbeat_url,
    read_tenant_ids,
    tenant_variable,
)

if TYPE_CHECKING:
    from inn8_pipeline import notify
else:
    notify = lazy_module("inn8_pipeline.notify")

WEBHOOK = "INN8_ALERT_WEBHOOK"


@dataclass(frozen=True, slots=True)
class AddressTested:
    """What came back from the address of one setting."""

    setting: str
    is_ok: bool
    message: str


@click.group(
    name="alert", epilog=examples("inn8 alert test", 'inn8 alert mute --for 2h --reason "upgrade of Postgres"')
)
def command() -> None:
    """Try the addresses to which alerts and heartbeats go, and mute alerts for a while."""


@command.command(
    epilog=examples(
        "inn8 alert test",
        "inn8 alert test --json",
        notes="Exit codes: 0 each address accepted it, 1 one did not, 2 no address is set.",
    )
)
@json_option
def test(as_json: bool) -> None:
    """Post a test message to INN8_ALERT_WEBHOOK, call INN8_HEARTBEAT_URL, and say what came back.

    The call counts as a heartbeat for the service that expects it. No address is printed, because it is a secret.
    """
    silence()
    tested = [_tested(setting, send) for setting, send in _addresses(Environment())]
    if not tested:
        raise SettingsError(
            WEBHOOK, "is not set, and no heartbeat either: nobody is alerted", "https://hooks.example/T0"
        )
    if as_json:
        print_json([asdict(each) for each in tested])
    else:
        for each in tested:
            print_result(is_ok=each.is_ok, subject=each.setting, message=each.message)
    sys.exit(0 if all(each.is_ok for each in tested) else EXIT_FAILED)


@command.command(
    epilog=examples(
        'inn8 alert mute --for 2h --reason "upgrade of Postgres"',
        "inn8 alert mute --until 18:00 --reason maintenance",
        'inn8 alert mute --from 2026-11-28T22:00+02:00 --for 90m --reason "maintenance of INN8"',
        "inn8 alert mute                            until when they are muted",
    )
)
@click.option("--for", "period", type=PERIOD, help="How long: 30m, 2h or 1d, up to 7 days.")
@click.option("--until", type=LOCAL_TIME, help="Until when, in local time: 18:00, or '2026-11-28 06:00'.")
@click.option("--from", "from_at", type=INSTANT, help="When it begins, such as 2026-11-28T22:00+02:00. Default: now.")
@click.option("--reason", help="Why, for others who look.")
@json_option
def mute(
    period: timedelta | None, until: datetime | None, from_at: datetime | None, reason: str | None, as_json: bool
) -> None:
    """Post no alerts for a while, or show until when none are posted.

    Syncs and checks go on. What began meanwhile is posted afterwards, also if it is over by then. The heartbeat is
    called as always.
    """
    if period and until:
        raise click.UsageError("Choose one of --for and --until.")
    is_given = period is not None or until is not None
    if is_given != (reason is not None) or (from_at and not is_given):
        raise click.UsageError("Give --for or --until with --reason; or neither, to see until when alerts are muted.")
    begins_at = from_at or now()
    ends_at = until or begins_at + (period or timedelta())
    if is_given and not timedelta() < ends_at - begins_at <= PERIOD.longest:
        raise click.UsageError("--until must be later than the start, and at most 7 days later: nothing was muted.")
    silence()
    environment = Environment()
    with dagster_modules.instance.guarded_instance(environment) as instance:
        if is_given:
            if before := dagster_modules.mutes.current(instance):
                print_text(f"This replaces the mute {before.text(None)}.", on_stderr=True)
            dagster_modules.mutes.write(instance, dagster_modules.mutes.Mute(begins_at, ends_at, reason or ""))
            if not read_alerts(environment).webhook:
                print_text(
                    f"{WEBHOOK} is not set here: there is nothing to mute unless the daemon has it.", on_stderr=True
                )
        current = dagster_modules.mutes.current(instance)
    if as_json:
        print_json(asdict(current) if current else None)
    else:
        print_text(
            f"Alerts are muted {current.text(None)}. `inn8 alert unmute` ends it."
            if current
            else "Alerts are not muted."
        )


@command.command(epilog=examples("inn8 alert unmute"))
def unmute() -> None:
    """Post alerts again, beginning with what happened meanwhile."""
    silence()
    with dagster_modules.instance.guarded_instance(Environment()) as instance:
        ended = dagster_modules.mutes.current(instance)
        if ended is not None:
            dagster_modules.mutes.write(instance, None)
    if ended is None:
        click.echo("Alerts were not muted: nothing was changed.")
    else:
        print_text(f"Alerts were muted {ended.text(None)}. They are posted again, within half a minute.")


def _addresses(environment: Environment) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each setting with an address, and what sends to it."""
    settings = read_alerts(environment)
    if settings.webhook:
        text = f"Test of alerts by `inn8 alert test` at {moment(now())}. Nothing is wrong."
        yield WEBHOOK, partial(notify.post, settings.webhook, text, settings.payload)
    for tenant_id in read_tenant_ids(environment):
        url, variable = (
            read_heartbeat_url(environment, tenant_id),
            tenant_variable(environment, tenant_id, "HEARTBEAT_URL"),
        )
        if url:
            yield variable, partial(notify.ping, url, variable)


def _tested(setting: str, send: Callable[[], None]) -> AddressTested:
    try:
        send()
    except NotifyError as error:
        message = f"not accepted ({error.finding}): nobody is alerted by it. Correct the address, then try again."
        return AddressTested(setting, is_ok=False, message=message)
    return AddressTested(setting, is_ok=True, message="accepted")
