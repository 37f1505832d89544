"""One module's move from one connector to another, as a pure state machine. No I/O, no clock but the one handed in.

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

import enum
import math
from collections.abc import Mapping

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.planner.topology import Relay

NOT_MOVED = "PWR-08"
LOCKED_OUT = "PWR-09"


@attrs.frozen(kw_only=True)
class Terms:
    """Times and thresholds of moving modules. Those marked (staged move) are the planner facts' own."""

    drain_s: float = 2.0  # staged move: I < 1 A within 2 s
    relay_s: float = 0.2  # staged move: feedback within 200 ms, to open and to close
    link_s: float = 0.2  # ours: an exchange of the PLC link in flight, the one that commands, and the one that tells
    precharge_s: float = 3.0  # staged move: to the bus-bar's voltage
    bleed_s: float = 5.0  # ours: a module's own discharge; families differ, InfyPower's is below 1 s (?)
    hold_still_s: float = (
        30.0  # ours: what a receiver in cable check or precharge is waited for (45 s in all, 20 s as a rule)
    )
    load_a: float = 1.0  # staged move: below it a relay may move
    match_v: float = 10.0  # staged move: |dV|; IEC 61851-23 allows a car's own contactor 20 V
    below_v: float = 2.5  # staged move: precharge to V_b-5 … V_b, so the middle of it
    apart_v: float = 20.0  # ours: a module this far from a bus-bar's voltage does not hang on it; above noise and droop
    safe_v: float = 60.0  # IEC 61851-23: below it a bus-bar counts as dead
    dwell_s: float = 60.0  # planner.move_dwell_s; staged move: >= 60 s
    min_off_s: float = 10.0  # staged move: a relay that opened stays open for 10 s
    moves_per_hour: int = 30  # planner.moves_per_hour, of each module

    @property
    def follow_s(self) -> float:
        """From a command to the feedback of the relay."""
        return self.relay_s + self.link_s


# --- what is seen ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ModuleSeen:
    """A module at one instant. What is unknown, or too old, is None."""

    usable: bool = False
    settling: bool = False  # takes a new output range: usable in a moment
    off: bool = False  # feeds nothing: by its own word, or past its own switch-off time
    voltage_v: float | None = None
    current_a: float | None = None
    at_s: float = -math.inf  # of the measurement

    def unloaded(self, terms: Terms, since_s: float) -> bool:
        """Whether a relay of it may open: what was measured before it was told to let go counts for nothing."""
        if self.current_a is None:
            return self.off
        return self.off and self.current_a < terms.load_a and self.at_s > since_s


class BarState(enum.Enum):
    """A connector's bus-bar, as far as joining something to it goes."""

    DEAD = "dead"  # no session: no voltage, and none coming within a relay's time
    LIVE = "live"  # delivering at a voltage that the car's battery holds
    UNSTEADY = "unsteady"  # in a session, and its voltage moves, or nobody measures it


@attrs.frozen(kw_only=True)
class Bar:
    """One connector's bus-bar. `feeding` are the usable modules at it, fixed ones too, none that is being drained."""

    state: BarState = BarState.DEAD
    voltage_v: float | None = None
    feeding: frozenset[ModuleId] = frozenset()

    @property
    def delivering(self) -> bool:
        """In a session: it must not lose its last module."""
        return self.state is not BarState.DEAD


@attrs.frozen(kw_only=True)
class BoardSeen:
    """A PLC board's free relays: `closed` by their feedback. Not `heard`, all of it is unknown."""

    heard: bool = False
    may_close: bool = False  # in mode run and with nothing tripped
    closed: frozenset[int] = frozenset()
    relays: frozenset[int] = frozenset()  # those it has


@attrs.frozen(kw_only=True)
class World:
    """Everything that moves are decided by, at one instant."""

    now_s: float
    modules: Mapping[ModuleId, ModuleSeen]
    bars: Mapping[ConnectorId, Bar]
    boards: Mapping[PlcId, BoardSeen]

    def heard(self, relay: Relay) -> bool:
        return self.boards[relay.board].heard

    def is_open(self, relay: Relay) -> bool:
        """By a feedback that is heard."""
        board = self.boards[relay.board]
        return board.heard and relay.number not in board.closed

    def is_closed(self, relay: Relay) -> bool:
        """By a feedback that is heard."""
        board = self.boards[relay.board]
        return board.heard and relay.number in board.closed

    def may_close(self, relay: Relay) -> bool:
        board = self.boards[relay.board]
        return board.heard and board.may_close


