"""From demands and limits to a plan. Pure: the same inputs give the same plan.

Two steps. First the fair share of each connector under all limits (`allowed_w`). Then what may be drawn now
(`assigned_w`): a cut acts at once, a rise takes only room that is free by measurement, so that the site's limit holds
even while a connector that was cut is still ramping down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Allocation, Demand, Plan
from jp_firmware.planner.waterfill import Cap, Leaf, Share, waterfill

VALID_FOR_S = 5.0  # an allocation nobody renews falls to 0 (facts: failure fallbacks of the planner)


def compute(demands: Sequence[Demand], limits: Sequence[Limit], previous: Plan, now_s: float) -> Plan:
    """The plan for `now_s`. Powers in watts; `previous` is the plan in force, whose assignments rises start from."""
    site = _tightest(limits, "site", now_s)
    shares = _fair_shares(demands, limits, site, previous, now_s)
    site_w = _bound_w(site, now_s)
    assigned_w = _assign(demands, {key: share.power_w for key, share in shares.items()}, previous, site_w)
    return Plan(
        revision=previous.revision + 1,
        at_s=now_s,
        site_limit_w=site_w,
        allocations={
            demand.connector_id: Allocation(
                connector_id=demand.connector_id,
                requested_w=demand.requested_w,
                offered_w=demand.offered_w,
                allowed_w=shares[demand.connector_id].power_w,
                assigned_w=assigned_w[demand.connector_id],
                limited_by=shares[demand.connector_id].limited_by,
                valid_until_s=now_s + VALID_FOR_S,
            )
            for demand in demands
        },
    )


def _tightest(limits: Sequence[Limit], scope: str, now_s: float) -> Limit:
    """The limit that binds at `scope`. A site without a limit may draw nothing: no limit without an owner."""
    return min(
        (limit for limit in limits if limit.scope == scope),
        key=lambda limit: _bound_w(limit, now_s),
        default=Limit(owner="no limit set", scope=scope, value_w=0.0, reason="nothing configured"),
    )


def _fair_shares(
    demands: Sequence[Demand], limits: Sequence[Limit], site: Limit, previous: Plan, now_s: float
) -> dict[ConnectorId, Share]:
    branches: list[Cap | Leaf] = []
    for demand in demands:
        branch: Cap | Leaf = Leaf(
            name=str(demand.connector_id), high_w=_wanted_w(demand, previous), weight=demand.weight
        )
        for limit in limits:
            if limit.scope == f"connector-{demand.connector_id}":
                branch = Cap(name=limit.owner, cap_w=_bound_w(limit, now_s), below=(branch,))
        branches.append(branch)
    shares = waterfill(Cap(name=site.owner, cap_w=_bound_w(site, now_s), below=branches))
    return {demand.connector_id: _explained(demand, shares[str(demand.connector_id)]) for demand in demands}


def _wanted_w(demand: Demand, previous: Plan) -> float:
    """What a connector may be given at most. A stale wish keeps what it has and gets no more; no number is no wish."""
    if not demand.active:
        return 0.0
    if math.isnan(demand.requested_w) or math.isnan(demand.offered_w):
        return 0.0
    wanted_w = min(demand.requested_w, demand.offered_w)
    if demand.stale:
        wanted_w = min(wanted_w, _assigned_before(demand.connector_id, previous))
    return max(0.0, wanted_w)


def _explained(demand: Demand, share: Share) -> Share:
    """Water-filling sees a satisfied leaf; a person wants to know that its own connector or age held it back."""
    if share.limited_by != "demand" or not demand.active or share.power_w >= demand.requested_w:
        return share
    return Share(share.power_w, "stale demand" if demand.stale else demand.offered_by)


def _assign(
    demands: Sequence[Demand], allowed_w: Mapping[ConnectorId, float], previous: Plan, site_limit_w: float
) -> dict[ConnectorId, float]:
    before_w = {demand.connector_id: _assigned_before(demand.connector_id, previous) for demand in demands}
    kept_w = {key: min(before_w[key], allowed_w[key]) for key in allowed_w}
    room_w = site_limit_w - sum(_taken_w(demand, kept_w[demand.connector_id]) for demand in demands)
    rises = [
        Leaf(name=str(key), high_w=allowed_w[key] - kept_w[key]) for key in allowed_w if allowed_w[key] > kept_w[key]
    ]
    if room_w <= 0 or not rises:
        return kept_w
    granted = waterfill(Cap(name="room", cap_w=room_w, below=rises))
    return {key: kept_w[key] + (granted[str(key)].power_w if str(key) in granted else 0.0) for key in kept_w}


def _taken_w(demand: Demand, kept_w: float) -> float:
    """Room that a connector takes up. Of a measurement that is no number nothing is known: then nobody may rise."""
    return math.inf if math.isnan(demand.measured_w) else max(kept_w, demand.measured_w)


def _bound_w(limit: Limit, now_s: float) -> float:
    """A limit that is no number is not no limit: it allows nothing."""
    value_w = limit.value_at(now_s)
    return 0.0 if math.isnan(value_w) else value_w


def _assigned_before(connector_id: ConnectorId, previous: Plan) -> float:
    before = previous.allocations.get(connector_id)
    return before.assigned_w if before else 0.0
