"""A module's task and an emulated TonHe module, which cannot be asked anything: what is on the wire, and what flows."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.hw.modules.module import StillOn
from jp_firmware.model.signals import Quality
from jp_firmware.sim.module import Alarm
from tests.hw.lifelines import Lifelines
from tests.hw.modules.emulated import EmulatedBench
from tests.hw.modules.scenarios import alarm_clears, alarm_is_told, delivering, second_goes_off_alone

PROFILE = "tonhe-th30f10025c7"
START = "080601A0#AA"
OFF = "080601A0#5500000000000000"
SET = "1004FFA0#010000"
HEARTBEAT = "1805FFA0#0000000000000000"

CODES = {
    Alarm.OVER_TEMPERATURE: "PM-03",
    Alarm.FAN: "PM-04",
    Alarm.OUTPUT_SHORT: "PM-06",
    Alarm.OUTPUT_OVER_VOLTAGE: "PM-05",
    Alarm.INTERNAL: "PM-02",
    Alarm.AC_PHASE_LOSS: "PM-08",
    Alarm.AC_UNDER_VOLTAGE: "PM-07",
}


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="tonhe", profile_name=PROFILE)


async def test_it_starts_delivers_what_it_is_told_and_stops(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)

    assert bench.status.on
    assert bench.status.current_a == pytest.approx(30, abs=0.1)
    assert bench.status.ambient_c == pytest.approx(bench.module.temperature_c, abs=1)
    bench.deliver(450, 10)
    await bench.until(lambda: bench.status.current_a < 10.1, 1.1)
    bench.off()
    await bench.until(lambda: not bench.status.on and bench.bus.current_a == 0, 1)
    assert bench.faults.standing == {}


async def test_modules_on_one_bus_do_not_take_each_others_orders(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(driver="tonhe", profile_name=PROFILE, addresses=(1, 2, 30))
    await delivering(bench, nursery)
    await second_goes_off_alone(bench)


async def test_one_start_is_one_frame_and_the_set_point_after_it_is_none(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    bench.deliver(450, 40)
    await trio.sleep(2)
    texts = bench.memory.texts()

    assert 1 == sum(text.startswith(START) for text in texts)
    assert any(text.startswith(SET) for text in texts)
    assert OFF in texts[:2], "the first word, with the heartbeat"


async def test_the_heartbeat_goes_out_every_five_seconds_and_keeps_an_idle_module_in_touch(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await bench.start(nursery)
    await trio.sleep(40)
    times_s = [at_s for at_s, frame in bench.memory.sent if str(frame) == HEARTBEAT]

    assert 8 <= len(times_s) <= 9
    assert not bench.module.comm_lost
    assert bench.status.notes == ()


async def test_a_module_that_speaks_unasked_is_asked_nothing(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await bench.start(nursery)
    await trio.sleep(5)

    assert {OFF, HEARTBEAT} == set(bench.memory.texts())
    assert bench.task.usable


@pytest.mark.parametrize("alarm", Alarm)
async def test_a_fault_is_told_by_its_code_holds_the_module_off_and_clears(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery, alarm: Alarm
) -> None:
    await delivering(bench, nursery)
    await alarm_is_told(bench, alarm, {CODES[alarm]})
    assert not bench.task.usable

    await alarm_clears(bench, 8)


async def test_silence_is_told_and_costs_its_current_until_its_own_time_out_is_over(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    bench.node.misbehaviour.silent = True
    await bench.until(lambda: not bench.task.usable, 1.6)
    last_s = trio.current_time()

    await bench.until(lambda: bench.codes == {"PM-01"}, 3)
    assert 30 == pytest.approx(bench.task.stray_current_a(trio.current_time()))
    assert 0 == bench.task.stray_current_a(last_s + 20 + SILENT_MARGIN_S)
    bench.node.misbehaviour.silent = False
    await bench.until(lambda: bench.task.usable and bench.codes == set(), 1.1)


async def test_a_controller_that_is_gone_for_twenty_seconds_finds_it_off_and_starts_it_anew(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    heard = bench.memory.devices.pop()  # what we say is lost; what it says is not
    await trio.sleep(20.5)

    assert not bench.module.on
    assert not bench.status.on
    assert "CAN was interrupted" in bench.status.notes
    bench.memory.devices.append(heard)
    await bench.until(lambda: bench.bus.current_a > 29.9, 8)
    await bench.until(lambda: "CAN was interrupted" not in bench.status.notes, 2)


async def test_a_module_that_missed_its_start_gets_another_and_not_by_a_set_point(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench.plug(400)
    await bench.start(nursery)
    heard = bench.memory.devices.pop()
    bench.deliver(450, 30)
    await trio.sleep(1)
    bench.memory.devices.append(heard)
    await trio.sleep(1)
    assert not bench.module.on, "set-points have reached it, and do not start it"

    await bench.until(lambda: bench.module.on, 3)


async def test_what_it_cannot_do_is_served_at_the_edge_and_is_no_fault(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    bench.deliver(450, 0.5)
    await bench.until(lambda: bench.status.current_a == pytest.approx(2, abs=0.05), 2)
    await trio.sleep(3)

    assert bench.codes == set()


async def test_a_frame_of_garbage_is_no_news_and_no_evidence(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    before = bench.status
    bench.node.misbehaviour.corrupt = True
    await bench.until(lambda: bench.task.status.signal.quality is not Quality.GOOD, 1.6)

    assert bench.status.on == before.on
    await bench.until(lambda: bench.codes == {"PM-01"}, 3)


# --- the safe state of a module that cannot be asked ---


async def test_safe_waits_for_the_word_off_which_comes_before_its_turn(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    began_s = trio.current_time()
    await bench.task.safe()

    assert trio.current_time() - began_s < 0.3
    assert not bench.module.on


async def test_safe_fails_for_a_module_that_goes_on_telling_that_it_delivers(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """It speaks every 0.5 s: time enough to be heard, whenever OFF went out."""
    await delivering(bench, nursery)
    heard = bench.memory.devices.pop()
    bench.memory.devices.append(lambda _frame: [])
    await trio.sleep(0.02)
    with pytest.raises(StillOn, match="still reports"):
        await bench.task.safe()
    bench.memory.devices[:] = [heard]


async def test_safe_does_not_latch_a_module_that_says_nothing(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await delivering(bench, nursery)
    bench.node.misbehaviour.silent = True
    await trio.sleep(0.02)
    began_s = trio.current_time()
    await bench.task.safe()

    assert trio.current_time() - began_s <= bench.task.safe_within_s


async def test_the_task_is_ready_by_what_the_module_says_of_itself_and_not_before(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench.node.misbehaviour.silent = True
    nursery.start_soon(bench.start, nursery)
    await trio.sleep(5)
    assert not bench.task.usable
    assert "PM-01" in bench.codes

    bench.node.misbehaviour.silent = False
    await bench.until(lambda: bench.task.usable and bench.codes == set(), 1.1)


# --- one that nobody drives any more, and that does not obey OFF ---


@attrs.define(eq=False)
class Abandoned:
    """Two modules that deliver. The first then hears nothing but the heartbeat, and its task ends."""

    bench: EmulatedBench
    wants_heartbeat: bool = False  # the second: for it set-points are no sign of life
    cut: bool = False

    def hear(self, frame: Frame) -> list[Frame]:
        now_s = trio.current_time()
        first, second = self.bench.nodes
        heartbeat = str(frame) == HEARTBEAT
        alive_s = second.module.heard_at_s
        answers = [] if self.cut and not heartbeat else first.hear(frame, now_s)
        answers += second.hear(frame, now_s)
        if self.wants_heartbeat and not heartbeat:
            second.module.heard_at_s = alive_s
        return answers

    async def start(self, nursery: trio.Nursery) -> trio.CancelScope:
        """Until both deliver and the first hears no orders any more; its task is the scope's."""
        bench = self.bench
        bench.memory.devices[:] = [self.hear]
        bench.plug(400)
        await bench.start(nursery)
        bench.deliver(450, 30)
        await bench.until(lambda: bench.bus.current_a > 59.8, 8)
        self.cut = True
        return bench.scopes[bench.task.id]


