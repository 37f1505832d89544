"""Claims about dividing a set-point among modules and adding their outputs up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.charging.ports import PowerStage
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.infypower_wire import Bit
from jp_firmware.hw.modules.sharing import JOIN_FACTOR, Member, split
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint, StageRating
from jp_firmware.model.signals import Quality
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import Bench


def member(max_current_a: float = 100, max_power_w: float = 30_000, *, on: bool = False) -> Member:
    rating = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=max_current_a, max_power_w=max_power_w)
    return Member(rating=rating, min_current_a=1.0, on=on)


members = st.lists(
    st.builds(member, st.floats(5, 200), st.floats(5000, 60_000), on=st.booleans()), min_size=1, max_size=6
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


# --- the stage ---


@pytest.fixture
async def bench(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    """Two modules that are up."""
    bench = Bench()
    bench.add()
    bench.add()
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    for task in bench.tasks:
        nursery.start_soon(task.run, pulse(task.run))
    yield bench
    nursery.cancel_scope.cancel()


def stage_of(bench: Bench) -> Stage:
    return Stage(ConnectorId(1), bench.tasks)


def set_point(voltage_v: float, current_a: float, for_s: float = 60) -> SetPoint:
    return SetPoint(voltage_v=voltage_v, current_a=current_a, expires_at_s=trio.current_time() + for_s)


def test_it_is_a_power_stage() -> None:
    stage: PowerStage = Stage(ConnectorId(1), ())

    assert Quality.MISSING is stage.output.signal.quality
    assert StageRating() == stage.rating


async def test_rating_counts_only_usable_modules(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    assert StageRating() == stage.rating
    bench.fakes[1].ratings = wire.Ratings(750, 200, 60, 20_000)
    await trio.sleep(1)
    assert stage.rating == StageRating(max_voltage_v=750, min_voltage_v=200, max_current_a=160, max_power_w=50_000)

    bench.fakes[1].bits |= Bit.OVER_TEMPERATURE
    await trio.sleep(1)
    assert 100 == stage.rating.max_current_a
    bench.fakes[0].silent = True
    await trio.sleep(2)
    assert StageRating() == stage.rating


async def test_apply_is_on_the_wire_when_it_returns_and_the_output_adds_up(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    assert [(True, 30), (True, 30)] == [(fake.on, fake.set_current_a) for fake in bench.fakes]

    await trio.sleep(1)
    output = stage.output.fresh(trio.current_time(), 0.5)
    assert output is not None
    assert (400, 60, 2) == (output.voltage_v, output.current_a, output.modules_on)
    assert 24_000 == output.power_w


async def test_a_small_set_point_leaves_one_module_and_zero_leaves_none(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    stage.apply(set_point(400, 1.5))
    assert [True, False] == [fake.on for fake in bench.fakes]
    stage.apply(set_point(400, 0))
    assert [False, False] == [fake.on for fake in bench.fakes]


async def test_off_reaches_every_module_even_one_that_is_not_heard(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    bench.fakes[1].silent = True
    await trio.sleep(1)
    sent = len(bench.memory.sent)
    stage.off()

    assert ["029A00F0#0100000000000000", "029A01F0#0100000000000000"] == bench.memory.texts()[sent:]
    assert not bench.fakes[0].on


async def test_an_unrenewed_set_point_ends_with_all_modules_off(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60, for_s=0.7))
    await trio.sleep(0.8)

    assert [False, False] == [fake.on for fake in bench.fakes]


async def test_a_module_that_may_feed_unheard_counts_with_its_last_order_which_is_not_handed_on(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)
    bench.fakes[1].silent = True
    await trio.sleep(1.5)
    assert Quality.GOOD is stage.output.signal.quality, "the other one is heard, and knows the voltage"
    assert 60 == (stage.output.signal.value and stage.output.signal.value.current_a)

    stage.apply(set_point(400, 60))
    assert 30 == bench.fakes[0].set_current_a, "the other 30 A may still flow"
    stage.apply(set_point(400, 20))
    assert not bench.fakes[0].on, "30 A may flow already where 20 A are wanted"

    await trio.sleep(11)
    assert 0 == (stage.output.signal.value and stage.output.signal.value.current_a)
    stage.apply(set_point(400, 60))
    assert 60 == bench.fakes[0].set_current_a, "its own switch-off time is over"


async def test_output_is_stale_when_no_module_is_heard(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)
    for fake in bench.fakes:
        fake.silent = True
    await trio.sleep(1.5)

    assert Quality.STALE is stage.output.signal.quality


async def test_an_idle_module_that_falls_silent_costs_nothing(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    bench.fakes[1].silent = True
    await trio.sleep(3)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)

    assert Quality.GOOD is stage.output.signal.quality
    assert 60 == (stage.output.signal.value and stage.output.signal.value.current_a)


async def test_a_faulty_module_is_left_out(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    bench.fakes[0].bits |= Bit.OVER_TEMPERATURE
    await trio.sleep(1)
    stage.apply(set_point(400, 60))

    assert [False, True] == [fake.on for fake in bench.fakes]
    assert 30 == bench.fakes[1].set_current_a, "what the other one delivered may still flow"
    await trio.sleep(0.5)
    stage.apply(set_point(400, 60))
    assert 60 == bench.fakes[1].set_current_a


async def test_an_off_stage_reports_the_voltage_it_sees(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    bench.fakes[0].measured = wire.Output(387.0, 0)
    await trio.sleep(1)

    assert stage.output.signal.value is not None
    assert (387.0, 0, 0) == (
        stage.output.signal.value.voltage_v,
        stage.output.signal.value.current_a,
        stage.output.signal.value.modules_on,
    )
