"""One OCPP-J connection as both ends live it: the Trio shell around `RpcCore`.

It moves texts between a link and the core, puts our CALLs into a queue so that one is under way at a time, and hands
the peer's CALLs to a handler one by one. It decides nothing about what is said.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
import trio

from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.rpc import Event, Incoming, Lost, Note, Outcome, RpcCore, Send
from jp_firmware.ocpp.transport import Kind, LinkFailure

log = logging.getLogger(__name__)


class TextLink(Protocol):
    """A link that carries texts. Both methods raise `LinkFailure` once it is gone."""

    async def send(self, text: str) -> None: ...

    async def receive(self) -> str | bytes: ...


@attrs.frozen
class Reply:
    """The answer to a CALL of the peer. `after` runs when it is on the wire: a reset, a triggered message.

    `checked`: whoever made it has held it against its schema already, with pauses where it is long.
    """

    payload: Payload
    after: Callable[[], None] | None = None
    checked: bool = False


@attrs.frozen
class Refusal:
    """A CALLERROR."""

    code: str
    text: str = ""


class Silence:
    """No answer at all, where the specification demands it."""


Handler = Callable[[Incoming], Awaitable[Reply | Refusal | Silence]]


@attrs.define(eq=False)
class _Request:
    action: str
    payload: Payload
    timeout_s: float
    outcome: Outcome | None = None
    done: trio.Event = attrs.field(factory=trio.Event)
    unwanted: bool = False  # whoever asked has left before it was sent


def _ignore_frame(direction: str, text: str) -> None:
    """The default tap: nobody listens."""


@attrs.define(eq=False)
class Conversation:
    """Talks over `link` until it goes. `on_frame` sees each text, as ("sent" or "received", text)."""

    link: TextLink
    core: RpcCore
    handler: Handler
    on_frame: Callable[[str, str], None] = _ignore_frame

    last_sent_at_s: float = attrs.field(factory=trio.current_time, init=False)
    _requests: deque[_Request] = attrs.field(factory=deque, init=False)
    _under_way: _Request | None = attrs.field(default=None, init=False)
    _incoming: deque[Incoming] = attrs.field(factory=deque, init=False)
    _asked: Bell = attrs.field(factory=Bell, init=False)
    _heard: Bell = attrs.field(factory=Bell, init=False)
    _failure: LinkFailure | None = attrs.field(default=None, init=False)

    async def run(self) -> LinkFailure:
        """Talks until the link goes, and returns why it did. CALLs under way then come back as `Lost`.

        Cancellation ends it at once; the link stays as it is, to be closed by its owner.
        """
        try:
            async with trio.open_nursery() as nursery:
                for task in (self._read, self._send_requests, self._answer):
                    nursery.start_soon(self._until_it_goes, task, nursery.cancel_scope)
        finally:
            self._end(self._failure or LinkFailure(Kind.CLOSED, "closed by this charger"))
        assert self._failure is not None  # no task ends for any other reason
        return self._failure

    async def call(self, action: str, payload: Payload, timeout_s: float) -> Outcome:
        """Sends a CALL in its turn and returns what became of it; never raises for the link or the peer.

        A caller that is cancelled leaves a CALL that is on the wire to its answer, so that the next one still waits
        for its turn; one that is not on the wire yet is never sent.
        """
        if self._failure:
            await trio.lowlevel.checkpoint()  # a caller in a loop lets the others run
            return Lost("", action)
        request = _Request(action, payload, timeout_s)
        self._requests.append(request)
        self._asked.ring()
        try:
            await request.done.wait()
        finally:
            request.unwanted = True
        assert request.outcome is not None
        return request.outcome

    # --- tasks ---

    async def _until_it_goes(self, task: Callable[[], Awaitable[None]], all_of_it: trio.CancelScope) -> None:
        try:
            await task()
        except LinkFailure as failure:
            self._failure = self._failure or failure
            all_of_it.cancel(reason="the link is gone")

    async def _read(self) -> None:
        while True:
            text = await self.link.receive()
            self.on_frame("received", text if isinstance(text, str) else repr(text))
            for event in self.core.receive(text):
                await self._act(event)

    async def _act(self, event: Event) -> None:
        if isinstance(event, Send):
            await self._write(event.text)
        elif isinstance(event, Incoming):
            self._incoming.append(event)
            self._heard.ring()
        elif isinstance(event, Note):
            log.warning("OCPP: %s", event.text)
        else:
            self._settle(event)

    async def _send_requests(self) -> None:
        while True:
            while self._requests:
                request = self._requests.popleft()
                if not request.unwanted:
                    await self._exchange(request)
            await self._asked.wait()

    async def _exchange(self, request: _Request) -> None:
        deadline_s = trio.current_time() + request.timeout_s
        outgoing = self.core.call(request.action, request.payload, deadline_s)
        if outgoing.fault:
            log.error("OCPP: our %s breaks its schema: %s", request.action, outgoing.fault.text)
        self._under_way = request
        await self._write(outgoing.text)  # outside the time limit: half a frame on the wire would end the link
        with trio.move_on_at(deadline_s):
            await request.done.wait()
        for event in self.core.expire(trio.current_time()):
            await self._act(event)

    async def _answer(self) -> None:
        while True:
            while self._incoming:
                await self._answer_one(self._incoming.popleft())
            await self._heard.wait()

    async def _answer_one(self, incoming: Incoming) -> None:
        try:
            reply = await self.handler(incoming)
        except Exception:  # a fault of ours: the peer gets its answer, the log gets the traceback
            log.exception("OCPP: %s could not be handled", incoming.action)
            reply = Refusal("InternalError", "the request could not be handled")
        if isinstance(reply, Silence):
            self.core.ignore(incoming.id)
        elif isinstance(reply, Refusal):
            await self._write(self.core.refuse(incoming.id, reply.code, reply.text))
        else:
            text, fault = self.core.answer(incoming.id, reply.payload, checked=reply.checked)
            if fault:
                log.error("OCPP: our answer to %s breaks its schema: %s", incoming.action, fault.text)
            await self._write(text)
            if reply.after and not fault:
                self._do_after(incoming, reply.after)

    @staticmethod
    def _do_after(incoming: Incoming, after: Callable[[], None]) -> None:
        try:
            after()
        except Exception:  # a fault of ours again: it must not cost the link
            log.exception("OCPP: what should follow %s failed", incoming.action)

    async def _write(self, text: str) -> None:
        await self.link.send(text)
        self.last_sent_at_s = trio.current_time()
        self.on_frame("sent", text)

    # --- ends ---

    def _settle(self, outcome: Outcome) -> None:
        request, self._under_way = self._under_way, None
        if request:
            request.outcome = outcome
            request.done.set()

    def _end(self, failure: LinkFailure) -> None:
        self._failure = failure
        for event in self.core.lose():
            if isinstance(event, Lost):
                self._settle(event)
        while self._requests:
            request = self._requests.popleft()
            request.outcome = Lost("", request.action)
            request.done.set()
