"""What a driver for a family of power modules must give, in words no vendor owns, and the profile that tunes it.

A driver is a codec: it makes frames and understands frames. What differs between families beside the bytes is said in
`Semantics`, as data. Timing, watchdogs and set-points are `ModuleTask`'s and the same for every vendor. Drivers are
found by name through the entry points `jp_firmware.modules`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs
from attrs import validators

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import Mistakes, structure
from jp_firmware.hw.can.frame import Frame
from jp_firmware.model.power import StageRating

ENTRY_POINTS = "jp_firmware.modules"

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ModuleProfile:
    """A module type as data (`profiles/modules/*.toml`).

    The ratings hold until the module has told its own.
    """

    name: str
    max_voltage_v: float = attrs.field(validator=validators.gt(0))
    min_voltage_v: float = attrs.field(validator=validators.ge(0))
    max_current_a: float = attrs.field(validator=validators.gt(0))
    max_power_w: float = attrs.field(validator=validators.gt(0))
    min_current_a: float = 1.0  # smallest set-point the module takes while on
    silent_off_s: float = 10.0  # without any frame for this long the module switches off by itself
    bitrate: int = attrs.field(default=0, validator=validators.ge(0))  # of its bus, bit/s; 0: not known
    walk_in: str = attrs.field(default="leave", validator=validators.in_(("leave", "enable", "disable")))
    poll_on_s: float = attrs.field(default=0.2, validator=validators.gt(0))  # output, while on
    poll_off_s: float = attrs.field(default=0.5, validator=validators.gt(0))  # output, while off
    poll_status_s: float = attrs.field(default=0.5, validator=validators.gt(0))
    refresh_s: float = attrs.field(default=0.5, validator=validators.gt(0))  # set-point, while on
    off_repeat_s: float = attrs.field(default=0.1, validator=validators.gt(0))  # OFF, until confirmed
    off_within_s: float = attrs.field(default=1.0, validator=validators.gt(0))  # OFF to current below 1 A
    pace_s: float = attrs.field(default=0.0, validator=validators.ge(0))  # between the frames of one command; OFF: none
    start_within_s: float = attrs.field(default=2.0, validator=validators.gt(0))  # ON to "on", before ON is repeated
    low_range_max_voltage_v: float = attrs.field(default=0.0, validator=validators.ge(0))  # 0: it has one range only
    range_settle_s: float = attrs.field(default=2.0, validator=validators.ge(0))  # off, before and after a change of it
    high_range_max_current_a: float = attrs.field(default=0.0, validator=validators.ge(0))  # 0: the same in both
    start_stagger_s: float = attrs.field(default=0.0, validator=validators.ge(0))  # between starts at one connector
    derate_from_c: float = 1000.0  # ambient over which less current is asked of it, in a straight line
    derate_to_c: float = 1001.0  # ambient at which none is
    options: Mapping[str, Any] = attrs.field(factory=dict)  # what only this driver understands

    @property
    def rating(self) -> StageRating:
        return StageRating(
            max_voltage_v=self.max_voltage_v,
            min_voltage_v=self.min_voltage_v,
            max_current_a=self.max_current_a,
            max_power_w=self.max_power_w,
        )


def load_profile(name: str) -> ModuleProfile:
    """The profile `name` of `profiles/modules/`. Raises ConfigError, in one line, if there is none or it is wrong."""
    data = profiles.load_profile("modules", name)
    where = profiles.path_of("modules", name)
    try:
        profile = structure(data, ModuleProfile)
    except Mistakes as error:
        said = "; ".join(f"{'.'.join(map(str, one.path))}: {one.text}" for one in error.mistakes)
        raise ConfigError(f"{where}: {said}") from error
    if profile.min_voltage_v >= profile.max_voltage_v:
        raise ConfigError(f"{where}: min_voltage_v must be below max_voltage_v; correct the profile")
    if profile.low_range_max_voltage_v >= profile.max_voltage_v:
        raise ConfigError(f"{where}: low_range_max_voltage_v must lie below max_voltage_v; correct the profile")
    if profile.derate_from_c >= profile.derate_to_c:
        raise ConfigError(f"{where}: derate_from_c must be below derate_to_c; correct the profile")
    return profile


def options_of(profile: ModuleProfile, kind: type[T]) -> T:
    """What only this driver understands of `profile`, as an attrs class of the driver's. Raises `ConfigError`."""
    try:
        return structure(dict(profile.options), kind)
    except Mistakes as error:
        said = "; ".join(f"{'.'.join(map(str, ('options', *one.path)))}: {one.text}" for one in error.mistakes)
        raise ConfigError(f"module profile {profile.name}: {said}") from error


