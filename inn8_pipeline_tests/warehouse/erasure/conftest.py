"""A warehouse from which one person is gone, but for what is stored of the past."""

from typing import Any

import pytest

from inn8_pipeline.warehouse.erasure.data_subject import DataSubject
from inn8_pipeline_tests.transform.builders import body, client, portfolio, transaction
from inn8_pipeline_tests.warehouse.syncs import TENANT, Syncs, Verbatim, october

THANDI = DataSubject(TENANT, "C-1")
NEIGHBOUR = client(id="C-2", fullName="Sipho Dlamini", emailAddress="sipho@example.com", phoneNumber="083 555 0199")
THEIRS = portfolio(id="P-2", clientId="C-2", accountNumber="777888")


def theirs(**changes: object) -> dict[str, Any]:
    return transaction(**{"id": "X-1", "portfolioId": "P-2", "description": "theirs", **changes})


@pytest.fixture
def filled(syncs: Syncs, request: pytest.FixtureRequest) -> Syncs:
    """Return a warehouse from which C-1 is gone: it was a row and a reject, open and resolved, in several spellings."""
    syncs.in_chunks = getattr(request, "param", True)
    escaped = body(client(id="ESCAPED", fullName=1), NEIGHBOUR).replace(b"ESCAPED", rb"\u0043-\u0031")
    syncs.clients([Verbatim(escaped, 2)])
    syncs.clients([client(ID="C-1"), NEIGHBOUR])
    syncs.portfolios([portfolio(), portfolio(id="P-9", name=None), THEIRS])
    syncs.transactions([transaction(), transaction(id="T-12", fees="x"), theirs()])
    syncs.transactions(
        [transaction(id="T-13", portfolioId="P-9", tradeDate="2026-10-06"), theirs(id="X-2", tradeDate="2026-10-06")],
        october(6),
    )
    syncs.transactions([theirs(), theirs(id="X-2", tradeDate="2026-10-06"), theirs(id="X-3", fees="x")])
    syncs.portfolios([THEIRS])
    syncs.clients([NEIGHBOUR])
    return syncs
