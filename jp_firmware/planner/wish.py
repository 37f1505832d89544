"""What each connector may be given at most before anything is shared, and what holds that back. Pure.

Here stand the rules of one connector alone: what it asks and can deliver, a wish gone stale, a car that does not use
what it asked for, its own limits, and the least that is useful to it.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.model.power import Allocation, Demand, Standing
from jp_firmware.planner.limits import Bounds
from jp_firmware.planner.rules import Rules

DEMAND = "demand"  # nothing holds it back: it gets what it asks for
STALE = "stale demand"
OWN_DRAW = "the car's own draw"

MARGIN_W = 5_000.0  # what a modest car may rise by at once (facts, section 2: max(5 kW, 10 %))
MARGIN_SHARE = 0.1
HIT_W = 1_000.0  # ours: a car this close to what it may draw uses it all; modules deliver a little less than told
STILL_W = 1_000.0  # ours: a car that rises by more is still on its way up
NEW = Standing()
NOT_MODEST = (math.inf, 0.0)
NOTHING_W = 500.0  # ours: below one ampere at usual voltages nothing flows


@attrs.define(kw_only=True)  # not frozen for speed: see `waterfill`
class Wish:
    """A connector's part in the sharing. `high_w` is bounded by `held_by`, at `held_at` if that is a limit's scope."""

    demand: Demand
    high_w: float
    low_w: float  # less than this is of no use to it
    held_by: str = DEMAND
    held_at: str = ""
    standing: Standing = NEW


def wish_of(demand: Demand, before: Allocation | None, bounds: Bounds, rules: Rules, now_s: float) -> Wish:
    """The wish of one connector. No number is no wish; `before` is what the last plan gave it, None for nothing."""
    standing = _standing(demand, before, rules, now_s)
    wanted_w = min(demand.requested_w, demand.offered_w)
    if not demand.active or not wanted_w > 0 or math.isnan(demand.offered_w):
        held_by = demand.offered_by if demand.active and demand.requested_w > 0 else DEMAND
        return Wish(demand=demand, high_w=0.0, low_w=0.0, held_by=held_by, standing=standing)
    high_w, held_by, held_at = wanted_w, DEMAND if demand.requested_w <= wanted_w else demand.offered_by, ""
    low_w = min(rules.min_useful_w, wanted_w)
    if demand.stale:
        high_w, held_by = min(high_w, before.allowed_w if before else 0.0), STALE
        low_w = min(low_w, high_w)
    elif now_s - standing.modest_since_s >= rules.modest_s:
        reserve_w = max(demand.measured_w + margin_w(demand.measured_w), rules.min_useful_w)
        if reserve_w < high_w:
            high_w, held_by = reserve_w, OWN_DRAW
    own = bounds.tightest.get(f"connector-{demand.connector_id}")
    if own and own[0] < high_w:
        high_w, held_by, held_at = own[0], own[1].owner, own[1].scope
    return Wish(demand=demand, high_w=high_w, low_w=low_w, held_by=held_by, held_at=held_at, standing=standing)


def margin_w(measured_w: float) -> float:
    """What is kept free above a modest car's draw."""
    return max(MARGIN_W, MARGIN_SHARE * measured_w)


def _standing(demand: Demand, before: Allocation | None, rules: Rules, now_s: float) -> Standing:
    """What is remembered of this connector alone; turns are the admission's business."""
    was = before.standing if before else NEW
    held = demand.stale or (was.held and not demand.active and not demand.measured_w <= NOTHING_W)
    since_s, peak_w = _modest(demand, before, rules, now_s)
    if held == was.held and since_s == was.modest_since_s and peak_w == was.modest_peak_w:
        return was
    return attrs.evolve(was, held=held, modest_since_s=since_s, modest_peak_w=peak_w)


def _modest(demand: Demand, before: Allocation | None, rules: Rules, now_s: float) -> tuple[float, float]:
    """Since when the car draws notably less than it may without rising, and the most it drew since."""
    measured_w = demand.measured_w
    if before is None or not demand.active or demand.stale or math.isnan(measured_w):
        return NOT_MODEST
    if measured_w >= before.assigned_w - HIT_W:
        return NOT_MODEST
    was = before.standing
    if now_s - was.modest_since_s >= rules.modest_s:  # holds until it draws all that was reserved for it
        return was.modest_since_s, was.modest_peak_w
    if measured_w + margin_w(measured_w) >= before.assigned_w:
        return NOT_MODEST
    if math.isinf(was.modest_since_s) or measured_w > was.modest_peak_w + STILL_W:
        return now_s, measured_w
    return was.modest_since_s, was.modest_peak_w
