"""Delivers what must arrive: the messages of transactions, from the journal's outbox, one by one and in order.

Its rules (1.6 §3.7 and errata 3.18):

1. Strict order over all connectors; a message is gone from the journal only once it was answered or given up.
2. The transaction id is filled in when a message is sent: the central system names a transaction late, or never. The
   name is committed in the same transaction that takes the start away. A transaction that was never named is -1.
3. A CALLERROR or no answer is an attempt. The n-th is followed by a wait of n times TransactionMessageRetryInterval;
   after TransactionMessageAttempts the message is given up, kept aside, and the next one goes.
4. Meter values that are refused, as by central systems that do not know the transaction, must not keep its bill from
   arriving: once one was given up like that, each has one attempt, until one is taken.
5. A link that goes while a message is under way is no attempt: it is sent again on the next link, with a new id.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import attrs
import trio

from jp_firmware.journal import outbox
from jp_firmware.journal.outbox import Discarded, Message, Sent, TransactionIdGiven
from jp_firmware.journal.records import Record
from jp_firmware.journal.writer import Journal, JournalError
from jp_firmware.model.ids import SessionId
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.rpc import Answered, Lost, Outcome, Refused

log = logging.getLogger(__name__)

NEVER_NAMED: Final = -1  # errata 3.18
METER_VALUES: Final = "MeterValues"
JOURNAL_RETRY_S: Final = 5.0  # ours; a full disk is not filled further by looking at it more often

T = TypeVar("T")
Ask = Callable[[str, Payload], Awaitable[Outcome]]


class Postman(Protocol):
    """What the outbox asks and tells its owner."""

    def attempts(self) -> int:
        """TransactionMessageAttempts, as it is now."""

    def retry_interval_s(self) -> float:
        """TransactionMessageRetryInterval, as it is now."""

    def answered(self, message: Message, answer: Payload) -> None:
        """A message was answered, and is gone from the journal."""

    def given_up(self, message: Message, why: str) -> None:
        """A message was given up."""

    def queue_changed(self) -> None:
        """`Outbox.queued` has changed."""


@attrs.define(eq=False)
class Outbox:
    """The one that empties the journal's outbox. `run` lives as long as its owner; links come and go."""

    journal: Journal
    postman: Postman
    version: str = "1.6"
    queued: int = attrs.field(default=0, init=False)

    _bell: Bell = attrs.field(factory=Bell, init=False)
    _gone: Bell = attrs.field(factory=Bell, init=False)  # a message has, or the link
    _ask: Ask | None = attrs.field(default=None, init=False)
    _hold: tuple[int, float] = attrs.field(default=(0, 0.0), init=False)  # a message, and until when it waits
    _values_refused: bool = attrs.field(default=False, init=False)  # the last meter values were, for good

    def wake(self) -> None:
        """There may be a new message."""
        self._bell.ring()

    def open(self, ask: Ask) -> None:
        """There is a link, and its other end may be told about transactions."""
        self._ask = ask
        self._bell.ring()

    def close(self) -> None:
        """The link is gone."""
        self._ask = None
        self._bell.ring()
        self._gone.ring()

    async def transaction_id(self, session_id: SessionId) -> int | None:
        """What the central system calls a session: None while it has not said so, `NEVER_NAMED` if it never will."""
        return await self._read(lambda db: outbox.transaction_id_of(db, session_id))

    async def emptied(self) -> None:
        """Returns when the journal holds no message any more, or no link would take one. Put it in a cancel scope."""
        while self._ask and await self._read(outbox.count) > 0:
            await self._gone.wait()

    async def run(self) -> None:
        """Delivers whenever it can, for ever. Cancellation leaves what was not answered in the journal."""
        while True:
            await self._commit()  # what was posted before this is in the file now, for `oldest` to see
            while message := await self._next():
                if not self._ask or not await self._deliver(message):
                    break
            await self._bell.wait()

    async def _next(self) -> Message | None:
        await self._count()
        return await self._read(outbox.oldest) if self.queued else None

    async def _count(self) -> None:
        queued = await self._read(outbox.count)
        if queued != self.queued:
            self.queued = queued
            self.postman.queue_changed()

    async def _deliver(self, message: Message) -> bool:
        """Sends a message once, when its time has come. False if it could not even be tried to its end."""
        if message.version != self.version:
            await self._give_up(message, f"queued for OCPP {message.version}, which is not spoken any more")
            return True
        if not await self._time_has_come(message):
            return False
        payload = await self._complete(message)
        ask = self._ask
        if ask is None:
            return False
        outcome = await ask(message.action, payload)
        if isinstance(outcome, Lost):
            return False
        if isinstance(outcome, Answered):
            await self._settle(message, outcome.payload)
        else:
            await self._failed(message, outcome)
        return True

    async def _time_has_come(self, message: Message) -> bool:
        """Waits until the message's retry is due; False if the link goes meanwhile."""
        held, until_s = self._hold
        while held == message.seq and trio.current_time() < until_s and self._ask:
            with trio.move_on_at(until_s):
                await self._bell.wait()
            await self._count()
        return self._ask is not None

    async def _complete(self, message: Message) -> Payload:
        if message.session_id is None or message.action == "StartTransaction":
            return message.payload
        number = await self.transaction_id(message.session_id)
        return {**message.payload, "transactionId": NEVER_NAMED if number is None else number}

    async def _settle(self, message: Message, answer: Payload) -> None:
        records: list[Record] = [Sent(message.seq)]
        if message.action == "StartTransaction" and message.session_id is not None:
            records.insert(0, TransactionIdGiven(message.session_id, answer["transactionId"]))
        await self._commit(*records)
        self._gone.ring()
        if message.action == METER_VALUES:
            self._values_refused = False
        self.postman.answered(message, answer)

    async def _failed(self, message: Message, outcome: Outcome) -> None:
        attempts = message.attempts + 1
        why = f"refused with {outcome.code}: {outcome.text}" if isinstance(outcome, Refused) else "not answered"
        log.warning("%s was %s (attempt %d)", message.action, why, attempts)
        values_refused = message.action == METER_VALUES and isinstance(outcome, Refused)
        if attempts >= self.postman.attempts() or (values_refused and self._values_refused):
            self._values_refused |= values_refused
            await self._give_up(message, f"{why}, {attempts} times")
            return
        self._hold = (message.seq, trio.current_time() + attempts * self.postman.retry_interval_s())
        await self._commit(outbox.Attempted(message.seq))

    async def _give_up(self, message: Message, why: str) -> None:
        records: list[Record] = [Discarded(message.seq, why)]
        if message.action == "StartTransaction" and message.session_id is not None:
            records.append(TransactionIdGiven(message.session_id, NEVER_NAMED))
        await self._commit(*records)
        self._gone.ring()
        log.error("%s was given up and is kept aside: %s", message.action, why)
        self.postman.given_up(message, why)

    async def _commit(self, *records: Record) -> None:
        """Commits, however long the disk refuses: what was answered must not be sent again for that."""
        await self._insist(lambda: self.journal.commit(*records))

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await self._insist(lambda: self.journal.read(query))

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await act()
            except JournalError as error:
                if not error.storage:  # a mistake of ours: it would be the same one the next time
                    raise
                log.error("the outbox waits for the journal: %s", error)
                await trio.sleep(JOURNAL_RETRY_S)
