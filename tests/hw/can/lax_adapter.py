"""An slcan adapter that looks at the first letter of a line only, after the CANable's firmware (slcan, 2019).

It acknowledges nothing, checks no length, takes digits that are none for some number, and reads what a short frame
lacks from where earlier lines have left it. A line longer than its buffer begins that anew.
"""

from __future__ import annotations

import attrs

from jp_firmware.hw.can.frame import Frame

BUFFER = 30
BITRATES = {4: 125_000, 5: 250_000, 6: 500_000}


@attrs.define(eq=False)
class LaxAdapter:
    """Takes the place of a `SlcanAdapter`."""

    bitrate: int | None = None
    is_open: bool = False
    _buffer: bytearray = attrs.field(factory=lambda: bytearray(BUFFER))
    _at: int = 0

    def receive(self, data: bytes) -> tuple[list[Frame], bytes]:
        frames: list[Frame] = []
        answer = b""
        for byte in data:
            if byte == 0x0D:
                frame, said = self._obey(self._at)
                answer += said
                frames += [frame] if frame and self.is_open else []
                self._at = 0
                continue
            if self._at >= BUFFER:
                self._at = 0
            self._buffer[self._at] = byte
            self._at += 1
        return frames, answer

    def _obey(self, length: int) -> tuple[Frame | None, bytes]:
        for at in range(1, length):
            byte = self._buffer[at]
            base = 0x61 - 10 if byte >= 0x61 else 0x41 - 10 if byte >= 0x41 else 0x30
            self._buffer[at] = (byte - base) % 256
        match chr(self._buffer[0]) if length else "":
            case "O":
                self.is_open = True
            case "C":
                self.is_open = False
            case "S" if not self.is_open:
                self.bitrate = BITRATES.get(self._buffer[1], self.bitrate)
            case "V":
                return None, b"b158aa7 github.com/canable\r"
            case "T":
                return self._frame(), b""
        return None, b""

    def _frame(self) -> Frame | None:
        can_id = 0
        for digit in self._buffer[1:9]:
            can_id = can_id * 16 + digit
        length, digits = self._buffer[9], self._buffer[10:]
        if length > 8:
            return None
        pairs = zip(digits[: 2 * length : 2], digits[1 : 2 * length : 2], strict=True)
        return Frame(can_id & 0x1FFF_FFFF, bytes((high * 16 + low) % 256 for high, low in pairs))
