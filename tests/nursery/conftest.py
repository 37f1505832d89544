"""What the guard's tests share."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nursery.loops import NEVER_S, Loop, Start, Wire, until


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    loops: list[Loop] = []

    def starting(wires: int = 1, deadline_s: float = NEVER_S) -> Loop:
        pairs = [Wire(*os.openpty()) for _ in range(wires)]
        for wire in pairs:
            tty.setraw(wire.near)
        with (tmp_path / "stderr").open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery.guarded", str(deadline_s), str(tmp_path / "record")]
                + [str(wire.near) for wire in pairs],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=[wire.near for wire in pairs],
                cwd=Path(__file__).parents[2],
            )
        loop = Loop(process, pairs)
        loops.append(loop)
        until(loop.guards, "a guard")
        return loop

    yield starting
    for loop in loops:
        guards = loop.guards()
        loop.end()
        for pid in guards:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # it would end by itself, after some more words
        for wire in loop.wires:
            os.close(wire.far)
            os.close(wire.near)
        assert loop.process.stdin is not None
        assert loop.process.stdout is not None
        loop.process.stdin.close()
        loop.process.stdout.close()
