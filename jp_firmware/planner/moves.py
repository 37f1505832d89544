"""One move from one connector to another, as a pure state machine. No I/O, no clock but the one handed in.

What moves is a group: a module behind its switches, or a segment of a bus-bar with all its modules, between two ties.

    RESERVE → DRAIN → OPEN → WELD CHECK → (BRIDGE) → MATCH → CLOSE → joined

Rules

1. A relay moves only without load: to open, the module reports off and measures less than 1 A; to close, it measures
   less than 1 A and stands within 10 V of the bus-bar it is joined to.
2. No relay is told to close before the one that held the module before is open: by its feedback, and by the voltage
   that no longer stands at the module.
3. The receiver's capacity rises after its relay's feedback, never before. The donor's falls before anything else.
4. Every wait has an end. What has not come by then ends the move where it is safe: while the relay of the donor was
   not touched the donor keeps the module; later the module goes off, its relays open, and it is idle, or locked out if
   a relay does not do as it was told. The problem names the relay and what to do.
5. Opening is always allowed, but for one thing: not under a current that is not known to be gone.

Attaching an idle module begins at the weld check, detaching one ends there. What may begin at all, and what goes on at
the same time, is `yard`'s to decide.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner import troubles
from jp_firmware.planner.orders import (
    BEFORE_OPENING,
    LOCKED_OUT,
    TOWARDS,
    Order,
    Path,
    Phase,
    Problem,
    named,
)
from jp_firmware.planner.topology import Relay
from jp_firmware.planner.world import Bar, BarState, GroupSeen, ModuleSeen, Terms, World


@attrs.define(eq=False, kw_only=True)
class Move:
    """One move, stepped with what is seen until `phase.is_end`. `switches` and `bridges` are to be closed meanwhile."""

    name: str  # of what moves: a module, or a segment of a bus-bar
    modules: tuple[ModuleId, ...]
    old: Path | None
    new: Path | None
    own: tuple[Relay, ...]  # a module's switch relays, a segment's ties: what must be open before one of them closes
    neighbours: frozenset[ConnectorId]  # all connectors on which a weld of these could hang it
    terms: Terms
    began_s: float
    behind: frozenset[ModuleId] = frozenset()  # of other segments: their current flows over the same relay
    held_by_others: frozenset[Relay] = frozenset()  # of its own relays: a segment behind it still needs them closed
    phase: Phase = attrs.field(init=False)
    since_s: float = attrs.field(init=False)
    problem: Problem | None = attrs.field(init=False, default=None)
    why: str = attrs.field(init=False, default="")  # it does not go on, for a person
    stuck: Relay | None = attrs.field(init=False, default=None)  # of a module that is locked out
    precharge_v: float | None = attrs.field(init=False, default=None)
    _member: bool = attrs.field(init=False)  # of the donor
    _held: Relay | None = attrs.field(init=False, default=None)  # kept closed in retreat, until nothing flows
    _held_bridge: Relay | None = attrs.field(init=False, default=None)  # the same, and perhaps of another board
    _touched: bool = attrs.field(init=False, default=False)  # a relay may still be moving: one look is no proof
    _told_at_s: float = attrs.field(init=False, default=-math.inf)  # when the module was told to let go
    _fed: bool = attrs.field(init=False, default=False)  # it had a connector when it was told so
    _cancelled: bool = attrs.field(init=False, default=False)
    _matching: BarState | None = attrs.field(init=False, default=None)
    _matching_since_s: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._member = self.old is not None
        self._enter(Phase.RESERVE if self.old else Phase.WELD_CHECK, self.began_s)

    # --- what it wants ----------------------------------------------------------------------------------------------

    @property
    def donor(self) -> ConnectorId | None:
        return self.old.connector if self.old else None

    @property
    def receiver(self) -> ConnectorId | None:
        return self.new.connector if self.new else None

    @property
    def order(self) -> Order:
        """What each of its modules shall be."""
        if self.phase is Phase.JOINED:
            return Order(member_of=self.receiver)
        if self.phase is Phase.KEPT:
            return Order(member_of=self.donor)
        if self._member:
            return Order(member_of=self.donor, drain=True)
        return Order(precharge_v=self.precharge_v)

    @property
    def switches(self) -> frozenset[Relay]:
        """Of its own relays those to be closed: one at most."""
        if self.old and self.phase in (*BEFORE_OPENING, Phase.KEPT):
            return frozenset({self.old.switch})
        if self.new and self.phase in (Phase.CLOSE, Phase.JOINED):
            return frozenset({self.new.switch})
        return frozenset({self._held} if self._held else ())

    @property
    def bridges(self) -> frozenset[Relay]:
        """Those to be closed: the old one until nothing hangs on it, the new one from before anything does."""
        old = self.old.bridge if self.old and self.phase in (*BEFORE_OPENING, Phase.OPEN, Phase.KEPT) else None
        new = self.new.bridge if self.new and self.phase in (*TOWARDS, Phase.JOINED) else None
        return frozenset(relay for relay in (old, new, self._held_bridge) if relay)

    @property
    def hangs_by(self) -> Path | None:
        """The way over which its modules are connected at present, or may be."""
        if self.phase in (*BEFORE_OPENING, Phase.OPEN, Phase.KEPT):
            return self.old
        if self.phase in (Phase.CLOSE, Phase.JOINED):
            return self.new
        return next((path for path in (self.old, self.new) if path and path.switch == self._held), None)

    # --- its steps ----------------------------------------------------------------------------------------------------

    def step(self, world: World) -> None:
        """Goes as far as what is seen allows."""
        before = None
        while before is not self.phase and not self.phase.is_end:
            before = self.phase
            self._step(world, world.group(self.modules))

    def _step(self, world: World, seen: GroupSeen) -> None:
        if self.phase is Phase.RETREAT:
            self._retreat(world, seen)
        elif stop := self._stopped_by(world):
            self._give_up(world, stop)
        elif self.phase is Phase.RESERVE:  # the order to drain is carried out before the next look
            if world.now_s > self.since_s:
                self._told_at_s = self.since_s
                self._enter(Phase.DRAIN, world.now_s)
        elif self.phase is Phase.DRAIN:
            self._drain(world, seen)
        elif self.phase is Phase.OPEN:
            self._open(world)
        elif self.phase is Phase.WELD_CHECK:
            self._check_weld(world, seen)
        elif self.phase is Phase.BRIDGE:
            self._close_bridge(world)
        elif self.phase is Phase.MATCH:
            self._match(world, seen)
        elif self.phase is Phase.CLOSE:
            self._close(world)

    def cancel(self, why: str, world: World) -> None:
        """Nobody wants it any more: the donor keeps the module if that is still possible, else it becomes idle."""
        if not self.phase.is_end and self.phase is not Phase.RETREAT:
            self._give_up(world, why)

    def lose(self, world: World, why: str) -> None:
        """Its modules must go off now, whatever the move was at; its relays open, or have fallen open."""
        if not self.phase.is_end and self.phase is not Phase.RETREAT:
            self._fall_back(world, why)

    def _stopped_by(self, world: World) -> str:
        """Why it must not go on, or ""."""
        paths = [path for path in (self.old, self.new) if path]
        for relay in (relay for path in paths for relay in path.relays):
            if not world.heard(relay) or (self.phase is not Phase.OPEN and not world.may_close(relay)):
                return f"{relay.board} " + ("does not let relays close" if world.heard(relay) else "is not heard")
        if self.phase in BEFORE_OPENING and self.donor is not None:
            bar = world.bars[self.donor]
            if bar.delivering and not bar.feeding.difference(self.modules):
                last = "module" if len(self.modules) == 1 else "modules"
                return f"it has become the last {last} of connector {self.donor}, which is delivering"
        return self._way_lost(world)

    def _way_lost(self, world: World) -> str:
        """Segments lie in between: when their ties open, what lies beyond them is cut off."""
        path = self.old if self.phase in BEFORE_OPENING else self.new
        if path is None or self.phase is Phase.OPEN:
            return ""
        opened = [relay for relay in path.over if not world.is_closed(relay)]
        return f"{named(opened)} opened, which lies on its way to connector {path.connector}" if opened else ""

    def _drain(self, world: World, seen: GroupSeen) -> None:
        if seen.unloaded(self.terms, self._told_at_s):
            self._enter(Phase.OPEN, world.now_s)
        elif self._for_s(world) > self.terms.drain_s:
            self.problem = troubles.did_not_let_go(self, seen, self._told_at_s)
            self._enter(Phase.KEPT, world.now_s)

    def _open(self, world: World) -> None:
        assert self.old
        if world.is_open(self.old.switch):
            self._member = False
            self._enter(Phase.WELD_CHECK, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            self._lock_out(self.old.switch)
            self._fall_back(world, "its relay does not open")

    def _check_weld(self, world: World, seen: GroupSeen) -> None:
        """Off and open, modules discharge. What keeps a bus-bar's voltage hangs on it, whatever feedback says."""
        hangs_on = world.hung_on(seen, self.neighbours, self.terms)
        unsure = world.could_hang_on(seen, self.neighbours, self.terms)
        if seen.news_since(self.since_s) and hangs_on is None and unsure is None:
            self._leave_weld_check(world)
        elif self._for_s(world) > self.terms.bleed_s:
            if hangs_on is None and unsure is not None:  # nobody's fault: it can be tried again
                connector, voltage_v = unsure
                self._fall_back(world, f"{voltage_v:.0f} V stand at it, and connector {connector} does not hold still")
                return
            if hangs_on is None:
                self.problem = troubles.does_not_answer(self, seen)
                self._fall_back(world, "it does not answer")
                return
            connector, voltage_v = hangs_on
            relay = self.old.switch if self.old and self.old.connector == connector else None
            self.stuck = relay
            self.problem = troubles.seems_welded(self, relay, connector, voltage_v)
            self._fall_back(world, "a relay of it seems welded")

    def _leave_weld_check(self, world: World) -> None:
        if self.new is None or self._cancelled:
            self._fall_back(world, self.why)  # also waits until all of its relays are confirmed open
        elif not all(world.is_open(relay) for relay in self.own):
            self._fall_back(world, "not all of its relays are confirmed open")
        else:
            self._enter(Phase.BRIDGE if self.new.bridge else Phase.MATCH, world.now_s)

    def _close_bridge(self, world: World) -> None:
        assert self.new
        assert self.new.bridge
        if world.is_closed(self.new.bridge):
            self._enter(Phase.MATCH, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            self.problem = troubles.did_not_close(self, self.new.bridge)
            self._fall_back(world, "the bridge does not close")

    def _match(self, world: World, seen: GroupSeen) -> None:
        """A live bus-bar is met at its voltage, a dead one with a discharged module, an unsteady one not at all."""
        assert self.new
        bar = world.bars[self.new.connector]
        if bar.state is not self._matching or seen.settling:
            self._matching, self._matching_since_s = bar.state, world.now_s
        live = bar.state is BarState.LIVE and bar.voltage_v is not None
        self.precharge_v = bar.voltage_v - self.terms.below_v if live and bar.voltage_v is not None else None
        odd = [relay for relay in self.own if not world.is_open(relay)]
        if odd:
            self._fall_back(world, "not all of its relays read open any more")
        elif self._matches(bar, seen):
            self._enter(Phase.CLOSE, world.now_s)
        elif self._overdue(bar, world):
            self._did_not_match(bar, seen)
            self._fall_back(world, "the voltages do not match")

    def _overdue(self, bar: Bar, world: World) -> bool:
        limit_s = {
            BarState.LIVE: self.terms.precharge_s,
            BarState.DEAD: self.terms.bleed_s,
            BarState.UNSTEADY: self.terms.hold_still_s,
        }[bar.state]
        return world.now_s - self._matching_since_s > limit_s or self._for_s(world) > 2 * self.terms.hold_still_s

    def _matches(self, bar: Bar, seen: GroupSeen) -> bool:
        if bar.state is BarState.UNSTEADY or not seen.news_since(self.since_s):
            return False
        if bar.state is BarState.LIVE and bar.voltage_v is None:
            return False
        return seen.fits(bar, self.terms)

    def _did_not_match(self, bar: Bar, seen: GroupSeen) -> None:
        if bar.state is BarState.UNSTEADY:
            self.why = f"connector {self.receiver} did not hold still"  # nobody's fault: it can be tried again
            return
        self.problem = troubles.did_not_match(self, bar, seen)

    def _close(self, world: World) -> None:
        assert self.new
        bar = world.bars[self.new.connector]
        if bar.state is not self._matching:
            self._fall_back(world, f"connector {self.receiver} changed while the relay was closing")
        elif world.is_closed(self.new.switch):
            self.precharge_v = None
            self._enter(Phase.JOINED, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            self.problem = troubles.did_not_close(self, self.new.switch)
            self._fall_back(world, "its relay does not close")
        elif bar.state is BarState.LIVE and bar.voltage_v is not None:
            self.precharge_v = bar.voltage_v - self.terms.below_v

    # --- ways out -----------------------------------------------------------------------------------------------------

    def _give_up(self, world: World, why: str) -> None:
        self.why = self.why or why
        self._cancelled = True
        if self.phase in BEFORE_OPENING and self.old and all(world.is_closed(one) for one in self.old.relays):
            self._enter(Phase.KEPT, world.now_s)
        elif self.phase is not Phase.OPEN or not (self.old and world.heard(self.old.switch)):
            self._fall_back(world, why)  # else the opening is seen through first

    def _fall_back(self, world: World, why: str) -> None:
        """Off, then open, then idle. A relay that may carry current stays as it is until the current is gone."""
        self.why = self.why or why
        self._held = next(iter(self.switches), None)
        carrying = self.new if self.phase is Phase.CLOSE else self.old if self._member else None
        self._held_bridge = carrying.bridge if carrying else None
        self._touched = self._held is not None
        self._fed, self._told_at_s = self._member, world.now_s
        self.precharge_v = None
        self._enter(Phase.RETREAT, world.now_s)

    def _retreat(self, world: World, seen: GroupSeen) -> None:
        if self._held and self._may_open(self._held, world, world.group((*self.modules, *self.behind))):
            self._held = None
            self.since_s = world.now_s
        if self._held_bridge and self._may_open(self._held_bridge, world, seen):
            self._held_bridge = None
        if self._member and seen.unloaded(self.terms, self._told_at_s):
            self._member = False
        if self._held or self._held_bridge or self._member:
            if self._for_s(world) > self.terms.drain_s and self.problem is None:
                self.problem = troubles.does_not_report_off(self)
            return
        if self.held_by_others or not all(world.heard(relay) for relay in self.own):
            self.since_s = world.now_s
            return
        closed = [relay for relay in self.own if not world.is_open(relay)]
        if not closed and self._touched and self._for_s(world) < self.terms.follow_s:
            return
        if not closed:
            self._enter(Phase.LOCKED_OUT if self._is_locked else Phase.IDLE, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            if not self._is_locked:
                self._lock_out(closed[0])
            self._enter(Phase.LOCKED_OUT, world.now_s)

    def _may_open(self, relay: Relay, world: World, seen: GroupSeen) -> bool:
        """Whether it may be told to open. That it reads open is no proof by itself; a current that is gone is.

        What a board opens by itself must not stay commanded closed, or it would close again by itself too.
        """
        if seen.unloaded(self.terms, self._told_at_s) or not world.heard(relay):
            return True
        return world.is_open(relay) and all(self._let_go(one) for one in seen.modules)

    def _let_go(self, seen: ModuleSeen) -> bool:
        news = seen.at_s > self._told_at_s or not self._fed  # one that fed nobody had no current to let go of
        gone = news and seen.current_a is not None and seen.current_a < self.terms.load_a
        return gone or seen.unloaded(self.terms, self._told_at_s)

    # --- helpers ------------------------------------------------------------------------------------------------------

    @property
    def _is_locked(self) -> bool:
        return self.problem is not None and self.problem.code == LOCKED_OUT

    def _lock_out(self, relay: Relay) -> None:
        self.stuck, self.problem = relay, troubles.did_not_open(self, relay)

    def _for_s(self, world: World) -> float:
        return world.now_s - self.since_s

    def _enter(self, phase: Phase, now_s: float) -> None:
        self.phase, self.since_s = phase, now_s
