"""An emulated InfyPower BEG module on the CAN bus: objects read and written, through the controller's own wire tables.

It obeys, answers and refuses as the protocol document says; where that is silent (?) it does what its options say. It
can be set to feed the grid, as the real one can, and then delivers nothing to a car; it knows no adapter and no tty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_beg_wire as wire
from jp_firmware.hw.modules.infypower_beg_wire import Command, Item, Object
from jp_firmware.hw.modules.infypower_wire import BROADCAST, Bit, Device, Error, Identifier
from jp_firmware.sim.module import Alarm, Refused, StartingUp
from jp_firmware.sim.modules.infypower import ALARM_BITS, CONTROLLERS
from jp_firmware.sim.modules.node import ModuleNode

_LINE_V = 400.0


@attrs.define(eq=False, kw_only=True)
class BegNode(ModuleNode):
    """One BEG module. `divides`: addressed alone, it takes the current for the total of its system all the same (?)."""

    group: int = 0
    divides: bool = False
    direction: int = wire.RECTIFIER
    _voltage_v: float | None = None  # half of a set-point, until the other comes
    _current_a: float | None = None
    _frozen_answers: dict[tuple[int, int], Item] = attrs.field(factory=dict)

    def concerns(self, asked: Identifier) -> bool:
        """Whether a frame with this identifier is for this module, alone or among others."""
        if asked.device == Device.GROUP:
            return asked.destination == self.group
        return asked.device == Device.MODULE and asked.destination in (self.address, BROADCAST)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        if not frame.extended or frame.remote:
            return []
        asked = Identifier.decode(frame.can_id)
        if asked.source not in CONTROLLERS or not self.concerns(asked):
            return []
        concerned = [node for node in self.peers if node.concerns(asked)]
        if not self.misbehaviour.frozen:
            self.module.heard(now_s)
        if len(frame.data) != 8:
            return self._say(asked, Item(0), Error.DATA_INVALID, now_s)
        item = Item.decode(frame.data)
        by_master = asked.command == Command.READ and item.number in wire.SYSTEM
        if by_master and not self._is_master(concerned):
            return []
        if self.misbehaviour.frozen:
            # Its communication hangs and repeats itself; nothing is obeyed, and its own 10 s run out.
            known = self._frozen_answers.get((asked.command, item.number))
            return [] if known is None else self._say(asked, known, Error.NONE, now_s)
        answer, error = self._answer(asked.command, item, self._sharers(asked, concerned), now_s)
        self._frozen_answers[asked.command, item.number] = answer
        return self._say(asked, answer, error, now_s)

    def _is_master(self, concerned: Sequence[BegNode]) -> bool:
        """The lowest address that speaks, as with V1.13 (?)."""
        return self is next((node for node in concerned if not node.misbehaviour.silent), None)

    def _sharers(self, asked: Identifier, concerned: Sequence[BegNode]) -> int:
        """Among how many a current is divided: those addressed, or, for one that `divides`, all of its system."""
        alone = asked.device == Device.MODULE and asked.destination == self.address
        return len(self.peers) if alone and self.divides else len(concerned)

    def _answer(self, command: int, item: Item, sharers: int, now_s: float) -> tuple[Item, int]:
        """What it says, and its error code."""
        try:
            if command == Command.READ:
                error = Error.STARTING_UP if self.module.starting_up(now_s) else Error.NONE
                return self._read(item.number, sharers), error
            if command == Command.WRITE:
                self._write(item, sharers, now_s)
                return item, Error.NONE
        except StartingUp:
            return item, Error.STARTING_UP
        except Refused:
            self.refuse({"object": f"{item.number:04X}", "value": item.value}, now_s)
            return item, Error.DATA_INVALID
        except KeyError:  # an object it does not have
            return item, Error.COMMAND_INVALID
        return item, Error.COMMAND_INVALID

    # --- commands ---------------------------------------------------------------------------------------------------

    def _write(self, item: Item, sharers: int, now_s: float) -> None:
        module = self.module
        if module.starting_up(now_s):
            raise StartingUp
        match item.number:
            case Object.SYSTEM_VOLTAGE:
                self._set(item.thousandths, None, now_s)
            case Object.SYSTEM_CURRENT:
                self._set(None, item.thousandths / max(sharers, 1), now_s)
            case Object.SWITCH if _choice(item) == wire.ON:
                if self.direction != wire.RECTIFIER:
                    raise Refused("set to feed the grid")
                self.switch_on(now_s)
            case Object.SWITCH:
                self._voltage_v = self._current_a = None
                self.switch_off(now_s)
            case Object.WALK_IN:
                module.walk_in_enabled = _choice(item) == wire.WALK_IN_ENABLED
            case Object.SLEEP:
                module.sleep(_choice(item) == wire.ASLEEP)
            case Object.RANGE:
                module.select_range(_choice(item, 3) != wire.RANGE_LOW, now_s)
            case Object.WORKING_MODE:
                self.direction = _choice(item, 3)
            case Object.AC_AB_VOLTAGE:  # written it is the group's number
                self.group = item.value & 0x3F
            case Object.LED | Object.ADDRESS_MODE:
                _choice(item)
            case _:
                raise KeyError(item.number)

    def _set(self, voltage_v: float | None, current_a: float | None, now_s: float) -> None:
        """Half of a set-point. The other half is as it was, or comes yet, where OFF has made it forget."""
        module, rating = self.module, self.module.rating
        if voltage_v is not None:
            if not rating.min_voltage_v <= voltage_v <= module.max_voltage_v:
                raise Refused(f"{voltage_v:g} V")
            self._voltage_v = voltage_v
        if current_a is not None:
            if not 0 < current_a <= rating.max_current_a:
                raise Refused(f"{current_a:g} A")
            self._current_a = current_a
        voltage_v = module.set_voltage_v if self._voltage_v is None else self._voltage_v
        current_a = module.set_current_a if self._current_a is None else self._current_a
        if voltage_v is not None and current_a is not None:
            self._voltage_v = self._current_a = None
            self.set_output(voltage_v, current_a, now_s)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _say(self, asked: Identifier, item: Item, error: int, now_s: float) -> list[Frame]:
        frame = wire.reply(asked, self.address, item, error=error)
        said = self.said(frame.data, now_s)
        return [] if said is None else [attrs.evolve(frame, data=said)]

    def _read(self, number: int, sharers: int) -> Item:
        if number == Object.COUNT:
            return Item(number, sharers)
        if number == Object.LED:  # read it is the group's number
            return Item(number, self.group)
        if number == Object.SWITCH:
            return Item(number, int(self.status_bits()))
        if number == Object.DIRECTION:
            return Item(number, 0 if self.direction == wire.RECTIFIER else wire.INVERTER)
        return Item.milli(number, _VALUES[number](self))

    def status_bits(self) -> Bit:
        module = self.module
        bits = Bit(0)
        for alarm in module.alarms:
            bits |= ALARM_BITS[alarm]
        for present, bit in (
            (not module.on, Bit.DC_OFF),
            (module.sleeping, Bit.SLEEPING),
            (module.walk_in_enabled, Bit.WALK_IN),
            (module.comm_lost, Bit.CAN_INTERRUPTED),
            (module.power_limited, Bit.POWER_LIMITED),
        ):
            if present:
                bits |= bit
        return bits

    def line_v(self, broken: bool) -> float:
        """One of its line voltages; `broken` is that of a phase that may be lost."""
        if broken and Alarm.AC_PHASE_LOSS in self.module.alarms:
            return 0.0
        return 240.0 if Alarm.AC_UNDER_VOLTAGE in self.module.alarms else _LINE_V


def _choice(item: Item, of: int = 2) -> int:
    """Raises Refused for a value that is none of the first `of`."""
    if item.value not in list(wire.Choice)[:of]:
        raise Refused(f"choice {item.value:#x}")
    return item.value


_VALUES: dict[int, Callable[[BegNode], float]] = {
    Object.SYSTEM_VOLTAGE: lambda node: node.bus.voltage_v,
    Object.SYSTEM_CURRENT: lambda node: node.bus.current_a,
    Object.VOLTAGE: lambda node: node.measured()[0],
    Object.CURRENT: lambda node: node.measured()[1],
    Object.AC_AB_VOLTAGE: lambda node: node.line_v(False),
    Object.AC_BC_VOLTAGE: lambda node: node.line_v(True),
    Object.AC_CA_VOLTAGE: lambda node: node.line_v(True),
    Object.AMBIENT: lambda node: node.module.temperature_c,
    Object.MAX_VOLTAGE: lambda node: node.module.rating.max_voltage_v,
    Object.MIN_VOLTAGE: lambda node: node.module.rating.min_voltage_v,
    Object.MAX_CURRENT: lambda node: node.module.rating.max_current_a,
    Object.RATED_POWER: lambda node: node.module.rating.max_power_w,
}
