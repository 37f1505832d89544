"""Tiers, the useful minimum and its turns, and guaranteed shares: who is served when there is not enough."""

from __future__ import annotations

import math
from collections import defaultdict

import attrs
import pytest

from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.planner import compute
from tests.planner.scenes import KW, allowed, flowing, group, limit, powers, rules, wants

MINIMUM = rules(min_useful_w=5 * KW, rotate_s=900.0)


def test_a_lower_tier_gets_what_the_higher_one_leaves() -> None:
    demands = [wants(1, 80, tier=2), wants(2, 60), wants(3, 80, tier=2), wants(4, 80, tier=3)]

    assert [20, 60, 20, 0] == allowed(demands, [limit("site", 100)])
    assert [80, 60, 80, 30] == allowed(demands, [limit("site", 250)])


def test_whoever_was_let_in_keeps_the_useful_minimum_whatever_its_tier() -> None:
    demands = [wants(1, 80, tier=2), wants(2, 200)]

    assert [5, 95] == allowed(demands, [limit("site", 100)], MINIMUM)
    assert [0, 8] == allowed(demands, [limit("site", 8)], MINIMUM), "but the higher tier is let in first"


def test_a_guaranteed_share_stands_before_the_tier_of_who_would_borrow() -> None:
    terms = rules(group("chain-A", 1, share_kw=50), group("chain-B", 2, share_kw=50))

    assert [50, 50] == allowed([wants(1, 90), wants(2, 90, tier=2)], [limit("site", 100)], terms)


def test_a_borrower_is_let_in_with_what_is_left_and_never_at_the_cost_of_a_share() -> None:
    terms = rules(group("chain-A", 1, 2, share_kw=8), group("chain-B", 3, share_kw=100), min_useful_w=5 * KW)
    limits = [limit("site", 110), limit("chain-A", 50), limit("chain-B", 100)]
    pair = [wants(1, 30), wants(2, 30)]

    assert [10, 0, 100] == allowed([*pair, wants(3, 200)], limits, terms)
    assert [20, 20, 70] == allowed([*pair, wants(3, 70)], limits, terms)


def test_a_car_that_wants_less_than_the_minimum_gets_what_it_wants() -> None:
    assert [2, 8] == allowed([wants(1, 2), wants(2, 90)], [limit("site", 10)], MINIMUM)


def test_a_limit_below_the_minimum_pauses_its_connector_and_says_so() -> None:
    plan = compute([wants(1, 90), wants(2, 90)], [limit("site", 60), limit("connector-1", 3)], Plan(), 0.0, MINIMUM)

    assert [0, 60] == powers(plan, "allowed_w")
    assert "connector 1" == plan.allocations[wants(1, 0).connector_id].limited_by


def test_who_came_last_or_weighs_least_waits() -> None:
    by_time = [wants(1, 50, started_s=9.0), wants(2, 50, started_s=3.0), wants(3, 50, started_s=6.0)]
    by_weight = [attrs.evolve(one, weight=weight) for one, weight in zip(by_time, (1.0, 0.5, 1.0), strict=True)]

    assert [0, 6, 6] == allowed(by_time, [limit("site", 12)], MINIMUM)
    assert [6, 0, 6] == allowed(by_weight, [limit("site", 12)], MINIMUM)


def test_the_only_one_who_fits_is_not_paused_for_one_who_does_not() -> None:
    """Connector 1 has waited longest, but its chain has no room even for it alone."""
    terms = rules(group("chain-A", 1), min_useful_w=5 * KW)
    limits, plan = [limit("site", 9), limit("chain-A", 4)], Plan()
    for at_s in range(0, 3000, 100):
        plan = compute(_drawing([wants(1, 50), wants(2, 50, started_s=5.0)], plan), limits, plan, float(at_s), terms)
        assert [0, 9] == powers(plan, "allowed_w")


def test_a_lower_limit_pauses_in_mid_turn_and_a_higher_one_lets_in_at_once() -> None:
    demands = [wants(1, 50), wants(2, 50, started_s=1.0)]
    plan = compute(demands, [limit("site", 20)], Plan(), 0.0, MINIMUM)
    cut = compute(flowing(demands, plan), [limit("site", 9)], plan, 10.0, MINIMUM)
    back = compute(flowing(demands, cut), [limit("site", 20)], cut, 20.0, MINIMUM)

    assert [[10, 10], [9, 0], [10, 10]] == [powers(one, "allowed_w") for one in (plan, cut, back)]
    assert math.isinf(back.allocations[demands[1].connector_id].standing.waiting_since_s)


