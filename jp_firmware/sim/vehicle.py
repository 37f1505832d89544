"""An electric vehicle as data, and its battery: charge curve, voltage, resistance, state of charge.

Curves come from `profiles/vehicles/`, each with its attribution. The battery is a voltage source behind a resistance
and integrates what flows into it; it knows nothing of plugs, contactors or protocols.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right

import attrs

from jp_firmware.config.profiles import load_profile, names_of
from jp_firmware.config.schema import ConfigError
from jp_firmware.model.connector import EvProtocol

_PROTOCOLS = {protocol.value: protocol for protocol in EvProtocol}


class VehicleError(Exception):
    """A vehicle that does not exist or whose profile says nonsense: what, where, what to do."""


def _increasing(_: object, attribute: attrs.Attribute[tuple[float, ...]], value: tuple[float, ...]) -> None:
    if len(value) < 2 or any(b <= a for a, b in itertools.pairwise(value)):
        raise ValueError(f"{attribute.name} must be at least two increasing numbers")
    if value[0] != 0 or value[-1] != 100:
        raise ValueError(f"{attribute.name} must run from 0 to 100")


@attrs.frozen(kw_only=True)
class Vehicle:
    """One car of `profiles/vehicles/`. `soc_percent` and `power_w` are the points of its charge curve."""

    name: str
    brand: str
    model: str
    attribution: str
    battery_kwh: float = attrs.field(validator=attrs.validators.gt(0))
    nominal_voltage_v: float = attrs.field(validator=attrs.validators.gt(0))
    max_voltage_v: float = attrs.field(validator=attrs.validators.gt(0))
    max_current_a: float = attrs.field(validator=attrs.validators.gt(0))
    resistance_ohm: float = attrs.field(validator=attrs.validators.ge(0))
    protocol: EvProtocol
    soc_percent: tuple[float, ...] = attrs.field(validator=_increasing)
    power_w: tuple[float, ...]

    def __attrs_post_init__(self) -> None:
        if len(self.power_w) != len(self.soc_percent) or any(power <= 0 for power in self.power_w):
            raise ValueError("power_w must hold one positive number for each of soc_percent")

    def power_at(self, soc_percent: float) -> float:
        """Power the car takes at this state of charge.

        Linear between the points: monotone on each piece, and never outside the values of its two ends.
        """
        soc = min(max(soc_percent, 0.0), 100.0)
        right = min(bisect_right(self.soc_percent, soc), len(self.soc_percent) - 1)
        left = right - 1
        share = (soc - self.soc_percent[left]) / (self.soc_percent[right] - self.soc_percent[left])
        return self.power_w[left] + share * (self.power_w[right] - self.power_w[left])

    @property
    def max_power_w(self) -> float:
        return max(self.power_w)


@attrs.define(eq=False, kw_only=True)
class Battery:
    """A pack. `capacity_wh` may be smaller than the car's own, so that a whole charge fits into a minute."""

    nominal_voltage_v: float
    resistance_ohm: float
    capacity_wh: float
    soc_percent: float
    taken_wh: float = 0.0  # at the terminals
    lost_wh: float = 0.0  # in the resistance

    @property
    def open_circuit_v(self) -> float:
        """Nominal voltage times 0.86 + 0.18 x SoC: ours, since the curves' data has no voltages."""
        return self.nominal_voltage_v * (0.86 + 0.18 * self.soc_percent / 100)

    def take(self, current_a: float, dt_s: float) -> None:
        """Charges with `current_a` for `dt_s`. The state of charge stops at 100 %."""
        stored_wh = self.open_circuit_v * current_a * dt_s / 3600
        lost_wh = self.resistance_ohm * current_a**2 * dt_s / 3600
        self.taken_wh += stored_wh + lost_wh
        self.lost_wh += lost_wh
        self.soc_percent = min(100.0, self.soc_percent + 100 * stored_wh / self.capacity_wh)


def names() -> tuple[str, ...]:
    """Names of all vehicles there are."""
    return names_of("vehicles")


def load(name: str) -> Vehicle:
    """The vehicle of that name. Raises VehicleError, in one line."""
    try:
        data = load_profile("vehicles", name)
        return Vehicle(
            name=name,
            brand=data["brand"],
            model=data["model"],
            attribution=data["attribution"],
            battery_kwh=data["battery_kwh"],
            nominal_voltage_v=data["nominal_voltage_v"],
            max_voltage_v=data["max_voltage_v"],
            max_current_a=data["max_current_a"],
            resistance_ohm=data["resistance_ohm"],
            protocol=_PROTOCOLS[data["protocol"]],
            soc_percent=tuple(data["curve"]["soc_percent"]),
            power_w=tuple(data["curve"]["power_w"]),
        )
    except ConfigError as error:
        raise VehicleError(str(error)) from error
    except KeyError as error:
        raise VehicleError(f"vehicle {name}: {error} is missing or unknown; compare with another vehicle") from error
    except (ValueError, TypeError) as error:
        raise VehicleError(f"vehicle {name}: {error}") from error
