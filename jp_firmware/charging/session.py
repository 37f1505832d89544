"""A session while power may flow: cable check, precharge, delivery and its pauses, until something ends it.

Pure: a view in, a state and a wish out, or why the session ends. It lives exactly as long as its connector is in an
energised state. Who lets go of it wishes for nothing any more.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.cable_check import CableCheck
from jp_firmware.charging.delivery import Delivery
from jp_firmware.charging.precharge import Precharge
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending, Failure, View, Wish
from jp_firmware.charging.watch import SessionWatch
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState, EvStatus, Stage

S = ConnectorState

_STAGES = {S.CABLE_CHECK: Stage.CABLE_CHECK, S.PRECHARGE: Stage.PRECHARGE}  # in all others: charging


@attrs.define(eq=False)
class EnergisedSession:
    """One session on `connector` as it was configured when the session began."""

    connector: Connector
    limits: Timeouts
    began_s: float
    state: ConnectorState = S.CABLE_CHECK
    text: str = "cable check"
    wish: Wish | None = None
    watch: SessionWatch = attrs.field(init=False)
    _cable_check: CableCheck = attrs.field(init=False)
    _precharge: Precharge | None = None
    _delivery: Delivery = attrs.field(init=False)
    _quiet_since_s: float | None = None  # the car wants no current since

    def __attrs_post_init__(self) -> None:
        self.watch = SessionWatch(self.limits, self.connector.derate_to_c)
        self._cable_check = CableCheck(self.began_s, self.limits)
        self._delivery = Delivery(self.connector, self.limits)

    @property
    def stage(self) -> Stage:
        """What the PLC board is to tell the car."""
        return _STAGES.get(self.state, Stage.CHARGING)

    @property
    def close_contactors(self) -> bool:
        """Whether the contactors shall be closed: from early in the cable check to the end."""
        return self._cable_check.close_contactors

    def set_limits(self, limits: Timeouts) -> None:
        """Other times and rates, for what has not begun yet, for the ramp and for the watch."""
        self.limits = self._delivery.limits = self.watch.limits = limits

    def step(self, view: View, requested: Ending | None) -> Ending | None:
        """Takes one view. Returns why the session ends, by `requested` perhaps; it is not to be used again then."""
        ending = self.watch.reason_to_end(view, self.stage, requested)
        if ending:
            return ending
        failure = self._by_state(view)
        return Ending.by(failure) if failure else None

    def demand_is_stale(self, now_s: float) -> bool:
        """Whether what the car asks for is too old to raise power on: it has stopped asking."""
        return self.stage is Stage.CHARGING and self.watch.demand_is_stale(now_s)

    def demand_w(self, ev: EvStatus, view: View) -> tuple[float, float, str]:
        """Requested and offered power, and what bounds the offer."""
        offered_w, bound = self._delivery.offer.power_w(ev, view)
        if self.stage is not Stage.CHARGING:
            # Asked for early: a share is in place, and others have made room, when the car wants its first ampere.
            return min(offered_w, 5 * self.limits.min_power_w), offered_w, bound
        # Never less than what a session needs to go on, so that a car at its first ampere is not suspended.
        return max(self._delivery.requested_w(ev, view), self.limits.min_power_w), offered_w, bound

    def _by_state(self, view: View) -> Failure | None:
        if self.state is S.CABLE_CHECK:
            return self._checking(view)
        if self.state is S.PRECHARGE:
            return self._precharging(view)
        assert view.ev is not None  # the watch has looked
        self._delivering(view.ev, view)
        return None

    def _checking(self, view: View) -> Failure | None:
        failure = self._cable_check.step(view)
        self.wish, self.text = self._cable_check.wish, f"cable check: {self._cable_check.phase.value}"
        if self._cable_check.passed:
            self._precharge = Precharge(view.now_s, self.limits, self._delivery)
            self._enter(S.PRECHARGE, "precharge")
        return failure

    def _precharging(self, view: View) -> Failure | None:
        assert self._precharge is not None
        failure = self._precharge.step(view)
        self.wish = self._precharge.wish
        if self._precharge.passed:
            self._enter(S.CHARGING, "charging")
        return failure

    def _delivering(self, ev: EvStatus, view: View) -> None:
        self.wish = self._delivery.wish(ev, view)
        wants = ev.ready and (ev.target_current_a or 0.0) >= self.limits.min_current_a
        if wants:
            self._quiet_since_s = None
        elif self._quiet_since_s is None:
            self._quiet_since_s = view.now_s
        if wants and view.assigned_w < self.limits.min_power_w:
            self.wish = None
            self._enter(S.SUSPENDED_EVSE, "no power to share just now")
        elif self._quiet_since_s is not None and view.now_s - self._quiet_since_s >= self.limits.ev_pause_s:
            self._enter(S.SUSPENDED_EV, "paused by the car")
        elif wants:
            self._enter(S.CHARGING, "charging")
        if self.demand_is_stale(view.now_s):
            self.text = "the car has stopped asking, its power is held"

    def _enter(self, state: ConnectorState, text: str) -> None:
        self.state, self.text = state, text
