"""A connector and the car on it, as the PLC board reports them and as the charger judges them."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import IdToken, Session


class ConnectorState(enum.Enum):
    """The states of a connector. Those between CABLE_CHECK and SUSPENDED_EVSE are energised (`is_energised`)."""

    AVAILABLE = "available"
    PREPARING = "preparing"  # plugged or authorized, not yet both
    CABLE_CHECK = "cable check"
    PRECHARGE = "precharge"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended by EV"
    SUSPENDED_EVSE = "suspended by EVSE"
    FINISHING = "finishing"  # no power, transaction over, still plugged
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"

    @property
    def is_energised(self) -> bool:
        """Whether power may flow in this state: exactly the states inside the energised scope."""
        return self in _ENERGISED


_ENERGISED = frozenset(
    {
        ConnectorState.CABLE_CHECK,
        ConnectorState.PRECHARGE,
        ConnectorState.CHARGING,
        ConnectorState.SUSPENDED_EV,
        ConnectorState.SUSPENDED_EVSE,
    }
)


class PilotState(enum.Enum):
    """Control-pilot state after IEC 61851-1."""

    A = "A"  # not plugged
    B = "B"  # plugged, vehicle not ready
    C = "C"  # vehicle ready
    D = "D"  # vehicle ready, ventilation required
    E = "E"  # pilot short or station without supply
    F = "F"  # station not available

    @property
    def is_plugged(self) -> bool:
        return self in (PilotState.B, PilotState.C, PilotState.D)

    @property
    def is_fault(self) -> bool:
        """It tells nothing of a car then: neither that there is one, nor that there is none."""
        return self in (PilotState.E, PilotState.F)


class ProximityState(enum.Enum):
    """Proximity contact of the plug."""

    ABSENT = "absent"
    LATCHED = "latched"
    UNLATCHED = "unlatched"  # plugged, release lever pressed
    INVALID = "invalid"  # outside every defined range


class LockState(enum.Enum):
    """Connector lock as its feedback says."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"
    MOVING = "moving"
    FAILED = "failed"


class SlacState(enum.Enum):
    """State of the power-line modem's association with the car."""

    IDLE = "idle"
    MATCHING = "matching"
    MATCHED = "matched"
    FAILED = "failed"


class EvProtocol(enum.Enum):
    """High-level protocol agreed with the car."""

    NONE = "none"
    DIN_70121 = "DIN 70121"
    ISO_15118_2 = "ISO 15118-2"
    ISO_15118_20 = "ISO 15118-20"


class Insulation(enum.Enum):
    """Verdict of the insulation monitor."""

    UNTESTED = "untested"
    TESTING = "testing"
    VALID = "valid"
    WARNING = "warning"
    FAULT = "fault"


class Stage(enum.Enum):
    """What the controller is doing with a connector, told to the PLC board so that it can answer the car."""

    IDLE = "idle"
    CABLE_CHECK = "cable check"
    PRECHARGE = "precharge"
    CHARGING = "charging"
    STOPPING = "stopping"


@attrs.frozen(kw_only=True)
class EvStatus:
    """One connector as its PLC board reports it. What the car has not said is None, never zero."""

    pilot: PilotState = PilotState.A
    proximity: ProximityState = ProximityState.ABSENT
    lock: LockState = LockState.UNLOCKED
    contactors_closed: bool = False  # feedback contact, not the command
    insulation: Insulation = Insulation.UNTESTED
    insulation_ohm: float | None = None
    slac: SlacState = SlacState.IDLE
    link_quality_db: float | None = None
    protocol: EvProtocol = EvProtocol.NONE
    evccid: str = ""
    soc_percent: float | None = None
    target_voltage_v: float | None = None
    target_current_a: float | None = None
    max_voltage_v: float | None = None
    max_current_a: float | None = None
    max_power_w: float | None = None
    ready: bool = False  # the car wants energy
    stop_request: bool = False  # the car asks to end the session
    over_temperature: bool = False  # cable or plug, as the board judges
    target_age_ms: float | None = None  # since the car's last valid demand message; None outside the charge loop
    plug_temperature_1_c: float | None = None  # at the contact DC+
    plug_temperature_2_c: float | None = None  # at the contact DC-

    @property
    def plug_temperatures_c(self) -> tuple[float | None, float | None]:
        """At the contacts DC+ and DC-."""
        return self.plug_temperature_1_c, self.plug_temperature_2_c

    @property
    def hottest_c(self) -> float | None:
        """At the hotter of the contacts whose temperature is known; None if none is."""
        return max((one for one in self.plug_temperatures_c if one is not None), default=None)

    @property
    def plugged(self) -> bool:
        return self.pilot.is_plugged

    @property
    def unplugged(self) -> bool:
        """Known to be. While the pilot is at fault neither this nor `plugged` is."""
        return self.pilot is PilotState.A


@attrs.frozen(kw_only=True)
class EvCommand:
    """What the controller tells a connector's half of the PLC board. The latest one wins; it is repeated each cycle."""

    stage: Stage = Stage.IDLE
    authorized: bool = False
    close_contactors: bool = False  # the board opens them whenever this falls, or its own interlocks say so
    precharge_done: bool = False
    stop: bool = False
    unlock: bool = False
    offered_voltage_v: float = 0.0
    offered_current_a: float = 0.0
    offered_power_w: float = 0.0
    present_voltage_v: float = 0.0
    present_current_a: float = 0.0


@attrs.frozen(kw_only=True)
class ConnectorReport:
    """A connector as charging judges it: what terminals and central systems are shown."""

    connector_id: ConnectorId
    state: ConnectorState
    since: datetime  # when `state` was entered
    operative: bool = True  # in service, as an operator wants it
    plugged: bool = False
    authorization: str = ""  # "", "pending", "accepted by local list", "refused: blocked", ...
    token: IdToken | None = None
    session: Session | None = None
    fault_codes: tuple[str, ...] = ()  # that concern this connector, worst first
    text: str = ""  # one sentence for a person: what is going on, or what it waits for
