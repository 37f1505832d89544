"""An emulated UUGreenPower module on the CAN bus: protocol 36.2 frames in, frames out.

It obeys and answers as the protocol document says, through the wire tables the controller uses too; where the document
is silent, this says so. It knows no adapter and no tty; misbehaviour on purpose is part of it.

Quirks of the family: a set to all modules is obeyed and not answered, a read of all is answered by each; the range
changes with the output off only; identifiers carry day and serial number.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.hw.modules.uugreenpower_wire import Bit, Command, Kind, Message
from jp_firmware.sim.module import DOWN_V, Alarm, Refused, StartingUp
from jp_firmware.sim.modules.node import ModuleNode

SOFT_START_S = 2.0
START_DELAY_S = 0.5
"""From ON to the first volt, and to full voltage after that: ours, the document says nothing (?)."""

_LINE_V = 400.0  # nominal line-to-line voltage of the AC side

_ALARM_BITS = {
    Alarm.OVER_TEMPERATURE: Bit.DCDC1_HOT,
    Alarm.FAN: Bit.FAN,
    Alarm.OUTPUT_SHORT: Bit.SHORT_CIRCUIT,
    Alarm.OUTPUT_OVER_VOLTAGE: Bit.DC_OVER_VOLTAGE | Bit.DC_OVER_VOLTAGE_SHUTDOWN,
    Alarm.INTERNAL: Bit.INTERNAL_COMMUNICATION | Bit.PFC_FAILED,
    # No bit says "phase lost" (?): the input is too low and the halves of the bus differ.
    Alarm.AC_PHASE_LOSS: Bit.AC_UNDER_VOLTAGE | Bit.PFC_UNBALANCED | Bit.PFC_OFF,
    Alarm.AC_UNDER_VOLTAGE: Bit.AC_UNDER_VOLTAGE | Bit.PFC_OFF,
}


@attrs.define(eq=False, kw_only=True)
class UUGreenPowerNode(ModuleNode):
    """One UUGreenPower module."""

    group: int = 1
    fan_reference: int = 0
    silent_level: int = 0
    _frozen_answers: dict[tuple[int, int], Message] = attrs.field(factory=dict)
    _all_set: wire.AllSet | None = None  # waits until the output is down

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.module.walk_in_s = SOFT_START_S
        self.module.start_delay_s = START_DELAY_S

    @property
    def serial_number(self) -> wire.SerialNumber:
        return wire.SerialNumber(plant=3, year=26, month=7, day=1 + self.address % 28, number=1000 + self.address)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        asked = wire.Identifier.decode(frame.can_id)
        if (
            not frame.extended
            or frame.remote
            or len(frame.data) != 8
            or asked.protocol != wire.PROTOCOL
            or asked.module not in (self.address, wire.BROADCAST)
        ):
            return []
        message = Message.decode(frame.data)
        if message.kind in wire.REPLIES or message.group not in (self.group, wire.BROADCAST):
            return []
        if self.module.starting_up(now_s):
            return []  # no word for it (?)
        answer = self._frozen(message) if self.misbehaviour.frozen else self._answer(message, now_s)
        if answer is None:
            return []
        self._frozen_answers[message.kind, message.command] = answer
        to_all = asked.module == wire.BROADCAST
        return [] if to_all and message.kind != Kind.READ else self._send(asked.monitor, answer, now_s)

    def speak(self, now_s: float) -> list[Frame]:
        """Says nothing unasked. What ALL_SET began goes on here, when the output is down."""
        if self._all_set is not None and self.module.voltage_v < DOWN_V:
            order, self._all_set = self._all_set, None
            self._obey_all_set(order, now_s)
        return []

    def _frozen(self, message: Message) -> Message | None:
        """Its communication hangs and repeats itself; nothing is obeyed, and its own time-out runs."""
        return self._frozen_answers.get((message.kind, message.command))

    def _answer(self, message: Message, now_s: float) -> Message | None:
        """Obeys or answers. None for what it does not know: no word for that in this protocol (?)."""
        self.module.heard(now_s)
        match message.kind:
            case Kind.READ if message.command == Command.SERIAL:
                return attrs.evolve(message, kind=Kind.SERIAL_REPLY, value=self.serial_number.encode())
            case Kind.READ:
                read = _READS.get(message.command)
                return read and attrs.evolve(message, kind=Kind.READ_REPLY, value=read(self))
            case Kind.SET:
                return self._set(message, now_s)
            case Kind.ALL_SET:
                self._begin_all_set(wire.AllSet.of(message), now_s)
                return attrs.evolve(message, kind=Kind.ALL_SET_REPLY)
        return None

    # --- orders -----------------------------------------------------------------------------------------------------

    def _set(self, message: Message, now_s: float) -> Message | None:
        """Does it and says what is in force: the order if it was taken, what it was before if not (?)."""
        try:
            self._obey(message.command, message.value, now_s)
        except (Refused, ValueError):
            self.refuse({"command": message.command, "value": message.value}, now_s)
        in_force = _IN_FORCE.get(message.command)
        return in_force and attrs.evolve(message, kind=Kind.SET_REPLY, value=in_force(self))

    def _obey(self, command: int, value: int, now_s: float) -> None:
        match command:
            case Command.VOLTAGE_REFERENCE:
                self.set_voltage(wire.from_milli(value), now_s)
            case Command.CURRENT_LIMIT:
                self.set_current(wire.from_milli(value), now_s)
            case Command.SHUT_DOWN if value == wire.ON:
                self.switch_on(now_s)
            case Command.SHUT_DOWN if value == wire.OFF:
                self._all_set = None
                self.switch_off(now_s)
            case Command.SELECT_RANGE:
                # Left to the module ("automatic") it would have to be in both: refused here (?).
                if value not in (wire.Range.HIGH, wire.Range.LOW):
                    raise Refused(f"range {value}")
                self.module.select_range(value == wire.Range.HIGH, now_s)
            case Command.GROUP if 1 <= value <= wire.MAX_GROUP:
                self.group = value
            case Command.FAN_REFERENCE:
                self.fan_reference = value
            case Command.SILENT_LEVEL if value <= 2:
                self.silent_level = value
            case _:
                raise Refused(f"command {command} with {value}")

    def _begin_all_set(self, order: wire.AllSet, now_s: float) -> None:
        if order.on_off in (wire.OnOff.OFF, wire.OnOff.OFF_WITH_PFC):
            self._all_set = None
            self.switch_off(now_s)
        elif order.high_range in (None, self.module.high_range):
            self._obey_all_set(order, now_s)
        else:
            self.module.switch_off()
            self._all_set = order

    def _obey_all_set(self, order: wire.AllSet, now_s: float) -> None:
        try:
            if order.high_range is not None and order.high_range is not self.module.high_range:
                self.module.select_range(order.high_range, now_s)
            self.set_output(order.voltage_v, order.current_a, now_s)
            self.switch_on(now_s)
        except (Refused, StartingUp):
            self.refuse({"all set": str(order)}, now_s)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _send(self, monitor: int, answer: Message, now_s: float) -> list[Frame]:
        said = self.said(answer.encode(), now_s)
        if said is None:
            return []
        serial = self.serial_number
        identifier = wire.Identifier(monitor, self.address, serial.day, serial.number & 0x1FF)
        return [Frame(identifier.encode(), said)]

    def status_bits(self) -> Bit:
        module = self.module
        bits = Bit(0)
        for alarm in module.alarms:
            bits |= _ALARM_BITS[alarm]
        if not module.running:
            bits |= Bit.DCDC_OFF
        elif module.set_current_a is not None and module.current_a >= 0.99 * module.set_current_a:
            bits |= Bit.CURRENT_LOOP
        return bits

    def capability_a(self) -> float:
        """What it could deliver at the voltage it is at."""
        module = self.module
        return min(module.max_current_a, module.rating.max_power_w / max(self.bus.voltage_v, 1.0))

    def _range(self) -> int:
        return wire.Range.HIGH if self.module.high_range else wire.Range.LOW

    def _voltage(self) -> int:
        return wire.to_milli(self.measured()[0])

    def _current(self) -> int:
        return wire.to_milli(self.measured()[1])

    def _current_and_capability(self) -> int:
        return wire.CurrentAndCapability(self.measured()[1], self.capability_a()).encode()

    def _temperature(self) -> int:
        return wire.to_signed_milli(self.module.temperature_c)

    def _line(self) -> int:
        broken = {Alarm.AC_PHASE_LOSS, Alarm.AC_UNDER_VOLTAGE} & self.module.alarms
        return wire.to_milli(240.0 if broken else _LINE_V)

    def _set_voltage(self) -> int:
        return wire.to_milli(self.module.set_voltage_v or 0.0)

    def _set_current(self) -> int:
        return wire.to_milli(self.module.set_current_a or 0.0)


_Value = Callable[[UUGreenPowerNode], int]

_READS: dict[int, _Value] = {
    Command.VOLTAGE: UUGreenPowerNode._voltage,
    Command.CURRENT: UUGreenPowerNode._current,
    Command.VOLTAGE_REFERENCE: UUGreenPowerNode._set_voltage,
    Command.CURRENT_LIMIT: UUGreenPowerNode._set_current,
    Command.STATUS: lambda node: int(node.status_bits()),
    Command.VOLTAGE_AB: UUGreenPowerNode._line,
    Command.VOLTAGE_BC: UUGreenPowerNode._line,
    Command.VOLTAGE_CA: UUGreenPowerNode._line,
    Command.INLET_TEMPERATURE: UUGreenPowerNode._temperature,
    Command.PFC_TEMPERATURE: UUGreenPowerNode._temperature,
    Command.DCDC2_TEMPERATURE: UUGreenPowerNode._temperature,
    Command.DCDC3_TEMPERATURE: UUGreenPowerNode._temperature,
    Command.CURRENT_FASTEST: UUGreenPowerNode._current,
    Command.CURRENT_FAST: UUGreenPowerNode._current,
    Command.GROUP: lambda node: node.group,
    Command.SELECTED_RANGE: UUGreenPowerNode._range,
    Command.VOLTAGE_FAST: UUGreenPowerNode._voltage,
    Command.PRESENT_RANGE: UUGreenPowerNode._range,
    Command.CAPABILITY: lambda node: wire.to_milli(node.capability_a()),
    Command.CURRENT_AND_CAPABILITY: UUGreenPowerNode._current_and_capability,
}

_IN_FORCE: dict[int, _Value] = {
    Command.VOLTAGE_REFERENCE: UUGreenPowerNode._set_voltage,
    Command.CURRENT_LIMIT: UUGreenPowerNode._set_current,
    Command.SHUT_DOWN: lambda node: wire.ON if node.module.on else wire.OFF,
    Command.SELECT_RANGE: UUGreenPowerNode._range,
    Command.GROUP: lambda node: node.group,
    Command.FAN_REFERENCE: lambda node: node.fan_reference,
    Command.SILENT_LEVEL: lambda node: node.silent_level,
}
