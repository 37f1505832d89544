"""An emulated TonHe module on the CAN bus: V1.2 frames in, and what it says by itself out.

State and output every 500 ms and when its state changes, through the wire tables the controller uses too. A set-point
out of range is served at the edge of the range, never refused. Its address is the cabinet's: commands that would
change it, or the kind of its input, are heard and not obeyed.
"""

from __future__ import annotations

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import tonhe_wire as wire
from jp_firmware.hw.modules.tonhe_wire import ExtendedFault, ExtendedState, Fault, Message, Switch
from jp_firmware.sim.module import Alarm, StartingUp
from jp_firmware.sim.modules.node import ModuleNode

PERIOD_S = 0.5

CHANGE_GAP_S = 0.2
"""Between a frame and one told out of its turn (the document sets none; ours, so that a common event on many modules
does not fill the bus)."""

MIN_CURRENT_A = 2.0
"""Smallest current of a TH30F10025C7."""

_PHASE_V = 230.0

_FAULTS = {
    Alarm.OVER_TEMPERATURE: Fault.OVER_TEMPERATURE,
    Alarm.FAN: Fault.FAN,
    Alarm.OUTPUT_SHORT: Fault.SHORT_CIRCUIT,
    Alarm.OUTPUT_OVER_VOLTAGE: Fault.OUTPUT_OVER_VOLTAGE,
    Alarm.INTERNAL: Fault.INTERNAL_COMMUNICATION,
    Alarm.AC_PHASE_LOSS: Fault.PHASE_LOSS | Fault.PFC_OFF,
    Alarm.AC_UNDER_VOLTAGE: Fault.INPUT_UNDER_VOLTAGE | Fault.PFC_OFF,
}

_SET_HARDWARE_TOO = Fault(0x3F00)


@attrs.define
class _Spoken:
    """One of the frames that come by themselves: when it was last said, when it is due, and what it said."""

    due_at_s: float
    said_at_s: float
    data: bytes = b""
    changing: bytes = b""  # what of it makes it come out of its turn


