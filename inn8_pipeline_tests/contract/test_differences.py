"""An INN8 that differs from the built-in contract, without a contract file: a fetch ends in an error and lands nothing.

`defs/test_differences.py` has what is a warning of a check, `test_whole_syncs` the windows whose ends are exclusive:
they lose nothing.
"""

import pytest
from sqlalchemy import text

from inn8_pipeline.cli.support.sandbox_dialects import dialects_of
from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES
from inn8_pipeline.errors import ContractError
from inn8_pipeline.extract.breaker import UncountedCircuits
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint
from inn8_pipeline.sandbox.api.server import SandboxServer
from inn8_pipeline.sync import Destination, land
from inn8_pipeline.warehouse import database
from inn8_pipeline_tests.contract.test_whole_syncs import server

__all__ = ["server"]
NO_TOTAL = "total = { unit = 'none' }\n"
OTHER_PAGES = "INN8 sends other records when it is asked for another page by number or offset"
ERRORS = {
    "envelope": ("records = '/data'", "not a JSON array but an object with the keys data"),
    "page numbers": (NO_TOTAL + "paging = { style = 'page' }", OTHER_PAGES),
    "page numbers from 0": (NO_TOTAL + "paging = { style = 'page', first_page = 0 }", OTHER_PAGES),
    "pageNumber": (NO_TOTAL + "paging = { style = 'page', parameter = 'pageNumber' }", OTHER_PAGES),
    "offsets": (NO_TOTAL + "paging = { style = 'offset' }", OTHER_PAGES),
    "skip": (NO_TOTAL + "paging = { style = 'offset', parameter = 'skip' }", OTHER_PAGES),
    "page numbers, with a total": ("paging = { style = 'page' }", "X-Total-Count was 25, and 13 records came"),
    "cursor": (NO_TOTAL + "records = '/data'\npaging = { style = 'cursor' }", "an object with the keys data, next"),
    "a total of pages": ("total = { unit = 'pages' }", "X-Total-Count was 2, and 13 records came"),
}
"""What INN8 does otherwise, as a contract file, and a part of the error. The page size is no usual one."""


def test_a_difference_by_which_records_would_be_missed_fails_the_fetch_with_its_cause(
    warehouse_url: str, server: SandboxServer
) -> None:
    server.options.page_size = server.options.max_page_size = 13
    endpoint = Endpoint("t1", server.base_url, server.client_id, server.client_secret)
    engine = database.connect(warehouse_url)
    with Inn8Client(endpoint, UncountedCircuits()) as client:
        for difference, (lines, cause) in ERRORS.items():
            server.app.dialects.clear()
            server.app.dialects.update(dialects_of(parse(lines, ENTITIES)))
            with pytest.raises(ContractError) as caught:
                land(client, Destination(engine, "t1", "run"), CLIENTS, None)
            assert cause in str(caught.value), difference
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from inn8_raw.landings where completed_at is not null")) == 0
    engine.dispose()
