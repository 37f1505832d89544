"""Limits at the grid: so much less is left at the connectors as modules lose, in one place and nowhere twice."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config import store
from jp_firmware.config.schema import SiteMeter
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Plan
from jp_firmware.planner.building import building_limit
from jp_firmware.planner.explain import explain
from jp_firmware.planner.headroom import headroom
from jp_firmware.planner.limits import is_at_the_grid
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from tests.planner.scenes import KW, group, limit, powers, rules, settled, wants
from tests.planner.sites import random_site

ONE = ConnectorId(1)
W = 1e-3


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.8, 1.0), st.booleans())
def test_what_flows_from_the_grid_is_never_above_a_cap_of_it(seed: int, efficiency: float, shares: bool) -> None:
    """Through a story of changing limits and cars that draw what they may: the sum over the efficiency, of each cap."""
    dice = random.Random(seed)
    site = random_site(dice, dice.randint(2, 9), shares=shares, min_useful_kw=dice.choice((0.0, 5.0)))
    terms = attrs.evolve(site.rules, efficiency=efficiency)
    below = {group.scope: group.connectors for group in terms.tree.groups}
    below["site"] = frozenset(one.connector_id for one in site.demands)
    below |= {f"connector-{one.connector_id}": frozenset({one.connector_id}) for one in site.demands}
    plan = Plan()
    for step in range(4):
        factor = dice.uniform(0.2, 1.5)
        limits = [attrs.evolve(one, value_w=one.value_w * factor) for one in site.limits]
        plan = compute(site.demands, limits, plan, 10.0 * step, terms)
        for one in limits:
            part = efficiency if is_at_the_grid(one.scope) else 1.0
            for name in ("allowed_w", "assigned_w"):
                flows_w = sum(getattr(plan.allocations[key], name) for key in below[one.scope]) / part
                assert flows_w <= one.value_w + W, (name, one.scope)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.8, 1.0))
def test_it_is_the_same_as_limits_that_were_made_smaller_by_hand(seed: int, efficiency: float) -> None:
    site = random_site(random.Random(seed), 6)
    smaller = [
        attrs.evolve(one, value_w=one.value_w * efficiency) if is_at_the_grid(one.scope) else one for one in site.limits
    ]
    at_the_grid = compute(site.demands, site.limits, Plan(), 0.0, attrs.evolve(site.rules, efficiency=efficiency))

    by_hand = compute(site.demands, smaller, Plan(), 0.0, site.rules)

    assert powers(by_hand, "allowed_w") == pytest.approx(powers(at_the_grid, "allowed_w"), abs=1e-5)


def test_site_and_feeders_are_at_the_grid_and_chains_and_connectors_are_not() -> None:
    terms = rules(group("chain-A", 1), group("feeder-N", 2), efficiency=0.9)
    limits = [limit("site", 300), limit("chain-A", 50), limit("feeder-N", 50), limit("connector-3", 50)]
    plan = compute([wants(n, 100) for n in (1, 2, 3)], limits, Plan(), 0.0, terms)

    assert [50, 45, 50] == powers(plan, "allowed_w")
    assert 270 * KW == plan.site_limit_w


def test_the_cabinet_says_how_much_is_lost_and_the_reserve_is_at_the_grid_too() -> None:
    cabinet = store.load(store.find("demo"))
    terms = attrs.evolve(cabinet.planner, reserve_w=20 * KW, min_useful_w=0.0)
    lossy = attrs.evolve(cabinet, site=attrs.evolve(cabinet.site, efficiency=0.95), planner=terms)

    plan = compute([wants(1, 400)], [limit("site", 300)], Plan(), 0.0, Rules.of(lossy))
    assert [280 * 0.95] == powers(plan, "allowed_w")
    assert 280 * 0.95 * KW == pytest.approx(headroom(plan).headroom_w + headroom(plan).used_w)
    assert 1.0 == Rules.of(cabinet).efficiency


def test_an_explanation_says_both_figures() -> None:
    plan = compute([wants(1, 400)], [limit("site", 300)], Plan(), 0.0, rules(efficiency=0.95))
    told = explain(plan, ONE)

    assert "to 300 kW at the grid (285 kW at the connectors); the car asks for 400 kW" in told.sentence
    assert (285 * KW, 300 * KW) == (told.binding.value_w, told.binding.grid_w)
    assert {300_000} == {link["grid_w"] for link in told.as_json()["links"] if link["scope"] == "site"}
    assert {None} == {link["grid_w"] for link in told.as_json()["links"] if link["scope"] != "site"}


def test_without_losses_only_one_figure_is_told() -> None:
    told = explain(compute([wants(1, 400)], [limit("site", 300)], Plan(), 0.0), ONE)

    assert "grid" not in told.sentence
    assert told.binding.grid_w is None


def test_the_reserve_is_taken_off_before_the_losses() -> None:
    plan = compute([wants(1, 400)], [limit("site", 300)], Plan(), 0.0, rules(efficiency=0.9, reserve_w=18 * KW))
    binding = explain(plan, ONE).binding

    assert (280 * KW, 252 * KW) == pytest.approx((binding.grid_w, binding.value_w))
    assert binding.reason.endswith("less 20 kW in reserve")


def test_chargers_take_more_from_the_grid_than_connectors_give() -> None:
    """Of 130 kW at a meter of everything, 90 kW at the connectors are 100 kW at the grid: the building takes 30."""
    meter = SiteMeter(wire="w", fallback_w=120 * KW, includes_chargers=True)

    assert "the building takes 30.0 kW" == building_limit(300 * KW, meter, 130 * KW, 90 * KW, 0.0, 0.9).reason
    apart = attrs.evolve(meter, includes_chargers=False)
    assert "the building takes 130.0 kW" == building_limit(300 * KW, apart, 130 * KW, 90 * KW, 0.0, 0.9).reason


@settings(max_examples=60, deadline=None)
@given(st.floats(0.8, 1.0), st.floats(0, 1), st.floats(0, 250), st.lists(st.floats(20, 300), min_size=1, max_size=4))
def test_modules_that_lose_less_than_was_said_keep_the_meter_within_the_connection(
    least: float, better: float, building_kw: float, wishes_kw: list[float]
) -> None:
    """The meter reads building and chargers; plans follow until nothing changes. Nobody knows the true efficiency."""
    connection_w, true = 300 * KW, least + better * (1 - least)
    meter = SiteMeter(wire="w", fallback_w=300 * KW, includes_chargers=True)
    demands, plan = [wants(n, kw) for n, kw in enumerate(wishes_kw, 1)], Plan()
    for step in range(20):
        flows_w = sum(one.assigned_w for one in plan.allocations.values())
        read_w = building_kw * KW + flows_w / true
        assert read_w <= connection_w + W
        limits = [
            limit("site", 300),
            building_limit(connection_w, meter, read_w, flows_w, float(step), least),
        ]
        plan = settled(demands, limits, plan, rules(efficiency=least))
