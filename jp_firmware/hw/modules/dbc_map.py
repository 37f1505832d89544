"""A module family as its DBC file and its profile describe it, joined and checked: what is sent and understood.

Pure values, for both ends: the driver sends orders and reads answers, the emulated module reads orders and sends
answers. A description that does not fit together is refused with one line that names file, message and signal; nothing
of it is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import EXTENDED_MASK, STANDARD_MASK, Frame
from jp_firmware.hw.modules import dbc_file
from jp_firmware.hw.modules import dbc_options as said
from jp_firmware.hw.modules.dbc_file import DbcFile, Field, Message
from jp_firmware.hw.modules.driver import Alarm, ModuleProfile, options_of

VOLT = {"": 1.0, "V": 1.0, "mV": 1e-3, "kV": 1e3}
AMPERE = {"": 1.0, "A": 1.0, "mA": 1e-3}
WATT = {"": 1.0, "W": 1.0, "kW": 1e3}
CELSIUS = {"": 1.0, "degC": 1.0, "°C": 1.0, "C": 1.0, "Cel": 1.0, "m°C": 1e-3}

FITS = 0.01
"""How far a profile's rating may be from what a signal can say of it, as a part of it (ours)."""

Raws = tuple[tuple[Field, int], ...]
"""Signals with the raw values that stand in them."""


@attrs.frozen
class Quantity:
    """A signal that is a number, and the factor from its unit to ours."""

    field: Field
    factor: float

    def value_in(self, data: bytes) -> float:
        return self.field.value_in(data) * self.factor

    def raw_of(self, value: float) -> int:
        return self.field.raw_of(value / self.factor)


@attrs.frozen
class Place:
    """Where an address stands in an identifier. `care` are the bits in which an identifier must be the one."""

    shift: int
    offset: int
    mask: int  # in its place
    care: int

    def put(self, can_id: int, address: int) -> int:
        return can_id & ~self.mask | (address + self.offset) << self.shift


@attrs.frozen(kw_only=True)
class Sent:
    """A message to a module with all that is the same each time."""

    message: Message
    fixed: Raws = ()
    to_all: bool = False

    def payload(self, *more: tuple[Field, int]) -> bytes:
        return self.message.payload((*self.fixed, *more))

    def is_in(self, data: bytes) -> bool:
        """Whether a payload of this message is this one of those that share it."""
        return len(data) == self.message.length and all(field.raw_in(data) == raw for field, raw in self.fixed)


@attrs.frozen(kw_only=True)
class Choice(Sent):
    """A message whose signal `field` is one of two."""

    field: Field
    yes: int
    no: int


@attrs.frozen(kw_only=True)
class SetPoint(Sent):
    """A set-point, or the half of it that is not None."""

    voltage: Quantity | None
    current: Quantity | None


@attrs.frozen
class State:
    """A signal that says yes or no by its raw value, or neither."""

    field: Field
    yes: frozenset[int]
    no: frozenset[int]

    def in_(self, data: bytes) -> bool | None:
        raw = self.field.raw_in(data)
        return True if raw in self.yes else False if raw in self.no else None


@attrs.frozen
class AlarmAt:
    field: Field
    values: frozenset[int]
    alarm: Alarm


@attrs.frozen
class NoteAt:
    field: Field
    values: frozenset[int]
    text: str


@attrs.frozen
class RefusalAt:
    """A value in an answer by which the answer is a refusal of `what`; of nothing we ask after, where that is None."""

    fixed: Raws
    field: Field
    values: frozenset[int]
    what: str | None
    why: str

    def is_in(self, data: bytes) -> bool:
        return self.field.raw_in(data) in self.values and all(field.raw_in(data) == raw for field, raw in self.fixed)


