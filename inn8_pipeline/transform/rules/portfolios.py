"""What the transform makes of portfolios: account type and status are choices, all else stays as it came.

Rows: ordinal, external_id, client_external_id, name, account_number (nullable), account_type, status. Whether the
client exists is the warehouse's question.
"""

from inn8_pipeline.entities import PORTFOLIOS
from inn8_pipeline.transform.batch import EntityRows
from inn8_pipeline.transform.columns import Records, frame
from inn8_pipeline.transform.rules.enums import by_case, by_letters, choose, listed


def make_rows(records: Records) -> EntityRows:
    """Return a row for each portfolio."""
    account_type, unknown_types = choose(records.values("type"), listed(PORTFOLIOS, "type"), by_letters)
    status, unknown_statuses = choose(records.values("status"), listed(PORTFOLIOS, "status"), by_case)
    rows = frame(
        {
            "ordinal": records.ordinal(),
            "external_id": records.text("id"),
            "client_external_id": records.text("clientId"),
            "name": records.text("name"),
            "account_number": records.text("accountNumber"),
            "account_type": account_type,
            "status": status,
        }
    )
    return EntityRows(rows, {"type": unknown_types, "status": unknown_statuses})
