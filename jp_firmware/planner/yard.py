"""All modules that relays can move: where each one is, which moves may begin, and what goes on at the same time. Pure.

Rules

1. One move at a time touches a connector or a bridge.
2. Of one module one switch relay at most is ever told to close, and only with all others confirmed open.
3. A bridge is one connector's at a time, and its contactor moves only when no module hangs on it.
4. A connector that is delivering keeps its last usable module.
5. A module is where its relay's feedback says: one whose relay falls open, or whose board is not heard, goes off in
   that step and is idle. Nothing puts it back but a new move.

Whatever the moves want, `Interlock` is raised rather than a relay commanded against rules 2 and 3.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.moves import BarState, Move, Order, Path, Phase, Problem, Terms, World
from jp_firmware.planner.topology import Bridge, Feed, Relay

HOUR_S = 3600.0


class Interlock(Exception):
    """The relays that the moves want closed together must not be: a defect, and nothing is commanded."""


@attrs.define(eq=False)
class Place:
    """One module: where it is, and where it is going."""

    id: ModuleId
    paths: Mapping[ConnectorId, Path]
    at: ConnectorId | None = None  # joined, by feedback
    move: Move | None = None
    locked_out: str = ""  # why, until released
    problem: Problem | None = None  # of the last move that met one
    stuck: Relay | None = None
    counts: bool = True  # its last move, for dwell and moves an hour
    rests_until_s: float = -math.inf
    moved_at_s: deque[float] = attrs.field(factory=deque)

    @property
    def switches(self) -> tuple[Relay, ...]:
        return tuple(path.switch for path in self.paths.values())

    @property
    def path(self) -> Path | None:
        return self.paths[self.at] if self.at is not None else None

    @property
    def order(self) -> Order:
        return self.move.order if self.move else Order(member_of=self.at)

    @property
    def wanted_closed(self) -> frozenset[Relay]:
        if self.move:
            return self.move.switches
        return frozenset({self.path.switch} if self.path else ())

    @property
    def wanted_bridges(self) -> frozenset[Relay]:
        if self.move:
            return self.move.bridges
        return frozenset({self.path.bridge} if self.path and self.path.bridge else ())


@attrs.define(eq=False)
class Yard:
    """The modules that have switches. Of fixed ones it knows only that they keep a connector alive."""

    feeds: Mapping[ModuleId, Feed]
    bridges: Mapping[str, Bridge]
    terms: Terms = attrs.field(factory=Terms)
    places: dict[ModuleId, Place] = attrs.field(init=False)
    finished: list[Move] = attrs.field(init=False, factory=list)  # since they were last taken
    _opened_at_s: dict[Relay, float] = attrs.field(init=False, factory=dict)
    _was_closed: frozenset[Relay] = attrs.field(init=False, default=frozenset())

    def __attrs_post_init__(self) -> None:
        self.places = {
            one.id: Place(one.id, {way.connector: self._path(one.id, way.connector) for way in one.ways})
            for one in self.feeds.values()
            if one.ways and not one.is_fixed
        }

    def _path(self, module: ModuleId, connector: ConnectorId) -> Path:
        way = self.feeds[module].way_to(connector)
        assert way
        bridge = self.bridges[way.bridge].relay if way.bridge else None
        (switch,) = way.relays - {bridge}
        return Path(connector, switch, bridge)

    # --- what others read -------------------------------------------------------------------------------------------

    @property
    def moves(self) -> Sequence[Move]:
        """Those under way."""
        return [place.move for place in self.places.values() if place.move]

    @property
    def closed(self) -> frozenset[Relay]:
        """All relays that are to be closed. Raises `Interlock` if they must not be together."""
        wanted: set[Relay] = set()
        for place in self.places.values():
            if len(place.wanted_closed) > 1:
                raise Interlock(f"{place.id}: {_names(place.wanted_closed)} at once")
            wanted |= place.wanted_closed | place.wanted_bridges
        for name, bridge in self.bridges.items():
            users = self._users(bridge.relay)
            if len(users) > 1:
                raise Interlock(f"bridge {name}: used by connectors {sorted(users)} at once")
        return frozenset(wanted)

    def contained(self, world: World) -> frozenset[Relay]:
        """Relays that cost no more than their module if they do not follow: they join no two connectors.

        Such are bridges, on which nothing hangs unless they are closed, and the switches of a module of which no two
        are closed, by command or by feedback.
        """
        relays = {bridge.relay for bridge in self.bridges.values()}
        for place in self.places.values():
            if len(place.wanted_closed.union(one for one in place.switches if not world.is_open(one))) <= 1:
                relays.update(place.switches)
        return frozenset(relays)

    # --- time -------------------------------------------------------------------------------------------------------

    def step(self, world: World) -> None:
        """One look at everything. Afterwards `orders` of the places and `closed` are what shall be."""
        self._note_openings(world)
        for place in self.places.values():
            self._watch(place, world)
        for place in self.places.values():
            if place.move:
                self._advance(place, place.move, world)

    def _watch(self, place: Place, world: World) -> None:
        """A module stays where it is for as long as its relays say so."""
        path = place.path
        if place.move or path is None:
            return
        for relay in path.relays:
            if not world.is_closed(relay):
                fell = "fell open" if world.heard(relay) else "is not heard"
                why = f"R{relay.number} of {relay.board} fell open" if world.heard(relay) else f"{relay.board} {fell}"
                self._begin(place, None, world).lose(world, why)
                return

    def _advance(self, place: Place, move: Move, world: World) -> None:
        move.step(world)
        if move.phase is Phase.CLOSE:
            self._check_alone(place, move, world)
        if not move.phase.is_end:
            return
        place.move = None
        place.problem = move.problem
        if move.phase is Phase.KEPT:
            place.at = move.donor
        else:
            place.at = move.receiver if move.phase is Phase.JOINED else None
        if move.problem or (move.phase is Phase.JOINED and place.counts):
            place.rests_until_s = world.now_s + self.terms.dwell_s
        if move.phase is Phase.LOCKED_OUT:
            place.locked_out = move.problem.text if move.problem else move.why
            place.stuck = move.stuck
        self.finished.append(move)

    def _check_alone(self, place: Place, move: Move, world: World) -> None:
        assert move.new
        others = [relay for relay in place.switches if relay != move.new.switch and not world.is_open(relay)]
        if others:
            move.lose(world, f"{_names(others)} no longer reads open")

    def _note_openings(self, world: World) -> None:
        relays = {relay for place in self.places.values() for relay in place.switches}
        closed = frozenset(relay for relay in relays if world.is_closed(relay))
        for relay in self._was_closed - closed:
            self._opened_at_s[relay] = world.now_s
        self._was_closed = closed

    # --- beginning ----------------------------------------------------------------------------------------------------

    def begin(self, module: ModuleId, to: ConnectorId | None, world: World, *, counts: bool = True) -> str:
        """Begins a move if it may begin; else why it may not, for a person. `counts`: for dwell and moves an hour."""
        refusal = self.refusal(module, to, world, counts=counts)
        if not refusal:
            place = self.places[module]
            self._begin(place, to, world)
            place.counts = counts
            if counts:
                place.moved_at_s.append(world.now_s)
        return refusal

    def _begin(self, place: Place, to: ConnectorId | None, world: World) -> Move:
        place.move = Move(
            module=place.id,
            old=place.path,
            new=place.paths[to] if to is not None else None,
            own=place.switches,
            neighbours=frozenset(place.paths),
            terms=self.terms,
            began_s=world.now_s,
        )
        return place.move

    def release(self, module: ModuleId, world: World) -> str:
        """Somebody has tested the relays of a module that is locked out. Why it stays so, or ""."""
        place = self.places.get(module)
        if place is None or not place.locked_out:
            return f"{module} is not locked out"
        odd = [relay for relay in place.switches if not world.is_open(relay)]
        if odd:
            return f"{_names(odd)} does not read open"
        place.locked_out, place.stuck, place.problem, place.rests_until_s = "", None, None, world.now_s
        return ""

    def refusal(self, module: ModuleId, to: ConnectorId | None, world: World, *, counts: bool = True) -> str:
        """Why a module may not be moved there now, or ""."""
        place = self.places.get(module)
        if place is None:
            return f"{module} has no switch: it is wired to its connector"
        if to is not None and to not in place.paths:
            return f"{module} has no way to connector {to}"
        if place.move:
            return f"{module} is being moved"
        if place.locked_out:
            return f"{module} is locked out: {place.locked_out}"
        if place.at == to:
            return f"{module} is {'idle' if to is None else f'at connector {to}'} already"
        return (
            self._rests(place, world)
            or (self._too_soon(place, to, world) if counts else "")
            or self._relays_refuse(place, to, world)
            or self._others_refuse(place, to, world)
            or self._power_refuses(place, to, world)
        )

    def _rests(self, place: Place, world: World) -> str:
        rest_s = place.rests_until_s - world.now_s
        if rest_s <= 0:
            return ""
        if place.problem:
            return f"{place.id} could not be moved: {place.problem.text}. It is tried again in {math.ceil(rest_s)} s"
        return f"{place.id} has just been moved, and stays for {math.ceil(rest_s)} s more"

    def _too_soon(self, place: Place, to: ConnectorId | None, world: World) -> str:
        terms, moved = self.terms, place.moved_at_s
        while moved and moved[0] <= world.now_s - HOUR_S:
            moved.popleft()
        if len(moved) >= terms.moves_per_hour:
            return f"{place.id} was moved {len(moved)} times within the hour, and may be {terms.moves_per_hour} times"
        if to is not None:
            opened_at_s = self._opened_at_s.get(place.paths[to].switch, -math.inf)
            off_s = terms.min_off_s - (world.now_s - opened_at_s)
            if off_s > 0:
                return (
                    f"{_names([place.paths[to].switch])} has just opened, and stays open for {math.ceil(off_s)} s more"
                )
        return ""

    def _relays_refuse(self, place: Place, to: ConnectorId | None, world: World) -> str:
        new = place.paths[to] if to is not None else None
        for relay in new.relays if new else ():
            board = world.boards[relay.board]
            if board.heard and relay.number not in board.relays:
                return f"{relay.board} has no R{relay.number}: update the board to a newer map, or rewire the module"
        for relay in (*place.switches, *(new.relays if new else ())):
            if not world.may_close(relay):
                state = "does not let relays close now" if world.heard(relay) else "is not heard"
                return f"{relay.board} {state}"
        held = place.path.switch if place.path else None
        odd = [relay for relay in place.switches if relay != held and not world.is_open(relay)]
        return f"{_names(odd)} of {place.id} is not confirmed open" if odd else ""

    def _others_refuse(self, place: Place, to: ConnectorId | None, world: World) -> str:
        touched = {one for one in (place.at, to) if one is not None}
        for move in self.moves:
            for connector in (move.donor, move.receiver):
                if connector in touched:
                    return f"{move.module} is being moved at connector {connector}"
        new = place.paths[to] if to is not None else None
        bridge = new.bridge if new else None
        if bridge is not None and to is not None:
            return self._bridge_refuses(place, bridge, to, world)
        return ""

    def _bridge_refuses(self, place: Place, bridge: Relay, to: ConnectorId, world: World) -> str:
        name, described = next((key, one) for key, one in self.bridges.items() if one.relay == bridge)
        users = self._users(bridge)
        if users - {to}:
            return f"bridge {name} is used by connector {min(users - {to})}"
        if not users and not world.is_open(bridge):
            return f"bridge {name} is not confirmed open"
        for other in self.places.values():
            if other.stuck in [path.switch for path in other.paths.values() if path.bridge == bridge]:
                return f"{other.id} is locked out at bridge {name}"
        on_it = [one for one in self.places.values() if one.path and one.path.bridge == bridge]
        current_a = sum(self.feeds[one.id].rating.max_current_a for one in (*on_it, place))
        if current_a > described.max_current_a:
            return f"bridge {name} carries {described.max_current_a:g} A, and {current_a:g} A would be on it"
        return ""

    def _power_refuses(self, place: Place, to: ConnectorId | None, world: World) -> str:
        if place.at is not None:
            bar = world.bars[place.at]
            if bar.delivering and not bar.feeding - {place.id}:
                return f"{place.id} is the last module of connector {place.at}, which is delivering"
        if to is None:
            return ""
        seen, bar = world.modules[place.id], world.bars[to]
        if not (seen.usable or seen.settling):
            return f"{place.id} is not usable; see its own faults"
        if bar.state is BarState.UNSTEADY:
            return f"connector {to} is about to start or to end, and its voltage moves"
        rating = self.feeds[place.id].rating
        live_v = bar.voltage_v if bar.state is BarState.LIVE else None
        if live_v is not None and not rating.min_voltage_v <= live_v <= rating.max_voltage_v:
            return f"{place.id} cannot deliver at the {live_v:.0f} V of connector {to}"
        return ""

    def _users(self, bridge: Relay) -> set[ConnectorId]:
        """Connectors that a bridge serves, or is about to."""
        users: set[ConnectorId] = set()
        for place in self.places.values():
            if place.move:
                paths = (place.move.old, place.move.new)
                users |= {path.connector for path in paths if path and path.bridge == bridge}
            elif place.path and place.path.bridge == bridge:
                users.add(place.path.connector)
        return users


def _names(relays: Sequence[Relay] | frozenset[Relay]) -> str:
    return ", ".join(f"R{relay.number} of {relay.board}" for relay in sorted(relays))
