"""An emulated Huawei R100040Gx module on the CAN bus: signals set, and answers of one frame a signal.

It obeys, answers and refuses through the wire tables the controller uses too. Voltage and current are set one by one;
until both are known, an output that is on stays at zero. What it takes for its time-out is in seconds (?).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import huawei_wire as wire
from jp_firmware.hw.modules.huawei_wire import AlarmBit, Error, Message, Signal, State
from jp_firmware.sim.module import Alarm, Refused, StartingUp
from jp_firmware.sim.modules.node import ModuleNode

_LINE_V = 400.0

_ALARM_BITS = {
    Alarm.OVER_TEMPERATURE: (AlarmBit.INTERNAL_OVER_TEMPERATURE, State.PROTECTION),
    Alarm.FAN: (AlarmBit.FAN, State.FAULT),
    Alarm.OUTPUT_SHORT: (AlarmBit.SHORT_CIRCUIT_LATCHED, State.PROTECTION),
    Alarm.OUTPUT_OVER_VOLTAGE: (AlarmBit.OVER_VOLTAGE_LATCHED, State.PROTECTION),
    Alarm.INTERNAL: (AlarmBit.INTERNAL_COMMUNICATION, State.FAULT),
    Alarm.AC_PHASE_LOSS: (AlarmBit.PHASE_LOST, State.PROTECTION),
    Alarm.AC_UNDER_VOLTAGE: (AlarmBit.INPUT_UNDER_VOLTAGE, State.PROTECTION),
}


@attrs.define(eq=False, kw_only=True)
class HuaweiNode(ModuleNode):
    """One Huawei module."""

    _voltage_v: float | None = None  # as set, until it is switched off
    _current_a: float | None = None
    _frozen_answers: dict[tuple[int, int], list[wire.Word]] = attrs.field(factory=dict)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        if not frame.extended or frame.remote or len(frame.data) != 8:
            return []
        asked = wire.Identifier.decode(frame.can_id)
        if not self._concerns(asked):
            return []
        word = wire.Word.decode(frame.data)
        key = (asked.message, word.signal)
        if self.misbehaviour.frozen:
            # Its communication hangs and repeats itself; nothing is obeyed, and its own time runs out.
            return self._send(asked.message, self._frozen_answers.get(key, []), now_s)
        self.module.heard(now_s)
        answer = self._frozen_answers[key] = self._answer(asked.message, word, now_s)
        return self._send(asked.message, answer, now_s)

    def _concerns(self, asked: wire.Identifier) -> bool:
        return (
            asked.protocol == wire.PROTOCOL
            and asked.from_controller
            and asked.group == wire.NO_GROUP
            and not asked.software_address
            and asked.address in (self.address, wire.ALL)
        )

    def _answer(self, message: int, word: wire.Word, now_s: float) -> list[wire.Word]:
        if self.module.starting_up(now_s):
            return [attrs.evolve(word, error=Error.IDENTIFYING)]
        try:
            match message:
                case Message.CONTROL | Message.CONFIGURE:
                    self._obey(word, now_s)
                    return [word]
                case Message.QUERY:
                    return [self._read(word.signal)]
                case Message.REAL_TIME if word.signal == Signal.BATCH:
                    return self._batch(word)
                case Message.INHERENT if word.signal == Signal.BATCH:
                    return self._inherent()
        except (Refused, StartingUp):
            self.refuse({"signal": word.signal, "value": word.value}, now_s)
        return [attrs.evolve(word, error=Error.INVALID)]

    def _send(self, message: int, answer: list[wire.Word], now_s: float) -> list[Frame]:
        frames = []
        for place, word in enumerate(answer, 1):
            said = self.said(word.encode(), now_s)
            if said is not None:
                frames.append(wire.from_module(message, self.address, said, more=place < len(answer)))
        return frames

    # --- orders -----------------------------------------------------------------------------------------------------

    def _obey(self, word: wire.Word, now_s: float) -> None:
        match word.signal:
            case Signal.SWITCH if word.byte3 == 1:
                self._voltage_v = self._current_a = None
                self.switch_off(now_s)
            case Signal.SWITCH if word.byte3 == 0:
                self.switch_on(now_s)
            case Signal.OUTPUT_VOLTAGE:
                rating = self.module.rating
                self._set(_inside(word.scaled, rating.min_voltage_v, rating.max_voltage_v), self._current_a, now_s)
            case Signal.OUTPUT_CURRENT:
                least_a = 1 / wire.PER_UNIT
                self._set(self._voltage_v, _inside(word.scaled, least_a, self.module.rating.max_current_a), now_s)
            case Signal.COMM_TIMEOUT if word.value:
                self.module.rating = attrs.evolve(self.module.rating, comm_timeout_s=float(word.value))
            case Signal.AUTOMATIC_RANGE:
                pass  # its emulated output is not divided into ranges
            case _:
                raise Refused(f"signal {word.signal:#05x}")

    def _set(self, voltage_v: float | None, current_a: float | None, now_s: float) -> None:
        self._voltage_v, self._current_a = voltage_v, current_a
        if voltage_v is not None and current_a is not None:
            self.set_output(voltage_v, current_a, now_s)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _batch(self, word: wire.Word) -> list[wire.Word]:
        chosen = word.value if word.byte3 == wire.CHOSEN else (1 << 32) - 1
        signals = [signal for bit, signal in wire.BATCH_BITS.items() if chosen >> bit & 1]
        if not signals:
            raise Refused("no signal chosen that it has")
        return [self._read(signal) for signal in signals]

    def _inherent(self) -> list[wire.Word]:
        number = 202_600_000_000 + self.address
        serial = wire.Word(Signal.SERIAL, number & 0xFFFF_FFFF, number >> 40 & 0xFF, number >> 32 & 0xFF)
        return [serial, wire.Word(Signal.VERSION, 0x0102_0103, 0, 1)]

    def _read(self, signal: int) -> wire.Word:
        read = _READS.get(signal)
        if read is None:
            raise Refused(f"signal {signal:#05x}")
        return read(self)

    def status(self) -> wire.Word:
        module = self.module
        state = State(0)
        for alarm in module.alarms:
            state |= _ALARM_BITS[alarm][1]
        if not module.on:
            state |= State.OFF
        elif module.power_limited or module.current_a >= 0.999 * module.limit_a > 0:
            state |= State.CURRENT_LIMITED
        return wire.Status(state, *self.measured()).encode()

    def alarms(self) -> wire.Word:
        bits = 0
        for alarm in self.module.alarms:
            bits |= 1 << _ALARM_BITS[alarm][0]
        if self.module.comm_lost:
            bits |= 1 << AlarmBit.CAN_INTERRUPTED
        return wire.alarms(bits)

    def _input(self, signal: Signal) -> wire.Word:
        """Line to line: a lost phase leaves the voltage between the other two."""
        alarms = self.module.alarms
        line_v = 240.0 if Alarm.AC_UNDER_VOLTAGE in alarms else _LINE_V
        lost = Alarm.AC_PHASE_LOSS in alarms and signal is not Signal.INPUT_UV
        return wire.scaled(signal, 0.0 if lost else line_v)


def _inside(quantity: float, least: float, most: float) -> float:
    """Raises Refused for what is not."""
    if not least <= quantity <= most:
        raise Refused(f"{quantity:g}")
    return quantity


def _quantity(signal: Signal, of: Callable[[HuaweiNode], float]) -> Callable[[HuaweiNode], wire.Word]:
    return lambda node: wire.scaled(signal, of(node))


_READS: dict[int, Callable[[HuaweiNode], wire.Word]] = {
    Signal.STATUS: HuaweiNode.status,
    Signal.ALARMS: HuaweiNode.alarms,
    Signal.OUTPUT_VOLTAGE: _quantity(Signal.OUTPUT_VOLTAGE, lambda node: node.module.set_voltage_v or 0.0),
    Signal.OUTPUT_CURRENT: _quantity(Signal.OUTPUT_CURRENT, lambda node: node.module.set_current_a or 0.0),
    Signal.MEASURED_VOLTAGE: _quantity(Signal.MEASURED_VOLTAGE, lambda node: node.module.voltage_v),
    Signal.MEASURED_CURRENT: _quantity(Signal.MEASURED_CURRENT, lambda node: node.module.current_a),
    Signal.OUTPUT_POWER: _quantity(Signal.OUTPUT_POWER, lambda node: node.module.voltage_v * node.module.current_a),
    Signal.INTERNAL_TEMPERATURE: _quantity(Signal.INTERNAL_TEMPERATURE, lambda node: node.module.temperature_c + 15),
    Signal.AMBIENT_TEMPERATURE: _quantity(Signal.AMBIENT_TEMPERATURE, lambda node: node.module.temperature_c),
    Signal.INPUT_UV: lambda node: node._input(Signal.INPUT_UV),
    Signal.INPUT_VW: lambda node: node._input(Signal.INPUT_VW),
    Signal.INPUT_WU: lambda node: node._input(Signal.INPUT_WU),
}
