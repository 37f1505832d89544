"""A board's safety inputs, relays and health, as faults. Raised in the step that sees them, cleared when they are gone.

Judges one board's status after another; knows neither wire nor registers. What concerns a single connector (insulation,
contactor feedback, lock) is charging's to judge and not here.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import attrs

from jp_firmware.charging.ports import FaultSink
from jp_firmware.hw.plc.protocol import FIRST_FREE_RELAY
from jp_firmware.model.plc import PlcMode, PlcStatus

CPU_LOAD_PERCENT = 80.0  # facts: PLC-03
SCAN_MS = 10.0  # docs/plc-link.md: a scan is 10 ms or shorter
OVERLOADED_S = 5.0  # ours: until a busy board is worth a fault
RELAXED_S = 60.0  # facts: PLC-03 clears after 60 s of normal work

_INPUTS = {
    "SAF-01": ("emergency_stop", "emergency stop pressed"),
    "SAF-02": ("door_open", "door open"),
    "SAF-03": ("rcd_tripped", "residual current device tripped"),
    "SAF-05": ("spd_tripped", "surge protection tripped"),
    "SAF-08": ("over_temperature", "cabinet over-temperature"),
}
RELAY_S = 1.0  # ours: for a free relay to follow its command
_SAFE_STATE, _OVERLOAD, _RELAY, _CONTAINED = "SAF-11", "PLC-03", "PLC-04", "PLC-06"


@attrs.define
class BoardFaults:
    """The faults of one board, at its id."""

    source: str
    faults: FaultSink
    _followed_s: dict[int, float] = attrs.field(factory=dict)  # of each relay that does not, when it last did
    _looked_s: float = -math.inf
    _normal_s: float | None = None  # when the board was last seen working normally, or first seen at all
    _busy_s: float | None = None  # when it was last seen overloaded for long, until PLC-03 is cleared

    def look(
        self, status: PlcStatus, now_s: float, closed: Collection[int] = (), contained: Collection[int] = ()
    ) -> None:
        """Raises what this status shows, and clears what it no longer shows.

        `closed`: free relays as commanded. `contained`: those that cost no more than what hangs on them.
        """
        for code, (name, text) in _INPUTS.items():
            self._tell(code, getattr(status, name), text)
        # A board that is still booting has not refused anything yet.
        refuses = status.mode not in (PlcMode.RUN, PlcMode.BOOT)
        self._tell(_SAFE_STATE, refuses, f"board is in mode {status.mode.value}")
        odd = {
            number
            for number, is_closed in enumerate(status.relays, 1)
            if number >= FIRST_FREE_RELAY and is_closed is not (number in closed)
        }
        late = self._late(odd if status.mode is PlcMode.RUN else (), now_s)
        self._tell_relays(_RELAY, late.difference(contained))
        self._tell_relays(_CONTAINED, late.intersection(contained))
        self._look_at_load(status, now_s)

    def _late(self, odd: Collection[int], now_s: float) -> set[int]:
        """Each relay has its own time: one that is moving does not make another late, nor is it called late with it."""
        seen = now_s - self._looked_s < RELAY_S  # after a longer silence nobody knows
        last_s = self._looked_s if seen else now_s
        self._followed_s = {number: self._followed_s.get(number, last_s) for number in odd}
        self._looked_s = now_s
        return {number for number, since_s in self._followed_s.items() if now_s - since_s >= RELAY_S}

    def _tell_relays(self, code: str, late: Collection[int]) -> None:
        names = " and ".join(f"R{number}" for number in sorted(late))
        self._tell(code, bool(late), f"{names} not as commanded for {RELAY_S:g} s")

    def _look_at_load(self, status: PlcStatus, now_s: float) -> None:
        normal = status.cpu_load_percent <= CPU_LOAD_PERCENT and status.last_scan_ms <= SCAN_MS
        if normal or self._normal_s is None:
            self._normal_s = now_s
        if not normal and now_s - self._normal_s >= OVERLOADED_S:
            self._busy_s = now_s
            load = f"CPU load {status.cpu_load_percent:.0f} %, scan {status.last_scan_ms:.1f} ms"
            self.faults.raise_(_OVERLOAD, self.source, load)
        elif self._busy_s is not None and now_s - self._busy_s >= RELAXED_S:
            self._busy_s = None
            self.faults.clear(_OVERLOAD, self.source)

    def _tell(self, code: str, present: bool, text: str) -> None:
        if present:
            self.faults.raise_(code, self.source, text)
        else:
            self.faults.clear(code, self.source)
