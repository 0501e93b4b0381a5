"""Tests, in the same folders as the package: real Postgres, real sockets, the network replaced at the transport only.

Fixtures for several folders are in this folder's `conftest.py`, those for one folder in that folder.
"""
