"""Children that wait for their turn to start: each in its order, and none that depends on one that is not there yet."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable

import attrs
import trio

from jp_firmware.nursery.child import Lifeline, State


@attrs.define(eq=False)
class Starts:
    """The starts that are still to come. `carries` says on whom others depend.

    Dependants wait for ready as long as it takes; others wait for the one before them no longer than `patience_s`.
    """

    carries: Callable[[Lifeline], bool]
    patience_s: float
    waiting: deque[Lifeline] = attrs.field(init=False, factory=deque)
    _last: Lifeline | None = attrs.field(init=False, default=None)  # the one the next start waits for

    def begin(self, lifelines: Iterable[Lifeline]) -> None:
        """Plans these, the first to start at once."""
        self._last = None
        self.plan(lifelines)

    def plan(self, lifelines: Iterable[Lifeline]) -> None:
        """These instead of all that waited; without a latched one, and without those that depend on it."""
        self.waiting.clear()
        for one in lifelines:
            if not one.state.is_latched:
                self.waiting.append(one)
            elif self.carries(one):
                return

    def take(self) -> Lifeline | None:
        """The one to be started now, if there is one."""
        if not self.waiting or self.is_held_up():
            return None
        self._last = self.waiting.popleft()
        return self._last

    @property
    def is_over(self) -> bool:
        """Whether nobody waits, not even for the last that was started."""
        return not self.waiting and not self.is_held_up()

    def is_held_up(self) -> bool:
        """Whether the next start still waits for the last one."""
        last = self._last
        if last is None or last.state in (State.UP, State.DONE):
            return False
        if self.carries(last):
            return True
        return last.state is State.STARTING and trio.current_time() < last.since_s + self.patience_s

    @property
    def patience_ends_s(self) -> float:
        """When the last one has been waited for long enough; infinity where that is no question."""
        if self._last and not self.carries(self._last) and self.is_held_up():
            return self._last.since_s + self.patience_s
        return math.inf
