"""Mixed modules: a division of modules among connectors, and the steps that make it better or cheaper.

A step moves one to three modules. It is taken if the connectors it touches are served better afterwards (their levels,
sorted, are lexicographically larger), or not worse and with fewer moves. Steps never worsen the division, so any run of
them ends; that the end is the best one is not claimed (the problem is NP-hard with mixed sizes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from jp_firmware.planner.assignment.problem import NOBODY, SAME, TINY_W, Level, Net, Problem, compared

HELPED = 12  # connectors that steps are sought for, the poorest; ours: in a large cabinet that has to do

PATIENCE = 8  # steps for each module, and rounds; ours: an end that sums of floating-point numbers cannot put off

Step: TypeAlias = tuple[tuple[int, int], ...]
"""Modules and the connector that each goes to."""


@attrs.define(eq=False)
class Division:
    """Who owns which module. `capacity_w` and `spare_a` follow from `owner` and are kept beside it for speed."""

    problem: Problem
    net: Net
    owner: list[int]
    capacity_w: list[float]
    spare_a: list[float]
    kept: list[int]  # by connector: its present modules that it still has
    node_of: dict[tuple[int, int], int]  # of modules behind a bridge
    reaches: list[list[int]]  # the modules that a connector can have
    is_reached: list[frozenset[int]]  # the same, to ask
    settled: set[int] = attrs.field(factory=set)  # short connectors for which no step was found

    @classmethod
    def empty(cls, problem: Problem, net: Net) -> Division:
        """Nobody has anything but what is not in play."""
        over_bridges = {
            (module, net.connector_at[node]): node
            for node in range(len(problem.target_w), len(net.modules_at))
            for module in net.modules_at[node]
        }
        reaches = [[module for node in nodes for module in net.modules_at[node]] for nodes in net.nodes_of]
        return cls(
            problem=problem,
            net=net,
            owner=[NOBODY] * len(problem.present),
            capacity_w=list(problem.base_w),
            spare_a=list(net.spare_a),
            kept=[0] * len(problem.target_w),
            node_of=over_bridges,
            reaches=reaches,
            is_reached=[frozenset(modules) for modules in reaches],
        )

    def put(self, module: int, connector: int) -> None:
        was = self.owner[module]
        if was != NOBODY:
            self._count(module, was, -1)
        self.owner[module] = connector
        if connector != NOBODY:
            self._count(module, connector, 1)

    def _count(self, module: int, connector: int, sign: int) -> None:
        given_w = self.problem.gives_w[module][connector]
        self.capacity_w[connector] += sign * given_w
        if self.problem.present[module] == connector:
            self.kept[connector] += sign
        if self.node_of and (node := self.node_of.get((module, connector))) is not None:
            self.spare_a[node] -= sign * given_w / self.problem.voltage_v[connector]

    def is_short(self, connector: int) -> bool:
        return self.capacity_w[connector] < self.problem.target_w[connector] - TINY_W

    def poorest_first(self) -> list[int]:
        """The connectors that want more than their modules give."""
        problem = self.problem
        short = [each for each in problem.connectors if self.is_short(each)]
        return sorted(short, key=lambda each: (problem.level(each, self.capacity_w[each]), each))

    def levels(self) -> list[Level]:
        return self.problem.levels(self.capacity_w)

    def helps(self, step: Step) -> bool:
        """Whether `step` serves the connectors it touches better."""
        gain = self._gain(step)
        return gain is not None and gain > 0

    def saves(self, step: Step) -> bool:
        """Whether `step` costs fewer moves and serves nobody worse."""
        gain = self._gain(step)
        if gain is None or gain < 0:
            return False
        problem = self.problem
        saved = sum(problem.cost(m, self.owner[m]) - problem.cost(m, connector) for m, connector in step)
        return saved > 0

    def _gain(self, step: Step) -> int | None:
        """1, 0 or -1 as the levels become larger, stay or become smaller; None if the step is not allowed."""
        problem = self.problem
        after_w: dict[int, float] = {}
        for module, connector in step:
            row, was = problem.gives_w[module], self.owner[module]
            if was != NOBODY:
                after_w[was] = after_w.get(was, self.capacity_w[was]) - row[was]
            if connector != NOBODY:
                after_w[connector] = after_w.get(connector, self.capacity_w[connector]) + row[connector]
        wanting = [each for each in after_w if problem.target_w[each] > 0]
        before = sorted([problem.level(each, self.capacity_w[each]) for each in wanting])
        gain = compared(sorted([problem.level(each, after_w[each]) for each in wanting]), before)
        if gain < 0 or not self._is_allowed(step):
            return None
        return gain

    def _is_allowed(self, step: Step) -> bool:
        """A delivering connector keeps one of its present modules, and no bridge carries more than it may."""
        problem = self.problem
        if any(problem.keeps_one) and not self._keeps_one(step):
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
        neighbours = self.problem.wiring.neighbours
        for module, connector in step:
            for touched in (self.owner[module], connector):
                if touched != NOBODY:
                    self.settled -= neighbours[touched]
            if self.owner[module] == NOBODY or connector == NOBODY:
                for near in self.problem.wiring.reach[module]:
                    self.settled -= neighbours[near]
            self.put(module, connector)

    def fits(self, module: int, connector: int) -> bool:
        node = self.node_of.get((module, connector)) if self.node_of else None
        if node is None:
            return True
        amps = self.problem.gives_w[module][connector] / self.problem.voltage_v[connector]
        return amps <= self.spare_a[node] + 1e-6

    def step_for(self, poor: int, deep: bool) -> Step | None:
        """A step that raises `poor`: a free module, or one taken from another, who may get something in return."""
        owner = self.owner
        mine = [module for module in self.reaches[poor] if owner[module] == poor]
        for module in self._one_of_each_kind(poor):
            steps = (
                self._from_idle(module, poor, mine) if owner[module] == NOBODY else self._from(module, poor, mine, deep)
            )
            for step in steps:
                if self.helps(step):
                    return step
        return None

    def _one_of_each_kind(self, connector: int) -> Iterator[int]:
        """Modules of others in reach: of those of one size and owner one will do, unless bridges tell them apart."""
        seen: set[tuple[int, int]] = set()
        for module in self.reaches[connector]:
            kind = self.owner[module], id(self.problem.gives_w[module])
            if kind[0] != connector and (kind not in seen or self.node_of):
                seen.add(kind)
                yield module

    def _from_idle(self, module: int, poor: int, mine: list[int]) -> Iterator[Step]:
        yield ((module, poor),)
        if self.node_of:  # where a bridge is full, in place of another
            for given in mine:
                yield (module, poor), (given, NOBODY)

    def _from(self, module: int, poor: int, mine: list[int], deep: bool) -> Iterator[Step]:
        """`poor` takes `module`; its owner gets nothing, or one that is idle, or of `poor`, or of a third.

        Left out is what cannot help: `poor` must gain, and nobody may end below the poorest whom the step touches.
        """
        owner, capacity_w, gives_w, level = self.owner, self.capacity_w, self.problem.gives_w, self.problem.level
        other = owner[module]
        now = level(poor, capacity_w[poor])
        least = min(now, level(other, capacity_w[other])) - SAME
        left_w = capacity_w[other] - gives_w[module][other]
        if level(other, left_w) >= least:
            yield ((module, poor),)
        more_w = capacity_w[poor] + gives_w[module][poor]
        givable = [each for each in mine if level(poor, more_w - gives_w[each][poor]) > now + SAME]
        for instead in self._one_of_each_kind(other):
            third = owner[instead]
            if level(other, left_w + gives_w[instead][other]) < least:
                continue
            taken = (module, poor), (instead, other)
            if third == NOBODY or (third == poor and instead in givable):
                yield taken
            elif deep and third != poor:
                lacking_w = capacity_w[third] - gives_w[instead][third]
                lowest = min(least, level(third, capacity_w[third]) - SAME)
                if level(third, lacking_w) >= lowest:
                    yield taken
                for given in givable:
                    if given in self.is_reached[third] and level(third, lacking_w + gives_w[given][third]) >= lowest:
                        yield *taken, (given, third)


def improve(division: Division, deep: bool) -> None:
    """Takes steps that raise one of the poorest until none of them has one. If `deep`, also steps through a third."""
    division.settled.clear()
    for _ in range(PATIENCE * len(division.owner)):
        for poor in division.poorest_first()[:HELPED]:
            if poor in division.settled:
                continue
            step = division.step_for(poor, deep)
            if step is not None:
                division.take(step)
                break
            division.settled.add(poor)
        else:
            return


def cheapen(division: Division) -> None:
    """Undoes moves that nobody needs: no connector is served worse, and the cost falls with each step."""
    problem = division.problem
    searching = True
    while searching:
        searching = False
        for module in problem.modules:
            if problem.cost(module, division.owner[module]) == 0:
                continue
            step = next((each for each in _cheaper_ways(division, module) if division.saves(each)), None)
            if step is not None:
                division.take(step)
                searching = True


def _cheaper_ways(division: Division, module: int) -> Iterator[Step]:
    """Without this moved module: with another in its place, or given back in exchange for what its origin has now."""
    problem, owner = division.problem, division.owner
    here, origin = owner[module], problem.present[module]
    yield ((module, NOBODY),)
    for instead in division.reaches[here]:
        if owner[instead] == NOBODY:
            yield (instead, here), (module, NOBODY)
    if origin == NOBODY or module not in division.is_reached[origin]:
        return
    yield ((module, origin),)
    for instead in division.reaches[here]:
        if owner[instead] in (origin, NOBODY):
            yield (module, origin), (instead, here)


def tidy(division: Division, near_present: bool = True) -> None:
    """Frees what a connector does not need, the largest first; before them, near the present, what would be moved."""
    problem = division.problem
    owned: list[list[int]] = [[] for _ in problem.connectors]
    for module in problem.modules:
        if division.owner[module] != NOBODY and problem.in_play[module]:
            owned[division.owner[module]].append(module)
    for connector, modules in enumerate(owned):
        row = problem.gives_w
        modules.sort(
            key=lambda each: (-near_present * problem.cost(each, connector), -row[each][connector], each),
        )
        for module in modules:
            is_spare = division.capacity_w[connector] - row[module][connector] >= problem.target_w[connector] - TINY_W
            if is_spare and division._is_allowed(((module, NOBODY),)):
                division.take(((module, NOBODY),))
