"""The blocks of registers of the JP PLC link: which field lies where, of what type, and what it means.

The tables of docs/plc-link.md. `protocol` says what is done with them, and in which versions.
"""

from __future__ import annotations

from jp_firmware.hw.plc.fields import Block, Field, Kind
from jp_firmware.model.connector import (
    EvProtocol,
    Insulation,
    LockState,
    PilotState,
    ProximityState,
    SlacState,
    Stage,
)
from jp_firmware.model.plc import RELAYS, PlcMode

IDENTITY = Block(
    name="identification",
    size=36,
    fields=(
        Field(name="magic", offset=0, kind=Kind.U16, whole=True, meaning="0x4A50, the letters JP"),
        Field(name="map_version", offset=1, kind=Kind.U16, whole=True, meaning="high byte major, low byte minor"),
        Field(name="connectors", offset=2, kind=Kind.U16, whole=True, meaning="connector blocks served: 1 or 2"),
        Field(name="vendor", offset=4, kind=Kind.TEXT, length=16, meaning="maker of the board"),
        Field(name="model", offset=12, kind=Kind.TEXT, length=16, meaning="type of the board"),
        Field(name="serial", offset=20, kind=Kind.TEXT, length=16, meaning="serial number"),
        Field(name="firmware", offset=28, kind=Kind.TEXT, length=16, meaning="firmware version of the safety sub-unit"),
    ),
)

RELAY_NAMES = tuple(f"relay_{number}" for number in range(1, RELAYS + 1))

# In the status block 0 is no enumeration value, so that memory never written is noticed.
STATUS_COMMON = Block(
    name="common status",
    size=16,
    fields=(
        Field(
            name="heartbeat",
            offset=0,
            kind=Kind.U16,
            whole=True,
            meaning="counts the scans of the safety sub-unit and wraps; must move, or the board counts as dead",
        ),
        Field(
            name="mode",
            offset=1,
            kind=Kind.ENUM,
            words={
                PlcMode.BOOT: 1,
                PlcMode.RUN: 2,
                PlcMode.STOP: 3,
                PlcMode.MAINTENANCE: 4,
                PlcMode.FAULT: 5,
            },
            meaning="operating mode; power is possible in run only",
        ),
        Field(name="cpu_load_percent", offset=2, kind=Kind.U16, per_unit=10, unit="%", meaning="load of the board"),
        Field(name="last_scan_ms", offset=3, kind=Kind.U16, per_unit=10, unit="ms", meaning="time of the last scan"),
        Field(name="uptime_s", offset=4, kind=Kind.U32, unit="s", whole=True, meaning="time since the board started"),
        Field(
            name="inputs",
            offset=6,
            kind=Kind.BITS,
            bits=("emergency_stop", "door_open", "rcd_tripped", "spd_tripped", "over_temperature"),
            meaning="safety inputs, 1 is tripped; a broken wire reads as tripped",
        ),
        Field(
            name="relays",
            offset=7,
            kind=Kind.BITS,
            bits=RELAY_NAMES,
            meaning="relay outputs, 1 is closed, from the feedback contact where there is one; R1 and R2 drive the "
            "contactors of connector 1 and 2; b4 to b15 since 1.1",
        ),
    ),
)

