"""What a module's profile says beside its DBC file: which message and which signal is what. Data, in its own words.

The DBC says where bits are, this says what they are for; `dbc_map` joins the two and finds what does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import validators

from jp_firmware.config.key import Between, OneOf
from jp_firmware.hw.modules.driver import Current

_BYTE: Any = Between(0, 255)


@attrs.frozen(kw_only=True)
class Place:
    """Where the module's address stands in an identifier: (address + offset) << shift, in so many bits."""

    shift: int = attrs.field(default=0, validator=Between(0, 28))
    bits: int = attrs.field(default=8, validator=Between(1, 29))
    offset: int = attrs.field(default=0, validator=Between(-(1 << 28), 1 << 28))
    ignore: int = attrs.field(default=0, validator=Between(0, 0x1FFF_FFFF))  # bits of an answer that may be anything


@attrs.frozen(kw_only=True)
class Address:
    """The addresses there are, and where they stand in what we send and in what modules send."""

    first: int = attrs.field(validator=_BYTE)
    last: int = attrs.field(validator=_BYTE)
    set_by: str  # for people
    to_module: Place
    from_module: Place


@attrs.frozen(kw_only=True)
class Order:
    """A message that is sent. `constants` are raw values; signals that nothing fills are zero."""

    message: str
    constants: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class SwitchOrder(Order):
    """ON and OFF: the signal, and its raw values."""

    signal: str
    on: int
    off: int


@attrs.frozen(kw_only=True)
class SetPointOrder(Order):
    """A set-point or a half of it."""

    voltage: str = ""
    current: str = ""


@attrs.frozen(kw_only=True)
class WalkInOrder(Order):
    signal: str
    enable: int
    disable: int


@attrs.frozen(kw_only=True)
class RangeOrder(Order):
    signal: str
    high: int
    low: int


@attrs.frozen(kw_only=True)
class Heartbeat(Order):
    """A sign of life. `to_all`: with the identifier as the file has it, no address put in."""

    every_s: float = attrs.field(validator=Between(0.05, 60))
    to_all: bool = False


@attrs.frozen(kw_only=True)
class Ask:
    """What is sent to have something said; empty where the modules say it by themselves, or not at all."""

    output: tuple[Order, ...] = ()
    condition: tuple[Order, ...] = ()
    ratings: tuple[Order, ...] = ()
    identity: tuple[Order, ...] = ()


@attrs.frozen(kw_only=True)
class Reading:
    """A signal in an answer. The answer counts only if `constants` stand in it."""

    message: str
    signal: str
    constants: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class OnReading(Reading):
    """Whether the output is on, by raw values; any other value says nothing."""

    on: tuple[int, ...] = attrs.field(validator=validators.min_len(1))
    off: tuple[int, ...] = attrs.field(validator=validators.min_len(1))


@attrs.frozen(kw_only=True)
class RangeReading(Reading):
    high: tuple[int, ...] = attrs.field(validator=validators.min_len(1))
    low: tuple[int, ...] = attrs.field(validator=validators.min_len(1))


@attrs.frozen(kw_only=True)
class Match(Reading):
    """Raw values of a signal that mean something."""

    values: tuple[int, ...] = (1,)


@attrs.frozen(kw_only=True)
class AlarmBit(Match):
    text: str = attrs.field(validator=validators.min_len(1))
    code: str = attrs.field(validator=validators.matches_re(r"PM-[0-9]{2}"))
    usable: bool = False


@attrs.frozen(kw_only=True)
class NoteBit(Match):
    text: str = attrs.field(validator=validators.min_len(1))


@attrs.frozen(kw_only=True)
class Refusal(Match):
    what: str
    why: str


@attrs.frozen(kw_only=True)
class Output:
    voltage: Reading
    current: Reading


@attrs.frozen(kw_only=True)
class Condition:
    on: OnReading
    ambient: Reading | None = None
    high_range: RangeReading | None = None


@attrs.frozen(kw_only=True)
class Ratings:
    max_voltage: Reading | None = None
    min_voltage: Reading | None = None
    max_current: Reading | None = None
    max_power: Reading | None = None


@attrs.frozen(kw_only=True)
class Identity:
    serial: Reading | None = None
    firmware: Reading | None = None


@attrs.frozen(kw_only=True)
class Taken:
    """A message that says that something was taken; the answer counts only if `constants` stand in it.

    `what` names a part of a set-point as a refusal of that part names it; empty: all of it.
    """

    message: str
    constants: Mapping[str, int] = attrs.field(factory=dict)
    what: str = ""


@attrs.frozen(kw_only=True)
class Acknowledged:
    """Commands that are answered. `set_point` has one for all of it, or one for each message that makes it up."""

    off: Taken | None = None
    set_point: tuple[Taken, ...] = ()


@attrs.frozen(kw_only=True)
class Options:
    """The profile's `[options]`."""

    dbc: str
    template: bool = False  # true: it waits for a vendor's numbers, and drives nothing
    current: str = attrs.field(default="per module", validator=OneOf(tuple(one.value for one in Current)))
    times_out: bool = True  # it switches off by itself, `silent_off_s` after the last frame that was meant for it
    spontaneous_s: float = attrs.field(default=0.0, validator=Between(0, 60))  # period of what comes unasked; 0: none
    address: Address
    switch: SwitchOrder
    set_point: tuple[SetPointOrder, ...] = attrs.field(validator=validators.min_len(1))
    ask: Ask = attrs.field(factory=Ask)
    heartbeat: Heartbeat | None = None
    walk_in: WalkInOrder | None = None
    range: RangeOrder | None = None
    output: Output
    condition: Condition
    available: Reading | None = None
    ratings: Ratings = attrs.field(factory=Ratings)
    identity: Identity = attrs.field(factory=Identity)
    acknowledged: Acknowledged = attrs.field(factory=Acknowledged)
    alarms: tuple[AlarmBit, ...] = ()
    notes: tuple[NoteBit, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    meaningless: tuple[Match, ...] = ()  # answers that say nothing at all