@attrs.define(eq=False, kw_only=True)
class Answer:
    """All that is read in a message while `fixed` stands in it."""

    message: Message
    fixed: Raws
    refusals: list[RefusalAt]  # of the whole message
    numbers: dict[str, Quantity] = attrs.field(factory=dict)  # by subject, as in the profile
    texts: dict[str, Field] = attrs.field(factory=dict)  # "serial", "firmware"
    on: State | None = None
    high_range: State | None = None
    alarms: list[AlarmAt] = attrs.field(factory=list)
    notes: list[NoteAt] = attrs.field(factory=list)
    off_taken: bool = False
    set_point_taken: list[str] = attrs.field(factory=list)  # the parts of it; "" is all of it

    @property
    def part(self) -> str:
        """Its name among the parts of a condition."""
        return " ".join([self.message.name, *(f"{field.name}={raw}" for field, raw in self.fixed)])

    def is_in(self, data: bytes) -> bool:
        return len(data) == self.message.length and all(field.raw_in(data) == raw for field, raw in self.fixed)


@attrs.frozen(kw_only=True)
class Description:
    """The family, ready for use."""

    options: said.Options
    to_module: Place
    from_module: Place
    switch: Choice
    set_points: tuple[SetPoint, ...]
    questions: Mapping[str, tuple[Sent, ...]]  # "output", "condition", "ratings", "identity"
    heartbeat: Sent | None
    walk_in: Choice | None
    range_choice: Choice | None
    answers: tuple[Answer, ...]

    @property
    def addresses(self) -> range:
        return range(self.options.address.first, self.options.address.last + 1)

    @property
    def orders(self) -> tuple[Sent, ...]:
        """All that is ever sent."""
        some = (self.heartbeat, self.walk_in, self.range_choice)
        asked = (one for questions in self.questions.values() for one in questions)
        return (self.switch, *self.set_points, *asked, *(one for one in some if one is not None))

    def frame(self, sent: Sent, address: int, *more: tuple[Field, int]) -> Frame:
        """`sent` as a frame to the module at `address`."""
        message = sent.message
        can_id = message.can_id if sent.to_all else self.to_module.put(message.can_id, address)
        return Frame(can_id, sent.payload(*more), extended=message.extended)

    def answer_id(self, answer: Answer, address: int) -> int:
        return self.from_module.put(answer.message.can_id, address)


