"""An emulated Maxwell MXR module on the CAN bus: V1.50 frames in, frames out.

It obeys, answers and refuses as the protocol document says, through the wire tables the controller uses too; where the
document is silent, this says so. It knows no adapter and no tty; misbehaviour on purpose is part of it.

Quirks of the family: what it will not do it refuses (0xF2), voltages below its smallest among it; it takes seconds to
start.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.maxwell_wire import Bit, Function, Message, Register, Result
from jp_firmware.sim.module import Alarm, Refused
from jp_firmware.sim.modules.node import ModuleNode

START_DELAY_S = 2.0
"""From ON to the first volt: ours; up to 8 s were seen (?)."""

SOFT_START_S = 1.0
"""From the first volt to full voltage: ours, the document says nothing (?)."""

_PHASE_V = 230.0

_ALARM_BITS = {
    Alarm.OVER_TEMPERATURE: Bit.DCDC_HOT | Bit.PROTECTION,
    Alarm.FAN: Bit.FAN,
    Alarm.OUTPUT_SHORT: Bit.SHORT_CIRCUIT | Bit.PROTECTION,
    Alarm.OUTPUT_OVER_VOLTAGE: Bit.OUTPUT_OVER_VOLTAGE | Bit.PROTECTION,
    Alarm.INTERNAL: Bit.INTERNAL_COMMUNICATION | Bit.FAULT,
    # No bit says "phase lost" (?): three phases are not recognised.
    Alarm.AC_PHASE_LOSS: Bit.INPUT_WIRING | Bit.PROTECTION,
    Alarm.AC_UNDER_VOLTAGE: Bit.AC_UNDER_VOLTAGE | Bit.PROTECTION,
}


@attrs.define(eq=False, kw_only=True)
class MaxwellNode(ModuleNode):
    """One Maxwell module, with its dial as its address."""

    group: int = 0
    settings: dict[int, int] = attrs.field(factory=dict)  # what is taken and kept without further effect here
    _frozen_answers: dict[tuple[int, int], Message] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.module.walk_in_s = SOFT_START_S
        self.module.start_delay_s = START_DELAY_S

    def concerns(self, asked: wire.Identifier) -> bool:
        """Whether a frame with this identifier is for this module, alone or among others."""
        if asked.point_to_point:
            return asked.destination == self.address
        match asked.destination:
            case wire.BROADCAST:
                return True
            case wire.GROUP_BROADCAST:
                return asked.group == self.group
        return asked.destination == wire.to_group(self.group)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        asked = wire.Identifier.decode(frame.can_id)
        if (
            not frame.extended
            or frame.remote
            or len(frame.data) != 8
            or (asked.protocol, asked.source) != (wire.PROTOCOL, wire.CONTROLLER)
            or not self.concerns(asked)
        ):
            return []
        message = Message.decode(frame.data)
        if message.function not in (Function.SET, Function.READ):
            return []  # of another make with the same protocol number
        if self.module.starting_up(now_s):
            return []  # no word for it (?)
        known = (message.function, message.register)
        answer = self._frozen_answers.get(known) if self.misbehaviour.frozen else self._answer(message, now_s)
        if answer is None:
            return []
        self._frozen_answers[known] = answer
        said = self.said(answer.encode(), now_s)
        return [] if said is None else [attrs.evolve(wire.from_module(self.address, answer, self.group & 7), data=said)]

    def _answer(self, message: Message, now_s: float) -> Message:
        self.module.heard(now_s)
        if message.function == Function.READ:
            tell = _READS.get(message.register)
            return message.reply(0, Result.REFUSED) if tell is None else message.reply(tell(self))
        try:
            self._obey(message, now_s)
        except Refused:
            self.refuse({"register": message.register, "value": f"{message.value:08x}"}, now_s)
            return message.reply(message.value, Result.REFUSED)
        return message.reply(message.value)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _obey(self, message: Message, now_s: float) -> None:
        """Raises Refused."""
        value = message.value
        match message.register:
            case Register.SET_VOLTAGE:
                self.set_voltage(message.number, now_s)
            case Register.SET_CURRENT:
                self.set_current(wire.to_current(value), now_s)
            case Register.SET_CURRENT_PART:
                self.set_current(message.number * self.module.rating.max_current_a, now_s)
            case Register.SWITCH if value == wire.ON:
                self.switch_on(now_s)
            case Register.SWITCH if value == wire.OFF:
                self.switch_off(now_s)
            case Register.SET_GROUP if value <= wire.MAX_EXTENDED_GROUP:
                self.group = value
            case Register.SET_ALTITUDE if 1000 <= value <= 5000:
                self.settings[Register.ALTITUDE] = value
            case Register.SET_POWER_PART if 0.1 <= message.number <= 1:
                self.settings[message.register] = value
            case Register.SET_ADDRESS_MODE if value == wire.YES:
                self.settings[message.register] = value  # automatic addresses are not emulated: refused
            case Register.OVER_VOLTAGE_RESET | Register.SHORT_CIRCUIT_RESET | Register.OVER_VOLTAGE_RELEVANCE if (
                value in (0, wire.YES)
            ):
                self.settings[message.register] = value
            case Register.SET_INPUT_MODE if value in (1, 2):
                self.settings[message.register] = value
            case _:
                raise Refused(f"register {message.register:#06x} with {value:#010x}")

    # --- answers ----------------------------------------------------------------------------------------------------

    def status_bits(self) -> Bit:
        module = self.module
        bits = Bit(0)
        for alarm in module.alarms:
            bits |= _ALARM_BITS[alarm]
        if not module.running:
            bits |= Bit.DCDC_OFF
        if module.comm_lost:
            bits |= Bit.CAN_FAILURE
        if module.power_limited:
            bits |= Bit.POWER_LIMITED
        return bits

    def limit_point(self) -> float:
        rating = self.module.rating
        return (self.module.set_current_a or rating.max_current_a) / rating.max_current_a

    def phase_v(self, phase: int) -> float:
        alarms = self.module.alarms
        if phase == 2 and Alarm.AC_PHASE_LOSS in alarms:
            return 0.0
        return 140.0 if Alarm.AC_UNDER_VOLTAGE in alarms else _PHASE_V

    def input_w(self) -> int:
        return round(self.module.voltage_v * self.module.current_a / 0.95)  # efficiency: ours

    def input_mode(self) -> int:
        return 5 if Alarm.AC_PHASE_LOSS in self.module.alarms else 3


_Value = Callable[[MaxwellNode], int]


def _number(tell: Callable[[MaxwellNode], float]) -> _Value:
    return lambda node: wire.of_number(tell(node))


_READS: dict[int, _Value] = {
    Register.VOLTAGE: _number(lambda node: node.measured()[0]),
    Register.CURRENT: _number(lambda node: node.measured()[1]),
    Register.LIMIT_POINT: _number(lambda node: node.limit_point()),
    Register.DC_BOARD_TEMPERATURE: _number(lambda node: node.module.temperature_c),
    Register.INPUT_VOLTAGE: _number(lambda node: node.phase_v(0)),
    Register.PFC_POSITIVE_VOLTAGE: _number(lambda _: 400.0),
    Register.PFC_NEGATIVE_VOLTAGE: _number(lambda _: 400.0),
    Register.AMBIENT_TEMPERATURE: _number(lambda node: node.module.temperature_c),
    Register.PHASE_A_VOLTAGE: _number(lambda node: node.phase_v(0)),
    Register.PHASE_B_VOLTAGE: _number(lambda node: node.phase_v(1)),
    Register.PHASE_C_VOLTAGE: _number(lambda node: node.phase_v(2)),
    Register.PFC_TEMPERATURE: _number(lambda node: node.module.temperature_c),
    Register.RATED_POWER: _number(lambda node: node.module.rating.max_power_w),
    Register.RATED_CURRENT: _number(lambda node: node.module.rating.max_power_w / node.module.rating.max_voltage_v),
    Register.STATUS: lambda node: int(node.status_bits()),
    Register.GROUP_AND_DIAL: lambda node: node.group << 16 | node.address,
    Register.INPUT_POWER: MaxwellNode.input_w,
    Register.ALTITUDE: lambda node: node.settings.get(Register.ALTITUDE, 1000),
    Register.INPUT_MODE: MaxwellNode.input_mode,
    Register.SERIAL_LOW: lambda node: 0x0001_0000 + node.address,
    Register.SERIAL_HIGH: lambda _: 0x2026_0731,
    Register.DCDC_VERSION: lambda _: 102,
    Register.PFC_VERSION: lambda _: 105,
}
