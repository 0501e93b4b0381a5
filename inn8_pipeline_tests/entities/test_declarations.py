"""Declarations and the registry refuse contradictions, so a mistake fails when the module is imported."""

import pytest

from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Entity, Kind, Property, Reference
from inn8_pipeline.entities.columns import day_of_trade, decimal, text
from inn8_pipeline.errors import UnknownEntityError
from inn8_pipeline_tests.entities.fees import FEES


def declare(*columns: object, window_parameters: tuple[str, str] | None = None) -> Entity:
    return Entity("fees", "fee", "/fees", "A row is a fee.", columns, window_parameters)  # type: ignore[arg-type]


def test_a_column_that_is_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="declares a column twice"):
        declare(decimal("amount", "One."), text("amount", "sum", "Two."))


def test_window_parameters_without_a_day_of_trade_are_refused_and_the_other_way_round() -> None:
    with pytest.raises(ValueError, match="window parameters go with"):
        declare(decimal("amount", "An amount."), window_parameters=("fromDate", "toDate"))
    with pytest.raises(ValueError, match="window parameters go with"):
        declare(day_of_trade("A day."))


def test_a_name_that_is_taken_is_refused() -> None:
    with ENTITIES.registered(FEES), pytest.raises(ValueError, match="cannot be registered"):
        ENTITIES.register(FEES)


def test_an_entity_before_its_parent_is_refused() -> None:
    accounts = Entity("accounts", "account", "/accounts", "A row is an account.", ())
    reference = Reference("account_id", Property("accountId", Kind.ID, is_required=True), accounts, "Its account.")
    with pytest.raises(ValueError, match="missing parents \\['accounts'\\]"):
        ENTITIES.register(declare(reference))


def test_the_error_of_an_unknown_entity_lists_the_declared_ones() -> None:
    with pytest.raises(UnknownEntityError, match=r"no entity 'fees'.*clients, portfolios, transactions"):
        ENTITIES.named("fees")


def test_entities_come_parents_first_and_know_their_children() -> None:
    names = [entity.name for entity in ENTITIES]
    assert all(
        names.index(each.parent.name) < names.index(entity.name) for entity in ENTITIES for each in entity.references
    )
    assert [str(child) for child in ENTITIES.children_of(CLIENTS)] == ["portfolios"]
    assert TRANSACTIONS.tables == ("securities", "transactions")


def test_personal_columns_are_those_that_identify_or_describe_a_person() -> None:
    assert {entity.name: list(entity.personal_columns()) for entity in ENTITIES} == {
        "clients": ["name", "email", "phone", "address"],
        "portfolios": ["account_number"],
        "transactions": ["description"],
    }
