"""Meter values that no session asks for: at the beat of the clock, and when the central system triggers them.

Reads the meters where they stand. A meter that has gone quiet gives no value at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs
import trio

from jp_firmware.charging.ports import ConnectorView
from jp_firmware.journal import outbox
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import Session
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.outbox import Ask
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.translate import ENERGY, meter_values, sampled

FRESH_S: Final = 10.0  # ours: two periods of the slowest meter poll
LOOK_EVERY_S: Final = 30.0  # how late a step of the wall clock may be noticed
_SHORTEST_S: Final = 0.05  # the wall clock and ours may differ by this much over a beat
_CLOCK_IS_SET: Final = datetime(2024, 1, 1, tzinfo=UTC)  # before this firmware: the clock has not been set yet


def running_session(view: ConnectorView, connector_id: ConnectorId) -> Session | None:
    """The session on a connector, while it has not stopped."""
    source = view.reports.get(connector_id)
    report = source.signal.value if source else None
    session = report.session if report else None
    return session if session is not None and session.stopped_at is None else None


def present_values(
    view: ConnectorView, connector_id: ConnectorId, measurands: Iterable[str], context: str
) -> list[Payload]:
    """What the meter of a connector says now; empty if it has not spoken lately."""
    source = view.meters.get(connector_id)
    reading = source.fresh(trio.current_time(), FRESH_S) if source else None
    return _values(reading, measurands, context) if reading else []


def _values(reading: MeterReading, measurands: Iterable[str], context: str) -> list[Payload]:
    values: dict[str, float | None] = {
        ENERGY: reading.import_wh,
        "Power.Active.Import": reading.power_w,
        "Voltage": reading.voltage_v,
        "Current.Import": reading.current_a,
    }
    return sampled(values, measurands, context)


@attrs.define(eq=False)
class ClockBeat:
    """The instants N x interval after midnight, UTC. Sans-IO: told what time it is, it says which beat has come.

    A clock that is set back repeats none, unless by more than a day: then it was wrong before. One that is set forward
    skips to the present. Nothing comes before the clock is set at all.
    """

    _last: datetime | None = None

    def due(self, now: datetime, interval_s: int) -> datetime | None:
        """The beat that has come since the last call, if one has."""
        if interval_s <= 0 or now < _CLOCK_IS_SET:
            self._last = None
            return None
        beat = self._beat_before(now, interval_s)
        if self._last is None or self._last - beat > timedelta(days=1):
            self._last = beat
            return beat if beat == now else None
        if beat <= self._last:
            return None
        self._last = beat
        return beat

    def wait_s(self, now: datetime, interval_s: int) -> float:
        """Seconds until the next look: the next beat, or `LOOK_EVERY_S` if the clock might be set meanwhile."""
        if interval_s <= 0:
            return LOOK_EVERY_S
        following = self._beat_before(now, interval_s) + timedelta(seconds=interval_s)
        return min(LOOK_EVERY_S, (following - now).total_seconds())

    @staticmethod
    def _beat_before(now: datetime, interval_s: int) -> datetime:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        beats = int((now - midnight).total_seconds()) // interval_s
        return midnight + timedelta(seconds=beats * interval_s)


@attrs.define(eq=False)
class ClockAligned:
    """The task that queues clock-aligned meter values of every connector, with or without a link or a transaction."""

    journal: Journal
    view: ConnectorView
    connector_ids: tuple[ConnectorId, ...]
    keys: Keys
    wall: Callable[[], datetime]
    queued: Callable[[], None]

    async def run(self) -> None:
        """Queues at each beat, for ever."""
        beat, bell = ClockBeat(), Bell()
        forget_keys = self.keys.subscribe(lambda _: bell.ring())
        try:
            while True:
                interval_s = self.keys.number("ClockAlignedDataInterval")
                at = beat.due(self.wall(), interval_s)
                if at:
                    self._post(at)
                with trio.move_on_after(max(_SHORTEST_S, beat.wait_s(self.wall(), interval_s))):
                    await bell.wait()
        finally:
            forget_keys()

    def _post(self, at: datetime) -> None:
        for connector_id in self.connector_ids:
            values = present_values(self.view, connector_id, self.keys.words("MeterValuesAlignedData"), "Sample.Clock")
            session = running_session(self.view, connector_id)
            if values:
                put = outbox.Put(
                    session_id=session.id if session else None,
                    action="MeterValues",
                    payload=meter_values(connector_id, at, values),
                    created_at=at,
                )
                self.journal.post(put)
        self.queued()


@attrs.frozen
class TriggeredMeter:
    """Meter values that the central system asked for, sent at once and never queued."""

    view: ConnectorView
    keys: Keys
    transaction_id: Callable[[SessionId], Awaitable[int | None]]
    wall: Callable[[], datetime]

    async def send(self, ask: Ask, connector_ids: tuple[ConnectorId, ...]) -> None:
        """Sends those of each connector whose meter speaks, with the transaction that runs there."""
        for connector_id in connector_ids:
            values = present_values(self.view, connector_id, self.keys.words("MeterValuesSampledData"), "Trigger")
            session = running_session(self.view, connector_id)
            number = await self.transaction_id(session.id) if session else None
            if values:
                await ask("MeterValues", meter_values(connector_id, self.wall(), values, number))
