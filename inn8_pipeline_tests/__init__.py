"""The tests, in folders like the package's: real Postgres, real sockets, the network replaced at the transport only.

What several folders need stands in `conftest.py`; what one needs, in that folder.
"""
