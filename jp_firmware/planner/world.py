"""What moves of modules are decided by: modules, bus-bars and relays at one instant, and the terms of moving. Pure."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.planner.topology import Relay


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
    moves_per_hour: int = 30  # planner.moves_per_hour, of each module or segment, and of each tie

    @property
    def follow_s(self) -> float:
        """From a command to the feedback of the relay."""
        return self.relay_s + self.link_s


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


@attrs.frozen
class GroupSeen:
    """The modules that move together at one instant: one behind its switches, or all of a segment.

    Their outputs stand on one piece of copper, so each of them that answers is a witness of its voltage. One that does
    not answer, and is past its own switch-off time, takes no part and hinders nobody.
    """

    modules: Sequence[ModuleSeen]

    @property
    def off(self) -> bool:
        return all(one.off for one in self.modules)

    @property
    def usable(self) -> bool:
        """Whether the group is of use to anybody, now or in a moment."""
        return any(one.usable or one.settling for one in self.modules)

    @property
    def settling(self) -> bool:
        return any(one.settling for one in self.modules)

    @property
    def answering(self) -> Sequence[ModuleSeen]:
        """Those whose voltage is known."""
        return [one for one in self.modules if one.voltage_v is not None]

    @property
    def matching(self) -> Sequence[ModuleSeen]:
        """Those by whose voltage a live bus-bar is matched: the usable ones."""
        return [one for one in self.answering if one.usable] or self.answering

    def unloaded(self, terms: Terms, since_s: float) -> bool:
        """Whether a relay under all of them may open."""
        return all(one.unloaded(terms, since_s) for one in self.modules)

    def news_since(self, at_s: float) -> bool:
        """Whether somebody answers, all who do have been measured after `at_s`, and all others are off for sure."""
        silent = [one for one in self.modules if one.voltage_v is None]
        fresh = all(one.at_s > at_s for one in self.answering)
        return bool(self.answering) and fresh and all(one.off for one in silent)

    def fits(self, bar: Bar, terms: Terms) -> bool:
        """Whether a relay between the two may close now. A dead bus-bar that nobody measures stands at 0 V."""
        if bar.state is BarState.DEAD and not self.off:
            return False
        witnesses = self.answering if bar.state is BarState.DEAD else self.matching
        bar_v = bar.voltage_v or 0.0
        near = all(abs(one.voltage_v - bar_v) < terms.match_v for one in witnesses if one.voltage_v is not None)
        return near and all(one.current_a is not None and one.current_a < terms.load_a for one in self.answering)


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

    def group(self, modules: Iterable[ModuleId]) -> GroupSeen:
        return GroupSeen([self.modules[one] for one in modules])

    def hung_on(
        self, seen: GroupSeen, neighbours: Iterable[ConnectorId], terms: Terms
    ) -> tuple[ConnectorId, float] | None:
        """The live connector whose voltage stands at one of these modules, and that voltage, if there is one."""
        for voltage_v in [one.voltage_v for one in seen.answering if one.voltage_v is not None]:
            for connector in sorted(neighbours):
                bar_v = self.bars[connector].voltage_v or 0.0
                if min(bar_v, voltage_v) >= terms.safe_v and abs(bar_v - voltage_v) < terms.apart_v:
                    return connector, voltage_v
        return None

    def could_hang_on(
        self, seen: GroupSeen, neighbours: Iterable[ConnectorId], terms: Terms
    ) -> tuple[ConnectorId, float] | None:
        """A connector whose voltage moves or is not known, while one of these modules has one, and the module's."""
        stand_v = [one.voltage_v for one in seen.answering if one.voltage_v is not None]
        unsteady = [one for one in sorted(neighbours) if self.bars[one].state is BarState.UNSTEADY]
        worst_v = max(stand_v, default=0.0)
        return (unsteady[0], worst_v) if unsteady and worst_v >= terms.safe_v else None

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
