"""What a driver for a family of power modules must give, in words no vendor owns, and the profile that tunes it.

A driver is a codec: it makes frames and understands frames. Timing, watchdogs and set-points are `ModuleTask`'s and the
same for every vendor. Drivers are found by name through the entry points `jp_firmware.modules`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol

import attrs
from attrs import validators

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import Mistakes, structure
from jp_firmware.hw.can.frame import Frame
from jp_firmware.model.power import StageRating

ENTRY_POINTS = "jp_firmware.modules"


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
    walk_in: str = attrs.field(default="leave", validator=validators.in_(("leave", "enable", "disable")))
    poll_on_s: float = attrs.field(default=0.2, validator=validators.gt(0))  # output, while on
    poll_off_s: float = attrs.field(default=0.5, validator=validators.gt(0))  # output, while off
    poll_status_s: float = attrs.field(default=0.5, validator=validators.gt(0))
    refresh_s: float = attrs.field(default=0.5, validator=validators.gt(0))  # set-point, while on
    off_repeat_s: float = attrs.field(default=0.1, validator=validators.gt(0))  # OFF, until confirmed
    off_within_s: float = attrs.field(default=1.0, validator=validators.gt(0))  # OFF to current below 1 A

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
    return profile


# --- what a module says ---------------------------------------------------------------------------------------------


@attrs.frozen
class Measured:
    """Output as the module measures it."""

    voltage_v: float
    current_a: float


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


@attrs.frozen
class Rated:
    """What the module says it can do."""

    max_voltage_v: float
    min_voltage_v: float
    max_current_a: float
    max_power_w: float


@attrs.frozen
class SwitchedOff:
    """The module acknowledged OFF. That is a word, not yet a measurement."""


@attrs.frozen
class SetPointTaken:
    """The module acknowledged a set-point."""


@attrs.frozen
class StartingUp:
    """The module is there, but not yet able to answer."""


@attrs.frozen
class Refused:
    """The module would not do what it was told. `what` names the command, `why` is the vendor's word."""

    what: str
    why: str


Report = Measured | Condition | Rated | SwitchedOff | SetPointTaken | StartingUp | Refused


# --- what a driver gives --------------------------------------------------------------------------------------------


class ModuleCodec(Protocol):
    """One module at one address. All methods are pure and none raises."""

    def ask_output(self) -> Frame: ...

    def ask_condition(self) -> Frame: ...

    def ask_ratings(self) -> Frame | None:
        """None where the vendor has no such question; then the profile's ratings hold."""

    def on(self) -> Frame: ...

    def off(self) -> Frame: ...

    def set_point(self, voltage_v: float, current_a: float) -> Frame:
        """The module's own voltage and current limit, within its ratings."""

    def walk_in(self, enabled: bool) -> Frame | None:
        """Soft start; None where the vendor has none."""

    def is_from_module(self, frame: Frame) -> bool:
        """Whether the module sent this to us. Never true for a frame of our own, echoed or not."""

    def decode(self, frame: Frame) -> Report | None:
        """What a frame of the module says; None if it says nothing we use, or is not well formed."""


class ModuleDriver(Protocol):
    """A vendor family."""

    name: str

    def codec(self, address: int) -> ModuleCodec:
        """Raises `ConfigError` for an address that the family does not have."""


def load_driver(name: str) -> ModuleDriver:
    """The driver installed under `name`. Raises `ConfigError`, naming those there are, if there is none."""
    found = entry_points(group=ENTRY_POINTS)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigError(f"no module driver {name!r} is installed; there are: {known}")
    driver: ModuleDriver = found[name].load()
    return driver
