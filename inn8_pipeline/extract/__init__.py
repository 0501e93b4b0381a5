"""The INN8 client: OAuth 2.0, paging, retries and the rules of the circuit breaker. It returns pages as bytes.

Everything about HTTP lives here, and what it takes to trust a response: that it is complete, in order, from the API we
know and from no other host. `transform` reads the records, `warehouse` stores the pages and the state of the circuits.
Import from the modules: this one imports nothing, so that reading the settings does not load httpx (300 ms) and numpy.
"""
