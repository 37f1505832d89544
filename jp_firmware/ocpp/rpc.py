"""The RPC of OCPP-J as a state machine: texts in, events out; no I/O, no clock of its own, no await.

Its rules, for both ends of a connection:

1. At most one CALL of ours is under way. The next is refused (`Busy`) until the last was answered, refused or lost.
2. A message id is used once: every CALL, and every repetition of one, gets an id of its own.
3. An answer is matched by its id alone. One that is late or unknown is noted and dropped; it never ends the link and
   never counts for another CALL.
4. Every CALL of the peer that can be answered gets exactly one answer: by us at once when it is malformed, unknown, not
   supported or breaks its schema, otherwise by the owner, by `answer`, `refuse` or, where the specification demands
   silence, `ignore`. A second CALL with the id of one that still waits is the same CALL and is noted.
5. NotImplemented says that the action is unknown, NotSupported that it is known and not offered.
6. Whatever the peer sends, nothing is raised.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import attrs

from jp_firmware.ocpp import envelope
from jp_firmware.ocpp.envelope import Call, Error, Malformed, Payload, Result
from jp_firmware.ocpp.schema import ACTIONS_16, PayloadFault, check_answer, check_call, check_result, without_nulls

MAX_WAITING: Final = 16  # CALLs of the peer that wait for our answer; a peer that sends more is refused. Ours
_TEXT_CHARS: Final = 255  # of an error description, 1.6-J §4.2.3
_REMEMBERED: Final = 32  # ids of timed-out CALLs, so that a late answer can be named


class Busy(Exception):
    """A CALL is under way already."""


# --- what comes out --------------------------------------------------------------------------------------------------


@attrs.frozen
class Send:
    """A frame to put on the wire at once: the core's own answer."""

    text: str


@attrs.frozen
class Incoming:
    """A sound CALL of the peer, to be answered by its id."""

    id: str
    action: str
    payload: Payload


@attrs.frozen
class Answered:
    """Our CALL was answered, and the answer holds what its schema demands."""

    id: str
    action: str
    payload: Payload


@attrs.frozen
class Refused:
    """Our CALL was refused, or answered by something that cannot be used. `code` is as the peer spelt it."""

    id: str
    action: str
    code: str
    text: str


@attrs.frozen
class TimedOut:
    """Our CALL was not answered in time. The peer may have acted on it all the same."""

    id: str
    action: str


@attrs.frozen
class Lost:
    """The link went while our CALL was under way."""

    id: str
    action: str


@attrs.frozen
class Note:
    """Something to write down: an answer that nobody waits for, a frame that is none."""

    text: str


Outcome = Answered | Refused | TimedOut | Lost
Event = Send | Incoming | Outcome | Note


@attrs.frozen
class Outgoing:
    """A CALL of ours. `fault` says what is wrong with its payload, for the log; it is the peer who decides on it."""

    id: str
    action: str
    text: str
    deadline_s: float
    fault: PayloadFault | None


