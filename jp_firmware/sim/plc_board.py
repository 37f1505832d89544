"""An emulated PLC board: scan loop, heartbeats, safety inputs and relays, with the map of docs/plc-link.md in front.

The board as a whole; each of its connectors is an `Outlet`. It takes command registers and gives status registers
through the codec that the controller uses too; the Modbus server around it is not ours and not here. Pure: time is
handed in.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.hw.plc import protocol
from jp_firmware.model.connector import EvStatus, Insulation, PilotState, ProximityState, Stage
from jp_firmware.model.ids import PlcId
from jp_firmware.model.plc import PlcIdentity, PlcMode, PlcStatus
from jp_firmware.sim.free_relay import FreeRelay
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.outlet import Event, Outlet


class BoardAlarm(enum.Enum):
    """Faults that can be injected at a whole board."""

    EMERGENCY_STOP = "emergency-stop"
    DOOR = "door"
    RCD = "rcd"
    SPD = "spd"
    OVER_TEMPERATURE = "over-temperature"
    OVERLOAD = "overload"  # scans too long, CPU too busy; nothing opens
    MODE_STOP = "stop"
    MODE_MAINTENANCE = "maintenance"
    MODE_FAULT = "fault"


_TRIPS = {
    BoardAlarm.EMERGENCY_STOP: "emergency stop",
    BoardAlarm.DOOR: "door open",
    BoardAlarm.RCD: "RCD tripped",
    BoardAlarm.OVER_TEMPERATURE: "cabinet over-temperature",
}

_MODES = {
    BoardAlarm.MODE_STOP: PlcMode.STOP,
    BoardAlarm.MODE_MAINTENANCE: PlcMode.MAINTENANCE,
    BoardAlarm.MODE_FAULT: PlcMode.FAULT,
}

_POWER_STAGES = frozenset({Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.CHARGING})


@attrs.define(eq=False, kw_only=True)
class PlcBoard:
    """One board and its connectors, in the order of its blocks."""

    id: PlcId
    outlets: Sequence[Outlet]
    event: Event
    boot_s: float = 0.3
    map_minor: int = protocol.MAP_MINOR

    alarms: set[BoardAlarm] = attrs.field(factory=set)
    misbehaviour: Misbehaviour = attrs.field(factory=Misbehaviour)  # of its Modbus side; safety goes on
    last_answer_at_s: float | None = None
    heartbeat: int = 0
    controller_heartbeat: int | None = None
    controller_alive: bool = False
    moved_at_s: float = -math.inf
    served: tuple[PlcStatus, tuple[EvStatus, ...]] = attrs.field(init=False)
    _mode: PlcMode = PlcMode.BOOT
    _started_at_s: float | None = None
    relays: Mapping[int, FreeRelay] = attrs.field(init=False)  # the free ones, by number

    def __attrs_post_init__(self) -> None:
        self.relays = {number: FreeRelay(number) for number in protocol.free_relays(self.identity)}
        self.served = (PlcStatus(), tuple(outlet.status(0.0) for outlet in self.outlets))

    @property
    def identity(self) -> PlcIdentity:
        return PlcIdentity(
            map_version=protocol.map_version(minor=self.map_minor),
            vendor="JP",
            model="emulated board",
            serial=f"SIM-{self.id}"[:16].upper(),
            firmware="sim 1.0",
            connectors=len(self.outlets),
        )

    # --- the link ---------------------------------------------------------------------------------------------------

    def write(self, registers: Sequence[int], now_s: float) -> None:
        """Takes a whole command block over. Raises MapError, and takes nothing, if it does not fit the map."""
        commands = protocol.decode_commands(registers, len(self.outlets))
        if self.misbehaviour.frozen:
            return
        if self.controller_heartbeat is not None and commands.heartbeat != self.controller_heartbeat:
            self.moved_at_s = now_s
            if not self.controller_alive:
                self.event("controller", "alive")
            self.controller_alive = True
        self.controller_heartbeat = commands.heartbeat
        for number, relay in self.relays.items():
            relay.take(commands.relays[number - 1])
        for outlet, command in zip(self.outlets, commands.connectors, strict=True):
            outlet.take(command)

    def read(self) -> list[int]:
        """The status block of the last scan."""
        return protocol.encode_status(*self.served, self.map_minor)

    def stop_conditions(self) -> frozenset[str]:
        """What in the served status obliges a controller to take power away."""
        status, connectors = self.served
        reasons = {"board"} if status.stops_power else set()
        for outlet, connector in zip(self.outlets, connectors, strict=True):
            if outlet.command.stage not in _POWER_STAGES:
                continue
            conditions = {
                "stop request": connector.stop_request,
                "pilot": connector.pilot not in (PilotState.C, PilotState.D),
                "proximity": connector.proximity is not ProximityState.LATCHED,
                "insulation": connector.insulation is Insulation.FAULT,
                "over-temperature": connector.over_temperature,
            }
            reasons |= {f"connector {outlet.number}: {name}" for name, present in conditions.items() if present}
        return frozenset(reasons)

    # --- one scan ---------------------------------------------------------------------------------------------------

    @property
    def mode(self) -> PlcMode:
        for alarm, mode in _MODES.items():
            if alarm in self.alarms:
                return mode
        return self._mode

    @property
    def trip(self) -> str:
        """Why no contactor of this board may be closed, or ""."""
        for alarm, reason in _TRIPS.items():
            if alarm in self.alarms:
                return reason
        if self.mode is not PlcMode.RUN:
            return f"mode {self.mode.value}"
        return "" if self.controller_alive else "controller lost"

    @property
    def _relays_follow(self) -> bool:
        return self.controller_alive and self.mode in (PlcMode.RUN, PlcMode.MAINTENANCE)

    def scan(self, now_s: float) -> None:
        """One scan of the safety sub-unit: watches the controller, steps the connectors, renews what is served."""
        if self._started_at_s is None:
            self._started_at_s = now_s
        if self._mode is PlcMode.BOOT and now_s - self._started_at_s >= self.boot_s:
            self._mode = PlcMode.RUN
        if self.controller_alive and now_s - self.moved_at_s >= protocol.CONTROLLER_LOST_S:
            self.controller_alive = False
            self.event("controller", "lost")
        trip = self.trip
        for outlet in self.outlets:
            if not self.controller_alive and outlet.command.close_contactors:
                outlet.latched = True
            outlet.step_car(now_s, board_ok=not trip)
            outlet.scan(now_s, trip)
            outlet.move(now_s)
        for relay in self.relays.values():
            if not self._relays_follow:
                relay.fall()
            relay.step(now_s)
        self.heartbeat = (self.heartbeat + 1) & 0xFFFF
        if not self.misbehaviour.frozen:
            self.served = (self._status(now_s), tuple(outlet.status(now_s) for outlet in self.outlets))

    def _status(self, now_s: float) -> PlcStatus:
        alarms = self.alarms
        overload = BoardAlarm.OVERLOAD in alarms
        coils = {place: outlet.coil for place, outlet in enumerate(self.outlets, 1)}
        closed = coils | {number: relay.reported for number, relay in self.relays.items()}
        return PlcStatus(
            mode=self.mode,
            heartbeat=self.heartbeat,
            cpu_load_percent=96.0 if overload else 18.0 + self.heartbeat % 7,
            last_scan_ms=14.0 if overload else 1.6 + self.heartbeat % 5 / 10,
            uptime_s=int(now_s - (self._started_at_s or now_s)),
            emergency_stop=BoardAlarm.EMERGENCY_STOP in alarms,
            door_open=BoardAlarm.DOOR in alarms,
            rcd_tripped=BoardAlarm.RCD in alarms,
            spd_tripped=BoardAlarm.SPD in alarms,
            over_temperature=BoardAlarm.OVER_TEMPERATURE in alarms,
            relays=protocol.relays_closed([number for number, is_closed in closed.items() if is_closed]),
        )
