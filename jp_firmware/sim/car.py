"""An electric vehicle on a plug: its side of the conversation, its contactor and its wishes, as a pure state machine.

What the power-line modem would carry is handed in and out as values, once a step; there is no protocol here.

Rules
- The car talks as soon as it is plugged in, and then waits for authorization for as long as it takes.
- It gives up by itself: on a failed insulation test, 40 s without a verdict, 7 s of precharge without a match.
- It closes its contactor when what it measures at its inlet is within 20 V of its battery, then asks for delivery.
- It asks for what its charge curve allows, whatever is offered: a charger must enforce its limits itself.
- It opens its contactor when the current has fallen below 5 A, and under load when nothing helps for 3 s.
- After an end it stays quiet until it is unplugged, or until authorization falls and is given anew.
"""

from __future__ import annotations

import enum

import attrs

from jp_firmware.model.connector import EvCommand, EvProtocol, Insulation, PilotState, SlacState, Stage
from jp_firmware.sim.options import Options
from jp_firmware.sim.vehicle import Battery, Vehicle

LOOP_S = 0.25  # DIN 70121 and ISO 15118-2: a demand message as often
LOOP_20_S = 0.5  # ISO 15118-20
CABLE_CHECK_S = 40.0  # DIN 70121 and ISO 15118-2 performance timeouts of the EV
PRECHARGE_S = 7.0
DELIVERY_S = 20.0  # ours: DIN 70121 lets the charger repeat "ongoing" for longer
PRECHARGE_A = 2.0
MATCH_V = 20.0  # IEC 61851-23: largest difference at which the EV closes
CONTACTOR_S = 0.06  # a contactor's own time (ours)
OPEN_BELOW_A = 5.0
OPEN_ANYWAY_S = 3.0
FULL_PERCENT = 99.95


class Phase(enum.Enum):
    MATCHING = "SLAC"
    HANDSHAKE = "session set-up"
    AUTHORIZATION = "waiting for authorization"
    PARAMETERS = "charge parameters"
    CABLE_CHECK = "cable check"
    PRECHARGE = "precharge"
    CLOSING = "closing its contactor"
    DELIVERY = "asking for delivery to start"
    CHARGING = "charging"
    STOPPING = "stopping"
    ENDED = "ended"


_WANTS_ENERGY = frozenset({Phase.DELIVERY, Phase.CHARGING})
_IN_POWER = _WANTS_ENERGY | {Phase.CABLE_CHECK, Phase.PRECHARGE, Phase.CLOSING}
_PILOT_C = _IN_POWER | {Phase.STOPPING}
_LIMITS_KNOWN = _PILOT_C | {Phase.ENDED}


@attrs.frozen(kw_only=True)
class Surroundings:
    """What the car is told and what it measures, in one step."""

    command: EvCommand
    chain_ok: bool  # the board can and may go on: controller alive, nothing tripped
    contactors_closed: bool
    insulation: Insulation
    cable_v: float
    current_a: float


