"""One console's connection: its requests answered in order, its topics told as coalesced deltas.

Nothing is queued. What changed is worked out at the moment it can be sent, so a slow console gets fewer and larger
steps and always ends at the latest; one that does not read at all is closed after ten seconds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import trio

from jp_firmware.console.calls import Call, CallRefused, InvalidParams, only, parameter
from jp_firmware.console.protocol import (
    HEARTBEAT_S,
    MAX_INTERVAL_S,
    MAX_REQUEST_BYTES,
    MIN_INTERVAL_S,
    PROTOCOL_VERSION,
    Error,
    ErrorCode,
    LineDecoder,
    Malformed,
    Message,
    Request,
    Result,
    Snapshot,
    diff,
    encode,
    plain,
)
from jp_firmware.console.topics import Topics, TopicUnavailable
from jp_firmware.nursery.bell import Bell

log = logging.getLogger(__name__)

STALLED_AFTER_S = 10.0
CALL_TIMEOUT_S = 30.0
_CHUNK_OUT = 4096  # each gets STALLED_AFTER_S: a console on a line of 9600 baud is slow, not stalled
# The shortest line is two bytes, and each is read between two checkpoints with the rest of its chunk: this bounds the
# length of that step whatever a client sends.
_CHUNK_IN = 1024


class Stalled(Exception):
    """The console has not read for STALLED_AFTER_S."""


@attrs.define(eq=False)
class _Watch:
    """One topic that this console watches."""

    interval_s: float
    due_at_s: float = -math.inf
    revision: int = 0
    sent: Snapshot | None = None  # what the console holds; None where it must be told whole
    sent_at_s: float = -math.inf
    told_unavailable: str = ""


@attrs.define(eq=False)
class Connection:
    """Serves one console over any stream. `on_sent` is called whenever the console has taken what was sent."""

    _stream: trio.abc.Stream
    _topics: Topics
    _calls: Mapping[str, Call]
    _on_sent: Callable[[], None] = lambda: None
    _watches: dict[str, _Watch] = attrs.field(factory=dict, init=False)
    _changed: Bell = attrs.field(factory=Bell, init=False)
    _sending: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def run(self) -> None:
        """Serves until the console goes, and closes the stream. Raises Stalled.

        A call that runs while the stream breaks, or while this is cancelled, is cancelled.
        """
        stalled = False
        try:
            async with self._stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_topics)
                await self._answer_requests()
                nursery.cancel_scope.cancel(reason="the console is gone")
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("a console went without a word")
        except* Stalled:
            stalled = True
        if stalled:
            raise Stalled

    # --- requests --------------------------------------------------------------------------------------------------

    async def _answer_requests(self) -> None:
        decoder = LineDecoder(MAX_REQUEST_BYTES)
        while data := await self._stream.receive_some(_CHUNK_IN):
            for event in decoder.receive(data):
                reply = await self._answer(event)
                if reply is not None:
                    await self._send(encode(reply))

    async def _answer(self, event: Message | Malformed) -> Message | None:
        match event:
            case Malformed():
                return event.as_error()
            case Request(id=None):
                return None  # a notification asks for nothing, and a console has nothing to notify
            case Request(id=request_id) if request_id is not None:
                return await self._call(event, request_id)
        return None  # an answer to a question that was never asked

    async def _call(self, request: Request, request_id: int | str) -> Message:
        call = self._find(request.method)
        if call is None:
            return Error(id=request_id, code=ErrorCode.METHOD_NOT_FOUND, message=f"no such call: {request.method}")
        try:
            with trio.fail_after(CALL_TIMEOUT_S):
                return Result(id=request_id, result=plain(await call(request.params)))
        except CallRefused as exc:
            return Error(id=request_id, code=exc.code, message=str(exc))
        except TopicUnavailable as exc:
            return Error(id=request_id, code=ErrorCode.UNAVAILABLE, message=str(exc))
        except trio.TooSlowError:
            return Error(
                id=request_id, code=ErrorCode.TIMED_OUT, message=f"{request.method}: no answer; look at jp tree"
            )
        except Exception as exc:
            # A defect in one call; it must not take the other consoles down. Told to the caller and logged whole.
            log.exception("call %s failed", request.method)
            what = f"{request.method} failed ({type(exc).__name__}: {exc}); see the log"
            return Error(id=request_id, code=ErrorCode.INTERNAL_ERROR, message=what)

    def _find(self, method: str) -> Call | None:
        if method in self._calls:
            return self._calls[method]
        topic, _, verb = method.rpartition(".")
        if verb == "get" and topic in self._topics:
            return lambda params: self._get(topic, params)
        own: dict[str, Call] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "console.describe": self._describe,
        }
        return own.get(method)

    async def _get(self, topic: str, params: dict[str, Any]) -> Snapshot:
        only(params)
        return self._topics.snapshot(topic, trio.current_time())

    async def _describe(self, params: dict[str, Any]) -> Snapshot:
        only(params)
        gets = [f"{topic}.get" for topic in self._topics.names]
        return {
            "protocol": PROTOCOL_VERSION,
            "topics": sorted(self._topics.names),
            "calls": sorted({*self._calls, *gets, "subscribe", "unsubscribe", "console.describe"}),
        }

    async def _subscribe(self, params: dict[str, Any]) -> Snapshot:
        only(params, "topics", "interval_s")
        topics = self._topic_names(params)
        wanted_s = parameter(params, "interval_s", float, 1.0)
        interval_s = min(max(wanted_s, MIN_INTERVAL_S), MAX_INTERVAL_S)
        for topic in topics:
            self._watches[topic] = _Watch(interval_s)
        self._changed.ring()
        return {"topics": topics, "interval_s": interval_s}

    async def _unsubscribe(self, params: dict[str, Any]) -> Snapshot:
        only(params, "topics")
        topics = self._topic_names(params) if "topics" in params else list(self._watches)
        for topic in topics:
            self._watches.pop(topic, None)
        return {"topics": sorted(self._watches)}

    def _topic_names(self, params: dict[str, Any]) -> list[str]:
        topics = parameter(params, "topics", list)
        for topic in topics:
            if not isinstance(topic, str) or topic not in self._topics:
                raise InvalidParams(f"no such topic: {topic!r}; there are {', '.join(sorted(self._topics.names))}")
        return topics

    # --- topics ----------------------------------------------------------------------------------------------------

    async def _tell_topics(self) -> None:
        while True:
            with trio.move_on_at(min((one.due_at_s for one in self._watches.values()), default=math.inf)):
                await self._changed.wait()
            async with self._sending:
                # Only now, when it can go out, is it worked out what there is to tell.
                for topic in list(self._watches):
                    await self._tell_if_due(topic)

    async def _tell_if_due(self, topic: str) -> None:
        now_s = trio.current_time()
        watch = self._watches.get(topic)
        if watch is None or watch.due_at_s > now_s:
            return
        watch.due_at_s = now_s + watch.interval_s
        news = await self._news(topic, watch, now_s)
        if news is not None:
            await trio.lowlevel.checkpoint()
            await self._put(encode(news))

    async def _news(self, topic: str, watch: _Watch, now_s: float) -> Request | None:
        """What the console must be told to hold the latest; None while it does, and was told so lately.

        Taking the picture, comparing it and writing it down are three steps of the loop, not one long one.
        """
        try:
            latest = self._topics.snapshot(topic, now_s)
        except TopicUnavailable as exc:
            known, watch.told_unavailable, watch.sent = watch.told_unavailable, str(exc), None
            if known == watch.told_unavailable and now_s - watch.sent_at_s < HEARTBEAT_S:
                return None
            watch.sent_at_s = now_s
            return Request(method="unavailable", params={"topic": topic, "message": str(exc)})
        watch.told_unavailable = ""
        previous, watch.sent = watch.sent, latest
        if previous is None:
            watch.revision, watch.sent_at_s = watch.revision + 1, now_s
            return Request(method="snapshot", params={"topic": topic, "revision": watch.revision, "snapshot": latest})
        await trio.lowlevel.checkpoint()
        delta = diff(previous, latest)
        if not delta and now_s - watch.sent_at_s < HEARTBEAT_S:
            return None
        watch.revision, watch.sent_at_s = watch.revision + 1, now_s
        return Request(method="delta", params={"topic": topic, "revision": watch.revision, "delta": delta.to_json()})

    # --- sending ---------------------------------------------------------------------------------------------------

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            await self._put(data)

    async def _put(self, data: bytes) -> None:
        """Sends while holding `_sending`: two messages never mix. Raises Stalled."""
        view = memoryview(data)
        for at in range(0, len(view), _CHUNK_OUT):
            with trio.move_on_after(STALLED_AFTER_S) as limit:
                await self._stream.send_all(view[at : at + _CHUNK_OUT])
            if limit.cancelled_caught:
                raise Stalled
        self._on_sent()
