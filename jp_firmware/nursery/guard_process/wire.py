"""A wire that the guard holds: its last words, whole and in order, whatever the kernel takes of them at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import termios

ENOUGH = 3  # ours: how often they are said at least before a successor is let in, whose own first word is the same


class HeldWire:
    """A descriptor, its last words, and what of them is not yet written."""

    def __init__(self, fd: int, words: tuple[bytes, ...]) -> None:
        self.fd = fd
        self.words = words
        self.left: list[bytes] = []
        self.torn = False  # the first of `left` is begun
        self.said = False
        self.times = 0  # said, or failed to be
        self.error = ""

    def say(self) -> None:
        """Has the words said once more, unless the last time is not over."""
        if not self.left:
            self.left = list(self.words)

    def stop(self) -> None:
        """No more than what is begun."""
        self.left = self.left[:1] if self.torn else []

    def write(self) -> None:
        """Gives the kernel what it takes. Never waits and never raises."""
        if not self.left:
            return  # nothing to say is not said
        while self.left:
            try:
                count = os.write(self.fd, self.left[0])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # the queue of a CAN interface is full, for a moment
                    self.error = error.strerror or str(error)
                    self.left, self.torn = [], False
                    self.times += 1
                return
            self.torn = count < len(self.left[0])
            if self.torn:
                self.left[0] = self.left[0][count:]
            else:
                del self.left[0]
        self.said, self.error = True, ""
        self.times += 1

    def is_done(self) -> bool:
        """Whether the words were said often enough, and have left the kernel: closing a tty may wait for that."""
        if self.left or self.times < ENOUGH:
            return False
        try:
            waiting = fcntl.ioctl(self.fd, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return True  # a socket, or gone
        return not any(waiting)
