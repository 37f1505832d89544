"""A pseudo-terminal that stands where a device's tty would: raw, behind a symbolic link with the device's name.

It moves bytes and notices the line speed its user has set; it knows no protocol. Closing it is what pulling out a USB
adapter is: the other side reads an end of file and the name is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

import attrs

_SPEEDS = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()
}
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5  # places in tcgetattr's list


@attrs.define(eq=False)
class Tty:
    """One emulated tty. `receive` is called with whatever its user wrote."""

    link: Path
    receive: Callable[[bytes], None]
    _master: int = -1
    _slave: int = -1

    @property
    def is_open(self) -> bool:
        return self._master >= 0

    def open(self) -> None:
        """Makes the pair and the link. Raises OSError; refuses to replace anything but a link to a pseudo-terminal."""
        if self.is_open:
            return
        if self.link.is_symlink():
            target = os.readlink(self.link)
            if not target.startswith("/dev/pts/"):
                raise FileExistsError(f"{self.link} leads to {target}, which is not emulated: use another directory")
            self.link.unlink()
        elif self.link.exists():
            raise FileExistsError(f"{self.link} exists and is not emulated: use another directory")
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self._master, self._slave = os.openpty()
        try:
            # The slave stays open here, so that a user who leaves does not end the line and settings stay.
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.link.symlink_to(os.ttyname(self._slave))
            asyncio.get_running_loop().add_reader(self._master, self._readable)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Pulls the adapter out. Never raises; does nothing when it is out already."""
        if not self.is_open:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(OSError):
            if os.readlink(self.link) == os.ttyname(self._slave):
                self.link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def write(self, data: bytes) -> None:
        """To the user. What does not fit because nobody reads is lost, as on a real line."""
        if self.is_open:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    @property
    def speed(self) -> int | None:
        """The line speed the user has set, in baud."""
        if not self.is_open:
            return None
        settings = termios.tcgetattr(self._master)
        return _SPEEDS.get(settings[_OUTPUT_SPEED]) or _SPEEDS.get(settings[_INPUT_SPEED])

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        if data:
            self.receive(data)


def garbled(data: bytes) -> bytes:
    """What a receiver at another line speed makes of `data`: other bytes, and fewer or more of them."""
    return bytes((byte * 7 + 0x5B) & 0xFF for place, byte in enumerate(data) if place % 3)
