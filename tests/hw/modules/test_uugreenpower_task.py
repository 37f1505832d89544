"""UUGreenPower modules under their tasks: driver and emulator held against each other, under a mock clock."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import uugreenpower
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.model.signals import Quality
from jp_firmware.sim.module import Alarm
from jp_firmware.sim.modules import uugreenpower as emulated
from tests.hw.modules.emulated import EmulatedBench
from tests.hw.modules.scenarios import alarm_clears, alarm_is_told, restarted, rise

CODES = {
    Alarm.OVER_TEMPERATURE: {"PM-03"},
    Alarm.FAN: {"PM-04"},
    Alarm.OUTPUT_SHORT: {"PM-06"},
    Alarm.OUTPUT_OVER_VOLTAGE: {"PM-05"},
    Alarm.INTERNAL: {"PM-02"},
    Alarm.AC_PHASE_LOSS: {"PM-07", "PM-02"},  # the family has no word for it
    Alarm.AC_UNDER_VOLTAGE: {"PM-07"},
}


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="uugreenpower", profile_name="uugreenpower-ur100040", addresses=(1, 2))


async def test_it_starts_ramps_delivers_and_stops(up: EmulatedBench, autojump_clock: MockClock) -> None:
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 10, 3)
    await up.until(lambda: up.bus.current_a > 59.9, 3)
    await trio.sleep(1)

    assert up.status.on
    assert 30 == pytest.approx(up.status.current_a, abs=0.2)
    assert up.bus.voltage_v == pytest.approx(up.status.voltage_v, abs=0.2)
    assert "regulates current" in up.status.notes
    up.deliver(450, 10)
    await up.until(lambda: up.bus.current_a == pytest.approx(20, abs=0.1), 1)
    up.off()
    await up.until(lambda: not up.status.on and up.bus.current_a == 0, 1)
    assert {} == up.faults.standing


async def test_it_says_who_it_is_how_warm_and_what_it_can_do_at_present(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    await trio.sleep(1)
    identity = up.task.identity
    assert identity is not None
    assert isinstance(up.node, emulated.UUGreenPowerNode)

    assert str(up.node.serial_number) == identity.serial
    assert 25 == pytest.approx(up.status.ambient_c, abs=1)
    up.plug(600)
    up.deliver(620, 100)
    await up.until(lambda: up.bus.current_a > 125, 5)
    await trio.sleep(1)

    assert up.task.rating.max_current_a == pytest.approx(40_000 / up.bus.voltage_v, abs=0.2)


@pytest.mark.parametrize("alarm", list(Alarm))
async def test_every_alarm_comes_back_as_its_fault(up: EmulatedBench, autojump_clock: MockClock, alarm: Alarm) -> None:
    await rise(up)
    await alarm_is_told(up, alarm, CODES[alarm])
    await alarm_clears(up, 6)


async def test_a_module_that_was_restarted_is_set_and_switched_on_again(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    await rise(up)
    await restarted(up, up.task.profile.start_within_s + 3)


async def test_a_module_that_is_not_heard_is_of_no_use_and_ends_by_its_own_time_out(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    up.deliver(450, 30)
    await up.until(lambda: up.bus.current_a > 59.9, 5)
    up.memory.devices.clear()
    await up.until(lambda: up.task.status.signal.quality is Quality.STALE, 2)
    assert not up.task.usable
    await up.until(lambda: "PM-01" in up.codes, 3)

    assert up.module.on
    await up.until(lambda: not up.module.on, up.task.profile.silent_off_s + 1)
    assert 0 == up.task.stray_current_a(trio.current_time() + 2)


async def test_the_range_it_reports_is_the_one_it_is_in(up: EmulatedBench, autojump_clock: MockClock) -> None:
    await trio.sleep(0.5)
    assert 1000 == up.task.rating.max_voltage_v
    up.task.choose_range(480)
    await up.until(lambda: not up.module.high_range, 4)
    await up.until(lambda: up.task.usable and up.task.rating.max_voltage_v == 500, 4)
    up.task.want(450, 30, trio.current_time() + 10)
    await up.until(lambda: up.bus.current_a > 29.9, 6)

    assert {} == up.faults.standing


async def test_a_short_circuit_bit_that_is_not_believed_keeps_nothing_from_delivering(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(
        driver="uugreenpower",
        profile_name="uugreenpower-ur100040",
        change_profile=lambda profile: attrs.evolve(profile, options={**profile.options, "short_circuit": "note"}),
    )
    await bench.start(nursery)
    bench.module.raise_alarm(Alarm.OUTPUT_SHORT)
    await bench.until(lambda: "output short circuit" in bench.status.notes, 1)

    assert bench.task.usable
    assert {} == bench.faults.standing


async def test_every_frame_between_them_is_well_formed_and_none_is_for_all(
    up: EmulatedBench, autojump_clock: MockClock
) -> None:
    up.deliver(450, 30)
    await trio.sleep(3)
    up.off()
    await trio.sleep(1)

    assert {1, 2} == {wire.Identifier.decode(frame.can_id).module for _, frame in up.memory.sent}
    assert all(8 == len(frame.data) for _, frame in up.memory.sent)
    assert not any(mark.what == "refused" for node in up.nodes for mark in node.marks.since())


def test_every_alarm_bit_is_one_the_driver_judges() -> None:
    for bits in emulated._ALARM_BITS.values():
        assert any(bit & bits for bit in uugreenpower.ALARMS)
