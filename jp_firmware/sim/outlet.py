"""One connector as a PLC board's safety sub-unit sees it: contactor, lock, insulation monitor, pilot, and a plug.

Follows docs/plc-link.md §7: what opens the contactors without being asked, what keeps them from closing, when the plug
is locked. The board's common part and the car's side of the conversation are elsewhere; no registers here.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import attrs

from jp_firmware.model.connector import (
    EvCommand,
    EvStatus,
    Insulation,
    LockState,
    PilotState,
    ProximityState,
    SlacState,
    Stage,
)
from jp_firmware.model.ids import ConnectorId
from jp_firmware.sim.bus import UNDER_LOAD_A, Bus
from jp_firmware.sim.car import Car, Surroundings

CLOSE_S = 0.05  # a contactor's own times (ours)
OPEN_S = 0.02
LOCK_S = 0.2
PILOT_B_S = 1.0  # docs/plc-link.md §7
HOT_S = 5.0
SAFE_V = 60.0

TEST_ABOVE_V = 100.0  # the insulation monitor waits for a steady voltage above this
TEST_S = 0.5
HEALTHY_OHM = 1_200_000.0
WARNING_OHM = 300_000.0
FAULT_OHM = 20_000.0
PLUG_C = 28.0  # ours: a plug's contacts unless a tester says otherwise

_POWER_STAGES = frozenset({Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.CHARGING})

Event = Callable[[str, object], None]


class OutletAlarm(enum.Enum):
    """Faults that can be injected at one connector."""

    INSULATION = "insulation"
    INSULATION_WARNING = "insulation-warning"
    WELDED_CONTACTOR = "welded-contactor"
    LOCK = "lock"
    OVER_TEMPERATURE = "over-temperature"
    PILOT_SHORT = "pilot-short"
    PROXIMITY = "proximity"
    MUTE = "mute"  # the car's messages no longer arrive; what is wired, pilot and contactor, goes on
    TEMPERATURE_SENSOR = "temperature-sensor"  # the plug's sensors are broken


@attrs.define(eq=False)
class Lasting:
    """A condition that counts only once it has lasted."""

    limit_s: float
    _since_s: float | None = None

    def update(self, present: bool, now_s: float) -> bool:
        if not present:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s >= self.limit_s


@attrs.define(eq=False)
class Outlet:
    """One connector. `scan` is the safety sub-unit's, `move` the contactor's own, between two scans."""

    number: ConnectorId
    bus: Bus
    event: Event
    car: Car | None = None
    alarms: set[OutletAlarm] = attrs.field(factory=set)
    command: EvCommand = attrs.field(factory=EvCommand)
    coil: bool = False
    latched: bool = True  # opened by itself: closes again only after close_contactors has been seen 0
    opened_because: str = ""
    opened_under_load: int = 0
    insulation: Insulation = Insulation.UNTESTED
    lock: LockState = LockState.UNLOCKED
    plug_temperatures_c: list[float] = attrs.field(factory=lambda: [PLUG_C, PLUG_C])  # DC+ and DC-
    _said: dict[str, Any] = attrs.field(factory=dict)  # what the modem heard of the car last
    _asked_at_s: float | None = None  # its last demand message of the present charge loop
    _left_wh: float = 0.0
    _coil_at_s: float = 0.0
    _lock_at_s: float = 0.0
    _locking: bool = False
    _released: bool = False
    _steady_v: float = 0.0
    _steady_at_s: float = 0.0
    _pilot_b: Lasting = attrs.field(factory=lambda: Lasting(PILOT_B_S))
    _hot: Lasting = attrs.field(factory=lambda: Lasting(HOT_S))

    # --- the plug ---------------------------------------------------------------------------------------------------

    def plug(self, car: Car) -> None:
        self.car = car
        self.bus.battery = car.battery

    def unplug(self) -> Car:
        """The plug leaves, by whatever force. Current stops at once. There must be a car."""
        car, self.car = self.car, None
        if car is None:
            raise ValueError(f"connector {self.number} has no car on it")
        if self.bus.car_closed:
            self._interrupt("unplugged")
        self.bus.car_closed = False
        self.bus.battery = None
        self._said, self._asked_at_s = {}, None
        self.bus.cable_v = self.bus.voltage_v if self.bus.closed else 0.0
        self._left_wh += car.battery.taken_wh
        return car

    @property
    def cars_wh(self) -> float:
        """What all cars of this connector have taken at their terminals."""
        return self._left_wh + (self.car.battery.taken_wh if self.car else 0.0)

    @property
    def pilot(self) -> PilotState:
        if OutletAlarm.PILOT_SHORT in self.alarms:
            return PilotState.E
        return self.car.pilot if self.car else PilotState.A

    @property
    def proximity(self) -> ProximityState:
        if OutletAlarm.PROXIMITY in self.alarms:
            return ProximityState.INVALID
        return ProximityState.LATCHED if self.car else ProximityState.ABSENT

    # --- one scan ---------------------------------------------------------------------------------------------------

    def take(self, command: EvCommand) -> None:
        """A new command block arrived from the controller."""
        if command.authorized and not self.command.authorized:
            self._released = False
        self.command = command
        if not command.close_contactors:
            self.latched = False

    def step_car(self, now_s: float, board_ok: bool) -> None:
        """Lets the car see the charger and moves the car's contactor."""
        car = self.car
        if car is None:
            return
        car.step(
            now_s,
            Surroundings(
                command=self.command,
                chain_ok=board_ok and not self.latched,
                contactors_closed=self.bus.closed,
                insulation=self.insulation,
                cable_v=self.bus.cable_v,
                current_a=self.bus.current_a,
            ),
        )
        if self.bus.car_closed and not car.contactor_closed:
            self._interrupt("the car opened its contactor")
        self.bus.car_closed = car.contactor_closed

    def scan(self, now_s: float, board_trip: str) -> None:
        """One scan of the interlock chain. `board_trip` is why the whole board must not close, or ""."""
        trip = board_trip or self._own_trip(now_s)
        if self.coil and not self.command.close_contactors:
            self._switch(False, "commanded", now_s)
        elif self.coil and trip:
            self.latched = True
            self._switch(False, trip, now_s)
        elif not self.coil and not trip and self._may_close():
            self._switch(True, "", now_s)
        self._monitor_insulation(now_s)
        self._move_lock(now_s)
        self._listen(now_s)

    def move(self, now_s: float) -> None:
        """The contactor follows its coil after its own time, unless it is welded."""
        if self.coil and not self.bus.closed and now_s - self._coil_at_s >= CLOSE_S:
            self.bus.closed = True
            self.event("contactors", "closed")
        elif not self.coil and self.bus.closed and now_s - self._coil_at_s >= OPEN_S:
            if OutletAlarm.WELDED_CONTACTOR in self.alarms:
                return
            self.bus.closed = False
            self.event("contactors", f"opened: {self.opened_because}")
            self._interrupt(self.opened_because)

    def status(self, now_s: float) -> EvStatus:
        """What the board's map says of this connector."""
        energy_stage = self.command.stage in _POWER_STAGES
        measured = self.insulation in (Insulation.VALID, Insulation.WARNING, Insulation.FAULT)
        broken = OutletAlarm.TEMPERATURE_SENSOR in self.alarms
        plus_c, minus_c = (None, None) if broken else self.plug_temperatures_c
        said = dict(self._said)
        wants_end = said.pop("stop_request", False)
        return EvStatus(
            pilot=self.pilot,
            proximity=self.proximity,
            lock=self.lock,
            contactors_closed=self.bus.closed,
            insulation=self.insulation,
            insulation_ohm=self._insulation_ohm() if measured else None,
            stop_request=wants_end or (energy_stage and self.bus.closed and self.pilot is PilotState.B),
            over_temperature=OutletAlarm.OVER_TEMPERATURE in self.alarms,
            target_age_ms=None if self._asked_at_s is None else (now_s - self._asked_at_s) * 1000,
            plug_temperature_1_c=plus_c,
            plug_temperature_2_c=minus_c,
            **said,
        )

    # --- inside -----------------------------------------------------------------------------------------------------

    def _listen(self, now_s: float) -> None:
        """The modem: what the car says, and when it last said what it wants. Of a mute car it keeps what it had."""
        car = self.car
        if car is None or OutletAlarm.MUTE in self.alarms:
            return
        self._said = _conversation(car)
        if not car.in_loop:
            self._asked_at_s = None
        elif self._asked_at_s is None or now_s - self._asked_at_s >= car.loop_s:
            self._asked_at_s = now_s

    def _own_trip(self, now_s: float) -> str:
        """Why this connector must not be closed, or ""."""
        pilot_b = self._pilot_b.update(self.pilot is PilotState.B, now_s)
        hot = self._hot.update(OutletAlarm.OVER_TEMPERATURE in self.alarms, now_s)
        if self.pilot in (PilotState.A, PilotState.E, PilotState.F):
            return f"pilot {self.pilot.value}"
        if self.proximity is not ProximityState.LATCHED:
            return f"proximity {self.proximity.value}"
        if self.lock is LockState.FAILED or (self.coil and self.lock is not LockState.LOCKED):
            return "lock's feedback lost"
        if pilot_b:
            return "pilot B"
        if self.insulation is Insulation.FAULT:
            return "insulation fault"
        if hot:
            return "cable or plug over-temperature"
        return ""

    def _may_close(self) -> bool:
        command = self.command
        return (
            command.close_contactors
            and not self.latched
            and command.authorized
            and command.stage is not Stage.IDLE
            and self.lock is LockState.LOCKED
        )

    def _switch(self, on: bool, because: str, now_s: float) -> None:
        self.coil = on
        self._coil_at_s = now_s
        if not on:
            self.opened_because = because

    def _interrupt(self, cause: str) -> None:
        interrupted_a = self.bus.interrupt()
        if interrupted_a > UNDER_LOAD_A:
            self.opened_under_load += 1
            self.event("opened under load", {"current_a": round(interrupted_a, 2), "cause": cause})

    def _monitor_insulation(self, now_s: float) -> None:
        """Judges while the contactors are closed; a fault stays readable until the controller has reacted to it."""
        if not self.bus.closed:
            if not (self.latched and self.insulation is Insulation.FAULT):
                self.insulation = Insulation.UNTESTED
            return
        voltage_v = self.bus.cable_v
        if abs(voltage_v - self._steady_v) > max(2.0, 0.01 * voltage_v):
            self._steady_v, self._steady_at_s = voltage_v, now_s
        if self.insulation in (Insulation.UNTESTED, Insulation.TESTING):
            if self.command.stage is not Stage.CABLE_CHECK or voltage_v < TEST_ABOVE_V:
                return
            self.insulation = Insulation.TESTING
            if now_s - self._steady_at_s < TEST_S:
                return
        verdict = Insulation.VALID
        if OutletAlarm.INSULATION in self.alarms:
            verdict = Insulation.FAULT
        elif OutletAlarm.INSULATION_WARNING in self.alarms:
            verdict = Insulation.WARNING
        if verdict is not self.insulation:
            self.event("insulation", verdict.value)
        self.insulation = verdict

    def _insulation_ohm(self) -> float:
        if self.insulation is Insulation.FAULT:
            return FAULT_OHM
        return WARNING_OHM if self.insulation is Insulation.WARNING else HEALTHY_OHM

    def _move_lock(self, now_s: float) -> None:
        """Locks on authorization; unlocks without it, and on command, but never under voltage."""
        if OutletAlarm.LOCK in self.alarms:
            self.lock = LockState.FAILED
            return
        if self.car is None:
            self.lock, self._locking = LockState.UNLOCKED, False
            return
        if self.command.unlock:
            self._released = True
        wanted = self.command.authorized and not self._released
        if not wanted and self._locking and (self.bus.closed or self.bus.cable_v >= SAFE_V):
            return
        if wanted is not self._locking or self.lock is LockState.FAILED:
            self._locking, self._lock_at_s = wanted, now_s
            self.lock = LockState.MOVING
        elif self.lock is LockState.MOVING and now_s - self._lock_at_s >= LOCK_S:
            self.lock = LockState.LOCKED if wanted else LockState.UNLOCKED


def _conversation(car: Car) -> dict[str, Any]:
    """What a car has told the modem, by the names of the board's map."""
    known = car.limits_known
    return {
        "slac": car.slac,
        "link_quality_db": 21.5 if car.slac is SlacState.MATCHED else None,
        "protocol": car.protocol,
        "evccid": car.evccid if car.introduced else "",
        "soc_percent": car.battery.soc_percent if known else None,
        "target_voltage_v": car.target_voltage_v,
        "target_current_a": car.target_current_a if known else None,
        "max_voltage_v": car.vehicle.max_voltage_v if known else None,
        "max_current_a": car.vehicle.max_current_a if known else None,
        "max_power_w": car.vehicle.max_power_w if known else None,
        "ready": car.ready,
        "stop_request": car.stop_request,
    }
