"""The client's side of the emulated cabinet's control port: for `jp sim ctl`, for tests and for the demo.

`Control` blocks and belongs into plain programs and test set-ups; `AsyncControl` is the same under Trio. Both raise
`ControlError` with one line for a person. They know how to ask, not what can be asked: that is the cabinet's matter.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
import trio

from jp_firmware.sim import rpc


def runtime_dir() -> Path:
    """Where emulated ttys and the control socket are unless told otherwise."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/run", "jp")


def default_path() -> Path:
    """The control socket of an emulated cabinet unless told otherwise."""
    return runtime_dir() / "sim.sock"


class ControlError(Exception):
    """The cabinet refused, or is not there: what, where, what to do. `code` is 0 if there was no answer."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def _unreachable(path: Path, error: Exception) -> ControlError:
    return ControlError(f"no emulated cabinet answers at {path} ({error}): start one with `jp sim CABINET.toml`")


def _result(line: bytes, path: Path) -> Any:
    if not line.endswith(b"\n"):
        raise ControlError(f"the emulated cabinet at {path} went away before it answered")
    try:
        return rpc.decode_answer(line)[1]
    except rpc.RpcError as error:
        raise ControlError(error.message, error.code) from error


@attrs.define(eq=False)
class Control:
    """A blocking client; a context manager. Connects on first use, once."""

    path: Path = attrs.field(converter=Path)
    timeout_s: float = 10.0
    _socket: socket.socket | None = None
    _calls: int = 0

    def call(self, verb: str, **params: object) -> Any:
        """Does `verb` and gives its result. Raises ControlError."""
        self._calls += 1
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.settimeout(self.timeout_s)
                self._socket.connect(str(self.path))
            self._socket.sendall(rpc.encode_call(self._calls, verb, params))
            line = self._read_line(self._socket)
        except OSError as error:
            self.close()
            raise _unreachable(self.path, error) from error
        return _result(line, self.path)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _read_line(connection: socket.socket) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            piece = connection.recv(65_536)
            if not piece:
                break
            line += piece
        return bytes(line)


@attrs.define(eq=False)
class AsyncControl:
    """The same under Trio. One call at a time; a cancelled call closes the connection, the next one opens another."""

    path: Path = attrs.field(converter=Path)
    _stream: trio.SocketStream | None = None
    _calls: int = 0
    _lock: trio.Lock = attrs.field(factory=trio.Lock)

    async def call(self, verb: str, **params: object) -> Any:
        """Does `verb` and gives its result. Raises ControlError."""
        async with self._lock:
            self._calls += 1
            complete = False
            try:
                if self._stream is None:
                    self._stream = await trio.open_unix_socket(str(self.path))
                await self._stream.send_all(rpc.encode_call(self._calls, verb, params))
                line = await self._read_line(self._stream)
                complete = True
            except (OSError, trio.BrokenResourceError) as error:
                raise _unreachable(self.path, error) from error
            finally:
                if not complete:
                    await self.aclose()
            return _result(line, self.path)

    async def aclose(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)

    @staticmethod
    async def _read_line(stream: trio.SocketStream) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            piece = await stream.receive_some()
            if not piece:
                break
            line += piece
        return bytes(line)


@asynccontextmanager
async def open_control(path: Path | str) -> AsyncGenerator[AsyncControl]:
    """An `AsyncControl` that is closed at the end of the block."""
    control = AsyncControl(Path(path))
    try:
        yield control
    finally:
        await control.aclose()
