"""`inn8 probe`: compare a real INN8 with the contract, by a bounded number of requests that change nothing.

`analysis` has pure functions over responses; `server` makes the requests. Of the values of records the findings hold
only unlisted ones of choices.
"""
