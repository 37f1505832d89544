"""Why a connector gets what it gets: the chain from the car to the grid, one link of which binds, and a sentence."""

from __future__ import annotations

import json
import math
from datetime import datetime

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.explain import UnknownConnector, explain
from jp_firmware.planner.planner import compute
from tests.planner.scenes import KW, group, limit, powers, rules, settled, wants
from tests.planner.sites import Site
from tests.planner.test_properties import sites

NOON = datetime(2026, 11, 20, 12, 0)
CHAINS = rules(group("chain-A", 1, 2), group("chain-B", 3), min_useful_w=5 * KW)
LIMITS = [limit("site", 300), limit("chain-A", 136), limit("chain-B", 150)]
PROFILE = Limit(
    owner="central system", scope="connector-2", value_w=30 * KW, reason="profile 7", expires_at_s=6 * 3600.0
)


def planned(demands: list[Demand], limits: list[Limit], now_s: float = 0.0) -> Plan:
    return compute(demands, limits, Plan(), now_s, CHAINS)


def sentence(plan: Plan, connector: int, wall_time: datetime | None = NOON) -> str:
    return explain(plan, ConnectorId(connector), wall_time=wall_time).sentence


THREE = [wants(1, 60, offered_w=56 * KW, offered_by="modules"), wants(2, 90), wants(3, 120)]


def test_the_limit_of_a_central_system_with_its_end() -> None:
    plan = planned(THREE, [*LIMITS, PROFILE])

    assert sentence(plan, 2) == (
        "Connector 2 gets 30 kW because the central system (profile 7) limits it to 30 kW until 18:00; "
        "the car asks for 90 kW."
    )
    assert "for 21600 s more" in sentence(plan, 2, wall_time=None)


def test_a_limit_that_is_renewed_all_the_time_is_told_without_an_end() -> None:
    renewed = attrs.evolve(PROFILE, expires_at_s=0.5)

    assert "limits it to 30 kW; " in sentence(planned(THREE, [*LIMITS, renewed]), 2)


def test_an_end_on_another_day_is_told_with_its_day() -> None:
    late = attrs.evolve(PROFILE, expires_at_s=20 * 3600.0)

    assert "until 21.11. 08:00" in sentence(planned(THREE, [*LIMITS, late]), 2)


def test_a_limit_that_has_ended_stands_with_its_safe_value_and_without_an_end() -> None:
    ended = attrs.evolve(PROFILE, safe_w=10 * KW)
    plan = planned(THREE, [*LIMITS, ended], now_s=7 * 3600.0)

    assert "(profile 7, expired) limits it to 10 kW; the car" in sentence(plan, 2)


@pytest.mark.parametrize(
    ("connector", "expected"),
    [
        (1, "Connector 1 gets 56 kW because its modules can deliver no more than 56 kW; the car asks for 60 kW."),
        (
            2,
            "Connector 2 gets 80 kW because chain A (configured) limits it and connector 1 together to 136 kW; "
            "the car asks for 90 kW.",
        ),
        (3, "Connector 3 gets 120 kW, all the car asks for."),
    ],
)
def test_modules_chains_and_cars(connector: int, expected: str) -> None:
    assert expected == sentence(planned(THREE, LIMITS), connector)


def test_a_connector_without_any_usable_module_is_not_said_to_get_all_that_is_asked_for() -> None:
    dead = planned([wants(1, 60, offered_w=0.0, offered_by="modules")], LIMITS)

    assert explain(dead, ConnectorId(1)).binding.owner == "modules"
    assert "Connector 1 gets 0 kW because its modules can deliver no more than 0 kW; the car asks for 60 kW." == (
        sentence(dead, 1)
    )


def test_a_car_that_asks_for_nothing_gets_all_it_asks_for() -> None:
    assert "Connector 1 gets 0 kW, all the car asks for." == sentence(planned([wants(1, 0)], LIMITS), 1)


def test_the_site_and_how_many_share_it() -> None:
    plan = planned(THREE, [limit("site", 90), *LIMITS[1:]])
    assert "the site limit (configured) limits it and connectors 1 and 2 together to 90 kW" in sentence(plan, 3)

    alone = compute([wants(1, 90)], [limit("site", 40)], Plan(), 0.0)
    assert "the site limit (configured) limits it to 40 kW;" in sentence(alone, 1)

    many = compute([wants(n, 90) for n in range(1, 9)], [limit("site", 80)], Plan(), 0.0)
    assert "limits it and 7 other connectors together to 80 kW" in sentence(many, 1)

    reserved = compute([wants(1, 90)], [limit("site", 40)], Plan(), 0.0, rules(reserve_w=10 * KW))
    assert "(configured, less 10 kW in reserve) limits it to 30 kW" in sentence(reserved, 1)


def test_tiers_are_told_to_whom_they_hold_back() -> None:
    plan = compute([wants(1, 90), wants(2, 90, tier=2)], [limit("site", 120)], Plan(), 0.0)

    assert "and who is of a lower tier number comes first" in sentence(plan, 2)
    assert sentence(plan, 1) == "Connector 1 gets 90 kW, all the car asks for."


