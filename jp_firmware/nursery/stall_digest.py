"""Stalls, thinned out for a logbook: the worst of each task, with a count of the others, ever more rarely.

Pure: it is given stalls and a time, and says what is worth a line. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jp_firmware.nursery.stall import Stall

EVERY_S = 10.0  # ours: a line for each stall of a sick task would be a stall of its own, and wears out flash
LONGEST_S = 640.0  # ours: on a machine that is too slow for good, all tasks together must leave room for other events


@attrs.frozen
class Told:
    """One line: the worst stall of a task since its last line, and how many others there were."""

    worst: Stall
    left_out: int

    @property
    def text(self) -> str:
        """For a person: how long, where, how many more."""
        where = f", up to {self.worst.next}" if self.worst.next else ", its last one"
        more = f"; {self.left_out} shorter ones left out" if self.left_out else ""
        return f"a step took {self.worst.step_ms:.1f} ms{where}{more}"


@attrs.define
class _Task:
    worst: Stall
    count: int
    due_at_s: float
    every_s: float


@attrs.define(eq=False)
class StallDigest:
    """Remembers, for each task that stalled lately, when it was told and what has happened since.

    A task that goes on stalling is told after `every_s`, then after twice as long each time, up to `longest_s`. One
    that was quiet for that long begins anew.
    """

    every_s: float = EVERY_S
    longest_s: float = LONGEST_S
    _tasks: dict[str, _Task] = attrs.field(factory=dict, init=False)

    def take(self, now_s: float, stalls: Iterable[Stall] = ()) -> list[Told]:
        """What is due now, the new stalls included. What is left over is told by a later call."""
        for stall in stalls:
            task = self._tasks.setdefault(stall.task, _Task(stall, 0, now_s, self.every_s))
            if not task.count or stall.step_ms > task.worst.step_ms:
                task.worst = stall
            task.count += 1
        told = []
        for name, task in list(self._tasks.items()):
            if now_s < task.due_at_s:
                continue
            if not task.count:
                del self._tasks[name]  # nothing new since its last line
                continue
            told.append(Told(task.worst, task.count - 1))
            task.count, task.due_at_s = 0, now_s + task.every_s
            task.every_s = min(2 * task.every_s, self.longest_s)
        return told