@attrs.define(eq=False, kw_only=True)
class Car:
    """One car. Times are handed in; `step` is called once a step of the physics, before the bus is solved."""

    vehicle: Vehicle
    battery: Battery
    evccid: str
    leave_at_percent: float
    options: Options
    plugged_at_s: float

    phase: Phase = Phase.MATCHING
    contactor_closed: bool = False
    paused: bool = False
    stop_request: bool = False
    ended_because: str = ""
    target_current_a: float = 0.0
    opened_under_load: int = 0
    _since_s: float = attrs.field(init=False)
    _ramp_from_s: float = 0.0
    _seen_unauthorized: bool = False

    def __attrs_post_init__(self) -> None:
        self._since_s = self.plugged_at_s

    # --- what the board's modem knows of the car ----------------------------------------------------------------------

    @property
    def pilot(self) -> PilotState:
        return PilotState.C if self.phase in _PILOT_C else PilotState.B

    @property
    def slac(self) -> SlacState:
        return SlacState.MATCHING if self.phase is Phase.MATCHING else SlacState.MATCHED

    @property
    def introduced(self) -> bool:
        """Whether the session set-up is through: protocol and EVCCID are known."""
        return self.phase not in (Phase.MATCHING, Phase.HANDSHAKE)

    @property
    def protocol(self) -> EvProtocol:
        return self.vehicle.protocol if self.introduced else EvProtocol.NONE

    @property
    def limits_known(self) -> bool:
        return self.phase in _LIMITS_KNOWN

    @property
    def ready(self) -> bool:
        return self.phase in _WANTS_ENERGY and not self.paused

    @property
    def in_loop(self) -> bool:
        """Whether it sends demand messages, one every `loop_s`."""
        return self.phase is Phase.CHARGING and not self.paused

    @property
    def loop_s(self) -> float:
        return LOOP_20_S if self.vehicle.protocol is EvProtocol.ISO_15118_20 else LOOP_S

    @property
    def target_voltage_v(self) -> float | None:
        """Until delivery starts its battery's voltage; in the charge loop the highest its pack may see."""
        if self.phase in (Phase.PRECHARGE, Phase.CLOSING, Phase.DELIVERY):
            return self.battery.open_circuit_v
        if self.phase is Phase.CHARGING:
            return self.vehicle.max_voltage_v
        return None

    # --- the machine --------------------------------------------------------------------------------------------------

    def step(self, now_s: float, around: Surroundings) -> None:
        """Reacts to what it sees. Moves its contactor and its wishes."""
        command = around.command
        match self.phase:
            case Phase.MATCHING if self._for_s(now_s) >= self.options.matching_s:
                self._enter(Phase.HANDSHAKE, now_s)
            case Phase.HANDSHAKE if self._for_s(now_s) >= self.options.handshake_s:
                self._enter(Phase.AUTHORIZATION, now_s)
            case Phase.AUTHORIZATION if command.authorized and around.chain_ok and not command.stop:
                self._enter(Phase.PARAMETERS, now_s)
            case Phase.PARAMETERS if self._for_s(now_s) >= self.options.parameters_s:
                self._enter(Phase.CABLE_CHECK, now_s)
            case phase if phase in _IN_POWER:
                self._in_power(now_s, around)
            case Phase.STOPPING:
                self._stop(now_s, around)
            case Phase.ENDED:
                self._wait_for_another_start(now_s, command)

    def _in_power(self, now_s: float, around: Surroundings) -> None:
        if reason := self._charger_ends(around):
            self._end(now_s, reason, asked_by_car=False)
        elif self.phase is Phase.CABLE_CHECK:
            self._cable_check(now_s, around)
        elif self.phase is Phase.PRECHARGE:
            self._precharge(now_s, around)
        elif self.phase is Phase.CLOSING:
            if self._for_s(now_s) >= CONTACTOR_S:
                self.contactor_closed = True
                self._enter(Phase.DELIVERY, now_s)
        elif self.phase is Phase.DELIVERY:
            self._ask_for_delivery(now_s, around)
        else:
            self._charge(now_s, around)

    def _charger_ends(self, around: Surroundings) -> str:
        """Why the charger is ending the session, or "" if it is not."""
        command = around.command
        if not around.chain_ok:
            return "emergency shutdown by the charger"
        if command.stop or not command.authorized or command.stage is Stage.STOPPING:
            return "stopped by the charger"
        if self.phase is not Phase.CABLE_CHECK:
            if command.stage is Stage.IDLE:
                return "stopped by the charger"
            if not around.contactors_closed:
                return "contactors of the charger opened"
        if around.insulation is Insulation.FAULT:
            return "insulation fault"
        return ""

    def _cable_check(self, now_s: float, around: Surroundings) -> None:
        if around.command.stage in (Stage.PRECHARGE, Stage.CHARGING):
            self._enter(Phase.PRECHARGE, now_s)
        elif self._for_s(now_s) > CABLE_CHECK_S:
            self._end(now_s, f"no verdict of the cable check within {CABLE_CHECK_S:g} s", asked_by_car=True)

    def _precharge(self, now_s: float, around: Surroundings) -> None:
        self.target_current_a = PRECHARGE_A
        if abs(around.cable_v - self.battery.open_circuit_v) < MATCH_V:
            self.target_current_a = 0.0
            self._enter(Phase.CLOSING, now_s)
        elif self._for_s(now_s) > PRECHARGE_S:
            self._end(now_s, f"precharge did not match within {PRECHARGE_S:g} s", asked_by_car=True)

    def _ask_for_delivery(self, now_s: float, around: Surroundings) -> None:
        if around.command.precharge_done or around.command.stage is Stage.CHARGING:
            self._ramp_from_s = now_s
            self._enter(Phase.CHARGING, now_s)
        elif self._for_s(now_s) > DELIVERY_S:
            self._end(now_s, f"delivery did not start within {DELIVERY_S:g} s", asked_by_car=True)

    def _charge(self, now_s: float, around: Surroundings) -> None:
        soc = self.battery.soc_percent
        if soc >= min(self.leave_at_percent, FULL_PERCENT):
            self._end(now_s, f"charged to {soc:.1f} %", asked_by_car=True)
            return
        if self.paused:
            self.target_current_a = 0.0
            self._ramp_from_s = now_s
            return
        share = 1.0 if self.options.ramp_s <= 0 else min(1.0, (now_s - self._ramp_from_s) / self.options.ramp_s)
        voltage_v = max(around.cable_v, self.battery.open_circuit_v)
        wanted_a = min(self.vehicle.power_at(soc) / voltage_v, self.vehicle.max_current_a)
        self.target_current_a = share * wanted_a

    def _stop(self, now_s: float, around: Surroundings) -> None:
        waited_s = self._for_s(now_s)
        if self.contactor_closed and around.current_a >= OPEN_BELOW_A and waited_s < OPEN_ANYWAY_S:
            return
        if self.contactor_closed and around.current_a >= OPEN_BELOW_A:
            self.opened_under_load += 1
        self.contactor_closed = False
        self._enter(Phase.ENDED, now_s)

    def _wait_for_another_start(self, now_s: float, command: EvCommand) -> None:
        """An operator may start a car again that is not full: authorization falls, then rises."""
        if not command.authorized:
            self._seen_unauthorized = True
            if command.stage is Stage.IDLE:
                self.stop_request = False
        elif self._seen_unauthorized and self.battery.soc_percent < min(self.leave_at_percent, FULL_PERCENT) - 0.5:
            self.ended_because = ""
            self._enter(Phase.HANDSHAKE, now_s)

    def _end(self, now_s: float, reason: str, *, asked_by_car: bool) -> None:
        self.ended_because = reason
        self.stop_request = asked_by_car
        self.target_current_a = 0.0
        self._seen_unauthorized = False
        self._enter(Phase.STOPPING, now_s)

    def _enter(self, phase: Phase, now_s: float) -> None:
        self.phase = phase
        self._since_s = now_s

    def _for_s(self, now_s: float) -> float:
        return now_s - self._since_s
