"""One connector alone: a wish gone stale, a car that does not use what it asks for, and the ramp."""

from __future__ import annotations

import math

import attrs
import pytest

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.explain import explain
from jp_firmware.planner.planner import compute
from jp_firmware.planner.wish import OWN_DRAW, STALE
from tests.planner.scenes import KW, limit, powers, rules, settled, wants

SITE = [limit("site", 200)]
FIRST, SECOND = ConnectorId(1), ConnectorId(2)


def drawing(number: int, requested_kw: float, measured_kw: float, **more: object) -> Demand:
    return wants(number, requested_kw, measured_w=measured_kw * KW, **more)


# --- stale -----------------------------------------------------------------------------------------------------------


def test_a_stale_wish_is_never_raised_however_much_there_is() -> None:
    plan = settled([wants(1, 60)], SITE, Plan())
    for step in range(1, 10):
        plan = compute([drawing(1, 190, 60, stale=True)], [limit("site", 200 + 50 * step)], plan, float(step))
        assert [60] == powers(plan, "allowed_w") == powers(plan, "assigned_w")
    assert STALE == plan.allocations[FIRST].limited_by


@pytest.mark.parametrize(
    ("measured_kw", "held_kw"),
    [(42, 42), (60, 60), (63, 60), (math.nan, 60)],
    ids=["drew less", "all", "more", "unknown"],
)
def test_a_stale_wish_is_held_at_the_smaller_of_what_it_asked_and_what_it_drew(
    measured_kw: float, held_kw: float
) -> None:
    plan = settled([wants(1, 60)], SITE, Plan())
    for step, drawn_kw in enumerate((measured_kw, measured_kw, 30, 30)):
        plan = compute([drawing(1, 60, drawn_kw, stale=True)], SITE, plan, 1.0 + step)

        assert [held_kw] == powers(plan, "assigned_w"), "and a dip in what flows later is no new bound"
        assert [60] == powers(plan, "allowed_w"), "its share is nobody else's"


def test_a_stale_wish_is_told_as_the_reason() -> None:
    plan = settled([wants(1, 60)], SITE, Plan())
    plan = compute([drawing(1, 60, 42, stale=True)], SITE, plan, 1.0)
    told = explain(plan, FIRST)

    assert (
        "Connector 1 is held at 42 kW because the car has stopped saying what it wants, and no power is raised on an "
        "old wish; it last asked for 60 kW." == told.sentence
    )
    assert STALE == told.binding.owner


def test_a_stale_wish_is_cut_by_a_lower_limit_and_does_not_come_back_up() -> None:
    plan = settled([wants(1, 60)], SITE, Plan())
    cut = compute([drawing(1, 60, 60, stale=True)], [limit("site", 25)], plan, 1.0)
    back = compute([drawing(1, 60, 25, stale=True)], SITE, cut, 2.0)

    assert [[25], [25]] == [powers(one, "assigned_w") for one in (cut, back)]


def test_what_a_silent_car_had_is_nobody_elses_until_nothing_flows() -> None:
    plan = settled([wants(1, 150), wants(2, 0)], SITE, Plan())
    stale = compute([drawing(1, 150, 90, stale=True), wants(2, 190)], SITE, plan, 2.0)
    assert [90, 50] == powers(stale, "assigned_w"), "150 of 200 kW stay counted although 90 flow"
    assert 150 * KW == stale.allocations[FIRST].reserved_w

    ended = [drawing(1, 0, 40, active=False), drawing(2, 190, 50)]
    falling = compute(ended, SITE, stale, 3.0)
    assert [0, 50] == powers(falling, "assigned_w")

    gone = compute([drawing(1, 0, 0, active=False), drawing(2, 190, 50)], SITE, falling, 4.0)
    assert [0, 190] == powers(gone, "assigned_w")


def test_a_car_that_is_heard_again_is_served_as_before() -> None:
    plan = settled([wants(1, 60)], SITE, Plan())
    stale = compute([drawing(1, 60, 60, stale=True)], SITE, plan, 2.0)
    heard = compute([drawing(1, 120, 60)], SITE, stale, 3.0)

    assert [120] == powers(heard, "assigned_w")
    assert not heard.allocations[FIRST].standing.held


# --- a modest car ----------------------------------------------------------------------------------------------------