# --- what is ordered -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Order:
    """What a module shall be now. `member_of` None is idle; only an idle module is precharged."""

    member_of: ConnectorId | None = None
    drain: bool = False
    precharge_v: float | None = None


@attrs.frozen
class Problem:
    """What went wrong in a move, and what to do: a code of the fault catalogue, and a sentence."""

    code: str
    text: str


@attrs.frozen
class Path:
    """A module's way to one connector: its own relay, and the bridge that the way goes over, if any."""

    connector: ConnectorId
    switch: Relay
    bridge: Relay | None = None

    @property
    def relays(self) -> tuple[Relay, ...]:
        return (self.switch,) if self.bridge is None else (self.switch, self.bridge)


class Phase(enum.Enum):
    """Where a move is. The last four are its ends."""

    RESERVE = "reserve"
    DRAIN = "drain"
    OPEN = "open"
    WELD_CHECK = "weld check"
    BRIDGE = "close the bridge"
    MATCH = "match the voltage"
    CLOSE = "close"
    RETREAT = "retreat"
    JOINED = "joined"
    IDLE = "idle"
    KEPT = "kept"
    LOCKED_OUT = "locked out"

    @property
    def is_end(self) -> bool:
        return self in _ENDS


_ENDS = frozenset({Phase.JOINED, Phase.IDLE, Phase.KEPT, Phase.LOCKED_OUT})
_BEFORE_OPENING = frozenset({Phase.RESERVE, Phase.DRAIN})
_TOWARDS = frozenset({Phase.BRIDGE, Phase.MATCH, Phase.CLOSE})


