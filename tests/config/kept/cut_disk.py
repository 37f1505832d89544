"""Disks whose power is cut, or that refuse, at a step of one's choice.

As a program it commits a change in a process that is really killed, once for each place at which it can be:
`python -m tests.config.kept.cut_disk STORY DIRECTORY`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from jp_firmware.config.kept.commit import Disk


class Steps(Disk):
    """Counts the steps, and calls `at_step` before each of them; it syncs nothing."""

    def __init__(self, at_step: Callable[[int], None] = lambda _: None) -> None:
        self.count = 0
        self._at_step = at_step

    def step(self) -> int:
        self.count += 1
        self._at_step(self.count)
        return self.count

    def write(self, path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        self.step()
        super().write(path, content, mode, owner)

    def rename(self, old: Path, new: Path) -> None:
        self.step()
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self.step()
        super().remove(path)

    def sync(self, directory: Path) -> None:
        self.step()
        super().sync(directory)


class Killed(Steps):
    """Kills its own process before step `last`, or, if `midway`, when half of what that step writes is written."""

    def __init__(self, last: int, midway: bool) -> None:
        super().__init__()
        self._last = last
        self._midway = midway

    def step(self) -> int:
        if super().step() == self._last and not self._midway:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.count

    def write(self, path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        if self._midway and self.count + 1 == self._last:
            path.write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(path, content, mode, owner)


Story = Callable[[Path, Disk], None]


def places(story: Story, prepare: Callable[[Path], None], scratch: Path) -> list[tuple[int, bool]]:
    """All places at which the story can be cut."""
    prepare(scratch)
    disk = Steps()
    story(scratch, disk)
    return [(number, midway) for number in range(1, disk.count + 1) for midway in (False, True)]


def kill_everywhere(story: Story, prepare: Callable[[Path], None], top: Path) -> None:
    """Runs the story in a process of its own for each place, in a directory of its own, and kills it there."""
    for number, midway in places(story, prepare, top / "whole"):
        directory = top / f"{number}{'-midway' if midway else ''}"
        prepare(directory)
        if (child := os.fork()) == 0:
            story(directory, Killed(number, midway))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not midway and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise SystemExit(f"the process was not killed at step {number}: {status}")
        if midway and os.WIFEXITED(status):
            shutil.rmtree(directory)  # that step writes nothing


if __name__ == "__main__":
    from tests.config import stories

    name, place = sys.argv[1:]
    story, prepare = getattr(stories, name)
    kill_everywhere(story, prepare, Path(place))