def test_a_share_that_is_not_lent_is_told_as_such() -> None:
    terms = rules(group("chain-A", 1, share_kw=50), borrowing=False)
    plan = compute([wants(1, 90)], [limit("site", 200), limit("chain-A", 100)], Plan(), 0.0, terms)

    assert "share of chain A (no borrowing) limits it to 50 kW" in sentence(plan, 1)


def test_who_waits_is_told_what_has_no_room_for_it() -> None:
    plan = planned(THREE, [limit("site", 12), *LIMITS[1:]])

    assert sentence(plan, 3) == (
        "Connector 3 waits for its turn because the site limit (configured) leaves too little of 12 kW for it and "
        "connectors 1 and 2 together; the car asks for 120 kW."
    )
    small = planned(THREE, [*LIMITS, attrs.evolve(PROFILE, value_w=2 * KW)])
    assert "the central system (profile 7) leaves it 2 kW, too little to be useful" in sentence(small, 2)


def test_a_silent_and_a_modest_car() -> None:
    plan = settled(THREE, LIMITS, Plan(), CHAINS)
    silent = [THREE[0], THREE[1], attrs.evolve(THREE[2], stale=True, requested_w=150 * KW, measured_w=120 * KW)]
    assert "no power is raised on an old wish" in sentence(compute(silent, LIMITS, plan, 3.0, CHAINS), 3)

    for at_s in range(2, 20):
        modest = [attrs.evolve(one, measured_w=40 * KW) for one in THREE]
        plan = compute(modest, LIMITS, plan, float(at_s), CHAINS)
    assert "Connector 3 gets 45 kW because the car draws only 40 kW" in sentence(plan, 3)


def test_what_may_not_be_drawn_yet_is_told_with_its_reason() -> None:
    alone = settled([wants(1, 100), wants(2, 0)], [limit("site", 100)], Plan())
    plan = compute([wants(1, 100, measured_w=100 * KW), wants(2, 100)], [limit("site", 100)], alone, 9.0)
    assert "(now 0 kW: the others have not come down yet)" in sentence(plan, 2)

    ramp = compute([wants(1, 100, voltage_v=400.0)], [limit("site", 200)], Plan(), 0.0, rules(ramp_a_per_s=25.0))
    assert sentence(ramp, 1) == "Connector 1 gets 100 kW, all the car asks for (now 20 kW: it is ramping up)."


def test_nobody_and_nothing() -> None:
    plan = compute([wants(1, 0, active=False)], [], Plan(), 0.0)
    assert "no session" in sentence(plan, 1)
    with pytest.raises(UnknownConnector, match="no connector 9; it has: 1"):
        explain(plan, ConnectorId(9))

    unlimited = compute([wants(1, 50)], [], Plan(), 0.0)
    assert "no limit set (nothing configured) limits it to 0 kW" in sentence(unlimited, 1)


def test_the_chain_runs_from_the_car_to_the_grid_and_is_plain_json() -> None:
    explanation = explain(planned(THREE, [*LIMITS, PROFILE]), ConnectorId(2), wall_time=NOON)
    links = explanation.as_json()["links"]

    assert ["the car", "connector", "central system", "chain A", "site limit"] == [link["owner"] for link in links]
    assert [False, False, True, False, False] == [link["binds"] for link in links]
    assert (21600.0, "2026-11-20T18:00:00") == (links[2]["expires_in_s"], links[2]["expires_at"])
    assert (30 * KW, "profile 7") == (explanation.binding.value_w, explanation.binding.reason)
    assert json.loads(json.dumps(explanation.as_json(), allow_nan=False)) == explanation.as_json()


@settings(max_examples=80, deadline=None)
@given(sites(min_useful_kw=5.0), st.booleans())
def test_of_any_site_one_link_binds_and_it_is_the_one_that_the_plan_names(site: Site, later: bool) -> None:
    plan = compute(site.demands, site.limits, Plan(), 0.0, site.rules)
    if later:
        plan = compute(site.demands, site.limits, plan, 1.0, site.rules)
    for key, one in plan.allocations.items():
        explanation = explain(plan, key)

        assert 1 == sum(link.binds for link in explanation.links)
        binding = explanation.binding
        if one.limited_by != "demand":
            assert one.limited_by == binding.owner
        waits = math.isfinite(one.standing.waiting_since_s)
        assert waits or binding.value_w >= one.allowed_w - 1e-3, "nobody gets more than what binds it"
        if binding.scope == f"connector-{key}" and not waits and one.requested_w > 0:
            assert binding.value_w == pytest.approx(one.allowed_w, abs=1e-3)
        assert f"Connector {key} " in explanation.sentence


def test_the_four_numbers_are_read_for_connector_chain_and_site() -> None:
    plan = planned(THREE, LIMITS)

    assert [56, 80, 120] == powers(plan, "allowed_w")
    assert (136 * KW, 150 * KW) == (plan.powers("chain-A").allowed_w, plan.powers("chain-A").requested_w)
    assert 80 * KW == plan.powers("connector-2").allowed_w
    assert 256 * KW == plan.powers().allowed_w == plan.powers("site").allowed_w
