"""The client of the central system's control port, for the command line and for tests. It blocks."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Final

from jp_firmware.console.protocol import MAX_REPLY_BYTES, Error, LineDecoder, Malformed, Request, Result, encode
from jp_firmware.csms.failure import CsmsError

TIMEOUT_S: Final = 35.0  # longer than the server waits for a station
MAX_LINE: Final = 8 * MAX_REPLY_BYTES  # a whole day's messages


def default_path() -> Path:
    """Where a central system serves its control port unless told otherwise."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/run", "jp", "csms.sock")


class CsmsControl:
    """The control port at `path`. Each call is a connection of its own; every failure is a `CsmsError`, in one line."""

    def __init__(self, path: Path | str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.path = Path(path) if path is not None else default_path()
        self.timeout_s = timeout_s

    def call(self, verb: str, /, **params: Any) -> Any:
        """Has `verb` done (see `port.do`) and returns what it answers. Raises `CsmsError`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout_s)
            try:
                connection.connect(str(self.path))
            except OSError as error:
                raise CsmsError(
                    f"no central system answers at {self.path} ({error.strerror or error}); start one with jp csms, "
                    "or name its socket with --control"
                ) from None
            try:
                connection.sendall(encode(Request(method=verb, params=params, id=1)))
                return self._answer(connection)
            except OSError as error:
                why = error.strerror or error
                raise CsmsError(f"the central system at {self.path} does not answer: {why}") from None

    def _answer(self, connection: socket.socket) -> Any:
        decoder = LineDecoder(MAX_LINE)
        while data := connection.recv(65_536):
            for event in decoder.receive(data):
                if isinstance(event, Error | Malformed):
                    raise CsmsError(event.message)
                if isinstance(event, Result):
                    return event.result
        raise CsmsError(f"the central system at {self.path} hung up; look whether it still runs")