@pytest.fixture
def pair() -> EmulatedBench:
    return EmulatedBench(driver="tonhe", profile_name=PROFILE, addresses=(1, 2))


async def test_a_module_whose_task_has_ended_times_out_although_others_on_its_bus_live(
    pair: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    first, second = pair.nodes
    scope = await Abandoned(pair).start(nursery)
    await trio.sleep(7)
    scope.cancel()
    await trio.sleep(0.1)
    with pytest.raises(StillOn):
        await pair.tasks[0].safe()
    began_s = trio.current_time()
    beats = len(heartbeats(pair))

    while first.module.on:
        await trio.sleep(0.1)
        assert second.module.current_a > 29, "the other one delivers on"
        assert trio.current_time() - began_s < 20.5
    assert beats == len(heartbeats(pair))
    await trio.sleep(12)
    assert beats < len(heartbeats(pair)), "its time-out has passed"
    assert second.module.on


async def test_others_that_miss_the_heartbeat_are_started_again(
    pair: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    first, second = pair.nodes
    scope = await Abandoned(pair, wants_heartbeat=True).start(nursery)
    scope.cancel()
    await trio.sleep(0.1)
    with pytest.raises(StillOn):
        await pair.tasks[0].safe()
    await pair.until(lambda: not first.module.on, 21)
    await pair.until(lambda: second.module.on and second.module.current_a > 29.9, 12)


async def test_a_module_that_says_it_is_off_costs_nobody_a_heartbeat(
    pair: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    abandoned = Abandoned(pair)
    scope = await abandoned.start(nursery)
    abandoned.cut = False
    scope.cancel()
    await trio.sleep(0.1)
    await pair.tasks[0].safe()
    beats = len(heartbeats(pair))
    await trio.sleep(11)

    assert 2 <= len(heartbeats(pair)) - beats


async def test_a_module_that_is_gone_costs_its_bus_one_time_out_and_not_one_at_each_restart_of_its_task(
    pair: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scope = await Abandoned(pair).start(nursery)
    pair.node.misbehaviour.silent = True
    scope.cancel()
    await trio.sleep(0.1)
    await pair.tasks[0].safe()
    await trio.sleep(21)
    beats = len(heartbeats(pair))
    for _ in range(3):
        with trio.move_on_after(3):
            await Lifelines().run(pair.tasks[0].run)
        await pair.tasks[0].safe()
        await trio.sleep(2)

    assert 3 <= len(heartbeats(pair)) - beats


def heartbeats(bench: EmulatedBench) -> list[float]:
    return [at_s for at_s, frame in bench.memory.sent if str(frame) == HEARTBEAT]