# --- what a family is like ------------------------------------------------------------------------------------------


class Current(enum.StrEnum):
    """What the current of a set-point means on the wire."""

    PER_MODULE = "per module"
    TOTAL = "total of all addressed"


class Ranges(enum.StrEnum):
    """How a module with a low and a high output range gets from one to the other."""

    NONE = "one range, or changed by the module itself"
    WHILE_OFF = "changed by command, with the output off"


@attrs.frozen(kw_only=True)
class Semantics:
    """What differs between families beside the bytes. Whoever needs to know reads it here, never asks for a name."""

    addresses: range
    addressing: str  # how a module gets its address, for people
    on_sense: str  # what says ON on the wire, for people
    current: Current = Current.PER_MODULE
    ranges: Ranges = Ranges.NONE
    spontaneous: bool = False  # output and condition come by themselves: unasked they are evidence too
    acknowledges: bool = True  # commands are answered
    bus_voltage: bool = False  # tells the voltage behind its output diode: then its codec is a `BusCodec`
    heartbeat_s: float | None = None  # the controller's own sign of life, beside all questions
    # Whether it switches off `silent_off_s` after the last frame that was meant for it, whatever its neighbours hear:
    # then one that stays on against orders is left alone for so long. False: it is told OFF on and on.
    times_out: bool = True


# --- what a module says ---------------------------------------------------------------------------------------------


@attrs.frozen
class Measured:
    """Output as the module measures it."""

    voltage_v: float
    current_a: float


@attrs.frozen
class MeasuredVoltage:
    """One half of `Measured`, of families that answer it alone."""

    voltage_v: float


@attrs.frozen
class MeasuredCurrent:
    """The other half."""

    current_a: float


@attrs.frozen
class BusVoltage:
    """Voltage behind the output diode: that of what the module is joined to, also while its own output is down."""

    voltage_v: float


@attrs.frozen
class Available:
    """Current the module can deliver at present, derated as it is."""

    current_a: float


@attrs.frozen
class Identity:
    """Who the module is; what the vendor does not say, or says in a frame of its own, stays empty."""

    serial: str = ""
    firmware: str = ""


@attrs.frozen
class IdentityPart:
    """One of the `of` answers that make up an `Identity`, of families with more of it than fits into one.

    Serial numbers are joined without, firmware with a comma between them, in the order of `place`, from 0.
    """

    place: int
    of: int
    identity: Identity


@attrs.frozen
class Alarm:
    """One fault bit: the vendor's word for it, our fault code, and whether the module is of use in spite of it."""

    text: str
    code: str
    usable: bool = False


@attrs.frozen
class Condition:
    """On or off, and what is wrong."""

    on: bool
    ambient_c: float | None
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    walk_in: bool | None = None  # None where the vendor does not say
    high_range: bool | None = None  # None where the vendor does not say


@attrs.frozen
class Detail:
    """One part of the condition, of families that spread it over several frames.

    It adds to `Condition` until the same `part` is told anew. Alone it is no evidence: it does not say on or off.
    """

    part: str
    ambient_c: float | None = None
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    high_range: bool | None = None


@attrs.frozen
class Rated:
    """What the module says it can do."""

    max_voltage_v: float
    min_voltage_v: float
    max_current_a: float
    max_power_w: float


@attrs.frozen(kw_only=True)
class RatedPart:
    """One of the `of` answers that make up a `Rated`, of families that say each rating alone; None is not said here."""

    place: int
    of: int
    max_voltage_v: float | None = None
    min_voltage_v: float | None = None
    max_current_a: float | None = None
    max_power_w: float | None = None


