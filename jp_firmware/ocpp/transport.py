"""The WebSocket to a central system: how it is opened, kept alive and closed, and above all why it failed.

TCP, TLS and the upgrade are done step by step, so that each failure keeps its cause: the library's own way of opening
a `wss` link turns every TLS failure into a timeout (facts: measured with trio-websocket 0.12.2). It knows no OCPP but
the name of the sub-protocol, and never reconnects by itself.
"""

from __future__ import annotations

import base64
import math
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import h11
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream
from wsproto.utilities import ProtocolError as WebSocketBreach

from jp_firmware.ocpp.endpoint import Endpoint
from jp_firmware.ocpp.envelope import MAX_CHARS
from jp_firmware.ocpp.failure import Kind, LinkFailure, connect_failure, http_failure, tls_failure, upgrade_failure

# What the library's reader raises when a peer breaks the rules at a moment when it cannot be told so.
BREACHES: Final = (h11.ProtocolError, WebSocketBreach)

# As the library closes what brings a longer message, in our name; a peer's limit would hardly be the same number.
TOO_LONG: Final = (1009, f"Exceeded maximum message size: {MAX_CHARS} bytes")

SUBPROTOCOL: Final = "ocpp1.6"
CLOSE_WITHIN_S: Final = 2.0  # a dead peer does not answer a close frame; ours
LEAVE_WITHIN_S: Final = 0.1  # for the goodbye alone to be taken over by the kernel; ours
PONG_WITHIN_S: Final = 10.0  # ours; a mobile link that needs longer is of no use
WRITE_WITHIN_S: Final = 10.0  # ours; for a frame to be taken over by the kernel

_HEAD: Final = 64
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")

__all__ = ["Kind", "Link", "LinkFailure", "default_tls", "open_link"]


