"""The emulated cabinet's memory of what happened when, on the monotonic clock that all processes of a machine share.

Benchmarks and tests read from it the moment a frame reached a device, an answer left it, or a fault was injected.
It judges nothing and is bounded: the oldest marks make room.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import attrs

CAPACITY = 20_000


@attrs.frozen
class Mark:
    """One thing that happened: `t` is `time.monotonic()`, `value` is plain JSON."""

    t: float
    device: str
    what: str
    value: object = None


@attrs.define(eq=False)
class Marks:
    """A ring of marks in the order of their making."""

    clock: Callable[[], float] = time.monotonic
    _ring: deque[Mark] = attrs.field(factory=lambda: deque(maxlen=CAPACITY), repr=False)

    def add(self, device: str, what: str, value: object = None, *, at_s: float | None = None) -> None:
        self._ring.append(Mark(self.clock() if at_s is None else at_s, device, what, value))

    def since(self, t: float = 0.0) -> list[Mark]:
        """All marks later than `t`, oldest first."""
        return [mark for mark in self._ring if mark.t > t]
