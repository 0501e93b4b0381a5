"""The data that the simulated INN8 serves: generated from a seed, and changed by tests."""
