"""Where a task that cannot be ended stands: names, files and lines, down to the thread it waits for.

For the journal of a process that is about to be left. It reads what Trio and the interpreter tell about themselves,
changes nothing and never waits.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import trio

MOST_TASKS = 20  # ours: a culprit is among the first
MOST_FRAMES = 40

_DUMPED_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)


def stack_of(task: trio.lowlevel.Task) -> tuple[str, ...]:
    """The stack of a suspended task and of the tasks it waits for, outermost first: "jp/x.py:88 in run".

    Each task that others do not wait for begins with a line of its own, "task: <name>". One that sits in a thread goes
    on with the thread's frames.
    """
    lines: list[str] = []
    for count, leaf in enumerate(_leaves(task)):
        if count == MOST_TASKS:
            lines.append("(more tasks)")
            break
        lines.append(f"task: {leaf.name}")
        lines += list(_frames_of(leaf))[-MOST_FRAMES:]
    return tuple(lines)


def stack_in_dump(dump: str, ident: int) -> tuple[str, ...]:
    """The stack of thread `ident` out of what `faulthandler` has written, in the same form; () if it is not in it."""
    for section in re.split(r"^(?:Current t|T)hread 0x", dump, flags=re.MULTILINE)[1:]:
        if int(section.partition(" ")[0], 16) == ident:
            frames = _DUMPED_FRAME.findall(section)
            return tuple(f"{short_path(path)}:{line} in {name}" for path, line, name in reversed(frames))[-MOST_FRAMES:]
    return ()


def short_path(path: str) -> str:
    """A file's path from where its package begins, so that it says the same on every machine."""
    roots = [entry for entry in sys.path if entry and path.startswith(entry.rstrip("/") + "/")]
    if not roots:
        return Path(path).name
    return path[len(max(roots, key=len).rstrip("/")) + 1 :]


def _leaves(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    below = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    if not below:
        yield task
    for child in below:
        yield from _leaves(child)


def _frames_of(task: trio.lowlevel.Task) -> Iterator[str]:
    for frame, line in task.iter_await_frames():
        yield _say(frame, line)
        if frame.f_code is trio.to_thread.run_sync.__code__:
            yield from _frames_in_thread(frame.f_locals.get("thread_name"))


def _frames_in_thread(name: str | None) -> Iterator[str]:
    """The frames of Trio's worker thread of that name, which is what its caller is called by."""
    ident = next((thread.ident for thread in threading.enumerate() if thread.name == name), None)
    frame = sys._current_frames().get(ident or 0)
    said = []
    while frame is not None:
        said.append(_say(frame, frame.f_lineno))
        frame = frame.f_back
    yield from reversed(said)


def _say(frame: FrameType, line: int) -> str:
    return f"{short_path(frame.f_code.co_filename)}:{line} in {frame.f_code.co_qualname}"
