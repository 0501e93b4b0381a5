"""The simulated INN8 API over HTTP."""
