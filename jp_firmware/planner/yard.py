"""All modules that relays can move: where each one is, which moves may begin, and what goes on at the same time. Pure.

Rules

1. One move at a time touches a connector or a bridge.
2. Of one module one switch relay at most is ever told to close, and only with all others confirmed open; of one segment
   of a bus-bar, which moves with all its modules, the same of its two ties, but for one that another segment hangs by.
3. A bridge is one connector's at a time, and its contactor moves only when no module hangs on it.
4. No tie is told to close where it would join two connectors, each tie counted as closed that is not confirmed open.
5. A connector that is delivering keeps its last usable module.
6. A module is where its relays' feedback says: one whose relay falls open, or whose board is not heard, goes off in
   that step and is idle, and with a segment all that hang behind it. Nothing puts it back but a new move.
7. A tie opens when nothing flows over it: from its own segment, or from those behind.

Whatever the moves want, `Interlock` is raised rather than a relay commanded against rules 2 to 4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner import refusals
from jp_firmware.planner.moves import Move
from jp_firmware.planner.orders import Path, Phase, named
from jp_firmware.planner.places import Place, place_of_module, places_of_bar
from jp_firmware.planner.topology import Bridge, BusBar, Carrying, Feed, Relay
from jp_firmware.planner.world import Terms, World


class Interlock(Exception):
    """The relays that the moves want closed together must not be: a defect, and nothing is commanded."""


@attrs.define(eq=False)
class Yard:
    """The modules behind relays. Of fixed ones it knows only that they keep a connector alive."""

    feeds: Mapping[ModuleId, Feed]
    bridges: Mapping[str, Bridge]
    terms: Terms = attrs.field(factory=Terms)
    bus_bars: Sequence[BusBar] = ()
    carrying: Carrying = attrs.field(factory=Carrying)
    groups: Sequence[Place] = attrs.field(init=False)  # what moves as one
    places: Mapping[ModuleId, Place] = attrs.field(init=False)  # the same, by each of their modules
    finished: list[Move] = attrs.field(init=False, factory=list)  # since they were last taken
    opened_at_s: dict[Relay, float] = attrs.field(init=False, factory=dict)
    closings: dict[Relay, deque[float]] = attrs.field(init=False, factory=dict)  # by moves that count, when
    _was_closed: frozenset[Relay] = attrs.field(init=False, default=frozenset())

    def __attrs_post_init__(self) -> None:
        switched = [place_of_module(one, self.bridges) for one in self.feeds.values() if one.ways and not one.is_fixed]
        self.groups = (*switched, *(place for bar in self.bus_bars for place in places_of_bar(bar)))
        self.places = {module: place for place in self.groups for module in place.modules}

    # --- what others read -------------------------------------------------------------------------------------------

    @property
    def moves(self) -> Sequence[Move]:
        """Those under way."""
        return [place.move for place in self.groups if place.move]

    @property
    def closed(self) -> frozenset[Relay]:
        """All relays that are to be closed. Raises `Interlock` if they must not be together."""
        wanted: set[Relay] = set()
        for place in self.groups:
            if len(place.wanted_closed) > 1:
                raise Interlock(f"{place.name}: {named(place.wanted_closed)} at once")
            wanted |= place.wanted_closed | place.wanted_bridges
        for name, bridge in self.bridges.items():
            users = self.users(bridge.relay)
            if len(users) > 1:
                raise Interlock(f"bridge {name}: used by connectors {sorted(users)} at once")
        for bar in self.bus_bars:
            for joined in bar.joined(wanted):
                raise Interlock(f"bus-bar {bar.name}: connectors {sorted(joined)} joined")
        return frozenset(wanted)

    def contained(self, world: World) -> frozenset[Relay]:
        """Relays that cost no more than their modules if they do not follow: they join no two connectors.

        Such are bridges, on which nothing hangs unless they are closed, the switches of a module of which no two are
        closed, by command or by feedback, and ties between connectors that another open tie keeps apart.
        """
        relays = {bridge.relay for bridge in self.bridges.values()}
        for place in self.groups:
            doubtful = place.wanted_closed.union(one for one in place.own if not world.is_open(one))
            if place.spot is None and len(doubtful) <= 1:
                relays.update(place.own)
        for bar in self.bus_bars:
            suspect = self.suspect(bar, world)
            relays.update(tie for tie, _, _ in bar.ties if not bar.joined({*suspect, tie}))
        return frozenset(relays)

    def path_to(self, place: Place, to: ConnectorId) -> Path | None:
        """Its way there as things are now; a segment has one when its neighbour is the connector's, or joined to it."""
        if place.spot is None:
            return place.paths.get(to)
        bar, found = place.spot.bar, []
        for tie, beside in bar.beside(place.spot.at):
            segment = bar.segments[beside]
            if segment.connector is None:
                between = self.places[segment.modules[0]]
                if between.path and between.at == to and not between.move and tie not in between.path.relays:
                    found.append(Path(to, tie, over=between.path.relays))
            elif segment.connector == to:
                found.append(Path(to, tie))
        return min(found, key=lambda path: len(path.over), default=None)

    def behind(self, place: Place) -> Sequence[Place]:
        """The segments that hang by the relay that it hangs by itself."""
        switch = place.hangs_by.switch if place.hangs_by else None
        return [one for one in self.groups if one is not place and one.hangs_by and switch in one.hangs_by.over]

    def suspect(self, bar: BusBar, world: World) -> frozenset[Relay]:
        """The ties that are to be closed, or are not confirmed open, or may be welded."""
        doubtful = frozenset().union(*(place.wanted_closed | place.doubtful for place in self.groups))
        return frozenset(tie for tie, _, _ in bar.ties if tie in doubtful or not world.is_open(tie))

    def users(self, bridge: Relay) -> set[ConnectorId]:
        """Connectors that a bridge serves, or is about to."""
        users: set[ConnectorId] = set()
        for place in self.groups:
            paths = (place.move.old, place.move.new) if place.move else (place.path,)
            users |= {path.connector for path in paths if path and path.bridge == bridge}
        return users

    # --- time -------------------------------------------------------------------------------------------------------

    def step(self, world: World) -> None:
        """One look at everything. Afterwards the orders of the places and `closed` are what shall be."""
        self._note_openings(world)
        for place in self.groups:
            self._watch(place, world)
        for place in self.groups:
            if place.move:
                self._advance(place, place.move, world)

    def _watch(self, place: Place, world: World) -> None:
        """A module stays where it is for as long as its relays say so."""
        path = place.path
        if place.move or path is None:
            return
        for relay in path.relays:
            if not world.is_closed(relay):
                why = f"{named([relay])} fell open" if world.heard(relay) else f"{relay.board} is not heard"
                self._begin(place, None, world).lose(world, why)
                return

    def _advance(self, place: Place, move: Move, world: World) -> None:
        move.behind = frozenset(module for one in self.behind(place) for module in one.modules)
        move.held_by_others = frozenset(place.own).intersection(
            relay for one in self.groups if one is not place for relay in one.wanted_closed
        )
        move.step(world)
        if move.phase is Phase.CLOSE:
            self._check_alone(place, move, world)
        if not move.phase.is_end:
            return
        place.move = None
        place.problem = move.problem
        if move.phase is not Phase.KEPT:
            place.path = move.new if move.phase is Phase.JOINED else None
        if move.problem or (move.phase is Phase.JOINED and place.counts):
            place.rests_until_s = world.now_s + self.terms.dwell_s
        if move.phase is Phase.LOCKED_OUT:
            place.locked_out = move.problem.text if move.problem else move.why
            place.stuck = move.stuck
        self.finished.append(move)

    def _check_alone(self, place: Place, move: Move, world: World) -> None:
        assert move.new
        others = [relay for relay in place.own if relay != move.new.switch and not world.is_open(relay)]
        if others:
            move.lose(world, f"{named(others)} no longer reads open")
        elif place.spot:
            bar = place.spot.bar
            for joined in bar.joined(self.suspect(bar, world)):
                move.lose(world, f"a tie between connectors {sorted(joined)} no longer reads open")
                return

    def _note_openings(self, world: World) -> None:
        relays = {relay for place in self.groups for relay in place.own}
        closed = frozenset(relay for relay in relays if world.is_closed(relay))
        for relay in self._was_closed - closed:
            self.opened_at_s[relay] = world.now_s
        self._was_closed = closed

    # --- beginning ----------------------------------------------------------------------------------------------------

    def begin(self, module: ModuleId, to: ConnectorId | None, world: World, *, counts: bool = True) -> str:
        """Begins a move if it may begin; else why it may not, for a person. `counts`: for dwell and moves an hour.

        A module on a segment moves with all others of that segment.
        """
        refusal = self.refusal(module, to, world, counts=counts)
        if not refusal:
            place = self.places[module]
            move = self._begin(place, to, world)
            place.counts = counts
            if counts:
                place.moved_at_s.append(world.now_s)
                if move.new:
                    self.closings.setdefault(move.new.switch, deque()).append(world.now_s)
        return refusal

    def refusal(self, module: ModuleId, to: ConnectorId | None, world: World, *, counts: bool = True) -> str:
        """Why a module may not be moved there now, or ""."""
        return refusals.refusal(self, module, to, world, counts=counts)

    def _begin(self, place: Place, to: ConnectorId | None, world: World) -> Move:
        place.move = Move(
            name=place.name,
            modules=place.modules,
            old=place.path,
            new=self.path_to(place, to) if to is not None else None,
            own=place.own,
            neighbours=place.neighbours,
            terms=self.terms,
            began_s=world.now_s,
        )
        return place.move

    def release(self, module: ModuleId, world: World) -> str:
        """Somebody has tested the relays of a module that is locked out. Why it stays so, or ""."""
        place = self.places.get(module)
        if place is None or not place.locked_out:
            return f"{module} is not locked out"
        odd = [relay for relay in place.own if not world.is_open(relay)]
        if odd:
            return f"{named(odd)} does not read open"
        place.locked_out, place.stuck, place.problem, place.rests_until_s = "", None, None, world.now_s
        return ""
