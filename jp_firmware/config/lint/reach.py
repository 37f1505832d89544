"""Which modules can come to feed which connector: by wire, over switches, or with segments of a bus-bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jp_firmware.config.schema import BusBar, Cabinet, Module
from jp_firmware.model.ids import ConnectorId, ModuleId


def reached_from(cabinet: Cabinet) -> Mapping[ConnectorId, tuple[Module, ...]]:
    """By connector, in the order of the modules."""
    ways = {(one.module, one.connector) for one in cabinet.switches}
    ways |= {way for bar in cabinet.bus_bars for way in _on_bar(bar)}
    moving = {module for module, _ in ways}
    ways |= {(one.id, one.connector) for one in cabinet.modules if one.id not in moving}
    return {
        connector.id: tuple(one for one in cabinet.modules if (one.id, connector.id) in ways)
        for connector in cabinet.connectors
    }


def _on_bar(bar: BusBar) -> Iterator[tuple[ModuleId, ConnectorId]]:
    """A segment without a connector comes to the next one on either side, over segments that have none as well."""
    for at, segment in enumerate(bar.segments):
        hosts = [segment.connector] if segment.connector is not None else list(_hosts_beside(bar, at))
        yield from ((module, host) for module in segment.modules for host in hosts)


def _hosts_beside(bar: BusBar, at: int) -> Iterator[ConnectorId]:
    count, is_ring = len(bar.segments), bar.segments[-1].tie is not None
    for step in (1, -1):
        for distance in range(1, count):
            beside = at + step * distance
            if not is_ring and not 0 <= beside < count:
                break
            host = bar.segments[beside % count].connector
            if host is not None:
                yield host
                break