@attrs.frozen
class SwitchedOff:
    """The module acknowledged OFF. That is a word, not yet a measurement."""


@attrs.frozen
class SetPointTaken:
    """The module acknowledged a set-point, or the half of it that `what` names as `Refused` names it."""

    what: str = ""


@attrs.frozen
class StartingUp:
    """The module is there, but not yet able to answer."""


@attrs.frozen
class Refused:
    """The module would not do what it was told. `what` names the command, `why` is the vendor's word."""

    what: str
    why: str


Report = (
    Measured
    | MeasuredVoltage
    | MeasuredCurrent
    | BusVoltage
    | Available
    | Condition
    | Detail
    | Rated
    | RatedPart
    | Identity
    | IdentityPart
    | SwitchedOff
    | SetPointTaken
    | StartingUp
    | Refused
)


# --- what a driver gives --------------------------------------------------------------------------------------------


Frames = tuple[Frame, ...]
"""What says one thing: in this order, none where the family has no word for it. Their data is of full length."""


class ModuleCodec(Protocol):
    """One module at one address. All methods are pure and none raises. No frame is ever addressed to all modules."""

    def ask_output(self) -> Frames: ...

    def ask_condition(self) -> Frames: ...

    def ask_ratings(self) -> Frames:
        """None where the vendor has no such question; then the profile's ratings hold."""

    def ask_identity(self) -> Frames: ...

    def on(self) -> Frames: ...

    def off(self) -> Frames:
        """One frame, that needs no other before or after it."""

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        """The module's own voltage and current limit, within its ratings. Never switches it on."""

    def start(self, voltage_v: float, current_a: float) -> Frames:
        """ON with this set-point, the set-point before and after it where the family has them apart."""

    def walk_in(self, enabled: bool) -> Frames:
        """Soft start."""

    def select_range(self, high: bool) -> Frames:
        """Sent with the output off only."""

    def heartbeat(self) -> Frames:
        """Sent each `Semantics.heartbeat_s`."""

    def is_from_module(self, frame: Frame) -> bool:
        """Whether the module sent this to us. Never true for a frame of our own, echoed or not."""

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        """What a frame of the module says; nothing if it says nothing we use, or is not well formed."""


@runtime_checkable
class BusCodec(ModuleCodec, Protocol):
    """One of a family that tells the voltage behind its output diode."""

    def ask_bus_voltage(self) -> Frames:
        """Answered with `BusVoltage`. Asked while the module is off: a relay that has welded shows there."""


class ModuleDriver(Protocol):
    """A vendor family."""

    @property
    def name(self) -> str: ...

    @property
    def semantics(self) -> Semantics: ...

    def codec(self, address: int, profile: ModuleProfile, /) -> ModuleCodec:
        """Raises `ConfigError` for an address that the family does not have, or options it does not know."""


@runtime_checkable
class DescribedDriver(ModuleDriver, Protocol):
    """A driver of families that are described by their profiles: what each is like is read there."""

    def semantics_of(self, profile: ModuleProfile, /) -> Semantics:
        """Raises `ConfigError` for a description that is wrong."""


def semantics_of(driver: ModuleDriver, profile: ModuleProfile) -> Semantics:
    """What modules of `profile` are like. Raises `ConfigError` for a profile whose description is wrong."""
    return driver.semantics_of(profile) if isinstance(driver, DescribedDriver) else driver.semantics


def check_address(driver: ModuleDriver, address: int) -> None:
    """Raises `ConfigError` for an address that the family does not have."""
    known = driver.semantics.addresses
    if address not in known:
        raise ConfigError(f"an address of {driver.name} is {known[0]} to {known[-1]}, not {address}")


def load_driver(name: str) -> ModuleDriver:
    """The driver installed under `name`. Raises `ConfigError`, naming those there are, if there is none."""
    found = entry_points(group=ENTRY_POINTS)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigError(f"no module driver {name!r} is installed; there are: {known}")
    driver: ModuleDriver = found[name].load()
    return driver
