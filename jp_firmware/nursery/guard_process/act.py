"""What the guard does when a loop stands still, and the record of it for the next life of the loop's process."""

from __future__ import annotations

import os
import time

from .stderr import say
from .wire import ENOUGH, HeldWire

STILL, STOPPED, GONE = "still", "stopped", "gone"  # why it acted


class Act:
    """What the guard does when a loop stands still, from its first word to the loop's return."""

    def __init__(self, why: str, now_s: float, last_beat_s: float, for_s: float, thread: str) -> None:
        self.why = why
        self.thread = thread  # the loop's, by the name that the stack gives it
        self.at = time.time()
        self.last_beat_s = last_beat_s
        self.next_s = now_s
        self.until_s = now_s + for_s
        self.rounds = 0
        self.recorded = False
        self.awaits_stack = False

    def is_over(self) -> bool:
        """Whether the words were said for long enough, and often enough by a guard that was kept waiting."""
        return self.next_s > self.until_s and self.rounds >= ENOUGH

    def line(self, stood_s: float, wires: dict[str, HeldWire], stack: bytes) -> bytes:
        """The act for the record and for the loop: a line of fields, then the stack."""
        said = ",".join(name for name, wire in wires.items() if wire.said)
        failed = ",".join(f"{name}: {wire.error or 'takes nothing'}" for name, wire in wires.items() if not wire.said)
        fields = (self.why, f"{self.at:.3f}", f"{stood_s:.3f}", str(self.rounds), said, failed, self.thread)
        return "\t".join(fields).encode() + b"\n" + stack


class Record:
    """The file that the last act is left in; with no path nothing is left."""

    def __init__(self, path: str) -> None:
        self.path = path

    def write(self, data: bytes) -> None:
        """For the next life of the loop's process, which may look for it at any time: there is all of it, or none."""
        if not self.path:
            return
        part = f"{self.path}.part"
        try:
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
            os.replace(part, self.path)
        except OSError as error:
            say(f"{self.path}: {error.strerror}")

    def remove(self) -> None:
        """This life was told; the next need not be."""
        try:
            os.unlink(self.path)
        except OSError:
            return
