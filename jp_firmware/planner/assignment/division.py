"""A division of modules among connectors, and what follows from it: powers, levels, what bridges still carry.

It knows which steps are allowed and which help or save; which steps to look for is another question (`search`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from jp_firmware.planner.assignment.problem import NOBODY, TIER, TINY_W, Level, Net, Problem, compared

Step: TypeAlias = tuple[tuple[int, int], ...]
"""Modules and the connector that each goes to."""

Kind: TypeAlias = tuple[int, int]
"""A module and its owner: one for all modules of that size and owner in a connector's reach."""


@attrs.define(eq=False)
class Division:
    """Who owns which module. All else that changes follows from `owner` and is kept beside it for speed."""

    problem: Problem
    net: Net
    owner: list[int]
    capacity_w: list[float]
    level: list[Level]
    spare_a: list[float]
    kept: list[int]  # by connector: its present modules that it still has
    node_of: dict[tuple[int, int], int]  # of modules behind a bridge
    reaches: list[list[int]]  # the modules that a connector can have
    is_reached: list[frozenset[int]]  # the same, to ask
    anyone_keeps_one: bool
    idle_near: list[int]  # by connector: at most so many modules that it could have are idle
    deep: bool = False  # whether steps are sought through a third connector as well
    settled: set[int] = attrs.field(factory=set)  # short connectors for which no such step was found
    late: frozenset[int] = frozenset()  # whose turn comes after that of the others among the poorest
    _kinds: dict[int, list[Kind]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, problem: Problem, net: Net, owner: Sequence[int]) -> Division:
        """Like `owner` as far as that is possible: what is in play and has a way, within what bridges carry."""
        over_bridges = {
            (module, net.connector_at[node]): node
            for node in range(len(problem.target_w), len(net.modules_at))
            for module in net.modules_at[node]
        }
        reaches = [[module for node in nodes for module in net.modules_at[node]] for nodes in net.nodes_of]
        unfilled = cls(
            problem=problem,
            net=net,
            owner=[NOBODY] * len(problem.present),
            capacity_w=list(problem.base_w),
            level=[],
            spare_a=list(net.spare_a),
            kept=[0] * len(problem.target_w),
            node_of=over_bridges,
            reaches=reaches,
            is_reached=[frozenset(modules) for modules in reaches],
            anyone_keeps_one=any(problem.keeps_one),
            idle_near=[],
        )
        return unfilled.holding(owner)

    def emptied(self) -> Division:
        """Another one of the same problem in which nobody has anything but what is not in play."""
        return self.holding([NOBODY] * len(self.owner))

    def holding(self, owner: Sequence[int]) -> Division:
        """Another one of the same problem, like `owner` as far as that is possible."""
        problem, net = self.problem, self.net
        other = attrs.evolve(
            self,
            owner=[NOBODY] * len(problem.present),
            capacity_w=list(problem.base_w),
            spare_a=list(net.spare_a),
            kept=[0] * len(problem.target_w),
            settled=set(),
            late=frozenset(),
            kinds={},
        )
        for module, connector in enumerate(owner):
            if connector != NOBODY and module in self.is_reached[connector] and other.fits(module, connector):
                other.owner[module] = connector
                other._count(module, connector, 1)
        other.level = [problem.level(each, other.capacity_w[each]) for each in problem.connectors]
        other.idle_near = [0] * len(problem.target_w)
        for module, connector in enumerate(other.owner):
            if connector == NOBODY and problem.in_play[module]:
                for near in problem.wiring.reach[module]:
                    other.idle_near[near] += 1
        return other

    def put(self, module: int, connector: int) -> None:
        problem, was = self.problem, self.owner[module]
        if was != NOBODY:
            self._count(module, was, -1)
            self.level[was] = problem.level(was, self.capacity_w[was])
        self.owner[module] = connector
        if connector != NOBODY:
            self._count(module, connector, 1)
            self.level[connector] = problem.level(connector, self.capacity_w[connector])
        freed = (connector == NOBODY) - (was == NOBODY)
        if freed:
            for near in problem.wiring.reach[module]:
                self.idle_near[near] += freed
        if self._kinds:
            for near in problem.wiring.reach[module]:
                self._kinds.pop(near, None)

    def _count(self, module: int, connector: int, sign: int) -> None:
        given_w = self.problem.gives_w[module][connector]
        self.capacity_w[connector] += sign * given_w
        if self.problem.present[module] == connector:
            self.kept[connector] += sign
        if self.node_of and (node := self.node_of.get((module, connector))) is not None:
            self.spare_a[node] -= sign * given_w / self.problem.voltage_v[connector]

    def kinds(self, connector: int) -> list[Kind]:
        """Modules of others in reach: of those of one size and owner one will do, unless bridges tell them apart."""
        known = self._kinds.get(connector)
        if known is None:
            owner, size, present = self.owner, self.problem.size, self.problem.present
            if self.node_of:
                known = [(each, owner[each]) for each in self.reaches[connector] if owner[each] != connector]
            else:
                first: dict[tuple[int, int, bool], int] = {}
                for each in self.reaches[connector]:
                    may_have_to_stay = self.anyone_keeps_one and owner[each] == present[each]
                    first.setdefault((owner[each], size[each], may_have_to_stay), each)
                known = [(each, key[0]) for key, each in first.items() if key[0] != connector]
            self._kinds[connector] = known
        return known

    def idle(self, connector: int) -> list[Kind]:
        """Those of `kinds` that nobody has."""
        return [kind for kind in self.kinds(connector) if kind[1] == NOBODY] if self.idle_near[connector] > 0 else []

    def least_w(self, connector: int, least: Level) -> float:
        """The power of its modules, W, from which `connector` is served no worse than `least`; inf: it never is."""
        problem = self.problem
        power_w = (least - problem.tier[connector] * TIER) * problem.weight[connector]
        return power_w if power_w <= problem.target_w[connector] else math.inf

    def is_short(self, connector: int) -> bool:
        return self.capacity_w[connector] < self.problem.target_w[connector] - TINY_W

    def poorest_first(self) -> list[int]:
        """The connectors that want more than their modules give."""
        short = [(self.level[each], each) for each in self.problem.connectors if self.is_short(each)]
        return [each for _, each in sorted(short)]

    def in_turn(self, most: int) -> list[int]:
        """The poorest, at most so many; first of them those that were not looked at in vain a moment ago."""
        poorest = self.poorest_first()[:most]
        return sorted(poorest, key=self.late.__contains__) if self.late else poorest

    def levels(self) -> list[Level]:
        return sorted(self.level[each] for each in self.problem.connectors if self.problem.target_w[each] > 0)

    def is_better(self, *after_w: tuple[int, float]) -> bool:
        """Whether these connectors are served better with modules of these powers, W, than with those they have."""
        level = self.problem.level
        after = sorted([level(connector, power_w) for connector, power_w in after_w])
        return compared(after, sorted([self.level[connector] for connector, _ in after_w])) > 0

    def helps(self, step: Step) -> bool:
        """Whether `step` serves the connectors it touches better."""
        gain = self._gain(step)
        return gain is not None and gain > 0

    def saves(self, step: Step) -> bool:
        """Whether `step` costs fewer moves and serves nobody worse."""
        problem = self.problem
        if sum(problem.cost(m, self.owner[m]) - problem.cost(m, connector) for m, connector in step) <= 0:
            return False
        return self._gain(step) is not None

    def _gain(self, step: Step) -> int | None:
        """1 or 0 as the levels become larger or stay; None if they become smaller, or the step is not allowed."""
        problem = self.problem
        after_w: dict[int, float] = {}
        for module, connector in step:
            row, was = problem.gives_w[module], self.owner[module]
            if was != NOBODY:
                after_w[was] = after_w.get(was, self.capacity_w[was]) - row[was]
            if connector != NOBODY:
                after_w[connector] = after_w.get(connector, self.capacity_w[connector]) + row[connector]
        wanting = [each for each in after_w if problem.target_w[each] > 0]
        before = sorted([self.level[each] for each in wanting])
        gain = compared(sorted([problem.level(each, after_w[each]) for each in wanting]), before)
        if gain < 0 or not self.is_allowed(step):
            return None
        return gain

    def is_allowed(self, step: Step) -> bool:
        """A delivering connector keeps one of its present modules, and no bridge carries more than it may."""
        problem = self.problem
        if self.anyone_keeps_one and not self._keeps_one(step):
            return False
        if not self.node_of:
            return True
        spare_a: dict[int, float] = {}
        for module, connector in step:
            for place, sign in ((self.owner[module], 1), (connector, -1)):
                node = self.node_of.get((module, place))
                if node is not None:
                    amps = problem.gives_w[module][place] / problem.voltage_v[place]
                    spare_a[node] = spare_a.get(node, self.spare_a[node]) + sign * amps
        return all(left_a > -1e-6 for left_a in spare_a.values())

    def _keeps_one(self, step: Step) -> bool:
        kept: dict[int, int] = {}
        for module, connector in step:
            origin = self.problem.present[module]
            if origin != NOBODY and self.problem.keeps_one[origin]:
                change = (connector == origin) - (self.owner[module] == origin)
                kept[origin] = kept.get(origin, self.kept[origin]) + change
        return all(left > 0 or self.kept[origin] == 0 for origin, left in kept.items())

    def take(self, step: Step) -> None:
        """Makes `step`, and looks again at whoever it may have given new steps to."""
        wiring, settled = self.problem.wiring, self.settled
        for module, connector in step:
            if settled and (self.owner[module] == NOBODY or connector == NOBODY):
                for near in wiring.reach[module]:
                    settled -= wiring.neighbours[near]
            elif settled:
                for touched in (self.owner[module], connector):
                    settled -= wiring.neighbours[touched] if self.deep else wiring.near[touched]
            self.put(module, connector)

    def fits(self, module: int, connector: int) -> bool:
        node = self.node_of.get((module, connector)) if self.node_of else None
        if node is None:
            return True
        amps = self.problem.gives_w[module][connector] / self.problem.voltage_v[connector]
        return amps <= self.spare_a[node] + 1e-6
