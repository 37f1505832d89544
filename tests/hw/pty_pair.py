"""A pseudo-terminal for tests: the far end is ours, the near end has a path that a port can open."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

PATIENCE_S = 60.0  # with a busy machine, for what takes milliseconds
FAR_END_TAKES = 4095  # n_tty's buffer, less the one byte that tells a full one from an empty one
OTHER_KERNELS_S = 3.0  # what a far end of another size has not changed for so long is full, too


@attrs.define(eq=False)
class Pty:
    """`far` is a Trio stream; `path` is what the code under test opens. `unplug` closes the far end."""

    path: Path
    far: trio.lowlevel.FdStream

    async def unplug(self) -> None:
        await self.far.aclose()

    async def read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await self.far.receive_some(count - len(data))
        return data


@asynccontextmanager
async def open_pty() -> AsyncIterator[Pty]:
    far_fd, near_fd = pty.openpty()
    tty.setraw(near_fd)
    pair = Pty(Path(os.ttyname(near_fd)), trio.lowlevel.FdStream(far_fd))
    try:
        yield pair
    finally:
        await pair.far.aclose()
        os.close(near_fd)  # until now, or the far end would read "unplugged" while nobody has the path open


def fill(write: Callable[[bytes], int], far: int, data: bytes = b"x" * 1000) -> int:
    """Writes `data` again and again until the kernel takes no more, and is not about to; returns how much it took.

    It moves what it took on to the far end a little later, and tells nobody: that has to be full as well. `write` takes
    0 bytes, or raises BlockingIOError, when there is no room. Nobody may read meanwhile.
    """
    taken, waiting, since_s = 0, -1, time.monotonic()
    while True:
        before, waiting = waiting, _waiting_at(far)
        if waiting != before:
            since_s = time.monotonic()
        was_full = waiting >= FAR_END_TAKES or time.monotonic() - since_s > OTHER_KERNELS_S
        try:
            count = write(data)
        except BlockingIOError:
            count = 0
        taken += count
        if not count:
            if was_full:
                return taken
            time.sleep(0.001)


def _waiting_at(fd: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0])
