"""Names and values of a contract, as the transform applies them."""

import json
from typing import Any

from inn8_pipeline.contract.reading import parse
from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Entity
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform import builders


def transformed(entity: Entity, contract: str, *records: dict[str, Any]) -> Batch:
    as_sent = parse(contract, ENTITIES).of(entity).as_sent(entity)
    return Transformer(as_sent).page(json.dumps(records).encode(), 0)


def respelled(record: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in record.items()}


def test_a_property_is_read_by_the_name_of_the_contract() -> None:
    record = respelled(builders.client(phoneNumber="0821234567"), phoneNumber="mobile")
    batch = transformed(CLIENTS, "[collections.clients.properties]\nphoneNumber = 'mobile'", record)
    assert list(batch.rows["phone"]) == ["(082) 123-4567"]
    assert batch.unknown_properties == frozenset()


def test_with_the_built_in_contract_a_property_of_another_name_is_reported() -> None:
    record = respelled(builders.client(), phoneNumber="mobile")
    assert transformed(CLIENTS, "", record).unknown_properties == {"mobile"}


def test_of_several_names_the_first_one_that_has_a_value_counts() -> None:
    contract = "[collections.clients.properties]\nemailAddress = ['emailAddress', 'email']"
    both = {**builders.client(id="a", emailAddress=None), "email": "b@example.org"}
    other = respelled(builders.client(id="b", emailAddress="c@example.org"), emailAddress="email")
    assert list(transformed(CLIENTS, contract, both, other).rows["email"]) == ["b@example.org", "c@example.org"]


def test_a_value_becomes_the_choice_that_the_contract_names() -> None:
    contract = "[collections.clients.properties]\nstatus = { values = { A = 'active' } }"
    batch = transformed(
        CLIENTS, contract, builders.client(id="a", status="a"), builders.client(id="b", status="inactive")
    )
    assert list(batch.rows["status"]) == ["active", "inactive"]
    assert batch.unknown_values.get("status") is None or not batch.unknown_values["status"].records


def test_names_within_an_object_and_of_parents_and_days_are_those_of_the_contract() -> None:
    contract = (
        "[collections.transactions.properties]\n"
        "portfolioId = 'account'\ntradeDate = 'date'\nsecurity = 'instrument'\n'security.isin' = 'code'"
    )
    sent = builders.transaction()
    sent["security"] = respelled(sent["security"], isin="code")
    expected = transformed(TRANSACTIONS, "", builders.transaction())
    batch = transformed(
        TRANSACTIONS, contract, respelled(sent, portfolioId="account", tradeDate="date", security="instrument")
    )
    assert not batch.rejects
    assert batch.rows.equals(expected.rows)
    assert batch.dimensions["securities"].equals(expected.dimensions["securities"])
