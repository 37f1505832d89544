"""Claims about SocketCAN on a real kernel. Collected by name inside the user-mode kernel only (`test_uml.py`).

The other end of vcan0 is a plain socket or the can-utils: code that is not ours.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.config import schema, store
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.socketcan import SocketCanLink, pack, unpack
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.serial import WireDown, WireError
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.power import SetPoint
from jp_firmware.model.signals import Quality
from tests.bench.cabinets import cabinet_toml
from tests.bench.witness import KernelWitness
from tests.hw.can.memory import FaultList
from tests.hw.modules.fake import PROFILE, Bench, FakeModule
from tests.hw.modules.supervised import tree
from tests.unhurried import BRIEFLY_S, LivedClock

FRAME = Frame(0x029A00F0, b"\1" + bytes(7))
PATIENCE_S = 120.0  # ours: with a kernel that is itself a process of a busy machine


def switch(up: bool, interface: str = "vcan0") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", interface.encode(), int(up)))  # SIOCSIFFLAGS


@pytest.fixture(autouse=True)
def interface_up() -> Iterator[None]:
    switch(True)
    yield
    switch(True)


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """The other end: a blocking socket with a time limit."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as raw:
        raw.bind(("vcan0",))
        raw.settimeout(PATIENCE_S)
        yield raw


@pytest.fixture
async def link() -> AsyncIterator[SocketCanLink]:
    link = await SocketCanLink.open("vcan0")
    yield link
    await link.aclose()


FRAMES = [
    FRAME,
    Frame(0x123, b"\xde\xad", extended=False),
    Frame(0x7FF, bytes(2), extended=False, remote=True),
    Frame(0x1FFFFFFF),
]


async def test_every_kind_of_frame_passes_both_ways(link: SocketCanLink, other: socket.socket) -> None:
    for frame in FRAMES:
        assert await link.send(frame)
    assert [unpack(other.recv(16)) for _ in FRAMES] == FRAMES

    for frame in FRAMES:
        other.send(pack(frame))
    received: list[Frame] = []
    with trio.fail_after(PATIENCE_S):
        while len(received) < len(FRAMES):
            received += await link.receive()
    assert received == FRAMES


async def test_linux_tools_read_what_we_send_and_we_read_theirs(link: SocketCanLink, nursery: trio.Nursery) -> None:
    async def send_when_it_listens() -> None:
        # candump gives no sign that it listens, but its socket then stands in the kernel's list beside ours.
        while Path("/proc/net/can/rcvlist_all").read_text().count("raw") < 2:  # noqa: ASYNC110
            await trio.sleep(0.01)
        await link.send(FRAME)

    nursery.start_soon(send_when_it_listens)
    with trio.fail_after(PATIENCE_S):
        dump = await trio.run_process(["candump", "-L", "-n", "1", "vcan0"], capture_stdout=True)
    assert dump.stdout.decode().split()[-1] == str(FRAME)

    await trio.run_process(["cansend", "vcan0", "18FF50E5#0102030405060708"])
    with trio.fail_after(PATIENCE_S):
        assert await link.receive() == [Frame.from_text("18FF50E5#0102030405060708")]


async def test_frames_sent_now_are_out_before_the_call_returns(link: SocketCanLink, other: socket.socket) -> None:
    frames = [Frame(number, bytes(8)) for number in range(50)]
    link.send_now(*frames)
    assert [unpack(other.recv(16)) for _ in frames] == frames, "no task of ours ran in between"


async def test_our_own_frames_do_not_come_back(link: SocketCanLink, other: socket.socket) -> None:
    await link.send(FRAME)
    other.send(pack(Frame(7)))
    with trio.fail_after(PATIENCE_S):
        assert await link.receive() == [Frame(7)]


async def test_the_kernel_filters(other: socket.socket) -> None:
    link = await SocketCanLink.open("vcan0", filters=[(0x0000F000, 0x0000FF00)])
    for frame in (Frame(0x0289F003), Frame(0x028903F0), Frame(0x0289F004)):
        other.send(pack(frame))
    with trio.fail_after(PATIENCE_S):
        assert await link.receive() == [Frame(0x0289F003), Frame(0x0289F004)]
    await link.aclose()


async def test_a_cancelled_receive_loses_nothing(link: SocketCanLink, other: socket.socket) -> None:
    with trio.move_on_after(0.05) as scope:
        await link.receive()
    assert scope.cancelled_caught
    other.send(pack(FRAME))
    with trio.fail_after(PATIENCE_S):
        assert await link.receive() == [FRAME]


async def test_an_interface_that_goes_down_ends_receiving_and_sending(
    link: SocketCanLink, nursery: trio.Nursery
) -> None:
    async def down() -> None:
        switch(False)

    nursery.start_soon(down)
    with (
        trio.fail_after(PATIENCE_S),
        pytest.raises(WireDown, match="vcan0: the interface is down; bring it up: ip link set"),
    ):
        await link.receive()
    with pytest.raises(WireDown):
        await link.send(FRAME)
    link.send_now(FRAME)

    with pytest.raises(WireError, match="the interface is down"):
        await SocketCanLink.open("vcan0")
    switch(True)
    again = await SocketCanLink.open("vcan0")
    assert await again.send(FRAME)
    await again.aclose()


