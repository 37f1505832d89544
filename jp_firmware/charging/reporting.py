"""One connector as people and central systems are shown it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.view import View
from jp_firmware.model.connector import ConnectorReport, ConnectorState
from jp_firmware.model.session import Session


def report_of(
    machine: ConnectorMachine,
    view: View | None,
    before: ConnectorReport | None,
    *,
    up: bool,
    authorization: str,
    session: Session | None,
) -> ConnectorReport:
    """What there is to report after `before`. One whose task is not `up` is not reported to work."""
    state = machine.state if up or machine.in_session else ConnectorState.UNAVAILABLE
    return ConnectorReport(
        connector_id=machine.connector.id,
        state=state,
        since=before.since if before and before.state is state else datetime.now(UTC),
        operative=machine.operative,
        plugged=_plugged(view, before),
        authorization=authorization,
        token=machine.token,
        session=session,
        fault_codes=tuple(fault.code for fault in view.faults) if view else (),
        text=machine.text if up else "its task is not running; it starts again by itself",
    )


def _plugged(view: View | None, before: ConnectorReport | None) -> bool:
    """Whether there is a car. A pilot at fault does not tell: it is as it was."""
    ev = view.ev if view else None
    if ev and ev.pilot.is_fault and before:
        return before.plugged
    return bool(ev and ev.plugged)
