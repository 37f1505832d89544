"""Which StatusNotifications are due: one track for each connector, and what a connector's status is.

Sans-IO: it is told what the status has become and what time it is, and hands out what is to be sent. Its rules:

1. Each change is told, in order; the time told is that of the change.
2. With MinimumStatusDuration a status must last that long first; one that reverts meanwhile is never told.
3. A fault is never held back: neither Faulted nor any change of the error code.
4. While nobody listens nothing is kept: on return the present status is told, once.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

import attrs

from jp_firmware.model.connector import ConnectorReport
from jp_firmware.model.faults import Fault, Severity
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16.translate import STATUSES, error_fields, timestamp

MAX_QUEUED: Final = 20  # changes of one connector that wait for a slow central system; the oldest is dropped. Ours


@attrs.frozen
class Status:
    """What one StatusNotification says. Two that differ only in their time are the same status."""

    connector_id: int
    status: str
    errors: tuple[tuple[str, str], ...]
    at: datetime = attrs.field(eq=False)

    @property
    def error_code(self) -> str:
        return dict(self.errors)["errorCode"]

    def payload(self) -> Payload:
        """StatusNotification.req."""
        return {
            "connectorId": self.connector_id,
            "status": self.status,
            "timestamp": timestamp(self.at),
            **dict(self.errors),
        }


def _errors(fault: Fault | None, vendor: str) -> tuple[tuple[str, str], ...]:
    return tuple(error_fields(fault, vendor).items())


def of_connector(report: ConnectorReport, faults: tuple[Fault, ...], vendor: str, at: datetime) -> Status:
    """The status of one connector. `faults` are those of its sources, worst first; a mere notice is not told."""
    told = next((fault for fault in faults if fault.kind.severity <= Severity.DEGRADE), None)
    status = STATUSES[report.state]
    errors = _errors(told, vendor)
    if status == "Faulted" and told is None:
        code = report.fault_codes[0] if report.fault_codes else ""
        errors = (("errorCode", "OtherError"), ("info", f"{code} {report.text}".strip()[:50]))
    return Status(int(report.connector_id), status, errors, at)


def of_charger(reports: list[ConnectorReport], faults: tuple[Fault, ...], vendor: str, at: datetime) -> Status:
    """The status of connector 0, the charger itself: Available, Unavailable or Faulted, and no other."""
    told = next((fault for fault in faults if fault.kind.severity <= Severity.DEGRADE), None)
    if told is not None and told.kind.severity <= Severity.STOP:
        status = "Faulted"
    elif reports and not any(report.operative for report in reports):
        status = "Unavailable"
    else:
        status = "Available"
    return Status(0, status, _errors(told, vendor), at)


@attrs.define(eq=False)
class Track:
    """The statuses of one connector on their way out."""

    _told: Status | None = None  # the last that was queued or sent
    _candidate: Status | None = None  # has not lasted long enough yet
    _candidate_since_s: float = 0.0
    _queue: deque[Status] = attrs.field(factory=lambda: deque(maxlen=MAX_QUEUED))

    def observe(self, status: Status, now_s: float, minimum_s: float) -> None:
        """The status is `status` now."""
        if status == self._told:
            self._candidate = None  # it reverted before it had lasted
        elif self._told is None or minimum_s <= 0 or _is_urgent(status, self._told):
            self._put(status)
        elif status != self._candidate:
            self._candidate, self._candidate_since_s = status, now_s

    def take(self, now_s: float, minimum_s: float) -> Status | None:
        """The next status to send, if one is due."""
        if self._candidate and now_s >= self._candidate_since_s + minimum_s:
            self._put(self._candidate)
        return self._queue.popleft() if self._queue else None

    def due_at_s(self, minimum_s: float) -> float | None:
        """When a status that must still last will have lasted."""
        return self._candidate_since_s + minimum_s if self._candidate else None

    def forget(self) -> None:
        """Nobody has heard anything: what is observed next is told."""
        self._told = self._candidate = None
        self._queue.clear()

    def _put(self, status: Status) -> None:
        self._queue.append(status)
        self._told, self._candidate = status, None


def _is_urgent(status: Status, told: Status) -> bool:
    return status.status == "Faulted" or status.error_code != told.error_code