def describe(profile: ModuleProfile) -> Description:
    """What `profile` and the file it names describe. Raises `ConfigError`, in one line."""
    options = options_of(profile, said.Options)
    try:
        with _at("options.dbc"):
            file = dbc_file.read(profiles.file_of("modules", options.dbc))
        return _Joiner(profile, options, file).description()
    except ConfigError as error:
        raise ConfigError(f"module profile {profile.name}: {error}") from error


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Puts the place in the profile before what is wrong there."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


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
        self._check(found)
        return found

    # --- the identifier ---------------------------------------------------------------------------------------------

    def _place(self, key: str, place: said.Place) -> Place:
        address = self.options.address
        with _at(f"options.address.{key}"):
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
        with _at(f"options.{where}"):
            message = self.file.message(order.message)
            return Sent(message=message, fixed=_fixed(message, order.constants, filled))

    def _choice(
        self, where: str, order: said.SwitchOrder | said.WalkInOrder | said.RangeOrder, yes: int, no: int
    ) -> Choice:
        sent = self._sent(where, order, order.signal)
        with _at(f"options.{where}.signal"):
            field = sent.message.field(order.signal)
            if yes == no:
                raise ConfigError(f"{field.name} of {sent.message.name} has {yes} for both of its values; correct one")
            for raw in (yes, no):
                _fit(sent.message, field, raw)
        return Choice(message=sent.message, fixed=sent.fixed, field=field, yes=yes, no=no)

    def _set_point(self, at: int, order: said.SetPointOrder) -> SetPoint:
        where = f"set_point[{at}]"
        sent = self._sent(where, order, *(name for name in (order.voltage, order.current) if name))
        rating = self.profile.rating
        voltage = current = None
        if order.voltage:
            with _at(f"options.{where}.voltage"):
                voltage = _quantity(sent.message, order.voltage, VOLT)
                _can_say(sent.message, voltage, rating.max_voltage_v, "V")
        if order.current:
            with _at(f"options.{where}.current"):
                current = _quantity(sent.message, order.current, AMPERE)
                _can_say(sent.message, current, rating.max_current_a, "A")
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
        with _at(f"options.acknowledged.{where}"):
            message = self.file.message(taken.message)
            return self._answer_of(message, _fixed(message, taken.constants, ()))

    def _answer(self, where: str, reading: said.Reading) -> tuple[Answer, Field]:
        with _at(f"options.{where}"):
            message = self.file.message(reading.message)
            field = message.field(reading.signal)
            for raw in getattr(reading, "values", ()):
                _fit(message, field, raw)
            return self._answer_of(message, _fixed(message, reading.constants, (reading.signal,))), field

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
        with _at(f"options.{where}"):
            quantity = _quantity(answer.message, field.name, units)
            if largest is not None:
                _can_say(answer.message, quantity, largest, "V" if units is VOLT else "A")
        answer.numbers[subject] = quantity

    def _on(self, reading: said.OnReading) -> None:
        answer, field = self._answer("condition.on", reading)
        answer.on = self._state("condition.on", answer, field, reading.on, reading.off)

    def _state(self, where: str, answer: Answer, field: Field, yes: Iterable[int], no: Iterable[int]) -> State:
        state = State(field, frozenset(yes), frozenset(no))
        with _at(f"options.{where}"):
            for raw in sorted(state.yes | state.no):
                _fit(answer.message, field, raw)
            if state.yes & state.no:
                both = min(state.yes & state.no)
                raise ConfigError(f"{field.name} of {answer.message.name} means both with {both}; correct one")
        return state

    def _alarm(self, where: str, bit: said.AlarmBit) -> None:
        answer, field = self._answer(where, bit)
        answer.alarms.append(AlarmAt(field, frozenset(bit.values), Alarm(bit.text, bit.code, bit.usable)))

    def _refusal(self, where: str, match: said.Match, what: str | None, why: str) -> None:
        with _at(f"options.{where}"):
            message = self.file.message(match.message)
            field = message.field(match.signal)
            for raw in match.values:
                _fit(message, field, raw)
            fixed = _fixed(message, match.constants, (match.signal,))
        at = RefusalAt(fixed, field, frozenset(match.values), what, why)
        self.refusals.setdefault(message.name, []).append(at)

    # --- whether it fits together -----------------------------------------------------------------------------------

    def _check(self, found: Description) -> None:
        self._check_identifiers(found)
        for key in ("voltage", "current"):
            named = sum(getattr(one, key) is not None for one in found.set_points)
            if named != 1:
                raise ConfigError(f"options.set_point: {key} is named {named} times; a set-point has one of it")
        if not self.options.spontaneous_s:
            for what in ("output", "condition"):
                if not found.questions[what]:
                    raise ConfigError(
                        f"options.ask.{what}: is empty; name the message that asks for it, or give spontaneous_s if "
                        "modules tell by themselves"
                    )
        for order in found.orders:
            if order is not found.switch:
                _check_harmless(order, found.switch)

    def _check_identifiers(self, found: Description) -> None:
        to, from_ = found.to_module, found.from_module
        for message, mask in [(one.message, to.mask) for one in found.orders] + [
            (one.message, from_.mask) for one in found.answers
        ]:
            if not message.extended and mask > STANDARD_MASK:
                raise ConfigError(
                    f"options.address: message {message.name} of {message.file} has an identifier of 11 bits, too few "
                    "for where the address is to stand"
                )
        heard: dict[tuple[int, bool], Message] = {}
        for answer in found.answers:
            for address in found.addresses:
                can_id = from_.put(answer.message.can_id, address) & from_.care
                self._own(heard, can_id, answer.message)
        told: dict[tuple[int, bool], Message] = {}
        for order in found.orders:
            for address in found.addresses:
                can_id = order.message.can_id if order.to_all else to.put(order.message.can_id, address)
                self._own(told, can_id, order.message)
                taken_for = heard.get((can_id & from_.care, order.message.extended))
                if taken_for is not None:
                    raise ConfigError(
                        f"options.address: {order.message.name} to address {address} has the identifier of "
                        f"{taken_for.name}, both of {self.file.name}: what we say would be taken for an answer"
                    )

    def _own(self, known: dict[tuple[int, bool], Message], can_id: int, message: Message) -> None:
        """Raises `ConfigError` where an address in an identifier makes one message look like another."""
        other = known.setdefault((can_id, message.extended), message)
        if other.name != message.name:
            raise ConfigError(
                f"options.address: {message.name} and {other.name} of {self.file.name} have the same identifier once "
                "an address is in it; correct shift and bits"
            )


