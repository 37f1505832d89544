"""What cars will want in the next quarter of an hour: P50 and P90, from state of charge, charge curves and arrivals.

Pure, and for planning only: no set-point follows from it. A car's curve is that of its class, scaled to what it takes
now; where a car cannot be known better than by its class, P90 says how far others of its class lie above.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from jp_firmware.model.power import Allocation, Demand, Plan
from jp_firmware.planner.wish import OWN_DRAW

HORIZON_S = 900.0
STEP_S = 180.0  # ours: 64 cars in a millisecond; a car gains 10 % in it at the most, and curves are no finer
P90_SIGMA = 1.2816  # standard normal quantile
HOURS_OF_WEEK = 168
HALF_LIFE_WEEKS = 4.0  # ours: a season changes habits, a rainy week does not
WEEKS_KEPT = 26  # of older ones each would count below 1.1 %


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


@attrs.frozen(kw_only=True)
class Arriving:
    """Cars that are expected within the horizon: how many, and the power each takes, W."""

    count: float = 0.0
    power_w: float = 0.0


@attrs.frozen(kw_only=True)
class Arrivals:
    """Arrivals an hour by hour of the week, from `weeks` whole weeks, and the power a car takes, W.

    Hour 0 is Monday, midnight to one, as the clock on the wall says. Without a whole week nothing is expected.
    """

    per_hour: Sequence[float] = (0.0,) * HOURS_OF_WEEK
    weeks: int = 0
    power_w: float = 0.0

    @classmethod
    def of(cls, counts: Mapping[tuple[int, int], int], weeks: int, power_w: float) -> Arrivals:
        """From cars by hour of the week and by week, 0 for the last seven days.

        Each week counts half of what one counts that is `HALF_LIFE_WEEKS` younger, also where nobody came.
        """
        per_hour = [0.0] * HOURS_OF_WEEK
        for (hour, weeks_ago), cars in counts.items():
            if weeks_ago < weeks:
                per_hour[hour] += cars * _weight(weeks_ago)
        all_w = sum(_weight(weeks_ago) for weeks_ago in range(weeks))
        return cls(per_hour=[cars / all_w if weeks else 0.0 for cars in per_hour], weeks=weeks, power_w=power_w)

    def expected(self, hour: float, within_s: float = HORIZON_S) -> Arriving:
        """The cars of the next `within_s` (an hour at most), from `hour` of the week, which is rarely a whole one."""
        this = int(hour)
        till_next_s = (this + 1 - hour) * 3600
        here_s = min(within_s, till_next_s)
        now, then = self.per_hour[this % HOURS_OF_WEEK], self.per_hour[(this + 1) % HOURS_OF_WEEK]
        return Arriving(count=(now * here_s + then * (within_s - here_s)) / 3600, power_w=self.power_w)


def hour_of_week(at: datetime) -> float:
    """Hours since Monday's midnight, by the clock on the wall of `at`."""
    return at.weekday() * 24 + at.hour + at.minute / 60 + at.second / 3600


def _weight(weeks_ago: int) -> float:
    return float(0.5 ** (weeks_ago / HALF_LIFE_WEEKS))


@attrs.frozen(kw_only=True)
class Forecast:
    """Demand of all cars at `times_s` from when it was made. `arrivals` cars of it are not here yet."""

    times_s: tuple[float, ...]
    p50_w: tuple[float, ...]
    p90_w: tuple[float, ...]
    arrivals: float = 0.0

    @property
    def peak_p50_w(self) -> float:
        return max(self.p50_w)

    @property
    def peak_p90_w(self) -> float:
        return max(self.p90_w)

    def short_by_w(self, plan: Plan) -> float:
        """What the worst P90 lies above what `plan` may give: limits change faster than what cars will want."""
        return max(0.0, self.peak_p90_w - (plan.site_limit_w - plan.reserve_w))


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
    arriving: Arriving | None = None,
    places: float = math.inf,
    horizon_s: float = HORIZON_S,
) -> Forecast:
    """Demand over the horizon, W. Those that arrive come evenly over it, no more than there are `places` for.

    Cars are taken as independent: their spreads add up as squares, and arrivals are a Poisson process.
    """
    times_s = tuple(at * STEP_S for at in range(int(horizon_s // STEP_S) + 1))
    count, each_w = (min(arriving.count, places), arriving.power_w) if arriving else (0.0, 0.0)
    coming = [count * at_s / horizon_s for at_s in times_s]
    middle_w = [cars * each_w for cars in coming]
    square_w2 = [(each_w * min(P90_SIGMA * math.sqrt(cars), places - cars)) ** 2 for cars in coming]
    for car in outlooks:
        for step, (p50_w, p90_w) in enumerate(itertools.islice(_course(car), len(times_s))):
            middle_w[step] += p50_w
            square_w2[step] += (p90_w - p50_w) ** 2
    upper_w = tuple(middle + math.sqrt(square) for middle, square in zip(middle_w, square_w2, strict=True))
    return Forecast(
        times_s=times_s,
        p50_w=tuple(middle_w),
        p90_w=upper_w,
        arrivals=count,
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
