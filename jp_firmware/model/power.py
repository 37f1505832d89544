"""Power as modules deliver it, as cars demand it and as the planner shares it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.limits import Limit


@attrs.frozen(kw_only=True)
class StageRating:
    """What a set of modules can do together. Zero power means that no module is usable."""

    max_voltage_v: float = 0.0
    min_voltage_v: float = 0.0
    max_current_a: float = 0.0
    max_power_w: float = 0.0

    @classmethod
    def together(cls, ratings: Sequence[StageRating]) -> StageRating:
        """Of modules on one bus-bar: the voltages that all of them can, currents and powers added."""
        if not ratings:
            return cls()
        return cls(
            max_voltage_v=min(one.max_voltage_v for one in ratings),
            min_voltage_v=max(one.min_voltage_v for one in ratings),
            max_current_a=sum(one.max_current_a for one in ratings),
            max_power_w=sum(one.max_power_w for one in ratings),
        )

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
    bus_voltage_v: float | None = None  # behind its output diode, while it is off and where its family tells it
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
    requested_w: float  # the EV's wish now: target voltage times target current; the last good one if `stale`
    offered_w: float  # the most this connector could deliver, before sharing
    offered_by: str = "connector"  # what bounds `offered_w`: "modules", "cable", ...
    measured_w: float = 0.0  # what flows now; not-a-number if that is not known
    active: bool = True  # in a session that may take power
    weight: float = 1.0
    tier: int = 1  # 1 is served before 2, and so on
    stale: bool = False  # the EV's wish is too old to raise power on
    capacity_w: float = math.inf  # what the modules that are confirmed to feed it can deliver at its voltage
    voltage_v: float = 0.0  # at its output, for what a ramp in A/s is in watts; 0 if unknown
    started_s: float = 0.0  # when its session began, monotonic: of two equals the later one waits
    soc_percent: float | None = None


@attrs.frozen(kw_only=True)
class Standing:
    """What the planner must remember of a connector from one plan to the next. Times are monotonic."""

    admitted_since_s: float = math.inf  # let in without a break since then
    turn_since_s: float = math.inf  # its present turn; others who wait come after `rotate_s` of it
    waiting_since_s: float = math.inf  # it wants power, and there is not even the useful minimum for it
    turns: int = 0  # how often it was let in during this session
    modest_since_s: float = math.inf  # it draws notably less than it may
    modest_peak_w: float = 0.0  # the most it drew since
    held: bool = False  # its wish went stale: what is reserved for it stays reserved until nothing flows


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
    limited_at: str = ""  # the scope of that limit; empty for what is no limit of the book
    target_w: float = 0.0  # what modules are to be attached for: at most `allowed_w`
    reserved_w: float = 0.0  # counts against every limit above it: assigned, or measured if that is more
    measured_w: float = 0.0
    held_by: str = ""  # why `assigned_w` is below `allowed_w`: "modules", "room", "ramp", "stale demand"
    offered_by: str = "connector"  # what bounds `offered_w`
    active: bool = False
    stale: bool = False
    tier: int = 1
    standing: Standing = Standing()


@attrs.frozen(kw_only=True)
class Powers:
    """The four published numbers of a connector, a chain or the site. W."""

    requested_w: float = 0.0
    offered_w: float = 0.0
    allowed_w: float = 0.0
    assigned_w: float = 0.0


@attrs.frozen(kw_only=True)
class Plan:
    """One result of the planner. The sum of `assigned_w` never exceeds `site_limit_w`."""

    revision: int = 0
    at_s: float = 0.0
    site_limit_w: float = 0.0
    allocations: Mapping[ConnectorId, Allocation] = attrs.field(factory=dict)
    reserve_w: float = 0.0  # of the site's limit, never shared
    efficiency: float = 1.0  # of limits at the grid so much is left at the connectors; `site_limit_w` is what is left
    limits: Sequence[Limit] = ()  # all that were in force
    paths: Mapping[ConnectorId, Sequence[str]] = attrs.field(factory=dict)  # scopes above it, innermost first
    shares_w: Mapping[str, float] = attrs.field(factory=dict)  # what each chain is guaranteed, by scope

    def total(self, name: str) -> float:
        """Sum of one of the four powers over all connectors, by its name (`"requested_w"`, ...)."""
        return float(sum(getattr(one, name) for one in self.allocations.values()))

    def powers(self, scope: str = "site") -> Powers:
        """The four numbers of all connectors below `scope`: "site", "chain-NAME", "feeder-NAME", "connector-N"."""
        below = [one for key, one in self.allocations.items() if scope == "site" or scope in self.scopes_of(key)]
        return Powers(
            requested_w=sum(one.requested_w for one in below),
            offered_w=sum(one.offered_w for one in below),
            allowed_w=sum(one.allowed_w for one in below),
            assigned_w=sum(one.assigned_w for one in below),
        )

    def scopes_of(self, connector_id: ConnectorId) -> tuple[str, ...]:
        """Every scope that bounds a connector, from the connector itself to the site."""
        return (f"connector-{connector_id}", *self.paths.get(connector_id, ("site",)))
