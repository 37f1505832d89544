"""Tells a connector's day in sentences: plugs, states, sessions. Written for people; nothing decides by it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.composition.logbook import Logbook
from jp_firmware.model.connector import ConnectorReport
from jp_firmware.model.session import Session


@attrs.define(eq=False)
class Narrator:
    """Watches one connector's reports. `look` is a listener: synchronous, called after each change."""

    runner: ConnectorRunner
    logbook: Logbook
    _last: ConnectorReport | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last = self.runner.report.signal.value

    def look(self) -> None:
        """Compares the present report with the last one seen, and writes what is new."""
        report, last = self.runner.report.signal.value, self._last
        self._last = report
        if report is None or last is None:
            return
        for kind, text in self._news(last, report):
            self.logbook.note(kind, self.runner.name, text)

    def _news(self, last: ConnectorReport, now: ConnectorReport) -> Iterator[tuple[str, str]]:
        if now.plugged is not last.plugged:
            yield "connector", "plugged in" if now.plugged else "unplugged"
        if now.authorization != last.authorization and _is_refusal(now.authorization):
            yield "connector", f"identification refused: {now.authorization}"
        if now.session and last.session is None:
            yield "session", f"session started, token {now.session.token.uid} {now.authorization}".rstrip()
        if last.session and now.session is None and self.runner.last_session:
            yield "session", _ended(self.runner.last_session)
        if now.state is not last.state:
            yield "connector", now.state.value + (f" ({now.text})" if now.text not in ("", now.state.value) else "")


def _ended(session: Session) -> str:
    reason = session.stop_reason
    why = f"{reason.value} ({reason.code})" if reason else "unknown reason"
    detail = f", {session.stop_detail}" if session.stop_detail else ""
    return f"session stopped: {why}{detail}, {session.energy_wh / 1000:.2f} kWh"


def _is_refusal(authorization: str) -> bool:
    return authorization not in ("", "pending") and not authorization.startswith("accepted")
