"""What restores the terminal reaches it, however late; a terminal that does not read is left after a second."""

import asyncio
import itertools
import os
import select
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from jp_firmware.tui import driver
from jp_firmware.tui.driver import NonBlockingWriter


@contextmanager
def full_terminal() -> Iterator[tuple[NonBlockingWriter, int, int]]:
    """A writer whose terminal takes no more, the terminal's other side, and how many characters were written."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        writer = NonBlockingWriter(os.ttyname(slave))
        written = 0
        while not writer.pending:
            writer.write("x" * 500)
            written += 500
        yield writer, master, written
    finally:
        os.close(master)
        os.close(slave)


def read(master: int) -> int:
    """Reads all there is: how many characters."""
    count = 0
    while select.select([master], [], [], 0)[0]:
        count += len(os.read(master, 65536))
    return count


def in_a_loop(play: Callable[[], None]) -> None:
    async def run() -> None:
        play()

    asyncio.run(run())


def each_look_takes_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count(0.0, 3600.0)
    monkeypatch.setattr(driver, "time", SimpleNamespace(monotonic=lambda: next(hours)))


def test_a_terminal_that_reads_gets_them_though_the_machine_was_busy_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play() -> None:
        with full_terminal() as (writer, master, written):
            taken = read(master)
            assert taken < written
            each_look_takes_an_hour(monkeypatch)
            writer.stop()

            assert read(master) == written - taken

    in_a_loop(play)


def test_a_terminal_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def play() -> None:
        with full_terminal() as (writer, _, _):
            each_look_takes_an_hour(monkeypatch)
            writer.stop()

            assert writer.pending

    in_a_loop(play)
