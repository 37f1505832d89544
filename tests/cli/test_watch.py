"""`--watch` on a pseudo-terminal redraws in place and ends cleanly on Ctrl-C; in a pipe it prints block after block."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import pyte
import pytest

from .conftest import PATIENCE_S, Charger


@attrs.define
class Watching:
    """A command on a pseudo-terminal of 80x24, and the screen it makes."""

    process: subprocess.Popen[bytes]
    master: int
    screen: pyte.Screen = attrs.field(factory=lambda: pyte.Screen(80, 24))
    received: bytes = b""

    def until(self, condition: Callable[[list[str]], object]) -> list[str]:
        """The screen's lines, once they fulfil the condition."""
        stream = pyte.ByteStream(self.screen)
        give_up_at = time.monotonic() + PATIENCE_S
        while not condition(lines := [line.rstrip() for line in self.screen.display]):
            ready, _, _ = select.select([self.master], [], [], max(0.0, give_up_at - time.monotonic()))
            assert ready, f"never shown; the screen: {lines}"
            data = os.read(self.master, 65536)
            self.received += data
            stream.feed(data)
        return lines


@contextmanager
def on_a_terminal(*arguments: str, kind: str = "vt220") -> Iterator[Watching]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        # setsid makes it the controlling terminal, so that a typed Ctrl-C becomes a signal as it does for a person
        ["setsid", "--ctty", sys.executable, "-m", "jp_firmware", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": kind},
    )
    try:
        yield Watching(process, master)
        assert before == termios.tcgetattr(slave), "the terminal is left as it was found"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def test_status_is_redrawn_in_place_and_ends_with_130_on_ctrl_c(charger: Charger) -> None:
    with on_a_terminal("status", "--watch", "--interval", "0.25") as watching:
        lines = watching.until(lambda lines: "limit 150.0 kW" in lines[1] and lines[11].startswith("Devices"))
        assert lines[7].startswith(" 1  charging")
        charger.status["site"]["limit_w"] = 60_000
        charger.status["connectors"] = {"1": charger.status["connectors"]["1"]}
        charger.faults["active"] = []
        # Nothing of the longer page before is left.
        watching.until(lambda lines: "limit 60.0 kW" in lines[1] and lines[10:] == ["No active faults."] + [""] * 13)
        assert watching.received.count(b"\x1b[2J") == 1, "cleared once, then drawn over"
        os.write(watching.master, b"\x03")

        assert watching.process.wait(PATIENCE_S) == 130
        assert b"Traceback" not in watching.received


def test_a_page_longer_than_the_screen_does_not_scroll(charger: Charger) -> None:
    charger.status["connectors"] = {str(n): charger.status["connectors"]["2"] for n in range(1, 40)}
    with on_a_terminal("status", "--watch", "--interval", "0.25") as watching:
        lines = watching.until(lambda lines: lines[22].startswith("16"))

        assert lines[0].startswith("Demo charger")
        os.write(watching.master, b"\x03")
        assert watching.process.wait(PATIENCE_S) == 130


def test_a_charger_that_goes_away_ends_the_watch_with_one_line(charger: Charger) -> None:
    with on_a_terminal("tree", "--watch", "--interval", "0.25") as watching:
        watching.until(lambda lines: lines[1].startswith("controller"))
        charger.tree = {"kind": object()}  # a defect in the provider: the topic cannot be told any more
        lines = watching.until(lambda lines: any(line.startswith("jp: tree: cannot be told") for line in lines))

        assert watching.process.wait(PATIENCE_S) == 1
        assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize("arguments", [["status", "--watch"], ["status", "--watch", "--json"]])
def test_in_a_pipe_each_interval_is_a_block_of_its_own(charger: Charger, arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "jp_firmware", *arguments, "--interval", "0.25"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stderr
    first = process.stdout.readline()
    charger.status["charger"]["uptime_s"] += 1
    while (line := process.stdout.readline()) and first[:20] not in line:
        assert "\x1b" not in line
    if "--json" in arguments:
        assert {**json.loads(first), "charger": 0} == {**json.loads(line), "charger": 0}
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)

    assert (130, "") == (process.returncode, errors)
