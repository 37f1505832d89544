"""Python's garbage collector under a policy, and how long it made everybody wait.

Reference counts free nearly all; the collector only looks for cycles, and a full look at a large heap stops the loop
for tens of milliseconds. So what was built at the start is set aside, the two young generations stay automatic (their
pauses are some 0.1 ms), and the old one is looked at by hand, when the loop has nothing else to do for as long.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import trio
from trio.testing import wait_all_tasks_blocked  # the scheduler's own word for idle; it has no other name

BY_HAND = 1_000_000_000  # a threshold of the old generation that is never reached
EVERY_S = 60.0  # ours: between two looks at the old generation; a steady controller makes next to no cycles
PATIENCE_S = 10.0  # ours: how long a look waits for an idle moment before it is put off to the next time
TRY_EVERY_S = 0.02
LONGEST_MS = 5.0  # the longest step that a control loop may take; a look that takes longer is for the idlest moments


class GcPauses:
    """Times every collection of the process while it is watching. Costs about a microsecond a collection."""

    def __init__(self) -> None:
        self.collections = [0, 0, 0]  # by generation
        self.worst_ms = [0.0, 0.0, 0.0]
        self.last_ms = 0.0
        self._began_ns = 0

    @property
    def worst_pause_ms(self) -> float:
        """Longest pause since the start or the last `reset`."""
        return max(self.worst_ms)

    @contextmanager
    def watching(self) -> Iterator[GcPauses]:
        """Measures while the block runs."""
        gc.callbacks.append(self._called)
        try:
            yield self
        finally:
            gc.callbacks.remove(self._called)
            self._began_ns = 0

    def reset(self) -> None:
        """Forgets what was measured; measuring goes on."""
        self.collections, self.worst_ms, self.last_ms = [0, 0, 0], [0.0, 0.0, 0.0], 0.0

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began_ns = time.perf_counter_ns()
        elif self._began_ns:
            self.last_ms = (time.perf_counter_ns() - self._began_ns) / 1e6
            self._began_ns = 0
            generation = info["generation"]
            self.collections[generation] += 1
            self.worst_ms[generation] = max(self.worst_ms[generation], self.last_ms)


@attrs.define(eq=False)
class GcPolicy:
    """The collector's settings for a process with deadlines. `before_start` and `after_start` each once a run."""

    every_s: float = EVERY_S
    patience_s: float = PATIENCE_S
    looks: int = 0  # at the old generation
    put_off: int = 0  # looks for which there was no moment
    last_ms: float = 0.0  # how long the last look took
    _looked_at_s: float = 0.0

    def before_start(self) -> None:
        """Sets aside what the imports made; frees what an earlier run has left. May take tens of milliseconds: before
        anything with a deadline runs.
        """
        gc.set_threshold(gc.get_threshold()[0], gc.get_threshold()[1], BY_HAND)
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def after_start(self) -> None:
        """Sets aside what the start made, which is little beside the imports: a few milliseconds."""
        gc.collect()
        gc.freeze()
        self._looked_at_s, self.last_ms = trio.current_time(), 0.0

    def is_due(self) -> bool:
        """Whether it is time for a look at the old generation."""
        return trio.current_time() - self._looked_at_s >= self.every_s

    async def look(self, idle_for_s: Callable[[], float] | None = None) -> bool:
        """Collects the old generation in a moment that is idle for longer than the last look took.

        Waits for such a moment, `patience_s` at most; then it is put off, unless the last one was short enough to be
        taken at any time. Whether it was done. Cancellation ends the waiting.
        """
        self._looked_at_s = trio.current_time()
        needed_s = max(1.0, 1.5 * self.last_ms) / 1e3
        with trio.move_on_after(self.patience_s) as patience:
            await _idle(needed_s, idle_for_s or _next_is_due_in_s)
        may_be_taken_at_any_time = self.looks > 0 and self.last_ms < LONGEST_MS / 2
        if patience.cancelled_caught and not may_be_taken_at_any_time:
            self.put_off += 1
            return False
        began_ns = time.perf_counter_ns()
        gc.collect()
        self.last_ms = (time.perf_counter_ns() - began_ns) / 1e6
        self.looks += 1
        return True


async def _idle(needed_s: float, next_is_due_in_s: Callable[[], float]) -> None:
    """Returns in a moment in which no other task can run, and none will have to for `needed_s`."""
    while True:
        await wait_all_tasks_blocked()
        if next_is_due_in_s() > needed_s:
            return
        await trio.sleep(TRY_EVERY_S)


def _next_is_due_in_s() -> float:
    return trio.lowlevel.current_statistics().seconds_to_next_deadline
