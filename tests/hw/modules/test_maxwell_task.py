"""Maxwell modules under their tasks: driver and emulator held against each other, under a mock clock."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import maxwell
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.maxwell_wire import Function, Message, Register
from jp_firmware.model.signals import Quality
from jp_firmware.sim.module import Alarm
from jp_firmware.sim.modules import maxwell as emulated
from tests.hw.modules.emulated import EmulatedBench
from tests.hw.modules.scenarios import alarm_clears, alarm_is_told, restarted, rise

CODES = {
    Alarm.OVER_TEMPERATURE: {"PM-03"},
    Alarm.FAN: {"PM-04"},
    Alarm.OUTPUT_SHORT: {"PM-06"},
    Alarm.OUTPUT_OVER_VOLTAGE: {"PM-05"},
    Alarm.INTERNAL: {"PM-02"},
    Alarm.AC_PHASE_LOSS: {"PM-08"},
    Alarm.AC_UNDER_VOLTAGE: {"PM-07"},
}


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="maxwell", profile_name="maxwell-mxr100030", addresses=(0, 1))


def orders(bench: EmulatedBench, address: int = 0) -> list[tuple[float, int, int]]:
    """When which register of a module was set to what."""
    told = [
        (at_s, Message.decode(frame.data))
        for at_s, frame in bench.memory.sent
        if wire.Identifier.decode(frame.can_id).destination == address
    ]
    return [(at_s, one.register, one.value) for at_s, one in told if one.function == Function.SET]


async def test_it_starts_ramps_delivers_and_stops(up: EmulatedBench, autojump_clock: MockClock) -> None:
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 10, 4)
    await up.until(lambda: up.bus.current_a > 59.9, 3)
    await trio.sleep(1)

    assert up.status.on
    assert 30 == pytest.approx(up.status.current_a, abs=0.2)
    assert up.bus.voltage_v == pytest.approx(up.status.voltage_v, abs=0.2)
    up.deliver(450, 10)
    await up.until(lambda: up.bus.current_a == pytest.approx(20, abs=0.1), 1)
    up.off()
    await up.until(lambda: not up.status.on and up.bus.current_a == 0, 1)
    assert {} == up.faults.standing


async def test_a_start_goes_out_frame_by_frame_and_off_cuts_it_short(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    await trio.sleep(1)
    before = len(orders(up))
    up.deliver(450, 30)
    await trio.sleep(0.3)
    started = orders(up)[before:]

    set_point = [Register.SET_CURRENT, Register.SET_VOLTAGE]
    assert [*set_point, Register.SWITCH, *set_point] == [register for _, register, _ in started]
    assert all(later[0] - earlier[0] >= 0.05 for earlier, later in pairwise(started))
    up.off()
    await trio.sleep(1)
    before = len(orders(up))
    up.deliver(450, 30)
    await trio.sleep(0.06)
    up.off()
    await trio.sleep(1)
    cut_short = [(register, value) for _, register, value in orders(up)[before:]]

    assert (Register.SWITCH, wire.ON) not in cut_short
    assert (Register.SWITCH, wire.OFF) in cut_short
    assert not up.module.on


async def test_a_change_in_the_middle_of_a_start_does_not_put_off_on(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    await trio.sleep(1)
    before = len(orders(up))
    for tenth in range(20):
        up.deliver(450, 30 + tenth / 10)
        await trio.sleep(0.02)
    await trio.sleep(0.2)
    told = orders(up)[before:]
    (on_at_s,) = [at_s for at_s, register, value in told if (register, value) == (Register.SWITCH, wire.ON)]

    assert on_at_s - told[0][0] < 0.15
    assert (450, 31.9) == (up.module.set_voltage_v, pytest.approx(up.module.set_current_a, abs=0.001))
    assert all(register in told_before(told, on_at_s) for register in (Register.SET_CURRENT, Register.SET_VOLTAGE))


async def test_a_current_that_changes_all_the_time_keeps_no_voltage_from_the_module(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 59.9, 6)
    for step in range(20):
        up.deliver(440, 30 - step / 10)
        await trio.sleep(0.02)
        assert up.module.set_current_a == pytest.approx(30 - step / 10, abs=0.001), "a cut does not wait"

        assert step < 3 or up.module.set_voltage_v == 440


async def test_a_start_that_takes_eight_seconds_is_waited_for(up: EmulatedBench, autojump_clock: MockClock) -> None:
    for node in up.nodes:
        node.module.start_delay_s = 8.0
    before = len(orders(up))
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 59.9, 12)

    switched = [value for _, register, value in orders(up)[before:] if register == Register.SWITCH]
    assert [wire.ON] == switched
    assert {} == up.faults.standing


async def test_a_cut_is_on_the_wire_before_deliver_returns(up: EmulatedBench, autojump_clock: MockClock) -> None:
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 59.9, 6)
    up.deliver(450, 12)

    assert (Register.SET_CURRENT, wire.of_current(12)) == orders(up)[-1][1:]


async def test_it_says_who_it_is_and_how_warm(up: EmulatedBench, autojump_clock: MockClock) -> None:
    await trio.sleep(1)
    identity = up.tasks[1].identity
    assert identity is not None

    assert "2026073100010001" == identity.serial
    assert "DCDC 102, PFC 105" == identity.firmware
    assert 25 == pytest.approx(up.status.ambient_c, abs=1)


async def test_a_module_that_does_not_know_a_version_register_is_known_all_the_same(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(emulated._READS, Register.PFC_VERSION)
    await bench.start(nursery)
    await trio.sleep(1)
    identity = bench.task.identity
    assert identity is not None

    assert "DCDC 102" == identity.firmware
    assert {} == bench.faults.standing


async def test_a_refused_voltage_is_told_until_one_is_taken(up: EmulatedBench, autojump_clock: MockClock) -> None:
    up.unplug()
    up.deliver(60, 10)
    await trio.sleep(0.5)
    assert {"PM-12"} == up.codes
    raised = len(up.faults.raised)
    await trio.sleep(3)
    assert raised == len(up.faults.raised), "the current is taken each time, and that says nothing of the voltage"
    assert "refused to set voltage" in up.faults.standing["PM-12", "module-0"]
    up.deliver(200, 10)
    await up.until(lambda: not up.faults.standing, 1)


@pytest.mark.parametrize("alarm", list(Alarm))
async def test_every_alarm_comes_back_as_its_fault(up: EmulatedBench, autojump_clock: MockClock, alarm: Alarm) -> None:
    await rise(up)
    await alarm_is_told(up, alarm, CODES[alarm])
    await alarm_clears(up, up.task.profile.start_within_s + emulated.START_DELAY_S + 3)


async def test_a_module_that_was_restarted_is_set_and_switched_on_again(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    await rise(up)
    await restarted(up, up.task.profile.start_within_s + 5)


async def test_a_module_that_is_not_heard_is_of_no_use_and_ends_by_its_own_time_out(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(
        driver="maxwell",
        profile_name="maxwell-mxr100030",
        change_profile=lambda profile: attrs.evolve(profile, silent_off_s=20.0),  # two minutes take too long to emulate
    )
    bench.module.rating = attrs.evolve(bench.module.rating, comm_timeout_s=20.0)
    bench.plug(400)
    await bench.start(nursery)
    bench.deliver(450, 30)
    await bench.until(lambda: bench.bus.current_a > 29.9, 6)
    bench.memory.devices.clear()
    await bench.until(lambda: bench.task.status.signal.quality is Quality.STALE, 2)
    assert not bench.task.usable
    await bench.until(lambda: "PM-01" in bench.codes, 3)

    assert bench.module.on
    assert 30 == bench.task.stray_current_a(trio.current_time())
    await bench.until(lambda: not bench.module.on, 20)
    await trio.sleep(2)
    assert 0 == bench.task.stray_current_a(trio.current_time())


async def test_every_frame_is_well_formed_and_none_is_for_all(up: EmulatedBench, autojump_clock: MockClock) -> None:
    up.deliver(450, 30)
    await trio.sleep(5)
    up.off()
    await trio.sleep(1)

    assert {0, 1} == {wire.Identifier.decode(frame.can_id).destination for _, frame in up.memory.sent}
    assert all(8 == len(frame.data) for _, frame in up.memory.sent)
    assert not any(mark.what == "refused" for node in up.nodes for mark in node.marks.since())


def test_every_alarm_bit_is_one_the_driver_judges() -> None:
    for bits in emulated._ALARM_BITS.values():
        assert any(bit & bits for bit in maxwell.ALARMS)


def told_before(told: list[tuple[float, int, int]], before_s: float) -> set[int]:
    return {register for at_s, register, _ in told if at_s < before_s}
