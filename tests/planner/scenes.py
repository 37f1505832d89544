"""Small sites for the planner's tests: powers in kW where they are written, in watts where they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.tree import Group, Tree

KW = 1000.0


def wants(connector: int, requested_kw: float, **more: Any) -> Demand:
    """A connector that could offer anything, with a car that asks for so much."""
    demand = Demand(connector_id=ConnectorId(connector), requested_w=requested_kw * KW, offered_w=1000 * KW)
    return attrs.evolve(demand, **more)


def limit(scope: str, value_kw: float, **more: Any) -> Limit:
    owner = {"site": "site limit"}.get(scope, scope.replace("-", " "))
    return attrs.evolve(Limit(owner=owner, scope=scope, value_w=value_kw * KW, reason="configured"), **more)


def group(scope: str, *connectors: int, share_kw: float = math.inf) -> Group:
    return Group(scope=scope, connectors=frozenset(ConnectorId(n) for n in connectors), share_w=share_kw * KW)


def rules(*groups: Group, **terms: Any) -> Rules:
    return Rules(tree=Tree(groups), **terms)


def powers(plan: Plan, name: str) -> list[float]:
    """One of the four powers of all connectors, in kW."""
    return [round(getattr(one, name) / KW, 6) for one in plan.allocations.values()]


def allowed(demands: Sequence[Demand], limits: Sequence[Limit], terms: Rules | None = None) -> list[float]:
    """The fair shares of a first plan, in kW."""
    return powers(compute(demands, limits, Plan(), 0.0, terms), "allowed_w")


def flowing(demands: Sequence[Demand], plan: Plan) -> list[Demand]:
    """The same demands, with every connector drawing what it was assigned."""
    return [attrs.evolve(one, measured_w=plan.allocations[one.connector_id].assigned_w) for one in demands]


def settled(
    demands: Sequence[Demand],
    limits: Sequence[Limit],
    plan: Plan,
    terms: Rules | None = None,
    start_s: float = 0.0,
    plans: int = 4,
) -> Plan:
    """The plan after some more, each half a second apart, with everybody drawing what is assigned."""
    for number in range(plans):
        plan = compute(flowing(demands, plan) if plan.revision else demands, limits, plan, start_s + number / 2, terms)
    return plan


@attrs.frozen
class Fixed:
    """Modules as the assignment would find them: so much for each connector."""

    has_kw: Mapping[int, float]

    def capacity_w(self, target_w: Mapping[ConnectorId, float]) -> Mapping[ConnectorId, float]:
        return {key: self.has_kw[key] * KW for key in target_w}
