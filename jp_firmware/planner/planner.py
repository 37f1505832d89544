"""From demands and limits to a plan. Pure: the same inputs give the same plan.

Three steps. What each connector may be given at most by itself (`wish`); the fair share of each under all limits, which
is `allowed_w` (`sharing`); and what may be drawn now, which is `assigned_w` (`assigning`).
"""

from __future__ import annotations

from collections.abc import Sequence

from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Allocation, Demand, Plan
from jp_firmware.planner.assigning import Assigned, assign
from jp_firmware.planner.limits import Bounds
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.sharing import Fair, Modules, share
from jp_firmware.planner.wish import wish_of

VALID_FOR_S = 5.0  # an allocation nobody renews falls to 0 (facts: failure fallbacks of the planner)


def compute(
    demands: Sequence[Demand],
    limits: Sequence[Limit],
    previous: Plan,
    now_s: float,
    rules: Rules | None = None,
    modules: Modules | None = None,
) -> Plan:
    """The plan for `now_s`. Powers in watts; `previous` is the plan in force, whose assignments rises start from.

    Every scope of `limits` must be one of the tree of `rules`, or a connector's: `LimitBook` refuses others.
    """
    rules = rules or PLAIN
    limits = (*limits, *rules.shares)
    bounds = Bounds.at(limits, now_s, rules.efficiency)
    wishes = {
        demand.connector_id: wish_of(demand, previous.allocations.get(demand.connector_id), bounds, rules, now_s)
        for demand in demands
    }
    fair = share(wishes, bounds, rules, now_s, modules)
    assigned = assign(wishes, fair, previous, bounds, rules)
    return Plan(
        revision=previous.revision + 1,
        at_s=now_s,
        site_limit_w=bounds.value_w("site"),
        allocations={
            demand.connector_id: _allocation(demand, fair, assigned, now_s + VALID_FOR_S) for demand in demands
        },
        reserve_w=rules.reserve_w,
        efficiency=rules.efficiency,
        limits=limits,
        paths=rules.tree.paths,
        shares_w=rules.guarantees_w,
    )


def _allocation(demand: Demand, fair: Fair, assigned: Assigned, valid_until_s: float) -> Allocation:
    key = demand.connector_id
    limited_by, limited_at = fair.held_back[key]
    return Allocation(
        connector_id=key,
        requested_w=demand.requested_w,
        offered_w=demand.offered_w,
        allowed_w=fair.power_w[key],
        assigned_w=assigned.power_w[key],
        limited_by=limited_by,
        limited_at=limited_at,
        valid_until_s=valid_until_s,
        target_w=fair.target_w[key],
        reserved_w=assigned.reserved_w[key],
        measured_w=demand.measured_w,
        held_by=assigned.held_by.get(key, ""),
        offered_by=demand.offered_by,
        active=demand.active,
        stale=demand.stale,
        tier=demand.tier,
        standing=fair.standing[key],
    )


PLAIN = Rules()
