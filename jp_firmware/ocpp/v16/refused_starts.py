"""Sessions whose start the central system would not have: they end, as soon as they can be ended.

The answer may be here before the session is reported, and while it is just starting it cannot be ended: each report is
another chance.
"""

from __future__ import annotations

import logging

import attrs

from jp_firmware.charging.ports import ConnectorView, Operations
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.v16.metering import running_session

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class RefusedStarts:
    """The ones that must end, of one charger."""

    connector_ids: tuple[ConnectorId, ...]
    view: ConnectorView
    operations: Operations
    _waiting: set[SessionId] = attrs.field(factory=set, init=False)
    _bell: Bell = attrs.field(factory=Bell, init=False)

    def add(self, session_id: SessionId) -> None:
        """The start of this one was refused."""
        self._waiting.add(session_id)
        self._bell.ring()

    def discard(self, session_id: SessionId) -> None:
        """This one is over."""
        self._waiting.discard(session_id)

    def report_changed(self) -> None:
        """What a connector reports has changed."""
        if self._waiting:
            self._bell.ring()

    async def run(self) -> None:
        """Ends them, for ever."""
        while True:
            await self._bell.wait()
            for connector_id in self.connector_ids:
                session = running_session(self.view, connector_id)
                if session and session.id in self._waiting:
                    self._end(connector_id, session.id)

    def _end(self, connector_id: ConnectorId, session_id: SessionId) -> None:
        accepted, why = self.operations.deauthorize(connector_id)
        if accepted:
            self._waiting.discard(session_id)
        else:  # it is just starting or ending: its next report is the next chance
            log.debug("session %s cannot be ended now: %s", session_id, why)
