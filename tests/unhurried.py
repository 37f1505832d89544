"""A time that does not pass while the machine stands still, and a program: `jp` in that time, as sites of tests run it.

A machine that others use too takes its processors away for seconds. Every watchdog of a charger sees that and is
right, so sessions end, and the machine was tested. Here the loops of the controller and of the emulated cabinet
live through a moment at most, however long they were kept waiting. The guard measures real time all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import trio

PROGRAM = ("-P", str(Path(__file__)))  # its directory has packages that are named as others
# Ours: longer than a loop that is merely busy takes for a round, and well below the 0.5 s without a sign of life after
# which the controller gives a board up. Both loops look at their clock much more often by themselves.
MOMENT_S = 0.2
BRIEFLY_S = 0.02  # the same for watchdogs of tenths of a second, in a process that does little


@attrs.define(eq=False)
class LivedTime:
    """Seconds that its callers have lived through: of a pause between two calls, `moment_s` at most counts."""

    moment_s: float = MOMENT_S
    real_s: Callable[[], float] = time.monotonic
    _seen_s: float = attrs.field(init=False)
    _lived_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seen_s = self._lived_s = self.real_s()

    def __call__(self) -> float:
        real_s = self.real_s()
        self._lived_s += min(real_s - self._seen_s, self.moment_s)
        self._seen_s = real_s
        return self._lived_s


@attrs.define(eq=False)
class LivedClock(trio.abc.Clock):
    """The same for Trio, which sleeps no longer than a moment, so that a sleep is no standstill."""

    moment_s: float = MOMENT_S
    current_s: LivedTime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.current_s = LivedTime(self.moment_s)

    def start_clock(self) -> None:
        self.current_s()

    def current_time(self) -> float:
        return self.current_s()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return min(deadline - self.current_s(), self.moment_s)


def install(part: str) -> None:
    """Before anything of the firmware is imported, which takes some clocks over by name."""
    if part == "sim":
        time.monotonic = LivedTime()
    elif part == "run":
        trio_run = trio.run
        trio.run = lambda *args, **more: trio_run(*args, **{"clock": LivedClock(), **more})


if __name__ == "__main__":
    install(sys.argv[1])
    from jp_firmware.cli.command import main

    sys.exit(main())
