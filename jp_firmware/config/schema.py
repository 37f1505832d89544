"""What a cabinet's configuration may say: each key with its meaning, unit, range and default, and what a change takes.

The classes mirror the TOML file one to one. Checks that need more than one key stand in `checks`.
"""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, Role, declared
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId

LIVE, NEXT_SESSION = Reload.LIVE, Reload.NEXT_SESSION
RECONNECT, RESTART = Reload.RECONNECT, Reload.RESTART_CHILD
OPERATOR, MANUFACTURER = Role.OPERATOR, Role.MANUFACTURER

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Voltage",
    "Current.Import",
    "SoC",
    "Power.Offered",
)
"""What the central system can be told of a session, in the words of OCPP 1.6."""


class ConfigError(Exception):
    """A mistake in the configuration: what, where (file, line or key) and what to do, in one line."""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Charger:
    """Who the charger is."""

    identity: Annotated[
        str,
        Key(
            "The charger's identity at the central system: the last part of the URL that is called. "
            "The central system must know it, letter by letter.",
            reload=RECONNECT,
            per_device=True,
        ),
    ]
    name: Annotated[str, Key("What people call the charger; shown on screens.", role=OPERATOR)] = "DC charger"
    vendor: Annotated[str, Key("The maker, as the central system is told it.", reload=RECONNECT, role=MANUFACTURER)] = (
        "JP"
    )
    model: Annotated[str, Key("The type, as the central system is told it.", reload=RECONNECT, role=MANUFACTURER)] = (
        "JP firmware"
    )
    serial: Annotated[
        str,
        Key(
            "The serial number on the type plate, as the central system is told it; empty tells none.",
            reload=RECONNECT,
            role=MANUFACTURER,
            per_device=True,
        ),
    ] = ""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Board:
    """The board that the controller runs on: what it brings along is in its profile, what was added is told here."""

    profile: Annotated[
        str,
        Key("Its type: the file among the boards' profiles (std, pro, xtreme); empty: not told.", role=MANUFACTURER),
    ] = ""
    added_rs485: Annotated[
        int, Key("RS-485 ports that adapters add to the board's own.", between=(0, 16), role=MANUFACTURER)
    ] = 0
    added_can: Annotated[
        int,
        Key(
            "CAN interfaces of the kernel (socketcan) that adapters add to the board's own.",
            between=(0, 16),
            role=MANUFACTURER,
        ),
    ] = 0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Brand:
    """Under whose name the charger stands. What is left out is as the brand's profile says."""

    profile: Annotated[str, Key("The brand: the file among the brands' profiles.", role=MANUFACTURER)] = "default"
    name: Annotated[str | None, Key("The name on screens.", role=MANUFACTURER)] = None
    support_phone: Annotated[
        str | None, Key("The number that a driver in need calls; empty: none is shown.", role=OPERATOR)
    ] = None
    logo: Annotated[
        str | None, Key("The picture of the name: a file beside the brands' profiles; empty: none.", role=MANUFACTURER)
    ] = None
    primary_colour: Annotated[str | None, Key("The brand's colour, #rrggbb; empty: none.", role=MANUFACTURER)] = None
    accent_colour: Annotated[
        str | None, Key("The colour that sets off what can be pressed, #rrggbb; empty: none.", role=MANUFACTURER)
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Site:
    """What the site may draw."""

    limit_w: Annotated[
        float,
        Key(
            "What may be drawn at the connection by all connectors together. It is on the wire as set-points when a "
            "change of it has been applied.",
            unit="W",
            between=(0, 10_000_000),
        ),
    ]
    efficiency: Annotated[
        float,
        Key(
            "The least efficiency of the power modules, AC to DC. Limits of the site and of feeders, of the site meter "
            "and of the central system for the whole station are power at the grid: so much of them is left at the "
            "connectors. Limits of chains and connectors are DC power. 1: all limits are.",
            between=(0.8, 1.0),
        ),
    ] = 1.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Backend:
    """The central system. An empty URL means that there is none."""

    url: Annotated[
        str,
        Key("Where the central system is, ws:// or wss://, without the identity; empty: none.", reload=RECONNECT),
    ] = ""
    password: Annotated[
        str,
        Key(
            "What the charger proves its identity with (HTTP Basic, OCPP security profiles 1 and 2).",
            reload=RECONNECT,
            secret=True,
            per_device=True,
        ),
    ] = ""
    connect_timeout_s: Annotated[
        float, Key("How long one attempt to connect may take.", unit="s", between=(1, 120), reload=RECONNECT)
    ] = 15.0
    call_timeout_s: Annotated[
        float,
        Key("How long the central system may take to answer a message.", unit="s", between=(1, 300), reload=RECONNECT),
    ] = 30.0
    ping_interval_s: Annotated[
        float,
        Key(
            "Between two pings of an idle connection, which keep it alive in routers on the way; 0: none. "
            "OCPP: WebSocketPingInterval.",
            unit="s",
            between=(0, 3600),
        ),
    ] = 20.0
    retry_first_s: Annotated[
        float,
        Key("From a failed attempt to the next, at first.", unit="s", between=(0.1, 600), reload=RECONNECT),
    ] = 2.0
    retry_cap_s: Annotated[
        float,
        Key("From a failed attempt to the next, at most.", unit="s", between=(0.1, 3600), reload=RECONNECT),
    ] = 120.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Ocpp:
    """What is agreed with the central system. It may change these keys itself; each is told under its name in OCPP."""

    heartbeat_interval_s: Annotated[
        int,
        Key(
            "After so long a silence the charger says that it is there. What the central system tells when it accepts "
            "the charger counts instead, until this key changes. OCPP: HeartbeatInterval.",
            unit="s",
            between=(1, 86_400),
        ),
    ] = 300
    meter_value_sample_interval_s: Annotated[
        int,
        Key(
            "Between two meter values of a session, counted from its start; 0: none. OCPP: MeterValueSampleInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 60
    meter_values_sampled_data: Annotated[
        tuple[str, ...],
        Key("What these meter values tell. OCPP: MeterValuesSampledData.", one_of=MEASURANDS),
    ] = MEASURANDS[:5]
    clock_aligned_data_interval_s: Annotated[
        int,
        Key(
            "Between two meter values of all connectors at the beat of the clock, counted from midnight UTC; 0: none. "
            "OCPP: ClockAlignedDataInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 0
    meter_values_aligned_data: Annotated[
        tuple[str, ...],
        Key("What these meter values tell. OCPP: MeterValuesAlignedData.", one_of=MEASURANDS),
    ] = MEASURANDS[:5]
    minimum_status_duration_s: Annotated[
        int,
        Key(
            "How long a connector's status must last to be told; 0: all are told. OCPP: MinimumStatusDuration.",
            unit="s",
            between=(0, 3600),
        ),
    ] = 0
    authorization_cache_enabled: Annotated[
        bool,
        Key(
            "What the central system said of a tag is remembered, for while it is away. "
            "OCPP: AuthorizationCacheEnabled."
        ),
    ] = True
    authorize_remote_tx_requests: Annotated[
        bool,
        Key(
            "Tags that the central system starts with are checked as at a reader. OCPP: AuthorizeRemoteTxRequests."
        ),
    ] = False
    transaction_message_attempts: Annotated[
        int,
        Key(
            "How often a message about a transaction is sent that the central system refuses. "
            "OCPP: TransactionMessageAttempts.",
            between=(0, 100),
        ),
    ] = 3
    transaction_message_retry_interval_s: Annotated[
        int,
        Key(
            "Between two attempts, times the attempts so far. OCPP: TransactionMessageRetryInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 60


@attrs.frozen(kw_only=True, field_transformer=declared)
class LocalTag:
    """One entry of the local authorization list."""

    uid: Annotated[str, Key("The tag's identifier, as the reader tells it: 1 to 20 characters.", role=OPERATOR)]
    name: Annotated[str, Key("Whose it is, for people.", role=OPERATOR)] = ""
    status: Annotated[str, Key("Whether it may charge.", one_of=("accepted", "blocked", "expired"), role=OPERATOR)] = (
        "accepted"
    )


@attrs.frozen(kw_only=True, field_transformer=declared)
class Authorize:
    """Who may charge, and who decides when the central system is away."""

    local_list: Annotated[tuple[LocalTag, ...], Key("Tags that the charger knows by itself.", role=OPERATOR)] = ()
    local_pre_authorize: Annotated[
        bool, Key("While the central system is there: a tag of the list starts at once, without asking it.")
    ] = True
    local_authorize_offline: Annotated[bool, Key("While the central system is away: the list counts.")] = True
    allow_unknown_offline: Annotated[
        bool, Key("While the central system is away: tags that nobody knows may start. Their energy may stay unpaid.")
    ] = False
    plug_timeout_s: Annotated[
        float,
        Key("From the authorization to the plug, at most; then it is void.", unit="s", between=(5, 3600)),
    ] = 60.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Wire:
    """One bus."""

    name: Annotated[str, Key("What the bus is called in the tree, in faults and by the devices on it.", reload=RESTART)]
    kind: Annotated[
        str,
        Key(
            "What the bus is: CAN behind a serial adapter or of the kernel, Modbus on a serial line or over TCP.",
            one_of=("slcan", "socketcan", "modbus-rtu", "modbus-tcp"),
            reload=RESTART,
        ),
    ]
    port: Annotated[
        str,
        Key(
            "A tty below the device directory (slcan, modbus-rtu), a network interface (socketcan), or a TCP port.",
            reload=RESTART,
        ),
    ]
    host: Annotated[str, Key("modbus-tcp only: the host's name or address.", reload=RESTART)] = ""
    bitrate: Annotated[
        int,
        Key(
            "CAN only: the speed of the bus; all nodes on it have the same.",
            unit="bit/s",
            one_of=(10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000),
            reload=RESTART,
        ),
    ] = 125_000
    baud: Annotated[
        int,
        Key(
            "modbus-rtu only: the speed of the line.",
            unit="Bd",
            one_of=(1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400),
            reload=RESTART,
        ),
    ] = 19_200
    parity: Annotated[
        str,
        Key("modbus-rtu only: the line's parity, none, even or odd.", one_of=("N", "E", "O"), reload=RESTART),
    ] = "N"
    stop_bits: Annotated[int, Key("modbus-rtu only: stop bits of a character.", one_of=(1, 2), reload=RESTART)] = 1

    @property
    def is_can(self) -> bool:
        return self.kind in ("slcan", "socketcan")


@attrs.frozen(kw_only=True, field_transformer=declared)
class Module:
    """One power module on a CAN wire."""

    id: Annotated[ModuleId, Key("What the module is called in the tree and in faults.", reload=RESTART)]
    wire: Annotated[str, Key("The CAN wire it is on.", reload=RESTART)]
    address: Annotated[
        int, Key("Its address on that wire, set by its switches or buttons.", between=(0, 255), reload=RESTART)
    ]
    connector: Annotated[
        ConnectorId,
        Key("The connector it feeds; with switches, where it goes when nobody says otherwise.", reload=RESTART),
    ]
    driver: Annotated[str, Key("The family of its protocol.", reload=RESTART)] = "infypower"
    profile: Annotated[str, Key("Its type: the file among the modules' profiles.", reload=RESTART)] = (
        "infypower-reg1k0100g"
    )
    watchdog_s: Annotated[
        float,
        Key(
            "Longest silence before it is made safe and started anew; below its own time-out, of 10 s or more.",
            unit="s",
            between=(0.2, 9.0),
            reload=RESTART,
        ),
    ] = 2.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Meter:
    """One DC meter on a Modbus wire."""

    id: Annotated[MeterId, Key("What the meter is called in the tree and in faults.", reload=RESTART)]
    wire: Annotated[str, Key("The Modbus wire it is on.", reload=RESTART)]
    unit: Annotated[int, Key("Its Modbus unit on that wire.", between=(1, 247), reload=RESTART)]
    connector: Annotated[ConnectorId, Key("The connector whose energy it counts.", reload=RESTART)]
    driver: Annotated[str, Key("How it is read.", reload=RESTART)] = "register-map"
    profile: Annotated[str, Key("Its type: the file among the meters' profiles.", reload=RESTART)] = "acrel-djsf1352-rn"
    watchdog_s: Annotated[
        float,
        Key(
            "Longest time without a plausible reading before it is started anew, and its connector is out.",
            unit="s",
            between=(0.5, 60),
            reload=RESTART,
        ),
    ] = 5.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class PlcBoard:
    """One PLC board on a Modbus wire of its own."""

    id: Annotated[PlcId, Key("What the board is called in the tree and in faults.", reload=RESTART)]
    wire: Annotated[str, Key("The Modbus wire it is on, alone.", reload=RESTART)]
    unit: Annotated[int, Key("Its Modbus unit.", between=(1, 247), reload=RESTART)] = 1
    connectors: Annotated[
        tuple[ConnectorId, ...], Key("The connectors it serves, in the order of its blocks.", reload=RESTART)
    ]
    driver: Annotated[str, Key("How it is spoken to.", reload=RESTART)] = "jp-plc-link"
    watchdog_s: Annotated[
        float,
        Key(
            "Longest time without a moved heartbeat before power ends on its connectors.",
            unit="s",
            between=(0.1, 5),
            reload=RESTART,
        ),
    ] = 0.5


@attrs.frozen(kw_only=True, field_transformer=declared)
class Reader:
    """One RFID reader on a tty."""

    id: Annotated[str, Key("What the reader is called in the tree and in faults.", reload=RESTART)]
    port: Annotated[str, Key("Its tty below the device directory.", reload=RESTART)]
    baud: Annotated[
        int,
        Key(
            "The speed of its line.",
            unit="Bd",
            one_of=(1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400),
            reload=RESTART,
        ),
    ] = 9600
    connectors: Annotated[
        tuple[ConnectorId, ...], Key("The connectors it serves; none named means all.", reload=RESTART)
    ] = ()


@attrs.frozen(kw_only=True, field_transformer=declared)
class Connector:
    """One connector and what its cable and plug may carry."""

    id: Annotated[ConnectorId, Key("The number painted on the charger.", between=(1, 99), reload=RESTART)]
    max_voltage_v: Annotated[
        float,
        Key("Highest voltage of cable and plug.", unit="V", between=(50, 1500), reload=NEXT_SESSION),
    ] = 1000.0
    max_current_a: Annotated[
        float,
        Key(
            "Highest current of the connector: plug, contactors and wiring.",
            unit="A",
            between=(1, 3000),
            reload=NEXT_SESSION,
        ),
    ] = 200.0
    cable_max_current_a: Annotated[
        float | None,
        Key(
            "Highest current of the cable, where it is not the connector's. Left out: the connector's.",
            unit="A",
            between=(1, 3000),
            reload=NEXT_SESSION,
        ),
    ] = None
    max_power_w: Annotated[
        float,
        Key("Highest power at this connector.", unit="W", between=(1000, 4_000_000), reload=NEXT_SESSION),
    ] = 1_000_000.0
    weight: Annotated[
        float,
        Key("How much of scarce power it gets, compared with others of its tier.", between=(0.01, 100)),
    ] = 1.0
    tier: Annotated[int, Key("Tier 1 is served before tier 2, and so on.", between=(1, 9))] = 1
    # Ours: plugs and inlets are commonly built for 90 °C at their contacts.
    derate_from_c: Annotated[
        float,
        Key(
            "Temperature of the plug's hotter contact up to which there is full power; above it, less and less.",
            unit="°C",
            between=(30, 120),
            reload=NEXT_SESSION,
        ),
    ] = 80.0
    derate_to_c: Annotated[
        float,
        Key(
            "Temperature of the plug's hotter contact at which there is no power left and the session ends (TMP-04).",
            unit="°C",
            between=(30, 130),
            reload=NEXT_SESSION,
        ),
    ] = 90.0

    @property
    def current_limit_a(self) -> float:
        """What connector and cable carry."""
        cable_a = self.cable_max_current_a
        return self.max_current_a if cable_a is None else min(self.max_current_a, cable_a)


@attrs.frozen(kw_only=True, field_transformer=declared)
class Chain:
    """The connectors and modules behind one group limit."""

    name: Annotated[str, Key("What the chain is called in limits.")]
    connectors: Annotated[tuple[ConnectorId, ...], Key("The connectors behind it.")]
    cap_w: Annotated[float, Key("What its wiring can carry.", unit="W", between=(0, 10_000_000))]
    share_w: Annotated[
        float | None,
        Key(
            "What is the chain's own even when others ask for more; left out: all of cap_w.",
            unit="W",
            between=(0, 10_000_000),
        ),
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Feeder:
    """A supply line that carries some of the connectors."""

    name: Annotated[str, Key("What the line is called in limits.")]
    connectors: Annotated[tuple[ConnectorId, ...], Key("The connectors it carries.")]
    limit_w: Annotated[float, Key("What it can carry.", unit="W", between=(0, 10_000_000))]


@attrs.frozen(kw_only=True, field_transformer=declared)
class Bridge:
    """A contactor that joins two chains' bus-bars: one electrical net, so one connector at a time may use it."""

    name: Annotated[str, Key("What the bridge is called by the switches over it.", reload=RESTART)]
    board: Annotated[PlcId, Key("The PLC board whose relay drives it.", reload=RESTART)]
    relay: Annotated[int, Key("That relay, of the board's free outputs R3 to R16.", between=(3, 16), reload=RESTART)]
    max_current_a: Annotated[float, Key("What it can carry.", unit="A", between=(1, 3000), reload=RESTART)] = 200.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Switch:
    """One way of a module to a connector, over a relay of a PLC board. A module without any is wired to its own."""

    module: Annotated[ModuleId, Key("The module.", reload=RESTART)]
    connector: Annotated[ConnectorId, Key("The connector that it can feed this way.", reload=RESTART)]
    board: Annotated[PlcId, Key("The PLC board whose relay closes the way.", reload=RESTART)]
    relay: Annotated[
        int,
        Key("That relay, R3 to R16: R1 and R2 drive the connectors' contactors.", between=(3, 16), reload=RESTART),
    ]
    bridge: Annotated[str, Key("The bridge that the way leads over as well; empty: none.", reload=RESTART)] = ""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Tie:
    """A contactor between two segments of a bus-bar. It must carry all modules that can come to feed over it."""

    board: Annotated[PlcId, Key("The PLC board whose relay drives it.", reload=RESTART)]
    relay: Annotated[int, Key("That relay, of the board's free outputs R3 to R16.", between=(3, 16), reload=RESTART)]


@attrs.frozen(kw_only=True, field_transformer=declared)
class Segment:
    """A piece of bus-bar with the modules wired to it. One at which a connector stands is that connector's for good."""

    modules: Annotated[tuple[ModuleId, ...], Key("The modules that are wired to it.", reload=RESTART)]
    connector: Annotated[
        ConnectorId | None,
        Key("The connector whose contactors stand at it; none: it moves, with its modules.", reload=RESTART),
    ] = None
    tie: Annotated[
        Tie | None,
        Key("What joins it to the next segment; the last one's, where there is one, closes the ring.", reload=RESTART),
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class BusBar:
    """Segments joined by ties, in a row or in a ring; those without a connector come to one side or the other."""

    name: Annotated[str, Key("What the bus-bar is called where its segments are told.", reload=RESTART)]
    segments: Annotated[tuple[Segment, ...], Key("Its segments, in their order.", reload=RESTART)]


@attrs.frozen(kw_only=True, field_transformer=declared)
class Planner:
    """How the site's power is shared."""

    borrowing: Annotated[bool, Key("A chain may use what others leave of their shares.")] = True
    min_useful_w: Annotated[
        float, Key("Below this a session waits for its turn instead of dribbling.", unit="W", between=(0, 100_000))
    ] = 5_000.0
    rotate_s: Annotated[
        float, Key("How long a turn lasts where not all can charge at once.", unit="s", between=(60, 86_400))
    ] = 900.0
    reserve_w: Annotated[float, Key("Of the site's limit, shared with nobody.", unit="W", between=(0, 1_000_000))] = 0.0
    ramp_a_per_s: Annotated[
        float,
        Key("How fast a connector's current rises; a cut is at once.", unit="A/s", between=(1, 1000)),
    ] = 25.0
    move_dwell_s: Annotated[
        float,
        Key("How long a module, or a segment, stays where it has come to, at least.", unit="s", between=(1, 3600)),
    ] = 60.0
    moves_per_hour: Annotated[
        int, Key("How often a module, or a segment, moves, and a tie closes, at most.", unit="1/h", between=(0, 1000))
    ] = 30


@attrs.frozen(kw_only=True, field_transformer=declared)
class SiteMeter:
    """A meter of the whole site, or of the building without the chargers."""

    wire: Annotated[str, Key("The Modbus wire it is on.", reload=RESTART)]
    unit: Annotated[int, Key("Its Modbus unit on that wire.", between=(1, 247), reload=RESTART)] = 1
    profile: Annotated[str, Key("Its type: the file among the site meters' profiles.", reload=RESTART)] = (
        "siemens-pac2200"
    )
    includes_chargers: Annotated[bool, Key("Whether what the chargers draw flows through it too.")] = True
    fallback_w: Annotated[
        float, Key("The building's load to assume while the meter is lost.", unit="W", between=(0, 10_000_000))
    ] = 0.0
    watchdog_s: Annotated[
        float,
        Key("How old a reading may be before it counts as lost.", unit="s", between=(1, 300), reload=RESTART),
    ] = 10.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Process:
    """The controller as a process of the machine, and what guards it."""

    stop_timeout_s: Annotated[
        float,
        Key(
            "When the process is killed after it was told to stop; 0: ask systemd.",
            unit="s",
            between=(0, 3600),
            reload=RESTART,
        ),
    ] = 0.0
    realtime_priority: Annotated[
        int,
        Key(
            "Priority among real-time processes (SCHED_RR); 0: normal scheduling.",
            between=(0, 50),
            reload=RESTART,
        ),
    ] = 0
    guard_deadline_s: Annotated[
        float,
        Key(
            "How long the controller's loop may stand still before the guard switches all modules off.",
            unit="s",
            between=(0.2, 5),
            reload=RESTART,
        ),
    ] = 1.0
    hardware_watchdog: Annotated[
        str, Key("The hardware's watchdog, as /dev/watchdog, if systemd has not got it; empty: none.", reload=RESTART)
    ] = ""
    hardware_watchdog_timeout_s: Annotated[
        int, Key("When it resets the machine.", unit="s", between=(4, 600), reload=RESTART)
    ] = 15


@attrs.frozen(kw_only=True, field_transformer=declared)
class Watchdog:
    """Changes how parts of the tree are watched; what it does not name stays as it is. See `jp tree` for paths."""

    path: Annotated[str, Key('The part, as in "wires/can0/module-3"; "*" stands for any name.', role=MANUFACTURER)]
    period_s: Annotated[
        float | None,
        Key(
            "Longest gap between two signs of life; the range of each kind of part is in docs/supervision.md.",
            unit="s",
            between=(0.2, 86_400),
            role=MANUFACTURER,
        ),
    ] = None
    grace_s: Annotated[
        float | None,
        Key("From the start to the first sign of life.", unit="s", between=(1, 600), role=MANUFACTURER),
    ] = None
    at_expiry: Annotated[
        str | None,
        Key(
            "What follows when it expires.",
            one_of=("restart", "restart-bus", "escalate"),
            role=MANUFACTURER,
        ),
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Cabinet:
    """The whole configuration of one charger."""

    charger: Annotated[Charger, Key("Who the charger is.")]
    site: Annotated[Site, Key("What the site may draw.")]
    board: Annotated[Board, Key("The board that the controller runs on.")] = Board()
    brand: Annotated[Brand, Key("Under whose name the charger stands.")] = Brand()
    backend: Annotated[Backend, Key("The central system.", reload=RECONNECT)] = Backend()
    ocpp: Annotated[Ocpp, Key("What is agreed with the central system.")] = Ocpp()
    authorize: Annotated[Authorize, Key("Who may charge, and who decides while the central system is away.")] = (
        Authorize()
    )
    process: Annotated[Process, Key("The controller as a process of the machine.", reload=RESTART)] = Process()
    wires: Annotated[tuple[Wire, ...], Key("The buses.", reload=RESTART)] = ()
    modules: Annotated[tuple[Module, ...], Key("The power modules.", reload=RESTART)] = ()
    meters: Annotated[tuple[Meter, ...], Key("The meters that energy is billed by.", reload=RESTART)] = ()
    plc_boards: Annotated[tuple[PlcBoard, ...], Key("The boards that own safety.", reload=RESTART)] = ()
    readers: Annotated[tuple[Reader, ...], Key("The RFID readers.", reload=RESTART)] = ()
    connectors: Annotated[tuple[Connector, ...], Key("The connectors.", reload=RESTART)] = ()
    watchdogs: Annotated[tuple[Watchdog, ...], Key("How parts of the tree are watched.")] = ()
    planner: Annotated[Planner, Key("How the site's power is shared.")] = Planner()
    chains: Annotated[tuple[Chain, ...], Key("Groups of connectors with a limit, and a share of their own.")] = ()
    feeders: Annotated[tuple[Feeder, ...], Key("Supply lines that carry some of the connectors.")] = ()
    bridges: Annotated[tuple[Bridge, ...], Key("Contactors between the chains' bus-bars.", reload=RESTART)] = ()
    switches: Annotated[tuple[Switch, ...], Key("The relays by which modules move.", reload=RESTART)] = ()
    bus_bars: Annotated[tuple[BusBar, ...], Key("Bus-bars whose segments move.", reload=RESTART)] = ()
    site_meter: Annotated[SiteMeter | None, Key("The meter of the site.", reload=RESTART)] = None

    def wire(self, name: str) -> Wire:
        return next(wire for wire in self.wires if wire.name == name)

    @property
    def moving_modules(self) -> frozenset[ModuleId]:
        """Those that relays bring to one connector or another: with switches, or on a segment without a connector."""
        free = (segment for bar in self.bus_bars for segment in bar.segments if segment.connector is None)
        return frozenset(one.module for one in self.switches) | {key for segment in free for key in segment.modules}
