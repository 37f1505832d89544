"""What cars will want in the next quarter of an hour: P50 and P90, from state of charge, charge curves and arrivals.

Pure, and for planning only: no set-point follows from it. A car's curve is that of its class, scaled to what it takes
now; where a car cannot be known better than by its class, P90 says how far others of its class lie above.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import attrs

from jp_firmware.model.power import Allocation, Demand
from jp_firmware.planner.wish import OWN_DRAW

HORIZON_S = 900.0
STEP_S = 180.0  # ours: 64 cars in a millisecond; a car gains 10 % in it at the most, and curves are no finer
P90_SIGMA = 1.2816  # standard normal quantile
HOURS_OF_WEEK = 168


@attrs.frozen
class Curve:
    """Power against state of charge, at points of increasing SoC in percent."""

    soc_percent: Sequence[float]
    power: Sequence[float]

    def at(self, soc_percent: float) -> float:
        """Linear between the points, and flat outside them."""
        points = self.soc_percent
        if soc_percent <= points[0]:
            return self.power[0]
        if soc_percent >= points[-1]:
            return self.power[-1]
        right = bisect_right(points, soc_percent)
        low, high = points[right - 1], points[right]
        share = (soc_percent - low) / (high - low)
        return self.power[right - 1] + share * (self.power[right] - self.power[right - 1])


# Share of its peak power that a car takes, by SoC: median and 90th percentile of 876 cars, from "Open EV Data"
# (https://github.com/KilowattApp/open-ev-data), MIT licence, attribution: KilowattApp and contributors.
TENS = tuple(range(0, 101, 10))
MEDIAN = Curve(TENS, (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.833, 0.667, 0.5, 0.35, 0.2))
UPPER = Curve(TENS, (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.867, 0.8, 0.6, 0.45, 0.3))
TYPICAL_WH = 73_000.0  # median usable battery of the same cars
SPREAD_PERCENT = 20.0  # ours: after so much more charge a car is as uncertain as its class


@attrs.frozen(kw_only=True)
class Outlook:
    """One car, as far as it is known. `power_w` is what it would take now, were nobody to limit it."""

    power_w: float
    soc_percent: float | None = None
    most_w: float = math.inf  # what connector and limits of its own could ever give it
    battery_wh: float = TYPICAL_WH
    curve: Curve | None = None  # its own, in watts, if the car is known


@attrs.frozen
class Arrivals:
    """Arrivals an hour by hour of the week, as an average that forgets (exponentially weighted)."""

    per_hour: tuple[float, ...] = (0.0,) * HOURS_OF_WEEK
    weight: float = 0.2  # ours: the last five weeks

    def with_hour(self, hour_of_week: int, arrivals: int) -> Arrivals:
        """The same with one more whole hour seen. Hour 0 is Monday, midnight to one."""
        known = list(self.per_hour)
        known[hour_of_week] += self.weight * (arrivals - known[hour_of_week])
        return attrs.evolve(self, per_hour=tuple(known))

    def expected(self, hour_of_week: int, within_s: float) -> float:
        """How many cars are to be expected within that time."""
        return self.per_hour[hour_of_week] * within_s / 3600


@attrs.frozen(kw_only=True)
class Forecast:
    """Demand of all cars at `times_s` from now. `short_by_w` is what the worst P90 lies above the site's limit."""

    times_s: tuple[float, ...]
    p50_w: tuple[float, ...]
    p90_w: tuple[float, ...]
    short_by_w: float

    @property
    def peak_p50_w(self) -> float:
        return max(self.p50_w)

    @property
    def peak_p90_w(self) -> float:
        return max(self.p90_w)


def outlook_of(demand: Demand, share: Allocation | None) -> Outlook | None:
    """A connector's car; None where no session may take power. What a demand cannot tell is the class's.

    A car that does not use what it asks for shows its true draw; of others what they ask for is the best that is known.
    """
    if not demand.active:
        return None
    wanted_w = min(demand.requested_w, demand.offered_w)
    if share and share.limited_by == OWN_DRAW:
        wanted_w = min(wanted_w, demand.measured_w)
    return Outlook(
        power_w=wanted_w if wanted_w > 0 else 0.0,
        soc_percent=demand.soc_percent,
        most_w=demand.offered_w if demand.offered_w > 0 else 0.0,
    )


def forecast(
    outlooks: Iterable[Outlook],
    site_limit_w: float,
    arrivals: float = 0.0,
    arrival_w: float = 0.0,
    horizon_s: float = HORIZON_S,
) -> Forecast:
    """Demand over the horizon. `arrivals` cars are expected within it, evenly, each taking `arrival_w`.

    Cars are taken as independent: their spreads add up as squares, and arrivals are a Poisson process.
    """
    times_s = tuple(at * STEP_S for at in range(int(horizon_s // STEP_S) + 1))
    middle_w = [arrivals * at_s / horizon_s * arrival_w for at_s in times_s]
    square_w2 = [middle * arrival_w * P90_SIGMA**2 for middle in middle_w]
    for car in outlooks:
        for step, (p50_w, p90_w) in enumerate(itertools.islice(_course(car), len(times_s))):
            middle_w[step] += p50_w
            square_w2[step] += (p90_w - p50_w) ** 2
    upper_w = tuple(middle + math.sqrt(square) for middle, square in zip(middle_w, square_w2, strict=True))
    return Forecast(
        times_s=times_s, p50_w=tuple(middle_w), p90_w=upper_w, short_by_w=max(0.0, max(upper_w) - site_limit_w)
    )


def _course(car: Outlook) -> Iterable[tuple[float, float]]:
    """P50 and P90 of one car, step after step, for ever. A car whose SoC is unknown is taken to go on as it does."""
    start_w = min(car.power_w, car.most_w)
    if car.soc_percent is None:
        return itertools.repeat((start_w, start_w))
    return _along_curve(car, start_w, car.soc_percent)


def _along_curve(car: Outlook, start_w: float, start_percent: float) -> Iterable[tuple[float, float]]:
    curve, upper = (car.curve, car.curve) if car.curve else (MEDIAN, UPPER)
    now, now_upper = curve.at(start_percent), upper.at(start_percent)
    soc = start_percent
    while True:
        gone = min(1.0, (soc - start_percent) / SPREAD_PERCENT)
        full = 0.0 if soc >= 100 else 1.0
        p50_w = min(car.most_w, full * start_w * curve.at(soc) / now)
        p90_w = min(car.most_w, full * start_w * (curve.at(soc) / now * (1 - gone) + upper.at(soc) / now_upper * gone))
        yield p50_w, max(p50_w, p90_w)
        soc = min(100.0, soc + 100 * p50_w * STEP_S / 3600 / car.battery_wh)
