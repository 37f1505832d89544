"""Tells the central system the status of each connector and of the charger, whenever it changes.

The task around `status.Track`. It watches reports and faults where they stand, and sends one message at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

import attrs
import trio

from jp_firmware.charging.ports import ConnectorView, FaultView
from jp_firmware.model.connector import ConnectorReport
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.outbox import Ask
from jp_firmware.ocpp.rpc import Answered, Lost
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.status import Status, Track, of_charger, of_connector

log = logging.getLogger(__name__)

CHARGER: Final = 0  # connector 0 is the charger itself
RETRY_AFTER_S: Final = 10.0  # ours; some central systems refuse what comes while they are busy (facts: measured)
ATTEMPTS: Final = 3  # of one status, ours


@attrs.define(eq=False, kw_only=True)
class Reporter:
    """The statuses of one charger. `sources` name whose faults concern a connector; under 0, the charger's own."""

    connector_ids: tuple[ConnectorId, ...]
    view: ConnectorView
    faults: FaultView
    keys: Keys
    vendor: str
    sources: Mapping[int, frozenset[str]]
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)

    bell: Bell = attrs.field(factory=Bell, init=False)
    _tracks: dict[int, Track] = attrs.field(init=False)
    _glanced: dict[int, ConnectorReport] = attrs.field(factory=dict, init=False)
    _seen: dict[int, ConnectorReport] = attrs.field(factory=dict, init=False)  # when `observe` looked last

    def __attrs_post_init__(self) -> None:
        self._tracks = {number: Track() for number in (CHARGER, *self.connector_ids)}

    def watch(self) -> Callable[[], None]:
        """Begins to look at reports and faults; returns the function that ends it."""
        ends = [source.subscribe(partial(self._glance, key)) for key, source in self.view.reports.items()]
        ends.append(self.faults.subscribe(self.observe))

        def end() -> None:
            for one in ends:
                one()

        return end

    def _glance(self, connector_id: ConnectorId) -> None:
        """A report was published, as happens many times a second: is it about anything that is told?"""
        report, before = self._report(connector_id), self._glanced.get(connector_id)
        if report is None or (before and _same(before, report)):
            return
        self._glanced[connector_id] = report
        self.observe()

    def observe(self) -> None:
        """Something has changed: takes note of it at once, so that no state is missed. Called where it changed."""
        now_s, minimum_s = trio.current_time(), float(self.keys.number("MinimumStatusDuration"))
        for number, track in self._tracks.items():
            status = self._present(number)
            if status:
                track.observe(status, now_s, minimum_s)
        self.bell.ring()

    def present_of(self, number: int | None) -> list[Status]:
        """The present status of a connector, of the charger for 0, or of all for None."""
        numbers = tuple(self._tracks) if number is None else (number,)
        return [status for status in map(self._present, numbers) if status]

    def _present(self, number: int) -> Status | None:
        if number == CHARGER:
            faults = self.faults.active_at(self.sources.get(CHARGER, frozenset()))
            return of_charger([r for r in map(self._report, self.connector_ids) if r], faults, self.vendor, self.wall())
        report = self._report(ConnectorId(number))
        if report is None:
            return None
        faults = self.faults.active_at(self.sources.get(number, frozenset({f"connector-{number}"})))
        return of_connector(report, faults, self.vendor, self._changed_at(number, report))

    def _report(self, connector_id: ConnectorId) -> ConnectorReport | None:
        source = self.view.reports.get(connector_id)
        return source.signal.value if source else None

    def _changed_at(self, number: int, report: ConnectorReport) -> datetime:
        """The time of the state's change; if it was a fault that came or went within the state, now."""
        before, self._seen[number] = self._seen.get(number), report
        return report.since if before is None or before.state is not report.state else self.wall()

    async def run(self, ask: Ask, first_told: Callable[[], None]) -> None:
        """Tells all statuses, calls `first_told`, then tells each change. Ends with the connection, by cancellation."""
        for track in self._tracks.values():
            track.forget()
        self._seen.clear()
        self.observe()
        await self._tell(ask)
        first_told()
        while True:
            await self._tell(ask)
            minimum_s = float(self.keys.number("MinimumStatusDuration"))
            due = [at_s for track in self._tracks.values() if (at_s := track.due_at_s(minimum_s)) is not None]
            with trio.move_on_at(min(due, default=trio.current_time() + 3600)):
                await self.bell.wait()

    async def _tell(self, ask: Ask) -> None:
        for track in self._tracks.values():
            while status := track.take(trio.current_time(), float(self.keys.number("MinimumStatusDuration"))):
                await self._tell_one(ask, status)

    async def _tell_one(self, ask: Ask, status: Status) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await ask("StatusNotification", status.payload())
            if isinstance(outcome, Answered | Lost):
                return
            log.warning("StatusNotification of connector %s was not taken: %s", status.connector_id, outcome)
            if attempt < ATTEMPTS:
                await trio.sleep(RETRY_AFTER_S)


def _same(one: ConnectorReport, other: ConnectorReport) -> bool:
    return (one.state, one.operative, one.fault_codes) == (other.state, other.operative, other.fault_codes)
