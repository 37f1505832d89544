"""The described topology of a cabinet, from its configuration: ways over switches, bridges, bus-bars, chains. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jp_firmware.config import schema
from jp_firmware.config.schema import Cabinet
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import StageRating
from jp_firmware.planner.topology import (
    Assignment,
    Bridge,
    BusBar,
    Carrier,
    Carrying,
    Feed,
    Relay,
    Segment,
    Topology,
    Way,
)


def topology_of(cabinet: Cabinet, ratings: Mapping[ModuleId, StageRating]) -> Topology:
    """Which module can feed which connector, and over which relays.

    A module on a bus-bar has no way of its own: its segment has. Any other without switches has its own connector.
    """
    bridges = {
        one.name: Bridge(name=one.name, relay=Relay(one.board, one.relay), max_current_a=one.max_current_a)
        for one in cabinet.bridges
    }
    ways: dict[ModuleId, list[Way]] = {one.id: [] for one in cabinet.modules}
    for one in cabinet.switches:
        over = {bridges[one.bridge].relay} if one.bridge else set()
        relays = frozenset({Relay(one.board, one.relay)} | over)
        ways[one.module].append(Way(connector=one.connector, relays=relays, bridge=one.bridge))
    bars = [_bar(one) for one in cabinet.bus_bars]
    on_bars = {module for bar in bars for segment in bar.segments for module in segment.modules}
    feeds = [
        Feed(
            id=one.id,
            rating=ratings[one.id],
            ways=ways[one.id] or ([] if one.id in on_bars else [Way(connector=one.connector)]),
        )
        for one in cabinet.modules
    ]
    chain_of = {connector: chain.name for chain in cabinet.chains for connector in chain.connectors}
    return Topology(feeds=feeds, bridges=bridges, chain_of=chain_of, bus_bars=bars, carrying=carrying_of(cabinet))


def carrying_of(cabinet: Cabinet) -> Carrying:
    """What the contactors of bridges, switches and ties can carry, as far as it is configured."""
    ties = [segment.tie for bar in cabinet.bus_bars for segment in bar.segments if segment.tie]
    known = [
        *((f"bridge {one.name}", one.board, one.relay, one.max_current_a) for one in cabinet.bridges),
        *((f"switch R{one.relay} of {one.board}", one.board, one.relay, one.max_current_a) for one in cabinet.switches),
        *((f"tie R{one.relay} of {one.board}", one.board, one.relay, one.max_current_a) for one in ties),
    ]
    return Carrying(
        carriers={Relay(board, relay): Carrier(name, most_a) for name, board, relay, most_a in known if most_a},
        connector_a={one.id: one.current_limit_a for one in cabinet.connectors},
    )


def _bar(bar: schema.BusBar) -> BusBar:
    return BusBar(
        name=bar.name,
        segments=[
            Segment(
                modules=one.modules,
                connector=one.connector,
                tie=Relay(one.tie.board, one.tie.relay) if one.tie else None,
            )
            for one in bar.segments
        ],
    )


def homes_of(cabinet: Cabinet) -> Assignment:
    """Where modules on relays go when nobody says otherwise: to the connector that the configuration gives them."""
    return {one.id: one.connector for one in cabinet.modules if one.id in cabinet.moving_modules}
