"""What the free relays of the PLC boards join: which bus-bar a switched module delivers into, and at what price.

A module whose relays are all open stands alone; one whose way is closed is on that connector's bus-bar. The contacts
decide, never what anybody was told: a welded relay joins what it joins. What must not happen is noted where it happens:
a contact that opened under load, that closed onto a live bus-bar at another voltage, or that joined two connectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.model.ids import ConnectorId
from jp_firmware.sim.bus import UNDER_LOAD_A, Bus
from jp_firmware.sim.free_relay import FreeRelay
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm
from jp_firmware.sim.modules.node import ModuleNode
from jp_firmware.sim.plc_board import PlcBoard

INRUSH_V = 20.0
"""Above this difference a contact that closes onto a live bus-bar costs the module (IEC 61851-23: for a car's own)."""


@attrs.frozen(kw_only=True)
class Way:
    """A module's relays to one connector's bus-bar: its own, and a bridge's."""

    connector: ConnectorId
    relays: Sequence[FreeRelay]

    @property
    def closed(self) -> bool:
        return all(relay.closed for relay in self.relays)


@attrs.define(eq=False)
class SwitchedModule:
    """One module behind relays. `alone` is its own output while no way of it is closed."""

    node: ModuleNode
    ways: Sequence[Way]
    alone: Bus
    at: ConnectorId | None = None


@attrs.define(eq=False)
class Switchyard:
    """All switched modules. `step` comes between the boards' scans and the bus-bars' physics."""

    buses: Mapping[ConnectorId, Bus]
    modules: Sequence[SwitchedModule]
    marks: Marks
    closed: int = 0  # times that a module came to a connector
    opened_under_load: int = 0
    closed_onto_live: int = 0
    joined: int = 0  # times that two connectors were joined
    _joining: frozenset[frozenset[ConnectorId]] = frozenset()

    @classmethod
    def of(
        cls,
        cabinet: Cabinet,
        buses: Mapping[ConnectorId, Bus],
        nodes: Mapping[str, ModuleNode],
        boards: Mapping[str, PlcBoard],
        marks: Marks,
    ) -> Switchyard:
        bridges = {one.name: boards[one.board].relays[one.relay] for one in cabinet.bridges}
        switched: list[SwitchedModule] = []
        for module in cabinet.modules:
            ways = [
                Way(
                    connector=one.connector,
                    relays=(
                        boards[one.board].relays[one.relay],
                        *([bridges[one.bridge]] if one.bridge else []),
                    ),
                )
                for one in cabinet.switches
                if one.module == module.id
            ]
            if ways:
                node = nodes[module.id]
                alone = Bus([node.module])
                node.bus = alone
                switched.append(SwitchedModule(node, ways, alone))
        return cls(buses, switched, marks)

    def step(self, now_s: float, dt_s: float) -> None:
        """Follows the contacts, then lets those that stand alone take their step."""
        for one in self.modules:
            closed = [way.connector for way in one.ways if way.closed]
            at = one.at if one.at in closed else next(iter(closed), None)
            if at != one.at:
                self._leave(one, now_s)
                self._arrive(one, at, now_s)
        self._note_joined(now_s)
        for one in self.modules:
            if one.at is None:
                one.alone.step(now_s, dt_s)

    def backfeed(self) -> None:
        """After the bus-bars' step: a module that is off, and measures at its terminals, sees what it hangs on (?)."""
        for one in self.modules:
            module = one.node.module
            if one.at is not None and not module.on:
                module.voltage_v = max(module.voltage_v, self.buses[one.at].voltage_v)

    def _leave(self, one: SwitchedModule, now_s: float) -> None:
        if one.at is None:
            return
        bus, module = self.buses[one.at], one.node.module
        if module.current_a > UNDER_LOAD_A:
            self.opened_under_load += 1
            self._mark(one, "opened under load", {"connector": one.at, "current_a": round(module.current_a, 2)}, now_s)
        else:
            self._mark(one, "opened", {"connector": one.at}, now_s)
        bus.modules = [each for each in bus.modules if each is not module]
        bus.current_a -= module.current_a
        module.current_a = 0.0
        one.alone.voltage_v = module.voltage_v
        one.node.bus, one.at = one.alone, None

    def _arrive(self, one: SwitchedModule, at: ConnectorId | None, now_s: float) -> None:
        if at is None:
            return
        bus, module = self.buses[at], one.node.module
        difference_v = module.voltage_v - bus.voltage_v
        told = {"connector": at, "module_v": round(module.voltage_v, 1), "bus_v": round(bus.voltage_v, 1)}
        live = bus.is_live or module.on
        if live and abs(difference_v) > INRUSH_V:
            self.closed_onto_live += 1
            self._mark(one, "closed onto a live bus", told, now_s)
            module.raise_alarm(Alarm.INTERNAL)
        else:
            self._mark(one, "closed", told, now_s)
        self.closed += 1
        bus.modules = [*bus.modules, module]
        one.node.bus, one.at = bus, at

    def _note_joined(self, now_s: float) -> None:
        """Two connectors on one piece of copper: over one module's two relays, or over a bridge that both use."""
        joining = set()
        for one in self.modules:
            joining.add(frozenset(way.connector for way in one.ways if way.closed))
        over_bridge: dict[int, set[ConnectorId]] = {}
        for one in self.modules:
            for way in one.ways:
                if len(way.relays) > 1 and way.closed:
                    over_bridge.setdefault(id(way.relays[1]), set()).add(way.connector)
        joining |= {frozenset(connectors) for connectors in over_bridge.values()}
        joining = {connectors for connectors in joining if len(connectors) > 1}
        for connectors in joining - self._joining:
            self.joined += 1
            self.marks.add("switches", "two connectors joined", sorted(connectors), at_s=now_s)
        self._joining = frozenset(joining)

    def _mark(self, one: SwitchedModule, what: str, value: object, now_s: float) -> None:
        self.marks.add(one.node.module.id, what, value, at_s=now_s)
