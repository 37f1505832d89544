"""Processes with a guarded loop, and the pseudo-terminals that their guard holds."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from jp_firmware.nursery.guard import Acted

DEADLINE_S = 0.5
NEVER_S = 3600.0  # a deadline for loops that are not to stand still, whatever the machine does with them
PATIENCE_S = 60.0  # with a busy machine; how quick a guard is, is measured elsewhere (`tests/bench`)


@attrs.define(eq=False)
class Wire:
    """A pseudo-terminal; `far` is where a device would listen."""

    far: int
    near: int
    heard: bytes = b""

    def listen(self) -> bytes:
        while select.select([self.far], [], [], 0)[0]:
            try:
                self.heard += os.read(self.far, 4096)
            except OSError:
                break
        return self.heard

    @property
    def word(self) -> bytes:
        return b"\rOFF %d\r" % self.near


@attrs.define(eq=False)
class Loop:
    """A process with a guarded loop."""

    process: subprocess.Popen[bytes]
    wires: list[Wire]
    said: str = ""

    def order(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """In order if it can, by force else."""
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self.order("end")
            self.process.wait(0.5)
        self.process.kill()
        self.process.wait()

    def listen(self) -> str:
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while select.select([fd], [], [], 0)[0] and (data := os.read(fd, 65536)):
            self.said += data.decode()
        return self.said

    def guards(self) -> list[int]:
        """Process ids of the guards that it has had."""
        return [int(line.split()[1]) for line in self.listen().splitlines() if line.startswith("guarded")]

    def acts(self) -> int:
        return self.listen().count("acted ")

    def acts_told(self) -> list[tuple[str, float]]:
        """What the loop was told that its guard did, and for how many seconds it had stood."""
        return [(act[0], float(act[1])) for act in re.finditer(r"^acted .* for ([0-9.]+) s; .*\n", self.listen(), re.M)]

    def all_off(self) -> bool:
        return all(wire.word in wire.listen() for wire in self.wires)


def until(condition: Callable[[], object], what: str) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s, f"waited for {what}"
        time.sleep(0.01)


def recorded(path: Path, told_by: Callable[[Acted], bool] = lambda _: True) -> Acted:
    """What a guard has left word of, as soon as it is what is waited for."""
    found: list[Acted] = []

    def is_there() -> bool:
        with contextlib.suppress(FileNotFoundError):
            found[:] = [Acted.parse(path.read_bytes())]
        return bool(found) and told_by(found[0])

    until(is_there, "the record")
    return found[0]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def killed(loop: Loop) -> int:
    """The guard of a loop that was killed, when its first words are said."""
    guard = loop.guards()[-1]
    loop.process.kill()
    loop.process.wait()
    until(loop.all_off, "OFF")
    return guard


def times_said(loop: Loop) -> list[int]:
    return [wire.listen().count(wire.word) for wire in loop.wires]


Start = Callable[..., Loop]
