"""What one connector asks of the planner: its car's wish, or the last that was heard of it, and what flows. Pure."""

from __future__ import annotations

import math

import attrs

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.view import View
from jp_firmware.model.power import Demand


@attrs.define
class Demanding:
    """One connector's memory of it."""

    _wish: tuple[float, float, str] = (0.0, 0.0, "connector")  # the last one that the car was heard to have
    _told: tuple[float, float, bool, bool] = (0.0, 0.0, False, False)

    def demand(self, machine: ConnectorMachine, view: View, *, in_scope: bool) -> Demand:
        """Of a car that is not heard, its last wish, marked stale."""
        active, stale = machine.state.is_energised, machine.demand_is_stale(view)
        if not stale or not active:
            self._wish = _asked_w(machine, view)
        requested_w, offered_w, bound = self._wish
        connector, voltage_v = machine.connector, _voltage_v(view, machine.limits.safe_voltage_v)
        return Demand(
            connector_id=connector.id,
            requested_w=requested_w,
            offered_w=offered_w,
            offered_by=bound,
            measured_w=_measured_w(view, in_scope=in_scope),
            active=active,
            weight=connector.weight,
            tier=connector.tier,
            stale=stale,
            capacity_w=view.rating.current_limit_a(voltage_v) * voltage_v if voltage_v else view.rating.max_power_w,
            voltage_v=voltage_v,
            started_s=machine.session.began_s if machine.session else 0.0,
            soc_percent=view.ev.soc_percent if view.ev else None,
        )

    def has_changed(self, machine: ConnectorMachine, view: View) -> bool:
        """Whether there is something new, to the next 100 W, since this was last asked."""
        requested_w, offered_w, _ = _asked_w(machine, view)
        before, self._told = (
            self._told,
            (
                round(requested_w, -2),
                round(offered_w, -2),
                machine.state.is_energised,
                machine.demand_is_stale(view),
            ),
        )
        return self._told != before


def _asked_w(machine: ConnectorMachine, view: View) -> tuple[float, float, str]:
    """Requested and offered power, and what bounds the offer."""
    if machine.session is None or view.ev is None:
        return 0.0, 0.0, "connector"
    return machine.session.demand_w(view.ev, view)


def _voltage_v(view: View, safe_voltage_v: float) -> float:
    """What stands at the output, or will; 0 if nobody knows."""
    if view.output and view.output.voltage_v > safe_voltage_v:
        return view.output.voltage_v
    return (view.ev.target_voltage_v or 0.0) if view.ev else 0.0


def _measured_w(view: View, *, in_scope: bool) -> float:
    """What flows, by modules or meter. Where power may flow and neither is heard, nobody knows: not-a-number."""
    heard = [one.power_w for one in (view.output, view.meter) if one is not None]
    if heard:
        return max(0.0, *heard)
    return math.nan if in_scope else 0.0
