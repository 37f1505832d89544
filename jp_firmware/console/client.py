"""Clients of the local console link: a blocking one for the command line, an asyncio one for the terminal.

They hold no picture of the charger beyond the last snapshot of each topic, decide nothing about rights, and import
neither Trio nor any other room.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from jp_firmware.console.link import Picture, default_socket_path, explain, silence_limit_s, well_formed
from jp_firmware.console.protocol import (
    MAX_REPLY_BYTES,
    CallFailed,
    ConsoleError,
    Error,
    LineDecoder,
    Message,
    Request,
    Result,
    Snapshot,
    encode,
)

__all__ = [
    "AsyncConsoleClient",
    "CallFailed",
    "ConsoleClient",
    "ConsoleError",
    "LinkState",
    "Subscription",
    "default_socket_path",
]

CALL_TIMEOUT_S = 35.0  # the server's own limit on a call is 30 s; its answer says more than our silence
CONNECT_TIMEOUT_S = 2.0
RETRY_FIRST_S, RETRY_CAP_S = 0.25, 4.0
_CHUNK = 65536


# --- for the command line ------------------------------------------------------------------------------------------


class ConsoleClient:
    """A blocking client over one connection. Every failure is a ConsoleError, in one line.

    Connects on construction; a context manager closes it.
    """

    def __init__(self, path: Path | str | None = None, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.path = Path(path) if path is not None else default_socket_path()
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._decoder = LineDecoder(MAX_REPLY_BYTES)
        self._waiting: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._socket.connect(os.fspath(self.path))
        except OSError as exc:
            self._socket.close()
            raise explain(self.path, exc) from exc

    def __enter__(self) -> ConsoleClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection. May be called again."""
        self._socket.close()

    def call(self, method: str, /, **params: Any) -> Any:
        """Calls and waits for the answer. Raises CallFailed for a refusal, ConsoleError for a lost link."""
        call_id = next(self._ids)
        self._send(Request(method=method, params=params, id=call_id))
        give_up_at_s = time.monotonic() + self._timeout_s
        told: list[Message] = []  # what a subscription receives meanwhile
        try:
            while True:
                match self._next(give_up_at_s - time.monotonic()):
                    case Result(id=found, result=result) if found == call_id:
                        return result
                    case Error(id=found, code=code, message=message) if found in (call_id, None):
                        raise CallFailed(code, message)
                    case Request() as one:
                        told.append(one)
        finally:
            self._waiting[:0] = told

    def subscribe(self, topics: Sequence[str], interval_s: float = 1.0) -> Iterator[tuple[str, Snapshot]]:
        """Yields each topic whole, at once and then whenever it changed, at most every `interval_s`.

        An unchanged topic is yielded again now and then, as proof that the charger still speaks. Ends by raising
        ConsoleError; leaving the loop does not close the client.
        """
        answer = self.call("subscribe", topics=list(topics), interval_s=interval_s)
        limit_s = silence_limit_s(float(answer["interval_s"]))
        picture = Picture()
        while True:
            match self._next(limit_s):
                case Request() as told:
                    if (renewed := picture.take(told)) is not None:
                        yield renewed
                case Error(id=None, code=code, message=message):
                    raise CallFailed(code, message)

    def call_watching(
        self, topic: str, show: Callable[[Snapshot], None], interval_s: float, method: str, /, **params: Any
    ) -> Any:
        """As `call`, for what takes a while: `show` gets each change of `topic` until the answer comes."""
        answer = self.call("subscribe", topics=[topic], interval_s=interval_s)
        limit_s = silence_limit_s(float(answer["interval_s"]))
        picture, call_id = Picture(), next(self._ids)
        self._send(Request(method=method, params=params, id=call_id))
        while True:
            match self._next(limit_s):
                case Result(id=found, result=result) if found == call_id:
                    return result
                case Error(id=found, code=code, message=message) if found in (call_id, None):
                    raise CallFailed(code, message)
                case Request() as told:
                    if (renewed := picture.take(told)) is not None:
                        show(renewed[1])

    def _send(self, message: Message) -> None:
        self._socket.settimeout(self._timeout_s)
        try:
            self._socket.sendall(encode(message))
        except OSError as exc:
            # A server that turns a client away says why before it closes.
            if isinstance(exc, ConnectionError) and (parting := self._parting_word()):
                raise parting from exc
            raise self._lost(exc) from exc

    def _parting_word(self) -> CallFailed | None:
        with contextlib.suppress(ConsoleError):
            while True:
                match self._next(1.0):
                    case Error(id=None, code=code, message=message):
                        return CallFailed(code, message)
        return None

    def _next(self, timeout_s: float) -> Message:
        while not self._waiting:
            if timeout_s <= 0:
                raise self._lost(TimeoutError())
            self._socket.settimeout(timeout_s)
            try:
                data = self._socket.recv(_CHUNK)
            except OSError as exc:
                raise self._lost(exc) from exc
            if not data:
                raise ConsoleError(f"the charger closed the link at {self.path}; look whether it still runs")
            for event in self._decoder.receive(data):
                self._waiting.append(well_formed(event))
        return self._waiting.pop(0)

    def _lost(self, exc: OSError) -> ConsoleError:
        if isinstance(exc, TimeoutError):
            return explain(self.path, exc)
        return ConsoleError(f"the link to the charger at {self.path} broke ({exc.strerror or exc}); try again")


