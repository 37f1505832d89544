"""The worked acceptance cases, through the whole plan: E1-E8 and E10 without the choice of modules.

E9 and the module counts of E6-E8 are the assignment's. The D cases are AC, with phases; what they say about one phase
is shown for DC here: D1 and D10 (equal cars on one feed), D4-D6 (the building's meter), D7 (minimum and turns).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import pytest

from jp_firmware.config.schema import SiteMeter
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.building import building_limit
from jp_firmware.planner.planner import compute
from tests.planner.scenes import KW, Fixed, allowed, group, limit, powers, rules, settled, wants

THREE = [wants(1, 60), wants(2, 90), wants(3, 120)]
CHAINS = rules(group("chain-A", 1, 2), group("chain-B", 3))
E2 = [limit("site", 300), limit("chain-A", 136), limit("chain-B", 150)]
BEHIND = [attrs.evolve(THREE[0], offered_w=56 * KW, offered_by="modules"), THREE[1], THREE[2]]


@pytest.mark.parametrize(
    ("site_kw", "weights", "expected"),
    [
        pytest.param(240, (1, 1, 1), [60, 90, 90], id="E1"),
        pytest.param(200, (1, 1, 1), [60, 70, 70], id="E1b"),
        pytest.param(200, (1, 1, 2), [50, 50, 100], id="E1c"),
    ],
)
def test_e1_max_min_under_the_site_limit(site_kw: float, weights: tuple[float, ...], expected: list[float]) -> None:
    demands = [attrs.evolve(one, weight=weight) for one, weight in zip(THREE, weights, strict=True)]

    assert expected == allowed(demands, [limit("site", site_kw)])


def test_e2_a_chains_limit_binds_first_and_the_other_chain_takes_the_slack() -> None:
    assert [56, 80, 120] == allowed(BEHIND, E2, CHAINS)


def test_e3_a_site_limit_set_while_it_runs_cuts_everyone_at_once() -> None:
    before = compute(BEHIND, E2, Plan(), 0.0, CHAINS)
    after = compute(BEHIND, [limit("site", 150), *E2[1:]], before, 0.1, CHAINS)

    assert [50, 50, 50] == powers(after, "allowed_w") == powers(after, "assigned_w")


def test_e4_a_profile_on_one_connector_frees_power_for_the_others() -> None:
    profile = Limit(owner="central system", scope="connector-2", value_w=30 * KW, reason="profile 7")

    assert [56, 30, 64] == allowed(BEHIND, [limit("site", 150), *E2[1:], profile], CHAINS)


def test_e5_the_useful_minimum_binds_and_where_it_does_not_fit_one_waits() -> None:
    demands = [wants(1, 100), wants(2, 100), wants(3, 100, weight=5)]
    terms = rules(min_useful_w=20 * KW)

    assert [20, 20, 30] == allowed(demands, [limit("site", 70)], terms)
    short = compute(demands, [limit("site", 50)], Plan(), 0.0, terms)
    assert [True, False, True] == [one.allowed_w >= 20 * KW for one in short.allocations.values()]
    assert [20, 0, 30] == powers(short, "allowed_w")


def test_e6_the_four_numbers_of_the_table_from_one_rule() -> None:
    """Modules of 60 kW and 100 A at 560, 380 and 500 V; chain 1 of 136 kW; connector 3 stale: it keeps what it had."""
    has_kw = (56, 76, 100)
    demands = [attrs.evolve(one, capacity_w=has * KW) for one, has in zip(BEHIND, has_kw, strict=True)]
    before = compute(demands, E2, Plan(), 0.0, CHAINS)
    stale = [demands[0], demands[1], attrs.evolve(demands[2], stale=True, measured_w=100 * KW)]
    plan = compute(stale, E2, before, 0.5, CHAINS)

    assert [60, 90, 120] == powers(plan, "requested_w")
    assert [56, 80, 120] == powers(plan, "allowed_w")
    assert [56, 76, 100] == powers(plan, "assigned_w")
    assert (270.0, 256.0, 232.0) == tuple(plan.total(name) / KW for name in ("requested_w", "allowed_w", "assigned_w"))
    assert (136.0, 132.0) == (plan.powers("chain-A").allowed_w / KW, plan.powers("chain-A").assigned_w / KW)
    assert ["", "modules", "stale demand"] == [one.held_by for one in plan.allocations.values()]


LENT = (group("chain-A", 1, share_kw=120), group("chain-B", 2, share_kw=120))
WIRED = [limit("site", 240), limit("chain-A", 240), limit("chain-B", 240)]


@pytest.mark.parametrize(
    ("borrowing", "asks_kw", "expected"),
    [
        pytest.param(False, (200, 0), [120, 0], id="E7a nothing is lent"),
        pytest.param(True, (200, 0), [200, 0], id="E7b what is not used is lent"),
        pytest.param(True, (200, 120), [120, 120], id="E7c it goes back whole"),
        pytest.param(True, (200, 60), [180, 60], id="E7d or in part"),
    ],
)
def test_e7_a_chain_borrows_what_the_other_leaves(
    borrowing: bool, asks_kw: tuple[float, float], expected: list[float]
) -> None:
    demands = [wants(number, asks) for number, asks in enumerate(asks_kw, start=1)]

    assert expected == allowed(demands, WIRED, rules(*LENT, borrowing=borrowing))


def test_e7_what_was_lent_is_back_within_one_recomputation() -> None:
    terms = rules(*LENT)
    lent = settled([wants(1, 200), wants(2, 0)], WIRED, Plan(), terms)
    both = [wants(1, 200, measured_w=200 * KW), wants(2, 120)]
    back = compute(both, WIRED, lent, 2.0, terms)

    assert [120, 120] == powers(back, "allowed_w")
    assert [120, 40] == powers(back, "assigned_w"), "the borrower is cut at once; the lender rises into measured room"
    assert [120, 120] == powers(settled(both, WIRED, back, terms, 2.5), "assigned_w")


def test_e8_whole_modules_bound_what_is_assigned_and_not_what_is_allowed() -> None:
    terms = rules(group("chain-A", 1, 2, 3))
    limits = [limit("site", 500), limit("chain-A", 500)]
    plan = compute([wants(n, 40) for n in (1, 2, 3)], limits, Plan(), 0.0, terms, Fixed({1: 60, 2: 30, 3: 30}))

    assert [40, 40, 40] == powers(plan, "allowed_w")
    assert [40, 30, 30] == powers(plan, "target_w") == powers(plan, "assigned_w")


def test_e10_a_connector_with_too_few_modules_leaves_its_power_to_the_others() -> None:
    demands, limits = [wants(1, 100), wants(2, 150)], [limit("site", 160)]
    reach = [attrs.evolve(demands[0], offered_w=60 * KW, offered_by="modules"), demands[1]]

    assert [80, 80] == allowed(demands, limits)
    assert [60, 100] == allowed(reach, limits), "it offers no more than it can reach"
    found = compute(demands, limits, Plan(), 0.0, None, Fixed({1: 60, 2: 150}))
    assert [60, 100] == powers(found, "allowed_w") == powers(found, "assigned_w")


class Shrinking:
    """Modules that are less at each question: an assignment that never comes to rest."""

    def __init__(self) -> None:
        self.asked = 0

    def capacity_w(self, target_w: Mapping[ConnectorId, float]) -> Mapping[ConnectorId, float]:
        self.asked += 1
        return dict.fromkeys(target_w, (100 - self.asked) * KW)


def test_an_assignment_that_never_comes_to_rest_ends_within_its_modules_and_the_limits() -> None:
    demands: list[Demand] = [wants(1, 200), wants(2, 200)]
    modules = Shrinking()
    plan = compute(demands, [limit("site", 300)], Plan(), 0.0, None, modules)

    assert modules.asked < 10
    assert all(one.target_w <= (100 - modules.asked) * KW for one in plan.allocations.values())
    assert plan.total("allowed_w") <= 300 * KW


def test_d1_and_d10_equal_cars_share_one_feed_equally() -> None:
    feed = rules(group("feeder-F", 1, 2, 3))

    assert [21, 21, 21] == allowed([wants(n, 32) for n in (1, 2, 3)], [limit("site", 500), limit("feeder-F", 63)], feed)
    assert [16, 16] == allowed([wants(1, 32), wants(2, 32)], [limit("site", 32)])


@pytest.mark.parametrize(
    ("meter", "reads_kw", "expected_kw"),
    [
        pytest.param(SiteMeter(wire="w", includes_chargers=True), 80, 45, id="D4 including 30 kW of chargers"),
        pytest.param(SiteMeter(wire="w", includes_chargers=False), 50, 45, id="D5 without them"),
        pytest.param(SiteMeter(wire="w", fallback_w=60 * KW), None, 35, id="D6 lost, 60 kW assumed"),
        pytest.param(SiteMeter(wire="w", fallback_w=9999 * KW), None, 0, id="D6 lost, everything assumed"),
    ],
)
def test_d4_to_d6_the_building_comes_first(meter: SiteMeter, reads_kw: float | None, expected_kw: float) -> None:
    building = building_limit(95 * KW, meter, None if reads_kw is None else reads_kw * KW, 30 * KW, 0.0)

    assert [expected_kw] == allowed([wants(1, 100)], [limit("site", 95), building])


def test_d7_who_does_not_fit_waits_and_takes_turns() -> None:
    demands, terms = [wants(n, 11) for n in (1, 2, 3, 4)], rules(min_useful_w=7 * KW)
    plan = settled(demands, [limit("site", 20)], Plan(), terms)

    assert [10, 10, 0, 0] == powers(plan, "assigned_w")
    assert [False, False, True, True] == [
        math.isfinite(one.standing.waiting_since_s) for one in plan.allocations.values()
    ]
    later = settled(demands, [limit("site", 20)], plan, terms, start_s=900.0)
    assert [0, 0, 10, 10] == powers(later, "assigned_w")
