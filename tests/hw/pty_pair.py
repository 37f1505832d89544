"""A pseudo-terminal for tests: the far end is ours, the near end has a path that a port can open."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from jp_firmware.hw.serial import SerialPort


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


async def fill(port: SerialPort, data: bytes) -> int:
    """Writes `data` again and again until the kernel takes no more, and is not about to; returns how much it took."""
    taken = 0
    refusals = 0
    while refusals < 3:
        count = port.write_now(data)
        taken += count
        refusals = 0 if count else refusals + 1
        if not count:
            await trio.sleep(0.03)  # the kernel moves what it took on to the far end a little later, and tells nobody
    return taken
