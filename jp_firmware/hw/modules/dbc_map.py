"""A module family as its DBC file and its profile describe it, joined subject by subject: what is sent and understood.

A description that does not fit together is refused with one line that names file, message and signal; nothing of it is
guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import EXTENDED_MASK
from jp_firmware.hw.modules import dbc_file
from jp_firmware.hw.modules import dbc_options as said
from jp_firmware.hw.modules.dbc_checks import can_say, check_whole, fit, fixed_raws, naming
from jp_firmware.hw.modules.dbc_file import DbcFile, Field, Message
from jp_firmware.hw.modules.dbc_terms import (
    AlarmAt,
    Answer,
    Choice,
    Description,
    NoteAt,
    Place,
    Quantity,
    Raws,
    RefusalAt,
    Sent,
    SetPoint,
    State,
)
from jp_firmware.hw.modules.driver import Alarm, ModuleProfile, options_of

VOLT = {"": 1.0, "V": 1.0, "mV": 1e-3, "kV": 1e3}
AMPERE = {"": 1.0, "A": 1.0, "mA": 1e-3}
WATT = {"": 1.0, "W": 1.0, "kW": 1e3}
CELSIUS = {"": 1.0, "degC": 1.0, "°C": 1.0, "C": 1.0, "Cel": 1.0, "m°C": 1e-3}


def describe(profile: ModuleProfile) -> Description:
    """What `profile` and the file it names describe. Raises `ConfigError`, in one line."""
    options = options_of(profile, said.Options)
    try:
        with naming("options.dbc"):
            file = dbc_file.read(profiles.file_of("modules", options.dbc))
        return _Joiner(profile, options, file).description()
    except ConfigError as error:
        raise ConfigError(f"module profile {profile.name}: {error}") from error


@attrs.define(eq=False)
class _Joiner:
    """Joins one profile and one file, subject by subject."""

    profile: ModuleProfile
    options: said.Options
    file: DbcFile
    answers: dict[tuple[str, Raws], Answer] = attrs.field(factory=dict)
    refusals: dict[str, list[RefusalAt]] = attrs.field(factory=dict)  # by message

    def description(self) -> Description:
        options, ask = self.options, self.options.ask
        walk_in, ranges = options.walk_in, options.range
        self._read_answers()
        asked = {"output": ask.output, "condition": ask.condition, "ratings": ask.ratings, "identity": ask.identity}
        found = Description(
            options=options,
            to_module=self._place("to_module", options.address.to_module),
            from_module=self._place("from_module", options.address.from_module),
            switch=self._choice("switch", options.switch, options.switch.on, options.switch.off),
            set_points=tuple(self._set_point(at, one) for at, one in enumerate(options.set_point)),
            questions={
                what: tuple(self._sent(f"ask.{what}[{at}]", one) for at, one in enumerate(orders))
                for what, orders in asked.items()
            },
            heartbeat=self._heartbeat(),
            walk_in=self._choice("walk_in", walk_in, walk_in.enable, walk_in.disable) if walk_in else None,
            range_choice=self._choice("range", ranges, ranges.high, ranges.low) if ranges else None,
            answers=tuple(self.answers.values()),
        )
        check_whole(found)
        return found

    # --- the identifier ---------------------------------------------------------------------------------------------

    def _place(self, key: str, place: said.Place) -> Place:
        address = self.options.address
        with naming(f"options.address.{key}"):
            if address.first > address.last:
                raise ConfigError(f"there is no address from {address.first} to {address.last}; correct first and last")
            for one in (address.first, address.last):
                if not 0 <= one + place.offset < 1 << place.bits:
                    raise ConfigError(f"address {one} with offset {place.offset} does not fit into {place.bits} bits")
            if place.shift + place.bits > 29:
                raise ConfigError(f"{place.bits} bits from bit {place.shift} do not fit into an identifier of 29")
            mask = ((1 << place.bits) - 1) << place.shift
            if place.ignore & mask:
                raise ConfigError("ignores bits of the address: all modules would be one; correct ignore")
        return Place(place.shift, place.offset, mask, EXTENDED_MASK & ~place.ignore)

    # --- what is sent -----------------------------------------------------------------------------------------------

    def _sent(self, where: str, order: said.Order, *filled: str) -> Sent:
        with naming(f"options.{where}"):
            message = self.file.message(order.message)
            return Sent(message=message, fixed=fixed_raws(message, order.constants, filled))

    def _choice(
        self, where: str, order: said.SwitchOrder | said.WalkInOrder | said.RangeOrder, yes: int, no: int
    ) -> Choice:
        sent = self._sent(where, order, order.signal)
        with naming(f"options.{where}.signal"):
            field = sent.message.field(order.signal)
            if yes == no:
                raise ConfigError(f"{field.name} of {sent.message.name} has {yes} for both of its values; correct one")
            for raw in (yes, no):
                fit(sent.message, field, raw)
        return Choice(message=sent.message, fixed=sent.fixed, field=field, yes=yes, no=no)

    def _set_point(self, at: int, order: said.SetPointOrder) -> SetPoint:
        where = f"set_point[{at}]"
        sent = self._sent(where, order, *(name for name in (order.voltage, order.current) if name))
        rating = self.profile.rating
        voltage = current = None
        if order.voltage:
            with naming(f"options.{where}.voltage"):
                voltage = _quantity(sent.message, order.voltage, VOLT)
                can_say(sent.message, voltage, rating.max_voltage_v, "V")
        if order.current:
            with naming(f"options.{where}.current"):
                current = _quantity(sent.message, order.current, AMPERE)
                can_say(sent.message, current, rating.max_current_a, "A")
        if voltage is None and current is None:
            raise ConfigError(f"options.{where}: names neither voltage nor current; name the signal of one or of both")
        return SetPoint(message=sent.message, fixed=sent.fixed, voltage=voltage, current=current)

    def _heartbeat(self) -> Sent | None:
        order = self.options.heartbeat
        return None if order is None else attrs.evolve(self._sent("heartbeat", order), to_all=order.to_all)

    # --- what is heard ----------------------------------------------------------------------------------------------

    def _read_answers(self) -> None:
        options = self.options
        for at, one in enumerate(options.refusals):
            self._refusal(f"refusals[{at}]", one, one.what, one.why)
        for at, other in enumerate(options.meaningless):
            self._refusal(f"meaningless[{at}]", other, None, "")
        self._number("voltage", "output.voltage", options.output.voltage, VOLT, self.profile.max_voltage_v)
        self._number("current", "output.current", options.output.current, AMPERE, self.profile.max_current_a)
        condition = options.condition
        self._on(condition.on)
        self._number("ambient", "condition.ambient", condition.ambient, CELSIUS)
        if condition.high_range is not None:
            reading = condition.high_range
            answer, field = self._answer("condition.high_range", reading)
            answer.high_range = self._state("condition.high_range", answer, field, reading.high, reading.low)
        self._number("available", "available", options.available, AMPERE)
        for key in ("max_voltage", "min_voltage", "max_current", "max_power"):
            units = VOLT if key.endswith("voltage") else AMPERE if key.endswith("current") else WATT
            self._number(key, f"ratings.{key}", getattr(options.ratings, key), units)
        for key in ("serial", "firmware"):
            reading_of = getattr(options.identity, key)
            if reading_of is not None:
                answer, field = self._answer(f"identity.{key}", reading_of)
                answer.texts[key] = field
        for at, alarm in enumerate(options.alarms):
            self._alarm(f"alarms[{at}]", alarm)
        for at, note in enumerate(options.notes):
            answer, field = self._answer(f"notes[{at}]", note)
            answer.notes.append(NoteAt(field, frozenset(note.values), note.text))
        acknowledged = options.acknowledged
        if acknowledged.off is not None:
            self._taken("off", acknowledged.off).off_taken = True
        if len(acknowledged.set_point) not in (0, 1, len(options.set_point)):
            raise ConfigError("options.acknowledged.set_point: give one for all of it, or one for each part of it")
        for at, taken in enumerate(acknowledged.set_point):
            self._taken(f"set_point[{at}]", taken).set_point_taken.append(taken.what)
        for name in set(self.refusals) - {name for name, _ in self.answers}:
            self._answer_of(self.file.message(name), ())

    def _taken(self, where: str, taken: said.Taken) -> Answer:
        with naming(f"options.acknowledged.{where}"):
            message = self.file.message(taken.message)
            return self._answer_of(message, fixed_raws(message, taken.constants, ()))

    def _answer(self, where: str, reading: said.Reading) -> tuple[Answer, Field]:
        with naming(f"options.{where}"):
            message = self.file.message(reading.message)
            field = message.field(reading.signal)
            for raw in getattr(reading, "values", ()):
                fit(message, field, raw)
            return self._answer_of(message, fixed_raws(message, reading.constants, (reading.signal,))), field

    def _answer_of(self, message: Message, fixed: Raws) -> Answer:
        key = (message.name, fixed)
        if key not in self.answers:
            refusals = self.refusals.setdefault(message.name, [])
            self.answers[key] = Answer(message=message, fixed=fixed, refusals=refusals)
        return self.answers[key]

    def _number(
        self,
        subject: str,
        where: str,
        reading: said.Reading | None,
        units: Mapping[str, float],
        largest: float | None = None,
    ) -> None:
        if reading is None:
            return
        answer, field = self._answer(where, reading)
        with naming(f"options.{where}"):
            quantity = _quantity(answer.message, field.name, units)
            if largest is not None:
                can_say(answer.message, quantity, largest, "V" if units is VOLT else "A")
        answer.numbers[subject] = quantity

    def _on(self, reading: said.OnReading) -> None:
        answer, field = self._answer("condition.on", reading)
        answer.on = self._state("condition.on", answer, field, reading.on, reading.off)

    def _state(self, where: str, answer: Answer, field: Field, yes: Iterable[int], no: Iterable[int]) -> State:
        state = State(field, frozenset(yes), frozenset(no))
        with naming(f"options.{where}"):
            for raw in sorted(state.yes | state.no):
                fit(answer.message, field, raw)
            if state.yes & state.no:
                both = min(state.yes & state.no)
                raise ConfigError(f"{field.name} of {answer.message.name} means both with {both}; correct one")
        return state

    def _alarm(self, where: str, bit: said.AlarmBit) -> None:
        answer, field = self._answer(where, bit)
        answer.alarms.append(AlarmAt(field, frozenset(bit.values), Alarm(bit.text, bit.code, bit.usable)))

    def _refusal(self, where: str, match: said.Match, what: str | None, why: str) -> None:
        with naming(f"options.{where}"):
            message = self.file.message(match.message)
            field = message.field(match.signal)
            for raw in match.values:
                fit(message, field, raw)
            fixed = fixed_raws(message, match.constants, (match.signal,))
        at = RefusalAt(fixed, field, frozenset(match.values), what, why)
        self.refusals.setdefault(message.name, []).append(at)


def _quantity(message: Message, name: str, units: Mapping[str, float]) -> Quantity:
    field = message.field(name)
    if field.unit not in units:
        known = ", ".join(unit for unit in units if unit)
        raise ConfigError(
            f"signal {name} of message {message.name} of {message.file} has the unit {field.unit}; known: {known}"
        )
    return Quantity(field, units[field.unit])
