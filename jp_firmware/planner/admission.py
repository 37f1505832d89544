"""Who is let in when there is not the useful minimum for everyone, and who waits how long for a turn. Pure.

Nobody is given less than is useful: a session is either let in with its minimum or waits. Tiers come first; then those
within their turn, by weight and then by who came first; then those who wait, longest first and, of those, who had the
fewest turns; last those whose turn is over, the longest in last. Whoever does not fit is passed over, so that the only
one who fits is never paused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Standing
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.waterfill import TINY_W
from jp_firmware.planner.wish import Wish


def admit(
    wishes: Mapping[ConnectorId, Wish],
    floors_w: dict[ConnectorId, float],
    caps_w: Mapping[str, float],
    rules: Rules,
    now_s: float,
) -> dict[ConnectorId, str]:
    """Adds to `floors_w` whoever can be let in beside those who are in it already, each with its useful minimum.

    Returns the others, each with the scope that has no room for it.
    """
    tree = rules.tree
    candidates = [key for key, wish in wishes.items() if wish.high_w > 0 and key not in floors_w]
    there_is_room = tree.have_room(caps_w, floors_w | {key: wishes[key].low_w for key in candidates})
    used_w: dict[str, float] = {}
    if not there_is_room:  # else an order is not needed: the usual case, and much cheaper
        candidates.sort(key=lambda key: _rank(wishes[key], rules, now_s))
        used_w = tree.sums(floors_w)
    waiting: dict[ConnectorId, str] = {}
    for key in candidates:
        wish = wishes[key]
        if wish.low_w > wish.high_w + TINY_W:
            waiting[key] = wish.held_at
            continue
        if there_is_room:
            floors_w[key] = wish.low_w
            continue
        path = tree.path(key)
        full = next((scope for scope in path if used_w.get(scope, 0.0) + wish.low_w > _cap(caps_w, scope)), None)
        if full is not None:
            waiting[key] = full
            continue
        floors_w[key] = wish.low_w
        for scope in path:
            used_w[scope] = used_w.get(scope, 0.0) + wish.low_w
    return waiting


def turns(
    wishes: Mapping[ConnectorId, Wish], waiting: Iterable[ConnectorId], rules: Rules, now_s: float
) -> dict[ConnectorId, Standing]:
    """How each connector stands after this round."""
    left_out = frozenset(waiting)
    return {key: _after(wish, key in left_out, bool(left_out), rules, now_s) for key, wish in wishes.items()}


def _after(wish: Wish, waits: bool, anyone_waits: bool, rules: Rules, now_s: float) -> Standing:
    was = wish.standing
    if not wish.high_w > 0:
        if not was.turns and math.isinf(was.waiting_since_s):
            return was
        turns_had = was.turns if wish.demand.active else 0
        return attrs.evolve(
            was, admitted_since_s=math.inf, turn_since_s=math.inf, waiting_since_s=math.inf, turns=turns_had
        )
    if waits:
        if not math.isinf(was.waiting_since_s):
            return was
        return attrs.evolve(was, admitted_since_s=math.inf, turn_since_s=math.inf, waiting_since_s=now_s)
    if math.isinf(was.admitted_since_s):
        return attrs.evolve(
            was, admitted_since_s=now_s, turn_since_s=now_s, waiting_since_s=math.inf, turns=was.turns + 1
        )
    if anyone_waits and now_s - was.turn_since_s >= rules.rotate_s:  # stays although others wait: a turn anew
        return attrs.evolve(was, turn_since_s=now_s)
    return was


def _rank(wish: Wish, rules: Rules, now_s: float) -> tuple[float, ...]:
    standing, demand = wish.standing, wish.demand
    if not math.isinf(standing.waiting_since_s) or math.isinf(standing.admitted_since_s):
        since_s = min(standing.waiting_since_s, now_s)
        return (demand.tier, 1, since_s, standing.turns, -demand.weight, demand.started_s, demand.connector_id)
    if now_s - standing.turn_since_s < rules.rotate_s:
        return (demand.tier, 0, -demand.weight, demand.started_s, demand.connector_id)
    return (demand.tier, 2, -standing.admitted_since_s, -demand.weight, demand.started_s, demand.connector_id)


def _cap(caps_w: Mapping[str, float], scope: str) -> float:
    return caps_w.get(scope, math.inf) + TINY_W
