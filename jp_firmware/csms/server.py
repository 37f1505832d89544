"""The sockets of the central system: stations come in by WebSocket, commands by the control port.

The thin Trio shell around `central`. On the bench it can also play a central system that is away, silent or wrong.
"""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import unquote

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, wrap_server_stream

from jp_firmware.csms.central import ACTIONS, CentralSystem, TagsError, read_tags
from jp_firmware.csms.failure import CsmsError
from jp_firmware.csms.port import ControlPort
from jp_firmware.ocpp.conversation import Conversation, Refusal, Reply, Silence
from jp_firmware.ocpp.envelope import MAX_CHARS, Payload
from jp_firmware.ocpp.rpc import Incoming, Outcome, RpcCore
from jp_firmware.ocpp.transport import BREACHES, SUBPROTOCOL, Kind, LinkFailure, Tap, close

log = logging.getLogger(__name__)

UPGRADE_WITHIN_S: Final = 10.0
PING_EVERY_S: Final = 20.0
PONG_WITHIN_S: Final = 10.0
WRITE_WITHIN_S: Final = 10.0


@attrs.define(eq=False)
class StationLink:
    """A station's WebSocket as `Conversation` wants a link."""

    ws: WebSocketConnection

    async def send(self, text: str) -> None:
        try:
            with trio.fail_after(WRITE_WITHIN_S):
                await self.ws.send_message(text)
        except ConnectionClosed:
            raise LinkFailure(Kind.CLOSED, "the station has gone") from None
        except trio.TooSlowError:
            raise LinkFailure(Kind.DEAD, "the station takes nothing off our hands") from None

    async def receive(self) -> str | bytes:
        try:
            return await self.ws.get_message()
        except ConnectionClosed:
            raise LinkFailure(Kind.CLOSED, "the station has gone") from None


@attrs.define
class Rule:
    """How an action is answered for the next `count` times: see `Server.set_answer`."""

    mode: str
    count: int
    payload: Payload


MODES: Final = ("normal", "silent", "error", "drop", "payload")


@attrs.define(eq=False)
class Server:
    """The central system on its sockets."""

    central: CentralSystem
    trace: TextIO | None = None  # every frame as a line of JSON
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)

    refusing: bool = attrs.field(default=False, init=False)
    known: str = attrs.field(default="", init=False)  # the one station that is let in; empty: all
    _rules: dict[str, Rule] = attrs.field(factory=dict, init=False)
    _talking: dict[str, tuple[Conversation, trio.CancelScope]] = attrs.field(factory=dict, init=False)

    # --- stations ---

    async def connection(self, stream: trio.SocketStream) -> None:
        """One TCP connection from its first byte. Whatever a client does ends its own connection and no other."""
        try:
            async with trio.open_nursery() as nursery:  # the library's reader lives in it
                request = await _request(nursery, stream)
                if request:
                    await self.welcome(request)
                nursery.cancel_scope.cancel(reason="served")
        except* (ConnectionClosed, *BREACHES) as breach:
            log.info("a client has gone, or speaks no WebSocket: %r", breach.exceptions[0])
        except* Exception:
            log.exception("a connection was closed after an error of ours")
        finally:
            await trio.aclose_forcefully(stream)

    async def welcome(self, request: WebSocketRequest) -> None:
        """Serves one station until it goes. The newest connection of an identity wins over an older one."""
        identity = unquote(request.path.partition("?")[0].rpartition("/")[2])
        if self.refusing:
            await request.reject(503, body=b"this central system plays dead")
            return
        if not identity:
            await request.reject(404, body=b"the path must end in the identity of the charger")
            return
        if self.known and identity != self.known:
            await request.reject(404, body=b"no such charger is known here")
            return
        if SUBPROTOCOL not in request.proposed_subprotocols:
            log.warning("%s proposes %s; only %s is served", identity, request.proposed_subprotocols, SUBPROTOCOL)
            await request.reject(400, body=b"only ocpp1.6 is served here")
            return
        ws = await request.accept(subprotocol=SUBPROTOCOL)
        older = self._talking.pop(identity, None)
        if older:
            older[1].cancel(reason="the station has come anew")
        await self._serve(identity, ws)

    async def _serve(self, identity: str, ws: WebSocketConnection) -> None:
        self.central.connect(identity, self.wall())
        conversation = Conversation(
            StationLink(ws),
            RpcCore(ACTIONS),
            partial(self._answer, identity),
            partial(self._record, identity),
        )
        try:
            async with trio.open_nursery() as nursery:
                self._talking[identity] = (conversation, nursery.cancel_scope)
                nursery.start_soon(self._keep_alive, ws, nursery.cancel_scope)
                failure = await conversation.run()
                log.info("%s: %s", identity, failure.text)
                nursery.cancel_scope.cancel(reason="the station has gone")
        finally:
            if self._talking.get(identity, (None,))[0] is conversation:
                del self._talking[identity]
                self.central.disconnect(identity, self.wall())
            await close(ws)

    async def _keep_alive(self, ws: WebSocketConnection, station: trio.CancelScope) -> None:
        with suppress(ConnectionClosed):  # the conversation finds out too, and ends
            while True:
                await trio.sleep(PING_EVERY_S)
                with trio.move_on_after(PONG_WITHIN_S) as limit:
                    await ws.ping()
                if limit.cancelled_caught:
                    station.cancel(reason="no pong")

    async def _answer(self, identity: str, incoming: Incoming) -> Reply | Refusal | Silence:
        rule = self._next_rule(incoming.action)
        if rule is None or rule.mode == "normal":
            return Reply(self.central.answer(identity, incoming.action, incoming.payload, self.wall()))
        if rule.mode == "payload":
            return Reply(rule.payload)
        if rule.mode == "error":
            return Refusal("InternalError", "asked to fail by the control port")
        if rule.mode == "drop":
            self.drop(identity)
        return Silence()

    def _next_rule(self, action: str) -> Rule | None:
        rule = self._rules.get(action)
        if rule is None:
            return None
        rule.count -= 1
        if rule.count == 0:
            del self._rules[action]
        return rule

    def _record(self, identity: str, direction: str, text: str) -> None:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = [text]
        # The tap speaks from the conversation's side: what it received is what the station has sent.
        message = self.central.record(identity, direction, frame if isinstance(frame, list) else [frame], self.wall())
        if self.trace:
            self.trace.write(json.dumps(message.to_json()) + "\n")
            self.trace.flush()

    # --- what the control port may ask ---

    async def call(self, identity: str, action: str, payload: Payload, timeout_s: float) -> Outcome:
        """Sends a request to a station and returns what became of it. Raises `CsmsError` if it is not connected."""
        talking = self._talking.get(identity)
        if talking is None:
            known = ", ".join(sorted(self._talking)) or "none"
            raise CsmsError(f"{identity!r} is not connected; connected: {known}")
        return await talking[0].call(action, payload, timeout_s)

    def refuse(self) -> int:
        """Plays dead: drops all stations and lets none in, until `accept`. Returns how many were dropped."""
        self.refusing = True
        dropped = tuple(self._talking)
        for identity in dropped:
            self.drop(identity)
        return len(dropped)

    def accept(self) -> None:
        """Lets stations in again."""
        self.refusing, self.known = False, ""

    def only(self, identity: str) -> None:
        """Knows this station alone, until `accept`: others are told that there is no such charger."""
        self.known = identity

    def drop(self, identity: str) -> None:
        """Ends a station's connection."""
        talking = self._talking.get(identity)
        if talking is None:
            raise CsmsError(f"{identity!r} is not connected")
        talking[1].cancel(reason="dropped by the control port")

    def set_answer(self, action: str, mode: str, count: int, payload: Payload) -> None:
        """How `action` is answered for the next `count` times, 0 for ever: normally, not at all ("silent"), with a
        CALLERROR ("error"), by dropping the connection ("drop") or with a `payload` of one's own ("payload")."""
        if mode not in MODES:
            raise CsmsError(f"mode {mode!r}: one of {', '.join(MODES)}")
        if action not in ACTIONS:
            raise CsmsError(f"action {action!r}: one of {', '.join(sorted(ACTIONS))}")
        self._rules.pop(action, None)
        if mode != "normal":
            self._rules[action] = Rule(mode, count, payload)

    def stations(self) -> list[dict[str, Any]]:
        return [station.to_json() for station in self.central.stations.values()]


