"""What a cabinet's configuration may say: each key with its unit, its range and its default.

The classes mirror the TOML file one to one. Checks that need more than one key stand in `checks`.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs import validators

from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId


class ConfigError(Exception):
    """A mistake in the configuration: what, where (file, line or key) and what to do, in one line."""


@attrs.frozen
class Between:
    """Allows a range, ends included; not-a-number is outside every range."""

    low: float
    high: float

    def __call__(self, _instance: Any, _attribute: Any, value: float) -> None:
        if not self.low <= value <= self.high:
            raise ValueError(f"{value!r} is out of range; allowed: {self.low:,.12g} to {self.high:,.12g}")


@attrs.frozen
class OneOf:
    """Allows a choice of values."""

    values: tuple[Any, ...]

    def __call__(self, _instance: Any, _attribute: Any, value: Any) -> None:
        if value not in self.values:
            raise ValueError(f"{value!r} is not allowed; allowed: {', '.join(map(str, self.values))}")


def _between(low: float, high: float) -> Any:
    return Between(low, high)


def _optional(low: float, high: float) -> Any:
    return validators.optional(Between(low, high))


def _one_of(*values: Any) -> Any:
    return OneOf(values)


@attrs.frozen(kw_only=True)
class Charger:
    """Who the charger is."""

    identity: str  # OCPP identity, the last part of the backend's URL
    name: str = "DC charger"
    vendor: str = "JP"
    model: str = "JP firmware"
    serial: str = ""


@attrs.frozen(kw_only=True)
class Site:
    """What the site may draw."""

    limit_w: float = attrs.field(validator=_between(0, 10_000_000))


@attrs.frozen(kw_only=True)
class Backend:
    """The central system. An empty URL means that there is none."""

    url: str = ""  # ws:// or wss://, without the identity
    password: str = ""  # HTTP Basic, security profile 1 and 2
    connect_timeout_s: float = attrs.field(default=15.0, validator=_between(1, 120))
    call_timeout_s: float = attrs.field(default=30.0, validator=_between(1, 300))
    ping_interval_s: float = attrs.field(default=20.0, validator=_between(0, 3600))  # 0: none
    retry_first_s: float = attrs.field(default=2.0, validator=_between(0.1, 600))
    retry_cap_s: float = attrs.field(default=120.0, validator=_between(0.1, 3600))


@attrs.frozen(kw_only=True)
class LocalTag:
    """One entry of the local authorization list."""

    uid: str
    name: str = ""
    status: str = attrs.field(default="accepted", validator=_one_of("accepted", "blocked", "expired"))


@attrs.frozen(kw_only=True)
class Authorize:
    """Who may charge, and who decides when the central system is away."""

    local_list: tuple[LocalTag, ...] = ()
    local_pre_authorize: bool = True  # start on a list hit while online, without asking
    local_authorize_offline: bool = True  # the list counts while offline
    allow_unknown_offline: bool = False  # unknown tags may start while offline
    plug_timeout_s: float = attrs.field(default=60.0, validator=_between(5, 3600))  # OCPP ConnectionTimeOut


@attrs.frozen(kw_only=True)
class Wire:
    """One bus. `port` is a tty below the device directory, a network interface (socketcan) or a TCP port."""

    name: str
    kind: str = attrs.field(validator=_one_of("slcan", "socketcan", "modbus-rtu", "modbus-tcp"))
    port: str
    host: str = ""  # modbus-tcp only
    bitrate: int = attrs.field(
        default=125_000,
        validator=_one_of(10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000),
    )
    baud: int = attrs.field(
        default=19_200, validator=_one_of(1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400)
    )
    parity: str = attrs.field(default="N", validator=_one_of("N", "E", "O"))
    stop_bits: int = attrs.field(default=1, validator=_one_of(1, 2))

    @property
    def is_can(self) -> bool:
        return self.kind in ("slcan", "socketcan")


@attrs.frozen(kw_only=True)
class Module:
    """One power module on a CAN wire."""

    id: ModuleId
    wire: str
    address: int = attrs.field(validator=_between(0, 255))
    connector: ConnectorId
    driver: str = "infypower"
    profile: str = "infypower-reg1k0100g"
    watchdog_s: float = attrs.field(default=2.0, validator=_between(0.2, 9.0))  # below the module's own 10 s


@attrs.frozen(kw_only=True)
class Meter:
    """One DC meter on a Modbus wire."""

    id: MeterId
    wire: str
    unit: int = attrs.field(validator=_between(1, 247))
    connector: ConnectorId
    driver: str = "register-map"
    profile: str = "acrel-djsf1352-rn"
    watchdog_s: float = attrs.field(default=5.0, validator=_between(0.5, 60))


@attrs.frozen(kw_only=True)
class PlcBoard:
    """One PLC board on a Modbus wire of its own. `connectors` in the order of the board's blocks."""

    id: PlcId
    wire: str
    unit: int = attrs.field(default=1, validator=_between(1, 247))
    connectors: tuple[ConnectorId, ...]
    driver: str = "jp-plc-link"
    watchdog_s: float = attrs.field(default=0.5, validator=_between(0.1, 5))


@attrs.frozen(kw_only=True)
class Reader:
    """One RFID reader on a tty that serves some connectors; none named means all."""

    id: str
    port: str
    baud: int = 9600
    connectors: tuple[ConnectorId, ...] = ()


