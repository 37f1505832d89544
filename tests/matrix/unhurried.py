"""A clock that goes as the real one does while its loop turns: what the machine takes away does not pass on it.

For tests that need real threads and whose parts have watchdogs: none of these expires because a machine gave the
processor to others for a second.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import attrs
import trio

STEP_S = 0.02  # longest time that passes between two looks at the clock; the loop sleeps no longer than that


@attrs.define(eq=False)
class UnhurriedClock(trio.abc.Clock):
    """Runs from 0. `real_s` is the clock of the machine."""

    real_s: Callable[[], float] = perf_counter
    _looked_s: float = 0.0
    _now_s: float = 0.0

    def start_clock(self) -> None:
        self._looked_s = self.real_s()

    def current_time(self) -> float:
        real_s = self.real_s()
        self._now_s += min(real_s - self._looked_s, STEP_S)
        self._looked_s = real_s
        return self._now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return min(deadline - self.current_time(), STEP_S)
