"""Claims about one module's task, under a mock clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.infypower_wire import Bit, Command
from jp_firmware.hw.modules.module import StillOn
from jp_firmware.model.power import StageRating
from jp_firmware.model.signals import Quality
from tests.hw.can.test_bus import Pulse, pulse
from tests.hw.modules.fake import OFF, ON, PROFILE, SET, Bench, FakeModule


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def up(bench: Bench, nursery: trio.Nursery) -> AsyncIterator[Bench]:
    """A bench whose bus is open."""
    await start(nursery, bench.bus.run)
    yield bench
    nursery.cancel_scope.cancel()


async def start(nursery: trio.Nursery, run: Callable[[Pulse], Awaitable[object]]) -> Pulse:
    """Starts a task and lets it run for a second."""
    lifeline = pulse(run)  # type: ignore[arg-type]
    nursery.start_soon(run, lifeline)
    await trio.sleep(1)
    return lifeline


# --- start ---


async def test_first_word_is_off_and_ready_needs_output_and_condition(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add(FakeModule(on=True, set_current_a=50))
    lifeline = await start(nursery, task.run)

    assert OFF == up.memory.texts()[0]
    assert not fake.on
    assert lifeline.is_ready
    assert task.usable
    assert 0 == fake.bits & Bit.WALK_IN, "the profile has walk-in switched off"


async def test_a_silent_module_is_never_ready_and_is_told_to_the_operator(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, task = up.add(FakeModule(silent=True))
    lifeline = await start(nursery, task.run)
    assert {} == up.faults.standing
    await trio.sleep(1.5)

    assert not lifeline.is_ready
    assert not task.usable
    assert Quality.MISSING is task.status.signal.quality
    assert "no answer (for 2 s, address 0)" == up.faults.standing["PM-01", "module-1"]


async def test_a_module_that_starts_up_is_waited_for(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add(FakeModule(error=wire.Error.STARTING_UP))
    lifeline = await start(nursery, task.run)
    assert not lifeline.is_ready
    await trio.sleep(1.5)
    assert "is still starting up" in up.faults.standing["PM-01", "module-1"]

    fake.error = wire.Error.NONE
    await trio.sleep(1)
    assert lifeline.is_ready
    assert {} == up.faults.standing


async def test_ratings_are_the_modules_own_once_it_told_them(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    assert PROFILE.rating == task.rating
    fake.ratings = wire.Ratings(750, 50, 67, 20_000)
    await start(nursery, task.run)

    assert task.rating == StageRating(max_voltage_v=750, min_voltage_v=50, max_current_a=67, max_power_w=20_000)


async def test_ratings_of_zero_are_no_ratings(up: Bench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    _, task = up.add(FakeModule(ratings=wire.Ratings(0, 0, 0, 0)))
    await start(nursery, task.run)

    assert PROFILE.rating == task.rating
    assert task.usable


# --- set-points ---


async def test_set_point_is_on_the_wire_before_want_returns_around_on(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, task = up.add()
    await start(nursery, task.run)
    sent = len(up.memory.sent)
    task.want(400, 50, trio.current_time() + 1)

    set_point = f"{SET}00061A800000C350"
    assert [set_point, ON, set_point] == up.memory.texts()[sent:]
    await trio.sleep(0.5)
    signal = task.status.signal
    assert signal.value is not None
    assert (True, 400, 50) == (signal.value.on, signal.value.voltage_v, signal.value.current_a)
    assert (31, (), ()) == (signal.value.ambient_c, signal.value.alarms, signal.value.notes)


async def test_a_change_goes_out_at_once_and_no_change_only_as_refresh(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    started_s = trio.current_time()
    task.want(400, 50, started_s + 60)
    await trio.sleep(0.2)
    sent = len(up.memory.sent)
    task.want(400, 50, started_s + 60)
    assert sent == len(up.memory.sent)

    task.want(400, 20, started_s + 60)
    assert [f"{SET}00061A8000004E20"] == up.memory.texts()[sent:]
    await trio.sleep(1.7)
    times = [at_s - started_s for at_s, order in fake.orders if order == "400 V 20 A"]
    assert times == pytest.approx([0.2, 0.7, 1.2, 1.7])


async def test_limits_of_the_module_hold(up: Bench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    later_s = trio.current_time() + 60
    for voltage_v, current_a in ((400, 500), (800, 500), (1200, 10), (400, 0.2)):
        task.want(voltage_v, current_a, later_s)

    set_points = [order for _, order in fake.orders if "V" in order]
    assert ["400 V 75 A"] * 2 + ["800 V 37.5 A", "1000 V 10 A", "400 V 1 A"] == set_points


async def test_a_set_point_that_is_not_renewed_ends_with_off_at_that_moment(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    until_s = trio.current_time() + 0.73
    task.want(400, 50, until_s)
    await trio.sleep(5)

    assert not fake.on
    assert not task.wanted
    assert (until_s, "off") in fake.orders


async def test_renewing_keeps_it_on(up: Bench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    for _ in range(20):
        task.want(400, 50, trio.current_time() + 0.5)
        await trio.sleep(0.3)

    assert fake.on
    assert 1 == sum(order == "on" for _, order in fake.orders)


async def test_an_expired_set_point_means_off(up: Bench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    _, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time())

    assert OFF == up.memory.texts()[-1]
    assert not task.wanted


async def test_off_is_on_the_wire_before_it_returns_and_repeated_until_confirmed(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    fake.lost = 4
    sent = len(up.memory.sent)
    told_s = trio.current_time()
    task.want_off()
    assert [OFF] == up.memory.texts()[sent:]

    await trio.sleep(5)
    offs = [at_s - told_s for at_s, frame in up.memory.sent[sent:] if str(frame) == OFF]
    assert offs[:5] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert len(offs) <= 10, "confirmed, so no longer repeated"
    assert not fake.on


async def test_a_module_that_somebody_else_switched_on_is_switched_off_again(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    fake.on = True
    await trio.sleep(1)

    assert not fake.on


async def test_a_module_that_dropped_out_by_itself_is_switched_on_again(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(3)
    fake.on, fake.set_voltage_v, fake.set_current_a = False, 0, 0
    await trio.sleep(1.5)

    assert fake.on
    assert (400, 50) == (fake.set_voltage_v, fake.set_current_a)


# --- evidence ---


async def test_only_answers_to_questions_count(up: Bench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    fake, task = up.add()
    lifeline = await start(nursery, task.run)
    fake.silent = True
    await trio.sleep(0.1)
    fed = len(lifeline.feeds)
    asked = wire.Identifier(Command.READ_OUTPUT, 0, wire.CONTROLLER)
    for _ in range(10):
        up.memory.arrive(wire.reply(asked, 0, wire.Output(400, 10).encode()))
    await trio.sleep(0.01)

    assert len(lifeline.feeds) <= fed + 1, "one question was open"


async def test_answers_of_others_and_echoes_are_not_heard(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    fake.silent = True
    up.memory.devices.append(lambda frame: [frame])
    asked = wire.Identifier(Command.READ_OUTPUT, 1, wire.CONTROLLER)
    up.memory.arrive(wire.reply(asked, 1, wire.Output(400, 10).encode()))
    lifeline = await start(nursery, task.run)

    assert not lifeline.is_ready
    assert Quality.MISSING is task.status.signal.quality


@pytest.mark.parametrize("nonsense", [wire.Output(1101, 0), wire.Output(0, 111), wire.Output(4e6, 4e6)])
async def test_values_outside_physics_are_no_evidence(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery, nonsense: wire.Output
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    fake.measured = nonsense
    await trio.sleep(3)

    assert Quality.BAD is task.status.signal.quality
    assert not task.usable


async def test_a_module_that_falls_silent_is_stale_before_the_watchdog_and_of_no_use(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    fake.silent = True
    await trio.sleep(0.8)

    assert Quality.STALE is task.status.signal.quality
    assert not task.usable
    assert {} == up.faults.standing
    await trio.sleep(1.5)
    assert ("PM-01", "module-1") in up.faults.standing


async def test_current_of_a_module_gone_silent_is_nobody_elses_until_it_must_have_switched_off(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    assert 0 == task.stray_current_a(trio.current_time())
    fake.silent = True
    silent_s = trio.current_time()
    await trio.sleep(5)

    assert 50 == task.stray_current_a(trio.current_time())
    assert 50 == task.stray_current_a(silent_s + 10)
    assert 0 == task.stray_current_a(silent_s + 11)


async def test_a_module_that_was_off_when_it_fell_silent_holds_nothing_back(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    task.want_off()
    await trio.sleep(1)
    fake.silent = True
    await trio.sleep(5)

    assert 0 == task.stray_current_a(trio.current_time())


async def test_a_module_that_does_not_obey_is_of_no_use_and_its_current_is_accounted_for(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    fake.deaf_to = {Command.SET_SWITCH, Command.SET_OUTPUT}
    task.want(400, 20, trio.current_time() + 60)
    await trio.sleep(0.8)
    assert task.usable, "its current may take a moment to fall"
    await trio.sleep(0.6)

    assert not task.usable
    assert 50 == task.stray_current_a(trio.current_time())
    assert "delivers 50.0 A, told to deliver 20.0 A" == up.faults.standing["PM-02", "module-1"]

    fake.deaf_to = set()
    task.want_off()
    await trio.sleep(1)
    assert task.usable
    assert {} == up.faults.standing


# --- faults ---


@pytest.mark.parametrize(
    ("bit", "code", "text", "usable"),
    [
        (Bit.FAULT, "PM-02", "module fault", False),
        (Bit.OVER_TEMPERATURE, "PM-03", "over-temperature", False),
        (Bit.FAN, "PM-04", "fan fault", True),
        (Bit.OUTPUT_OVER_VOLTAGE, "PM-05", "output over-voltage", False),
        (Bit.OUTPUT_SHORT, "PM-06", "output short circuit", False),
        (Bit.INPUT_UNDER_VOLTAGE, "PM-07", "input under-voltage", False),
        (Bit.PHASE_LOSS, "PM-08", "input phase lost", False),
        (Bit.LOAD_SHARING, "PM-09", "load sharing unbalanced", True),
        (Bit.DISCHARGE, "PM-10", "discharge abnormal", False),
        (Bit.ADDRESS_REPEATED, "PM-11", "module address repeated", False),
    ],
)
async def test_an_alarm_is_a_fault_until_its_bit_clears(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery, bit: Bit, code: str, text: str, usable: bool
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    fake.bits |= bit
    await trio.sleep(1)

    assert {(code, "module-1"): text} == up.faults.standing
    assert usable is task.usable
    assert task.status.signal.value is not None
    assert (text,) == task.status.signal.value.alarms

    fake.bits &= ~bit
    await trio.sleep(1)
    assert {} == up.faults.standing
    assert task.usable
    assert 1 == len(up.faults.raised), "raised once, not with every answer"


async def test_two_alarms_of_one_kind_are_one_fault_with_both_words(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    fake.bits |= Bit.INPUT_UNBALANCE | Bit.INPUT_UNDER_VOLTAGE
    await start(nursery, task.run)

    assert {("PM-07", "module-1"): "input unbalanced, input under-voltage"} == up.faults.standing


async def test_a_refused_set_point_is_a_fault_with_the_modules_reason(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add()
    await start(nursery, task.run)
    fake.error = wire.Error.DATA_INVALID
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(0.1)
    assert "data invalid" in up.faults.standing["PM-12", "module-1"]

    fake.error = wire.Error.NONE
    await trio.sleep(1)
    assert {} == up.faults.standing


# --- safe ---


async def test_safe_returns_as_soon_as_the_module_reports_off(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add(FakeModule(on=True, set_current_a=50))
    started_s = trio.current_time()
    await task.safe()

    assert not fake.on
    assert trio.current_time() - started_s < 0.05


async def test_safe_takes_a_measured_idle_output_and_an_acknowledged_off(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, task = up.add(FakeModule(on=True, deaf_to={Command.SET_SWITCH}, measured=wire.Output(400, 0.5)))
    await task.safe()

    assert OFF in up.memory.texts()


async def test_safe_repeats_off_while_frames_are_lost(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = up.add(FakeModule(on=True, set_current_a=50, lost=2))
    await task.safe()

    assert not fake.on


async def test_safe_does_not_wait_for_a_module_that_is_not_there(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, task = up.add(FakeModule(silent=True))
    started_s = trio.current_time()
    await task.safe()

    assert trio.current_time() - started_s < task.safe_within_s
    assert up.memory.texts().count(OFF) >= 4


async def test_safe_does_not_wait_for_a_bus_that_is_down(bench: Bench, autojump_clock: MockClock) -> None:
    _, task = bench.add(FakeModule(on=True))
    await task.safe()

    assert [] == bench.memory.sent


async def test_safe_fails_for_a_module_that_answers_and_still_delivers(
    up: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    _, task = up.add(FakeModule(on=True, deaf_to={Command.SET_SWITCH}, measured=wire.Output(400, 50)))
    started_s = trio.current_time()
    with pytest.raises(StillOn, match="told to switch off"):
        await task.safe()

    assert trio.current_time() - started_s < task.safe_within_s