def default_tls() -> ssl.SSLContext:
    """TLS 1.2 or later against the machine's own roots; `SSL_CERT_FILE` in the environment names others."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@attrs.define(eq=False)
class Tap(trio.abc.Stream):
    """Passes bytes through and keeps what ended them.

    The library swallows the error that ended a stream, and waits for ever if that happens during its handshake; a TLS
    1.3 server that refuses us does so only then.
    """

    inner: trio.abc.Stream
    on_bytes: Callable[[], None] = lambda: None
    head: bytes = b""  # the first bytes that came, enough for the status line of an answer to the upgrade
    error: BaseException | None = None
    ended: trio.Event = attrs.field(factory=trio.Event)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self.inner.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._end(error)
            raise
        if data:
            if len(self.head) < _HEAD:
                self.head += bytes(data[:_HEAD])
            self.on_bytes()
        else:
            self._end(None)
        return data

    @property
    def http_status(self) -> int | None:
        """The status of the answer to the upgrade, also when its body never ended and the library waits for it."""
        line = _STATUS_LINE.match(self.head)
        return int(line[1]) if line else None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self.inner.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._end(error)
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.inner.aclose()

    def _end(self, error: BaseException | None) -> None:
        self.error = self.error or error
        self.ended.set()


@attrs.define(eq=False)
class Link:
    """An open link. One task may receive, any may send. Every method raises `LinkFailure` once it is gone."""

    _ws: WebSocketConnection
    _tap: Tap
    _dead: LinkFailure | None = None

    async def send(self, text: str) -> None:
        """Hands `text` to the kernel. A cancelled or slow sending ends the link: half a frame may be on the wire."""
        try:
            with trio.fail_after(WRITE_WITHIN_S):
                await self._ws.send_message(text)
        except ConnectionClosed:
            raise self._failure() from None
        except trio.TooSlowError:
            await self._give_up(f"it took nothing off our hands for {WRITE_WITHIN_S:g} s")
            raise self._failure() from None

    async def receive(self) -> str | bytes:
        """The next message. Cancellation loses none."""
        try:
            return await self._ws.get_message()
        except ConnectionClosed:
            raise self._failure() from None

    async def probe(self) -> None:
        """Returns when the peer has answered a ping; a peer that does not in `PONG_WITHIN_S` s is dead, and cut off."""
        try:
            with trio.fail_after(PONG_WITHIN_S):
                await self._ws.ping()
        except ConnectionClosed:
            raise self._failure() from None
        except trio.TooSlowError:
            await self._give_up(f"no answer to a ping within {PONG_WITHIN_S:g} s")
            raise self._failure() from None

    def _failure(self) -> LinkFailure:
        if self._dead:
            return self._dead
        reason = self._ws.closed
        if isinstance(self._tap.error, trio.BrokenResourceError):
            cause = self._tap.error.__cause__
            return LinkFailure(Kind.CLOSED, f"the connection broke: {cause or 'reset by the central system'}")
        if reason and (reason.code, reason.reason) == TOO_LONG:
            return LinkFailure(
                Kind.CLOSED,
                f"closed: the central system sent a message longer than {MAX_CHARS} bytes",
            )
        if reason and reason.code != 1006:  # a close frame was seen
            said = f": {reason.reason}" if reason.reason else ""
            return LinkFailure(Kind.CLOSED, f"closed by the central system (code {reason.code}{said})")
        return LinkFailure(Kind.CLOSED, "the central system hung up without a word")

    async def _give_up(self, why: str) -> None:
        """The peer is dead: every task that uses the link shall find out now, and hear the same reason."""
        self._dead = LinkFailure(Kind.DEAD, f"the central system is silent: {why}")
        await trio.aclose_forcefully(self._tap)


async def close(ws: WebSocketConnection) -> None:
    """Says goodbye and waits for the answer, for at most `CLOSE_WITHIN_S`; under cancellation for as good as nothing.

    The library's reader, which would hear the answer, is being cancelled along with us then.
    """
    cancelled = trio.current_effective_deadline() == -math.inf
    with trio.move_on_after(LEAVE_WITHIN_S if cancelled else CLOSE_WITHIN_S, shield=True):
        await ws.aclose()


OpenStream = Callable[[Endpoint], Awaitable[trio.abc.Stream]]


@asynccontextmanager
async def open_link(
    endpoint: Endpoint,
    *,
    timeout_s: float,
    on_bytes: Callable[[], None] = lambda: None,
    tls: ssl.SSLContext | None = None,
    open_stream: OpenStream | None = None,
) -> AsyncIterator[Link]:
    """An open link to `endpoint` for the body of the block; closed after it, within `CLOSE_WITHIN_S`.

    Raises `LinkFailure` if it cannot be opened within `timeout_s`, with the reason as far as it can be known. What the
    body raises leaves as it is, not in a group. `on_bytes` is called whenever anything came in. `open_stream` takes the
    place of TCP, for links that run over something else.
    """
    stream: trio.abc.Stream | None = None
    try:
        with trio.fail_after(timeout_s):
            stream = await (open_stream or _open_tcp)(endpoint)
            if endpoint.secure:
                stream = await _open_tls(stream, endpoint, tls or default_tls())
    except trio.TooSlowError:
        if stream:
            await trio.aclose_forcefully(stream)
        doing = "the TLS handshake with" if stream else "connecting to"
        raise LinkFailure(Kind.TIMEOUT, f"{doing} {endpoint.authority} took longer than {timeout_s:g} s") from None
    tap = Tap(stream, on_bytes)
    try:
        async with trio.open_nursery() as nursery:  # the library's reader lives in it
            ws = await _upgrade(nursery, tap, endpoint, timeout_s)
            try:
                yield Link(ws, tap)
            finally:
                await close(ws)
                nursery.cancel_scope.cancel(reason="the link is closed")
    except BaseExceptionGroup as group:
        # One failure, of the body or of the reader: it leaves without the wrapping that this nursery put around it.
        if tap.http_status is not None and group.split(ConnectionRejected)[1] is None:
            raise http_failure(endpoint, tap.http_status) from None
        if group.split(BREACHES)[1] is None:
            raise LinkFailure(
                Kind.NO_WEBSOCKET, f"{endpoint.url} speaks no WebSocket: {group.exceptions[0]}"
            ) from group
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise
    finally:
        await trio.aclose_forcefully(tap)


async def _open_tcp(endpoint: Endpoint) -> trio.abc.Stream:
    try:
        return await trio.open_tcp_stream(endpoint.host, endpoint.port)
    except (OSError, UnicodeError) as error:
        raise connect_failure(endpoint, error) from error


async def _open_tls(raw: trio.abc.Stream, endpoint: Endpoint, tls: ssl.SSLContext) -> trio.abc.Stream:
    stream = trio.SSLStream(raw, tls, server_hostname=endpoint.host, https_compatible=True)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(raw)
        raise tls_failure(endpoint, error.__cause__ or error) from error
    except BaseException:
        await trio.aclose_forcefully(raw)
        raise
    return stream


async def _upgrade(nursery: trio.Nursery, tap: Tap, endpoint: Endpoint, timeout_s: float) -> WebSocketConnection:
    """The WebSocket handshake. A refusal by HTTP status leaves through `nursery`, from the library's reader."""
    headers: list[tuple[bytes, bytes]] = []
    if endpoint.password:
        secret = base64.b64encode(f"{endpoint.identity}:{endpoint.password}".encode())
        headers.append((b"Authorization", b"Basic " + secret))
    opened: list[WebSocketConnection] = []

    async def shake_hands() -> None:
        opened.append(
            await wrap_client_stream(
                nursery,
                tap,  # type: ignore[arg-type]  # any stream does; the annotation is too narrow
                endpoint.authority,
                endpoint.target,
                subprotocols=[SUBPROTOCOL],
                extra_headers=headers,
                max_message_size=MAX_CHARS,
            )
        )
        both.cancel_scope.cancel(reason="the handshake is over")

    with trio.move_on_after(timeout_s) as limit:
        async with trio.open_nursery() as both:
            both.start_soon(shake_hands)
            await tap.ended.wait()
            await trio.lowlevel.checkpoint()  # the reader tells a refusal by status apart, if there was one
            both.cancel_scope.cancel(reason="the stream has ended")
    if opened:
        ws = opened[0]
        if ws.subprotocol != SUBPROTOCOL:
            chosen = f"chose {ws.subprotocol!r}" if ws.subprotocol else "chose no sub-protocol"
            raise LinkFailure(
                Kind.SUBPROTOCOL,
                f"{endpoint.url} {chosen} instead of {SUBPROTOCOL}; set it up for OCPP 1.6-J",
            )
        return ws
    if limit.cancelled_caught:
        raise LinkFailure(Kind.TIMEOUT, f"{endpoint.url} did not answer the upgrade within {timeout_s:g} s")
    if tap.http_status is not None and tap.http_status != 101:
        raise http_failure(endpoint, tap.http_status)
    raise upgrade_failure(endpoint, tap.error)
