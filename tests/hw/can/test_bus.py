"""Claims about the bus: dispatch, evidence, pacing, faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from jp_firmware.hw.can.bus import FRAME_BITS, MAX_LOAD, CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.serial import WireDown, WireError
from jp_firmware.nursery.supervisor import Child, Lifeline
from tests.hw.can.memory import FaultList, MemoryBus

QUESTION = Frame(0x028900F0, bytes(8))
ANSWER = Frame(0x0289F000, bytes(8))


def answer(frame: Frame) -> list[Frame]:
    return [ANSWER] if frame == QUESTION else []


@attrs.define(eq=False)
class Pulse(Lifeline):
    """A lifeline outside a tree: remembers when it was fed."""

    feeds: list[float] = attrs.field(factory=list)
    is_ready: bool = False

    def ready(self) -> None:
        self.is_ready = True

    def feed(self) -> None:
        self.feeds.append(trio.current_time())


def pulse(run: Callable[[Lifeline], Awaitable[object]]) -> Pulse:
    return Pulse(Child(name="test", run=run))


@pytest.fixture
def memory() -> MemoryBus:
    return MemoryBus(devices=[answer])


@pytest.fixture
def faults() -> FaultList:
    return FaultList()


@pytest.fixture
def bus(memory: MemoryBus, faults: FaultList) -> CanBus:
    return CanBus("can0", 125_000, memory.open, faults)


async def test_ready_when_the_link_is_open_and_fed_by_answers_only(
    bus: CanBus, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    lifeline = pulse(bus.run)
    nursery.start_soon(bus.run, lifeline)
    await trio.sleep(1)
    assert lifeline.is_ready
    assert [] == lifeline.feeds

    bus.send_now(QUESTION)
    await trio.sleep(1)
    assert 1 == len(lifeline.feeds)


async def test_an_echo_of_our_own_frame_is_no_evidence_but_a_second_one_is(
    bus: CanBus, memory: MemoryBus, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    memory.devices = [lambda frame: [frame]]
    lifeline = pulse(bus.run)
    nursery.start_soon(bus.run, lifeline)
    await wait_all_tasks_blocked()

    bus.send_now(QUESTION)
    await trio.sleep(1)
    assert [] == lifeline.feeds

    memory.arrive(QUESTION)
    await trio.sleep(1)
    assert 1 == len(lifeline.feeds), "nobody of ours sent it this time"


async def test_frames_go_to_those_who_match_in_order(
    bus: CanBus, memory: MemoryBus, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    first: list[int] = []
    second: list[int] = []
    bus.subscribe(lambda frame: frame.can_id < 3, lambda frame: first.append(frame.can_id))
    end = bus.subscribe(lambda frame: frame.can_id > 1, lambda frame: second.append(frame.can_id))
    nursery.start_soon(bus.run, pulse(bus.run))
    await wait_all_tasks_blocked()

    memory.arrive(Frame(1), Frame(2), Frame(3))
    await trio.sleep(0.1)
    assert ([1, 2], [2, 3]) == (first, second)

    end()
    memory.arrive(Frame(2))
    await trio.sleep(0.1)
    assert ([1, 2, 2], [2, 3]) == (first, second)


async def test_polls_are_spread_and_commands_are_not(
    bus: CanBus, memory: MemoryBus, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    nursery.start_soon(bus.run, pulse(bus.run))
    await wait_all_tasks_blocked()
    polls = [Frame(number, bytes(8)) for number in range(200)]
    for frame in polls:
        bus.poll(frame)
        bus.poll(frame)  # one that waits is not queued again
    started_s = trio.current_time()
    await trio.sleep(0.2)
    bus.send_now(Frame(1000))
    await bus.send(Frame(1001))

    assert [started_s + 0.2] * 2 == [at_s for at_s, frame in memory.sent if frame.can_id >= 1000]
    await trio.sleep(5)
    sent = [(at_s, frame) for at_s, frame in memory.sent if frame.can_id < 1000]
    assert polls == [frame for _, frame in sent]
    seconds = sent[-1][0] - sent[0][0]
    load = (len(sent) + 1) * 2 * FRAME_BITS / 125_000 / seconds
    assert load == pytest.approx(MAX_LOAD, rel=0.01)


async def test_a_flood_of_commands_does_not_starve_the_polls(
    bus: CanBus, memory: MemoryBus, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    nursery.start_soon(bus.run, pulse(bus.run))
    await wait_all_tasks_blocked()
    for _ in range(500):
        bus.poll(QUESTION)
        bus.send_now(Frame(1000))
        await trio.sleep(0.002)

    assert sum(frame == QUESTION for _, frame in memory.sent) >= 9


async def test_unplugging_ends_the_run_with_one_plain_error_and_a_fault_that_clears_on_return(
    bus: CanBus, memory: MemoryBus, faults: FaultList, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def unplug_later() -> None:
        await trio.sleep(1)
        assert bus.up
        assert {} == faults.standing
        memory.unplug()

    nursery.start_soon(unplug_later)
    with pytest.raises(WireDown, match="unplugged"):
        await bus.run(pulse(bus.run))

    assert not bus.up
    assert "memory: unplugged" == faults.standing["PM-14", "can0"]

    with pytest.raises(WireError, match="no such port"):
        await bus.run(pulse(bus.run))
    assert "memory: no such port" == faults.standing["PM-14", "can0"]

    memory.plugged = True
    nursery.start_soon(bus.run, pulse(bus.run))
    await wait_all_tasks_blocked()
    assert {} == faults.standing


async def test_sending_while_down_raises_where_one_waits_and_drops_where_one_must_not(bus: CanBus) -> None:
    with pytest.raises(WireDown):
        await bus.send(QUESTION)
    with pytest.raises(WireDown):
        bus.poll(QUESTION)
    bus.send_now(QUESTION)


async def test_questions_without_any_answer_name_the_bus_and_the_first_answer_clears_it(
    bus: CanBus, memory: MemoryBus, faults: FaultList, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    memory.devices = []
    nursery.start_soon(bus.run, pulse(bus.run))
    await trio.sleep(10)
    assert {} == faults.standing, "nobody asked anything"

    for _ in range(50):
        bus.send_now(QUESTION)
        await trio.sleep(0.1)
    detail = faults.standing["PM-14", "can0"]
    assert "nothing was heard" in detail
    assert "120 Ω" in detail
    assert "125 kbit/s" in detail

    memory.devices = [answer]
    bus.send_now(QUESTION)
    await trio.sleep(1)
    assert {} == faults.standing


async def test_a_silent_bus_that_is_opened_anew_stays_told_until_somebody_answers(
    bus: CanBus, memory: MemoryBus, faults: FaultList, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """As its watchdog does with an adapter that hangs: the fault must not come and go with each try."""
    memory.devices = []
    for _ in range(3):
        with trio.move_on_after(10):
            async with trio.open_nursery() as run:
                run.start_soon(bus.run, pulse(bus.run))
                await trio.sleep(0.1)
                while True:
                    bus.send_now(QUESTION)
                    await trio.sleep(0.1)
        assert "nothing was heard" in faults.standing["PM-14", "can0"]

    memory.devices = [answer]
    nursery.start_soon(bus.run, pulse(bus.run))
    await trio.sleep(2)
    assert "nothing was heard" in faults.standing["PM-14", "can0"], "nobody asked"
    bus.send_now(QUESTION)
    await trio.sleep(0.5)
    assert {} == faults.standing
