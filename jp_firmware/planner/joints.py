"""Which connectors closed relays join. Two on one piece of copper must never be; this tells when they are. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.topology import Relay, Topology


@attrs.frozen
class Joint:
    """Connectors on one piece of copper, and the closed relays that make it one."""

    connectors: frozenset[ConnectorId]
    relays: frozenset[Relay]


def joints(topology: Topology, closed: Collection[Relay]) -> Iterator[Joint]:
    """Those that these closed relays make: two ways of one module, two ways over one bridge, ties in a row."""
    ways_of = [[way for way in feed.ways if way.relays and way.relays.issubset(closed)] for feed in topology.feeds]
    over_bridges = [[way for ways in ways_of for way in ways if way.bridge == name] for name in topology.bridges]
    for ways in (*ways_of, *over_bridges):
        connectors = frozenset(way.connector for way in ways)
        if len(connectors) > 1:
            yield Joint(connectors, frozenset().union(*(way.relays for way in ways)))
    for bar in topology.bus_bars:
        ties = frozenset(tie for tie, _, _ in bar.ties if tie in closed)
        yield from (Joint(connectors, ties) for connectors in bar.joined(ties))
