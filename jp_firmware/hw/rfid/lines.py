"""What a serial RFID reader says: a UID in hexadecimal a line. Sans-IO: bytes in, UIDs out; time is handed in.

A UID has 4, 7 or 10 bytes (ISO 14443-3), that is 8, 14 or 20 hex digits in either case; it comes out in upper case,
its bytes in the order in which the reader sends them. Any other line is garbage: counted, and never raised.
"""

from __future__ import annotations

import math
import re

import attrs

SAME_CARD_S = 1.0  # a card held to the reader is read again and again: the same within this time is the same swipe
MAX_LINE = 64  # bytes; a longer line is no UID, whatever it is
_UID = re.compile(rb"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20}")
_ENDS = re.compile(rb"[\r\n]")


@attrs.define
class UidLines:
    """Cuts a stream of bytes into UIDs. Lines end with CR, LF or both."""

    garbage: int = 0  # lines that were no UID
    _line: bytearray = attrs.field(factory=bytearray)
    _too_long: bool = False

    def feed(self, data: bytes) -> list[str]:
        """The UIDs that these bytes complete, in order. Never raises."""
        *whole, rest = _ENDS.split(data)
        uids = [uid for part in whole if (uid := self._end_line(part))]
        self._add(rest)
        return uids

    def _add(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > MAX_LINE:
            self._too_long = True
            self._line.clear()

    def _end_line(self, part: bytes) -> str:
        """The line's UID, "" if it has none."""
        self._add(part)
        line, too_long = bytes(self._line).strip(), self._too_long
        self._line.clear()
        self._too_long = False
        if not too_long and _UID.fullmatch(line):
            return line.decode("ascii").upper()
        if line or too_long:
            self.garbage += 1
        return ""


@attrs.define
class Swipes:
    """Tells a swipe from a card that is still being held to the reader."""

    _uid: str = ""
    _read_s: float = -math.inf  # when it was last read, as a swipe or not

    def is_new(self, uid: str, now_s: float) -> bool:
        """Whether reading this UID now is a swipe. A card that is held for a minute is one swipe."""
        held = uid == self._uid and now_s - self._read_s < SAME_CARD_S
        self._uid, self._read_s = uid, now_s
        return not held
