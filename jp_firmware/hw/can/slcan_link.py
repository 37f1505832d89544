"""A CAN link over a serial adapter: opens the channel, then moves slcan lines. The grammar is in `slcan`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S, Outgoing, push_all
from jp_firmware.hw.serial import SerialPort, WireError

log = logging.getLogger(__name__)

ANSWER_S = 0.3
"""Longest time an adapter takes to answer a command (ours: a USB adapter answers within 10 ms)."""

TRIES = 3
"""Set-ups that may fail before it is the adapter's last word (ours)."""

QUIET_S = 0.05
"""Silence after which the answers to what a former user left on the line are over (ours)."""

LOOKS = 5
"""Parts of equal length that such a time is waited for in (ours)."""

REFUSAL = "the slcan adapter refused {}; unplug it and plug it in again, and if that does not help use another adapter"

NO_ADAPTER = (
    "nothing answers slcan commands; "
    "check that this is the CAN adapter's port and that the adapter carries slcan firmware"
)


@attrs.define(eq=False)
class _Patience:
    """How long an adapter is waited for. A loop that stood still has not listened: that costs one look at most."""

    left_s: float
    part_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.part_s = self.left_s / LOOKS

    async def hear(self, port: SerialPort) -> bytes:
        """What comes next; b"" when it is used up."""
        data = b""
        while not data and self.left_s > 0:
            began_s = trio.current_time()
            with trio.move_on_after(self.part_s):
                data = await port.receive_some()
            self.left_s -= min(trio.current_time() - began_s, self.part_s)
        return data


@attrs.define(eq=False)
class SlcanLink:
    """An open channel of an slcan adapter. Fulfils `CanLink`."""

    refused: int = attrs.field(init=False, default=0)
    malformed: int = attrs.field(init=False, default=0)
    _port: SerialPort
    _parser: slcan.SlcanParser = attrs.field(init=False, factory=slcan.SlcanParser)
    _outgoing: Outgoing = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._outgoing = Outgoing(self._port.write_now, self._port.wait_writable, slcan.CLEAR)

    @classmethod
    async def open(cls, path: Path, bitrate: int, baud: int = 115_200) -> SlcanLink:
        """Opens the port and the adapter's channel at `bitrate` (`C`, `Sn`, `O`).

        Raises `WireError` if the port cannot be had, the adapter refuses, or nothing on the port answers at all.
        Adapters that acknowledge nothing (CANable) are taken if they tell their version.
        """
        link = cls(await SerialPort.open(path, baud=baud))
        try:
            await link._open_channel(bitrate)
        except BaseException:
            with trio.CancelScope(shield=True):
                await link._port.aclose()
            raise
        return link

    async def receive(self) -> list[Frame]:
        """As `CanLink.receive`."""
        while True:
            frames = []
            for event in self._parser.receive(await self._port.receive_some()):
                match event:
                    case Frame():
                        frames.append(event)
                    case slcan.Nak():
                        self.refused += 1
                    case slcan.Malformed():
                        self.malformed += 1
                        log.debug("%s: %s: %r", self._port.path, event.reason, event.line)
            if frames:
                return frames

    async def send(self, frame: Frame, useful_s: float = USEFUL_S) -> bool:
        """As `CanLink.send`."""
        return await self._outgoing.send(slcan.encode(frame), useful_s)

    def send_now(self, *frames: Frame) -> None:
        """As `CanLink.send_now`."""
        push_all(self._outgoing, tuple(map(slcan.encode, frames)))

    async def pump(self) -> None:
        """As `CanLink.pump`."""
        await self._outgoing.pump()

    async def aclose(self) -> None:
        """Closes the channel, if the adapter still listens, and the port."""
        push_all(self._outgoing, (slcan.encode_command("C"),))
        await self._port.aclose()

    def fileno(self) -> int:
        """As `CanLink.fileno`."""
        return self._port.fileno()

    def last_words(self, frames: Sequence[Frame]) -> tuple[bytes, ...]:
        """As `CanLink.last_words`. A torn line is cleared first, and the channel opened should it be closed.

        An adapter refuses to open one that is open, and keeps its bitrate while it is closed.
        """
        return (slcan.CLEAR + slcan.encode_command("O") + b"".join(map(slcan.encode, frames)),)

    async def _open_channel(self, bitrate: int) -> None:
        # Whatever a former user left half written is not to be acted on. Empty lines wake an adapter that has just got
        # its power (LAWICEL's manual asks for some). All answers, and the refusal of a close of a closed channel, mean
        # nothing.
        await self._port.send_all(slcan.CLEAR + b"\r\r\r" + slcan.encode_command("C"))
        await self._listen_until_quiet()
        complaint = ""
        for _ in range(TRIES):
            complaint = await self._set_up(bitrate)
            if not complaint:
                return
            # A refusal may be the answer to what was sent before, and an answer may come late: from an adapter or a
            # machine that is busy.
            await self._port.send_all(slcan.encode_command("C"))
            await self._listen_until_quiet()
        raise WireError(f"{self._port.path}: {complaint}")

    async def _set_up(self, bitrate: int) -> str:
        """Bitrate, then open. What is wrong, "" for nothing; an adapter that says nothing must tell its version."""
        code = slcan.BITRATE_CODES[bitrate]
        taken = await self._ask(slcan.encode_command("S", code))
        if taken is None and not await self._tells_its_version():
            return NO_ADAPTER
        if taken is False:
            return REFUSAL.format(f"{bitrate // 1000} kbit/s (command S{code})")
        opened = await self._ask(slcan.encode_command("O"), ANSWER_S if taken else 0.0)
        return REFUSAL.format("to open its channel") if opened is False else ""

    async def _ask(self, command: bytes, within_s: float = ANSWER_S) -> bool | None:
        """Whether the adapter took the command, None if it does not say. Frames that come meanwhile are too early."""
        await self._port.send_all(command)
        patience = _Patience(within_s)
        while data := await patience.hear(self._port):
            for event in self._parser.receive(data):
                if isinstance(event, slcan.Ack | slcan.Nak):
                    return isinstance(event, slcan.Ack)
        return None

    async def _tells_its_version(self) -> bool:
        await self._port.send_all(slcan.encode_command("V"))
        if not await _Patience(ANSWER_S).hear(self._port):
            return False
        log.info("%s: the slcan adapter acknowledges no commands; going on without", self._port.path)
        await self._listen_until_quiet()
        return True

    async def _listen_until_quiet(self) -> None:
        """Reads and forgets until nothing has come for `QUIET_S`, at most ten times as long."""
        left_s = 10 * QUIET_S
        while left_s > 0:
            quiet = _Patience(QUIET_S)
            if not await quiet.hear(self._port):
                break
            left_s -= QUIET_S - quiet.left_s
        self._parser = slcan.SlcanParser()
