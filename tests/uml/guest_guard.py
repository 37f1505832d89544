"""Claims about the guard on a real CAN socket. Collected by name inside the user-mode kernel only (`test_uml.py`).

Run as a script it is the process that is guarded: a bus on vcan0 that says its own frame every 20 ms for as long as its
loop turns. It leaves in order when its stdin is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.socketcan import unpack
from jp_firmware.nursery.guard import Acted, Guard
from jp_firmware.nursery.supervisor import Child, Lifeline, Supervisor
from tests.hw.can.memory import FaultList
from tests.uml.guest_socketcan import switch

OFF = [Frame(0x029A00F0 | address << 8, b"\1" + bytes(7)) for address in range(12)]  # as InfyPower's modules take it
ALIVE = Frame(0x123, b"\1", extended=False)
PATIENCE_S = 120.0  # ours: for a kernel that is itself a process of a busy machine

DEADLINE_S = 4.0  # ours: a loop that nobody stops is not to miss it on a busy machine


# --- the guarded process ---------------------------------------------------------------------------------------------


async def main(deadline_s: float, record: Path) -> None:
    guard = Guard(deadline_s=deadline_s, record=record)
    bus = CanBus.of_wire(schema.Wire(name="can0", kind="socketcan", port="vcan0"), Path("/"), FaultList())
    bus.guard_with(guard, OFF)

    async def speak(lifeline: Lifeline) -> None:
        """Last of the tree: when it speaks, the guard is up and has been handed the wire."""
        lifeline.ready()
        print(guard.pid, flush=True)
        while True:
            await bus.send(ALIVE)
            await trio.sleep(0.02)

    children = [Child(name=name, run=run) for name, run in (("guard", guard.run), ("link", bus.run), ("speaks", speak))]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Supervisor(name="tree", children=children, start_patience_s=PATIENCE_S).run)
        await trio.lowlevel.wait_readable(0)
        nursery.cancel_scope.cancel()


# --- the claims ------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Guarded:
    process: subprocess.Popen[bytes]
    guard: int
    record: Path
    listener: socket.socket

    def hear(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame on the bus that is wanted, within the listener's time."""
        while True:
            frame = unpack(self.listener.recv(16))
            if frame and wanted(frame):
                return frame

    def round(self) -> list[Frame]:
        """As many frames as one round of last words has, none left out."""
        return [self.hear(lambda frame: frame != ALIVE) for _ in OFF]

    def heard(self) -> list[Frame | None]:
        """All that was said and not yet heard."""
        frames = []
        self.listener.setblocking(False)
        try:
            while True:
                frames.append(unpack(self.listener.recv(16)))
        except BlockingIOError:
            return frames

    def state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def acted(self) -> Acted:
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Acted.parse(self.record.read_bytes())
            except (FileNotFoundError, ValueError):  # not yet, or not yet whole
                assert time.monotonic() < give_up_s, "there is no record"
                time.sleep(0.01)


Start = Callable[[float], Guarded]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Guarded] = []

    def starting(deadline_s: float) -> Guarded:
        listener = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        listener.bind(("vcan0",))
        listener.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.uml.guest_guard", str(deadline_s), str(tmp_path / "record")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        one = Guarded(process, int(process.stdout.readline()), tmp_path / "record", listener)
        started.append(one)
        one.hear(lambda frame: frame == ALIVE)
        return one

    yield starting
    for one in started:
        one.process.kill()
        one.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.guard, signal.SIGKILL)  # it would end by itself, after some more words
        assert one.process.stdin is not None
        assert one.process.stdout is not None
        one.process.stdin.close()
        one.process.stdout.close()
        one.listener.close()


def test_a_process_that_is_stopped_has_off_said_on_its_bus_after_the_deadline(start: Start) -> None:
    one = start(DEADLINE_S)
    stopped_s = time.monotonic()
    one.process.send_signal(signal.SIGSTOP)
    first = one.round()
    after_s = time.monotonic() - stopped_s

    assert first == OFF, "each module by its address, whole and in order"
    assert one.state() == "T", "somebody else says it"
    assert after_s > 0.5
    assert one.round() == OFF, "and again"
    acted = one.acted()
    assert (acted.why, acted.said_to, acted.failed) == ("stopped", ("can0",), ())
    assert acted.stood_s >= DEADLINE_S


def test_a_process_that_is_killed_has_off_said_on_its_bus_without_waiting_for_the_deadline(start: Start) -> None:
    one = start(3600.0)
    one.process.kill()
    one.process.wait()

    assert one.round() == OFF
    assert one.round() == OFF
    acted = one.acted()
    assert (acted.why, acted.said_to, acted.failed) == ("gone", ("can0",), ())


def test_an_interface_that_was_down_has_off_said_when_it_is_up_again(start: Start) -> None:
    one = start(DEADLINE_S)
    one.process.send_signal(signal.SIGSTOP)
    switch(False)
    try:
        acted = one.acted()
        with pytest.raises(OSError, match="Network is down"):  # the listener hears of it as well, once
            one.hear(lambda _: False)
    finally:
        switch(True)

    assert acted.failed == ("can0: Network is down",)
    assert one.round() == OFF


def test_a_process_that_leaves_in_order_leaves_no_word_behind(start: Start) -> None:
    one = start(3600.0)
    assert one.process.stdin is not None
    one.process.stdin.close()
    assert one.process.wait(PATIENCE_S) == 0

    assert not Path(f"/proc/{one.guard}").exists()
    assert set(one.heard()) <= {ALIVE}
    assert not one.record.exists()


if __name__ == "__main__":
    os.set_blocking(0, False)
    trio.run(main, float(sys.argv[1]), Path(sys.argv[2]))