def modest(measured_kw: float, seconds: float = 12.0) -> Plan:
    """Two cars that ask for all the site has; the first draws less than its half and no more."""
    demands = [drawing(1, 200, measured_kw), drawing(2, 200, 0)]
    plan, at_s = settled([wants(1, 200), wants(2, 200)], SITE, Plan()), 2.0
    while at_s < 2.0 + seconds:
        demands[1] = drawing(2, 200, powers(plan, "assigned_w")[1])
        plan = compute(demands, SITE, plan, at_s)
        at_s += 0.5
    return plan


@pytest.mark.parametrize(("measured_kw", "reserve_kw"), [(30, 35), (70, 77), (2, 7)])
def test_a_car_that_draws_less_than_it_may_keeps_a_reserve_and_the_rest_is_given_away(
    measured_kw: float, reserve_kw: float
) -> None:
    plan = modest(measured_kw)

    assert [reserve_kw, 200 - reserve_kw] == powers(plan, "assigned_w")
    assert OWN_DRAW == plan.allocations[FIRST].limited_by


def test_ten_seconds_must_pass_before_that() -> None:
    assert [100, 100] == powers(modest(30, seconds=9.5), "assigned_w")


def test_a_car_close_to_its_share_is_not_modest() -> None:
    assert [100, 100] == powers(modest(93), "assigned_w")


def test_a_car_that_comes_up_to_its_reserve_is_raised_at_the_next_plan() -> None:
    plan = modest(30)
    taking_more = compute([drawing(1, 200, 34.5), drawing(2, 200, 165)], SITE, plan, 20.0)
    assert [100, 100] == powers(taking_more, "allowed_w")

    slowly = compute([drawing(1, 200, 32), drawing(2, 200, 165)], SITE, plan, 20.0)
    assert [37, 163] == powers(slowly, "allowed_w"), "the reserve follows what is drawn"


def test_a_car_that_is_still_rising_is_not_modest() -> None:
    plan = settled([wants(1, 200), wants(2, 200)], SITE, Plan())
    for step in range(40):
        plan = compute([drawing(1, 200, 2.0 * step), drawing(2, 200, 100)], SITE, plan, 2.0 + 0.5 * step)
        assert [100, 100] == powers(plan, "allowed_w")


def test_the_reserve_is_never_less_than_is_useful() -> None:
    terms = rules(min_useful_w=20 * KW)
    plan = settled([wants(1, 150)], SITE, Plan(), terms)
    for at_s in range(2, 20):
        plan = compute([drawing(1, 150, 2)], SITE, plan, float(at_s), terms)

    assert [20] == powers(plan, "allowed_w")


# --- ramp and unknowns -----------------------------------------------------------------------------------------------


def test_nothing_is_handed_out_that_a_connector_cannot_ramp_up_to() -> None:
    terms = rules(ramp_a_per_s=25.0)
    rising = drawing(1, 150, 30, voltage_v=400.0)
    plan = compute([rising], SITE, Plan(), 0.0, terms)

    assert [150] == powers(plan, "allowed_w")
    assert [50] == powers(plan, "assigned_w"), "30 kW and two seconds of 25 A/s at 400 V"
    assert "ramp" == plan.allocations[FIRST].held_by
    assert [62] == powers(compute([attrs.evolve(rising, measured_w=42 * KW)], SITE, plan, 0.5, terms), "assigned_w")


def test_the_ramp_slows_no_cut() -> None:
    terms = rules(ramp_a_per_s=25.0)
    plan = settled([wants(1, 150)], SITE, Plan(), terms)

    assert [40] == powers(
        compute([drawing(1, 150, 150, voltage_v=400.0)], [limit("site", 40)], plan, 9.0, terms), "assigned_w"
    )


def test_fewer_modules_cut_what_is_assigned_and_leave_what_is_allowed() -> None:
    plan = settled([wants(1, 90)], SITE, Plan())
    lost = compute([drawing(1, 90, 90, capacity_w=60 * KW)], SITE, plan, 2.0)

    assert ([90], [60]) == (powers(lost, "allowed_w"), powers(lost, "assigned_w"))
    assert "modules" == lost.allocations[FIRST].held_by
    unknown = compute([drawing(1, 90, 90, capacity_w=math.nan)], SITE, plan, 2.0)
    assert [0] == powers(unknown, "assigned_w")


def test_a_limit_that_is_negative_allows_nothing() -> None:
    assert [0] == powers(compute([wants(1, 90)], [limit("site", -5)], Plan(), 0.0), "assigned_w")
