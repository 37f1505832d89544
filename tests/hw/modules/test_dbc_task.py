"""Module tasks and emulated modules that one description makes: what is on the wire, and what flows."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.sim.module import Alarm
from tests.hw.modules.emulated import EmulatedBench
from tests.hw.modules.scenarios import delivering, second_goes_off_alone
from tests.hw.modules.wordy import own_profile


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="dbc", profile_name="lianming-v2", addresses=(1, 2, 60))


@pytest.fixture
def wordy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmulatedBench:
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    own_profile(tmp_path)
    return EmulatedBench(driver="dbc", profile_name="wordy", addresses=(0, 7))


async def test_they_start_share_follow_and_stop(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery, 20)

    assert [20.0] * 3 == pytest.approx([node.module.current_a for node in bench.nodes], abs=0.1)
    assert bench.status.current_a == pytest.approx(20, abs=0.1)
    bench.deliver(450, 5)
    await bench.until(lambda: bench.status.current_a < 5.1, 1)
    bench.off()
    await bench.until(lambda: not bench.status.on and bench.bus.current_a == 0, 1)
    assert {} == bench.faults.standing


async def test_one_is_switched_off_alone(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery, 20)
    await second_goes_off_alone(bench)


@pytest.mark.parametrize(
    ("alarm", "code"),
    [
        (Alarm.OVER_TEMPERATURE, "PM-03"),
        (Alarm.FAN, "PM-04"),
        (Alarm.OUTPUT_SHORT, "PM-06"),
        (Alarm.OUTPUT_OVER_VOLTAGE, "PM-05"),
        (Alarm.INTERNAL, "PM-02"),
        (Alarm.AC_UNDER_VOLTAGE, "PM-07"),
        (Alarm.AC_PHASE_LOSS, "PM-02"),  # it has no bit for that, and tells a fault
    ],
)
async def test_each_alarm_is_told_by_its_code_and_clears(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery, alarm: Alarm, code: str
) -> None:
    await delivering(bench, nursery, 20)
    bench.module.raise_alarm(alarm)
    await bench.until(lambda: bench.codes == {code}, 1)
    assert not bench.task.usable
    bench.module.clear_alarms()
    await bench.until(lambda: not bench.codes and bench.task.usable, 1)
    await bench.until(lambda: bench.module.current_a > 19.9, 8)


async def test_a_silent_one_is_told_and_its_current_kept_for_as_long_as_it_may_flow(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery, 20)
    bench.node.misbehaviour.silent = True
    await bench.until(lambda: bench.codes == {"PM-01"}, 3)

    assert 20 == pytest.approx(bench.task.stray_current_a(trio.current_time()))
    assert 0 == bench.task.stray_current_a(trio.current_time() + 60 + SILENT_MARGIN_S)
    bench.node.misbehaviour.silent = False
    await bench.until(lambda: not bench.codes, 2)


async def test_one_that_hangs_repeats_itself_and_obeys_nothing(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery, 20)
    bench.node.misbehaviour.frozen = True
    bench.off()
    await trio.sleep(2)

    assert "PM-02" in bench.codes, "it goes on telling of a current that nobody wants"
    assert bench.module.on


async def test_a_restarted_one_is_started_again(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery, 20)
    bench.module.power_up(trio.current_time())
    assert not bench.module.on
    await bench.until(lambda: bench.module.current_a > 19.9, 12)


# --- a family that tells by itself, in halves, and has all that there is ---


async def test_every_word_has_its_effect(
    wordy: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(wordy, nursery, 20)
    texts = wordy.memory.texts()

    assert 20 == pytest.approx(wordy.status.current_a, abs=0.1)
    assert wordy.status.ambient_c == pytest.approx(wordy.module.temperature_c, abs=1)
    assert "10030000#0000000000000000" in texts, "its heartbeat"
    inventory = wordy.task.inventory
    assert ("1000", "1000") == (inventory.serial, inventory.firmware)
    assert inventory.rating is not None
    assert 50 == inventory.rating.max_current_a
    wordy.module.raise_alarm(Alarm.OVER_TEMPERATURE)
    await wordy.until(lambda: wordy.codes == {"PM-03"}, 1)
    wordy.off()
    await wordy.until(lambda: wordy.task._heard.off_taken_at_s > 0, 1)


async def test_its_range_is_chosen_while_it_is_off(
    wordy: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wordy.plug(300)
    await wordy.start(nursery)
    assert wordy.module.high_range
    for task in wordy.tasks:
        task.choose_range(400)
    await wordy.until(lambda: not wordy.module.high_range and wordy.task.usable, 8)
    wordy.deliver(350, 20)
    await wordy.until(lambda: wordy.bus.current_a > 39.9, 5)
    assert {} == wordy.faults.standing


async def test_what_it_refuses_is_told(wordy: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    await delivering(wordy, nursery, 20)
    wordy.module.rating = attrs.evolve(wordy.module.rating, min_voltage_v=460)  # it tells its highest
    await wordy.until(lambda: "PM-12" in wordy.codes, 2)
    assert "refused to set voltage: range" in wordy.faults.standing["PM-12", "module-0"]