async def _request(nursery: trio.Nursery, stream: trio.SocketStream) -> WebSocketRequest | None:
    """The upgrade that a client asks for; None if it goes, or takes too long, before it has asked for any."""
    tap, asked = Tap(stream), list[WebSocketRequest]()

    async def listen() -> None:
        asked.append(await wrap_server_stream(nursery, tap, max_message_size=MAX_CHARS))
        both.cancel_scope.cancel(reason="the client has asked")

    async with trio.open_nursery() as both:
        both.start_soon(listen)
        with trio.move_on_after(UPGRADE_WITHIN_S):
            await tap.ended.wait()
        both.cancel_scope.cancel(reason="the client has gone, or is too slow")
    return asked[0] if asked else None


async def serve(
    host: str,
    port: int,
    control: Path | None = None,
    *,
    central: CentralSystem | None = None,
    trace: TextIO | None = None,
    task_status: trio.TaskStatus[tuple[Server, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled. Started in a nursery it gives the server and its port, 0 having meant any.

    Raises `CsmsError` when the port or the control socket is taken.
    """
    server = Server(central or CentralSystem(), trace)
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CsmsError(f"port {port} at {host}: {error.strerror or error}; choose another with --port") from None
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, server.connection, listeners)
        if control:
            await nursery.start(ControlPort(control, server).run)
        task_status.started((server, listeners[0].socket.getsockname()[1]))


async def _until_signalled(start: Callable[..., Awaitable[None]], told: Callable[[str], None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            _, port = await nursery.start(start)
            told(f"central system for OCPP 1.6-J on port {port}")
            async for _ in signals:
                nursery.cancel_scope.cancel(reason="asked to stop by a signal")


def run(
    host: str,
    port: int,
    control: Path | None = None,
    *,
    tags: Path | None = None,
    trace: Path | None = None,
    heartbeat_s: int = 300,
    told: Callable[[str], None] = log.info,
) -> None:
    """Serves until SIGINT or SIGTERM; `told` hears in a sentence when it is ready. Raises `CsmsError` for what stands
    in the way."""
    try:
        verdicts = read_tags(tags.read_text()) if tags else {}
        with trace.open("a") if trace else nullcontext() as file:
            central = CentralSystem(verdicts, heartbeat_s)
            trio.run(_until_signalled, partial(serve, host, port, control, central=central, trace=file), told)
    except TagsError as error:
        raise CsmsError(f"{tags}, {error}") from None
    except OSError as error:
        raise CsmsError(f"{error.filename or 'file'}: {error.strerror or error}") from None
    except BaseExceptionGroup as group:
        wrong, rest = group.split(CsmsError)
        if wrong is None or rest is not None:
            raise
        raise _only(wrong) from None


def _only(group: BaseExceptionGroup[CsmsError]) -> CsmsError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CsmsError)
    return error
