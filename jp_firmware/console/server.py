"""The consoles' server: a child of the supervision tree that listens on a Unix socket and serves each client apart.

Clients are guests. One may hang, die, talk nonsense or crawl; no other client and no other room notices.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import attrs
import trio

from jp_firmware.console.calls import Call, CallRefused, InvalidParams
from jp_firmware.console.connection import Connection, Stalled
from jp_firmware.console.protocol import ConsoleError, Error, ErrorCode, encode
from jp_firmware.console.socket_file import Claim, claim
from jp_firmware.console.topics import Topics
from jp_firmware.nursery.supervisor import Lifeline

__all__ = ["CallRefused", "ConsoleServer", "InvalidParams"]

log = logging.getLogger(__name__)

MAX_CLIENTS = 16
BEAT_S = 1.0  # a watchdog of three of these is reasonable


@attrs.define(eq=False)
class ConsoleServer:
    """Serves `topics` and `calls` at `path` (mode 0660).

    Each topic is made by calling its provider, which must be quick; it also answers `<topic>.get`. A call refuses with
    `CallRefused(message)`.
    """

    path: Path = attrs.field(converter=Path)
    _topics: Topics = attrs.field(converter=Topics, alias="topics")
    _calls: Mapping[str, Call] = attrs.field(factory=dict, alias="calls")
    clients: int = attrs.field(default=0, init=False)

    async def run(self, lifeline: Lifeline) -> None:
        """Serves until cancelled; all clients are closed and the socket file is gone when it returns.

        Raises ConsoleError when the place is taken, or when the socket file disappears (a new run makes it anew). The
        lifeline is fed by each console that takes what it was sent, and while there is none to serve, by the
        socket file still leading here while nobody waits at it.
        """
        place = claim(self.path)
        try:
            listener = trio.socket.from_stdlib_socket(place.listener)
            lifeline.ready()
            async with trio.open_nursery() as clients:
                while True:
                    with trio.move_on_after(BEAT_S):
                        await self._accept(listener, clients, lifeline)
                    self._check(place)
                    lifeline.feed()
        finally:
            place.release()

    async def _accept(self, listener: trio.socket.SocketType, clients: trio.Nursery, lifeline: Lifeline) -> None:
        accepted, _ = await listener.accept()
        stream = trio.SocketStream(accepted)
        if self.clients >= MAX_CLIENTS:
            await self._turn_away(stream)
            return
        self.clients += 1
        clients.start_soon(self._serve, stream, lifeline, name="console client")

    async def _serve(self, stream: trio.SocketStream, lifeline: Lifeline) -> None:
        try:
            await Connection(stream, self._topics, self._calls, lifeline.feed).run()
        except Stalled:
            log.warning("a console did not read for too long and was closed")
        except Exception:
            # A defect in serving one client; the others are not to pay for it.
            log.exception("a console was closed after an error")
        finally:
            self.clients -= 1

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        why = f"{MAX_CLIENTS} consoles are connected already; close one, then try again"
        async with stream:
            try:
                # A new socket's buffer is empty: this does not wait.
                await stream.send_all(encode(Error(id=None, code=ErrorCode.TOO_MANY_CLIENTS, message=why)))
            except trio.BrokenResourceError:
                log.debug("a console went before it was turned away")

    def _check(self, place: Claim) -> None:
        if not place.is_ours():
            raise ConsoleError(f"the socket file {self.path} has disappeared; it is made anew")
