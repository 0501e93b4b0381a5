"""The seeded data that the simulated INN8 serves."""
