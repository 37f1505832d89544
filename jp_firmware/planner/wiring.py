"""The described topology of a cabinet, from its configuration: ways over switches and bridges, chains. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jp_firmware.config.schema import Cabinet
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import StageRating
from jp_firmware.planner.topology import Assignment, Bridge, Feed, Relay, Topology, Way


def topology_of(cabinet: Cabinet, ratings: Mapping[ModuleId, StageRating]) -> Topology:
    """Which module can feed which connector, and over which relays. A module without switches has its own connector."""
    bridges = {
        one.name: Bridge(name=one.name, relay=Relay(one.board, one.relay), max_current_a=one.max_current_a)
        for one in cabinet.bridges
    }
    ways: dict[ModuleId, list[Way]] = {one.id: [] for one in cabinet.modules}
    for one in cabinet.switches:
        over = {bridges[one.bridge].relay} if one.bridge else set()
        relays = frozenset({Relay(one.board, one.relay)} | over)
        ways[one.module].append(Way(connector=one.connector, relays=relays, bridge=one.bridge))
    feeds = [
        Feed(id=one.id, rating=ratings[one.id], ways=ways[one.id] or [Way(connector=one.connector)])
        for one in cabinet.modules
    ]
    chain_of = {connector: chain.name for chain in cabinet.chains for connector in chain.connectors}
    return Topology(feeds=feeds, bridges=bridges, chain_of=chain_of)


def homes_of(cabinet: Cabinet) -> Assignment:
    """Where switched modules go when nobody says otherwise: to the connector that the configuration gives them."""
    switched = {one.module for one in cabinet.switches}
    return {one.id: one.connector for one in cabinet.modules if one.id in switched}
