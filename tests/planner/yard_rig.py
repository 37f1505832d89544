"""A yard with the electricity around it, moved by hand: relays with contacts and feedback, modules, bus-bars, boards.

The rig carries orders out as `hw.switching` does, in time steps, and is the witness: every contact that moves is held
against what is true at that moment, never against what the yard believes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.model.power import StageRating
from jp_firmware.planner.moves import Move
from jp_firmware.planner.topology import Bridge, Feed, Relay, Way
from jp_firmware.planner.world import Bar, BarState, BoardSeen, ModuleSeen, Terms, World
from jp_firmware.planner.yard import Yard

STEP_S = 0.05
CLOSE_S, OPEN_S = 0.06, 0.03
BLEED_S = 0.3
ONE, TWO, THREE = ConnectorId(1), ConnectorId(2), ConnectorId(3)
LEFT, RIGHT = PlcId("plc-1"), PlcId("plc-2")
RATING = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=100, max_power_w=30_000)
BRIDGE = Relay(LEFT, 9)


def module(number: int) -> ModuleId:
    return ModuleId(f"module-{number}")


def switch(board: PlcId, number: int, connector: ConnectorId, *, bridged: bool = False) -> Way:
    relays = frozenset({Relay(board, number)} | ({BRIDGE} if bridged else set()))
    return Way(connector=connector, relays=relays, bridge="bridge" if bridged else "")


def feeds() -> dict[ModuleId, Feed]:
    """Module 9 is wired to connector 1; 1 and 2 can feed 1 or 2, and 3 over the bridge; 3 can feed 3, and 1 over it."""
    ways = {
        1: [switch(LEFT, 3, ONE), switch(LEFT, 4, TWO), switch(RIGHT, 3, THREE, bridged=True)],
        2: [switch(LEFT, 5, ONE), switch(LEFT, 6, TWO), switch(RIGHT, 5, THREE, bridged=True)],
        3: [switch(RIGHT, 7, THREE), switch(LEFT, 7, ONE, bridged=True)],
        9: [Way(connector=ONE)],
    }
    return {module(n): Feed(id=module(n), rating=RATING, ways=each) for n, each in ways.items()}


@attrs.define(eq=False)
class Contact:
    """One relay: its contact, and what its feedback says."""

    commanded: bool = False
    closed: bool = False
    stuck: bool = False  # does not move any more, neither way
    lies: bool | None = None  # what the feedback says, whatever the contact does
    since_s: float = 0.0

    @property
    def feedback(self) -> bool:
        return self.closed if self.lies is None else self.lies


@attrs.define(eq=False)
class Rack:
    """One module."""

    voltage_v: float = 0.0
    current_a: float = 0.0
    told_v: float | None = None  # None is off
    serving: ConnectorId | None = None  # whose set-points it gets
    silent: bool = False
    dead: bool = False  # reaches no voltage
    deaf: bool = False  # goes on delivering when told off
    said_v: float = 0.0
    said_a: float = 0.0
    said_off: bool = True
    said_at_s: float = 0.0


@attrs.define(eq=False)
class Socket:
    """One bus-bar."""

    state: BarState = BarState.DEAD
    voltage_v: float = 0.0
    held: bool = False  # at a voltage, live or not: a cable check, a precharge


@attrs.define(eq=False)
class Rig:
    """Time, electricity and the yard. `crimes` is what must never happen."""

    terms: Terms = attrs.field(factory=Terms)
    now_s: float = 1000.0
    yard: Yard = attrs.field(init=False)
    contacts: dict[Relay, Contact] = attrs.field(init=False)
    racks: dict[ModuleId, Rack] = attrs.field(init=False)
    bars: dict[ConnectorId, Socket] = attrs.field(factory=lambda: {one: Socket() for one in (ONE, TWO, THREE)})
    lost: set[PlcId] = attrs.field(factory=set)  # not heard; relays fall open by themselves
    tripped: set[PlcId] = attrs.field(factory=set)  # relays stay as they are, and none may close
    member_of: dict[ModuleId, ConnectorId | None] = attrs.field(init=False)
    draining: set[ModuleId] = attrs.field(factory=set)
    off_for_sure: set[ModuleId] = attrs.field(factory=set)  # silent, and past its own switch-off time
    crimes: list[str] = attrs.field(factory=list)
    ended: list[Move] = attrs.field(factory=list)
    _paths: dict[Relay, tuple[ModuleId, ConnectorId]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.yard = Yard(feeds(), {"bridge": Bridge(name="bridge", relay=BRIDGE, max_current_a=200)}, self.terms)
        for place in self.yard.groups:
            self._paths |= {path.switch: (place.modules[0], path.connector) for path in place.paths.values()}
        self.contacts = {relay: Contact() for relay in (*self._paths, BRIDGE)}
        self.racks = {one: Rack(said_at_s=self.now_s) for one in self.yard.feeds}
        self.member_of = dict.fromkeys(self.yard.feeds) | {module(9): ONE}

    # --- what a test does -------------------------------------------------------------------------------------------

    def begin(self, number: int, to: ConnectorId | None, *, counts: bool = True) -> str:
        return self.yard.begin(module(number), to, self.world(), counts=counts)

    def run(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / STEP_S))):
            self.tick()

    def settle(self, within_s: float = 60.0) -> None:
        """Until nothing moves any more."""
        until_s = self.now_s + within_s
        while self.yard.moves:
            assert self.now_s < until_s, f"still {[(move.name, move.phase) for move in self.yard.moves]}"
            self.tick()

    def until(self, phase: object, number: int = 1, within_s: float = 20.0) -> Move:
        until_s = self.now_s + within_s
        while True:
            move = self.yard.places[module(number)].move
            if move and move.phase is phase:
                return move
            assert self.now_s < until_s, f"never {phase}: {move.phase if move else 'no move'}"
            self.tick()

    def put(self, number: int, at: ConnectorId) -> None:
        """Moves an idle module there, as at the start of the charger."""
        assert self.begin(number, at, counts=False) == ""
        self.settle()
        assert self.place(number) == at

    def live(self, connector: ConnectorId, voltage_v: float) -> None:
        self.bars[connector].state, self.bars[connector].voltage_v = BarState.LIVE, voltage_v

    def place(self, number: int) -> ConnectorId | None:
        return self.yard.places[module(number)].at

    # --- what is seen -----------------------------------------------------------------------------------------------

    def world(self) -> World:
        return World(
            now_s=self.now_s,
            modules={one: self._seen(one) for one in self.racks},
            bars={one: self._bar(one) for one in self.bars},
            boards={one: self._board(one) for one in (LEFT, RIGHT)},
        )

    def _seen(self, one: ModuleId) -> ModuleSeen:
        rack = self.racks[one]
        if rack.silent or rack.said_at_s < self.now_s - 2 * STEP_S:  # what it said before it fell silent is no news
            return ModuleSeen(off=one in self.off_for_sure, at_s=rack.said_at_s)
        return ModuleSeen(
            usable=not rack.dead,
            off=rack.said_off,
            voltage_v=rack.said_v,
            current_a=rack.said_a,
            at_s=rack.said_at_s,
        )

    def _bar(self, one: ConnectorId) -> Bar:
        bar = self.bars[one]
        feeding = {
            each
            for each, where in self.member_of.items()
            if where == one and each not in self.draining and not self.racks[each].silent
        }
        known = bar.state is not BarState.UNSTEADY
        return Bar(state=bar.state, voltage_v=bar.voltage_v if known else None, feeding=frozenset(feeding))

    def _board(self, board: PlcId) -> BoardSeen:
        mine = {relay.number: contact for relay, contact in self.contacts.items() if relay.board == board}
        return BoardSeen(
            heard=board not in self.lost,
            may_close=board not in self.lost | self.tripped,
            closed=frozenset(number for number, contact in mine.items() if contact.feedback),
            relays=frozenset(range(3, 17)),
        )

    # --- one step ---------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.now_s += STEP_S
        world = self.world()
        before = {one: (place.at, place.move) for one, place in self.yard.places.items()}
        self.yard.step(world)
        self._carry_out(world, before)
        self.ended += self.yard.finished
        self.yard.finished.clear()
        self._move_contacts()
        self._flow()

    def _carry_out(self, world: World, before: dict[ModuleId, tuple[ConnectorId | None, Move | None]]) -> None:
        for one, place in self.yard.places.items():
            order, rack = place.order, self.racks[one]
            if order.member_of is not None and self.member_of[one] != order.member_of:
                relays = place.path.relays if place.path else ()
                if not relays or not all(world.is_closed(relay) for relay in relays):
                    self.crimes.append(f"{one} counts at connector {order.member_of} before its relay's feedback")
            if order.drain and one not in self.draining and place.move and not place.move.why:
                bar = world.bars[before[one][0] or ONE]
                if bar.delivering and not bar.feeding.difference(place.modules):
                    self.crimes.append(f"{one}, the last module of a connector that delivers, is moved")
            self.member_of[one] = order.member_of
            (self.draining.add if order.drain else self.draining.discard)(one)
            rack.serving = None if order.drain else order.member_of
            rack.told_v = order.precharge_v
            if place.move and rack.serving is None and order.precharge_v is None and order.member_of is None:
                rack.told_v = None
        closed = self.yard.closed
        self._judge_together(closed)
        for relay, contact in self.contacts.items():
            wanted = relay in closed and relay.board not in self.lost
            if wanted and not contact.commanded:
                self._judge_close(relay, world)
            elif contact.commanded and not wanted and relay.board not in self.lost:
                self._judge_open(relay)
            if wanted is not contact.commanded:
                contact.commanded, contact.since_s = wanted, self.now_s

    def _judge_together(self, closed: frozenset[Relay]) -> None:
        for one, place in self.yard.places.items():
            if len([relay for relay in place.own if relay in closed]) > 1:
                self.crimes.append(f"{one}: two relays told to close")

    def _judge_close(self, relay: Relay, world: World) -> None:
        if relay == BRIDGE:
            return
        one, connector = self._paths[relay]
        rack, bar = self.racks[one], self.bars[connector]
        for other in self.yard.places[one].own:
            if other != relay and not world.is_open(other):
                self.crimes.append(f"{relay} told to close while {other} does not read open")
            if other != relay and self.contacts[other].closed and self.contacts[other].lies is None:
                self.crimes.append(f"{relay} told to close while {other} is closed")
        if rack.current_a >= 1.0:
            self.crimes.append(f"{relay} told to close under {rack.current_a:.1f} A")
        if abs(rack.voltage_v - bar.voltage_v) >= 10.0 + 1.0 and not rack.silent:
            self.crimes.append(f"{relay} told to close at {rack.voltage_v:.0f} V onto {bar.voltage_v:.0f} V")

    def _judge_open(self, relay: Relay) -> None:
        hanging = [self._paths[relay][0]] if relay != BRIDGE else [one for one, _ in self._on_bridge()]
        for one in hanging:
            if self.racks[one].current_a >= 1.0:
                self.crimes.append(f"{relay} told to open under {self.racks[one].current_a:.1f} A of {one}")

    def _on_bridge(self) -> Iterable[tuple[ModuleId, ConnectorId]]:
        for place in self.yard.places.values():
            for path in place.paths.values():
                if path.bridge and self.contacts[path.switch].closed:
                    yield place.modules[0], path.connector

    def _move_contacts(self) -> None:
        for relay, contact in self.contacts.items():
            wanted = contact.commanded and relay.board not in self.lost
            late = self.now_s - contact.since_s >= (CLOSE_S if wanted else OPEN_S)
            if wanted is not contact.closed and late and not contact.stuck:
                contact.closed = wanted
        honest = [(one, at) for one, at in self._on_bridge() if not self._broken(one)]
        if honest and self.contacts[BRIDGE].closed and len({connector for _, connector in honest}) > 1:
            self.crimes.append(f"the bridge joins connectors: {honest}")

    def _broken(self, one: ModuleId) -> bool:
        relays = [*self.yard.places[one].own, BRIDGE]
        return any(self.contacts[relay].stuck or self.contacts[relay].lies is not None for relay in relays)

    def _joined(self, one: ModuleId) -> ConnectorId | None:
        place = self.yard.places.get(one)
        if place is None:
            return ONE
        for path in place.paths.values():
            if all(self.contacts[relay].closed for relay in path.relays):
                return path.connector
        return None

    def _flow(self) -> None:
        for bar in self.bars.values():
            if bar.state is not BarState.LIVE and not bar.held:
                bar.voltage_v *= math.exp(-STEP_S / BLEED_S)
        for one, rack in self.racks.items():
            at = self._joined(one)
            live = at is not None and (self.bars[at].held or self.bars[at].state is BarState.LIVE)
            on = rack.serving is not None or (rack.deaf and rack.current_a > 0)
            rack.current_a = 30.0 if on and at is not None and live and at == (rack.serving or at) else 0.0
            if at is not None and live:
                rack.voltage_v = self.bars[at].voltage_v  # measured at its terminals
            elif rack.told_v is not None and not rack.dead:
                rack.voltage_v += max(-100.0, min(100.0, rack.told_v - rack.voltage_v))
            else:
                rack.voltage_v *= math.exp(-STEP_S / BLEED_S)
            if at is not None and rack.told_v is not None and live and rack.told_v > self.bars[at].voltage_v:
                rack.current_a = 2.0
            if not rack.silent:
                rack.said_v, rack.said_a, rack.said_at_s = rack.voltage_v, rack.current_a, self.now_s
                rack.said_off = rack.told_v is None and rack.serving is None and rack.current_a == 0.0


def two_live() -> Rig:
    """Module 1 at connector 1, module 2 at connector 2, both connectors deliver."""
    rig = Rig()
    rig.put(1, ONE)
    rig.put(2, TWO)
    rig.live(ONE, 400.0)
    rig.live(TWO, 450.0)
    rig.run(1)
    return rig
