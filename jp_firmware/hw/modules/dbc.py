"""Driver for modules that are described, not programmed: a DBC file and a profile say all that differs.

`dbc_file` reads the file, `dbc_options` is what a profile may say, `dbc_map` joins the two in the words of
`dbc_terms`; timing is `ModuleTask`'s. A profile that is marked as a template waits for a vendor's numbers, and no wire
is ever driven by it.

Modules whose ON carries a set-point, or whose order goes to many by flags, need a driver of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.dbc_map import describe
from jp_firmware.hw.modules.dbc_terms import Answer, Choice, Description, Sent, SetPoint, State
from jp_firmware.hw.modules.driver import (
    Available,
    Condition,
    Current,
    Detail,
    Frames,
    Identity,
    IdentityPart,
    Measured,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    Ranges,
    RatedPart,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    SwitchedOff,
)

_RATINGS = {
    "max_voltage": "max_voltage_v",
    "min_voltage": "min_voltage_v",
    "max_current": "max_current_a",
    "max_power": "max_power_w",
}


@attrs.define(eq=False)
class DbcCodec:
    """One module by its address."""

    address: int
    description: Description
    _answers: dict[tuple[int, bool], list[tuple[Answer, list[Reader]]]] = attrs.field(init=False)
    _asked: Mapping[str, Frames] = attrs.field(init=False)
    _off: Frames = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """All that is the same each time is made here, once."""
        answers = self.description.answers
        self._answers = {}
        for one in answers:
            key = self._care(self.description.answer_id(one, self.address)), one.message.extended
            self._answers.setdefault(key, []).append((one, list(_readers(one, answers))))
        self._off = self._choose(self.description.switch, False)
        questions = self.description.questions.items()
        self._asked = {what: tuple(self._frame(one) for one in asked) for what, asked in questions}

    # --- what is sent -----------------------------------------------------------------------------------------------

    def ask_output(self) -> Frames:
        return self._asked["output"]

    def ask_condition(self) -> Frames:
        return self._asked["condition"]

    def ask_ratings(self) -> Frames:
        return self._asked["ratings"]

    def ask_identity(self) -> Frames:
        return self._asked["identity"]

    def on(self) -> Frames:
        return self._choose(self.description.switch, True)

    def off(self) -> Frames:
        return self._off

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return tuple(self._half(one, voltage_v, current_a) for one in self.description.set_points)

    def start(self, voltage_v: float, current_a: float) -> Frames:
        set_point = self.set_point(voltage_v, current_a)
        return (*set_point, *self.on(), *set_point)

    def walk_in(self, enabled: bool) -> Frames:
        return self._choose(self.description.walk_in, enabled)

    def select_range(self, high: bool) -> Frames:
        return self._choose(self.description.range_choice, high)

    def heartbeat(self) -> Frames:
        heartbeat = self.description.heartbeat
        return () if heartbeat is None else (self._frame(heartbeat),)

    def _frame(self, sent: Sent) -> Frame:
        return self.description.frame(sent, self.address)

    def _choose(self, choice: Choice | None, yes: bool) -> Frames:
        if choice is None:
            return ()
        return (self.description.frame(choice, self.address, (choice.field, choice.yes if yes else choice.no)),)

    def _half(self, order: SetPoint, voltage_v: float, current_a: float) -> Frame:
        halves = ((order.voltage, voltage_v), (order.current, current_a))
        raws = [(half.field, half.raw_of(value, within=True)) for half, value in halves if half is not None]
        return self.description.frame(order, self.address, *raws)

    # --- what is understood -----------------------------------------------------------------------------------------

    def is_from_module(self, frame: Frame) -> bool:
        return not frame.remote and (self._care(frame.can_id), frame.extended) in self._answers

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        data = frame.data
        reports: list[Report] = []
        for answer, readers in self._answers.get((self._care(frame.can_id), frame.extended), ()):
            if not answer.is_in(data):
                continue
            refusal = next((one for one in answer.refusals if one.is_in(data)), None)
            if refusal is not None:
                return () if refusal.what is None else (Refused(refusal.what, refusal.why),)
            reports += [report for reader in readers if (report := reader(data)) is not None]
        return tuple(reports)

    def _care(self, can_id: int) -> int:
        return can_id & self.description.from_module.care


Reader = Callable[[bytes], Report | None]


def _readers(answer: Answer, answers: Sequence[Answer]) -> Iterator[Reader]:
    """What each subject in an answer says. `answers` are all there are: some subjects may be spread over several."""
    numbers = answer.numbers
    voltage, current, available = (numbers.get(subject) for subject in ("voltage", "current", "available"))
    if voltage is not None and current is not None:
        yield lambda data: Measured(voltage.value_in(data), current.value_in(data))
    elif voltage is not None:
        yield lambda data: MeasuredVoltage(voltage.value_in(data))
    elif current is not None:
        yield lambda data: MeasuredCurrent(current.value_in(data))
    if answer.on is not None:
        yield partial(_condition, answer, answer.on)
    elif answer.alarms or answer.notes or answer.high_range is not None or "ambient" in numbers:
        yield partial(_detail, answer)
    if available is not None:
        yield lambda data: _available(available.value_in(data))
    if numbers.keys() & _RATINGS.keys():
        parts = [one for one in answers if one.numbers.keys() & _RATINGS.keys()]
        yield partial(_rated, answer, parts.index(answer), len(parts))
    if answer.texts:
        parts = [one for one in answers if one.texts]
        yield partial(_identity, answer, parts.index(answer), len(parts))
    if answer.off_taken:
        yield lambda _data: SwitchedOff()
    for what in answer.set_point_taken:
        yield partial(_set_point_taken, what)


def _set_point_taken(what: str, _data: bytes) -> SetPointTaken:
    return SetPointTaken(what)


def _rated(answer: Answer, place: int, of: int, data: bytes) -> RatedPart:
    """What is no number is 0, as a module says it that does not know yet."""
    told = {_RATINGS[key]: number.value_in(data) for key, number in answer.numbers.items() if key in _RATINGS}
    return RatedPart(place=place, of=of, **{key: value if math.isfinite(value) else 0.0 for key, value in told.items()})


def _identity(answer: Answer, place: int, of: int, data: bytes) -> IdentityPart:
    told = {key: str(field.raw_in(data)) for key, field in answer.texts.items()}
    return IdentityPart(place, of, Identity(**told))


def _detail(answer: Answer, data: bytes) -> Detail:
    ambient = answer.numbers.get("ambient")
    return Detail(
        answer.part,
        ambient_c=None if ambient is None else ambient.value_in(data),
        alarms=tuple(one.alarm for one in answer.alarms if one.field.raw_in(data) in one.values),
        notes=tuple(one.text for one in answer.notes if one.field.raw_in(data) in one.values),
        high_range=None if answer.high_range is None else answer.high_range.in_(data),
    )


def _condition(answer: Answer, state: State, data: bytes) -> Condition | None:
    """None where the module's word on ON is one that the profile does not know."""
    on = state.in_(data)
    if on is None:
        return None
    told = _detail(answer, data)
    return Condition(on, told.ambient_c, told.alarms, told.notes, high_range=told.high_range)


