"""The socket in the file system that consoles connect to: claimed, told from a left-over, and removed again.

Everything here is a few immediate system calls on a local socket; nothing waits.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import attrs

from jp_firmware.console.protocol import ConsoleError

MODE = 0o660  # whoever is in the file's group may operate the charger
BACKLOG = 16


@attrs.frozen
class Claim:
    """A listening socket and the file that is its name. `release` may be called again."""

    path: Path
    listener: socket.socket
    _identity: tuple[int, int]

    def is_ours(self) -> bool:
        """Whether the file is still the one that leads here."""
        return _identity_of(self.path) == self._identity

    def release(self) -> None:
        """Stops listening and removes the file, unless it has become somebody else's."""
        self.listener.close()
        if self.is_ours():
            self.path.unlink(missing_ok=True)


def claim(path: Path) -> Claim:
    """Listens at `path`, mode 0660. A socket file on which nobody answers is replaced; its directory is made.

    Raises ConsoleError when somebody answers there, when `path` is something else, or when it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_over(path)
        listener.bind(os.fspath(path))
        # Nobody can connect before `listen`, so the mode is right from the first connection on.
        path.chmod(MODE)
        identity = _identity_of(path)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise ConsoleError(
            f"cannot serve consoles at {path}: {exc.strerror or exc}; choose another place with --socket or JP_SOCKET"
        ) from exc
    except ConsoleError:
        listener.close()
        raise
    if identity is None:
        listener.close()
        raise ConsoleError(f"cannot serve consoles at {path}: somebody else removes the socket; is a charger running?")
    return Claim(path, listener, identity)


def remove_left_over(path: Path) -> None:
    """Removes a socket file on which nobody answers. Raises ConsoleError when the place is taken."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConsoleError(
            f"cannot serve consoles at {path}: it exists and is no socket; remove it, or choose another place with "
            "--socket or JP_SOCKET"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # its queue is full: it is busy, not dead
    raise ConsoleError(
        f"cannot serve consoles at {path}: another charger is running there; stop it, or choose another place with "
        "--socket or JP_SOCKET"
    )


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
