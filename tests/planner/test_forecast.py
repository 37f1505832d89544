"""The quarter of an hour ahead, headroom, and the building's load: numbers for people, and limits that fall by age."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import SiteMeter
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Plan
from jp_firmware.planner.building import building_limit
from jp_firmware.planner.forecast import (
    MEDIAN,
    UPPER,
    Arrivals,
    Arriving,
    Curve,
    Outlook,
    forecast,
    hour_of_week,
    outlook_of,
)
from jp_firmware.planner.headroom import headroom
from jp_firmware.planner.planner import compute
from tests.planner.scenes import KW, limit, powers, rules, settled, wants

METER = SiteMeter(wire="w", watchdog_s=10.0, fallback_w=120 * KW, includes_chargers=True)


# --- forecast --------------------------------------------------------------------------------------------------------


def test_an_empty_car_goes_on_as_it_is_and_a_full_one_fades() -> None:
    ahead = forecast([Outlook(power_w=50 * KW, soc_percent=20)])
    assert ahead.p50_w[0] == ahead.p50_w[-1] == 50 * KW

    fading = forecast([Outlook(power_w=50 * KW, soc_percent=75)])
    assert 50 * KW == fading.p50_w[0] > fading.p50_w[2] > fading.p50_w[-1] > 0
    assert fading.p50_w[0] == fading.p90_w[0], "what it takes now is known"
    assert fading.p50_w[-1] < fading.p90_w[-1] <= 50 * KW


def test_a_known_car_follows_its_own_curve() -> None:
    """100 kW up to 50 %, then 20 kW: 20 kWh to go at 100 kW are twelve minutes."""
    curve = Curve((0, 49.9, 50, 100), (100 * KW, 100 * KW, 20 * KW, 20 * KW))
    car = Outlook(power_w=100 * KW, soc_percent=30, curve=curve, battery_wh=100_000.0)
    ahead = forecast([car])

    assert [100 * KW] * 4 + [20 * KW] * 2 == pytest.approx(ahead.p50_w)
    assert ahead.p50_w == pytest.approx(ahead.p90_w)


def test_a_full_battery_and_an_unknown_one() -> None:
    full = forecast([Outlook(power_w=10 * KW, soc_percent=100)])
    unknown = forecast([Outlook(power_w=60 * KW)])

    assert 0 == full.peak_p90_w
    assert {60 * KW} == set(unknown.p50_w) == set(unknown.p90_w)


def test_cars_are_independent_and_arrivals_add_to_both() -> None:
    car = Outlook(power_w=50 * KW, soc_percent=70)
    one, four = forecast([car]), forecast([car] * 4)
    spread = [upper - middle for middle, upper in zip(one.p50_w, one.p90_w, strict=True)]

    assert [2 * each for each in spread] == pytest.approx(
        [upper - middle for middle, upper in zip(four.p50_w, four.p90_w, strict=True)]
    )
    busy = forecast([], Arriving(count=2.0, power_w=80 * KW))
    assert (0, 160 * KW) == (busy.p50_w[0], busy.p50_w[-1])
    assert busy.p90_w[-1] == pytest.approx(160 * KW + 1.2816 * math.sqrt(2.0) * 80 * KW)


def test_short_by_is_what_the_worst_p90_lies_above_the_limit() -> None:
    ahead = forecast([Outlook(power_w=100 * KW, soc_percent=20)] * 3)

    assert 100 * KW == ahead.short_by_w(Plan(site_limit_w=200 * KW))
    assert 110 * KW == ahead.short_by_w(Plan(site_limit_w=200 * KW, reserve_w=10 * KW))
    assert 0 == ahead.short_by_w(Plan(site_limit_w=300 * KW))


def test_no_more_cars_are_expected_than_there_are_places_for() -> None:
    many = Arriving(count=6.0, power_w=80 * KW)

    two = forecast([], many, places=2)
    assert (2, 160 * KW, 160 * KW) == (two.arrivals, two.peak_p50_w, two.peak_p90_w)
    none = forecast([Outlook(power_w=50 * KW, soc_percent=20)], many, places=0)
    assert {50 * KW} == set(none.p50_w) == set(none.p90_w)


def test_arrivals_of_made_up_weeks() -> None:
    """Four cars every Monday at 17, week after week; a week that is a half-life older counts half."""
    steady = Arrivals.of({(17, ago): 4 for ago in range(8)}, 8, 60 * KW)
    assert 4 == pytest.approx(steady.per_hour[17])
    assert 0 == steady.per_hour[18]

    lately = Arrivals.of({(17, ago): 4 for ago in range(4)}, 8, 60 * KW)
    assert 4 * 2 / 3 == pytest.approx(lately.per_hour[17])
    gone = Arrivals.of({(17, ago): 4 for ago in range(4, 8)}, 8, 60 * KW)
    assert 4 / 3 == pytest.approx(gone.per_hour[17])


def test_within_a_quarter_of_an_hour_the_next_hour_begins() -> None:
    arrivals = Arrivals.of({(17, 0): 4, (18, 0): 8, (0, 0): 12}, 1, 60 * KW)

    assert Arriving(count=1.0, power_w=60 * KW) == arrivals.expected(17.0)
    assert (4 * 5 + 8 * 10) / 60 == pytest.approx(arrivals.expected(17 + 55 / 60).count)
    assert 12 * 0.25 == pytest.approx(arrivals.expected(167.99999).count, rel=1e-3), "Monday follows Sunday"


def test_a_journal_younger_than_a_week_expects_nobody() -> None:
    assert 0 == Arrivals.of({(17, 0): 4}, 0, 60 * KW).expected(17.0).count


def test_the_week_begins_on_monday_at_midnight() -> None:
    assert 0 == hour_of_week(datetime(2026, 11, 16, tzinfo=UTC))
    assert 167.5 == hour_of_week(datetime(2026, 11, 22, 23, 30, tzinfo=UTC))


def test_the_outlook_of_a_connector() -> None:
    plan = compute([wants(1, 90)], [limit("site", 300)], Plan(), 0.0)
    modest = attrs.evolve(plan.allocations[ConnectorId(1)], limited_by="the car's own draw")
    car = wants(1, 190, offered_w=150 * KW, measured_w=40 * KW, soc_percent=55.0)

    assert outlook_of(attrs.evolve(car, active=False), None) is None
    assert outlook_of(car, None) == Outlook(power_w=150 * KW, soc_percent=55.0, most_w=150 * KW)
    assert outlook_of(car, modest) == Outlook(power_w=40 * KW, soc_percent=55.0, most_w=150 * KW)
    unknown = outlook_of(attrs.evolve(car, requested_w=math.nan), None)
    assert unknown is not None
    assert 0 == unknown.power_w


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 400_000), st.none() | st.floats(0, 100), st.floats(0, 400_000)), max_size=6),
    st.floats(0, 5),
)
def test_p90_is_never_below_p50_and_nothing_exceeds_what_connectors_can_give(
    rows: list[tuple[float, float | None, float]], arrivals: float
) -> None:
    cars = [Outlook(power_w=power_w, soc_percent=soc, most_w=most_w) for power_w, soc, most_w in rows]
    ahead = forecast(cars, Arriving(count=arrivals, power_w=80 * KW))

    for middle, upper in zip(ahead.p50_w, ahead.p90_w, strict=True):
        assert 0 <= middle <= upper * (1 + 1e-9) + 1e-6
        assert math.isfinite(upper)
        assert middle <= sum(car.most_w for car in cars) + arrivals * 80 * KW + 1e-3


def test_the_class_curves_never_rise_and_the_upper_one_lies_above() -> None:
    for low, high in zip(range(100), range(1, 101), strict=True):
        assert MEDIAN.at(high) <= MEDIAN.at(low)
        assert MEDIAN.at(high) <= UPPER.at(high)


# --- headroom --------------------------------------------------------------------------------------------------------


def test_headroom_counts_the_larger_of_assigned_and_measured() -> None:
    """E6's table: 300 kW less 56, 76 and 100 kW are 68 kW."""
    demands = [wants(n, kw, capacity_w=kw * KW) for n, kw in ((1, 56), (2, 76), (3, 100))]
    plan = compute(demands, [limit("site", 300)], Plan(), 0.0)
    assert (68 * KW, 232 / 300) == (headroom(plan).headroom_w, headroom(plan).utilisation)

    over = compute([attrs.evolve(demands[0], measured_w=90 * KW), *demands[1:]], [limit("site", 300)], plan, 0.5)
    assert 34 * KW == headroom(over).headroom_w


