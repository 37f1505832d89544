"""The fair share of each connector under all limits: admission, guaranteed shares, tiers, borrowing. Pure.

First every chain within what it is guaranteed, then, with borrowing, what is left over under the wiring's own limits;
nobody falls below the first result, so what is lent goes back within one computation. Inside each, tier by tier above
the useful minimum of all who were let in; inside a tier the exact weighted max-min of `waterfill`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Standing
from jp_firmware.planner.admission import admit, turns
from jp_firmware.planner.limits import Bounds
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.waterfill import TINY_W, Leaf
from jp_firmware.planner.wish import DEMAND, Wish

WAITING = "waiting for its turn"
ROUNDS = 5  # of sharing and assigning modules; each ends with somebody at what its modules can deliver (facts, 2)


class Modules(Protocol):
    """Whole modules for connectors: the slow half of the planner."""

    def capacity_w(self, target_w: Mapping[ConnectorId, float]) -> Mapping[ConnectorId, float]:
        """What modules can be found for each connector that is to deliver `target_w`, once they have moved. W."""


@attrs.frozen(kw_only=True)
class Fair:
    """The share of every connector: `power_w` under all limits, `target_w` of it with the modules there are."""

    power_w: Mapping[ConnectorId, float]
    target_w: Mapping[ConnectorId, float]
    held_back: Mapping[ConnectorId, tuple[str, str]]  # by whom, in words, and at which scope
    standing: Mapping[ConnectorId, Standing]


@attrs.frozen
class _Shared:
    power_w: Mapping[ConnectorId, float]
    limited_at: Mapping[ConnectorId, str]  # the scope that holds each back; "demand" for none
    waiting: Mapping[ConnectorId, str]  # who has to wait, and which scope has no room for it


def share(
    wishes: Mapping[ConnectorId, Wish], bounds: Bounds, rules: Rules, now_s: float, modules: Modules | None = None
) -> Fair:
    """The share of every connector in `wishes`."""
    wired_w = bounds.caps_w(rules.reserve_w)
    shared = _shared(wishes, wired_w, rules, now_s)
    target_w = shared.power_w
    if modules:
        shared, target_w = _with_modules(shared, wishes, wired_w, rules, now_s, modules)
    return Fair(
        power_w=shared.power_w,
        target_w=target_w,
        held_back={
            key: _held_back(wish, shared.waiting.get(key), shared.limited_at[key], bounds)
            for key, wish in wishes.items()
        },
        standing=turns(wishes, shared.waiting, rules, now_s),
    )


def _held_back(wish: Wish, waits_at: str | None, limited_at: str, bounds: Bounds) -> tuple[str, str]:
    """Who holds a connector back, in words, and where."""
    if waits_at is not None:
        return bounds.owner(waits_at) if waits_at else WAITING, waits_at
    if limited_at != DEMAND:
        return bounds.owner(limited_at), limited_at
    return wish.held_by, wish.held_at


def _shared(wishes: Mapping[ConnectorId, Wish], wired_w: Mapping[str, float], rules: Rules, now_s: float) -> _Shared:
    guaranteed_w = _guaranteed_w(wired_w, rules)
    caps_w = {**wired_w, **guaranteed_w}
    floors_w: dict[ConnectorId, float] = {}
    waiting = admit(wishes, floors_w, caps_w, rules, now_s)
    power_w, limited_at = _by_tier(wishes, floors_w, caps_w, rules)
    # Whom no guarantee holds back is held by the wiring already: nobody could borrow.
    if guaranteed_w and (waiting or not guaranteed_w.keys().isdisjoint(limited_at.values())):
        floors_w = {key: power_w[key] for key in floors_w}
        if waiting:
            waiting = admit(wishes, floors_w, wired_w, rules, now_s)
        power_w, limited_at = _by_tier(wishes, floors_w, wired_w, rules)
    return _Shared(power_w, limited_at, waiting)


def _guaranteed_w(wired_w: Mapping[str, float], rules: Rules) -> dict[str, float]:
    """What each chain is guaranteed, as far as that is less than what is wired."""
    guaranteed = rules.guarantees_w.items()
    return {scope: share_w for scope, share_w in guaranteed if share_w < wired_w.get(scope, math.inf)}


def _by_tier(
    wishes: Mapping[ConnectorId, Wish],
    floors_w: Mapping[ConnectorId, float],
    caps_w: Mapping[str, float],
    rules: Rules,
) -> tuple[dict[ConnectorId, float], dict[ConnectorId, str]]:
    """Fills tier by tier above the floors. Who has no floor gets nothing."""
    power_w: dict[ConnectorId, float] = dict.fromkeys(wishes, 0.0)
    power_w.update(floors_w)
    limited_at: dict[ConnectorId, str] = dict.fromkeys(wishes, DEMAND)
    tiers: dict[int, list[ConnectorId]] = {}
    for key in floors_w:
        tiers.setdefault(wishes[key].demand.tier, []).append(key)
    for tier in sorted(tiers):
        leaves = {}
        for key in tiers[tier]:
            wish = wishes[key]
            leaves[key] = Leaf(name=str(key), high_w=wish.high_w, weight=wish.demand.weight, low_w=power_w[key])
        left_w = caps_w
        if len(tiers) > 1:
            left_w = rules.tree.left(caps_w, {key: power_w[key] for key in floors_w if key not in leaves})
        for key, filled in rules.tree.fill(left_w, leaves).items():
            power_w[key], limited_at[key] = filled.power_w, filled.limited_by
    return power_w, limited_at


def _with_modules(
    first: _Shared,
    wishes: Mapping[ConnectorId, Wish],
    wired_w: Mapping[str, float],
    rules: Rules,
    now_s: float,
    modules: Modules,
) -> tuple[_Shared, Mapping[ConnectorId, float]]:
    """What connectors without enough modules cannot use goes to the others, until nothing changes any more.

    Returns what the limits allow in the end, and what of it can be had from modules.
    """
    shared, bounded, target_w = first, dict(wishes), first.power_w
    for _ in range(ROUNDS):
        capacity_w = modules.capacity_w(target_w)
        short = {key: has_w for key in target_w if (has_w := capacity_w.get(key, 0.0)) < target_w[key] - TINY_W}
        if not short:
            break
        for key, has_w in short.items():
            bounded[key] = attrs.evolve(bounded[key], high_w=has_w, low_w=min(bounded[key].low_w, has_w))
        shared = _shared(bounded, wired_w, rules, now_s)
        target_w = shared.power_w
        if all(power_w <= capacity_w.get(key, 0.0) + TINY_W for key, power_w in target_w.items()):
            break  # what has been found carries this too
    else:
        capacity_w = modules.capacity_w(target_w)
        target_w = {key: min(value_w, capacity_w.get(key, 0.0)) for key, value_w in target_w.items()}
    if shared is first:
        return first, target_w
    # What nobody else could use is still allowed to those who are short of modules.
    floors_w = {key: target_w[key] for key, wish in wishes.items() if wish.high_w > 0 and key not in shared.waiting}
    power_w, limited_at = _by_tier(wishes, floors_w, wired_w, rules)
    return _Shared(power_w, limited_at, shared.waiting), target_w
