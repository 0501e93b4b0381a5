"""Invariants that hold for any JSON: values are exact or rejected, records are counted, and errors show no values."""

import json
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inn8_pipeline.entities import CLIENTS, ENTITIES, TRANSACTIONS, Entity, ReasonCode
from inn8_pipeline.transform.batch import Batch
from inn8_pipeline.transform.transformer import Transformer
from inn8_pipeline_tests.transform.builders import VALID, Record, client, read_text, row, rows, transaction, with_raw

MARK = "SECRET"
DIGITS = st.text("0123456789", max_size=34)
EXPONENTS = st.one_of(st.just(""), st.integers(-45, 45).map("e{:+d}".format), st.just("E999999999"))
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.sampled_from(["", " ", "2026-02-30", "2026-10-05", "2026-10-05T10:00:00Z", "1e5", "NaN", "1_0", "\0", "\ud800"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)


@st.composite
def records(draw: st.DrawFn, entity: Entity) -> Any:  # noqa: ANN401
    """Draw a valid record with arbitrary values in some properties, nested ones too; sometimes no object at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    record: Record = VALID[entity](id=draw(st.sampled_from(["a", "b", "c"])))
    for name in draw(st.lists(st.sampled_from([*record, "unknown"]), max_size=2)):
        value = record.get(name)
        if isinstance(value, dict) and draw(st.booleans()):
            record[name] = value | {draw(st.sampled_from([*value, "other"])): draw(VALUES)}
        else:
            record[name] = draw(VALUES)
    how = draw(st.sampled_from(["lower", "upper", "title", "swapcase", "strip"]))
    return {getattr(name, how)(): value for name, value in record.items()}


@given(
    sign=st.sampled_from(["", "-"]), whole=DIGITS, fraction=DIGITS, exponent=EXPONENTS, is_quoted=st.booleans(),
)  # fmt: skip
def test_a_decimal_equals_the_number_in_its_text_or_is_rejected(
    *, sign: str, whole: str, fraction: str, exponent: str, is_quoted: bool
) -> None:
    text = sign + (whole.lstrip("0") or "0") + ("." + fraction if fraction else "") + exponent
    batch = read_text(TRANSACTIONS, with_raw(transaction(), "amount", f'"{text}"' if is_quoted else text), 1)
    exact = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
    number = exact.create_decimal(text)
    _, digits, shift = number.normalize(exact).as_tuple()
    assert isinstance(shift, int)
    is_valid = not number or (shift >= -10 and len(digits) + max(shift, 0) <= 28)
    if is_valid:
        assert row(batch)["amount"] == number
    else:
        assert [each.reason_code for each in batch.rejects] == [ReasonCode.OUT_OF_RANGE]


@given(text=TEXTS, is_ascii=st.booleans())
def test_a_text_is_read_exactly_or_rejected(*, text: str, is_ascii: bool) -> None:
    is_ascii = is_ascii or any("\ud800" <= each <= "\udfff" for each in text)
    # Two adjacent halves of a surrogate pair are one character in JSON.
    meant = json.loads(json.dumps(text))
    batch = read_text(CLIENTS, with_raw(client(), "fullName", json.dumps(text, ensure_ascii=is_ascii)), 1)
    if "\0" in meant or any("\ud800" <= each <= "\udfff" for each in meant):
        assert [each.reason_code for each in batch.rejects] == [ReasonCode.INVALID_TEXT]
    else:
        assert row(batch)["name"] == meant


@given(data=st.data(), entity=st.sampled_from(list(ENTITIES)), indent=st.sampled_from([None, 2]))
def test_a_record_has_the_same_result_on_a_page_and_alone(
    data: st.DataObject, entity: Entity, indent: int | None
) -> None:
    sent = data.draw(st.lists(records(entity), max_size=8))
    texts = [json.dumps(each, indent=indent).encode() for each in sent]
    transformer = Transformer(entity)
    together = transformer.page(b"[" + b" , ".join(texts) + b"]", 0)
    assert together.records == len(sent)
    assert [each.payload for each in together.rejects] == [texts[each.ordinal] for each in together.rejects]
    for ordinal, text in enumerate(texts):
        alone = Transformer(entity).page(b"[" + text + b"]", ordinal)
        again = transformer.records([text], [ordinal])
        assert _result(together, ordinal) == _result(alone, ordinal) == _result(again, ordinal)


def _result(batch: Batch, ordinal: int) -> tuple[object, object]:
    made = [each for each in rows(batch) if each["ordinal"] == ordinal]
    return made, [each for each in batch.rejects if each.ordinal == ordinal]


@given(data=st.data(), entity=st.sampled_from(list(ENTITIES)))
def test_a_reason_names_one_of_our_properties_and_never_a_value(data: st.DataObject, entity: Entity) -> None:
    record = VALID[entity]()
    name = data.draw(st.sampled_from(sorted(record)))
    value = data.draw(
        st.sampled_from([MARK + "\0", [MARK], {MARK: MARK}, MARK * 60, {"id": MARK + "\0"}, {"city": [MARK]}])
    )
    batch = Transformer(entity).page(json.dumps([record | {name: value}]).encode(), 0)
    assert MARK not in repr(batch)
    for each in batch.rejects:
        assert MARK not in each.reason
        assert each.reason.split(" ", 1)[0].split(".")[0] == name


@given(number=st.decimals(-(10**17), 10**17, places=10))
def test_amounts_that_cancel_out_add_up_to_zero(number: Decimal) -> None:
    sent = [with_raw(transaction(), "amount", each)[1:-1] for each in (f"{number:f}", f'"{-number:f}"')]
    made = rows(read_text(TRANSACTIONS, b"[" + b",".join(sent) + b"]", 2))
    assert made[0]["amount"] == number
    assert made[0]["amount"] + made[1]["amount"] == 0
