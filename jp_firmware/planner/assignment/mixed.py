"""Modules of different sizes: a greedy start, steps that improve it, and then as few moves as that allows.

How good an assignment must be is decided without looking at where the modules are (best fit for the poorest, then
steps), so that asking again from the result asks for nothing better. If the present assignment can be brought there
step by step, that is the plan; else the fresh one is brought near the present one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import attrs

from jp_firmware.planner.assignment.division import Division
from jp_firmware.planner.assignment.problem import MOST_W, NOBODY, TINY_W, Problem, compared
from jp_firmware.planner.assignment.realise import fewest_moves
from jp_firmware.planner.assignment.search import PATIENCE, cheapen, improve, tidy
from jp_firmware.planner.assignment.stretch import Looks, Search

SMALL = 64  # modules; ours: in larger cabinets there are more ways to the same end, and less time for each


def is_small(problem: Problem) -> bool:
    """Whether there is time for a second start and for steps through a third connector."""
    return sum(problem.in_play) <= SMALL


def _starts(problem: Problem) -> tuple[bool, ...]:
    return (True, False) if is_small(problem) else (True,)


@attrs.define(eq=False)
class MixedSearch(Search):
    """Never worse than the present assignment.

    `before` is a search for another question, from whose end it begins if that is better than the present.
    """

    before: MixedSearch | None = None
    _division: Division = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._division = Division.of(self.problem, self.net, self.problem.present)
        tidy(self._division)
        if self.before is not None:
            self._begin_further(self.before)
            self.before = None
        self._course = self._run()

    @property
    def owner(self) -> list[int]:
        return self._division.owner

    def _begin_further(self, before: MixedSearch) -> None:
        further = self._division.holding(before.owner)
        tidy(further)
        further.late = frozenset(before._division.settled)
        kept = zip(further.kept, self._division.kept, self.problem.keeps_one, strict=True)
        is_allowed = all(still > 0 or had == 0 for still, had, keeps in kept if keeps)
        if is_allowed and compared(further.levels(), self._division.levels()) > 0:
            self._division = further

    def _run(self) -> Iterator[None]:
        yield from _settle(self._division, self._looks)
        if not self._division.poorest_first():
            return
        best: Division | None = None
        for tight in _starts(self.problem):
            fresh = self._division.emptied()
            yield from _fill(fresh, tight, self._looks)
            if best is None or fresh.levels() > best.levels():
                best = fresh
        if best is not None and compared(best.levels(), self._division.levels()) > 0:
            _realise_by_class(best)
            self._division = best
            yield from _settle(best, self._looks)


def _settle(division: Division, looks: Looks) -> Iterator[None]:
    """Improves and cheapens in turn until neither finds anything: asked again, nothing would move."""
    for _ in range(PATIENCE):
        before = list(division.owner)
        yield from improve(division, is_small(division.problem), looks)
        tidy(division)
        yield from cheapen(division, looks)
        if division.owner == before:
            return


def _fill(division: Division, tight: bool, looks: Looks) -> Iterator[None]:
    """Serves the poorest again and again, each time with the module that fits best; then improves.

    With `tight` that is the smallest that closes the gap (else the largest); without, always the largest.
    """
    problem = division.problem
    while looks.left <= 0:
        yield
    looks.left -= sum(problem.in_play)
    _keep_what_must_stay(division)
    shelves = [_Shelves(division, each) for each in problem.connectors]
    turns = [(division.level[each], each) for each in division.poorest_first()]
    heapq.heapify(turns)
    while turns:
        _, connector = turns[0]
        module = shelves[connector].best(tight)
        if module != NOBODY:
            division.put(module, connector)
            if division.is_short(connector):
                heapq.heapreplace(turns, (division.level[connector], connector))
                continue
        heapq.heappop(turns)
    if is_small(problem):
        yield from improve(division, False, looks)
        tidy(division, near_present=False)
        yield from improve(division, False, looks)


class _Shelves:
    """What a connector may still take, by size, while modules are only given away: the least useful elsewhere first."""

    def __init__(self, division: Division, connector: int) -> None:
        self._division = division
        self._connector = connector
        shelves: dict[tuple[int, int | None], list[int]] = {}
        for module in reversed(division.reaches[connector]):
            node = division.node_of.get((module, connector)) if division.node_of else None
            shelves.setdefault((division.problem.size[module], node), []).append(module)
        self._shelves = list(shelves.values())

    def best(self, tight: bool) -> int:
        """The next module for this connector, NOBODY if there is none."""
        division, connector = self._division, self._connector
        problem, owner = division.problem, division.owner
        gap_w = problem.target_w[connector] - division.capacity_w[connector] - TINY_W
        best, merit = NOBODY, (True, MOST_W, 0, 0)
        for shelf in self._shelves:
            while shelf and owner[shelf[-1]] != NOBODY:
                shelf.pop()
            if not shelf or not division.fits(shelf[-1], connector):
                continue
            module = shelf[-1]
            given_w = problem.gives_w[module][connector]
            closes = given_w >= gap_w
            its = not closes, given_w if closes and tight else -given_w, len(problem.wiring.reach[module]), module
            if its < merit:
                best, merit = module, its
        return best


def _keep_what_must_stay(division: Division) -> None:
    """Of the modules that carry a delivering connector now, the smallest stays; the others may do better elsewhere."""
    problem = division.problem
    for connector, keeps in enumerate(problem.keeps_one):
        if keeps:
            candidates = [m for m in division.reaches[connector] if problem.present[m] == connector]
            if candidates:
                stays = min(candidates, key=lambda m: (problem.gives_w[m][connector], len(problem.wiring.reach[m]), m))
                division.put(stays, connector)


def _realise_by_class(division: Division) -> None:
    """Modules of one size are interchangeable: each class keeps its counts and is realised with the fewest moves."""
    problem, net = division.problem, division.net
    classes: dict[int, set[int]] = {}
    for module in problem.modules:
        if problem.in_play[module]:
            classes.setdefault(problem.size[module], set()).add(module)
    for members in classes.values():
        count = [0] * len(problem.target_w)
        room = list(net.room)
        for node in range(len(count), len(room)):
            room[node] = sum(division.node_of.get((m, division.owner[m])) == node for m in members)
        for module in members:
            if division.owner[module] != NOBODY:
                count[division.owner[module]] += 1
        ways: list[Sequence[int]] = [[module for module in modules if module in members] for modules in net.modules_at]
        part = attrs.evolve(net, modules_at=ways, room=room)
        owner = fewest_moves(part, count, problem.present)
        if all(division.owner[module] == owner[module] for module in members):
            continue
        before = {module: division.owner[module] for module in members}
        _place(division, {module: owner[module] for module in members})
        if any(keeps and division.kept[each] == 0 for each, keeps in enumerate(problem.keeps_one)):
            _place(division, before)  # the one that must stay would have moved


def _place(division: Division, owner: dict[int, int]) -> None:
    division.settled.clear()
    for module in owner:
        division.put(module, NOBODY)
    for module, connector in owner.items():
        division.put(module, connector)
