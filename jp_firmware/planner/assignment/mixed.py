"""Modules of different sizes: a greedy start, steps that improve it, and then as few moves as that allows.

How good an assignment must be is decided without looking at where the modules are (best fit for the poorest, then
steps), so that asking again from the result asks for nothing better. If the present assignment can be brought there
step by step, that is the plan; else the fresh one is brought near the present one.
"""

from __future__ import annotations

import heapq

from jp_firmware.planner.assignment.problem import NOBODY, TINY_W, Net, Problem, compared
from jp_firmware.planner.assignment.realise import fewest_moves
from jp_firmware.planner.assignment.search import PATIENCE, Division, cheapen, improve, tidy

SMALL = 64  # modules; ours: in larger cabinets there are more ways to the same end, and less time for each


def is_small(problem: Problem) -> bool:
    """Whether there is time for a second start and for steps through a third connector."""
    return sum(problem.in_play) <= SMALL


def _starts(problem: Problem) -> tuple[bool, ...]:
    return (True, False) if is_small(problem) else (True,)


def best_owner(problem: Problem, net: Net) -> list[int]:
    """The connector of each module in play, NOBODY for idle."""
    near = _from_present(problem, net)
    if not near.poorest_first():
        return near.owner
    fresh = max((_fresh(problem, net, tight) for tight in _starts(problem)), key=Division.levels)
    if compared(near.levels(), fresh.levels()) >= 0:
        return near.owner
    _realise_by_class(fresh)
    _settle(fresh)
    return fresh.owner


def _from_present(problem: Problem, net: Net) -> Division:
    """The present assignment, freed of what is not needed, then improved."""
    division = Division.empty(problem, net)
    for module, connector in enumerate(problem.present):
        is_open = connector != NOBODY and problem.in_play[module] and module in division.is_reached[connector]
        if is_open and division.fits(module, connector):
            division.put(module, connector)
    tidy(division)
    _settle(division)
    return division


def _settle(division: Division) -> None:
    """Improves and cheapens in turn until neither finds anything: asked again, nothing would move."""
    for _ in range(PATIENCE):
        before = list(division.owner)
        improve(division, deep=is_small(division.problem))
        tidy(division)
        cheapen(division)
        if division.owner == before:
            return


def _fresh(problem: Problem, net: Net, tight: bool) -> Division:
    """Serves the poorest again and again, each time with the module that fits best; then improves.

    With `tight` that is the smallest that closes the gap (else the largest); without, always the largest.
    """
    division = Division.empty(problem, net)
    _keep_what_must_stay(division)
    turns = [(problem.level(each, division.capacity_w[each]), each) for each in division.poorest_first()]
    heapq.heapify(turns)
    while turns:
        _, connector = heapq.heappop(turns)
        gap_w = problem.target_w[connector] - division.capacity_w[connector]
        free = (each for each in division.reaches[connector] if division.owner[each] == NOBODY)
        fitting = [each for each in free if division.fits(each, connector)]
        if not fitting:
            continue

        def merit(module: int, connector: int = connector, gap_w: float = gap_w) -> tuple[bool, float, int, int]:
            given_w = problem.gives_w[module][connector]
            closes = given_w >= gap_w - TINY_W
            size = given_w if closes and tight else -given_w
            return not closes, size, len(problem.wiring.reach[module]), module

        division.put(min(fitting, key=merit), connector)
        if division.is_short(connector):
            heapq.heappush(turns, (problem.level(connector, division.capacity_w[connector]), connector))
    if is_small(problem):
        improve(division, deep=False)
        tidy(division, near_present=False)
        improve(division, deep=False)
    return division


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
            classes.setdefault(id(problem.gives_w[module]), set()).add(module)
    for members in classes.values():
        count = [0] * len(problem.target_w)
        room = list(net.room)
        for node in range(len(count), len(room)):
            room[node] = sum(division.node_of.get((m, division.owner[m])) == node for m in members)
        for module in members:
            if division.owner[module] != NOBODY:
                count[division.owner[module]] += 1
        ways = [[module for module in modules if module in members] for modules in net.modules_at]
        part = Net(ways, net.connector_at, room, net.nodes_of, net.spare_a)
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
