"""Sessions in the journal, each start, stop and sample together with the message that will tell the central system.

Fulfils `charging.ports.SessionLog`. Session and message are one transaction of the journal, so that neither exists
without the other; sending them is the outbox's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import attrs
import trio

from jp_firmware.config.schema import Ocpp
from jp_firmware.journal import outbox, sessions
from jp_firmware.journal.records import Record
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import Sample, Session
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.translate import (
    meter_values,
    sampled_values,
    start_transaction,
    stop_transaction,
)

EARLY_S: Final = 0.5  # ours: samples have a beat of their own; one that comes this much too early counts
UNTIL_TOLD: Final = Ocpp()  # how often and what, until there is a backend that knows


class Courier(Protocol):
    """Who sends the messages: `client.Backend16`."""

    @property
    def keys(self) -> Keys: ...

    def wake(self) -> None:
        """There is a new message in the outbox."""


@attrs.define(eq=False)
class JournalledSessions:
    """Durable memory of sessions. `enabled`: whether there is a central system to tell.

    `courier` may be given later; until then messages are queued all the same, at the default interval.
    """

    journal: Journal
    enabled: bool
    courier: Courier | None = None
    _due_at_s: dict[SessionId, float] = attrs.field(factory=dict, init=False)  # of the next MeterValues

    async def started(self, session: Session) -> None:
        """Commits the start, with its StartTransaction. Raises JournalError, and then neither exists."""
        await self._commit(
            sessions.Started(session), "StartTransaction", start_transaction(session), session.started_at
        )
        self._due_at_s[session.id] = trio.current_time() + self._interval_s()

    async def stopped(self, session: Session) -> None:
        """Commits the stop, with its StopTransaction. Raises JournalError, and then neither exists."""
        at = session.stopped_at or session.started_at
        await self._commit(sessions.Stopped(session), "StopTransaction", stop_transaction(session), at)
        self._due_at_s.pop(session.id, None)

    async def unfinished(self, connector_id: ConnectorId) -> Sequence[Session]:
        """Sessions of a connector with a committed start and no stop. Raises JournalError."""
        left_open = await self.journal.read(sessions.open_sessions)
        return [session for session in left_open if session.connector_id == connector_id]

    async def checkpoint(self, session: Session) -> None:
        """Commits the register so far."""
        await self.journal.commit(sessions.Checkpoint(session))

    def sampled(self, session: Session, sample: Sample) -> None:
        """Records a sample; every MeterValueSampleInterval, counted from the start, with its MeterValues."""
        records: list[Record] = [sessions.Sampled(sample)]
        values = self._values(sample) if self.enabled and self._is_due(session.id) else []
        if values:
            records.append(
                outbox.Put(
                    session_id=session.id,
                    action="MeterValues",
                    payload=meter_values(session.connector_id, sample.at, values),
                    created_at=sample.at,
                )
            )
        self.journal.post(*records)
        if values:
            self._wake()

    async def _commit(
        self, record: sessions.Started | sessions.Stopped, action: str, payload: dict[str, Any], at: datetime
    ) -> None:
        records: list[Record] = [record]
        if self.enabled:
            put = outbox.Put(session_id=record.session.id, action=action, payload=payload, created_at=at)
            records.append(put)
        await self.journal.commit(*records)
        self._wake()

    def _is_due(self, session_id: SessionId) -> bool:
        now_s, interval_s = trio.current_time(), self._interval_s()
        if interval_s <= 0:
            self._due_at_s.pop(session_id, None)
            return False
        due_at_s = self._due_at_s.setdefault(session_id, now_s + interval_s)
        if due_at_s > now_s + interval_s:  # the interval was shortened meanwhile
            due_at_s = now_s + interval_s
        if now_s < due_at_s - EARLY_S:
            self._due_at_s[session_id] = due_at_s
            return False
        missed = max(0, int((now_s - due_at_s) // interval_s))
        self._due_at_s[session_id] = due_at_s + (missed + 1) * interval_s
        return True

    def _values(self, sample: Sample) -> list[dict[str, object]]:
        courier = self.courier
        measurands = courier.keys.words("MeterValuesSampledData") if courier else UNTIL_TOLD.meter_values_sampled_data
        return sampled_values(sample, measurands, "Sample.Periodic")

    def _interval_s(self) -> int:
        courier = self.courier
        return courier.keys.number("MeterValueSampleInterval") if courier else UNTIL_TOLD.meter_value_sample_interval_s

    def _wake(self) -> None:
        if self.courier:
            self.courier.wake()
