"""Claims about one connector's modules as one supply: set-points divided, outputs added up, limits held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.ports import PowerStage
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.infypower_wire import Bit
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint, StageRating
from jp_firmware.model.signals import Quality
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import PROFILE, Bench, RangeDriver


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


async def test_a_module_is_given_no_more_than_contactors_let_through(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    asked: list[dict[str, float]] = []
    stage.caps_a = lambda gives_a: asked.append(dict(gives_a)) or {bench.tasks[1].id: 30.0}  # type: ignore[func-returns-value]
    for _ in range(8):
        stage.apply(set_point(400, 150))
        await trio.sleep(0.5)

    assert {"module-1": 75.0, "module-2": 75.0} == asked[-1]
    assert (75.0, 30.0) == (bench.tasks[0].told_a, bench.tasks[1].told_a)


async def test_a_module_that_is_lost_still_counts_with_what_it_may_be_giving(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    for _ in range(8):
        stage.apply(set_point(400, 100))
        await trio.sleep(0.5)
    bench.fakes[1].silent = True
    await trio.sleep(4)
    assert not bench.tasks[1].usable

    assert stage.gives_a(400) == {"module-1": 75.0, "module-2": 75.0}
    await trio.sleep(20)
    assert stage.gives_a(400) == {"module-1": 75.0}


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


ROUNDED_A = 0.005  # a set-point has 1 mA


# --- rises wait for room ---


async def test_what_one_was_cut_by_is_given_to_another_once_it_was_measured_gone(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    first, second = bench.fakes
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)
    first.bits |= Bit.OVER_TEMPERATURE
    first.measured = wire.Output(400, 30)  # slow to let go
    await trio.sleep(0.6)
    stage.apply(set_point(400, 60))
    await trio.sleep(0.4)
    stage.apply(set_point(400, 60))
    assert 30 == second.set_current_a

    first.measured = None
    await trio.sleep(0.6)
    stage.apply(set_point(400, 60))
    assert 60 == second.set_current_a


async def test_a_cut_is_on_the_wire_at_once_and_the_rise_follows(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bench = Bench()
    for _ in range(2):
        bench.add(driver=RangeDriver())
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    for task in bench.tasks:
        nursery.start_soon(task.run, pulse(task.run))
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)
    bench.fakes[1].available_a = 10
    await trio.sleep(1)
    sent = len(bench.memory.sent)
    stage.apply(set_point(400, 60))

    assert [30, 10] == [round(fake.set_current_a) for fake in bench.fakes]
    assert 1 == len(bench.memory.sent) - sent, "the rise waits for a measurement"
    await trio.sleep(0.3)
    stage.apply(set_point(400, 60))
    assert [50, 10] == [round(fake.set_current_a) for fake in bench.fakes], "it is cut no further than it must be"
    for _ in range(10):
        await trio.sleep(0.1)
        stage.apply(set_point(400, 60))
    assert [53, 7] == [round(fake.set_current_a) for fake in bench.fakes]
    nursery.cancel_scope.cancel()


# --- start and stop ---


async def test_modules_start_one_after_the_other_where_their_inrush_demands_it_and_stop_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bench, profile = Bench(), attrs.evolve(PROFILE, start_stagger_s=0.7)
    for _ in range(4):
        bench.add(profile=profile)
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    for task in bench.tasks:
        nursery.start_soon(task.run, pulse(task.run))
    stage = stage_of(bench)
    await trio.sleep(1)
    for _ in range(80):
        stage.apply(set_point(400, 200))
        assert sum(fake.set_current_a for fake in bench.fakes if fake.on) <= 200 + ROUNDED_A
        await trio.sleep(0.1)

    starts = [at_s for fake in bench.fakes for at_s, order in fake.orders if order == "on"]
    assert 4 == len(starts)
    assert all(0.7 <= later - earlier < 1.1 for earlier, later in pairwise(starts)), "room is made for it first"
    assert [50] * 4 == [round(fake.set_current_a) for fake in bench.fakes]
    stage.off()
    assert [False] * 4 == [fake.on for fake in bench.fakes]
    nursery.cancel_scope.cancel()


# --- what modules can ---


async def test_different_ratings_of_one_family_work_at_the_same_part_of_what_they_can(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.fakes[1].ratings = wire.Ratings(1000, 150, 67, 20_000)
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 100))

    assert [60, 40] == [round(fake.set_current_a) for fake in bench.fakes]
    assert 50_000 == stage.rating.max_power_w


async def test_a_target_far_above_the_battery_costs_no_power(bench: Bench, autojump_clock: MockClock) -> None:
    """Cars name the voltage they end at; what their modules can is decided by the voltage at which current flows."""
    stage = stage_of(bench)
    await trio.sleep(1)
    for fake in bench.fakes:
        fake.measured = wire.Output(600, 40)
    stage.apply(set_point(900, 20))
    await trio.sleep(1)
    stage.apply(set_point(900, 100))
    await trio.sleep(1)
    stage.apply(set_point(900, 100))

    assert [50, 50] == [round(fake.set_current_a) for fake in bench.fakes]
    assert [900, 900] == [fake.set_voltage_v for fake in bench.fakes]


async def test_heat_reaches_the_rating_and_the_others_take_over(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bench, profile = Bench(), attrs.evolve(PROFILE, derate_from_c=55, derate_to_c=75)
    for _ in range(2):
        bench.add(profile=profile)
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    for task in bench.tasks:
        nursery.start_soon(task.run, pulse(task.run))
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(300, 100))
    bench.fakes[0].ambient_c = 70
    await trio.sleep(1)

    assert 125 == stage.rating.max_current_a
    assert 37_500 == stage.rating.max_power_w
    status = bench.tasks[0].status.signal.value
    assert status is not None
    assert "held to 25% for its temperature" in status.notes
    for _ in range(10):
        stage.apply(set_point(300, 100))
        await trio.sleep(0.1)
    assert [20, 80] == [round(fake.set_current_a) for fake in bench.fakes]
    nursery.cancel_scope.cancel()


async def test_what_a_module_has_available_reaches_the_rating_until_it_is_switched(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bench = Bench()
    fake, task = bench.add(driver=RangeDriver())
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(task.run, pulse(task.run))
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(300, 100))
    fake.available_a = 40
    await trio.sleep(1)
    assert 40 == stage.rating.max_current_a
    stage.apply(set_point(300, 100))
    assert 40 == fake.set_current_a

    fake.available_a = 0  # its way to say that it is off
    stage.off()
    assert 100 == stage.rating.max_current_a
    nursery.cancel_scope.cancel()


async def test_a_module_that_delivers_less_than_its_share_has_it_given_to_others(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    for fake in bench.fakes:
        fake.load_v = 380
    bench.fakes[0].most_a = 12
    await trio.sleep(1)
    for _ in range(60):
        stage.apply(set_point(400, 60))
        await trio.sleep(0.1)

    assert [8, 52] == [round(fake.output().current_a) for fake in bench.fakes], "the same part of what each can"
    assert 112 == stage.rating.max_current_a
    assert "delivers 12.0 A of the 30.0 A it was told" == bench.faults.standing["PM-12", "module-1"]
    bench.fakes[0].most_a = None
    for _ in range(400):
        stage.apply(set_point(400, 60))
        await trio.sleep(0.1)
    assert {} == bench.faults.standing
    assert [30, 30] == [round(fake.set_current_a) for fake in bench.fakes]


async def test_at_its_voltage_nobody_is_short(bench: Bench, autojump_clock: MockClock) -> None:
    stage = stage_of(bench)
    for fake in bench.fakes:
        fake.most_a = 12  # all that the load takes at 400 V
    await trio.sleep(1)
    for _ in range(60):
        stage.apply(set_point(400, 60))
        await trio.sleep(0.1)

    assert {} == bench.faults.standing
    assert [30, 30] == [fake.set_current_a for fake in bench.fakes]


# --- silence ---


async def test_a_lower_limit_while_a_module_is_silent_cuts_the_others_by_all_of_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    stage = stage_of(bench)
    await trio.sleep(1)
    stage.apply(set_point(400, 60))
    await trio.sleep(1)
    bench.fakes[1].silent = True
    await trio.sleep(1)
    sent = len(bench.memory.sent)
    stage.apply(set_point(400, 40))

    assert 10 == bench.fakes[0].set_current_a, "30 A of the 40 A may flow already"
    assert 2 == len(bench.memory.sent) - sent, "one cut and one OFF, inside the call"
    for _ in range(80):
        stage.apply(set_point(400, 40))
        await trio.sleep(0.1)
        assert 10 == bench.fakes[0].set_current_a
    await trio.sleep(3)
    stage.apply(set_point(400, 40))
    assert 40 == bench.fakes[0].set_current_a
