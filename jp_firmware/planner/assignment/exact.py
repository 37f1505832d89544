"""Equal modules: how many each connector gets, exactly.

The counts of modules that can be realised together are an integral polymatroid (modules flow to connectors, through
bridges of limited room). So it is exact to give the next module to the poorest connector that can still be raised, and
to leave for good the one that cannot: the sorted levels are then the lexicographically largest (Federgruen and
Groenevelt 1986; Frank and Murota's decreasing minimisation). Which modules realise the counts is another question:
`realise`.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence

import attrs

from jp_firmware.planner.assignment.problem import NOBODY, TINY_W, Net, Problem


@attrs.define(eq=False)
class _Matching:
    """Some realisation of the counts so far. `closed` are groups of nodes that nothing can raise any more."""

    net: Net
    at: list[int]  # the node each module is at
    room: list[int]
    closed: list[bool]

    def raise_by_one(self, group: int) -> bool:
        """One module more for `group`, and no fewer for anybody."""
        for node in self.net.nodes_of[group]:
            if self.room[node] > 0:
                for module in self.net.modules_at[node]:
                    if self.at[module] == NOBODY:
                        self._put(module, node)
                        return True
        return self._raise_along_a_path(group)

    def _put(self, module: int, node: int) -> None:
        if self.at[module] != NOBODY:
            self.room[self.at[module]] += 1
        self.at[module] = node
        self.room[node] -= 1

    def _raise_along_a_path(self, group: int) -> bool:
        """Breadth first: take a module from a group that can replace it from one that can, ... from an idle one.

        If there is no such path, all groups met on the way share what they have: none of them can be raised again.
        """
        opened_by = {node: NOBODY for node in self.net.nodes_of[group] if self.room[node] > 0}
        goes_to: dict[int, int] = {}
        queue = deque(opened_by)
        seen = set(opened_by)  # of these nodes no other module helps further
        while queue:
            node = queue.popleft()
            for module in self.net.modules_at[node]:
                was = self.at[module]
                if was in seen:
                    continue
                goes_to[module] = node
                if was == NOBODY:
                    self._shift(module, goes_to, opened_by)
                    return True
                seen.add(was)
                owner = self.net.group_at[was]
                if self.closed[owner]:
                    continue
                for other in self.net.nodes_of[owner]:
                    if other not in opened_by and (other == was or self.room[other] > 0):
                        opened_by[other] = module
                        queue.append(other)
        self.closed[group] = True
        for node in opened_by:
            self.closed[self.net.group_at[node]] = True
        return False

    def _shift(self, module: int, goes_to: dict[int, int], opened_by: dict[int, int]) -> None:
        while module != NOBODY:
            node = goes_to[module]
            self._put(module, node)
            module = opened_by[node]


def best_counts(problem: Problem, net: Net, equal_w: Sequence[float], wanted: Sequence[int]) -> list[int]:
    """Modules in play for each group. Of equally good counts, those nearer to the present ones."""
    connectors = len(problem.target_w)
    has = [0] * connectors
    for module, connector in enumerate(problem.present):
        if connector != NOBODY and problem.in_play[module]:
            has[connector] += 1
    count = [0] * len(wanted)
    matching = _Matching(net, [NOBODY] * len(problem.present), list(net.room), [False] * len(wanted))
    for group, least in enumerate([*map(int, problem.keeps_one), *wanted[connectors:]]):
        if least and matching.raise_by_one(group):
            count[group] = 1

    def turn(connector: int) -> tuple[float, float, bool, int]:
        """Poorest first; of equals the one that gains more, then one that has the module already."""
        with_w = problem.base_w[connector] + count[connector] * equal_w[connector]
        after = problem.level(connector, with_w + equal_w[connector])
        now = problem.level(connector, with_w)
        return round(now, 2), -round(after, 2), count[connector] >= has[connector], connector

    turns = [turn(connector) for connector in problem.connectors if count[connector] < wanted[connector]]
    heapq.heapify(turns)
    while turns:
        connector = turns[0][-1]
        if not matching.closed[connector] and matching.raise_by_one(connector):
            count[connector] += 1
            if count[connector] < wanted[connector]:
                heapq.heapreplace(turns, turn(connector))
                continue
        heapq.heappop(turns)
    return count


def wanted_counts(problem: Problem, net: Net, equal_w: Sequence[float]) -> list[int]:
    """Modules in play for each group if there were enough: the fewest that carry its target; one that is kept."""
    wanted = [_wanted(problem, connector, equal_w[connector]) for connector in problem.connectors]
    return wanted + [1] * (len(net.nodes_of) - len(wanted))


def _wanted(problem: Problem, connector: int, each_w: float) -> int:
    missing_w = problem.target_w[connector] - problem.base_w[connector]
    if each_w <= 0.0:
        return 0
    return max(int(problem.keeps_one[connector]), math.ceil((missing_w - TINY_W) / each_w))
