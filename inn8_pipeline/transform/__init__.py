"""Turn INN8's records into rows, exactly and vectorised; an invalid record becomes a reject with its reason.

Pure functions from bytes to frames, without files, network, database or clock. Start with `transformer`; `json` reads
records, `values` has the rule of each kind of value, `rules` makes the columns that an entity declares. The warehouse
looks up the keys of parents.
"""

TRANSFORM_VERSION = 2
"""Raise it when a rule changes: landings that were merged with another version are merged again."""
