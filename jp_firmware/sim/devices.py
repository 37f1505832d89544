"""The devices of the emulated cabinet by name, and what can be broken about each of them.

One table for all kinds of device, so that breaking, silencing and repairing read the same for a module and for a
meter. It does nothing by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator

import attrs

from jp_firmware.config.watchdogs import SITE_METER
from jp_firmware.sim.free_relay import FreeRelay, RelayAlarm
from jp_firmware.sim.meter import ALARMS as METER_ALARMS
from jp_firmware.sim.meter import Meter
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.module import Alarm
from jp_firmware.sim.modules.node import ModuleNode
from jp_firmware.sim.outlet import Outlet, OutletAlarm
from jp_firmware.sim.plant import Plant, Reader
from jp_firmware.sim.plc_board import BoardAlarm, PlcBoard
from jp_firmware.sim.site_meter import SiteMeter


@attrs.frozen(kw_only=True)
class Device:
    """One device. `alarms` names what `fault` takes, its default first; `misbehaviour` is None where none is known."""

    alarms: tuple[str, ...]
    fault: Callable[[str], None]
    clear_faults: Callable[[], None]
    misbehaviour: Misbehaviour | None
    last_answer_at_s: Callable[[], float | None]

    def clear(self) -> None:
        """Ends all faults and all misbehaviour."""
        self.clear_faults()
        if self.misbehaviour is not None:
            self.misbehaviour.clear()


def devices(plant: Plant) -> dict[str, Device]:
    """All devices by name; `connector-N` stands for what a board has at one connector, `plc-1-r5` for a relay of it."""
    table: dict[str, Device] = {name: _module(node) for name, node in plant.nodes.items()}
    table |= {name: _meter(meter) for name, meter in plant.meters.items()}
    table |= {name: _board(board) for name, board in plant.boards.items()}
    table |= {f"{name}-r{number}": _relay(relay) for name, number, relay in _switching(plant)}
    table |= {name: _reader(reader) for name, reader in plant.readers.items()}
    if plant.site_meter:
        table[SITE_METER] = _site_meter(plant.site_meter)
    table |= {f"connector-{number}": _outlet(outlet) for number, outlet in plant.outlets.items()}
    return table


def _words(alarms: type[enum.Enum]) -> tuple[str, ...]:
    return tuple(str(alarm.value) for alarm in alarms)


STUCK_ON = "stuck-on"
"""What a module does not report: it hears OFF, and stays on."""


def _module(node: ModuleNode) -> Device:
    def fault(word: str) -> None:
        if word == STUCK_ON:
            node.stuck_on = True
        else:
            node.module.raise_alarm(Alarm(word))

    def clear() -> None:
        node.stuck_on = False
        node.module.clear_alarms()

    return Device(
        alarms=(*_words(Alarm), STUCK_ON),
        fault=fault,
        clear_faults=clear,
        misbehaviour=node.misbehaviour,
        last_answer_at_s=lambda: node.last_answer_at_s,
    )


def _meter(meter: Meter) -> Device:
    return Device(
        alarms=METER_ALARMS,
        fault=meter.alarms.add,
        clear_faults=meter.alarms.clear,
        misbehaviour=meter.misbehaviour,
        last_answer_at_s=lambda: meter.last_answer_at_s,
    )


def _site_meter(meter: SiteMeter) -> Device:
    return Device(
        alarms=(),
        fault=lambda _word: None,
        clear_faults=lambda: None,
        misbehaviour=meter.misbehaviour,
        last_answer_at_s=lambda: meter.last_answer_at_s,
    )


def _board(board: PlcBoard) -> Device:
    """A board's alarms are its own and those of its connectors, which then hit all of them."""
    own = _words(BoardAlarm)
    shared = tuple(word for word in _words(OutletAlarm) if word not in own)

    def fault(word: str) -> None:
        if word in own:
            board.alarms.add(BoardAlarm(word))
        else:
            for outlet in board.outlets:
                outlet.alarms.add(OutletAlarm(word))

    def clear() -> None:
        board.alarms.clear()
        for outlet in board.outlets:
            outlet.alarms.clear()

    default = BoardAlarm.DOOR.value
    return Device(
        alarms=(default, *(word for word in own + shared if word != default)),
        fault=fault,
        clear_faults=clear,
        misbehaviour=board.misbehaviour,
        last_answer_at_s=lambda: board.last_answer_at_s,
    )


def _switching(plant: Plant) -> Iterator[tuple[str, int, FreeRelay]]:
    """The free relays that switch modules, are bridges, or tie segments of a bus-bar together."""
    cabinet = plant.cabinet
    ties = [segment.tie for bar in cabinet.bus_bars for segment in bar.segments if segment.tie]
    used = [(one.board, one.relay) for one in cabinet.switches]
    used += [(one.board, one.relay) for one in cabinet.bridges]
    used += [(one.board, one.relay) for one in ties]
    for board, number in used:
        yield board, number, plant.boards[board].relays[number]


def _relay(relay: FreeRelay) -> Device:
    return Device(
        alarms=_words(RelayAlarm),
        fault=lambda word: relay.alarms.add(RelayAlarm(word)),
        clear_faults=relay.alarms.clear,
        misbehaviour=None,
        last_answer_at_s=lambda: None,
    )


def _outlet(outlet: Outlet) -> Device:
    return Device(
        alarms=_words(OutletAlarm),
        fault=lambda word: outlet.alarms.add(OutletAlarm(word)),
        clear_faults=outlet.alarms.clear,
        misbehaviour=None,
        last_answer_at_s=lambda: None,
    )


def _reader(reader: Reader) -> Device:
    return Device(
        alarms=(),
        fault=lambda _word: None,
        clear_faults=lambda: None,
        misbehaviour=reader.misbehaviour,
        last_answer_at_s=lambda: reader.last_answer_at_s,
    )
