"""Claims about how a stage's current is divided among its modules."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.modules.sharing import (
    CORNER_STEP_V,
    HANDOVER_PART,
    JOIN_FACTOR,
    Member,
    corner_v,
    rises_within,
    split,
)
from jp_firmware.model.power import StageRating


def member(max_current_a: float = 100, max_power_w: float = 30_000, *, on: bool = False, slow: bool = False) -> Member:
    rating = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=max_current_a, max_power_w=max_power_w)
    return Member(rating=rating, min_current_a=1.0, on=on, starting=slow)


members = st.lists(
    st.builds(member, st.floats(5, 200), st.floats(5000, 60_000), on=st.booleans(), slow=st.booleans()),
    min_size=1,
    max_size=6,
)


@given(st.floats(150, 1000), st.floats(0, 2000), members)
def test_no_member_above_its_limit_and_no_more_than_asked_for(
    voltage_v: float, current_a: float, among: list[Member]
) -> None:
    shares = split(voltage_v, current_a, among)

    assert len(shares) == len(among)
    for share_a, one in zip(shares, among, strict=True):
        assert share_a == 0 or 1.0 <= share_a <= one.rating.current_limit_a(voltage_v) * (1 + 1e-9)
    assert sum(shares) <= max(current_a, 1.0) * (1 + 1e-9)


@given(st.floats(150, 1000), st.floats(0, 1), members)
def test_everything_that_can_be_delivered_is(voltage_v: float, part: float, among: list[Member]) -> None:
    most_a = sum(one.rating.current_limit_a(voltage_v) for one in among)
    asked_a = most_a * (0.5 + part)

    assert sum(split(voltage_v, asked_a, among)) == pytest.approx(min(asked_a, most_a))


def test_shares_follow_what_each_can_deliver() -> None:
    assert [30, 15] == split(300, 45, [member(100, 30_000), member(50, 15_000)])
    assert [30, 30] == split(1000, 500, [member(), member()]), "constant power above the corner"


def test_a_small_current_comes_from_few_and_from_those_that_are_on() -> None:
    assert [1.2, 0] == split(400, 1.2, [member(), member()])
    assert [0, 1.2] == split(400, 1.2, [member(), member(on=True)])
    assert [1.2, 1.2] == split(400, 2.4, [member(on=True), member(on=True)])


def test_a_current_at_the_edge_toggles_nobody() -> None:
    one_on = [member(on=True), member()]
    both_on = [member(on=True), member(on=True)]

    assert 0 == split(400, 2 * JOIN_FACTOR - 0.1, one_on)[1]
    assert 0 < split(400, 2 * JOIN_FACTOR + 0.1, one_on)[1]
    assert 0 < split(400, 2.1, both_on)[1]


def test_less_than_a_module_can_be_set_to_is_that_from_one_and_nothing_is_nothing() -> None:
    assert [1.0, 0] == split(400, 0.3, [member(), member()])
    assert [0, 0] == split(400, 0, [member(), member()])
    assert [0, 0] == split(400, -5, [member(), member()])
    assert [] == split(400, 5, [])


# --- starting ---


def test_those_that_deliver_carry_the_current_while_others_start() -> None:
    assert [59, 1] == split(400, 60, [member(on=True), member()]), "one that is off is only asked to start"
    assert [59, 1] == split(400, 60, [member(on=True), member(on=True, slow=True)])
    assert [30, 30] == split(400, 60, [member(on=True), member(on=True)])


def test_what_those_that_deliver_cannot_carry_is_left_to_the_starting() -> None:
    assert [75, 25] == split(400, 100, [member(on=True), member()])
    assert [75, 75] == split(400, 400, [member(on=True), member()])


def newcomer(told_a: float, delivered_a: float) -> Member:
    return attrs.evolve(member(on=True), told_a=told_a, delivered_a=delivered_a)


def test_a_newcomer_is_given_a_step_more_than_it_has_shown_and_the_others_let_go_of_no_more() -> None:
    step_a = HANDOVER_PART * 75

    assert [58.75 - step_a, 1.25 + step_a] == pytest.approx(split(400, 60, [member(on=True), newcomer(1.25, 1.25)]))
    assert [35, 25] == split(400, 60, [member(on=True), newcomer(25, 12)]), "what it is told already, it keeps"
    assert [30, 30] == split(400, 60, [member(on=True), newcomer(27, 27)])


def test_a_rise_that_is_a_rise_for_all_takes_no_steps() -> None:
    assert [60, 60] == split(400, 120, [newcomer(10, 10), newcomer(10, 8)])
    assert [75, 45] == split(400, 120, [newcomer(75, 75), newcomer(5, 5)]), "nobody is cut for it"


@given(st.floats(150, 1000), st.floats(0, 2000), members, st.lists(st.floats(0, 200), min_size=6, max_size=6))
def test_the_sum_is_the_same_whatever_they_have_shown(
    voltage_v: float, current_a: float, among: list[Member], shown_a: list[float]
) -> None:
    shy = [
        attrs.evolve(one, told_a=min(told_a, 5.0), delivered_a=told_a)
        for one, told_a in zip(among, shown_a, strict=False)
    ]

    assert sum(split(voltage_v, current_a, among)) == pytest.approx(sum(split(voltage_v, current_a, shy)))


def test_when_nobody_delivers_yet_all_are_given_their_shares_at_once() -> None:
    assert [30, 30] == split(400, 60, [member(), member(on=True, slow=True)])


def test_a_module_derated_below_its_smallest_current_gets_nothing() -> None:
    assert [0, 10] == split(400, 10, [member(0.5), member()])
    assert [0] == split(400, 10, [member(0)])


# --- rises ---

currents = st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), max_size=6)


@given(st.floats(-100, 500), currents)
def test_rises_fit_into_the_room_and_cuts_need_none(room_a: float, pairs: list[tuple[float, float]]) -> None:
    carried, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    granted = rises_within(room_a, carried, wanted)

    assert sum(max(0, grant - has) for grant, has in zip(granted, carried, strict=True)) <= max(0, room_a) + 1e-5
    for grant, has, want in zip(granted, carried, wanted, strict=True):
        assert grant <= want
        assert grant == want or grant >= has - 1e-9


def test_room_is_shared_in_proportion_to_what_is_missing() -> None:
    assert [15, 20] == pytest.approx(rises_within(15, [10, 10], [20, 30]))
    assert [20, 30] == rises_within(30, [10, 10], [20, 30])
    assert [10, 10] == rises_within(-5, [10, 10], [20, 30])


@given(st.floats(1, 1000), st.floats(0, 1000, allow_subnormal=False))
def test_power_has_its_corner_where_current_flows_never_above_the_set_point(set_v: float, measured_v: float) -> None:
    at_v = corner_v(set_v, measured_v)

    assert min(set_v, measured_v) <= at_v <= min(set_v, measured_v + CORNER_STEP_V)


def test_a_slowly_rising_battery_is_no_new_corner_at_each_measurement() -> None:
    assert len({corner_v(900, 700.0 + step * 0.05) for step in range(100)}) <= 4
