"""Claims about a bus under guard: what its last words are, and that the guard has them while the wire is up."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import CanLink
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from jp_firmware.hw.can.slcan_link import SlcanLink
from jp_firmware.hw.can.socketcan import SocketCanLink, unpack
from jp_firmware.hw.serial import SerialPort, WireDown, WireError
from jp_firmware.nursery.guard import Guard
from jp_firmware.nursery.guard_process.wire import HeldWire
from jp_firmware.nursery.supervisor import Child, Lifeline
from tests.hw.can.memory import FaultList, off, on
from tests.hw.can.test_slcan_link import far_end
from tests.hw.pty_pair import PATIENCE_S, open_pty

OFF = tuple(off(address) for address in range(36))
ON = on(0)


@attrs.define(eq=False)
class Record:
    """A guard that only notes what it is given."""

    held: list[tuple[str, int, tuple[bytes, ...]]] = attrs.field(factory=list)
    dropped: list[str] = attrs.field(factory=list)
    free: trio.Event | None = None  # of a former guard

    def hold(self, name: str, fd: int, words: tuple[bytes, ...]) -> None:
        assert not os.get_blocking(fd)
        self.held.append((name, fd, words))

    async def wires_free(self) -> None:
        if self.free is not None:
            await self.free.wait()

    def drop(self, name: str) -> None:
        self.dropped.append(name)


async def _idle_slcan(path: Path) -> SlcanLink:
    return SlcanLink(await SerialPort.open(path))


@given(cut=st.integers(0, 60), before=st.lists(st.sampled_from([ON, *OFF[:3]]), max_size=2))
def test_the_last_words_are_understood_wherever_a_writer_was_torn(cut: int, before: list[Frame]) -> None:
    adapter = SlcanAdapter(bitrate=125_000, is_open=True)
    torn = b"".join(map(slcan.encode, before))[:cut]
    whole, _ = adapter.receive(torn)
    (words,) = SlcanLink.last_words(None, OFF)  # type: ignore[arg-type] # it needs nothing of the link
    frames, _ = adapter.receive(words)

    assert frames[-len(OFF) :] == list(OFF)
    assert len(whole) + len(frames) - len(OFF) <= len(before)


@given(cut=st.integers(0, 2000))
def test_the_words_of_a_guard_that_was_cut_short_are_understood_when_said_again(cut: int) -> None:
    adapter = SlcanAdapter(bitrate=125_000, is_open=True)
    (words,) = SlcanLink.last_words(None, OFF)  # type: ignore[arg-type]
    adapter.receive(words[:cut])
    frames, _ = adapter.receive(words)

    assert frames[-len(OFF) :] == list(OFF)


def test_on_socketcan_each_frame_is_a_datagram_of_its_own() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        near.setblocking(False)
        wire = HeldWire(near.fileno(), SocketCanLink.last_words(None, OFF[:5]))  # type: ignore[arg-type]
        wire.say()
        wire.write()
        frames = [unpack(far.recv(64)) for _ in range(5)]

    assert frames == list(OFF[:5])
    assert wire.said


async def test_the_guard_holds_the_wire_while_it_is_up_and_no_longer(nursery: trio.Nursery) -> None:
    guard = Record()
    async with far_end(nursery) as far:
        bus = CanBus("can0", 125_000, lambda: SlcanLink.open(far.pty.path, 125_000), FaultList())
        bus.guard_with(guard, OFF)  # type: ignore[arg-type]
        lifeline = Lifeline(child=Child(name="link", run=bus.run))
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as inner:
                inner.start_soon(bus.run, lifeline)
                while not guard.held:  # noqa: ASYNC110 - the real clock and a real tty
                    await trio.sleep(0.01)
                assert guard.dropped == []
                assert guard.held[0][0] == "can0"
                os.write(guard.held[0][1], b"".join(guard.held[0][2]))
                await far.until(lambda: far.frames[-len(OFF) :] == list(OFF))
                inner.cancel_scope.cancel()

        assert guard.dropped == ["can0"]


async def test_a_port_that_was_closed_is_free_at_once_though_a_guard_still_holds_a_duplicate() -> None:
    """It lets go a moment after it was told to, and the lock is shared by all duplicates."""
    guard = Guard(deadline_s=1.0)
    async with open_pty() as pty:
        link = await _idle_slcan(pty.path)
        guard.hold("can0", link.fileno(), link.last_words(OFF))
        with pytest.raises(WireError, match="in use"):
            await SerialPort.open(pty.path)
        await link.aclose()
        port = await SerialPort.open(pty.path)
        await port.aclose()
        guard.drop("can0")


async def test_a_bus_opens_its_port_when_no_former_guard_holds_it_any_more(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    guard, faults = Record(free=trio.Event()), FaultList()
    tried: list[float] = []

    async def open_link() -> CanLink:
        tried.append(trio.current_time())
        raise WireError("in use")

    bus = CanBus("can0", 125_000, open_link, faults)
    bus.guard_with(guard, ())  # type: ignore[arg-type]
    lifeline = Lifeline(child=Child(name="link", run=bus.run))

    async def let_go() -> None:
        await trio.sleep(1)
        assert (tried, faults.standing) == ([], {}), "and says nothing of a port in use meanwhile"
        assert guard.free is not None
        guard.free.set()

    nursery.start_soon(let_go)
    with pytest.raises(WireError):
        await bus.run(lifeline)
    assert len(tried) == 1


async def test_a_wire_that_goes_down_is_withdrawn(nursery: trio.Nursery) -> None:
    guard = Record()
    async with far_end(nursery) as far:
        bus = CanBus("can0", 125_000, lambda: SlcanLink.open(far.pty.path, 125_000), FaultList())
        bus.guard_with(guard, OFF)  # type: ignore[arg-type]
        lifeline = Lifeline(child=Child(name="link", run=bus.run))

        async def unplug() -> None:
            while not guard.held:  # noqa: ASYNC110 - the real clock and a real tty
                await trio.sleep(0.01)
            await far.pty.far.aclose()

        nursery.start_soon(unplug)
        with trio.fail_after(PATIENCE_S), pytest.raises(WireDown):
            await bus.run(lifeline)

    assert guard.dropped == ["can0"]
