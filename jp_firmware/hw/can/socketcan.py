"""A CAN link over Linux SocketCAN: a raw, non-blocking socket. The bitrate is set by the system, never here."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import sys
from collections.abc import Sequence

import attrs
import trio

from jp_firmware.hw.can.frame import EXTENDED_MASK, STANDARD_MASK, Frame
from jp_firmware.hw.can.link import USEFUL_S, Outgoing, push_all
from jp_firmware.hw.serial import WireDown, WireError

BATCH = 64
"""Frames read at most before other tasks get their turn: a tenth of a second of a full 125 kbit/s bus."""

_CAN_FRAME = struct.Struct("=IB3x8s")
_CAN_RAW_ERR_FILTER = 2  # linux/can/raw.h
_CAN_ERR_BUSOFF = 0x40  # linux/can/error.h
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 0x1


@attrs.define(eq=False)
class SocketCanLink:
    """An open raw socket. Fulfils `CanLink`. Our own frames do not come back to it."""

    interface: str
    refused: int = attrs.field(init=False, default=0)
    malformed: int = attrs.field(init=False, default=0)
    _socket: socket.socket = attrs.field(repr=False)
    _outgoing: Outgoing = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._outgoing = Outgoing(self._write, self._wait_room)

    @classmethod
    async def open(cls, interface: str, filters: Sequence[tuple[int, int]] = ()) -> SocketCanLink:
        """Opens the interface, which must be up. `filters` are (identifier, mask) pairs of extended frames for the
        kernel to let through; none lets all through.

        Raises `WireError` if there is no such interface, or it is down.
        """
        await trio.lowlevel.checkpoint()
        try:
            raw = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW)
        except OSError as error:
            raise WireError(f"{interface}: this kernel has no SocketCAN; use an slcan adapter on a tty") from error
        try:
            raw.bind((interface,))
            if not _is_up(raw, interface):
                raise OSError(errno.ENETDOWN, "down")
            if filters:
                packed = b"".join(struct.pack("=II", socket.CAN_EFF_FLAG | can_id, mask) for can_id, mask in filters)
                raw.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, packed)
            raw.setsockopt(socket.SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, struct.pack("=I", _CAN_ERR_BUSOFF))
        except OSError as error:
            raw.close()
            raise WireError(f"{interface}: {_explain(error, interface)}") from error
        return cls(interface, raw)

    async def receive(self) -> list[Frame]:
        """As `CanLink.receive`. Bus-off ends the link: the kernel, or an operator, must restart the interface."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            if frames := self._read_batch():
                return frames

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        """As `CanLink.send`."""
        return await self._outgoing.send(pack(frame), useful_s)

    def send_now(self, *frames: Frame) -> None:
        """As `CanLink.send_now`."""
        push_all(self._outgoing, tuple(map(pack, frames)))

    async def pump(self) -> None:
        """As `CanLink.pump`."""
        await self._outgoing.pump()

    async def aclose(self) -> None:
        """Closes the socket; a waiting reader is woken."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()

    def fileno(self) -> int:
        """As `CanLink.fileno`."""
        return self._socket.fileno()

    def last_words(self, frames: Sequence[Frame]) -> tuple[bytes, ...]:
        """As `CanLink.last_words`: one frame a datagram, never torn."""
        return tuple(map(pack, frames))

    def _read_batch(self) -> list[Frame]:
        frames: list[Frame] = []
        try:
            while len(frames) < BATCH:
                data = self._socket.recv(_CAN_FRAME.size)
                if _is_bus_off(data):
                    raise WireDown(f"{self.interface}: bus off; check CAN-H, CAN-L, ground, termination and bitrate")
                if (frame := unpack(data)) is not None:
                    frames.append(frame)
                else:
                    self.malformed += 1
        except BlockingIOError:
            pass
        except OSError as error:
            raise WireDown(f"{self.interface}: {_explain(error, self.interface)}") from error
        return frames

    def _write(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno == errno.ENOBUFS:  # the interface's queue is full, though the socket is writable
                return 0
            raise WireDown(f"{self.interface}: {_explain(error, self.interface)}") from error

    async def _wait_room(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)
        await trio.sleep(0.001)  # the kernel has no event for the end of ENOBUFS; one frame takes 1 ms at 125 kbit/s


def pack(frame: Frame) -> bytes:
    """`frame` as the kernel's `struct can_frame`."""
    flags = (socket.CAN_EFF_FLAG if frame.extended else 0) | (socket.CAN_RTR_FLAG if frame.remote else 0)
    return _CAN_FRAME.pack(flags | frame.can_id, len(frame.data), frame.data)


def unpack(data: bytes) -> Frame | None:
    """The inverse of `pack`; None for an error frame, or what is no classic frame."""
    if len(data) != _CAN_FRAME.size:
        return None
    can_id, length, payload = _CAN_FRAME.unpack(data)
    if can_id & socket.CAN_ERR_FLAG or length > 8:
        return None
    extended, remote = bool(can_id & socket.CAN_EFF_FLAG), bool(can_id & socket.CAN_RTR_FLAG)
    mask = EXTENDED_MASK if extended else STANDARD_MASK
    return Frame(can_id & mask, bytes(length) if remote else payload[:length], extended=extended, remote=remote)


def _is_bus_off(data: bytes) -> bool:
    can_id = int.from_bytes(data[:4], sys.byteorder)
    return bool(can_id & socket.CAN_ERR_FLAG and can_id & _CAN_ERR_BUSOFF)


def _is_up(raw: socket.socket, interface: str) -> bool:
    answer = fcntl.ioctl(raw.fileno(), _SIOCGIFFLAGS, struct.pack("16sH14x", interface.encode(), 0))
    return bool(struct.unpack("16sH14x", answer)[1] & _IFF_UP)


def _explain(error: OSError, interface: str) -> str:
    match error.errno:
        case errno.ENODEV | errno.ENXIO:
            return "no such CAN interface; check the wire's port in the configuration, and the adapter's plug"
        case errno.ENETDOWN:
            return f"the interface is down; bring it up: ip link set {interface} up type can bitrate 125000"
    return f"{error.strerror or error}"