def _fixed(message: Message, constants: Mapping[str, int], filled: Iterable[str]) -> Raws:
    """The constants, and what selects the signals that are filled. Raises `ConfigError` where they contradict."""
    raws: dict[str, int] = {}
    for name, raw in constants.items():
        _fit(message, message.field(name), raw)
        raws[name] = raw
    waiting = [*filled, *constants]
    while waiting:
        field = message.field(waiting.pop())
        if not field.selector:
            continue
        if raws.setdefault(field.selector, field.selected_by) != field.selected_by:
            raise ConfigError(
                f"signal {field.name} of message {message.name} of {message.file} is there only while {field.selector} "
                f"is {field.selected_by}, not {raws[field.selector]}; correct the constants or the signal"
            )
        waiting.append(field.selector)
    for name in filled:
        if name in constants:
            raise ConfigError(f"signal {name} of message {message.name} is filled, and a constant too; remove one")
    return tuple(sorted(((message.field(name), raw) for name, raw in raws.items()), key=lambda one: one[0].name))


def _fit(message: Message, field: Field, raw: int) -> None:
    if field.floating:
        raise ConfigError(f"signal {field.name} of message {message.name} is a floating-point number, no raw value")
    if not field.fits(raw):
        raise ConfigError(f"{raw} does not fit into the {field.bits} bits of {field.name} of message {message.name}")


def _quantity(message: Message, name: str, units: Mapping[str, float]) -> Quantity:
    field = message.field(name)
    if field.unit not in units:
        known = ", ".join(unit for unit in units if unit)
        raise ConfigError(
            f"signal {name} of message {message.name} of {message.file} has the unit {field.unit}; known: {known}"
        )
    return Quantity(field, units[field.unit])


def _can_say(message: Message, quantity: Quantity, value: float, unit: str) -> None:
    """Raises `ConfigError` for a signal that cannot say the module's rating: its scale is wrong, or the rating."""
    field = quantity.field
    data = message.payload(((field, quantity.raw_of(value)),))
    reached = quantity.value_in(data)
    if abs(reached - value) > FITS * value:
        raise ConfigError(
            f"signal {field.name} of message {message.name} of {message.file} cannot say the {value:g} {unit} of the "
            f"rating, only {reached:g} {unit}; correct its length and scale, or the rating"
        )


def _check_harmless(order: Sent, switch: Choice) -> None:
    """Raises `ConfigError` for an order that a module could take for ON or OFF."""
    if order.message.name != switch.message.name:
        return
    payload = order.payload()
    if switch.is_in(payload) and switch.field.raw_in(payload) in (switch.yes, switch.no):
        raise ConfigError(
            f"options.switch: message {order.message.name} of {order.message.file} carries {switch.field.name} in "
            f"another order too, where it would be {switch.field.raw_in(payload)}: that order would switch; tell them "
            "apart by a constant"
        )
