"""Segments moved at random for thousands of steps, while ties, modules, boards and sessions fail.

The rig is the witness, as in `test_yard`; here the turns are weighted so that rows of segments form, and things break
under them. One tie at a time is broken: of two that fail together nobody can know.
"""

from __future__ import annotations

import random
from collections import Counter

import attrs
import pytest

from jp_firmware.planner.orders import Phase
from jp_firmware.planner.world import BarState, Terms
from tests.planner.ring_rig import TIES, RingRig
from tests.planner.yard_rig import LEFT, ONE, RIGHT, TWO, module

SEEDS = range(6)
TURNS = 250
NUMBERS = (1, 2, 3, 4)


@attrs.define(eq=False)
class Day:
    """One day at the ring. `turn` does one thing and lets some time pass."""

    dice: random.Random
    rig: RingRig = attrs.field(factory=lambda: RingRig(terms=Terms(dwell_s=1.0, min_off_s=0.5, moves_per_hour=10_000)))

    def turn(self) -> None:
        weights = {
            self.move: 12,
            self.row: 4,
            self.wound: 8,
            self.cancel: 1,
            self.session: 4,
            self.break_tie: 3,
            self.break_module: 3,
            self.break_board: 2,
            self.mend: 7,
        }
        self.dice.choices(list(weights), list(weights.values()))[0]()
        for _ in range(self.dice.choice((1, 1, 3, 8, 20, 60))):
            self.rig.tick()
            assert self.rig.crimes == []

    def move(self) -> None:
        self.rig.begin(self.dice.choice(NUMBERS), self.dice.choice((ONE, TWO, ONE, TWO, None)))

    def row(self) -> None:
        """a and b at one connector, the one behind the other."""
        first, second, to = self.dice.choice(((1, 2, ONE), (2, 1, TWO)))
        for number in (first, second):
            self.rig.begin(number, to)
            self.rig.run(2.0)

    def wound(self) -> None:
        """In a row under load, or while its second segment comes or goes, a tie fails and a module may not obey."""
        for connector in (ONE, TWO):
            if self.rig.bars[connector].state is BarState.DEAD:
                self.rig.live(connector, 400.0)
        self.row()
        self.rig.run(self.dice.choice((1.0, 4.0)))
        last, to = self.dice.choice(((2, TWO), (1, TWO), (2, None), (1, None), (2, ONE), (1, ONE)))
        self.rig.begin(last, to)
        for _ in range(self.dice.randrange(30)):
            self.rig.tick()
        self.break_tie()
        setattr(self.rig.racks[module(self.dice.choice(NUMBERS))], self.dice.choice(("deaf", "silent")), True)

    def cancel(self) -> None:
        for move in self.rig.yard.moves:
            move.cancel("cancelled", self.rig.world())

    def session(self) -> None:
        bar = self.rig.bars[self.dice.choice((ONE, TWO))]
        if bar.state is BarState.DEAD:
            bar.state = BarState.UNSTEADY
            self.rig.run(self.dice.choice((0.2, 3.0)))
            bar.state, bar.voltage_v = BarState.LIVE, self.dice.choice((300.0, 400.0, 405.0, 800.0))
        else:
            bar.state = BarState.DEAD

    def break_tie(self) -> None:
        self.mend_ties()
        contact = self.rig.contacts[self.dice.choice(TIES)]
        contact.stuck, contact.lies = self.dice.choice(((True, None), (False, False), (False, True), (True, False)))

    def break_module(self) -> None:
        rack = self.rig.racks[module(self.dice.choice((*NUMBERS, 8, 9)))]
        setattr(rack, self.dice.choice(("silent", "dead", "deaf")), True)

    def break_board(self) -> None:
        self.dice.choice((self.rig.lost, self.rig.tripped)).add(self.dice.choice((LEFT, RIGHT)))

    def mend(self) -> None:
        self.mend_ties()
        for rack in self.rig.racks.values():
            rack.silent = rack.dead = rack.deaf = False
        self.rig.lost.clear()
        self.rig.tripped.clear()
        self.rig.run(0.5)
        for number in NUMBERS:
            self.rig.yard.release(module(number), self.rig.world())

    def mend_ties(self) -> None:
        for contact in self.rig.contacts.values():
            contact.stuck, contact.lies = False, None


@pytest.mark.parametrize("seed", SEEDS)
def test_no_tie_does_what_it_must_not(seed: int) -> None:
    day = Day(random.Random(seed))
    for _ in range(TURNS):
        day.turn()
    day.mend()
    day.rig.settle(within_s=120.0)
    day.rig.run(1.0)

    assert day.rig.crimes == []
    closed = {relay for relay, contact in day.rig.contacts.items() if contact.closed}
    assert closed == {relay for place in day.rig.yard.groups if place.path for relay in place.path.relays}
    ends = Counter(move.phase for move in day.rig.ended)
    behind = sum(bool(move.new and move.new.over) for move in day.rig.ended if move.phase is Phase.JOINED)
    print(f"\n{ends}, {behind} behind another")
    assert ends[Phase.JOINED] > 15
    assert behind > 2
