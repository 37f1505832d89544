"""From fair shares to what may be drawn now. A cut acts at once; a rise takes only room that is free by measurement.

So every limit holds even while a connector that was cut is still ramping down, and a connector whose car went silent
keeps what was reserved for it until nothing flows any more. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Allocation, Demand, Plan
from jp_firmware.planner.limits import Bounds
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.sharing import Fair
from jp_firmware.planner.waterfill import TINY_W, Leaf
from jp_firmware.planner.wish import NOTHING_W, STALE, Wish

AHEAD_S = 2.0  # ours: four periods of the planner; what a connector cannot ramp up to by then is not handed out yet

ROOM = "room"  # others have not come down yet
RAMP = "ramp"
MODULES = "modules"


@attrs.frozen
class Assigned:
    """What every connector may draw now, what counts against the limits for it, and why it is not its whole share,
    of those for whom it is not.
    """

    power_w: Mapping[ConnectorId, float]
    reserved_w: Mapping[ConnectorId, float]
    held_by: Mapping[ConnectorId, str]


def assign(wishes: Mapping[ConnectorId, Wish], fair: Fair, previous: Plan, bounds: Bounds, rules: Rules) -> Assigned:
    """What each connector may draw now."""
    tops_w: dict[ConnectorId, float] = {}
    kept_w: dict[ConnectorId, float] = {}
    taken_w: dict[ConnectorId, float] = {}
    rises_w: dict[ConnectorId, float] = {}
    for key, wish in wishes.items():
        demand, before = wish.demand, previous.allocations.get(key, NOTHING)
        tops_w[key] = top_w = _top_w(demand, fair.target_w[key], before)
        kept_w[key] = now_w = min(before.assigned_w, top_w)
        taken_w[key] = _taken_w(wish, now_w, before)
        if top_w > now_w:
            reachable_w = min(top_w, _reach_w(demand, rules))
            if reachable_w > now_w:
                rises_w[key] = reachable_w - now_w
    granted_w = _granted(rises_w, taken_w, wishes, bounds, rules)
    power_w: dict[ConnectorId, float] = {}
    reserved_w: dict[ConnectorId, float] = {}
    held_by: dict[ConnectorId, str] = {}
    for key, wish in wishes.items():
        granted = granted_w.get(key, 0.0)
        power_w[key] = now_w = kept_w[key] + granted
        known_w = kept_w[key] if math.isinf(taken_w[key]) else taken_w[key]
        reserved_w[key] = now_w if now_w > known_w else known_w
        if now_w < fair.power_w[key] - TINY_W:
            is_ramping = granted >= rises_w.get(key, 0.0) - TINY_W
            held_by[key] = _held_by(wish.demand, now_w >= tops_w[key] - TINY_W, is_ramping)
    return Assigned(power_w, reserved_w, held_by)


def _top_w(demand: Demand, target_w: float, before: Allocation) -> float:
    """The most it may come to: its share, its modules, and for a stale wish what it has, or takes if that is less."""
    top_w = target_w
    if demand.capacity_w < top_w:
        top_w = max(0.0, demand.capacity_w)
    elif math.isnan(demand.capacity_w):
        return 0.0
    if not demand.stale:
        return top_w
    top_w = min(top_w, before.assigned_w)
    has_just_gone_stale = not before.standing.held  # later its draw falls with what it was held to, and comes no lower
    return max(0.0, demand.measured_w) if has_just_gone_stale and demand.measured_w < top_w else top_w


def _taken_w(wish: Wish, kept_w: float, before: Allocation) -> float:
    """Room that a connector takes up. Of a measurement that is no number nothing is known: then nobody may rise."""
    measured_w = wish.demand.measured_w
    if math.isnan(measured_w):
        return math.inf
    if wish.standing.held and measured_w > NOTHING_W:
        return max(kept_w, measured_w, before.reserved_w)
    return measured_w if measured_w > kept_w else kept_w


def _reach_w(demand: Demand, rules: Rules) -> float:
    """What its ramp lets it come to soon. Only of a connector that is delivering the ramp in watts is known."""
    if math.isinf(rules.ramp_a_per_s) or not demand.voltage_v > 0 or math.isnan(demand.measured_w):
        return math.inf
    return max(0.0, demand.measured_w) + rules.ramp_a_per_s * AHEAD_S * demand.voltage_v


def _granted(
    rises_w: Mapping[ConnectorId, float],
    taken_w: Mapping[ConnectorId, float],
    wishes: Mapping[ConnectorId, Wish],
    bounds: Bounds,
    rules: Rules,
) -> Mapping[ConnectorId, float]:
    """The rises that fit into the room below every limit."""
    if not rises_w:
        return {}
    room_w = rules.tree.left(bounds.caps_w(rules.reserve_w), taken_w)
    if room_w["site"] <= 0:
        return {}
    free_w = {scope: value_w if value_w > 0 else 0.0 for scope, value_w in room_w.items()}
    if rules.tree.have_room(free_w, rises_w):
        return rises_w
    rises = {
        key: Leaf(name=str(key), high_w=rise_w, weight=wishes[key].demand.weight) for key, rise_w in rises_w.items()
    }
    return {key: one.power_w for key, one in rules.tree.fill(free_w, rises).items()}


def _held_by(demand: Demand, is_at_its_top: bool, is_ramping: bool) -> str:
    if demand.stale:
        return STALE
    if is_at_its_top:
        return MODULES
    return RAMP if is_ramping else ROOM


NOTHING = Allocation(connector_id=ConnectorId(0))
