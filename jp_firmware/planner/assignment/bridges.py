"""Which connector uses each bridge: a bridge is one electrical net, so at most one may.

Few bridges and few that want them: every combination of at most three candidates for each bridge is tried. Many: one
bridge after the other is given to whom that helps most, until no change helps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from jp_firmware.planner.assignment.problem import NOBODY, Level, Problem

CANDIDATES = 3  # of each bridge
COMBINATIONS = 81  # tried at most before it goes on one bridge at a time; ours

Solve = Callable[[Sequence[int]], list[int]]
"""The owners if each bridge is used by these connectors."""


def best_users(problem: Problem, solve: Solve) -> tuple[list[int], list[int]]:
    """The user of each bridge (NOBODY: open), and the owners that follow."""
    choices = [_candidates(problem, bridge) for bridge in range(len(problem.users))]
    combinations = 1
    for candidates in choices:
        combinations *= len(candidates)
    merits = _Merits(problem, solve)
    if combinations <= COMBINATIONS:
        allowed = (users for users in itertools.product(*choices) if _keeps_current_flowing(problem, users))
        best = max(allowed, key=merits.of)
    else:
        best = _one_at_a_time(problem, choices, merits)
    return _used(problem, best, merits.owners[best]), merits.owners[best]


class _Merits:
    """How good each tried combination is, solved once."""

    def __init__(self, problem: Problem, solve: Solve) -> None:
        self._problem = problem
        self._solve = solve
        self.owners: dict[tuple[int, ...], list[int]] = {}

    def of(self, users: tuple[int, ...]) -> tuple[list[Level], int, int]:
        """Served better, then fewer moves, then fewer bridges closed."""
        owner = self.owners.get(users)
        if owner is None:
            owner = self.owners[users] = self._solve(users)
        levels = self._problem.levels(self._problem.capacities(owner))
        rounded = [round(level, 2) for level in levels]
        return rounded, -self._problem.cost_of(owner), users.count(NOBODY)


def _candidates(problem: Problem, bridge: int) -> list[int]:
    """Who uses it now and the poorest with what is theirs without it. Locked modules on it leave no choice."""
    if problem.users[bridge] != NOBODY:
        return [problem.users[bridge]]
    behind = {connector for (_, connector), over in problem.wiring.bridge_at.items() if over == bridge}
    wanting = [each for each in behind if problem.target_w[each] > 0]
    now = _present_users(problem, bridge)
    own_w = _without_bridges(problem)
    poorest = sorted(wanting, key=lambda each: (problem.level(each, own_w[each]), -problem.target_w[each], each))
    users = [each for each in now if each in wanting or problem.keeps_one[each]]
    return [*dict.fromkeys([*users, *poorest[:CANDIDATES]]), NOBODY]


def _present_users(problem: Problem, bridge: int) -> list[int]:
    over = problem.wiring.bridge_at
    return sorted({c for module, c in enumerate(problem.present) if over.get((module, c)) == bridge})


def _keeps_current_flowing(problem: Problem, users: Sequence[int]) -> bool:
    """Whether each delivering connector can keep one of its present modules: over no bridge, or over one it keeps."""
    over = problem.wiring.bridge_at
    kept = set()
    for module, connector in enumerate(problem.present):
        if connector != NOBODY and problem.in_play[module] and problem.gives_w[module][connector] > 0.0:
            bridge = over.get((module, connector))
            if bridge is None or users[bridge] == connector:
                kept.add(connector)
    return all(each in kept for each in problem.connectors if problem.keeps_one[each])


def _without_bridges(problem: Problem) -> list[float]:
    """What each connector's modules could give over no bridge, if nobody else wanted them."""
    own_w = list(problem.base_w)
    for connector, modules in enumerate(problem.wiring.modules_of):
        for module in modules:
            if problem.in_play[module] and (module, connector) not in problem.wiring.bridge_at:
                own_w[connector] += problem.gives_w[module][connector] / len(problem.wiring.reach[module])
    return own_w


def _one_at_a_time(problem: Problem, choices: Sequence[Sequence[int]], merits: _Merits) -> tuple[int, ...]:
    best = tuple(candidates[0] for candidates in choices)
    while True:
        changed = (users for users in _with_one_changed(best, choices) if _keeps_current_flowing(problem, users))
        better = max(changed, key=merits.of)
        if merits.of(better) <= merits.of(best):
            return best
        best = better


def _with_one_changed(users: tuple[int, ...], choices: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    for bridge, candidates in enumerate(choices):
        for candidate in candidates:
            yield (*users[:bridge], candidate, *users[bridge + 1 :])


def _used(problem: Problem, users: Sequence[int], owner: Sequence[int]) -> list[int]:
    """A bridge over which no module goes stays open."""
    over = problem.wiring.bridge_at
    crossed = {over.get((module, connector)) for module, connector in enumerate(owner)}
    return [user if bridge in crossed else NOBODY for bridge, user in enumerate(users)]
