"""Modules moved at random while relays, feedbacks, modules, boards and sessions fail at random: what must never happen.

The rig is the witness: it looks at contacts, currents and voltages as they are, at each moment, and notes each crime: a
relay told to close before its donor's opened, two relays of a module, a bridge with two connectors, the last module of
a connector that delivers, a relay moved at 1 A or 10 V and more, capacity counted before the feedback.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jp_firmware.planner.orders import Phase
from jp_firmware.planner.world import BarState, Terms
from tests.planner.ring_rig import RingRig
from tests.planner.yard_rig import LEFT, ONE, RIGHT, THREE, TWO, Rig, module

MODULES = st.sampled_from([1, 2, 3])
CONNECTORS = st.sampled_from([ONE, TWO, THREE])
BOARDS = st.sampled_from([LEFT, RIGHT])


class Yards(RuleBasedStateMachine):
    """Short dwells, so that much happens; everything else as it is."""

    rig_of = Rig

    def __init__(self) -> None:
        super().__init__()
        self.rig = self.rig_of(terms=Terms(dwell_s=1.0, min_off_s=0.5, moves_per_hour=1000))

    @initialize(at=st.tuples(CONNECTORS, CONNECTORS), live=st.lists(CONNECTORS, max_size=3))
    def some_are_somewhere(self, at: Any, live: Any) -> None:
        """Two modules at connectors, some of which deliver."""
        for number, connector in enumerate(at, 1):
            self.rig.begin(number, connector, counts=False)
            self.rig.settle()
        for connector in live:
            self.rig.live(connector, 400.0)
        self.rig.run(0.5)

    # --- what is asked for ------------------------------------------------------------------------------------------

    @rule(number=MODULES, to=st.none() | CONNECTORS)
    def move(self, number: int, to: Any) -> None:
        self.rig.begin(number, to)

    @rule(number=st.sampled_from([1, 2]), to=CONNECTORS, deaf=st.booleans(), ticks=st.integers(1, 60))
    def move_on(self, number: int, to: Any, deaf: bool, ticks: int) -> None:
        """A move that gets some time, of a module that may not obey."""
        self.rig.racks[module(number)].deaf = deaf
        self.rig.begin(number, to)
        self.time(ticks)

    @rule(number=MODULES)
    def cancel(self, number: int) -> None:
        move = self.rig.yard.places[module(number)].move
        if move:
            move.cancel("cancelled", self.rig.world())
            self.rig.tick()

    @rule(number=MODULES)
    def release(self, number: int) -> None:
        self.rig.yard.release(module(number), self.rig.world())

    @rule(ticks=st.integers(1, 40))
    def time(self, ticks: int) -> None:
        for _ in range(ticks):
            self.rig.tick()

    # --- sessions ---------------------------------------------------------------------------------------------------

    @rule(connector=CONNECTORS, voltage_v=st.sampled_from([300.0, 395.0, 405.0, 800.0]))
    def starts(self, connector: Any, voltage_v: float) -> None:
        """Through cable check and precharge, while everything else goes on."""
        bar = self.rig.bars[connector]
        if bar.state is BarState.DEAD:
            bar.state = BarState.UNSTEADY
            self.rig.run(0.3)
            self.rig.live(connector, voltage_v)

    @rule(connector=CONNECTORS)
    def stops(self, connector: Any) -> None:
        self.rig.bars[connector].state = BarState.DEAD

    # --- what breaks ------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 9), lies=st.sampled_from([None, None, True, False]), stuck=st.booleans())
    def relay_breaks(self, which: int, lies: bool | None, stuck: bool) -> None:
        """One relay at a time is broken: of two that fail together, a weld and a lie elsewhere, nobody can know."""
        contacts = list(self.rig.contacts.values())
        self._repair()
        broken = contacts[which % len(contacts)]
        broken.stuck, broken.lies = stuck, lies

    @rule()
    def relays_repaired(self) -> None:
        self._repair()

    @rule(number=MODULES, silent=st.booleans(), dead=st.booleans(), deaf=st.booleans())
    def module_breaks(self, number: int, silent: bool, dead: bool, deaf: bool) -> None:
        rack = self.rig.racks[module(number)]
        rack.silent, rack.dead, rack.deaf = silent, dead, deaf

    @rule(board=BOARDS)
    def board_lost(self, board: Any) -> None:
        self.rig.lost |= {board}

    @rule(board=BOARDS)
    def emergency_stop(self, board: Any) -> None:
        self.rig.tripped |= {board}

    @rule()
    def boards_back(self) -> None:
        self.rig.lost.clear()
        self.rig.tripped.clear()

    def _repair(self) -> None:
        for contact in self.rig.contacts.values():
            contact.stuck, contact.lies = False, None

    # --- what must never be -----------------------------------------------------------------------------------------

    @invariant()
    def nothing_forbidden_has_happened(self) -> None:
        assert self.rig.crimes == []

    @invariant()
    def who_is_between_two_connectors_feeds_none(self) -> None:
        for place in self.rig.yard.places.values():
            if place.move and place.move.phase not in (Phase.RESERVE, Phase.KEPT, Phase.JOINED):
                assert self.rig.racks[place.modules[0]].serving is None

    def teardown(self) -> None:
        """Once everything is repaired, everything comes to rest, and what rests is at one place."""
        self._repair()
        for rack in self.rig.racks.values():
            rack.silent = rack.dead = rack.deaf = False
        self.boards_back()
        self.rig.settle(within_s=120.0)
        self.rig.run(1.0)
        assert self.rig.crimes == []
        closed = {relay for relay, contact in self.rig.contacts.items() if contact.closed}
        assert closed == {relay for place in self.rig.yard.groups if place.path for relay in place.path.relays}


class RingYards(Yards):
    """The same where segments of a ring move. A third connector is none that they reach."""

    rig_of = RingRig

    @rule(to=st.none() | CONNECTORS)
    def last_moves(self, to: Any) -> None:
        """The segment on the other side of the ring."""
        self.rig.begin(4, to)

    @rule(tail=st.booleans(), deaf=st.booleans(), silent=st.booleans())
    def tail(self, tail: bool, deaf: bool, silent: bool) -> None:
        """Two segments in a row at one connector, and one of their modules that may not obey."""
        first, second, to = (1, 2, ONE) if tail else (2, 1, TWO)
        for number in (first, second):
            self.rig.begin(number, to)
            self.time(40)
        self.rig.racks[module(3)].deaf, self.rig.racks[module(3)].silent = deaf, silent


@pytest.mark.parametrize("yards", [Yards, RingYards])
def test_nothing_forbidden_happens_whatever_breaks(yards: type[Yards]) -> None:
    run_state_machine_as_test(
        yards,
        settings=settings(
            max_examples=60,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
