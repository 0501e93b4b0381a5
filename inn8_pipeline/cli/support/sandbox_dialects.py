"""The dialects of the sandbox that serve what a contract says. The sandbox itself shares no code with the pipeline."""

from inn8_pipeline.contract import CollectionContract, Contract
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.sandbox.api.dialect import Dialect
from inn8_pipeline.sandbox.world.world import COLLECTIONS, Collection


def dialects_of(contract: Contract) -> dict[Collection, Dialect]:
    """Return the dialect of each collection of the sandbox."""
    return {name: _dialect(contract.of(ENTITIES.named(name))) for name in COLLECTIONS}


def _dialect(collection: CollectionContract) -> Dialect:
    paging, total, window = collection.paging, collection.total, collection.window
    return Dialect(
        path=collection.path,
        records_pointer=collection.records_pointer,
        style=paging.style,
        page_size_parameter=paging.page_size_parameter,
        parameter=paging.sent_parameter or "page",
        first_page=paging.first_page,
        next=paging.next_pointer,
        leaves_next_out=paging.next_may_be_absent,
        more=paging.more,
        conditional=paging.conditional,
        total_unit=total.unit,
        total_header=total.header,
        total_pointer=total.pointer,
        window_parameters=(window.from_parameter, window.to_parameter) if window else ("fromDate", "toDate"),
        exclusive_days=(not window.from_inclusive, not window.to_inclusive) if window else (False, False),
        names={path: each.names[0] for path, each in collection.properties.items()},
        values={
            path: {ours: sent for sent, ours in each.values.items()} for path, each in collection.properties.items()
        },
        notations={
            path: (each.notation.name, each.notation.time_zone)
            for path, each in collection.properties.items()
            if each.notation
        },
    )
