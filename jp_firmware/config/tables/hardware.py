"""What hangs on the controller: buses and the devices on them, connectors, and the relays by which modules move."""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, declared
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId

NEXT_SESSION = Reload.NEXT_SESSION
RESTART = Reload.RESTART_CHILD


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
    temperature_sensors: Annotated[
        str,
        Key(
            "Whether the plug has temperature sensors. auto: a contact that has ever told a temperature has one, which "
            "is remembered over restarts. fitted: both contacts have. none: no temperature is expected, and none lost.",
            one_of=("auto", "fitted", "none"),
            reload=NEXT_SESSION,
        ),
    ] = "auto"
    temperature_lost_current_a: Annotated[
        float,
        Key(
            "Current that the plug may carry while the temperature of a contact is lost. 0: none, and the session ends "
            "(TMP-05), since a worn contact can burn at any current that nobody watches. Above 0 charging goes on with "
            "no more than that (TMP-10): name a current that the plug bears for hours with a bad contact.",
            unit="A",
            between=(0, 3000),
            reload=NEXT_SESSION,
        ),
    ] = 0.0

    @property
    def current_limit_a(self) -> float:
        """What connector and cable carry."""
        cable_a = self.cable_max_current_a
        return self.max_current_a if cable_a is None else min(self.max_current_a, cable_a)


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
    max_current_a: Annotated[
        float | None,
        Key(
            "What its contactor can carry; the module is given no more. Left out: all that the module gives.",
            unit="A",
            between=(1, 3000),
            reload=RESTART,
        ),
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Tie:
    """A contactor between two segments of a bus-bar."""

    board: Annotated[PlcId, Key("The PLC board whose relay drives it.", reload=RESTART)]
    relay: Annotated[int, Key("That relay, of the board's free outputs R3 to R16.", between=(3, 16), reload=RESTART)]
    max_current_a: Annotated[
        float | None,
        Key(
            "What it can carry; no segment is joined over it that could give more, and modules behind it are given no "
            "more together. Left out: all that can come to feed over it.",
            unit="A",
            between=(1, 3000),
            reload=RESTART,
        ),
    ] = None


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
