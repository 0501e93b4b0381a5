"""The INN8 client: OAuth 2.0, paging, retries and the rules of the circuit breaker. It returns pages as bytes.

This package makes all requests to INN8, and checks that the responses are complete and consistent and come from INN8.
`transform` reads the records, `warehouse` stores the pages and the state of the circuits, `notify` posts alerts and
heartbeats. Import from the modules: the package itself imports nothing, so that reading the settings does not load
httpx (300 ms).
"""