@pytest.mark.parametrize(("cars", "places"), [(3, 2), (3, 1), (5, 2), (4, 3)])
def test_turns_go_round_evenly_nobody_dribbles_and_no_place_stays_empty(cars: int, places: int) -> None:
    demands = [wants(n, 50, started_s=float(n), weight=1.0 + n % 2) for n in range(1, cars + 1)]
    served_s: dict[int, float] = defaultdict(float)
    since_s: dict[int, float] = {}
    paused_s: dict[int, float] = {}
    plan, hours = Plan(), 8
    for minute in range(hours * 60):
        plan = compute(_drawing(demands, plan), [limit("site", places * 5.5)], plan, minute * 60.0, MINIMUM)
        given = powers(plan, "allowed_w")
        assert all(one == 0 or one >= 5 for one in given)
        assert places == sum(one > 0 for one in given)
        for number, one in enumerate(given):
            served_s[number] += 60.0 * (one > 0)
            if one > 0:
                since_s.setdefault(number, minute * 60.0)
                assert minute * 60.0 - paused_s.pop(number, -900.0) >= 900, "nobody is paused for a moment"
            elif number in since_s:
                assert minute * 60.0 - since_s.pop(number) >= 900, "nobody is paused within its turn"
                paused_s[number] = minute * 60.0

        assert plan.total("assigned_w") <= places * 5.5 * KW + 1e-3
    even_s = hours * 3600 * places / cars
    assert all(abs(one - even_s) <= 900 for one in served_s.values())


def _drawing(demands: list[Demand], plan: Plan) -> list[Demand]:
    return flowing(demands, plan) if plan.revision else demands


def test_a_car_that_comes_late_waits_no_longer_than_a_turn() -> None:
    early = [wants(1, 50), wants(2, 50)]
    plan = Plan()
    for at_s in range(0, 5000, 100):
        plan = compute(_drawing(early, plan), [limit("site", 12)], plan, float(at_s), MINIMUM)
    late = [*flowing(early, plan), wants(3, 50, started_s=5000.0)]
    plan = compute(late, [limit("site", 12)], plan, 5000.0, MINIMUM)

    assert 6 == powers(plan, "allowed_w")[2], "the others' turns were over long ago"
    assert 1 == powers(plan, "allowed_w").count(0)


def test_an_end_of_session_forgets_turns() -> None:
    demands = [wants(1, 50), wants(2, 50)]
    plan = compute(demands, [limit("site", 6)], Plan(), 0.0, MINIMUM)
    plan = compute([demands[0], attrs.evolve(demands[1], active=False)], [limit("site", 6)], plan, 10.0, MINIMUM)

    standing = plan.allocations[demands[1].connector_id].standing
    assert math.isinf(standing.waiting_since_s)
    assert math.isinf(standing.admitted_since_s)


def test_the_sites_reserve_is_shared_with_nobody() -> None:
    plan = compute([wants(1, 90), wants(2, 90)], [limit("site", 100)], Plan(), 0.0, rules(reserve_w=20 * KW))

    assert [40, 40] == powers(plan, "allowed_w") == powers(plan, "assigned_w")
    assert 100 * KW == plan.site_limit_w


def test_a_rise_leaves_the_sites_reserve_free_of_what_is_measured_too() -> None:
    terms = rules(reserve_w=20 * KW)
    plan = compute([wants(1, 20), wants(2, 0)], [limit("site", 100)], Plan(), 0.0, terms)
    over = [wants(1, 20, measured_w=30 * KW), wants(2, 90)]

    assert [20, 50] == powers(compute(over, [limit("site", 100)], plan, 0.5, terms), "assigned_w")


def test_a_rise_waits_for_room_in_its_chain_although_the_site_has_plenty() -> None:
    terms = rules(group("chain-A", 1, 2), group("chain-B", 3))
    limits = [limit("site", 500), limit("chain-A", 100)]
    alone = compute([wants(1, 100), wants(2, 0), wants(3, 0)], limits, Plan(), 0.0, terms)
    all_three = [wants(1, 100, measured_w=90 * KW), wants(2, 100), wants(3, 100)]

    assert [50, 10, 100] == powers(compute(all_three, limits, alone, 0.5, terms), "assigned_w")


def test_a_connector_of_which_nothing_is_known_holds_back_its_own_chain_and_the_site() -> None:
    terms = rules(group("chain-A", 1, 2), group("chain-B", 3))
    limits = [limit("site", 500), limit("chain-A", 100)]
    plan = compute([wants(1, 30), wants(2, 30), wants(3, 30)], limits, Plan(), 0.0, terms)
    unknown = [wants(1, 30, measured_w=math.nan), wants(2, 60, measured_w=30 * KW), wants(3, 60, measured_w=30 * KW)]

    assert [30, 30, 30] == powers(compute(unknown, limits, plan, 0.5, terms), "assigned_w")
