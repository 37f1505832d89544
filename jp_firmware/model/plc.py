"""A PLC board as a whole: who it is, how it feels, and its safety inputs."""

from __future__ import annotations

import enum

import attrs

RELAYS = 16  # outputs a board can have; the first two drive contactors, the others are free


class PlcMode(enum.Enum):
    """Operating mode of the board's safety sub-unit."""

    BOOT = "boot"
    RUN = "run"
    STOP = "stop"
    MAINTENANCE = "maintenance"
    FAULT = "fault"


@attrs.frozen(kw_only=True)
class PlcIdentity:
    """What a board says of itself, read once after each connection."""

    map_version: int
    vendor: str
    model: str
    serial: str
    firmware: str
    connectors: int


@attrs.frozen(kw_only=True)
class PlcStatus:
    """One scan of a board's common part. A safety input that is True is tripped."""

    mode: PlcMode = PlcMode.BOOT
    heartbeat: int = 0
    cpu_load_percent: float = 0.0
    last_scan_ms: float = 0.0
    uptime_s: int = 0
    emergency_stop: bool = False
    door_open: bool = False
    rcd_tripped: bool = False
    spd_tripped: bool = False
    over_temperature: bool = False
    relays: tuple[bool, ...] = (False,) * RELAYS  # R1 first; True is closed, by feedback where there is one

    @property
    def stops_power(self) -> bool:
        """A condition under which no connector of this board may carry power."""
        return (
            self.emergency_stop
            or self.door_open
            or self.rcd_tripped
            or self.over_temperature
            or self.mode is not PlcMode.RUN
        )
