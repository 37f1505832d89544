"""The emulated cabinet's control port: verbs as JSON-RPC 2.0 on a Unix socket.

Each client has a task of its own. One that sends nonsense, reads nothing or dies costs the others and the physics
nothing: it gets its error, waits for itself, or is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import socket
from pathlib import Path

import attrs

from jp_firmware.sim import rpc
from jp_firmware.sim.verbs import VerbError, Verbs

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 10.0
"""A client that takes an answer no faster than this is dropped."""


@attrs.define(eq=False)
class ControlServer:
    """The socket and its clients."""

    path: Path
    verbs: Verbs
    _server: asyncio.Server | None = None
    _clients: dict[asyncio.Task[None], asyncio.StreamWriter] = attrs.field(factory=dict)

    async def start(self) -> None:
        """Raises OSError if the socket cannot be made, or if a living cabinet has it."""
        if self.path.exists() or self.path.is_symlink():
            if _answers(self.path):
                raise OSError("another emulated cabinet answers there")
            self.path.unlink()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, self.path, limit=rpc.MAX_LINE)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        # Not by cancelling their tasks: asyncio would report that as an error of theirs.
        for writer in self._clients.values():
            writer.transport.abort()
        if self._clients:
            await asyncio.wait(tuple(self._clients))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            while line := await reader.readline():
                writer.write(await self._answer(line))
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await writer.drain()
        except (ConnectionError, TimeoutError, ValueError) as error:  # ValueError: a line without an end
            log.debug("control client dropped: %s", error)
            writer.transport.abort()
        finally:
            del self._clients[task]
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        call = None
        try:
            call = rpc.decode_call(line)
            return rpc.encode_result(call.id, await self._perform(call))
        except rpc.RpcError as error:
            return rpc.encode_error(call.id if call else None, error)

    async def _perform(self, call: rpc.Call) -> object:
        table = self.verbs.table
        verb = table.get(call.method)
        if verb is None:
            raise rpc.RpcError(rpc.METHOD_NOT_FOUND, f"no verb {call.method!r}; there are: {', '.join(table)}")
        arguments = rpc.bind(verb, call)
        try:
            result = verb(**arguments)
            return await result if inspect.isawaitable(result) else result
        except VerbError as error:
            raise rpc.RpcError(rpc.REFUSED, str(error)) from error
        except Exception as error:
            # A verb that fails must stop neither the physics nor its client.
            log.exception("verb %s failed", call.method)
            raise rpc.RpcError(rpc.INTERNAL_ERROR, f"{call.method} failed: {error!r}") from error


def _answers(path: Path) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