@attrs.frozen(kw_only=True)
class Connector:
    """One connector and what its cable and plug may carry."""

    id: ConnectorId = attrs.field(validator=_between(1, 99))
    max_voltage_v: float = attrs.field(default=1000.0, validator=_between(50, 1500))
    max_current_a: float = attrs.field(default=200.0, validator=_between(1, 3000))
    max_power_w: float = attrs.field(default=1_000_000.0, validator=_between(1000, 4_000_000))
    weight: float = attrs.field(default=1.0, validator=_between(0.01, 100))
    tier: int = attrs.field(default=1, validator=_between(1, 9))  # 1 is served before 2, and so on


@attrs.frozen(kw_only=True)
class Chain:
    """The connectors and modules behind one group limit. `share_w` of it is theirs even when others ask for more."""

    name: str
    connectors: tuple[ConnectorId, ...]
    cap_w: float = attrs.field(validator=_between(0, 10_000_000))  # what its wiring can carry
    share_w: float | None = attrs.field(default=None, validator=_optional(0, 10_000_000))  # none: all of `cap_w`


@attrs.frozen(kw_only=True)
class Feeder:
    """A supply line that carries some of the connectors."""

    name: str
    connectors: tuple[ConnectorId, ...]
    limit_w: float = attrs.field(validator=_between(0, 10_000_000))


@attrs.frozen(kw_only=True)
class Bridge:
    """A contactor that joins two chains' bus-bars: one electrical net, so one connector at a time may use it."""

    name: str
    board: PlcId
    relay: int = attrs.field(validator=_between(3, 16))  # of the board's free outputs
    max_current_a: float = attrs.field(default=200.0, validator=_between(1, 3000))


@attrs.frozen(kw_only=True)
class Switch:
    """One way of a module to a connector, over a relay of a PLC board. A module without any is wired to its own."""

    module: ModuleId
    connector: ConnectorId
    board: PlcId
    relay: int = attrs.field(validator=_between(3, 16))  # R1 and R2 drive the connectors' contactors
    bridge: str = ""  # over this bridge as well


@attrs.frozen(kw_only=True)
class Planner:
    """How the site's power is shared."""

    borrowing: bool = True  # a chain may use what others leave of their shares
    min_useful_w: float = attrs.field(default=5_000.0, validator=_between(0, 100_000))  # below it a session waits
    rotate_s: float = attrs.field(default=900.0, validator=_between(60, 86_400))  # who waits takes turns
    reserve_w: float = attrs.field(default=0.0, validator=_between(0, 1_000_000))  # of the site's limit, never shared
    ramp_a_per_s: float = attrs.field(default=25.0, validator=_between(1, 1000))  # up; down is at once
    move_dwell_s: float = attrs.field(default=60.0, validator=_between(1, 3600))  # a module stays where it is
    moves_per_hour: int = attrs.field(default=30, validator=_between(0, 1000))  # of each module


@attrs.frozen(kw_only=True)
class SiteMeter:
    """A meter of the whole site, or of the building without the chargers."""

    wire: str
    unit: int = attrs.field(default=1, validator=_between(1, 247))
    profile: str = "siemens-pac2200"
    includes_chargers: bool = True
    fallback_w: float = attrs.field(default=0.0, validator=_between(0, 10_000_000))  # building load while it is lost
    watchdog_s: float = attrs.field(default=10.0, validator=_between(1, 300))


@attrs.frozen(kw_only=True)
class Process:
    """The controller as a process of the machine, and what guards it."""

    stop_timeout_s: float = attrs.field(default=0.0, validator=_between(0, 3600))  # what kills it then; 0: ask systemd
    realtime_priority: int = attrs.field(default=0, validator=_between(0, 50))  # SCHED_RR; 0: normal scheduling
    guard_deadline_s: float = attrs.field(default=1.0, validator=_between(0.2, 5))  # loop stands still: modules off
    hardware_watchdog: str = ""  # /dev/watchdog, if systemd has not got it; empty: none
    hardware_watchdog_timeout_s: int = attrs.field(default=15, validator=_between(4, 600))


@attrs.frozen(kw_only=True)
class Watchdog:
    """Changes how parts of the tree are watched; what it does not name stays as it is. See `jp tree` for paths."""

    path: str  # as in "wires/can0/module-3"; "*" stands for any name
    period_s: float | None = attrs.field(
        default=None, validator=_optional(0.2, 86_400)
    )  # range of each kind: watchdogs
    grace_s: float | None = attrs.field(
        default=None, validator=_optional(1, 600)
    )  # from the start to the first evidence
    at_expiry: str | None = attrs.field(
        default=None, validator=validators.optional(OneOf(("restart", "restart-bus", "escalate")))
    )


@attrs.frozen(kw_only=True)
class Cabinet:
    """The whole configuration of one charger."""

    charger: Charger
    site: Site
    backend: Backend = attrs.field(factory=Backend)
    authorize: Authorize = attrs.field(factory=Authorize)
    process: Process = attrs.field(factory=Process)
    wires: tuple[Wire, ...] = ()
    modules: tuple[Module, ...] = ()
    meters: tuple[Meter, ...] = ()
    plc_boards: tuple[PlcBoard, ...] = ()
    readers: tuple[Reader, ...] = ()
    connectors: tuple[Connector, ...] = ()
    watchdogs: tuple[Watchdog, ...] = ()
    planner: Planner = attrs.field(factory=Planner)
    chains: tuple[Chain, ...] = ()
    feeders: tuple[Feeder, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    switches: tuple[Switch, ...] = ()
    site_meter: SiteMeter | None = None

    def wire(self, name: str) -> Wire:
        return next(wire for wire in self.wires if wire.name == name)
