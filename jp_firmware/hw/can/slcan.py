"""slcan, the LAWICEL ASCII protocol of serial CAN adapters: bytes in, events out, and the encoders of both sides.

One parser serves the host, which hears frames, acknowledgements and answers, and an adapter, which hears frames and
commands. It is strict: a line whose length does not fit its own length code, or with a digit that is none, is
`Malformed` and never a frame. It does no I/O and knows no time; `slcan_link` moves the bytes.

Source: LAWICEL CANUSB/CAN232 manual, as implemented by the Linux slcan driver.
"""

from __future__ import annotations

import re

import attrs

from jp_firmware.hw.can.frame import Frame

ACK = b"\r"
NAK = b"\a"

BITRATE_CODES = {
    10_000: "0",
    20_000: "1",
    50_000: "2",
    100_000: "3",
    125_000: "4",
    250_000: "5",
    500_000: "6",
    800_000: "7",
    1_000_000: "8",
}

CLEAR = b"~" * 30 + b"\r"
"""Ends a line that another writer may have left torn, so that no adapter acts on what there is of it.

An empty line would complete a torn one: `C` without its CR then closes the channel, and a frame without its CR goes
out, however old it is. A byte that is in no slcan line spoils it for an adapter that reads lines to their end. Some
look at the first letter only (CANable's firmware): their buffer, as long as the longest line, is begun anew by as many
of these bytes. Without a torn line it costs one refusal, and the time of one frame.
"""

MAX_LINE = 64
"""Bytes of one line that are kept. The longest legal one has 30 (`T`, identifier, length, 8 bytes, a time stamp)."""


@attrs.frozen
class Ack:
    """The adapter took the last command."""


@attrs.frozen
class Nak:
    """The adapter refused the last command."""


@attrs.frozen
class Sent:
    """The adapter took a frame for transmission (`z` or `Z`, sent by adapters with automatic polling)."""


@attrs.frozen
class Command:
    """What a host tells an adapter: `S4`, `O`, `C`, `V` ... Heard by an adapter only."""

    letter: str
    argument: str = ""


@attrs.frozen
class Info:
    """An adapter's answer to `V`, `v`, `N` or `F`. `text` is what follows the letter."""

    letter: str
    text: str


@attrs.frozen
class Malformed:
    """A line that is not slcan. `line` without its terminator, at most `MAX_LINE` bytes of it."""

    line: bytes
    reason: str


Event = Frame | Ack | Nak | Sent | Command | Info | Malformed

_FRAME = re.compile(rb"(?:([tr])([0-9A-Fa-f]{3})|([TR])([0-9A-Fa-f]{8}))([0-9A-Fa-f])([0-9A-Fa-f]*)")
_COMMAND = re.compile(rb"[OCLVvNF]|S[0-8]|s[0-9A-Fa-f]{4,6}|[ZXUQ][0-9]|[Mm][0-9A-Fa-f]{8}")
_INFO = re.compile(rb"([VNvF])([0-9A-Za-z]{1,16})")
_TERMINATOR = re.compile(rb"[\r\a]")


@attrs.define(eq=False)
class SlcanParser:
    """Takes bytes as they come, in pieces of any size, and gives the events that are complete.

    A line ends with CR; BELL is an answer of its own and ends a torn line too, so that noise never costs more than
    the line it fell into.
    """

    _partial: bytes = b""

    def receive(self, data: bytes) -> list[Event]:
        """The events completed by `data`. Never raises."""
        events: list[Event] = []
        start = 0
        for end in _TERMINATOR.finditer(data):
            line = self._partial + data[start : end.start()]
            self._partial = b""
            start = end.end()
            if end.group() == NAK:
                if line:
                    events.append(Malformed(line[:MAX_LINE], "cut short by BELL"))
                events.append(Nak())
            else:
                events.append(decode_line(line))
        # One byte more than is kept, so that the line is still known to be too long when its end comes.
        self._partial = (self._partial + data[start:])[: MAX_LINE + 1]
        return events


def decode_line(line: bytes) -> Event:
    """The event of one line without its terminator. Never raises."""
    if not line:
        return Ack()
    if match := _FRAME.fullmatch(line):
        return _decode_frame(line, match)
    if line in (b"z", b"Z"):
        return Sent()
    if _COMMAND.fullmatch(line):
        return Command(chr(line[0]), line[1:].decode("ascii"))
    if match := _INFO.fullmatch(line):
        return Info(match[1].decode("ascii"), match[2].decode("ascii"))
    if len(line) > MAX_LINE:
        return Malformed(line[:MAX_LINE], "longer than any slcan line")
    return Malformed(line, "not an slcan line")


def _decode_frame(line: bytes, match: re.Match[bytes]) -> Frame | Malformed:
    extended = match[3] is not None
    remote = line[0] in b"rR"
    can_id = int(match[4] if extended else match[2], 16)
    length = int(match[5], 16)
    payload = match[6]
    if length > 8:
        return Malformed(line[:MAX_LINE], f"length code {length} is above 8")
    if extended and can_id > 0x1FFF_FFFF:
        return Malformed(line[:MAX_LINE], "identifier has more than 29 bits")
    if not extended and can_id > 0x7FF:
        return Malformed(line[:MAX_LINE], "identifier has more than 11 bits")
    expected = 0 if remote else 2 * length
    if len(payload) == expected + 4:
        return Malformed(line[:MAX_LINE], "four digits too many: switch the adapter's time stamps off (command Z0)")
    if len(payload) != expected:
        return Malformed(line[:MAX_LINE], f"{len(payload)} data digits where length code {length} asks for {expected}")
    data = bytes(length) if remote else bytes.fromhex(payload.decode("ascii"))
    return Frame(can_id, data, extended=extended, remote=remote)


def encode(frame: Frame) -> bytes:
    """The line that carries `frame`, in either direction."""
    letter = ("R" if frame.extended else "r") if frame.remote else ("T" if frame.extended else "t")
    identifier = f"{frame.can_id:08X}" if frame.extended else f"{frame.can_id:03X}"
    payload = "" if frame.remote else frame.data.hex().upper()
    return f"{letter}{identifier}{len(frame.data)}{payload}\r".encode("ascii")


def encode_command(letter: str, argument: str = "") -> bytes:
    """A command of the host, or an adapter's answer to `V`, `N` or `F`."""
    return f"{letter}{argument}\r".encode("ascii")