@attrs.define(eq=False, kw_only=True)
class TonHeNode(ModuleNode):
    """One TonHe module."""

    _spoken: dict[Message, _Spoken] = attrs.field(factory=dict)

    # --- what it hears ----------------------------------------------------------------------------------------------

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        """Obeys the controller; each frame that means it counts as a sign of life. Only C_M_24 is confirmed."""
        if not frame.extended or frame.remote or self.misbehaviour.frozen:
            return []
        asked = wire.Identifier.decode(frame.can_id)
        if asked.reserved or asked.source != wire.CONTROLLER:
            return []
        if asked.destination not in (self.address, wire.BROADCAST):
            return []
        try:
            return self._obey(asked, frame.data, now_s)
        except ValueError:
            return []

    def _obey(self, asked: wire.Identifier, data: bytes, now_s: float) -> list[Frame]:
        match asked.message:
            case Message.SWITCH_MANY:
                many = wire.SwitchMany.decode(data)
                if many.selection.includes(self.address):
                    self.module.heard(now_s)
                    self._switch(many.switch, now_s)
            case Message.SET_MANY:
                setting = wire.SetMany.decode(data)
                if setting.selection.includes(self.address):
                    self.module.heard(now_s)
                    self._set(setting.voltage_v, setting.current_a, now_s)
            case Message.COMMAND if asked.destination == self.address:
                return self._command(data, now_s)
            case Message.HEARTBEAT | Message.SET_ADDRESS | Message.ADDRESS_MODE | Message.INPUT_MODE:
                self.module.heard(now_s)
        return []

    def _command(self, data: bytes, now_s: float) -> list[Frame]:
        self.module.heard(now_s)
        try:
            command = wire.Command.decode(data)
            received = not self.module.starting_up(now_s)
        except ValueError:
            received = False
        if received:
            if command.switch is Switch.ON:
                self._set(command.voltage_v, command.current_a, now_s)
            self._switch(command.switch, now_s)
        said = self.said(wire.Confirm(received).encode(), now_s)
        return [] if said is None else [wire.from_module(Message.CONFIRM, self.address, said)]

    def _switch(self, switch: Switch, now_s: float) -> None:
        if switch is Switch.OFF:
            self.switch_off(now_s)
            return
        try:
            self.switch_on(now_s)
        except StartingUp:
            self.refuse("start", now_s)

    def _set(self, voltage_v: float, current_a: float, now_s: float) -> None:
        rating = self.module.rating
        voltage_v = min(max(voltage_v, rating.min_voltage_v), rating.max_voltage_v)
        current_a = min(max(current_a, MIN_CURRENT_A), rating.max_current_a)
        try:
            self.set_output(voltage_v, current_a, now_s)
        except StartingUp:
            self.refuse("set-point", now_s)

    # --- what it says -----------------------------------------------------------------------------------------------

    def speak(self, now_s: float) -> list[Frame]:
        if self.module.starting_up(now_s):
            return []
        state, extended = self.state(), self.extended()
        unmeasured = attrs.evolve(state, voltage_v=0.0, current_a=0.0)
        said = [
            self._say(Message.STATE, state.encode(), unmeasured.encode(), now_s),
            self._say(Message.EXTENDED, extended.encode(), extended.encode(), now_s),
            self._say(Message.AC_INPUT, self.ac_input().encode(), b"", now_s),
        ]
        return [frame for frame in said if frame is not None]

    def _say(self, message: Message, data: bytes, changing: bytes, now_s: float) -> Frame | None:
        """`data` when it is due, or, `changing` having changed, before."""
        spoken = self._spoken.get(message)
        if spoken is None:
            # Modules of a rack do not all speak at the same moment.
            phase_s = self.address * 0.037 % PERIOD_S
            spoken = self._spoken[message] = _Spoken(now_s + phase_s, now_s, data, changing)
        if self.misbehaviour.frozen:
            data, changing = spoken.data, spoken.changing
        changed = changing != spoken.changing and now_s - spoken.said_at_s >= CHANGE_GAP_S
        if now_s < spoken.due_at_s and not changed:
            return None
        self._spoken[message] = _Spoken(now_s + PERIOD_S, now_s, data, changing)
        said = self.said(data, now_s)
        return None if said is None else wire.from_module(message, self.address, said)

    def state(self) -> wire.State:
        module = self.module
        faults = Fault(0)
        for alarm in module.alarms:
            faults |= _FAULTS[alarm]
        if faults & _SET_HARDWARE_TOO:
            faults |= Fault.HARDWARE
        off = wire.Running.OFF_BY_FAULT if module.alarms else wire.Running.OFF
        return wire.State(wire.Running.ON if module.on else off, *self.measured(), faults)

    def extended(self) -> wire.Extended:
        module = self.module
        faults = ExtendedFault(0)
        if module.comm_lost:
            faults |= ExtendedFault.CAN_TIMEOUT
        if Alarm.OVER_TEMPERATURE in module.alarms:
            faults |= ExtendedFault.INTERNAL_OVER_TEMPERATURE
        if module.alarms & {Alarm.AC_PHASE_LOSS, Alarm.AC_UNDER_VOLTAGE}:
            faults |= ExtendedFault.PFC_STOPPED
        return wire.Extended(ExtendedState.HOT_PLUG_ENABLED, faults)

    def ac_input(self) -> wire.AcInput:
        alarms = self.module.alarms
        healthy_v = 140.0 if Alarm.AC_UNDER_VOLTAGE in alarms else _PHASE_V
        lost_v = 0.0 if Alarm.AC_PHASE_LOSS in alarms else healthy_v
        return wire.AcInput(healthy_v, healthy_v, lost_v, round(self.module.temperature_c))
