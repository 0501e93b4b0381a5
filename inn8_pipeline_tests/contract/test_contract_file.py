"""The contract file: what it may hold, how a wrong line is named, and that the printed contract is the same one."""

from pathlib import Path

import pytest

from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.contract.model import PAGING_STYLES
from inn8_pipeline.contract.reading import InvalidContractError, parse
from inn8_pipeline.contract.writing import toml
from inn8_pipeline.entities import CLIENTS, ENTITIES, PORTFOLIOS, TRANSACTIONS
from inn8_pipeline.errors import ContractFileError, SettingsError
from inn8_pipeline.extract.paging.styles import STYLES
from inn8_pipeline.settings import Environment, read_contract, read_tenant

NAMES = {entity.name: entity for entity in ENTITIES}
EVERYTHING = """
records = "/data"

[token]
path = "/v2/token"
credentials = "basic"
scope = "api.read"

[request]
headers = { X-Version = "2" }
parameters = { "expand" = "all" }

[paging]
style = "page"
page_size = 200
end_statuses = [400, 404]
more = "/more"
next_may_be_absent = true

[total]
unit = "pages"

[collections.clients]
path = "/v2/people"

[collections.clients.properties]
phoneNumber = "mobile"
emailAddress = ["emailAddress", "email"]
"address.zipCode" = "postCode"
status = { values = { A = "active" } }

[collections.transactions]
records = ""
paging = { style = "cursor", next = "/meta/next" }

[collections.transactions.window]
to_inclusive = false

[collections.transactions.properties]
tradeDate = { names = ["date", "tradeDate"], notation = "epoch_seconds", time_zone = "Africa/Johannesburg" }
fees = { notation = "1.234,56" }
"""


def test_an_empty_file_is_the_built_in_contract() -> None:
    assert all(parse("", ENTITIES).of(entity) == DEFAULT.of(entity) for entity in ENTITIES)


def test_tables_at_the_top_are_for_all_collections_and_those_of_a_collection_for_it_alone() -> None:
    contract = parse(EVERYTHING, ENTITIES)
    clients, portfolios, transactions = (contract.of(each) for each in (CLIENTS, PORTFOLIOS, TRANSACTIONS))
    assert (clients.path, clients.records_pointer, clients.paging.style) == ("/v2/people", "/data", "page")
    assert (portfolios.path, portfolios.total.unit, portfolios.paging.page_size) == ("/portfolios", "pages", 200)
    assert (transactions.records_pointer, transactions.paging.style, transactions.paging.page_size) == (
        "",
        "cursor",
        200,
    )
    assert transactions.window is not None
    assert (transactions.window.from_inclusive, transactions.window.to_inclusive) == (True, False)
    assert clients.properties["phoneNumber"].names == ("mobile",)
    assert clients.properties["status"].values == {"A": "active"}


