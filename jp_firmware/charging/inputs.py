"""What one connector sees: its inputs as they stand, taken together into the view of one step."""

from __future__ import annotations

import attrs

from jp_firmware.charging.ports import Ports
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View
from jp_firmware.model.connector import EvStatus
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Allocation

METER_FRESH_S = 5.0  # ours: five polls of a meter at its usual second


@attrs.define(eq=False)
class Inputs:
    """One connector's."""

    ports: Ports
    _seen_w: float = 0.0  # what the plan gave when it was last looked at

    def view(self, now_s: float, connector_id: ConnectorId, limits: Timeouts) -> View:
        """All of them, each None where it is too old to be believed."""
        ports, share = self.ports, self._share(connector_id)
        ev = ports.ev_link.status.fresh(now_s, limits.measurement_s)
        self._seen_w = share.assigned_w if share else 0.0
        return View(
            now_s=now_s,
            ev=ev,
            asked_at_s=_asked_at_s(ev, ports.ev_link.status.signal.at_s),
            output=ports.stage.output.fresh(now_s, limits.measurement_s),
            rating=ports.stage.rating,
            reach=ports.reach() if ports.reach else None,
            meter=ports.meter.reading.fresh(now_s, METER_FRESH_S),
            assigned_w=share.assigned_w if share and now_s < share.valid_until_s else 0.0,
            faults=ports.fault_view.active_at(ports.sources - ports.elsewhere()),
        )

    def share_has_changed(self, connector_id: ConnectorId) -> bool:
        """Whether the plan gives something else than what was last looked at: most plans move one connector."""
        share = self._share(connector_id)
        return share is None or share.assigned_w != self._seen_w

    def _share(self, connector_id: ConnectorId) -> Allocation | None:
        plan = self.ports.plan.signal.value
        return plan.allocations.get(connector_id) if plan else None


def _asked_at_s(ev: EvStatus | None, read_at_s: float) -> float | None:
    """When the car's last demand came: the age that the board tells lies before its status was read."""
    return None if ev is None or ev.target_age_ms is None else read_at_s - ev.target_age_ms / 1000
