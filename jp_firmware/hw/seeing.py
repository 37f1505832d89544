"""What the switching of modules sees of the charger: modules, bus-bars and relays, in the words of `planner.world`.

It only looks; what follows from it is `switching`'s to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import attrs

from jp_firmware.charging.ports import EvLink
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.plc.driver import BoardTask
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.model.plc import PlcMode
from jp_firmware.model.signals import Quality
from jp_firmware.planner.world import Bar, BarState, BoardSeen, ModuleSeen, Terms, World
from jp_firmware.planner.yard import Yard

FRESH_S = 1.0  # ours: the age at which a voltage is no longer a witness
SETTLED_S = 2.0  # ours: after a session bus-bars discharge in a second (IEC 61851-23: below 60 V)


@attrs.define(eq=False, kw_only=True)
class Seeing:
    """Looks when it is asked. `state_of` is given to it before the first look."""

    modules: Mapping[ModuleId, ModuleTask]
    stages: Mapping[ConnectorId, Stage]
    boards: Mapping[PlcId, BoardTask]
    ev_links: Mapping[ConnectorId, EvLink]
    state_of: Callable[[ConnectorId], ConnectorState] = lambda _: ConnectorState.AVAILABLE
    _energised_at_s: dict[ConnectorId, float] = attrs.field(init=False, factory=dict)

    def holds(self, board: PlcId) -> bool:
        """Whether the free relays of a board stay as they are commanded."""
        signal = self.boards[board].status.signal
        modes = (PlcMode.RUN, PlcMode.MAINTENANCE)
        return signal.quality is Quality.GOOD and signal.value is not None and signal.value.mode in modes

    def world(self, yard: Yard, now_s: float) -> World:
        """Everything that moves are decided by, now."""
        return World(
            now_s=now_s,
            modules={key: self._module(self.modules[key], yard.terms, now_s) for key in yard.places},
            bars={key: self._bar(key, stage, yard, now_s) for key, stage in self.stages.items()},
            boards={key: self.board(key) for key in self.boards},
        )

    def _module(self, module: ModuleTask, terms: Terms, now_s: float) -> ModuleSeen:
        nothing = not module.wanted and module.carried_current_a(now_s) == 0.0
        signal = module.status.signal
        if signal.quality is not Quality.GOOD or signal.value is None:
            return ModuleSeen(off=nothing, at_s=signal.at_s)
        return ModuleSeen(
            usable=module.usable,
            settling=module.settling,
            off=nothing and not signal.value.on and signal.value.current_a < terms.load_a,
            # Behind its diode an output is discharged even where a welded relay has it hang on a live bus-bar.
            voltage_v=max(signal.value.voltage_v, signal.value.bus_voltage_v or 0.0),
            current_a=signal.value.current_a,
            at_s=signal.at_s,
        )

    def _bar(self, connector: ConnectorId, stage: Stage, yard: Yard, now_s: float) -> Bar:
        """A bus-bar is dead once its contactors are open, by feedback, and it has had time to discharge."""
        state = self.state_of(connector)
        if state.is_energised:
            self._energised_at_s[connector] = now_s
        output = stage.output.fresh(now_s, FRESH_S)
        feeding = frozenset(module.id for module in stage.members if module.usable and not _drains(yard, module.id))
        if state.is_energised:
            live = output is not None and output.modules_on > 0 and output.voltage_v >= yard.terms.safe_v
            steady = live and state not in (ConnectorState.CABLE_CHECK, ConnectorState.PRECHARGE)
            bar = BarState.LIVE if steady else BarState.UNSTEADY
        else:
            ev = self.ev_links[connector].status.fresh(now_s, FRESH_S)
            settled = now_s - self._energised_at_s.get(connector, -math.inf) >= SETTLED_S
            bar = BarState.DEAD if settled and ev is not None and not ev.contactors_closed else BarState.UNSTEADY
        return Bar(state=bar, voltage_v=output.voltage_v if output else None, feeding=feeding)

    def board(self, key: PlcId) -> BoardSeen:
        """A board's free relays, as it says them."""
        board = self.boards[key]
        status = board.status.signal.value
        if not self.holds(key) or status is None:
            return BoardSeen()
        return BoardSeen(
            heard=True,
            may_close=not status.stops_power,
            closed=frozenset(number for number, closed in enumerate(status.relays, 1) if closed),
            relays=frozenset(board.free_relays),
        )


def _drains(yard: Yard, module: ModuleId) -> bool:
    place = yard.places.get(module)
    return place is not None and place.order.drain
