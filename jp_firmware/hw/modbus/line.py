"""When a Modbus line may be spoken on, and which of the bytes heard answer what was asked. Sans-IO; time is handed in.

Rules for RTU, where an answer carries no number that ties it to its request:

1. One exchange at a time, and a gap of silence before each request.
2. An exchange given up without its answer leaves a ghost: that answer may still come. While it may, nobody speaks,
   for half-duplex wires do not carry two; and after that, for as long again, nothing is asked whose answer it could be
   taken for. A ghost whose answer was heard after all is gone.
3. An answer of full length that makes no sense is a garbled answer, known as soon as the line falls quiet: the same may
   be asked again at once, anything else that looks alike only when the ghost is gone.

TCP has transaction numbers: answers to what nobody waits for any more are skipped, and there is nothing else to obey.
"""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from jp_firmware.hw.modbus.adu import FramingError, Request, RtuSearch, TcpFrames, rtu_frame, tcp_frame

BITS_PER_CHARACTER = 11  # start, 8 data, parity or second stop bit, stop
MIN_GAP_S = 0.00175  # Modbus over serial line V1.02, 2.5.1.1: 3.5 characters, fixed above 19200 baud
QUIET_S = 0.02  # after which an answer counts as ended; USB serial adapters pause up to 16 ms within one frame


class Line(Protocol):
    """One connection's worth of order."""

    def clear_at_s(self, request: Request) -> float:
        """The earliest time at which this may be asked, as known now."""

    def begin(self, request: Request, now_s: float, timeout_s: float) -> bytes:
        """The exchange starts; the bytes to send."""

    def feed(self, data: bytes, now_s: float) -> bytes | None:
        """Bytes were heard; the PDU of the answer if they complete it. Raises FramingError (TCP)."""

    def give_up_at_s(self) -> float:
        """When to stop waiting for the answer, as known now."""

    def give_up(self, now_s: float) -> bool:
        """The exchange, if one is under way, ends without its answer. True if an answer came but was garbled."""


@attrs.define
class _Exchange:
    search: RtuSearch
    frame: bytes
    deadline_s: float
    timeout_s: float

    @property
    def answer_heard(self) -> bool:
        """Whether as many bytes came as the answer has, not counting an adapter's echo of our own."""
        echo = len(self.frame) if self.search.starts_with(self.frame) else 0
        return self.search.heard - echo >= self.search.frame_length


@attrs.define
class _Ghost:
    search: RtuSearch
    silent_until_s: float
    haunts_until_s: float
    garbled: bool

    def holds_until_s(self, request: Request) -> float:
        mine = self.search.request
        if request.is_like(mine) and not (self.garbled and request == mine):
            return self.haunts_until_s
        return self.silent_until_s


@attrs.define(eq=False)
class RtuLine:
    """See the rules above. Timeouts count from the last character sent to the last one received, wire time aside."""

    baud: int
    _exchange: _Exchange | None = None
    _ghosts: list[_Ghost] = attrs.field(factory=list)
    _last_byte_s: float = -math.inf

    @property
    def gap_s(self) -> float:
        return max(MIN_GAP_S, self._wire_s(3.5))

    def clear_at_s(self, request: Request) -> float:
        holds = (ghost.holds_until_s(request) for ghost in self._ghosts)
        return max(self._last_byte_s + self.gap_s, *holds, -math.inf)

    def begin(self, request: Request, now_s: float, timeout_s: float) -> bytes:
        assert self._exchange is None, "one exchange at a time"
        self._ghosts = [ghost for ghost in self._ghosts if ghost.haunts_until_s > now_s]
        search = RtuSearch(request)
        frame = rtu_frame(request.unit, request.pdu)
        wire_s = self._wire_s(len(frame) + search.frame_length)
        self._exchange = _Exchange(search, frame, now_s + wire_s + timeout_s, timeout_s)
        self._last_byte_s = now_s + self._wire_s(len(frame))
        return frame

    def feed(self, data: bytes, now_s: float) -> bytes | None:
        self._last_byte_s = max(self._last_byte_s, now_s)
        self._ghosts = [ghost for ghost in self._ghosts if ghost.search.feed(data) is None]
        if self._exchange is None:
            return None
        pdu = self._exchange.search.feed(data)
        if pdu is not None:
            self._exchange = None
        return pdu

    def give_up_at_s(self) -> float:
        if self._exchange is None:
            return -math.inf
        if self._exchange.answer_heard:
            return min(self._exchange.deadline_s, self._last_byte_s + max(QUIET_S, self.gap_s))
        return self._exchange.deadline_s

    def give_up(self, now_s: float) -> bool:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return False
        garbled = exchange.answer_heard and now_s >= self._last_byte_s + QUIET_S
        self._ghosts.append(
            _Ghost(
                search=exchange.search,
                silent_until_s=now_s if garbled else exchange.deadline_s,
                haunts_until_s=exchange.deadline_s + exchange.timeout_s,
                garbled=garbled,
            )
        )
        return garbled

    def _wire_s(self, characters: float) -> float:
        return characters * BITS_PER_CHARACTER / self.baud


@attrs.define(eq=False)
class TcpLine:
    """One TCP connection. After a FramingError it is done for."""

    _frames: TcpFrames = attrs.field(factory=TcpFrames)
    _request: Request | None = None
    _transaction: int = 0
    _deadline_s: float = -math.inf

    def clear_at_s(self, request: Request) -> float:  # noqa: ARG002 - the same for all
        return -math.inf

    def begin(self, request: Request, now_s: float, timeout_s: float) -> bytes:
        assert self._request is None, "one exchange at a time"
        self._request = request
        self._transaction = self._transaction + 1 & 0xFFFF
        self._deadline_s = now_s + timeout_s
        return tcp_frame(self._transaction, request.unit, request.pdu)

    def feed(self, data: bytes, now_s: float) -> bytes | None:  # noqa: ARG002 - as RtuLine
        answer = None
        for transaction, unit, pdu in self._frames.feed(data):
            if self._request is None or transaction != self._transaction:
                continue  # too late for whoever asked
            if unit != self._request.unit or not self._request.accepts(pdu):
                raise FramingError(f"the answer to {self._request.text} of unit {self._request.unit} is not one")
            self._request, answer = None, pdu
        return answer

    def give_up_at_s(self) -> float:
        return self._deadline_s

    def give_up(self, now_s: float) -> bool:  # noqa: ARG002 - as RtuLine
        self._request = None
        return False