STATUS_CONNECTOR = Block(
    name="connector status",
    size=32,
    fields=(
        Field(
            name="pilot",
            offset=0,
            kind=Kind.ENUM,
            words={
                PilotState.A: 1,
                PilotState.B: 2,
                PilotState.C: 3,
                PilotState.D: 4,
                PilotState.E: 5,
                PilotState.F: 6,
            },
            meaning="control pilot",
        ),
        Field(
            name="proximity",
            offset=1,
            kind=Kind.ENUM,
            words={
                ProximityState.ABSENT: 1,
                ProximityState.LATCHED: 2,
                ProximityState.UNLATCHED: 3,
                ProximityState.INVALID: 4,
            },
            meaning="proximity contact of the plug",
        ),
        Field(
            name="lock",
            offset=2,
            kind=Kind.ENUM,
            words={LockState.UNLOCKED: 1, LockState.LOCKED: 2, LockState.MOVING: 3, LockState.FAILED: 4},
            meaning="connector lock, from its feedback",
        ),
        Field(
            name="flags",
            offset=3,
            kind=Kind.BITS,
            bits=("contactors_closed", "ready", "stop_request", "over_temperature"),
            meaning="feedback contact, not the command; car wants energy; car asks to end; cable or plug too hot",
        ),
        Field(
            name="insulation",
            offset=4,
            kind=Kind.ENUM,
            words={
                Insulation.UNTESTED: 1,
                Insulation.TESTING: 2,
                Insulation.VALID: 3,
                Insulation.WARNING: 4,
                Insulation.FAULT: 5,
            },
            meaning="verdict of the insulation monitor",
        ),
        Field(
            name="insulation_ohm",
            offset=5,
            kind=Kind.U32,
            unit="Ohm",
            optional=True,
            meaning="lower of the two insulation resistances",
        ),
        Field(
            name="slac",
            offset=7,
            kind=Kind.ENUM,
            words={SlacState.IDLE: 1, SlacState.MATCHING: 2, SlacState.MATCHED: 3, SlacState.FAILED: 4},
            meaning="association of the power-line modem with the car",
        ),
        Field(
            name="protocol",
            offset=8,
            kind=Kind.ENUM,
            words={
                EvProtocol.NONE: 1,
                EvProtocol.DIN_70121: 2,
                EvProtocol.ISO_15118_2: 3,
                EvProtocol.ISO_15118_20: 4,
            },
            meaning="protocol agreed with the car",
        ),
        Field(
            name="link_quality_db",
            offset=9,
            kind=Kind.I16,
            per_unit=10,
            unit="dB",
            optional=True,
            meaning="mean attenuation that SLAC measured",
        ),
        Field(
            name="soc_percent",
            offset=10,
            kind=Kind.U16,
            per_unit=10,
            unit="%",
            optional=True,
            meaning="state of charge the car reports",
        ),
        Field(
            name="target_voltage_v",
            offset=11,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            optional=True,
            meaning="what the car asks for now, in precharge its battery's voltage",
        ),
        Field(
            name="target_current_a",
            offset=12,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            optional=True,
            meaning="what the car asks for now; 0 between precharge and its first request of the charge loop",
        ),
        Field(
            name="max_voltage_v",
            offset=13,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            optional=True,
            meaning="the car's limit",
        ),
        Field(
            name="max_current_a",
            offset=14,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            optional=True,
            meaning="the car's limit",
        ),
        Field(name="max_power_w", offset=15, kind=Kind.U32, unit="W", optional=True, meaning="the car's limit"),
        Field(
            name="evccid",
            offset=17,
            kind=Kind.TEXT,
            length=24,
            meaning="the car's EVCCID, a MAC address as hex digits without separators; empty when unknown",
        ),
        Field(
            name="target_age_ms",
            offset=29,
            kind=Kind.U16,
            unit="ms",
            optional=True,
            since=2,
            meaning="since the car's last valid demand message; unknown outside the charge loop; since 1.2",
        ),
        Field(
            name="plug_temperature_1_c",
            offset=30,
            kind=Kind.I16,
            per_unit=10,
            unit="°C",
            optional=True,
            since=2,
            meaning="at the contact DC+; unknown without a sensor, or with one that is broken; since 1.2",
        ),
        Field(
            name="plug_temperature_2_c",
            offset=31,
            kind=Kind.I16,
            per_unit=10,
            unit="°C",
            optional=True,
            since=2,
            meaning="at the contact DC-, likewise; since 1.2",
        ),
    ),
)

# In the command block 0 is the safe value of each field.
COMMAND_COMMON = Block(
    name="common commands",
    size=4,
    fields=(
        Field(
            name="heartbeat",
            offset=0,
            kind=Kind.U16,
            whole=True,
            meaning="changes with each exchange that the controller's logic stands behind; wraps",
        ),
        Field(
            name="relays",
            offset=1,
            kind=Kind.BITS,
            bits=RELAY_NAMES,
            meaning="wanted relays; b0 and b1 are ignored, R1 and R2 belong to the interlock chain; "
            "b4 to b15 since 1.1",
        ),
    ),
)

COMMAND_CONNECTOR = Block(
    name="connector commands",
    size=12,
    fields=(
        Field(
            name="stage",
            offset=0,
            kind=Kind.ENUM,
            words={
                Stage.IDLE: 0,
                Stage.CABLE_CHECK: 1,
                Stage.PRECHARGE: 2,
                Stage.CHARGING: 3,
                Stage.STOPPING: 4,
            },
            meaning="what the controller is doing",
        ),
        Field(
            name="commands",
            offset=1,
            kind=Kind.BITS,
            bits=("authorized", "close_contactors", "precharge_done", "stop", "unlock"),
            meaning="wanted state, repeated in each exchange",
        ),
        Field(
            name="offered_voltage_v",
            offset=2,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            meaning="limit to tell the car",
        ),
        Field(
            name="offered_current_a",
            offset=3,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            meaning="limit to tell the car",
        ),
        Field(name="offered_power_w", offset=4, kind=Kind.U32, unit="W", meaning="limit to tell the car"),
        Field(
            name="present_voltage_v",
            offset=6,
            kind=Kind.U16,
            per_unit=10,
            unit="V",
            meaning="measured at the output, to tell the car",
        ),
        Field(
            name="present_current_a",
            offset=7,
            kind=Kind.I16,
            per_unit=10,
            unit="A",
            meaning="measured at the output, to tell the car",
        ),
    ),
)
