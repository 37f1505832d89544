"""A type of site meter as data: which register holds the power, and how often it is read."""

from __future__ import annotations

import attrs
from attrs import validators

from jp_firmware.config.profiles import load_profile, path_of
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import Mistakes, structure
from jp_firmware.hw.modbus.register_map import Register, RegisterMap

KIND = "site_meters"  # the directory of their profiles


@attrs.frozen(kw_only=True)
class SiteMeterProfile:
    """One file of `profiles/site_meters/`. Only `power_w` is needed; other registers may be there, not polled."""

    name: str
    registers: dict[str, Register]
    function: int = attrs.field(default=3, validator=validators.in_((3, 4)))
    word_order: str = "high first"
    poll_s: float = attrs.field(default=0.5, validator=validators.ge(0.1))
    timeout_s: float = attrs.field(default=0.4, validator=validators.gt(0))
    max_power_w: float = attrs.field(validator=validators.gt(0))

    @property
    def map(self) -> RegisterMap:
        return RegisterMap(registers=self.registers, function=self.function, word_order=self.word_order)


def load(name: str) -> SiteMeterProfile:
    """The profile `name`. Raises ConfigError, in one line, if there is none or it is wrong."""
    data = load_profile(KIND, name)
    where = path_of(KIND, name)
    try:
        profile = structure(data, SiteMeterProfile)
        profile.map.plan()
    except Mistakes as error:
        said = "; ".join(f"{'.'.join(map(str, one.path))}: {one.text}" for one in error.mistakes)
        raise ConfigError(f"{where}: {said}") from error
    except ValueError as error:
        raise ConfigError(f"{where}: {error}; correct the profile") from error
    if "power_w" not in profile.registers or not profile.registers["power_w"].poll:
        raise ConfigError(f"{where}: registers.power_w is missing or not polled; a site meter needs it")
    return profile
