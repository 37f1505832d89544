"""Which module can feed which connector, and over what: a description, fixed for the life of a cabinet. Pure.

Fixed wiring, a relay matrix, a bus-bar whose segments are joined in a row or a ring, and bridges between chains are all
the same here: for each module the ways to connectors it has, each way with its relays and at most one bridge.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.model.power import StageRating


@attrs.frozen(order=True)
class Relay:
    """One output of a PLC board."""

    board: PlcId
    number: int


@attrs.frozen(kw_only=True)
class Bridge:
    """A contactor between bus-bars. It is one electrical net: at most one connector uses it at a time."""

    name: str
    relay: Relay
    max_current_a: float


@attrs.frozen(kw_only=True)
class Way:
    """How a module reaches a connector: the relays to close, and the bridge among them, if any."""

    connector: ConnectorId
    relays: frozenset[Relay] = frozenset()
    bridge: str = ""


@attrs.frozen(kw_only=True)
class Feed:
    """One module as the assignment sees it."""

    id: ModuleId
    rating: StageRating
    ways: Sequence[Way]

    def way_to(self, connector: ConnectorId) -> Way | None:
        return next((way for way in self.ways if way.connector == connector), None)

    @property
    def is_fixed(self) -> bool:
        """Wired to one connector, over no relay."""
        return len(self.ways) == 1 and not self.ways[0].relays

    def power_at(self, voltage_v: float) -> float:
        """What it delivers at most at this voltage: nothing outside its range, W."""
        if not self.rating.min_voltage_v <= voltage_v <= self.rating.max_voltage_v:
            return 0.0
        return voltage_v * self.rating.current_limit_a(voltage_v)


@attrs.frozen(kw_only=True)
class Segment:
    """A piece of bus-bar: the modules wired to it and the connector it hosts, if any."""

    modules: Sequence[ModuleId]
    connector: ConnectorId | None = None
    tie: Relay | None = None  # joins it to the next segment; the last one's, if there is one, closes the ring


@attrs.frozen(kw_only=True)
class BusBar:
    """Segments joined by ties, in a row or in a ring. A connector is fed by segments in one piece around its own."""

    name: str
    segments: Sequence[Segment]

    @property
    def is_ring(self) -> bool:
        return len(self.segments) > 2 and self.segments[-1].tie is not None

    @property
    def hosts(self) -> frozenset[ConnectorId]:
        """All connectors that stand at it."""
        return frozenset(segment.connector for segment in self.segments if segment.connector is not None)

    @property
    def ties(self) -> Sequence[tuple[Relay, int, int]]:
        """Each tie with the two segments, by number, that it joins."""
        count = len(self.segments)
        ends = enumerate(self.segments if self.is_ring else self.segments[:-1])
        return tuple((segment.tie, at, (at + 1) % count) for at, segment in ends if segment.tie)

    def beside(self, at: int) -> Sequence[tuple[Relay, int]]:
        """The ties of one segment, each with the segment on its other side."""
        return tuple(
            (tie, end if start == at else start) for tie, start, end in self.ties if at in (start, end) and start != end
        )

    def reaches(self, at: int) -> frozenset[ConnectorId]:
        """The connectors that a segment can feed: its own; without one, the first on each side."""
        own = self.segments[at].connector
        if own is not None:
            return frozenset({own})
        found = (self._first_host(at, step) for step in (1, -1))
        return frozenset(one for one in found if one is not None)

    def _first_host(self, at: int, step: int) -> ConnectorId | None:
        count = len(self.segments)
        for distance in range(1, count):
            beside = at + step * distance
            if not self.is_ring and not 0 <= beside < count:
                return None
            connector = self.segments[beside % count].connector
            if connector is not None:
                return connector
        return None

    def joined(self, closed: Collection[Relay]) -> Sequence[frozenset[ConnectorId]]:
        """The connectors of each piece of copper that these closed ties make, where they are more than one."""
        piece = list(range(len(self.segments)))
        for tie, start, end in self.ties:
            if tie in closed:
                old, new = piece[end], piece[start]
                piece = [new if each == old else each for each in piece]
        hosts: dict[int, set[ConnectorId]] = {}
        for at, segment in enumerate(self.segments):
            if segment.connector is not None:
                hosts.setdefault(piece[at], set()).add(segment.connector)
        return [frozenset(together) for together in hosts.values() if len(together) > 1]


@attrs.frozen
class Carrier:
    """A contactor whose current is known: what people call it, and what it can carry, A."""

    name: str
    max_current_a: float


@attrs.frozen(kw_only=True)
class Carrying:
    """What contactors can carry. A relay that is not named carries whatever comes."""

    carriers: Mapping[Relay, Carrier] = attrs.field(factory=dict)
    connector_a: Mapping[ConnectorId, float] = attrs.field(factory=dict)  # no more ever flows to it, over any relay

    def room_a(self, relay: Relay, connector: ConnectorId) -> float:
        """What modules behind a relay may give a connector together, A; infinite where it carries all there can be."""
        carrier = self.carriers.get(relay)
        if carrier is None or carrier.max_current_a >= self.connector_a.get(connector, math.inf):
            return math.inf
        return carrier.max_current_a


@attrs.frozen(kw_only=True)
class Topology:
    """All modules with their ways, the bridges between them, and bus-bars whose segments move as one.

    `chain_of` names each connector's chain. A module on a segment needs no way: its segment is joined by ties.
    """

    feeds: Sequence[Feed]
    bridges: Mapping[str, Bridge] = attrs.field(factory=dict)
    chain_of: Mapping[ConnectorId, str] = attrs.field(factory=dict)
    bus_bars: Sequence[BusBar] = ()
    carrying: Carrying = attrs.field(factory=Carrying)

    def reach_of(self, module: ModuleId) -> frozenset[ConnectorId]:
        """All connectors that a module can feed, now or after moves."""
        ways = next((feed.ways for feed in self.feeds if feed.id == module), ())
        at_bars = (
            bar.reaches(at)
            for bar in self.bus_bars
            for at, segment in enumerate(bar.segments)
            if module in segment.modules
        )
        return frozenset(way.connector for way in ways).union(*at_bars)


Assignment = Mapping[ModuleId, ConnectorId | None]
"""Which module feeds which connector; None feeds nobody."""
