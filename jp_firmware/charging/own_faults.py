"""The faults of a connector itself: what its sessions failed by, and what puts it out of order before anyone comes.

Pure. Each stays until its own clear condition; the register of faults follows them, and blocks as the catalogue says.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Failure, View
from jp_firmware.charging.watch import is_too_hot, pilot_at_fault

WELDED, NO_MODULES, TOO_HOT, PILOT = "CON-01", "PWR-07", "TMP-04", "EV-01"


@attrs.define
class OwnFaults:
    """One connector's. An unplug clears them, except those whose cause can be seen to remain."""

    present: dict[str, str] = attrs.field(factory=dict)  # code -> detail
    _no_rating_since_s: float | None = None
    _closed_since_s: float | None = None  # contactors, although nobody wants them to be
    _no_pilot_since_s: float | None = None  # it is at fault

    def add(self, failure: Failure) -> None:
        """The connector, its session or its clean-up failed by this."""
        self.present[failure.code] = failure.detail

    def clear(self, code: str) -> None:
        """Its cause is gone, whether or not it was there."""
        self.present.pop(code, None)

    def look(self, view: View, limits: Timeouts, too_hot_c: float, *, in_session: bool) -> None:
        """Takes one view: what is out of order says so before anyone authorizes."""
        self._look_at_modules(view, limits)
        self._look_at_plug(view, too_hot_c)
        self._look_at_contactors(view, limits, in_session=in_session)
        self._look_at_pilot(view, limits, in_session=in_session)

    def car_gone(self, view: View, limits: Timeouts, too_hot_c: float) -> None:
        """The car is gone, and with it every fault that an unplug clears."""
        kept = {NO_MODULES}
        if view.ev and is_too_hot(view.ev, too_hot_c - limits.plug_cooled_k):
            kept.add(TOO_HOT)
        if view.ev and view.ev.contactors_closed:
            kept.add(WELDED)
        self.present = {code: detail for code, detail in self.present.items() if code in kept}

    def _look_at_modules(self, view: View, limits: Timeouts) -> None:
        if view.rating.max_power_w > 0:
            self._no_rating_since_s = None
            self.present.pop(NO_MODULES, None)
        elif self._no_rating_since_s is None:
            self._no_rating_since_s = view.now_s
        elif view.now_s - self._no_rating_since_s > limits.no_modules_s:
            self.present[NO_MODULES] = "no power module of this connector is usable"

    def _look_at_plug(self, view: View, too_hot_c: float) -> None:
        if view.ev and is_too_hot(view.ev, too_hot_c) and TOO_HOT not in self.present:
            self.present[TOO_HOT] = f"{view.ev.hottest_c:.1f} °C at the plug, no power from {too_hot_c:g} °C"

    def _look_at_contactors(self, view: View, limits: Timeouts, *, in_session: bool) -> None:
        """Welded ones leave the plug live, whoever comes. In a session its scope and its watch judge them."""
        if in_session or view.ev is None or not view.ev.contactors_closed:
            self._closed_since_s = None
        elif self._closed_since_s is None:
            self._closed_since_s = view.now_s
        elif view.now_s - self._closed_since_s >= limits.contactor_open_s:
            self.present.setdefault(WELDED, "closed, without a session")

    def _look_at_pilot(self, view: View, limits: Timeouts, *, in_session: bool) -> None:
        """Shorted, it would keep every car from charging. In a session the watch judges it, without a delay."""
        if in_session or view.ev is None or not view.ev.pilot.is_fault:
            self._no_pilot_since_s = None
        elif self._no_pilot_since_s is None:
            self._no_pilot_since_s = view.now_s
        elif view.now_s - self._no_pilot_since_s >= limits.pilot_fault_s:
            self.present.setdefault(PILOT, pilot_at_fault(view.ev))
        if view.ev and view.ev.unplugged:
            self.present.pop(PILOT, None)
