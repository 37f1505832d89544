"""What the free relays of the PLC boards join: which bus-bar a module delivers into, and at what price.

A module whose relays are all open stands alone, and so do the modules of a segment whose ties are open; what a closed
way, or closed ties, lead to a connector is on that connector's bus-bar. The contacts decide, never what anybody was
told: a welded relay joins what it joins. What must not happen is noted where it happens: a contact that opened under
load, that closed onto a live bus-bar at another voltage, or that joined two connectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from jp_firmware.config.schema import BusBar, Cabinet
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
class Switched:
    """One module behind relays, or those of one segment. `alone` is their own copper, `bus` what they stand on now."""

    name: str
    nodes: Sequence[ModuleNode]
    ways: Sequence[Way] = ()  # of a module with switches
    at: ConnectorId | None = None
    alone: Bus = attrs.field(init=False)
    bus: Bus = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.alone = self.bus = Bus([node.module for node in self.nodes])
        for node in self.nodes:
            node.bus = self.alone

    @property
    def voltage_v(self) -> float:
        """What stands at its terminals."""
        return max(node.module.voltage_v for node in self.nodes)

    @property
    def current_a(self) -> float:
        return sum(node.module.current_a for node in self.nodes)


@attrs.define(eq=False)
class Copper:
    """A bus-bar: its segments, each a connector's own or one that moves, and the contacts of their ties."""

    segments: Sequence[ConnectorId | Switched]
    ties: Sequence[tuple[FreeRelay, int, int]]

    def pieces(self) -> Iterator[Sequence[ConnectorId | Switched]]:
        """What is one piece of copper at present."""
        piece = list(range(len(self.segments)))
        for relay, start, end in self.ties:
            if relay.closed:
                old, new = piece[end], piece[start]
                piece = [new if each == old else each for each in piece]
        for number in sorted(set(piece)):
            yield [segment for segment, own in zip(self.segments, piece, strict=True) if own == number]


@attrs.define(eq=False)
class Switchyard:
    """All switched modules. `step` comes between the boards' scans and the bus-bars' physics."""

    buses: Mapping[ConnectorId, Bus]
    modules: Sequence[Switched]  # with switches
    bars: Sequence[Copper]
    marks: Marks
    closed: int = 0  # times that a module, or a segment, came to a connector
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
        switched: list[Switched] = []
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
                switched.append(Switched(module.id, [nodes[module.id]], ways))
        return cls(buses, switched, [_copper(bar, nodes, boards) for bar in cabinet.bus_bars], marks)

    @property
    def groups(self) -> Iterator[Switched]:
        """Whatever moves as one."""
        yield from self.modules
        for bar in self.bars:
            yield from (one for one in bar.segments if isinstance(one, Switched))

    def step(self, now_s: float, dt_s: float) -> None:
        """Follows the contacts, then lets those that stand alone take their step."""
        for one in self.modules:
            closed = [way.connector for way in one.ways if way.closed]
            self._follow(one, closed, one.alone, now_s)
        for bar in self.bars:
            for piece in bar.pieces():
                moving = [one for one in piece if isinstance(one, Switched)]
                hosts = [one for one in piece if not isinstance(one, Switched)]
                for one in moving:
                    self._follow(one, hosts, moving[0].alone, now_s)
        self._note_joined(now_s)
        for one in self.groups:
            one.alone.step(now_s, dt_s)

    def backfeed(self) -> None:
        """After the bus-bars' step: a module that is off, and measures at its terminals, sees what it hangs on (?)."""
        for one in self.groups:
            for module in [node.module for node in one.nodes if not node.module.on]:
                if len(one.bus.modules) > 1 or one.at is not None:
                    module.voltage_v = max(module.voltage_v, one.bus.voltage_v)

    def _follow(self, one: Switched, hosts: Sequence[ConnectorId], alone: Bus, now_s: float) -> None:
        at = one.at if one.at in hosts else next(iter(hosts), None)
        bus = alone if at is None else self.buses[at]
        if bus is not one.bus:
            self._leave(one, now_s)
            self._arrive(one, at, bus, now_s)

    def _leave(self, one: Switched, now_s: float) -> None:
        bus, voltage_v = one.bus, one.voltage_v
        if one.current_a > UNDER_LOAD_A:
            self.opened_under_load += 1
            told = {"connector": one.at, "current_a": round(one.current_a, 2)}
            self._mark(one, "opened under load", told, now_s)
        elif one.at is not None:
            self._mark(one, "opened", {"connector": one.at}, now_s)
        for module in [node.module for node in one.nodes]:
            bus.modules = [each for each in bus.modules if each is not module]
            bus.current_a -= module.current_a
            module.current_a = 0.0
        one.alone.voltage_v = voltage_v

    def _arrive(self, one: Switched, at: ConnectorId | None, bus: Bus, now_s: float) -> None:
        if bus is not one.alone:
            live = bus.is_live or any(node.module.on for node in one.nodes)
            told = {"connector": at, "module_v": round(one.voltage_v, 1), "bus_v": round(bus.voltage_v, 1)}
            if live and abs(one.voltage_v - bus.voltage_v) > INRUSH_V:
                self.closed_onto_live += 1
                self._mark(one, "closed onto a live bus", told, now_s)
                for node in one.nodes:
                    node.module.raise_alarm(Alarm.INTERNAL)
            elif at is not None:
                self._mark(one, "closed", told, now_s)
        self.closed += at is not None
        bus.modules = [*bus.modules, *(node.module for node in one.nodes)]
        for node in one.nodes:
            node.bus = bus
        one.bus, one.at = bus, at

    def _note_joined(self, now_s: float) -> None:
        """Two connectors on one piece of copper: over a module's two relays, a bridge that both use, or closed ties."""
        joining = set()
        for one in self.modules:
            joining.add(frozenset(way.connector for way in one.ways if way.closed))
        over_bridge: dict[int, set[ConnectorId]] = {}
        for one in self.modules:
            for way in one.ways:
                if len(way.relays) > 1 and way.closed:
                    over_bridge.setdefault(id(way.relays[1]), set()).add(way.connector)
        joining |= {frozenset(connectors) for connectors in over_bridge.values()}
        for bar in self.bars:
            for piece in bar.pieces():
                joining.add(frozenset(each for each in piece if not isinstance(each, Switched)))
        joining = {connectors for connectors in joining if len(connectors) > 1}
        for connectors in joining - self._joining:
            self.joined += 1
            self.marks.add("switches", "two connectors joined", sorted(connectors), at_s=now_s)
        self._joining = frozenset(joining)

    def _mark(self, one: Switched, what: str, value: object, now_s: float) -> None:
        self.marks.add(one.name, what, value, at_s=now_s)


def _copper(bar: BusBar, nodes: Mapping[str, ModuleNode], boards: Mapping[str, PlcBoard]) -> Copper:
    count = len(bar.segments)
    segments = [
        one.connector
        if one.connector is not None
        else Switched(f"segment {at} of {bar.name}", [nodes[module] for module in one.modules])
        for at, one in enumerate(bar.segments, 1)
    ]
    ties = [
        (boards[one.tie.board].relays[one.tie.relay], at, (at + 1) % count)
        for at, one in enumerate(bar.segments)
        if one.tie
    ]
    return Copper(segments, ties)