@pytest.mark.parametrize("text", ["", EVERYTHING])
def test_the_printed_contract_is_the_same_contract(text: str) -> None:
    contract = parse(text, ENTITIES)
    assert parse(toml(contract, NAMES), ENTITIES) == contract


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[paging]\n\nstyle = 'pages'", 3, "paging.style"),
        ("[pagin]\nstyle = 'page'", 1, "pagin"),
        ("[collections.client]\npath = '/c'", 1, "collections.client"),
        ("[collections.clients]\n\npath = 'https://elsewhere.example'", 3, "collections.clients.path"),
        ("[paging]\npage_size = '100'", 2, "paging.page_size"),
        ("[paging]\nend_statuses = [404, '410']", 2, "paging.end_statuses"),
        ("[paging]\nend_statuses = 404", 2, "paging.end_statuses"),
        ("[paging]\nend_statuses = [200]", 2, "paging.end_statuses"),
        ("records = 'data'", 1, "records"),
        ("[collections.clients.window]\nto_inclusive = false", 1, "collections.clients.window"),
        ("[collections.clients.properties]\nphone = 'mobile'", 2, "collections.clients.properties.phone"),
        (
            "[collections.clients.properties]\nphoneNumber = 'emailAddress'",
            2,
            "collections.clients.properties.phoneNumber",
        ),
        (
            "[collections.clients.properties]\nstatus = { values = { A = 'live' } }",
            2,
            "collections.clients.properties.status.values.A",
        ),
        (
            "[collections.clients.properties]\nfullName = { notation = 'dd/MM/yyyy' }",
            2,
            "collections.clients.properties.fullName.notation",
        ),
        (
            "[collections.transactions.properties]\namount = { notation = 'dd/MM/yyyy' }",
            2,
            "collections.transactions.properties.amount.notation",
        ),
        (
            "[collections.transactions.properties]\ntradeDate = { notation = 'instant', time_zone = 'Mars' }",
            2,
            "collections.transactions.properties.tradeDate.time_zone",
        ),
        (
            "[collections.transactions.properties]\ntradeDate = { notation = 'yyyyMMdd', time_zone = 'UTC' }",
            2,
            "collections.transactions.properties.tradeDate.time_zone",
        ),
        ("[request.headers]\nAuthorization = 'Bearer x'", 2, "request.headers.Authorization"),
        ("[token]\ncredentials = 'header'", 2, "token.credentials"),
        ("[token]\n= 1", 2, "the file"),
    ],
)
def test_a_wrong_line_is_named_with_its_key(text: str, line: int, key: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        parse(text, ENTITIES)
    assert (caught.value.line, caught.value.key) == (line, key)


def test_a_wrong_file_is_a_settings_error_that_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "contract.toml"
    file.write_text("[paging]\nstyle = 'pages'\n")
    with pytest.raises(ContractFileError) as caught:
        read_contract(Environment({"INN8_CONTRACT_FILE": str(file)}), "default")
    assert "line 2 is wrong: paging.style must be one of link, page" in str(caught.value)
    assert isinstance(caught.value, SettingsError)
    with pytest.raises(SettingsError, match="names a file that cannot be read"):
        read_contract(Environment({"INN8_CONTRACT_FILE": str(tmp_path / "none")}), "default")


def test_a_tenant_has_the_file_of_its_own_variable_or_else_the_common_one(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.toml", tmp_path / "theirs.toml"
    ours.write_text("[token]\nscope = 'ours'\n")
    theirs.write_text("[token]\nscope = 'theirs'\n")
    variables = {"INN8_TENANTS": "firm,acme", "INN8_TENANT_ID": "firm", "INN8_CONTRACT_FILE": str(ours)}

    def scopes(variables: dict[str, str]) -> list[str]:
        return [read_contract(Environment(variables), each).token.scope for each in ("firm", "acme")]

    assert scopes(variables) == ["ours", "ours"]
    assert scopes({**variables, "INN8_ACME__CONTRACT_FILE": str(theirs)}) == ["ours", "theirs"]


def test_the_scope_of_the_contract_counts_where_no_setting_names_one(tmp_path: Path) -> None:
    file = tmp_path / "contract.toml"
    file.write_text("[token]\nscope = 'api.read'\n")
    variables = {
        "INN8_BASE_URL": "https://api.inn8.example",
        "INN8_CLIENT_ID": "a",
        "INN8_CLIENT_SECRET": "b",
        "INN8_CONTRACT_FILE": str(file),
    }
    assert read_tenant(Environment(variables), "default").scope == "api.read"
    assert read_tenant(Environment({**variables, "INN8_SCOPE": "other"}), "default").scope == "other"


def test_what_changes_rows_is_another_version_of_the_transform_and_nothing_else_is() -> None:
    def version(text: str) -> int:
        return parse(text, ENTITIES).of(CLIENTS).transform_version(2)

    noted = "[collections.clients.properties]\nphoneNumber = { names = ['mobile'] }"
    assert version(noted) == version("[collections.clients.properties]\nphoneNumber = 'mobile'")
    respelled = version("[collections.clients.properties]\nphoneNumber = 'mobile'")
    assert version("[paging]\nstyle = 'page'") == 2
    assert len({2, respelled, version("[collections.clients.properties]\nphoneNumber = 'cell'")}) == 3
    assert respelled < 2**31
    assert respelled == version("[collections.clients.properties]\nphoneNumber = 'mobile'")


def test_each_style_of_a_contract_file_is_implemented() -> None:
    assert tuple(STYLES) == PAGING_STYLES


def test_an_entity_that_no_file_names_has_the_contract_of_its_declaration() -> None:
    assert Contract().of(TRANSACTIONS).path == "/transactions"
