"""A session: from the moment a plugged car is authorized until its energy is accounted for."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

from jp_firmware.model.ids import ConnectorId, SessionId


class StopReason(enum.Enum):
    """Why a session ended. `code` is what the terminal shows (facts/faults.md §1.4)."""

    COMPLETE = "complete"  # the EV ended it
    LOCAL = "local stop"
    REMOTE = "remote stop"
    EV_DISCONNECTED = "EV disconnected"
    DEAUTHORIZED = "de-authorized"
    EMERGENCY_STOP = "emergency stop"
    POWER_LOSS = "power loss"
    FAULT = "fault"
    SOFT_RESET = "soft reset"
    HARD_RESET = "hard reset"
    REBOOT = "reboot"  # the controller restarted without being asked to
    UNLOCK = "unlock command"
    LIMIT = "limit reached"
    TIMEOUT = "timeout"

    @property
    def code(self) -> str:
        return _CODES[self]


_CODES = {
    StopReason.COMPLETE: "S0",
    StopReason.LOCAL: "S1",
    StopReason.REMOTE: "S2",
    StopReason.EV_DISCONNECTED: "S3",
    StopReason.DEAUTHORIZED: "S4",
    StopReason.EMERGENCY_STOP: "S5",
    StopReason.POWER_LOSS: "S6",
    StopReason.FAULT: "S7",
    StopReason.SOFT_RESET: "S8",
    StopReason.HARD_RESET: "S8",
    StopReason.REBOOT: "S8",
    StopReason.UNLOCK: "S9",
    StopReason.LIMIT: "S10",
    StopReason.TIMEOUT: "S11",
}


class TokenSource(enum.Enum):
    """Where an identification came from."""

    RFID = "rfid"
    REMOTE = "remote"  # the central system's RemoteStart
    OPERATOR = "operator"  # a terminal


@attrs.frozen
class IdToken:
    """An identification. `uid` is upper-case hex for RFID tags (8, 14 or 20 digits), at most 20 characters."""

    uid: str
    source: TokenSource


@attrs.frozen(kw_only=True)
class Session:
    """One session, whole once it has stopped. Registers are the meter's own, in Wh, absolute."""

    id: SessionId
    connector_id: ConnectorId
    token: IdToken
    started_at: datetime
    meter_start_wh: int
    boot_id: str  # of the machine, so that a restart can tell a power loss from a crash
    evccid: str = ""
    meter_last_wh: int | None = None  # last committed register
    last_at: datetime | None = None
    stopped_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_reason: StopReason | None = None
    stop_detail: str = ""  # for a fault: its code and what it said
    stop_token: IdToken | None = None  # only if somebody presented one to stop
    modules_wh: float = 0.0  # integral of what the modules report, for comparison only

    @property
    def energy_wh(self) -> int:
        """Energy accounted for so far."""
        last = self.meter_stop_wh if self.meter_stop_wh is not None else self.meter_last_wh
        return (last if last is not None else self.meter_start_wh) - self.meter_start_wh


@attrs.frozen(kw_only=True)
class Sample:
    """One sample inside a session: what the meter says, and what the car and the planner wanted."""

    session_id: SessionId
    connector_id: ConnectorId
    at: datetime
    import_wh: int
    voltage_v: float
    current_a: float
    power_w: float
    soc_percent: float | None = None
    offered_w: float | None = None


class AuthorizationStatus(enum.Enum):
    """Verdict on an identification."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    CONCURRENT = "already in use"
    UNREACHABLE = "nobody to ask"  # the backend is away and the configuration does not allow an offline start


@attrs.frozen
class Authorization:
    """A verdict and who gave it: "local list", "cache", "central system", "offline rule"."""

    status: AuthorizationStatus
    by: str

    @property
    def accepted(self) -> bool:
        return self.status is AuthorizationStatus.ACCEPTED