@attrs.define(eq=False, kw_only=True)
class Move:
    """One move, stepped with what is seen until `phase.is_end`. `switches` and `bridges` are to be closed meanwhile."""

    module: ModuleId
    old: Path | None
    new: Path | None
    own: tuple[Relay, ...]  # all of the module's switch relays
    neighbours: frozenset[ConnectorId]  # all connectors it has a way to
    terms: Terms
    began_s: float
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
        """What the module shall be."""
        if self.phase is Phase.JOINED:
            return Order(member_of=self.receiver)
        if self.phase is Phase.KEPT:
            return Order(member_of=self.donor)
        if self._member:
            return Order(member_of=self.donor, drain=True)
        return Order(precharge_v=self.precharge_v)

    @property
    def switches(self) -> frozenset[Relay]:
        """Of the module's own relays those to be closed: one at most."""
        if self.old and self.phase in (*_BEFORE_OPENING, Phase.KEPT):
            return frozenset({self.old.switch})
        if self.new and self.phase in (Phase.CLOSE, Phase.JOINED):
            return frozenset({self.new.switch})
        return frozenset({self._held} if self._held else ())

    @property
    def bridges(self) -> frozenset[Relay]:
        """Those to be closed: the old one until nothing hangs on it, the new one from before anything does."""
        old = self.old.bridge if self.old and self.phase in (*_BEFORE_OPENING, Phase.OPEN, Phase.KEPT) else None
        new = self.new.bridge if self.new and self.phase in (*_TOWARDS, Phase.JOINED) else None
        return frozenset(relay for relay in (old, new, self._held_bridge) if relay)

    # --- its steps ----------------------------------------------------------------------------------------------------

    def step(self, world: World) -> None:
        """Goes as far as what is seen allows."""
        before = None
        while before is not self.phase and not self.phase.is_end:
            before = self.phase
            self._step(world, world.modules[self.module])

    def _step(self, world: World, seen: ModuleSeen) -> None:
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
        """The module must go off now, whatever the move was at; its relays open, or have fallen open."""
        if not self.phase.is_end and self.phase is not Phase.RETREAT:
            self._fall_back(world, why)

    def _stopped_by(self, world: World) -> str:
        """Why it must not go on, or ""."""
        paths = [path for path in (self.old, self.new) if path]
        for relay in (relay for path in paths for relay in path.relays):
            if not world.heard(relay) or (self.phase is not Phase.OPEN and not world.may_close(relay)):
                return f"{relay.board} " + ("does not let relays close" if world.heard(relay) else "is not heard")
        if self.phase in _BEFORE_OPENING and self.donor is not None:
            bar = world.bars[self.donor]
            if bar.delivering and not bar.feeding - {self.module}:
                return f"it has become the last module of connector {self.donor}, which is delivering"
        return ""

    def _drain(self, world: World, seen: ModuleSeen) -> None:
        if seen.unloaded(self.terms, self._told_at_s):
            self._enter(Phase.OPEN, world.now_s)
        elif self._for_s(world) > self.terms.drain_s:
            flows = "its current is not known" if seen.current_a is None else f"{seen.current_a:.1f} A still flow"
            self._trouble(
                f"{self.module} did not let go of connector {self.donor} within {self.terms.drain_s:g} s: {flows}. "
                "It stays there; see the module's own faults"
            )
            self._enter(Phase.KEPT, world.now_s)

    def _open(self, world: World) -> None:
        assert self.old
        if world.is_open(self.old.switch):
            self._member = False
            self._enter(Phase.WELD_CHECK, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            self._lock_out(self.old.switch, "was told to open, and its feedback says closed")
            self._fall_back(world, "its relay does not open")

    def _check_weld(self, world: World, seen: ModuleSeen) -> None:
        """Off and open, a module discharges. One that keeps a bus-bar's voltage hangs on it, whatever feedback says."""
        hangs_on = self._hangs_on(world, seen)
        if seen.voltage_v is not None and seen.at_s > self.since_s and hangs_on is None:
            self._leave_weld_check(world)
        elif self._for_s(world) > self.terms.bleed_s:
            if seen.voltage_v is None or hangs_on is None:
                self._trouble(f"{self.module} does not answer, so its relays cannot be checked. It is idle")
                self._fall_back(world, "it does not answer")
                return
            path = self.old if self.old and self.old.connector == hangs_on else None
            relay = path.switch if path else None
            self._lock_out(
                relay,
                f"reads open, but {seen.voltage_v:.0f} V, the voltage of connector {hangs_on}, stand at {self.module}",
            )
            self._fall_back(world, "a relay of it seems welded")

    def _hangs_on(self, world: World, seen: ModuleSeen) -> ConnectorId | None:
        """The live connector whose voltage stands at the module, if there is one."""
        if seen.voltage_v is None or seen.voltage_v < self.terms.safe_v:
            return None
        for connector in sorted(self.neighbours):
            bar_v = world.bars[connector].voltage_v
            if bar_v is not None and bar_v >= self.terms.safe_v and abs(bar_v - seen.voltage_v) < self.terms.apart_v:
                return connector
        return None

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
            self._did_not_close(self.new.bridge)
            self._fall_back(world, "the bridge does not close")

    def _match(self, world: World, seen: ModuleSeen) -> None:
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

    def _matches(self, bar: Bar, seen: ModuleSeen) -> bool:
        if bar.state is BarState.UNSTEADY or seen.at_s <= self.since_s:
            return False
        if bar.state is BarState.LIVE and bar.voltage_v is None:
            return False
        return self._fits(bar, seen)

    def _fits(self, bar: Bar, seen: ModuleSeen) -> bool:
        """Whether a relay between the two may close now. A dead bus-bar that nobody measures stands at 0 V."""
        if seen.voltage_v is None or seen.current_a is None or seen.current_a >= self.terms.load_a:
            return False
        if bar.state is BarState.DEAD and not seen.off:
            return False
        return abs(seen.voltage_v - (bar.voltage_v or 0.0)) < self.terms.match_v

    def _did_not_match(self, bar: Bar, seen: ModuleSeen) -> None:
        where = f"connector {self.receiver}"
        if bar.state is BarState.UNSTEADY:
            self.why = f"{where} did not hold still"  # nobody's fault: it can be tried again
            return
        stands = "is not known" if seen.voltage_v is None else f"is {seen.voltage_v:.0f} V"
        wanted = f"{bar.voltage_v or 0.0:.0f} V"
        self._trouble(
            f"{self.module} did not come to the {wanted} of {where}: its voltage {stands}. "
            "It is idle; see its own faults"
        )

    def _close(self, world: World) -> None:
        assert self.new
        bar = world.bars[self.new.connector]
        if bar.state is not self._matching:
            self._fall_back(world, f"connector {self.receiver} changed while the relay was closing")
        elif world.is_closed(self.new.switch):
            self.precharge_v = None
            self._enter(Phase.JOINED, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            self._did_not_close(self.new.switch)
            self._fall_back(world, "its relay does not close")
        elif bar.state is BarState.LIVE and bar.voltage_v is not None:
            self.precharge_v = bar.voltage_v - self.terms.below_v

    # --- ways out -----------------------------------------------------------------------------------------------------

    def _give_up(self, world: World, why: str) -> None:
        self.why = self.why or why
        self._cancelled = True
        if self.phase in _BEFORE_OPENING and self.old and all(world.is_closed(one) for one in self.old.relays):
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

    def _retreat(self, world: World, seen: ModuleSeen) -> None:
        if self._held and self._may_open(self._held, world, seen):
            self._held = None
            self.since_s = world.now_s
        if self._held_bridge and self._may_open(self._held_bridge, world, seen):
            self._held_bridge = None
        if self._member and seen.unloaded(self.terms, self._told_at_s):
            self._member = False
        if self._held or self._held_bridge or self._member:
            if self._for_s(world) > self.terms.drain_s and self.problem is None:
                self._trouble(
                    f"{self.module} does not report off, so its relay is not opened under it. See its own faults"
                )
            return
        if not all(world.heard(relay) for relay in self.own):
            self.since_s = world.now_s
            return
        closed = [relay for relay in self.own if not world.is_open(relay)]
        if not closed and self._touched and self._for_s(world) < self.terms.follow_s:
            return
        if not closed:
            self._enter(Phase.LOCKED_OUT if self._is_locked else Phase.IDLE, world.now_s)
        elif self._for_s(world) > self.terms.follow_s:
            if not self._is_locked:
                self._lock_out(closed[0], "was told to open, and its feedback says closed")
            self._enter(Phase.LOCKED_OUT, world.now_s)

    def _may_open(self, relay: Relay, world: World, seen: ModuleSeen) -> bool:
        """Whether it may be told to open. That it reads open is no proof by itself; a current that is gone is.

        What a board opens by itself must not stay commanded closed, or it would close again by itself too.
        """
        if seen.unloaded(self.terms, self._told_at_s) or not world.heard(relay):
            return True
        news = seen.at_s > self._told_at_s or not self._fed  # one that fed nobody had no current to let go of
        gone = news and seen.current_a is not None and seen.current_a < self.terms.load_a
        return world.is_open(relay) and gone

    # --- helpers ------------------------------------------------------------------------------------------------------

    @property
    def _is_locked(self) -> bool:
        return self.problem is not None and self.problem.code == LOCKED_OUT

    def _lock_out(self, relay: Relay | None, what: str) -> None:
        self.stuck = relay
        named = f"R{relay.number} of {relay.board}" if relay else "each of its relays"
        self.problem = Problem(
            LOCKED_OUT,
            f"{named} {what}. {self.module} is off and locked out: test the relay and its feedback contact with the "
            "charger de-energised, then release the module",
        )

    def _did_not_close(self, relay: Relay) -> None:
        self._trouble(
            f"R{relay.number} of {relay.board} was told to close, and its feedback says open after "
            f"{self.terms.follow_s:g} s. {self.module} is idle: check the relay's coil, supply and feedback contact"
        )

    def _trouble(self, text: str) -> None:
        self.problem = Problem(NOT_MOVED, text)

    def _for_s(self, world: World) -> float:
        return world.now_s - self.since_s

    def _enter(self, phase: Phase, now_s: float) -> None:
        self.phase, self.since_s = phase, now_s
