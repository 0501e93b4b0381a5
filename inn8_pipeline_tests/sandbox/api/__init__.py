"""Tests of the simulated API over HTTP."""
