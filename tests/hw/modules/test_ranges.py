"""Claims about modules with two output ranges: chosen while off, for a session, believed only when reported."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.driver import ModuleProfile
from jp_firmware.hw.modules.infypower_wire import Bit
from jp_firmware.hw.modules.ranges import TRIES
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import PROFILE, TWO_RANGES, Bench, FakeModule, RangeDriver

SETTLE_S = TWO_RANGES.range_settle_s


@attrs.define(eq=False)
class Cabinet:
    """Two modules that are up, and their stage."""

    bench: Bench
    nursery: trio.Nursery
    stage: Stage = attrs.field(init=False)

    async def start(self, *fakes: FakeModule, profile: ModuleProfile = TWO_RANGES) -> None:
        for fake in fakes:
            _, task = self.bench.add(fake, profile, RangeDriver())
            self.nursery.start_soon(task.run, pulse(task.run))
        self.stage = Stage(ConnectorId(1), self.bench.tasks)
        await trio.sleep(SETTLE_S + 1)  # off for long enough

    def apply(self, voltage_v: float, current_a: float, for_s: float = 60) -> None:
        at_s = trio.current_time() + for_s
        self.stage.apply(SetPoint(voltage_v=voltage_v, current_a=current_a, expires_at_s=at_s))


@pytest.fixture
async def cabinet(nursery: trio.Nursery) -> AsyncIterator[Cabinet]:
    bench = Bench()
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    yield Cabinet(bench, nursery)
    nursery.cancel_scope.cancel()


def selections(fake: FakeModule) -> list[str]:
    return [order for _, order in fake.orders if "range" in order]


async def test_the_cars_maximum_voltage_chooses_the_range(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    await cabinet.start(FakeModule(0), FakeModule(1, high=False))
    cabinet.stage.prepare(450)
    await trio.sleep(0.6)
    assert [False, False] == [fake.high for fake in cabinet.bench.fakes]
    assert [["low range"], []] == [selections(fake) for fake in cabinet.bench.fakes], "one had it already"

    await trio.sleep(5)
    cabinet.stage.prepare(None)
    cabinet.stage.prepare(920)
    await trio.sleep(0.6)
    assert [True, True] == [fake.high for fake in cabinet.bench.fakes]


async def test_while_its_range_settles_a_module_is_not_used_and_not_blamed(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0), FakeModule(1))
    cabinet.stage.prepare(450)
    selected_s = trio.current_time()
    cabinet.apply(400, 60)
    await trio.sleep(1.5)
    cabinet.apply(400, 60)

    assert [False, False] == [fake.on for fake in cabinet.bench.fakes]
    assert 60_000 == cabinet.stage.rating.max_power_w
    assert 500 == cabinet.stage.rating.max_voltage_v, "of the range to come"
    assert {} == cabinet.bench.faults.standing
    while not cabinet.bench.fakes[0].on:
        await trio.sleep(0.1)
        cabinet.apply(400, 60)
    assert SETTLE_S <= trio.current_time() - selected_s < SETTLE_S + 1


async def test_a_module_that_was_just_on_rests_before_its_range_changes(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0))
    cabinet.apply(400, 60)
    await trio.sleep(1)
    cabinet.stage.off()
    off_s = trio.current_time()
    cabinet.stage.prepare(450)
    await trio.sleep(5)

    (changed_s,) = [at_s for at_s, order in cabinet.bench.fakes[0].orders if "range" in order]
    assert SETTLE_S <= changed_s - off_s < SETTLE_S + 0.6


async def test_a_module_that_is_on_keeps_its_range(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    await cabinet.start(FakeModule(0))
    cabinet.apply(400, 60)
    await trio.sleep(1)
    assert not cabinet.bench.tasks[0].choose_range(450)
    cabinet.stage.prepare(450)
    await trio.sleep(10)

    assert cabinet.bench.fakes[0].on
    assert [] == selections(cabinet.bench.fakes[0])


async def test_a_pause_in_a_session_changes_nothing(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    fake = FakeModule(0, stuck_range=True)
    await cabinet.start(fake)
    cabinet.stage.prepare(450)
    await trio.sleep(SETTLE_S * (TRIES + 2))
    cabinet.apply(400, 40)
    await trio.sleep(1)
    cabinet.stage.off()
    fake.stuck_range = False
    told = len(selections(fake))
    await trio.sleep(30)

    assert told == len(selections(fake))


async def test_rating_and_set_points_are_those_of_the_range_it_reports(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0))
    cabinet.stage.prepare(920)
    await trio.sleep(1)
    assert (1000, 50) == (cabinet.stage.rating.max_voltage_v, cabinet.stage.rating.max_current_a)
    cabinet.apply(400, 90)
    assert 50 == cabinet.bench.fakes[0].set_current_a
    cabinet.stage.off()
    cabinet.stage.prepare(450)
    await trio.sleep(2 * SETTLE_S + 2)

    assert (500, 100) == (cabinet.stage.rating.max_voltage_v, cabinet.stage.rating.max_current_a)
    cabinet.apply(700, 20)
    assert 500 == cabinet.bench.fakes[0].set_voltage_v


async def test_between_sessions_all_that_its_ranges_can_is_offered(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    await cabinet.start(FakeModule(0, high=False))
    assert 1000 == cabinet.stage.rating.max_voltage_v, "the next car may want it"
    cabinet.apply(700, 20)

    assert 500 == cabinet.bench.fakes[0].set_voltage_v, "yet what it is set to is what it can do now"


async def test_one_that_stays_below_the_cars_voltage_is_left_out_with_a_remedy_and_the_session_goes_on(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0), FakeModule(1, high=False, stuck_range=True))
    cabinet.stage.prepare(920)
    await trio.sleep(TRIES * SETTLE_S + 2)

    assert TRIES == len(selections(cabinet.bench.fakes[1]))
    said = "stays in its low range, the high one was chosen while it was off"
    assert {("PM-16", "module-2"): said} == cabinet.bench.faults.standing
    assert (1000, 30_000) == (cabinet.stage.rating.max_voltage_v, cabinet.stage.rating.max_power_w)
    cabinet.apply(700, 30)
    assert [True, False] == [fake.on for fake in cabinet.bench.fakes]

    cabinet.stage.off()
    cabinet.stage.prepare(None)
    cabinet.bench.fakes[1].stuck_range = False
    cabinet.stage.prepare(920)
    await trio.sleep(2 * SETTLE_S + 2)
    assert {} == cabinet.bench.faults.standing
    assert 60_000 == cabinet.stage.rating.max_power_w


async def test_one_that_stays_in_the_high_range_serves_with_what_that_can(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0, stuck_range=True))
    cabinet.stage.prepare(450)
    await trio.sleep(TRIES * SETTLE_S + 2)
    cabinet.apply(400, 90)

    assert ("PM-16", "module-1") in cabinet.bench.faults.standing
    assert cabinet.bench.fakes[0].on
    assert 50 == cabinet.bench.fakes[0].set_current_a


async def test_a_module_that_comes_back_in_a_session_takes_the_sessions_range_first(
    cabinet: Cabinet, autojump_clock: MockClock
) -> None:
    await cabinet.start(FakeModule(0))
    fake, task = cabinet.bench.add(FakeModule(1), TWO_RANGES, RangeDriver())
    stage = cabinet.stage = Stage(ConnectorId(1), cabinet.bench.tasks)
    stage.prepare(450)
    await trio.sleep(4)
    cabinet.apply(400, 60)
    cabinet.nursery.start_soon(task.run, pulse(task.run))
    await trio.sleep(1)
    cabinet.apply(400, 60)
    assert not fake.on
    await trio.sleep(2 * SETTLE_S + 1)
    for _ in range(4):  # the other one makes room first
        cabinet.apply(400, 60)
        await trio.sleep(0.1)

    assert ["low range"] == selections(fake)
    assert fake.on


async def test_a_module_with_one_range_is_never_asked(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    await cabinet.start(FakeModule(0), profile=PROFILE)
    cabinet.stage.prepare(450)
    await trio.sleep(5)
    cabinet.apply(800, 20)

    assert [] == selections(cabinet.bench.fakes[0])
    assert 800 == cabinet.bench.fakes[0].set_voltage_v


async def test_off_is_not_held_up_by_a_choice_of_range(cabinet: Cabinet, autojump_clock: MockClock) -> None:
    await cabinet.start(FakeModule(0))
    cabinet.stage.prepare(450)
    sent = len(cabinet.bench.memory.sent)
    cabinet.stage.off()

    assert 1 == len(cabinet.bench.memory.sent) - sent
    assert Bit.DC_OFF in wire.Status.decode(cabinet.bench.fakes[0]._data(wire.Command.READ_STATUS, b"")).bits
