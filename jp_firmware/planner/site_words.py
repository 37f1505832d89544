"""The whole site in words: how much of its limit is used, what is missing, and what cars will want soon. Pure."""

from __future__ import annotations

from jp_firmware.model.power import Plan
from jp_firmware.planner.forecast import Arrivals, Forecast
from jp_firmware.planner.headroom import Headroom

SOME = 0.05  # ours: below so many cars nobody is expected
TOLD_W = 50.0  # what is less is told as 0 kW


def site_sentence(plan: Plan, room: Headroom, ahead: Forecast | None, arrivals: Arrivals) -> str:
    """What a technician wants to know before asking about one connector."""
    return " ".join([_now(plan, room), *_missing(room), *([_ahead(ahead, plan, arrivals)] if ahead else [])])


def _now(plan: Plan, room: Headroom) -> str:
    if plan.site_limit_w <= 0:
        return "The site may draw nothing."
    reserve = f", and {_kw(plan.reserve_w)} are kept in reserve" if plan.reserve_w else ""
    grid = f", {_kw(plan.site_limit_w / plan.efficiency)} at the grid," if plan.efficiency < 1.0 else ""
    used = (
        f"{_kw(room.used_w)} of {_kw(plan.site_limit_w)}{grid} are in use or assigned ({room.utilisation:.0%}){reserve}"
    )
    if abs(room.headroom_w) < TOLD_W:
        return f"{used}; all of it is given out."
    if room.headroom_w < 0:
        return f"{used}: {_kw(-room.headroom_w)} too much; power is on its way down."
    return f"{used}; {_kw(room.headroom_w)} are free."


def _missing(room: Headroom) -> list[str]:
    return [f"Cars ask for {_kw(room.short_by_w)} more than they may have."] if room.short_by_w > 0 else []


def _ahead(ahead: Forecast, plan: Plan, arrivals: Arrivals) -> str:
    minutes = round(ahead.times_s[-1] / 60)
    if ahead.peak_p90_w < 50:
        return f"In the next {minutes} minutes no car will want power{_expected(ahead, arrivals)}."
    wanted = f"In the next {minutes} minutes cars will want {_kw(ahead.peak_p50_w)}"
    if ahead.peak_p90_w > ahead.peak_p50_w + 50:
        wanted += f", in one case of ten more than {_kw(ahead.peak_p90_w)}"
    short_by_w = ahead.short_by_w(plan)
    short = f": {_kw(short_by_w)} more than the limit leaves" if short_by_w > 0 else ""
    return f"{wanted}{short}{_expected(ahead, arrivals)}."


def _expected(ahead: Forecast, arrivals: Arrivals) -> str:
    if not arrivals.weeks:
        return "; what cars will come is not known yet, since no whole week has been seen"
    if ahead.arrivals < SOME:
        return ""
    weeks = "week" if arrivals.weeks == 1 else f"{arrivals.weeks} weeks"
    return f"; {ahead.arrivals:.1f} cars are expected to come, going by the last {weeks}, {_kw(arrivals.power_w)} each"


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.1f}".removesuffix(".0") + " kW"
