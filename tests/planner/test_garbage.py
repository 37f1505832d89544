"""Numbers that cannot be: whatever is measured, asked for or limited, no cap is exceeded, every power is a number."""

from __future__ import annotations

import math
import random
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.explain import explain
from jp_firmware.planner.headroom import headroom
from jp_firmware.planner.limits import Bounds
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from tests.planner.scenes import KW, limit, wants
from tests.planner.sites import random_site

W = 1e-2
GARBAGE = (math.nan, math.inf, -math.inf, 0.0, -0.0, -5.0, 1e-7, 1e12)
OF_A_DEMAND = ("requested_w", "offered_w", "measured_w", "capacity_w", "voltage_v")
POWERS = ("allowed_w", "target_w", "assigned_w", "reserved_w")


def _bent(dice: random.Random, demand: Demand, plan: Plan) -> Demand:
    had = plan.allocations.get(demand.connector_id)
    drawn = attrs.evolve(demand, measured_w=had.assigned_w * dice.choice((0.5, 0.98, 1.1))) if had else demand
    if dice.random() < 0.3:
        garbage: dict[str, Any] = {dice.choice(OF_A_DEMAND): dice.choice(GARBAGE)}
        drawn = attrs.evolve(drawn, **garbage)
    return attrs.evolve(drawn, active=dice.random() < 0.9, stale=dice.random() < 0.1)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from((math.inf, 25.0)), st.sampled_from((0.0, 8 * KW)))
def test_no_cap_is_exceeded_and_every_power_is_a_number(dice: random.Random, ramp: float, reserve_w: float) -> None:
    site = random_site(dice, dice.randint(2, 8), tiers=2, shares=dice.random() < 0.5, min_useful_kw=5.0)
    rules = attrs.evolve(site.rules, ramp_a_per_s=ramp, reserve_w=reserve_w)
    demands, limits, plan = list(site.demands), list(site.limits), Plan()
    for step in range(6):
        demands = [_bent(dice, one, plan) for one in demands]
        scope = dice.choice([one.scope for one in site.limits if one.scope != "site"] + ["site"])
        value_w = dice.choice((*GARBAGE, 30 * KW, 90 * KW))
        limits.append(Limit(owner=f"owner {step}", scope=scope, value_w=value_w, reason="", expires_at_s=step + 2.0))
        before, plan = plan, compute(demands, limits, plan, float(step), rules)

        caps_w = Bounds.at([*limits, *rules.shares], float(step)).caps_w(reserve_w)
        for cap, cap_w in caps_w.items():
            below = [key for key in plan.allocations if cap in plan.scopes_of(key)]
            assert sum(plan.allocations[key].allowed_w for key in below) <= cap_w + W
            _rises_only_where_all_is_known(below, demands, before, plan)
        for key, one in plan.allocations.items():
            assert all(0 <= getattr(one, name) < math.inf for name in POWERS)
            assert one.assigned_w <= one.target_w + W <= one.allowed_w + 2 * W
            assert explain(plan, key).as_json()["sentence"]
        assert math.isfinite(headroom(plan).used_w)


def _rises_only_where_all_is_known(below: list[ConnectorId], demands: list[Demand], before: Plan, plan: Plan) -> None:
    if not any(one.connector_id in below and math.isnan(one.measured_w) for one in demands):
        return
    for key in below:
        had = before.allocations.get(key)
        assert plan.allocations[key].assigned_w <= (had.assigned_w if had else 0.0) + W


def test_a_charger_without_connectors_has_a_plan() -> None:
    plan = compute([], [limit("site", 100)], Plan(), 0.0)

    assert {} == plan.allocations
    assert 100 * KW == headroom(plan).headroom_w


def test_a_limit_falls_with_the_very_tick_of_its_end() -> None:
    ending = [limit("site", 100, expires_at_s=10.0, safe_w=20 * KW)]
    before, at = (compute([wants(1, 60)], ending, Plan(), now_s, Rules()) for now_s in (math.nextafter(10.0, 0), 10.0))

    assert (60 * KW, 20 * KW) == (
        before.allocations[ConnectorId(1)].allowed_w,
        at.allocations[ConnectorId(1)].allowed_w,
    )
    assert "expired" in explain(at, ConnectorId(1)).binding.reason