# --- for the terminal ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class LinkState:
    """Whether the charger is heard, since when (`time.monotonic()`), and if not, why not."""

    up: bool
    since_s: float
    reason: str = ""

    def age_s(self) -> float:
        """Seconds since the link came up, or since it was lost."""
        return time.monotonic() - self.since_s


@attrs.define(eq=False)
class Subscription:
    """Some topics, told to one callback until `close()`."""

    topics: frozenset[str]
    interval_s: float
    on_snapshot: Callable[[str, Snapshot], None]
    on_unavailable: Callable[[str, str], None] | None
    _client: AsyncConsoleClient = attrs.field(repr=False)

    def close(self) -> None:
        """Ends it. May be called again; the callbacks are not called after this."""
        self._client._drop(self)


class AsyncConsoleClient:
    """A client that keeps its link alive: reconnects with back-off, and renews its subscriptions each time.

    `run()` is the one task behind it; subscriptions may be made before, during and after an outage, and are
    synchronous. A lost link is told to `on_link` and never raised. Callbacks run inside `run()` or `subscribe()`;
    what they raise comes out there.
    """

    def __init__(self, path: Path | str | None = None, *, on_link: Callable[[LinkState], None] | None = None) -> None:
        self.path = Path(path) if path is not None else default_socket_path()
        self.link = LinkState(up=False, since_s=time.monotonic(), reason="not connected yet")
        self._on_link = on_link
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._subscriptions: list[Subscription] = []
        self._intervals: dict[str, float] = {}  # as told to the server on this connection
        self._picture = Picture()

    async def run(self) -> None:
        """Connects, serves and reconnects until cancelled."""
        delay_s = RETRY_FIRST_S
        while True:
            try:
                reader, self._writer = await self._connect()
                await self._serve(reader)
            except ConsoleError as exc:
                reason = str(exc)
            finally:
                await self._disconnect()
            if self.link.up:
                delay_s = RETRY_FIRST_S
            self._set_link(up=False, reason=reason)
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_CAP_S)

    async def call(self, method: str, /, **params: Any) -> Any:
        """Calls and waits for the answer, at most CALL_TIMEOUT_S. Raises ConsoleError, and nothing else.

        Cancelling it abandons the answer, not the call.
        """
        if self._writer is None or not self.link.up:
            raise ConsoleError(f"not done, the charger is not connected: {self.link.reason}")
        call_id = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = answer
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                self._write(Request(method=method, params=params, id=call_id))
                return await answer
        except TimeoutError as exc:
            raise explain(self.path, exc) from exc
        finally:
            self._calls.pop(call_id, None)

    def subscribe(
        self,
        topics: Iterable[str],
        interval_s: float,
        on_snapshot: Callable[[str, Snapshot], None],
        on_unavailable: Callable[[str, str], None] | None = None,
    ) -> Subscription:
        """Tells `on_snapshot(topic, snapshot)` each topic whole: at once if it is known, then as it changes.

        Where two subscriptions share a topic, the shorter interval serves both. Snapshots must not be changed.
        `on_unavailable(topic, why)` is called when the charger cannot tell a topic, or does not know it.
        """
        subscription = Subscription(frozenset(topics), interval_s, on_snapshot, on_unavailable, self)
        self._subscriptions.append(subscription)
        for topic in sorted(subscription.topics):
            if self.link.up and (known := self._picture.latest(topic)) is not None:
                on_snapshot(topic, known)
        self._renew_subscriptions()
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._renew_subscriptions()

    def _wanted(self) -> dict[str, float]:
        wanted: dict[str, float] = {}
        for one in self._subscriptions:
            for topic in one.topics:
                wanted[topic] = min(one.interval_s, wanted.get(topic, one.interval_s))
        return wanted

    def _renew_subscriptions(self) -> None:
        """Tells the server what has changed since it was last told, if there is one."""
        if self._writer is None:
            return
        wanted = self._wanted()
        gone = sorted(set(self._intervals) - set(wanted))
        if gone:
            self._picture.forget(gone)
            self._write(Request(method="unsubscribe", params={"topics": gone}, id=next(self._ids)))
        for topic in sorted(wanted):
            if self._intervals.get(topic) != wanted[topic]:
                params = {"topics": [topic], "interval_s": wanted[topic]}
                self._write(Request(method="subscribe", params=params, id=f"subscribe {topic}"))
        self._intervals = wanted

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_unix_connection(os.fspath(self.path))
        except OSError as exc:  # TimeoutError among them
            raise explain(self.path, exc) from exc

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        """Reads until the link is lost. It counts as up once the server has said anything."""
        decoder = LineDecoder(MAX_REPLY_BYTES)
        self._write(Request(method="console.describe", id=next(self._ids)))
        self._renew_subscriptions()
        while True:
            slowest_s = max(self._intervals.values(), default=0.0)
            quiet = bool(not self._intervals and self.link.up)
            try:
                async with asyncio.timeout(None if quiet else silence_limit_s(slowest_s)):
                    data = await reader.read(_CHUNK)
            except OSError as exc:
                raise explain(self.path, exc) from exc
            if not data:
                raise ConsoleError(f"the charger closed the link at {self.path}")
            for event in decoder.receive(data):
                self._take(well_formed(event))

    def _take(self, message: Message) -> None:
        match message:
            case Error(id=None):
                raise CallFailed(message.code, message.message)
            case Error(id=str(refused)):  # a subscription
                self._tell_unavailable(refused.removeprefix("subscribe "), message.message)
            case Result(id=int(found)) | Error(id=int(found)):
                answer = self._calls.pop(found, None)
                if answer is not None and not answer.done():
                    if isinstance(message, Result):
                        answer.set_result(message.result)
                    else:
                        answer.set_exception(CallFailed(message.code, message.message))
            case Request():
                self._renew(message)
        if not self.link.up:
            self._set_link(up=True)

    def _renew(self, message: Request) -> None:
        # A DeltaMismatch cannot happen between equal versions; starting over on a new connection repairs it anyway.
        try:
            renewed = self._picture.take(message)
        except CallFailed as exc:
            self._tell_unavailable(str(message.params["topic"]), str(exc))
            return
        if renewed is not None:
            if not self.link.up:
                self._set_link(up=True)
            topic, snapshot = renewed
            for one in tuple(self._subscriptions):
                if topic in one.topics and one in self._subscriptions:
                    one.on_snapshot(topic, snapshot)

    def _tell_unavailable(self, topic: str, why: str) -> None:
        for one in tuple(self._subscriptions):
            if topic in one.topics and one in self._subscriptions and one.on_unavailable is not None:
                one.on_unavailable(topic, why)

    def _write(self, message: Message) -> None:
        assert self._writer is not None
        self._writer.write(encode(message))

    async def _disconnect(self) -> None:
        writer, self._writer = self._writer, None
        self._intervals = {}
        self._picture = Picture()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(ConsoleError("the link to the charger was lost; whether it was done is not known"))
        self._calls.clear()
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _set_link(self, *, up: bool, reason: str = "") -> None:
        since_s = self.link.since_s if up == self.link.up else time.monotonic()
        state = LinkState(up=up, since_s=since_s, reason=reason)
        if state != self.link:
            self.link = state
            if self._on_link is not None:
                self._on_link(state)
