"""Of counts that serve everybody equally well, those that need fewer moves.

Where one connector's gain is another's loss, level for level, it does not matter who has the module; the moves do. Such
pairs exchange one module along a path that costs less than nothing, until no pair has one. Nobody knows before how many
exchanges that takes, so the looks for it are counted: one for each place that a module could come from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterator, Sequence

import attrs

from jp_firmware.planner.assignment.problem import MUCH, NOBODY, Net, Problem
from jp_firmware.planner.assignment.stretch import Looks

_Rung = tuple[float, float]
"""The levels of a connector with one module less and with one more: whoever climbs it gains what another loses."""


@attrs.define(eq=False)
class Exchange:
    """`owner` realises counts with the fewest moves, and does so after each exchange. Not for nets with bridges."""

    problem: Problem
    net: Net
    equal_w: Sequence[float]
    owner: list[int]
    stays: Collection[int] = ()  # modules that are not exchanged
    _count: list[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._count = [self.owner.count(connector) for connector in self.problem.connectors]

    def run(self, looks: Looks) -> Iterator[None]:
        """Exchanges until nothing is saved; each exchange saves at least one move. Yields where no looks are left."""
        while self.problem.cost_of(self.owner) > 0:
            climbing, falling = self._rungs()
            for rung in climbing.keys() & falling.keys():
                if (yield from self._saves(climbing[rung], falling[rung], looks)):
                    break
            else:
                return

    def _rungs(self) -> tuple[dict[_Rung, list[int]], dict[_Rung, list[int]]]:
        """By rung: who could climb it and who could come down. Nobody gives up the module that must stay."""
        problem = self.problem
        climbing: dict[_Rung, list[int]] = {}
        falling: dict[_Rung, list[int]] = {}
        for connector in problem.connectors:
            if problem.target_w[connector] <= 0 or self.equal_w[connector] <= 0:
                continue
            has_w = problem.base_w[connector] + self._count[connector] * self.equal_w[connector]
            less, now, more = (
                round(problem.level(connector, has_w + change * self.equal_w[connector]), 2) for change in (-1, 0, 1)
            )
            if more > now:
                climbing.setdefault((now, more), []).append(connector)
            if self._count[connector] > problem.keeps_one[connector]:
                falling.setdefault((less, now), []).append(connector)
        return climbing, falling

    def _saves(self, climbing: Sequence[int], falling: Sequence[int], looks: Looks) -> Generator[None, None, bool]:
        """Finds the cheapest path from one who could climb to one who could fall (label correcting: costs may be
        negative, cycles are not, since the counts are realised with the fewest moves), and takes it if it saves."""
        distance = dict.fromkeys(climbing, 0)
        came: dict[int, tuple[int, int]] = {}
        queue = deque(climbing)
        least = -2 * len(self.owner)  # below it only a cycle could lead, and there is none
        while queue:
            while looks.left <= 0:
                yield
            looks.left -= 1
            node = queue.popleft()
            for module, other, cost in self._arcs(node):
                onward = distance[node] + cost
                if least <= onward < distance.get(other, MUCH):
                    distance[other] = onward
                    came[other] = module, node
                    queue.append(other)
        end = min(falling, key=lambda each: distance.get(each, MUCH))
        if distance.get(end, MUCH) >= 0:
            return False
        self._count[end] -= 1
        while end in came:
            module, taker = came[end]
            self.owner[module] = taker
            end = taker
        self._count[end] += 1
        return True

    def _arcs(self, node: int) -> list[tuple[int, int, int]]:
        """Whom `node` could take a module from (nobody: it was idle), and what that costs or saves."""
        problem, owner, stays = self.problem, self.owner, self.stays
        if node == NOBODY:
            return [(m, had, -problem.cost(m, had)) for m, had in enumerate(owner) if had != NOBODY and m not in stays]
        return [
            (module, owner[module], problem.cost(module, node) - problem.cost(module, owner[module]))
            for module in self.net.modules_at[node]
            if owner[module] != node and module not in stays
        ]
