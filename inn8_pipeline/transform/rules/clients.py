"""What the transform makes of clients: the fixed rules for phone, address and status.

Rows: ordinal, external_id, name, email (null if absent), phone ('' if absent), address ('' if absent), status.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from inn8_pipeline.entities import CLIENTS
from inn8_pipeline.transform.batch import EntityRows
from inn8_pipeline.transform.columns import Records, frame, text_column
from inn8_pipeline.transform.rules.enums import by_case, choose, listed

_PHONE_DIGITS = 10


def make_rows(records: Records) -> EntityRows:
    """Return a row for each client. E-mail is kept as it came, the empty string too."""
    status, unknown = choose(records.values("status"), listed(CLIENTS, "status"), by_case)
    rows = frame(
        {
            "ordinal": records.ordinal(),
            "external_id": records.text("id"),
            "name": records.text("fullName"),
            "email": records.text("emailAddress"),
            "phone": records.text("phoneNumber"),
            "address": text_column([None] * len(records.items)),
            "status": status,
        }
    )
    rows["phone"] = format_phone(rows["phone"])
    rows["address"] = format_address(_address_parts(records.values("address")))
    return EntityRows(rows, {"status": unknown})


def format_phone(phone: pd.Series) -> pd.Series:
    """Return `(XXX) XXX-XXXX` where there are exactly ten digits (0 to 9), else the text as it came; '' for blank."""
    digits = phone.str.replace(r"[^0-9]", "", regex=True)
    dressed = "(" + digits.str.slice(0, 3) + ") " + digits.str.slice(3, 6) + "-" + digits.str.slice(6)
    kept = phone.where(phone.str.strip() != "", "")
    return kept.where(digits.str.len() != _PHONE_DIGITS, dressed).fillna("")


def format_address(parts: pd.DataFrame) -> pd.Series:
    """Return `{street}, {city}, {state} {zipCode}`, without what would stand around a part that is missing or blank.

    Blanks around a part are left out.
    """
    parts = parts.apply(lambda part: part.str.strip().fillna(""))
    region = _join(parts["state"], parts["zipCode"], " ")
    return _join(_join(parts["street"], parts["city"], ", "), region, ", ")


def _join(left: pd.Series, right: pd.Series, between: str) -> pd.Series:
    both = (left != "") & (right != "")
    return (left + right).where(~both, left + between + right)


def _address_parts(addresses: Sequence[Any]) -> pd.DataFrame:
    names = ("street", "city", "state", "zipCode")
    return frame(
        {name: text_column([None if each is None else getattr(each, name) for each in addresses]) for name in names}
    )