async def test_bus_off_ends_the_link(link: SocketCanLink, other: socket.socket) -> None:
    other.send(struct.pack("=IB3x8s", 0x2000_0040, 8, bytes(8)))  # as a controller's driver tells it
    with trio.fail_after(PATIENCE_S), pytest.raises(WireDown, match="bus off; check CAN-H, CAN-L"):
        await link.receive()


async def test_an_interface_that_is_not_there_is_one_line_with_a_remedy() -> None:
    with pytest.raises(WireError, match=r"^can7: no such CAN interface; check the wire's port"):
        await SocketCanLink.open("can7")


@attrs.define(eq=False)
class Modules:
    """Fake modules on a socket of their own."""

    fakes: list[FakeModule]

    async def run(self) -> None:
        raw = trio.socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        with raw:
            await raw.bind(("vcan0",))
            while True:
                try:
                    frame = unpack(await raw.recv(16))
                    for answer in (answer for fake in self.fakes if frame for answer in fake.hear(frame)):
                        await raw.send(pack(answer))
                except OSError:  # the interface is down: modules hear nothing and say nothing
                    await trio.sleep(0.02)


@pytest.fixture
def unhurried() -> LivedClock:
    """Modules and controller are in one process: where that gets no time, none passes."""
    return LivedClock(BRIEFLY_S)


async def test_eight_modules_on_one_bus_start_deliver_stop_and_survive_a_lost_bus(
    unhurried: LivedClock, nursery: trio.Nursery, tmp_path: Path
) -> None:
    wire = schema.Wire(name="can0", kind="socketcan", port="vcan0")
    bench = Bench(faults=FaultList())
    bench.bus = CanBus.of_wire(wire, tmp_path, bench.faults)
    for address in range(8):
        config = schema.Module(
            id=ModuleId(f"module-{address + 1}"), wire="can0", address=address, connector=ConnectorId(1)
        )
        bench.fakes.append(FakeModule(address=address))
        bench.tasks.append(ModuleTask(config, PROFILE, bench.bus, bench.faults))
    stage = Stage(ConnectorId(1), bench.tasks)

    async def until(condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while not condition():  # noqa: ASYNC110
                await trio.sleep(0.02)

    def all_usable() -> bool:
        return stage.rating.max_power_w == 240_000 and all(task.usable for task in bench.tasks)

    def delivers_400_a() -> bool:
        stage.apply(SetPoint(voltage_v=400, current_a=400, expires_at_s=trio.current_time() + 2))
        output = stage.output.fresh(trio.current_time(), 0.6)
        return output is not None and (400, 400, 8) == (output.voltage_v, output.current_a, output.modules_on)

    def is_lost() -> bool:
        return (
            "the interface is down" in bench.faults.standing.get(("PM-14", "can0"), "")
            and stage.output.signal.quality is Quality.STALE
            and not any(task.wanted for task in bench.tasks)
        )

    nursery.start_soon(Modules(bench.fakes).run)
    nursery.start_soon(tree(bench).run)
    await until(all_usable)
    await until(delivers_400_a)
    switch(False)
    await until(is_lost)
    switch(True)
    await until(lambda: all_usable() and bench.faults.standing == {})
    assert not any(fake.on for fake in bench.fakes), "off first, whatever was wanted before"
    nursery.cancel_scope.cancel()


def test_the_benchmarks_witness_sees_the_controllers_off_frames_alone_and_when_they_were_sent(
    other: socket.socket, tmp_path: Path
) -> None:
    path = tmp_path / "cabinet.toml"
    path.write_text(cabinet_toml(2, can="socketcan"))
    cabinet = store.load(path, ["wires.can0.port=vcan0"])
    off = wire.request(wire.Command.SET_SWITCH, 1, wire.OFF.encode())
    with KernelWitness.listening(cabinet) as witness:
        other.send(pack(off))
        time.sleep(0.01)  # the clock itself is under test
        before_s = time.monotonic()
        other.send(pack(wire.request(wire.Command.SET_SWITCH, 0, wire.ON.encode())))
        other.send(pack(wire.request(wire.Command.READ_OUTPUT, 0)))
        other.send(pack(off))
        other.send(pack(wire.reply(wire.Identifier.decode(off.can_id), 1, wire.OFF.encode())))
        after_s = time.monotonic()
        time.sleep(0.01)

        [(module, at_s)] = witness.offs(before_s)
        assert module == "module-2"
        assert before_s - 0.001 <= at_s <= after_s + 0.001
        assert list(witness.offs(after_s + 0.001)) == []
