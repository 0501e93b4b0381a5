"""How INN8's collections are fetched: OAuth, pages, retries, the circuit breaker's rules; nothing but bytes comes out.

Here belong HTTP and what it takes to trust an answer: that it is complete, in order, of the API we know, and from
nobody else. What a record means is `transform`'s; where a page or a circuit's state is kept is `warehouse`'s; who is
told of a retry is decided by who calls (`on_retry`). No Dagster, no SQL.
"""

from inn8_pipeline.extract.breaker import CircuitStore
from inn8_pipeline.extract.client import Inn8Client
from inn8_pipeline.extract.endpoint import Endpoint, RetryPolicy, Timeouts
from inn8_pipeline.extract.paging.fetch import Fetch
from inn8_pipeline.extract.paging.page import Page
from inn8_pipeline.extract.retry import RetryNotice

__all__ = ["CircuitStore", "Endpoint", "Fetch", "Inn8Client", "Page", "RetryNotice", "RetryPolicy", "Timeouts"]
