"""Power as modules deliver it, as cars demand it and as the planner shares it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId


@attrs.frozen(kw_only=True)
class StageRating:
    """What a set of modules can do together. Zero power means that no module is usable."""

    max_voltage_v: float = 0.0
    min_voltage_v: float = 0.0
    max_current_a: float = 0.0
    max_power_w: float = 0.0

    def current_limit_a(self, voltage_v: float) -> float:
        """Largest current at `voltage_v`: constant current below the corner, constant power above it."""
        if voltage_v <= 0:
            return self.max_current_a
        return min(self.max_current_a, self.max_power_w / voltage_v)


@attrs.frozen(kw_only=True)
class StageOutput:
    """What a set of modules measures at its output: voltage of the bus, sum of the currents."""

    voltage_v: float
    current_a: float
    modules_on: int

    @property
    def power_w(self) -> float:
        return self.voltage_v * self.current_a


@attrs.frozen(kw_only=True)
class SetPoint:
    """What a power stage shall deliver, until `expires_at_s`: an unrenewed set-point ends with modules off.

    `current_a` is the total over the stage's modules; dividing it among them is the driver's business.
    """

    voltage_v: float
    current_a: float
    expires_at_s: float


@attrs.frozen(kw_only=True)
class ModuleStatus:
    """One module as it last reported itself."""

    module_id: ModuleId
    on: bool
    voltage_v: float
    current_a: float
    ambient_c: float | None = None
    alarms: tuple[str, ...] = ()  # the vendor's words, faults only
    notes: tuple[str, ...] = ()  # informative bits: walk-in, power limited, ...


@attrs.frozen(kw_only=True)
class MeterReading:
    """One reading of a connector's DC meter. `import_wh` is the absolute register: never re-based, never lower."""

    voltage_v: float
    current_a: float
    power_w: float
    import_wh: int


@attrs.frozen(kw_only=True)
class Demand:
    """What one connector asks of the planner."""

    connector_id: ConnectorId
    requested_w: float  # the EV's wish now: target voltage times target current
    offered_w: float  # the most this connector could deliver, before sharing
    offered_by: str = "connector"  # what bounds `offered_w`: "modules", "cable", ...
    measured_w: float = 0.0  # what flows now
    active: bool = True  # in a session that may take power
    weight: float = 1.0
    stale: bool = False  # the EV's wish is too old to raise power on


@attrs.frozen(kw_only=True)
class Allocation:
    """The planner's word for one connector, valid until `valid_until_s`; after that the connector's share is 0."""

    connector_id: ConnectorId
    requested_w: float = 0.0
    offered_w: float = 0.0
    allowed_w: float = 0.0  # the fair share under all limits
    assigned_w: float = 0.0  # what may be drawn now: a cut at once, a rise only into room that was measured
    limited_by: str = "demand"  # "demand", or the owner of the limit that binds
    valid_until_s: float = 0.0


@attrs.frozen(kw_only=True)
class Plan:
    """One result of the planner. The sum of `assigned_w` never exceeds `site_limit_w`."""

    revision: int = 0
    at_s: float = 0.0
    site_limit_w: float = 0.0
    allocations: Mapping[ConnectorId, Allocation] = attrs.field(factory=dict)

    def total(self, name: str) -> float:
        """Sum of one of the four powers over all connectors, by its name (`"requested_w"`, ...)."""
        return float(sum(getattr(one, name) for one in self.allocations.values()))
