"""A meter type as data: its registers, how often to read them, and what it cannot possibly measure."""

from __future__ import annotations

import attrs
from attrs import validators

from jp_firmware.config.profiles import load_profile, path_of
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import Mistakes, structure
from jp_firmware.hw.modbus.register_map import Register, RegisterMap

REQUIRED = ("voltage_v", "current_a", "import_wh")


@attrs.frozen(kw_only=True)
class Vector:
    """A request and an answer as they went over the wire, in hex, and what they mean."""

    request: str
    answer: str
    values: dict[str, float]


@attrs.frozen(kw_only=True)
class MeterProfile:
    """One file of `profiles/meters/`. `power_w` is computed if the meter has no register for it."""

    name: str
    registers: dict[str, Register]
    function: int = 3
    word_order: str = "high first"
    max_registers: int = 125
    max_gap: int = 0
    poll_s: float = attrs.field(default=1.0, validator=validators.ge(0.1))
    timeout_s: float = attrs.field(default=0.5, validator=validators.gt(0))
    max_voltage_v: float = attrs.field(validator=validators.gt(0))
    max_current_a: float = attrs.field(validator=validators.gt(0))
    max_power_w: float = attrs.field(validator=validators.gt(0))
    energy_step_wh: float = attrs.field(default=1.0, validator=validators.gt(0))  # the register's smallest step
    vectors: tuple[Vector, ...] = ()

    @property
    def map(self) -> RegisterMap:
        return RegisterMap(
            registers=self.registers,
            function=self.function,
            word_order=self.word_order,
            max_registers=self.max_registers,
            max_gap=self.max_gap,
        )


def load(name: str) -> MeterProfile:
    """The profile `name`. Raises ConfigError, in one line, if there is none or it is wrong."""
    data = load_profile("meters", name)
    where = path_of("meters", name)
    try:
        profile = structure(data, MeterProfile)
        profile.map.plan()
    except Mistakes as error:
        said = "; ".join(f"{'.'.join(map(str, one.path))}: {one.text}" for one in error.mistakes)
        raise ConfigError(f"{where}: {said}") from error
    except ValueError as error:
        raise ConfigError(f"{where}: {error}; correct the profile") from error
    missing = [name for name in REQUIRED if name not in profile.registers or not profile.registers[name].poll]
    if missing:
        raise ConfigError(f"{where}: registers.{missing[0]} is missing or not polled; a billing meter needs it")
    return profile
