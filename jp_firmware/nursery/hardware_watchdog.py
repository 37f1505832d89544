"""A watchdog of the Linux kernel (`/dev/watchdog`): resets the machine when it is not fed in time.

Opening it starts it; closing it stops it only after the magic character, so that a process that dies leaves it running.
Who feeds it, and when, is not its business. See the kernel's watchdog-api document; each call is a write or an ioctl
that does not wait.
"""

from __future__ import annotations

import fcntl
import os
import struct

import attrs

# The kernel's include/uapi/linux/watchdog.h: _IOR('W', 0, struct watchdog_info), _IOWR('W', 6, int), _IOR('W', 7, int)
GET_SUPPORT, SET_TIMEOUT, GET_TIMEOUT = 0x8028_5700, 0xC004_5706, 0x8004_5707
MAGIC_CLOSE = 0x0100  # WDIOF_MAGICCLOSE: the driver knows the magic character
INFO = struct.Struct("=II32s")  # options, firmware version, identity


@attrs.define(eq=False)
class HardwareWatchdog:
    """One device. All methods are for one task; none blocks."""

    path: str
    timeout_s: int = 0  # what the driver gives, once open
    identity: str = ""  # what the driver calls itself, once open
    can_be_stopped: bool = True  # False where the driver has no magic close
    _fd: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it runs because of us."""
        return self._fd is not None

    def open(self, timeout_s: int) -> None:
        """Starts it with `timeout_s`, or with what the driver makes of that; feeds it if it is open already.

        Raises OSError: EBUSY when another holds it (systemd's RuntimeWatchdogSec does), ENOENT, EACCES.
        """
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        info = self._ioctl(GET_SUPPORT, INFO.size)
        if info is not None:
            options, _, identity = INFO.unpack(info)
            self.identity = identity.partition(b"\0")[0].decode("ascii", "replace")
            self.can_be_stopped = bool(options & MAGIC_CLOSE)
        self.set_timeout(timeout_s)
        self.feed()

    def set_timeout(self, timeout_s: int) -> bool:
        """Asks for another time; whether the driver gives at least as much. It counts from now."""
        answer = self._ioctl(SET_TIMEOUT, 4, struct.pack("=i", timeout_s)) or self._ioctl(GET_TIMEOUT, 4)
        if answer is None:
            return False
        self.timeout_s = struct.unpack("=i", answer)[0]
        return self.timeout_s >= timeout_s

    def feed(self) -> None:
        """Starts its time anew. Raises OSError."""
        if self._fd is not None:
            os.write(self._fd, b"\0")

    def close(self) -> None:
        """Stops it, and lets go of it: the machine goes on without. Raises OSError."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.write(fd, b"V")
        finally:
            os.close(fd)

    def _ioctl(self, request: int, size: int, data: bytes = b"") -> bytes | None:
        """The answer, or None from a driver that does not know the request: the watchdog works without."""
        assert self._fd is not None
        try:
            return fcntl.ioctl(self._fd, request, data.ljust(size, b"\0"))
        except OSError:
            return None
