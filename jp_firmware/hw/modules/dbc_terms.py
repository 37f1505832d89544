"""The words in which a described module family is held: its messages, numbers, states, and where its address stands.

Pure values, for both ends: the driver sends orders and reads answers, the emulated module reads orders and sends
answers. `dbc_map` makes them of a DBC file and a profile, `dbc_checks` looks whether they fit together.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import dbc_options as said
from jp_firmware.hw.modules.dbc_file import Field, Message
from jp_firmware.hw.modules.driver import Alarm

Raws = tuple[tuple[Field, int], ...]
"""Signals with the raw values that stand in them."""


@attrs.frozen
class Quantity:
    """A signal that is a number, and the factor from its unit to ours."""

    field: Field
    factor: float

    def value_in(self, data: bytes) -> float:
        return self.field.value_in(data) * self.factor

    def raw_of(self, value: float, *, within: bool = False) -> int:
        """The nearest that the signal can say, or that `within` value. A factor is above zero."""
        return self.field.raw_of(value / self.factor, within=within)


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
