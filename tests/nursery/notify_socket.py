"""A notify socket of the test's own: hears what a service tells, as systemd would."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs


@attrs.define(eq=False)
class NotifySocket:
    """Datagrams as they came, each a dictionary of assignments."""

    address: str
    _socket: socket.socket

    def heard(self) -> list[dict[str, str]]:
        """All that has come since the last call, without waiting."""
        found = []
        self._socket.setblocking(False)
        while True:
            try:
                found.append(_read(self._socket.recv(4096)))
            except BlockingIOError:
                return found

    def wait_for(self, key: str, within_s: float) -> dict[str, str]:
        """The next datagram that assigns `key`; those before it are dropped."""
        give_up_at_s = time.monotonic() + within_s
        while (left_s := give_up_at_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                told = _read(self._socket.recv(4096))
            except TimeoutError:
                break
            if key in told:
                return told
        raise AssertionError(f"no {key} within {within_s:g} s")


def _read(datagram: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in datagram.decode().split("\n"))


@contextmanager
def notify_socket(directory: Path, *, abstract: bool = False) -> Iterator[NotifySocket]:
    name = f"@jp-test-{os.getpid()}-{directory.name}" if abstract else str(directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind("\0" + name[1:] if abstract else name)
        yield NotifySocket(name, one)
