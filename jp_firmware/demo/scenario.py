"""Days that the demo can play: which cabinet, who comes how often, and how the site's limit moves. Only data."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen(kw_only=True)
class Scenario:
    """One kind of day. Times in seconds from its start; cars have small batteries, so that a session takes a minute."""

    name: str
    about: str
    cabinet: str = "demo"
    sim_arguments: Sequence[str] = ()
    for_s: float = 60.0  # where nothing else is said and nobody looks
    battery_kwh: tuple[float, float] = (0.9, 1.3)
    soc_percent: tuple[float, float] = (12.0, 35.0)
    gap_s: tuple[float, float] = (2.0, 5.0)  # between a car and the next one at the same connector
    first_apart_s: float = 2.0  # between the first cars of two connectors
    lost_card: bool = False  # somebody tries one
    limit_shares: Sequence[tuple[float, float]] = ()  # (second of a period, share of the configured limit) …
    limit_period_s: float = 30.0
    sampled: bool = False  # power at ten hertz against every limit, and the comparison with the ideal

    def limit_share_at(self, elapsed_s: float) -> float:
        """The share of the configured site limit that is in force."""
        at_s = elapsed_s % self.limit_period_s
        return next((share for since_s, share in reversed(self.limit_shares) if at_s >= since_s), 1.0)


DAY = Scenario(
    name="day",
    about="four connectors, cards and apps, a limit that moves; for looking at",
    lost_card=True,
    limit_shares=((20.0, 0.6), (28.0, 1.0)),
)

BUSY_DAY = Scenario(
    name="busy-day",
    about="mixed cars one after another, power measured at 10 Hz against all limits and the ideal",
    cabinet="matrix",
    sim_arguments=("--walk-in-s", "0.5"),
    for_s=150.0,
    battery_kwh=(0.3, 0.9),
    soc_percent=(8.0, 55.0),
    gap_s=(0.5, 3.0),
    first_apart_s=1.0,
    limit_shares=((25.0, 0.45), (40.0, 0.8), (55.0, 1.0)),
    limit_period_s=60.0,
    sampled=True,
)

RING_DAY = attrs.evolve(
    BUSY_DAY,
    name="ring-day",
    about="the busy day on a bus-bar in a ring, whose segments move",
    cabinet="ring",
)

SCENARIOS = {one.name: one for one in (DAY, BUSY_DAY, RING_DAY)}