def test_short_by_is_what_cars_ask_for_beyond_what_is_allowed() -> None:
    demands = [wants(1, 90, offered_w=60 * KW), wants(2, 90), wants(3, 90, active=False)]

    assert 50 * KW == headroom(compute(demands, [limit("site", 100)], Plan(), 0.0)).short_by_w
    assert 0 == headroom(compute(demands, [limit("site", 200)], Plan(), 0.0)).short_by_w


def test_headroom_leaves_the_reserve_out_and_is_told_as_negative_when_too_much_flows() -> None:
    terms = rules(reserve_w=20 * KW)
    plan = compute([wants(1, 50)], [limit("site", 100)], Plan(), 0.0, terms)
    assert 30 * KW == headroom(plan).headroom_w

    cut = compute([wants(1, 50, measured_w=50 * KW)], [limit("site", 40)], plan, 0.5, terms)
    assert -30 * KW == headroom(cut).headroom_w
    assert 0 == headroom(compute([wants(1, 50)], [], Plan(), 0.0)).utilisation


# --- the building ----------------------------------------------------------------------------------------------------


def test_a_reading_counts_until_it_is_too_old_and_then_the_fallback_does() -> None:
    building = building_limit(300 * KW, METER, 130 * KW, 50 * KW, read_at_s=100.0)

    assert (220 * KW, 180 * KW) == (building.value_at(109.9), building.value_at(110.0))
    assert "the building takes 80.0 kW" == building.reason


@pytest.mark.parametrize(
    ("power_kw", "chargers_kw", "expected_kw"),
    [
        pytest.param(400, 0, 0, id="a building that takes all leaves nothing"),
        pytest.param(20, 50, 300, id="chargers measured a little high leave no negative building"),
        pytest.param(-80, 0, 300, id="what is fed in gives nobody more"),
        pytest.param(100, math.nan, 200, id="chargers that nobody measured count as building"),
        pytest.param(math.nan, 50, 180, id="a reading that is no number is none"),
    ],
)
def test_doubtful_readings_never_give_more(power_kw: float, chargers_kw: float, expected_kw: float) -> None:
    assert expected_kw * KW == building_limit(300 * KW, METER, power_kw * KW, chargers_kw * KW, 0.0).value_at(1.0)


def test_the_planner_obeys_it_beside_the_sites_own_limit() -> None:
    building = building_limit(300 * KW, METER, 130 * KW, 50 * KW, 0.0)
    plan = settled([wants(1, 500)], [limit("site", 300), building], Plan())

    assert [220] == powers(plan, "assigned_w")
    assert "site meter" == plan.allocations[ConnectorId(1)].limited_by
