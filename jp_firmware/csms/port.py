"""The control port of the central system: JSON-RPC 2.0, one object a line, on a Unix socket.

It knows the lines, the verbs and their parameters, and leaves the doing to the server.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import trio

from jp_firmware.console.protocol import (
    MAX_REQUEST_BYTES,
    Error,
    ErrorCode,
    LineDecoder,
    Malformed,
    Message,
    Request,
    Result,
    encode,
)
from jp_firmware.csms.central import CentralSystem
from jp_firmware.csms.failure import CsmsError
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.rpc import Answered, Outcome, Refused, TimedOut

CALL_TIMEOUT_S: Final = 30.0


class Controlled(Protocol):
    """What the verbs act on: `server.Server`."""

    central: CentralSystem
    refusing: bool

    async def call(self, identity: str, action: str, payload: Payload, timeout_s: float) -> Outcome: ...

    def refuse(self) -> int: ...

    def accept(self) -> None: ...

    def only(self, identity: str) -> None: ...

    def drop(self, identity: str) -> None: ...

    def set_answer(self, action: str, mode: str, count: int, payload: Payload) -> None: ...

    def stations(self) -> list[dict[str, Any]]: ...


Params = Mapping[str, Any]

VERBS: Final = ("stations", "transactions", "orphans", "messages", "call", "refuse", "accept", "only", "drop", "answer")


class UnknownVerb(Exception):
    """No such verb."""


async def do(server: Controlled, verb: str, params: Params) -> Any:
    """Does `verb` and returns what it answers, as plain JSON. Raises `CsmsError` and `UnknownVerb`.

    `call {station, action, payload, timeout_s}` returns the station's answer; a CALLERROR, or none in time, raises.
    `messages {since, action}`, `only {station}`, `drop {station}` and `answer {action, mode, count, payload}` take
    what they need, the others take nothing.
    """
    match verb:
        case "stations":
            return server.stations()
        case "transactions":
            return [transaction.to_json() for transaction in server.central.transactions.values()]
        case "orphans":
            return server.central.orphans
        case "messages":
            return server.central.heard(_given(params, "since", int, 0), _given(params, "action", str, ""))
        case "call":
            return await _call(server, params)
        case "refuse":
            return {"dropped": server.refuse()}
        case "accept":
            server.accept()
            return {}
        case "only":
            server.only(_given(params, "station", str))
            return {}
        case "drop":
            server.drop(_given(params, "station", str))
            return {}
        case "answer":
            server.set_answer(
                _given(params, "action", str),
                _given(params, "mode", str),
                _given(params, "count", int, 1),
                _given(params, "payload", dict, {}),
            )
            return {}
    raise UnknownVerb(verb)


async def _call(server: Controlled, params: Params) -> Payload:
    station, action = _given(params, "station", str), _given(params, "action", str)
    timeout_s = float(_given(params, "timeout_s", int, int(CALL_TIMEOUT_S)))
    outcome = await server.call(station, action, _given(params, "payload", dict, {}), timeout_s)
    if isinstance(outcome, Answered):
        return outcome.payload
    if isinstance(outcome, Refused):
        raise CsmsError(f"{station} refused {action} with {outcome.code}: {outcome.text or 'no reason given'}")
    if isinstance(outcome, TimedOut):
        raise CsmsError(f"{station} did not answer {action} within {timeout_s:g} s")
    raise CsmsError(f"{station} went before it answered {action}")


def _given(params: Params, name: str, kind: type, default: Any = None) -> Any:
    value = params.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CsmsError(f"parameter {name!r} must be {kind.__name__}")
    return value


@attrs.define(eq=False)
class ControlPort:
    """Serves the verbs at `path`, which only the owner of the process may open."""

    path: Path
    server: Controlled

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until cancelled, and removes the socket. Raises `CsmsError` if the place is taken."""
        listener = _listen(self.path)
        try:
            served = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, self._serve, [served])
                task_status.started()
        finally:
            self.path.unlink(missing_ok=True)

    async def _serve(self, stream: trio.SocketStream) -> None:
        decoder = LineDecoder(MAX_REQUEST_BYTES)
        try:
            async with stream:
                async for data in stream:
                    for event in decoder.receive(data):
                        await stream.send_all(encode(await self._reply(event)))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client has gone, and with it the wish to know

    async def _reply(self, event: Message | Malformed) -> Message:
        if isinstance(event, Malformed):
            return event.as_error()
        if not isinstance(event, Request) or event.id is None:
            return Error(id=None, code=ErrorCode.INVALID_REQUEST, message="a call with an id is wanted")
        try:
            return Result(id=event.id, result=await do(self.server, event.method, event.params))
        except UnknownVerb:
            known = f"no verb {event.method!r}; there are {', '.join(VERBS)}"
            return Error(id=event.id, code=ErrorCode.METHOD_NOT_FOUND, message=known)
        except CsmsError as error:
            return Error(id=event.id, code=ErrorCode.REFUSED, message=str(error))


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(path)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CsmsError(f"control socket {path}: {error.strerror or error}; choose another with --control") from None
    except CsmsError:
        listener.close()
        raise
    return listener


def _remove_left_over(path: Path) -> None:
    """A socket on which nobody answers is what a killed process has left behind."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise CsmsError(f"control socket {path}: another central system serves it; stop it, or choose another place")
