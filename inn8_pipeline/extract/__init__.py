"""The INN8 client: OAuth 2.0, paging, retries and the rules of the circuit breaker. It returns pages as bytes.

All requests to INN8 are made here, and their responses checked: that they are complete, consistent, and from INN8 only.
`transform` reads the records, `warehouse` stores the pages and the state of the circuits, `notify` posts alerts and
heartbeats. Import from the modules: this one imports nothing, so that reading the settings does not load httpx (300 ms)
and numpy.
"""
