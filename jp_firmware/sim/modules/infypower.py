"""An emulated InfyPower module on the CAN bus: V1.13 frames in, frames out.

It obeys, answers and refuses as the protocol document says, through the wire tables the controller uses too. It knows
no adapter and no tty; misbehaviour on purpose (silent, frozen, corrupt answers) is part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.sim.module import Alarm, Refused, StartingUp
from jp_firmware.sim.modules.node import ModuleNode

CONTROLLERS = range(0xF0, 0xF9)

_LINE_V = 400.0  # nominal line-to-line voltage of the AC side

ALARM_BITS = {
    Alarm.OVER_TEMPERATURE: wire.Bit.OVER_TEMPERATURE | wire.Bit.PROTECTION,
    Alarm.FAN: wire.Bit.FAN | wire.Bit.FAULT,
    Alarm.OUTPUT_SHORT: wire.Bit.OUTPUT_SHORT | wire.Bit.PROTECTION,
    Alarm.OUTPUT_OVER_VOLTAGE: wire.Bit.OUTPUT_OVER_VOLTAGE | wire.Bit.PROTECTION,
    Alarm.INTERNAL: wire.Bit.INTERNAL_COMMUNICATION | wire.Bit.FAULT,
    Alarm.AC_PHASE_LOSS: wire.Bit.PHASE_LOSS | wire.Bit.PFC_OFF | wire.Bit.PROTECTION,
    Alarm.AC_UNDER_VOLTAGE: wire.Bit.INPUT_UNDER_VOLTAGE | wire.Bit.PFC_OFF | wire.Bit.PROTECTION,
}


@attrs.define(eq=False, kw_only=True)
class InfyPowerNode(ModuleNode):
    """One InfyPower module."""

    group: int = 0
    specimen: int | None = None  # another one after it was replaced; by its address unless told
    _frozen_answers: dict[int, bytes] = attrs.field(factory=dict)

    def concerns(self, asked: wire.Identifier) -> bool:
        """Whether a frame with this identifier is for this module, alone or among others."""
        if asked.device == wire.Device.GROUP:
            return asked.destination == self.group
        return asked.device == wire.Device.MODULE and asked.destination in (self.address, wire.BROADCAST)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        if not frame.extended or frame.remote:
            return []
        asked = wire.Identifier.decode(frame.can_id)
        if asked.source not in CONTROLLERS or not self.concerns(asked):
            return []
        concerned = [node for node in self.peers if node.concerns(asked)]
        if asked.command in _BY_MASTER and not self._is_master(concerned):
            if not self.misbehaviour.frozen:
                self.module.heard(now_s)
            return []
        answer = self.answer(asked, frame.data, len(concerned), now_s)
        return [] if answer is None else [answer]

    def _is_master(self, concerned: Sequence[InfyPowerNode]) -> bool:
        """Numbers for all come from the master alone: the lowest address that speaks (after public captures)."""
        return self is next((node for node in concerned if not node.misbehaviour.silent), None)

    def answer(self, asked: wire.Identifier, data: bytes, sharers: int, now_s: float) -> Frame | None:
        """Obeys or answers one frame. `sharers` is how many modules share a total current. None: no answer."""
        if self.misbehaviour.frozen:
            # Its communication hangs and repeats itself; nothing is obeyed, and its own 10 s run out.
            known = self._frozen_answers.get(asked.command)
            return None if known is None else self._send(asked, known, wire.Error.NONE, now_s)
        self.module.heard(now_s)
        try:
            answer = self._act(asked.command, data, sharers, now_s)
            error = wire.Error.STARTING_UP if self.module.starting_up(now_s) else wire.Error.NONE
        except StartingUp:
            answer, error = data, wire.Error.STARTING_UP
        except _Unknown:
            answer, error = data, wire.Error.COMMAND_INVALID
        except (Refused, ValueError):
            answer, error = data, wire.Error.DATA_INVALID
            self.refuse({"command": asked.command, "data": data.hex()}, now_s)
        self._frozen_answers[asked.command] = answer
        return self._send(asked, answer, error, now_s)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _act(self, command: int, data: bytes, sharers: int, now_s: float) -> bytes:
        if len(data) != 8:
            raise ValueError("a frame of this protocol has eight bytes")
        read = _READS.get(command)
        if read is not None:
            return read(self, sharers)
        match command:
            case wire.Command.SET_SWITCH:
                self._switch(wire.Switch.decode(data), now_s)
            case wire.Command.SET_OUTPUT:
                self._set(wire.Output.decode(data), 1, now_s)
            case wire.Command.SET_SYSTEM_OUTPUT:
                self._set(wire.Output.decode(data), sharers, now_s)
            case wire.Command.SET_WALK_IN:
                self.module.walk_in_enabled = bool(wire.Switch.decode(data).value)
            case wire.Command.SET_SLEEP:
                self.module.sleep(bool(wire.Switch.decode(data).value))
            case wire.Command.SET_GROUP:
                self.group = wire.Switch.decode(data).value
            case wire.Command.SET_LED | wire.Command.SET_ADDRESS_MODE:
                wire.Switch.decode(data)
            case _:
                raise _Unknown
        return data

    def _switch(self, switch: wire.Switch, now_s: float) -> None:
        if switch == wire.OFF:
            self.switch_off(now_s)
        elif switch == wire.ON:
            self.switch_on(now_s)
        else:
            raise Refused(f"switch {switch.value}")

    def _set(self, output: wire.Output, sharers: int, now_s: float) -> None:
        self.set_output(output.voltage_v, output.current_a / max(sharers, 1), now_s)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _send(self, asked: wire.Identifier, data: bytes, error: int, now_s: float) -> Frame | None:
        said = self.said(data, now_s)
        return None if said is None else wire.reply(asked, self.address, said, error=error)

    def status_bits(self) -> wire.Bit:
        module = self.module
        bits = wire.Bit(0)
        for alarm in module.alarms:
            bits |= ALARM_BITS[alarm]
        if not module.on:
            bits |= wire.Bit.DC_OFF
        if module.sleeping:
            bits |= wire.Bit.SLEEPING
        if module.walk_in_enabled:
            bits |= wire.Bit.WALK_IN
        if module.comm_lost:
            bits |= wire.Bit.CAN_INTERRUPTED
        if module.power_limited:
            bits |= wire.Bit.POWER_LIMITED
        return bits

    def _read_status(self, _sharers: int) -> bytes:
        return wire.Status(self.status_bits(), round(self.module.temperature_c), self.group).encode()

    def _read_output(self, _sharers: int) -> bytes:
        return wire.Output(*self.measured()).encode()

    def _read_output_float(self, _sharers: int) -> bytes:
        return wire.OutputFloat(*self.measured()).encode()

    def _read_system(self, _sharers: int) -> bytes:
        return wire.Output(self.bus.voltage_v, self.bus.current_a).encode()

    def _read_system_float(self, _sharers: int) -> bytes:
        return wire.OutputFloat(self.bus.voltage_v, self.bus.current_a).encode()

    def _read_count(self, sharers: int) -> bytes:
        return wire.Count(sharers).encode()

    def _read_ratings(self, _sharers: int) -> bytes:
        rating = self.module.rating
        return wire.Ratings(
            rating.max_voltage_v, rating.min_voltage_v, rating.max_current_a, rating.max_power_w
        ).encode()

    def _read_external(self, _sharers: int) -> bytes:
        rating, voltage_v = self.module.rating, self.bus.voltage_v
        available_a = min(rating.max_current_a, rating.max_power_w / max(voltage_v, 1.0)) if self.module.on else 0.0
        return wire.External(voltage_v, available_a).encode()

    def _read_ac_input(self, _sharers: int) -> bytes:
        alarms = self.module.alarms
        healthy = 240.0 if Alarm.AC_UNDER_VOLTAGE in alarms else _LINE_V
        broken = 0.0 if Alarm.AC_PHASE_LOSS in alarms else healthy
        return wire.AcInput(healthy + 0.4, broken, broken - 0.6 if broken else 0.0).encode()

    def _read_barcode(self, _sharers: int) -> bytes:
        specimen = self.address if self.specimen is None else self.specimen
        return b"V" + (202_600_000_000 + specimen).to_bytes(5, "big") + (1000 + specimen).to_bytes(2, "big")


class _Unknown(Exception):
    """A command number this module does not know."""


_READS: dict[int, Callable[[InfyPowerNode, int], bytes]] = {
    wire.Command.READ_SYSTEM_FLOAT: InfyPowerNode._read_system_float,
    wire.Command.READ_COUNT: InfyPowerNode._read_count,
    wire.Command.READ_OUTPUT_FLOAT: InfyPowerNode._read_output_float,
    wire.Command.READ_STATUS: InfyPowerNode._read_status,
    wire.Command.READ_AC_INPUT: InfyPowerNode._read_ac_input,
    wire.Command.READ_SYSTEM_OUTPUT: InfyPowerNode._read_system,
    wire.Command.READ_OUTPUT: InfyPowerNode._read_output,
    wire.Command.READ_RATINGS: InfyPowerNode._read_ratings,
    wire.Command.READ_EXTERNAL: InfyPowerNode._read_external,
    wire.Command.READ_BARCODE: InfyPowerNode._read_barcode,
}

_BY_MASTER = frozenset({wire.Command.READ_SYSTEM_FLOAT, wire.Command.READ_COUNT, wire.Command.READ_SYSTEM_OUTPUT})
