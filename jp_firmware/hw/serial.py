"""A tty for Trio: opened, locked and configured once, then a stream of bytes that never blocks the loop.

pyserial configures and locks the port and is then done; its own reads and writes block or spin and are not used.
What the bytes mean is the business of whoever holds the port.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
from pathlib import Path

import attrs
import serial
import trio

DRAIN_S = 0.05
"""How long closing waits for bytes still in the driver. The kernel itself would wait 30 s and hold the loop."""


class WireError(Exception):
    """A wire that cannot be used: what is wrong, where, and what to do about it, in one line."""


class WireDown(WireError):
    """A wire that was up and is gone: unplugged, or its driver gave it up."""


@attrs.define(eq=False)
class SerialPort:
    """An open tty. One reader and one writer at a time, as with any Trio stream.

    Every method raises `WireDown` when the port has gone (a USB adapter was unplugged, the far end of a PTY closed).
    A cancelled `receive_some` loses nothing; after a cancelled `send_all` an unknown part of the data is on the wire.
    """

    path: Path
    _stream: trio.lowlevel.FdStream = attrs.field(repr=False)

    @classmethod
    async def open(cls, path: Path, *, baud: int = 115_200, parity: str = "N", stop_bits: int = 1) -> SerialPort:
        """Opens `path` for this process alone: 8 data bits, raw, no flow control.

        Raises `WireError` if it is not there, not ours to use, in use, or no serial port. A driver may take its time
        to open a device, so that happens in a thread; cancellation takes effect when the driver has answered.
        """
        fd = await trio.to_thread.run_sync(_open, path, baud, parity, stop_bits)
        return cls(path, trio.lowlevel.FdStream(fd))

    async def receive_some(self, max_bytes: int = 4096) -> bytes:
        """Waits for at least one byte."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        return bytes(data)

    async def send_all(self, data: bytes) -> None:
        """Returns when the driver has taken all of `data`."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise self._gone() from error

    def write_now(self, data: bytes) -> int:
        """Gives the driver what it takes at once; returns how many bytes that were, 0 if it is full. Never waits."""
        try:
            return os.write(self._stream.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._gone() from error

    async def wait_writable(self) -> None:
        """Returns when the driver may take more."""
        await trio.lowlevel.wait_writable(self._stream.fileno())

    def fileno(self) -> int:
        """The descriptor, non-blocking, for one who writes in our place."""
        return self._stream.fileno()

    def discard_input(self) -> None:
        """Forgets what has come in and was not read."""
        try:
            termios.tcflush(self._stream.fileno(), termios.TCIFLUSH)
        except (termios.error, OSError) as error:
            raise self._gone() from error

    async def aclose(self) -> None:
        """Closes the port within `DRAIN_S`, dropping what the driver could not send; a waiting reader is woken."""
        try:
            with trio.move_on_after(DRAIN_S):
                while self._bytes_in_driver():  # noqa: ASYNC110 the driver has no event for "all sent"
                    await trio.sleep(0.002)
        finally:
            # Not when all is sent: on a PTY a flush would take back what the far end has not yet read.
            if self._bytes_in_driver():
                with contextlib.suppress(termios.error, OSError):  # gone, and its buffer with it
                    termios.tcflush(self._stream.fileno(), termios.TCOFLUSH)
            with contextlib.suppress(OSError, ValueError):
                # By name, for a duplicate may live on for a moment in a guard, and would keep the lock.
                fcntl.flock(self._stream.fileno(), fcntl.LOCK_UN)
            await self._stream.aclose()

    def _bytes_in_driver(self) -> int:
        try:
            return int(struct.unpack("i", fcntl.ioctl(self._stream.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
        except (OSError, ValueError):
            return 0

    def _gone(self) -> WireDown:
        return WireDown(f"{self.path}: the port has gone; plug the adapter in again, or check its supply")


def _open(path: Path, baud: int, parity: str, stop_bits: int) -> int:
    """A non-blocking file descriptor of the configured port."""
    try:
        port = serial.Serial(str(path), baud, parity=parity, stopbits=stop_bits, timeout=0, exclusive=True)
    except (serial.SerialException, OSError) as error:
        raise WireError(f"{path}: {_explain(error)}") from error
    except ValueError as error:
        raise WireError(f"{path}: cannot be set to {baud} baud, parity {parity}, {stop_bits} stop bits") from error
    try:
        port.reset_input_buffer()
        fd = os.dup(port.fileno())  # shares the lock, which ends with the last descriptor
    finally:
        port.close()
    # pyserial leaves VMIN 0, with which a non-blocking read of an idle tty looks like the end of file.
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    os.set_blocking(fd, False)
    return fd


def _explain(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return "no such port; is the adapter plugged in, and does a udev rule give it this name?"
        case errno.EACCES | errno.EPERM:
            return "not allowed to open the port; add the firmware's user to the group that owns it (dialout)"
        case errno.EAGAIN | errno.EBUSY:
            return "the port is in use by another program; stop that one (fuser shows which it is)"
        case errno.ENOTTY | errno.EINVAL | errno.EISDIR:
            return "not a serial port; check the wire's port in the configuration"
        case None if "Inappropriate ioctl" in str(error):
            return "not a serial port; check the wire's port in the configuration"
    return f"cannot be opened ({error})"
