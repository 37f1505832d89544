"""Who saw the OFF frames: the emulated cabinet, at its end of a tty, or the kernel itself, on a CAN interface.

The kernel stamps a frame when it is sent, so that on SocketCAN no receiver's delay is in a figure. Neither witness
says anything on a wire.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.demo.site import Site, SiteError
from jp_firmware.hw.can.socketcan import unpack
from jp_firmware.hw.modules import infypower_wire as wire

# asm-generic/socket.h; Python names none of them
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_RXQ_OVFL = 33, 35, 40
BUFFER_BYTES = 4 << 20  # of OFF frames that nobody has asked for yet
FRAME_BYTES = 16
TIMESPEC, COUNT = struct.Struct("@qq"), struct.Struct("@I")
ANCILLARY_BYTES = socket.CMSG_SPACE(TIMESPEC.size) + socket.CMSG_SPACE(COUNT.size)
SWITCH = wire.Identifier(wire.Command.SET_SWITCH, destination=0, source=wire.CONTROLLER)
ALL_BUT_DESTINATION = socket.CAN_EFF_MASK & ~(0xFF << 8)


class Witness(Protocol):
    """Has seen which module was told OFF, and when."""

    def offs(self, since: float) -> Iterator[tuple[str, float]]:
        """Modules and times, oldest first, of the OFF frames after `since`. Monotonic clock, as all times here."""
        ...


@attrs.frozen
class CabinetWitness:
    """What the emulated modules received, as they marked it."""

    site: Site

    def offs(self, since: float) -> Iterator[tuple[str, float]]:
        """As `Witness.offs`."""
        for mark in self.site.sim("marks", since=since):
            if mark["what"] == "off":
                yield mark["device"], mark["t"]


@attrs.define(eq=False)
class KernelWitness:
    """The controller's switch frames on CAN interfaces, with the kernel's time stamps. It is kept by `listening`."""

    cabinet: Cabinet
    taps: dict[str, socket.socket] = attrs.field(factory=dict, repr=False)  # by the wire's name
    seen: list[tuple[str, float]] = attrs.field(factory=list, repr=False)

    @classmethod
    @contextmanager
    def listening(cls, cabinet: Cabinet) -> Iterator[KernelWitness]:
        witness = cls(cabinet)
        try:
            for one in cabinet.wires:
                if one.kind == "socketcan":
                    witness.taps[one.name] = _tap(one.port)
            yield witness
        finally:
            for tap in witness.taps.values():
                tap.close()

    def offs(self, since: float) -> Iterator[tuple[str, float]]:
        """As `Witness.offs`, but the times asked for must not go back. Raises SiteError if the kernel lost a frame."""
        ahead_s = _wall_clock_ahead_s()
        modules = {(one.wire, one.address): one.id for one in self.cabinet.modules}
        for name, tap in self.taps.items():
            for address, at_s in _told_off(tap):
                self.seen.append((modules[name, address], at_s - ahead_s))
        self.seen = sorted((one for one in self.seen if one[1] > since), key=lambda one: one[1])
        yield from self.seen


def _tap(interface: str) -> socket.socket:
    tap = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW)
    only = struct.pack("=II", socket.CAN_EFF_FLAG | SWITCH.encode(), socket.CAN_EFF_FLAG | ALL_BUT_DESTINATION)
    tap.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, only)
    tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    tap.bind((interface,))
    return tap


def _wall_clock_ahead_s() -> float:
    """Of the monotonic clock: the look at both that was interrupted least."""
    looks = []
    for _ in range(5):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        looks.append((after - before, wall - (before + after) / 2))
    return min(looks)[1] / 1e9


def _told_off(tap: socket.socket) -> Iterator[tuple[int, float]]:
    """Addresses told OFF and when, on the wall clock, until there is nothing more to read."""
    while True:
        try:
            data, ancillary, _, _ = tap.recvmsg(FRAME_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            return
        frame, at_s = unpack(data), _stamp(ancillary)
        if frame is not None and wire.Switch.decode(frame.data) == wire.OFF:
            yield wire.Identifier.decode(frame.can_id).destination, at_s


def _stamp(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    found = {kind: value for level, kind, value in ancillary if level == socket.SOL_SOCKET}
    if SO_RXQ_OVFL in found:
        raise SiteError(f"{COUNT.unpack(found[SO_RXQ_OVFL])[0]} OFF frames came too fast to be seen")
    seconds, nanoseconds = TIMESPEC.unpack(found[SO_TIMESTAMPNS])
    return float(seconds + nanoseconds / 1e9)
