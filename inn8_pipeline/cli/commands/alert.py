"""`inn8 alert`: try the addresses to which alerts and heartbeats go."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from inn8_pipeline.cli.support.group import EXIT_FAILED, examples
from inn8_pipeline.cli.support.options import json_option
from inn8_pipeline.cli.support.output import print_json, print_result, silence
from inn8_pipeline.errors import NotifyError, SettingsError
from inn8_pipeline.lazy_imports import lazy_module
from inn8_pipeline.settings import (
    Environment,
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


@click.group(name="alert", epilog=examples("inn8 alert test"))
def command() -> None:
    """Try the addresses to which alerts and heartbeats go."""


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


def _addresses(environment: Environment) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each setting with an address, and what sends to it."""
    webhook = read_alerts(environment).webhook
    if webhook:
        text = f"Test of alerts by `inn8 alert test` at {now():%Y-%m-%d %H:%M} UTC. Nothing is wrong."
        yield WEBHOOK, partial(notify.post, webhook, text)
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
