"""What the loop and its guard say to each other: one message of their socket each; the first byte says which."""

from __future__ import annotations

import struct

HOLD, DROP, BEAT, BYE = b"H", b"D", b"B", b"G"  # to the guard
HEARD, ACTED = b"h", b"A"  # from the guard

LARGEST_MESSAGE = 65_536
BEAT_FORMAT = struct.Struct("=QQ")  # a number that grows, monotonic nanoseconds
_LENGTH = struct.Struct("=I")


def pack_hold(name: str, words: tuple[bytes, ...]) -> bytes:
    """The message that goes with a wire's descriptor. Each of `words` is written by one call where the kernel can."""
    return HOLD + b"".join(_LENGTH.pack(len(part)) + part for part in (name.encode(), *words))


def unpack_hold(message: bytes) -> tuple[str, tuple[bytes, ...]]:
    """The inverse of `pack_hold`."""
    parts, at = [], 1
    while at < len(message):
        (length,) = _LENGTH.unpack_from(message, at)
        at += _LENGTH.size
        parts.append(message[at : at + length])
        at += length
    return parts[0].decode(), tuple(parts[1:])
