"""A CAN 2.0 frame as a value. Knows no bus, no time and no direction."""

from __future__ import annotations

import attrs

STANDARD_MASK = 0x7FF
EXTENDED_MASK = 0x1FFF_FFFF
MAX_LENGTH = 8


@attrs.frozen
class Frame:
    """One classic CAN frame.

    A remote frame has no payload on the wire, only a length it asks for; here it carries that many zero bytes, so that
    `len(data)` is the data length code of every frame.

    Raises `ValueError` for an identifier or a length that no CAN controller would send.
    """

    can_id: int
    data: bytes = b""
    extended: bool = True
    remote: bool = False

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.can_id <= (EXTENDED_MASK if self.extended else STANDARD_MASK):
            raise ValueError(f"CAN identifier {self.can_id:#x} has more than {29 if self.extended else 11} bits")
        if len(self.data) > MAX_LENGTH:
            raise ValueError(f"a CAN frame carries at most {MAX_LENGTH} bytes, not {len(self.data)}")
        if self.remote and any(self.data):
            raise ValueError("a remote frame carries no data")

    def __str__(self) -> str:
        """As candump and cansend write it: `029A3FF0#0100000000000000`, `7FF#R2`."""
        payload = f"R{len(self.data)}" if self.remote else self.data.hex().upper()
        return f"{self.can_id:0{8 if self.extended else 3}X}#{payload}"

    @classmethod
    def from_text(cls, text: str) -> Frame:
        """The inverse of `str`: eight digits of identifier are extended, three are standard. Raises `ValueError`."""
        identifier, hash_, payload = text.partition("#")
        if not hash_ or len(identifier) not in (3, 8):
            raise ValueError(f"{text!r} is not a CAN frame in the form 029A3FF0#0100000000000000")
        remote = payload.startswith("R")
        data = bytes(int(payload[1:] or "0")) if remote else bytes.fromhex(payload)
        return cls(int(identifier, 16), data, extended=len(identifier) == 8, remote=remote)
