"""Mixed modules: the steps that make a division better or cheaper.

A step moves one to three modules. It is taken if the connectors it touches are served better afterwards (their levels,
sorted, are lexicographically larger), or not worse and with fewer moves. Steps never worsen the division, so any run of
them ends, and may be cut short anywhere; that the end is the best one is not claimed (the problem is NP-hard with mixed
sizes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jp_firmware.planner.assignment.division import Division, Kind, Step
from jp_firmware.planner.assignment.problem import NOBODY, SAME, TINY_W, Level
from jp_firmware.planner.assignment.stretch import Looks

HELPED = 12  # connectors that steps are sought for, the poorest; ours: in a large cabinet that has to do

PATIENCE = 8  # steps for each module, and rounds; ours: an end that sums of floating-point numbers cannot put off


def improve(division: Division, deep: bool, looks: Looks) -> Iterator[None]:
    """Takes steps that raise one of the poorest until none of them has one. If `deep`, also steps through a third.

    Yields wherever no looks are left; the division is a good one there.
    """
    if deep != division.deep:
        division.deep = deep
        division.settled.clear()
    for _ in range(PATIENCE * len(division.owner)):
        for poor in division.in_turn(HELPED):
            if poor in division.settled:
                continue
            while looks.left <= 0:
                yield
            step = _step_for(division, poor, looks)
            if step is not None:
                division.take(step)
                break
            division.settled.add(poor)
        else:
            return


def _step_for(division: Division, poor: int, looks: Looks) -> Step | None:
    """A step that raises `poor`: a free module, or one taken from another, who may get something in return."""
    mine = [module for module in division.reaches[poor] if division.owner[module] == poor]
    for module, owner in division.kinds(poor):
        looks.left -= 1
        if owner == NOBODY:
            steps = _from_idle(division, module, poor, mine)
        else:
            steps = _from_owner(division, (module, owner), poor, mine, looks)
        for step in steps:
            if division.helps(step):
                return step
    return None


def _from_idle(division: Division, module: int, poor: int, mine: list[int]) -> Iterator[Step]:
    yield ((module, poor),)
    if division.node_of:  # where a bridge is full, in place of another
        for given in mine:
            yield (module, poor), (given, NOBODY)


def _from_owner(division: Division, taken: Kind, poor: int, mine: list[int], looks: Looks) -> Iterator[Step]:
    """`poor` takes a module of another; who gets nothing, or one that is idle, or of `poor`, or of a third.

    Left out is what cannot help: `poor` must gain, and nobody may end below the poorest whom the step touches.
    """
    gives_w, level = division.problem.gives_w, division.level
    module, other = taken
    least = min(level[poor], level[other]) - SAME
    has_w = division.capacity_w[poor] + gives_w[module][poor]
    left_w = division.capacity_w[other] - gives_w[module][other]
    least_w = division.least_w(other, least)
    if left_w >= least_w and division.is_better((poor, has_w), (other, left_w)):
        yield ((module, poor),)
    gain_w = gives_w[module][poor] - SAME * division.problem.weight[poor]
    givable = [each for each in mine if gives_w[each][poor] < gain_w]
    for instead, third in _in_return(division, other, poor, givable):
        looks.left -= 1
        other_w = left_w + gives_w[instead][other]
        if other_w < least_w:
            continue
        swap = (module, poor), (instead, other)
        if third == NOBODY:
            if division.is_better((poor, has_w), (other, other_w)):
                yield swap
        elif third == poor:
            if division.is_better((poor, has_w - gives_w[instead][poor]), (other, other_w)):
                yield swap
        else:
            yield from _closed_by_third(division, swap, (has_w, other_w), third, least, givable, looks)


def _in_return(division: Division, other: int, poor: int, givable: list[int]) -> Iterable[Kind]:
    """What `other` could get for the module that it gives up."""
    if division.deep:
        return [(each, third) for each, third in division.kinds(other) if third != poor or each in givable]
    reached = division.is_reached[other]
    return [*division.idle(other), *[(each, poor) for each in givable if each in reached]]


def _closed_by_third(
    division: Division,
    swap: Step,
    after_w: tuple[float, float],
    third: int,
    least: Level,
    givable: list[int],
    looks: Looks,
) -> Iterator[Step]:
    """A third gives what the other gets: for nothing, or for a module of the poor one."""
    gives_w = division.problem.gives_w
    (_, poor), (instead, other) = swap
    poor_w, other_w = after_w
    left_w = division.capacity_w[third] - gives_w[instead][third]
    least_w = division.least_w(third, min(least, division.level[third] - SAME))
    if left_w >= least_w and division.is_better((poor, poor_w), (other, other_w), (third, left_w)):
        yield swap
    looks.left -= len(givable)
    for given in givable:
        third_w = left_w + gives_w[given][third]
        if third_w < least_w or given not in division.is_reached[third]:
            continue
        if division.is_better((poor, poor_w - gives_w[given][poor]), (other, other_w), (third, third_w)):
            yield *swap, (given, third)


def cheapen(division: Division, looks: Looks) -> Iterator[None]:
    """Undoes moves that nobody needs: no connector is served worse, and the cost falls with each step.

    Yields wherever no looks are left.
    """
    problem = division.problem
    searching = True
    while searching:
        searching = False
        for module in problem.modules:
            if problem.cost(module, division.owner[module]) == 0:
                continue
            while looks.left <= 0:
                yield
            for step in _cheaper_ways(division, module):
                looks.left -= 1
                if division.saves(step):
                    division.take(step)
                    searching = True
                    break


def _cheaper_ways(division: Division, module: int) -> Iterator[Step]:
    """Without this moved module: with another in its place, or given back in exchange for what its origin has now."""
    problem, owner = division.problem, division.owner
    here, origin = owner[module], problem.present[module]
    cost = problem.cost(module, here)
    yield ((module, NOBODY),)
    for instead in division.reaches[here]:
        if owner[instead] == NOBODY and problem.cost(instead, here) < cost:
            yield (instead, here), (module, NOBODY)
    if origin == NOBODY or module not in division.is_reached[origin]:
        return
    yield ((module, origin),)
    for instead in division.reaches[here]:
        had = owner[instead]
        if had in (origin, NOBODY) and problem.cost(instead, here) - problem.cost(instead, had) < cost:
            yield (module, origin), (instead, here)


def tidy(division: Division, near_present: bool = True) -> None:
    """Frees what a connector does not need, the largest first; before them, near the present, what would be moved."""
    problem, gives_w = division.problem, division.problem.gives_w
    owned: list[list[int]] = [[] for _ in problem.connectors]
    for module, connector in enumerate(division.owner):
        if connector != NOBODY:
            owned[connector].append(module)
    for connector, modules in enumerate(owned):
        needed_w = problem.target_w[connector] - TINY_W
        spare = [each for each in modules if division.capacity_w[connector] - gives_w[each][connector] >= needed_w]
        spare.sort(
            key=lambda each: (-near_present * problem.cost(each, connector), -gives_w[each][connector], each),
        )
        for module in spare:
            is_spare = division.capacity_w[connector] - gives_w[module][connector] >= needed_w
            if is_spare and division.is_allowed(((module, NOBODY),)):
                division.take(((module, NOBODY),))
