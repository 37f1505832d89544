"""What relays can move, and where it is: a module behind its switches, or a segment between its ties. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.moves import Move
from jp_firmware.planner.orders import Order, Path, Problem
from jp_firmware.planner.topology import Bridge, BusBar, Feed, Relay


@attrs.frozen
class Spot:
    """A segment, by its place on its bus-bar."""

    bar: BusBar
    at: int


@attrs.define(eq=False, kw_only=True)
class Place:
    """What moves as one: where it is, and where it is going."""

    name: str
    modules: tuple[ModuleId, ...]
    own: tuple[Relay, ...]  # a module's switches, a segment's two ties
    reaches: frozenset[ConnectorId]  # all connectors that it can feed, perhaps after others have moved
    neighbours: frozenset[ConnectorId]  # all connectors on which a weld could hang it
    paths: Mapping[ConnectorId, Path] = attrs.field(factory=dict)  # of a module; a segment's depend on its neighbours
    spot: Spot | None = None  # of a segment
    path: Path | None = None  # by which it is joined, by feedback
    move: Move | None = None
    locked_out: str = ""  # why, until released
    problem: Problem | None = None  # of the last move that met one
    stuck: Relay | None = None
    counts: bool = True  # its last move, for dwell and moves an hour
    rests_until_s: float = -math.inf
    moved_at_s: deque[float] = attrs.field(factory=deque)

    @property
    def at(self) -> ConnectorId | None:
        """The connector that it is joined to."""
        return self.path.connector if self.path else None

    @property
    def hangs_by(self) -> Path | None:
        """The way over which it is connected at present, or may be."""
        return self.move.hangs_by if self.move else self.path

    @property
    def order(self) -> Order:
        return self.move.order if self.move else Order(member_of=self.at)

    @property
    def wanted_closed(self) -> frozenset[Relay]:
        """Of its own relays those that are to be closed for it: one at most."""
        if self.move:
            return self.move.switches
        return frozenset({self.path.switch} if self.path else ())

    @property
    def wanted_bridges(self) -> frozenset[Relay]:
        if self.move:
            return self.move.bridges
        return frozenset({self.path.bridge} if self.path and self.path.bridge else ())

    @property
    def doubtful(self) -> frozenset[Relay]:
        """Those of its relays that nobody may trust to be open, whatever they say."""
        if not self.locked_out:
            return frozenset()
        return frozenset({self.stuck} if self.stuck else self.own)

    @property
    def concerned(self) -> frozenset[Relay]:
        """All relays on which it depends now, or will when its move has joined it; of one that is idle its own."""
        paths = [self.path, *((self.move.old, self.move.new) if self.move else ())]
        over = frozenset(relay for path in paths if path for relay in path.relays)
        return over | frozenset(() if self.path and not self.move else self.own)


def place_of_module(feed: Feed, bridges: Mapping[str, Bridge]) -> Place:
    """A module with a switch for each connector that it can feed."""
    paths: dict[ConnectorId, Path] = {}
    for way in feed.ways:
        bridge = bridges[way.bridge].relay if way.bridge else None
        (switch,) = way.relays - {bridge}
        paths[way.connector] = Path(way.connector, switch, bridge)
    return Place(
        name=feed.id,
        modules=(feed.id,),
        own=tuple(path.switch for path in paths.values()),
        reaches=frozenset(paths),
        neighbours=frozenset(paths),
        paths=paths,
    )


def places_of_bar(bar: BusBar) -> Iterator[Place]:
    """The segments without a connector; the others never move."""
    for at, segment in enumerate(bar.segments):
        if segment.connector is None:
            yield Place(
                name=f"segment {at + 1} of {bar.name}",
                modules=tuple(segment.modules),
                own=tuple(tie for tie, _ in bar.beside(at)),
                reaches=bar.reaches(at),
                neighbours=bar.hosts,
                spot=Spot(bar, at),
            )
