"""The CAN wire of the emulated cabinet: a LAWICEL adapter on a tty, or a real SocketCAN interface, modules behind it.

Frames in, answers out. Bus load is counted, not emulated: arbitration and the time a frame takes are left out.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from jp_firmware.config.schema import Wire
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from jp_firmware.sim.modules.node import ModuleBus
from jp_firmware.sim.tty import Tty

MODULE_BITRATE = 125_000  # every family of charging modules speaks at this rate
_FRAME_BITS = 145  # extended, 8 bytes, with usual bit stuffing (131 unstuffed, 157 at worst)

_CAN_FRAME = struct.Struct("=IB3x8s")
_EFF = 0x8000_0000
_RTR = 0x4000_0000
_ERR = 0x2000_0000


@attrs.define(eq=False)
class Load:
    """Frames on a bus, in total and as a share of its capacity over the last whole second."""

    bitrate: int
    frames: int = 0
    percent: float = 0.0
    _second: int = 0
    _in_second: int = 0

    def count(self, frames: int, now_s: float) -> None:
        second = int(now_s)
        if second != self._second:
            self.percent = 100 * self._in_second * _FRAME_BITS / self.bitrate if second == self._second + 1 else 0.0
            self._second, self._in_second = second, 0
        self.frames += frames
        self._in_second += frames


@attrs.define(eq=False)
class SlcanWire:
    """An slcan adapter on a pseudo-terminal."""

    wire: Wire
    device_dir: Path
    modules: ModuleBus
    adapter: SlcanAdapter = attrs.field(factory=SlcanAdapter)
    load: Load = attrs.field(init=False)
    _tty: Tty = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.load = Load(MODULE_BITRATE)
        self._tty = Tty(self.device_dir / self.wire.port, self._receive)

    async def start(self) -> None:
        """Raises OSError if the tty cannot be made."""
        self._tty.open()

    async def stop(self) -> None:
        self._tty.close()

    def cut(self) -> None:
        """Pulls the adapter out: it loses its power and with it everything it was told."""
        self._tty.close()
        self.adapter = SlcanAdapter()

    async def restore(self) -> None:
        self._tty.open()

    def report(self) -> dict[str, object]:
        return {
            "kind": self.wire.kind,
            "port": self.wire.port,
            "up": self._tty.is_open,
            "channel_open": self.adapter.is_open,
            "bitrate": self.adapter.bitrate,
            "frames": self.load.frames,
            "load_percent": round(self.load.percent, 1),
        }

    def speak(self, now_s: float) -> None:
        """Hands on what the modules say by themselves. Called after each step of the physics."""
        frames = self.modules.speak(now_s)
        if frames and self.adapter.bitrate == MODULE_BITRATE:
            self.load.count(len(frames), now_s)
            self._tty.write(b"".join(self.adapter.frame_to_host(one) for one in frames))

    def _receive(self, data: bytes) -> None:
        frames, answer = self.adapter.receive(data)
        now_s = time.monotonic()
        lines = [answer]
        # At a wrong bitrate the modules see nothing but errors.
        if self.adapter.bitrate == MODULE_BITRATE:
            for frame in frames:
                answers = self.modules.hear(frame, now_s)
                self.load.count(1 + len(answers), now_s)
                lines += [self.adapter.frame_to_host(one) for one in answers]
        self._tty.write(b"".join(lines))


@attrs.define(eq=False)
class SocketCanWire:
    """Modules on a network interface of this machine, such as vcan0."""

    wire: Wire
    modules: ModuleBus
    load: Load = attrs.field(init=False)
    _socket: socket.socket | None = None

    def __attrs_post_init__(self) -> None:
        self.load = Load(self.wire.bitrate)

    async def start(self) -> None:
        """Raises OSError if the interface does not exist or the machine has no CAN."""
        await self.restore()

    async def stop(self) -> None:
        self.cut()

    def cut(self) -> None:
        """The modules leave the bus; the interface itself is not ours to take away."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def restore(self) -> None:
        if self._socket is not None:
            return
        if not hasattr(socket, "AF_CAN"):
            raise OSError("this Python has no SocketCAN")
        bus = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        try:
            bus.setblocking(False)
            bus.bind((self.wire.port,))
            asyncio.get_running_loop().add_reader(bus, self._readable, bus)
        except BaseException:
            bus.close()
            raise
        self._socket = bus

    def report(self) -> dict[str, object]:
        return {
            "kind": self.wire.kind,
            "port": self.wire.port,
            "up": self._socket is not None,
            "frames": self.load.frames,
            "load_percent": round(self.load.percent, 1),
        }

    def speak(self, now_s: float) -> None:
        """Hands on what the modules say by themselves. Called after each step of the physics."""
        frames = self.modules.speak(now_s)
        if frames and self._socket is not None:
            self.load.count(len(frames), now_s)
            self._send(self._socket, frames)

    def _readable(self, bus: socket.socket) -> None:
        while True:
            try:
                packet = bus.recv(_CAN_FRAME.size)
            except BlockingIOError:
                return
            frame = _decoded(packet)
            if frame is None:
                continue
            now_s = time.monotonic()
            answers = self.modules.hear(frame, now_s)
            self.load.count(1 + len(answers), now_s)
            self._send(bus, answers)

    def _send(self, bus: socket.socket, answers: Iterable[Frame]) -> None:
        for answer in answers:
            can_id = answer.can_id | (_EFF if answer.extended else 0)
            try:
                bus.send(_CAN_FRAME.pack(can_id, len(answer.data), answer.data))
            except BlockingIOError:
                return  # a full queue loses frames, as on a real bus


def _decoded(packet: bytes) -> Frame | None:
    can_id, length, data = _CAN_FRAME.unpack(packet)
    if can_id & (_ERR | _RTR):
        return None
    extended = bool(can_id & _EFF)
    return Frame(can_id & (0x1FFF_FFFF if extended else 0x7FF), data[:length], extended=extended)
