"""What others are shown of one module: its status with age and quality, and its faults.

Both follow from what was heard. While a module reports nothing, the faults it reported last stand, and its status is
stale.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.modules.capability import derating
from jp_firmware.hw.modules.driver import Condition, ModuleProfile
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.model.power import ModuleStatus
from jp_firmware.model.signals import Quality, Source

SILENT = "PM-01"
REFUSED = "PM-12"  # to do what it was told, or all of it
DISOBEDIENT = "PM-02"
STAYS_ON = "PM-18"
WRONG_RANGE = "PM-16"


@attrs.define(eq=False)
class Shown:
    """One module to the outside."""

    _config: schema.Module
    _profile: ModuleProfile
    _bus: CanBus
    _faults: FaultSink
    status: Source[ModuleStatus] = attrs.field(init=False)
    _started_at_s: float = attrs.field(init=False, default=-math.inf)
    _informed_at_s: float = attrs.field(init=False, default=-math.inf)  # last evidence: output and condition known
    _raised: dict[str, str] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.status = Source(owner=self._config.id)

    def configure(self, config: schema.Module, profile: ModuleProfile) -> None:
        """Another module in this one's place. The faults of the last one stand until this one has said otherwise."""
        self._config, self._profile = config, profile
        self._informed_at_s = -math.inf

    @property
    def trusted(self) -> bool:
        return self.status.signal.quality is Quality.GOOD

    @property
    def heard_since_start(self) -> bool:
        return self._informed_at_s >= self._started_at_s

    def begin(self, now_s: float) -> None:
        """A new start: silence counts from here."""
        self._started_at_s = now_s

    # --- the status -------------------------------------------------------------------------------------------------

    def publish(self, heard: Heard, bus_voltage_v: float | None, now_s: float) -> bool:
        """Tells what was heard, once there is enough of it to tell. One half of the truth is no evidence."""
        measured, condition = heard.measured, heard.condition
        if measured is None or condition is None or heard.nonsense:
            return False
        status = ModuleStatus(
            module_id=self._config.id,
            on=condition.on,
            voltage_v=measured.voltage_v,
            current_a=measured.current_a,
            bus_voltage_v=bus_voltage_v if not condition.on else None,
            ambient_c=condition.ambient_c,
            alarms=tuple(alarm.text for alarm in condition.alarms),
            notes=(*condition.notes, *self._own_notes(condition)),
        )
        self._informed_at_s = now_s
        self.status.publish(status, heard.measured_at_s)
        return True

    def _own_notes(self, condition: Condition) -> tuple[str, ...]:
        part = derating(self._profile, condition.ambient_c)
        return (f"held to {part:.0%} for its temperature",) if part < 1.0 else ()

    def distrust(self, quality: Quality) -> None:
        """What is not there cannot go stale."""
        if self.trusted:
            self.status.degrade(quality)

    # --- faults -----------------------------------------------------------------------------------------------------

    def show_faults(self, heard: Heard, *, short: str, wrong_range: str, disobeys: str, stays_on: str) -> None:
        """Raises and clears what the module reports, and what it shows by what it does, in a person's words."""
        if heard.condition is None:
            return
        less = ", ".join(filter(None, (heard.refusal, short)))
        own = {REFUSED: less, WRONG_RANGE: wrong_range, DISOBEDIENT: disobeys, STAYS_ON: stays_on}
        present = {code: detail for code, detail in own.items() if detail}
        for alarm in heard.condition.alarms:
            present[alarm.code] = ", ".join(filter(None, (present.get(alarm.code), alarm.text)))
        for code in [code for code in self._raised if code != SILENT and code not in present]:
            self._clear(code)
        for code, detail in present.items():
            self._raise(code, detail)

    def judge_silence(self, heard: Heard, now_s: float, *, stays_on: str) -> None:
        """Of one that is silent PM-18 stands no longer than it may be on: who cuts its supply need not replace it."""
        if not stays_on:
            self._clear(STAYS_ON)
        watchdog_s = self._config.watchdog_s
        if not self._bus.up:
            self._raise(SILENT, f"its bus {self._bus.name} is down")
        elif now_s - max(self._informed_at_s, self._started_at_s) >= watchdog_s:
            why = heard.nonsense or ("is still starting up" if heard.starting_up else "no answer")
            self._raise(SILENT, f"{why} (for {watchdog_s:g} s, address {self._config.address})")
        elif self.heard_since_start:
            self._clear(SILENT)

    def _raise(self, code: str, detail: str) -> None:
        if self._raised.get(code) != detail:
            self._raised[code] = detail
            self._faults.raise_(code, self._config.id, detail)

    def _clear(self, code: str) -> None:
        if self._raised.pop(code, None) is not None:
            self._faults.clear(code, self._config.id)
