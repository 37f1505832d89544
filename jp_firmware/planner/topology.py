"""Which module can feed which connector, and over what: a description, fixed for the life of a cabinet. Pure.

Fixed wiring, a relay matrix, a bus-bar whose segments are joined in a row or a ring, and bridges between chains are all
the same here: for each module the ways to connectors it has, each way with its relays and at most one bridge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


@attrs.frozen(kw_only=True)
class Topology:
    """All modules with their ways, the bridges between them, and bus-bars whose segments move as one.

    `chain_of` names each connector's chain. A module on a segment needs no way: its segment is joined by ties.
    """

    feeds: Sequence[Feed]
    bridges: Mapping[str, Bridge] = attrs.field(factory=dict)
    chain_of: Mapping[ConnectorId, str] = attrs.field(factory=dict)
    bus_bars: Sequence[BusBar] = ()


Assignment = Mapping[ModuleId, ConnectorId | None]
"""Which module feeds which connector; None feeds nobody."""