def _available(current_a: float) -> Available | None:
    """0 A is taken for a module that does not know, not for one that can do nothing (ours)."""
    return Available(current_a) if current_a > 0 else None


def _semantics(description: Description) -> Semantics:
    options, switch = description.options, description.switch
    return Semantics(
        addresses=description.addresses,
        addressing=options.address.set_by,
        on_sense=f"{switch.field.name} of {switch.message.name}, {switch.yes} is on and {switch.no} is off",
        current=Current(options.current),
        ranges=Ranges.NONE if description.range_choice is None else Ranges.WHILE_OFF,
        spontaneous=options.spontaneous_s > 0,
        times_out=options.times_out,
        acknowledges=any(answer.off_taken or answer.set_point_taken for answer in description.answers),
        heartbeat_s=options.heartbeat.every_s if options.heartbeat else None,
    )


@cache
def _codes() -> frozenset[str]:
    return frozenset(catalogue.load())


def _described(profile: ModuleProfile) -> Description:
    """As `describe`, and refused as well for an alarm that has no fault of ours."""
    description = describe(profile)
    for at, bit in enumerate(description.options.alarms):
        if bit.code not in _codes():
            known = ", ".join(sorted(code for code in _codes() if code.startswith("PM-")))
            where = f"module profile {profile.name}: options.alarms[{at}].code"
            raise ConfigError(f"{where}: there is no fault {bit.code}; known: {known}")
    return description


SEMANTICS = Semantics(
    addresses=range(256),
    addressing="as its profile describes it",
    on_sense="as its profile describes it",
)
"""Of no module: each profile has its own."""


@attrs.frozen
class DbcDriver:
    """All families that are described. `templates`: those that wait for a vendor's numbers too, to try them out."""

    name: str = "dbc"
    semantics: Semantics = SEMANTICS
    templates: bool = False

    def semantics_of(self, profile: ModuleProfile, /) -> Semantics:
        return _semantics(_described(profile))

    def codec(self, address: int, profile: ModuleProfile, /) -> DbcCodec:
        description = _described(profile)
        if description.options.template and not self.templates:
            raise ConfigError(
                f"module profile {profile.name}: is a template, nobody's modules are described by it; fill it in from "
                "the vendor's manual and set template = false"
            )
        if address not in description.addresses:
            first, last = description.options.address.first, description.options.address.last
            raise ConfigError(f"an address of {profile.name} is {first} to {last}, not {address}")
        return DbcCodec(address, description)


DRIVER = DbcDriver()
