"""A module's task and an emulated Huawei module, whose answers come in several frames."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.hw.modules.driver import Identity, ModuleProfile
from jp_firmware.hw.modules.huawei_wire import Signal, Word
from jp_firmware.model.signals import Quality
from jp_firmware.sim.module import Alarm
from tests.hw.modules.emulated import EmulatedBench
from tests.hw.modules.scenarios import alarm_clears, alarm_is_told, delivering, second_goes_off_alone

PROFILE = "huawei-r100040gx"
ON = "06F880FC#0132000000000000"
OFF = "06F880FC#0132000100000000"

CODES = {
    Alarm.OVER_TEMPERATURE: {"PM-03"},
    Alarm.FAN: {"PM-04", "PM-02"},  # and the state's own fault bit
    Alarm.OUTPUT_SHORT: {"PM-06"},
    Alarm.OUTPUT_OVER_VOLTAGE: {"PM-05"},
    Alarm.INTERNAL: {"PM-02"},
    Alarm.AC_PHASE_LOSS: {"PM-08"},
    Alarm.AC_UNDER_VOLTAGE: {"PM-07"},
}


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="huawei", profile_name=PROFILE, addresses=(120,))


async def test_it_starts_delivers_what_it_is_told_and_stops(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)

    assert bench.status.on
    assert bench.status.current_a == pytest.approx(30, abs=0.1)
    assert bench.status.ambient_c == pytest.approx(bench.module.temperature_c, abs=1)
    assert "current limited" in bench.status.notes
    bench.deliver(450, 10)
    await bench.until(lambda: bench.status.current_a < 10.2, 1)
    bench.off()
    await bench.until(lambda: not bench.status.on and bench.bus.current_a == 0, 1)
    assert bench.faults.standing == {}


async def test_its_first_word_is_off_and_each_start_tells_it_its_time_out_before_on(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    texts = bench.memory.texts()

    assert texts[0] == OFF
    assert texts.count(ON) == 1
    assert "06F881FC#0118000000000005" in texts[: texts.index(ON)]
    assert bench.module.rating.comm_timeout_s == 5


async def test_who_it_is_comes_in_two_frames_and_is_known(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await bench.start(nursery)
    await trio.sleep(1)

    assert Identity(serial=f"{202_600_000_120:012X}", firmware="hardware 1, DCDC 1.2, PFC 1.3") == bench.task.identity


async def test_modules_on_one_bus_do_not_take_each_others_orders(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(driver="huawei", profile_name=PROFILE, addresses=(1, 2, 120))
    await delivering(bench, nursery)
    await second_goes_off_alone(bench)


@pytest.mark.parametrize("alarm", Alarm)
async def test_a_fault_is_told_by_its_code_holds_the_module_off_and_clears(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery, alarm: Alarm
) -> None:
    await delivering(bench, nursery)
    await alarm_is_told(bench, alarm, CODES[alarm])
    assert not bench.task.usable

    await alarm_clears(bench, 8)


@pytest.mark.parametrize("alarm", Alarm)
async def test_without_names_every_fault_is_still_a_fault_of_the_module(
    autojump_clock: MockClock, nursery: trio.Nursery, alarm: Alarm
) -> None:
    def unnamed(profile: ModuleProfile) -> ModuleProfile:
        return attrs.evolve(profile, options={})

    bench = EmulatedBench(driver="huawei", profile_name=PROFILE, addresses=(120,), change_profile=unnamed)
    await delivering(bench, nursery)
    bench.module.raise_alarm(alarm)

    await bench.until(lambda: bench.codes == {"PM-02"} and not bench.task.usable, 1)


async def test_silence_is_told_and_costs_its_current_until_its_own_time_out_is_over(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    bench.node.misbehaviour.silent = True
    await bench.until(lambda: not bench.task.usable, 1.6)

    last_s = trio.current_time()
    assert bench.task.stray_current_a(last_s) == pytest.approx(30)
    assert bench.task.stray_current_a(last_s + 5 + SILENT_MARGIN_S) == 0
    await bench.until(lambda: "PM-01" in bench.codes, 3)
    bench.node.misbehaviour.silent = False
    await bench.until(lambda: bench.task.usable and bench.codes == set(), 1.1)


async def test_a_controller_that_is_gone_finds_it_off_after_the_time_it_was_told_and_starts_it_anew(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    heard = bench.memory.devices.pop()
    await trio.sleep(4.9)
    assert bench.module.on
    await trio.sleep(0.2)
    assert not bench.module.on

    bench.memory.devices.append(heard)
    await bench.until(lambda: bench.bus.current_a > 29.9, 12)


async def test_a_frame_lost_out_of_an_answer_costs_what_it_says_and_nothing_else(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    whole = bench.memory.devices.pop()

    def without_temperature(frame: Frame) -> list[Frame]:
        return [one for one in whole(frame) if Word.decode(one.data).signal != Signal.AMBIENT_TEMPERATURE]

    bench.memory.devices.append(without_temperature)
    await delivering(bench, nursery)

    assert bench.task.usable
    assert bench.status.ambient_c is None


async def test_a_set_point_it_refuses_is_told_and_forgotten_when_it_is_taken(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    def boastful(profile: ModuleProfile) -> ModuleProfile:
        return attrs.evolve(profile, max_voltage_v=1100.0)

    bench = EmulatedBench(driver="huawei", profile_name=PROFILE, addresses=(120,), change_profile=boastful)
    await delivering(bench, nursery)
    bench.deliver(1050, 30)
    await bench.until(lambda: bench.codes == {"PM-12"}, 1)
    assert list(bench.faults.standing.values()) == ["refused to set voltage: invalid"]

    bench.deliver(450, 30)
    await bench.until(lambda: bench.codes == set(), 1)


async def test_damaged_frames_are_no_news_and_no_evidence(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    before = bench.status
    bench.node.misbehaviour.corrupt = True
    await bench.until(lambda: bench.task.status.signal.quality is not Quality.GOOD, 1.6)

    assert bench.status.alarms == before.alarms
    await bench.until(lambda: bench.codes == {"PM-01"}, 3)


async def test_a_module_that_finds_its_address_is_waited_for(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench.module.startup_s = 3.0
    nursery.start_soon(bench.start, nursery)
    await trio.sleep(2.5)
    assert "is still starting up" in bench.faults.standing["PM-01", "module-120"]

    await bench.until(lambda: bench.task.usable and bench.codes == set(), 2)


async def test_safe_is_over_when_it_says_that_it_is_off(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    began_s = trio.current_time()
    await bench.task.safe()

    assert trio.current_time() - began_s < 0.2
    assert not bench.module.on


async def test_safe_takes_the_word_for_off_and_no_current_where_its_state_is_read_wrongly(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Which bit says off is not certain. The acknowledged OFF and the measured current are."""

    def wrong(profile: ModuleProfile) -> ModuleProfile:
        return attrs.evolve(profile, options={**profile.options, "state_swapped": True})

    bench = EmulatedBench(driver="huawei", profile_name=PROFILE, addresses=(120,), change_profile=wrong)
    bench.plug(400)
    await bench.start(nursery)
    bench.deliver(450, 30)
    await bench.until(lambda: bench.bus.current_a > 29.9, 8)
    bench.renewing = False
    await bench.task.safe()

    assert not bench.module.on
    assert bench.status.on, "as it is read"
