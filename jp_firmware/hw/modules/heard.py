"""What has been heard from one module, and what of it counts as evidence. Pure: no I/O, no clock of its own.

An answer counts when a question of its kind was open and its values lie inside physics; a report nobody asked for is
noted where it is useful, but proves nothing.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.modules.driver import (
    Available,
    BusVoltage,
    Condition,
    Detail,
    Identity,
    IdentityPart,
    Measured,
    MeasuredCurrent,
    MeasuredVoltage,
    Rated,
    RatedPart,
    Refused,
    Report,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
)
from jp_firmware.model.power import StageRating

PLAUSIBLE = 1.1
"""A measurement beyond this much of the rating is no measurement (ours)."""

ZERO_PART = 0.01
"""Part of the rating by which a converter's zero may lie below zero: a module at rest measures nothing then (ours)."""

AMBIENT_C = (-60.0, 125.0)
"""Range of an ambient temperature that is one (ours)."""

AMBIENT_STALE_S = 5.0
"""An ambient temperature told in a frame of its own is not known any longer than this (ours)."""


@attrs.define(eq=False)
class Heard:
    """The last word of a module on each subject, and when it was said (monotonic)."""

    rating: StageRating
    spontaneous: bool = False  # of a family that speaks unasked: then no question need be open
    rated: bool = False  # by the module, not by the profile
    condition: Condition | None = None  # with all its details
    condition_at_s: float = -math.inf
    measured: Measured | None = None
    measured_at_s: float = -math.inf
    available: Available | None = None
    available_at_s: float = -math.inf
    bus_voltage: BusVoltage | None = None
    bus_voltage_at_s: float = -math.inf
    identity: Identity | None = None
    off_taken_at_s: float = -math.inf
    answered_at_s: float = -math.inf  # last evidence
    nonsense: str = ""  # the last answer outside physics, until a good one
    starting_up: bool = False
    _refusals: dict[str, str] = attrs.field(factory=dict)  # by what was refused, until that is taken
    _open: set[type[Report]] = attrs.field(factory=set)
    _voltage: MeasuredVoltage | None = None  # halves of an output that comes in two
    _current: MeasuredCurrent | None = None
    _identity_parts: dict[int, Identity] = attrs.field(factory=dict)
    _rated_parts: dict[int, RatedPart] = attrs.field(factory=dict)
    _bare_condition: Condition | None = None  # as it came
    _details: dict[str, tuple[Detail, float]] = attrs.field(factory=dict)  # by part, and when it was said
    _asked_at_s: float = -math.inf  # the last question
    _deaf_until_s: float = -math.inf

    def forget(self, late_s: float) -> None:
        """A new start: nothing said before says anything about the present. When it was last heard stays known.

        Nor does what is said until `late_s` after the last question of the former start: it may be the answer to that.
        """
        self._deaf_until_s = self._asked_at_s + late_s
        self.condition = self.measured = self.available = self.bus_voltage = self.identity = None
        self._voltage = self._current = self._bare_condition = None
        self._details.clear()
        self.rated = self.starting_up = False
        self.nonsense = ""
        self._identity_parts.clear()
        self._rated_parts.clear()
        self._refusals.clear()
        self._open.clear()

    def asked(self, kind: type[Report], now_s: float) -> None:
        """A question of this kind is on its way."""
        self._open.add(kind)
        self._asked_at_s = now_s
        if kind is Measured:
            self._voltage = self._current = None

    def take(self, report: Report, now_s: float) -> bool:
        """Notes `report`; whether it is evidence that the module is there and well informed."""
        if now_s < self._deaf_until_s:
            return False
        match report:
            case MeasuredVoltage() | MeasuredCurrent():
                whole = self._joined(report)
                return whole is not None and self.take(whole, now_s)
            case Measured() if not self._is_physical(report):
                self.nonsense = f"measures {report.voltage_v:.1f} V and {report.current_a:.1f} A"
                return False
            case Condition(ambient_c=float() as ambient_c) if not AMBIENT_C[0] <= ambient_c <= AMBIENT_C[1]:
                self.nonsense = f"measures {ambient_c:.0f} °C"
                return False
            case Measured(voltage_v, current_a):
                self.measured = Measured(max(voltage_v, 0.0), max(current_a, 0.0))
                self.measured_at_s, self.nonsense = now_s, ""
            case Condition():
                self._bare_condition, self.condition_at_s, self.starting_up = report, now_s, False
                self.condition = self._with_details(report, now_s)
            case Detail():
                self._take_detail(report, now_s)
            case Rated():
                self._take_rated(report)
            case RatedPart():
                self._take_rated_part(report)
            case BusVoltage(voltage_v) if 0 <= voltage_v <= PLAUSIBLE * self.rating.max_voltage_v:
                self.bus_voltage, self.bus_voltage_at_s = report, now_s
            case Available():
                self.available, self.available_at_s = report, now_s
            case Identity():
                known = self.identity or Identity()
                self.identity = Identity(report.serial or known.serial, report.firmware or known.firmware)
            case IdentityPart():
                self._take_identity_part(report)
            case SwitchedOff():
                self.off_taken_at_s = now_s
            case StartingUp():
                self.starting_up = True
            case Refused():
                self._refusals[report.what] = f"refused to {report.what}: {report.why}"
            case SetPointTaken(what=""):
                self._refusals.clear()
            case SetPointTaken():
                self._refusals.pop(report.what, None)
        if type(report) not in self._open and not self.spontaneous:
            return False
        self._open.discard(type(report))
        if isinstance(report, Measured | Condition):
            self.answered_at_s = now_s
            return True
        return False

    @property
    def refusal(self) -> str:
        """The last refusal, until what was refused is taken."""
        return next(reversed(self._refusals.values()), "")

    def is_off_since(self, at_s: float) -> bool:
        """Whether it has reported, after `at_s`, that its output is off."""
        return self.condition is not None and self.condition_at_s > at_s and not self.condition.on

    def is_idle_since(self, at_s: float, below_a: float) -> bool:
        """Whether, after `at_s`, it acknowledged OFF and measured less than `below_a`."""
        return (
            self.off_taken_at_s > at_s
            and self.measured is not None
            and self.measured_at_s > at_s
            and self.measured.current_a < below_a
        )

    def _joined(self, half: MeasuredVoltage | MeasuredCurrent) -> Measured | None:
        if isinstance(half, MeasuredVoltage):
            self._voltage = half
        else:
            self._current = half
        if self._voltage is None or self._current is None:
            return None
        whole = Measured(self._voltage.voltage_v, self._current.current_a)
        self._voltage = self._current = None
        return whole

    def _take_detail(self, detail: Detail, now_s: float) -> None:
        if detail.ambient_c is not None and not AMBIENT_C[0] <= detail.ambient_c <= AMBIENT_C[1]:
            return
        self._details[detail.part] = (detail, now_s)
        if self._bare_condition is not None:
            self.condition = self._with_details(self._bare_condition, now_s)

    def _with_details(self, condition: Condition, now_s: float) -> Condition:
        """What a part said of alarms stands until it says otherwise; a temperature does not."""
        if not self._details:
            return condition
        parts = [detail for detail, _ in self._details.values()]
        fresh = [one for one, at_s in self._details.values() if now_s - at_s <= AMBIENT_STALE_S]
        told_c = [one.ambient_c for one in fresh if one.ambient_c is not None]
        return attrs.evolve(
            condition,
            ambient_c=told_c[0] if condition.ambient_c is None and told_c else condition.ambient_c,
            high_range=next((one.high_range for one in parts if one.high_range is not None), condition.high_range),
            alarms=tuple(dict.fromkeys([*condition.alarms, *(alarm for one in parts for alarm in one.alarms)])),
            notes=tuple(dict.fromkeys([*condition.notes, *(note for one in parts for note in one.notes)])),
        )

    def _take_identity_part(self, part: IdentityPart) -> None:
        self._identity_parts[part.place] = part.identity
        parts = [self._identity_parts.get(place) for place in range(part.of)]
        known = [one for one in parts if one is not None]
        if len(known) == part.of:
            self.identity = Identity(
                serial="".join(one.serial for one in known),
                firmware=", ".join(one.firmware for one in known if one.firmware),
            )

    def _is_physical(self, measured: Measured) -> bool:
        max_voltage_v, max_current_a = self.rating.max_voltage_v, self.rating.max_current_a
        return (
            -ZERO_PART * max_voltage_v <= measured.voltage_v <= PLAUSIBLE * max_voltage_v
            and -ZERO_PART * max_current_a <= measured.current_a <= PLAUSIBLE * max_current_a
        )

    def _take_rated(self, rated: Rated) -> None:
        """Ratings with a zero in them are a module that does not know yet."""
        if min(rated.max_voltage_v, rated.max_current_a, rated.max_power_w) <= 0:
            return
        self.rated = True
        self.rating = StageRating(
            max_voltage_v=rated.max_voltage_v,
            min_voltage_v=rated.min_voltage_v,
            max_current_a=rated.max_current_a,
            max_power_w=rated.max_power_w,
        )

    def _take_rated_part(self, part: RatedPart) -> None:
        """What none of the parts says is as before."""
        self._rated_parts[part.place] = part
        if len(self._rated_parts) < part.of:
            return
        told = {
            name: value
            for one in self._rated_parts.values()
            for name in ("max_voltage_v", "min_voltage_v", "max_current_a", "max_power_w")
            if (value := getattr(one, name)) is not None
        }
        self._take_rated(Rated(**attrs.asdict(self.rating) | told))