@attrs.define(eq=False)
class RpcCore:
    """One end of one OCPP 1.6-J connection. `supported` are the actions of the peer that the owner answers."""

    supported: Collection[str]
    known: Collection[str] = ACTIONS_16
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    silent: bool = False  # nothing is answered: a charger that was rejected shall not

    _outgoing: Outgoing | None = attrs.field(default=None, init=False)
    _waiting: dict[str, str] = attrs.field(factory=dict, init=False)  # the peer's CALLs: id to action
    _expired: deque[tuple[str, str]] = attrs.field(factory=lambda: deque(maxlen=_REMEMBERED), init=False)

    @property
    def deadline_s(self) -> float | None:
        """When the CALL under way times out; None if none is."""
        return self._outgoing.deadline_s if self._outgoing else None

    # --- our CALLs ---

    def call(self, action: str, payload: Payload, deadline_s: float) -> Outgoing:
        """Begins a CALL; its `text` is to be sent. Raises `Busy` if one is under way."""
        if self._outgoing:
            raise Busy(self._outgoing.action)
        id_ = self.new_id()
        text = envelope.build(Call(id_, action, payload))
        self._outgoing = Outgoing(id_, action, text, deadline_s, self._fault_of_call(action, payload))
        return self._outgoing

    def expire(self, now_s: float) -> list[Event]:
        """The end of the CALL under way, if its time is over."""
        if not self._outgoing or now_s < self._outgoing.deadline_s:
            return []
        gone, self._outgoing = self._outgoing, None
        self._expired.append((gone.id, gone.action))
        return [TimedOut(gone.id, gone.action)]

    def lose(self) -> list[Event]:
        """The link is gone: so is the CALL under way, and nobody waits for our answers any more."""
        self._waiting.clear()
        if not self._outgoing:
            return []
        gone, self._outgoing = self._outgoing, None
        return [Lost(gone.id, gone.action)]

    # --- answers to the peer's CALLs ---

    def answer(self, id_: str, payload: Payload, *, checked: bool = False) -> tuple[str, PayloadFault | None]:
        """The frame that answers a waiting CALL. A payload that breaks its schema becomes an InternalError.

        One that is `checked` is not held against it again.
        """
        action = self._waiting.pop(id_)
        fault = None if checked else check_result(action, payload)
        if fault:
            return envelope.build(Error(id_, "InternalError", "the answer could not be formed")), fault
        return envelope.build(Result(id_, payload)), None

    def refuse(self, id_: str, code: str, text: str = "") -> str:
        """The frame that refuses a waiting CALL."""
        del self._waiting[id_]
        return _refusal(id_, code, text)

    def ignore(self, id_: str) -> None:
        """No answer will be given: a charger that was rejected shall not respond."""
        del self._waiting[id_]

    # --- what the peer sends ---

    def receive(self, text: str | bytes) -> list[Event]:
        """What one message of the peer means. Raises nothing, whatever it holds."""
        try:
            frame = envelope.parse(text)
        except Malformed as fault:
            return self._malformed(fault)
        if isinstance(frame, Call):
            return self._incoming(frame)
        return self._settle(frame)

    def _malformed(self, fault: Malformed) -> list[Event]:
        note = Note(f"ignored: {fault.reason}")
        if fault.id is None:
            return [note]
        if fault.kind == envelope.CALL:
            if self.silent:
                return [note]
            if fault.id in self._waiting:
                return [Note(f"ignored: a second CALL {fault.id!r} while the first waits: {fault.reason}")]
            return [Send(_refusal(fault.id, fault.code, fault.reason))]
        if self._outgoing and self._outgoing.id == fault.id:
            return [self._refused(fault.code, fault.reason)]
        return [note]

    def _incoming(self, frame: Call) -> list[Event]:
        if self.silent:
            return [Note(f"not answered: {frame.action[:50]!r}")]
        if frame.id in self._waiting:
            return [Note(f"ignored: a second CALL {frame.id!r} while the first waits for its answer")]
        refusal = self._objection(frame)
        if refusal:
            return [Send(_refusal(frame.id, refusal.code, refusal.text))]
        self._waiting[frame.id] = frame.action
        return [Incoming(frame.id, frame.action, frame.payload)]

    def _objection(self, frame: Call) -> PayloadFault | None:
        if frame.action not in self.known:
            return PayloadFault("NotImplemented", "the action is not known")
        if frame.action not in self.supported:
            return PayloadFault("NotSupported", f"{frame.action} is not supported")
        if len(self._waiting) >= MAX_WAITING:
            return PayloadFault("GenericError", f"{MAX_WAITING} requests wait already; one at a time, please")
        return check_call(frame.action, frame.payload)

    def _settle(self, frame: Result | Error) -> list[Event]:
        mine = self._outgoing
        if mine is None or mine.id != frame.id:
            return [self._unexpected(frame.id)]
        if isinstance(frame, Error):
            return [self._refused(frame.code, frame.text)]
        payload = without_nulls(frame.payload)
        fault = check_answer(mine.action, payload) if mine.action in ACTIONS_16 else None
        if fault:
            return [self._refused(fault.code, f"unusable answer: {fault.text}")]
        self._outgoing = None
        return [Answered(mine.id, mine.action, payload)]

    def _fault_of_call(self, action: str, payload: Payload) -> PayloadFault | None:
        """A bench may ask for what does not exist, to hear the refusal; that is no reason to fail."""
        if action not in ACTIONS_16:
            return PayloadFault("NotImplemented", "no action of OCPP 1.6")
        return check_call(action, payload)

    def _refused(self, code: str, text: str) -> Refused:
        assert self._outgoing is not None  # the callers have matched it
        mine, self._outgoing = self._outgoing, None
        return Refused(mine.id, mine.action, code, text)

    def _unexpected(self, id_: str) -> Note:
        for expired, action in self._expired:
            if expired == id_:
                return Note(f"ignored: a late answer to {action} {id_}")
        return Note(f"ignored: an answer to {id_!r}, which is none of our requests")


def _refusal(id_: str, code: str, text: str) -> str:
    return envelope.build(Error(id_, code, text[:_TEXT_CHARS]))
