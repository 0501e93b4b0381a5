"""The worlds of tests that sync the days up to today."""

from datetime import UTC, datetime

from inn8_pipeline.sandbox.world.world import World


def world_of_today(**dimensions: int) -> World:
    """Return a world whose last day is the one on which it is made, and whose days all have about as many transactions.

    Without it, tests would depend on the day on which they run: a world has hardly a transaction on a day of a weekend,
    and it gets another day at midnight.
    """
    return World(last_date=datetime.now(UTC).date(), weekend_share=1.0, **dimensions)  # type: ignore[arg-type]
