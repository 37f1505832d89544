"""Which modules make up given counts, with the fewest moves from where they are.

A minimum-cost flow: keeping costs 0, an idle module joins for 1, one that feeds another connector changes for 2. What
stays and what joins directly from idle is cheapest by itself; each further module comes along a shortest path (Dijkstra
with potentials), so the work grows with what changes, not with the cabinet.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

import attrs

from jp_firmware.planner.assignment.problem import MUCH, NOBODY, Net


@attrs.define(eq=False)
class _Flow:
    """Modules at nodes, of least cost for the counts reached so far: no arc has a negative reduced cost."""

    net: Net
    present: Sequence[int]
    at: list[int]
    room: list[int]
    missing: list[int]  # by group
    potential: list[int]

    def put(self, module: int, node: int) -> None:
        if self.at[module] != NOBODY:
            self.room[self.at[module]] += 1
        self.at[module] = node
        self.room[node] -= 1

    def take_directly(self, wanted_from_idle: bool) -> None:
        """Every module that is where it is needed stays; then every need is met by an idle module in its reach."""
        for node, modules in enumerate(self.net.modules_at):
            group = self.net.group_at[node]
            if self.missing[group] <= 0:
                continue
            origin = NOBODY if wanted_from_idle else self.net.connector_at[node]
            for module in modules:
                if self.present[module] == origin and self.at[module] == NOBODY and self.room[node] > 0:
                    self.put(module, node)
                    self.missing[group] -= 1
                    if self.missing[group] <= 0:
                        break

    def bring_one(self, group: int) -> None:
        """One module more for `group` along a cheapest path. Raises ValueError if there is none."""
        root = self.net.nodes_of[group][0]
        distance = {root: 0}
        came: dict[int, tuple[int, int]] = {}  # node: the module it would give up, and to which node
        queue = [(0, root)]
        settled: set[int] = set()
        best, last = math.inf, (NOBODY, NOBODY)
        while queue:
            so_far, node = heapq.heappop(queue)
            if so_far >= best:
                break
            if node in settled:
                continue
            settled.add(node)
            here = so_far + self.potential[node]
            for module, other, cost in self._arcs(node):
                if other == NOBODY:
                    if here + cost < best:
                        best, last = here + cost, (module, node)
                    continue
                onward = here + cost - self.potential[other]
                if other not in settled and onward < distance.get(other, MUCH):
                    distance[other] = onward
                    came[other] = module, node
                    heapq.heappush(queue, (onward, other))
        if last[1] == NOBODY:
            raise ValueError("these counts cannot be realised with the modules in reach")
        for node in settled:
            self.potential[node] += distance[node] - int(best)
        self._shift(last, came, root)
        self.missing[group] -= 1

    def _arcs(self, node: int) -> Iterable[tuple[int, int, int]]:
        """What a need at `node` can be met by: a module from elsewhere, or a need at another node of its group."""
        present, at = self.present, self.at
        connector = self.net.connector_at[node]
        arcs = []
        for module in self.net.modules_at[node]:
            was = at[module]
            if was == node:
                continue
            origin = present[module]
            cost = 0 if origin == connector else 1 if origin == NOBODY else 2
            if was != NOBODY:
                cost -= 0 if origin == self.net.connector_at[was] else 1 if origin == NOBODY else 2
            arcs.append((module, was, cost))
        root, *others = self.net.nodes_of[self.net.group_at[node]]
        if node != root:
            if self.room[node] < self.net.room[node]:
                arcs.append((NOBODY, root, 0))
        else:
            arcs += [(NOBODY, other, 0) for other in others if self.room[other] > 0]
        return arcs

    def _shift(self, last: tuple[int, int], came: dict[int, tuple[int, int]], root: int) -> None:
        module, node = last
        while True:
            if module != NOBODY:
                self.put(module, node)
            if node == root:
                return
            module, node = came[node]

    def owners(self) -> list[int]:
        """The connector of each module, NOBODY for idle."""
        return [NOBODY if node == NOBODY else self.net.connector_at[node] for node in self.at]


def fewest_moves(net: Net, count: Sequence[int], present: Sequence[int]) -> list[int]:
    """The owners that make up `count`, by group. Raises ValueError if the counts cannot be realised together."""
    flow = _begun(net, count, present)
    for group, missing in enumerate(list(flow.missing)):
        for _ in range(missing):
            flow.bring_one(group)
    return flow.owners()


def without_exchanges(net: Net, count: Sequence[int], present: Sequence[int]) -> list[int] | None:
    """The same if what stays and what is idle will do; None if a module has to change connectors, or may have to."""
    flow = _begun(net, count, present)
    return None if any(missing > 0 for missing in flow.missing) else flow.owners()


def _begun(net: Net, count: Sequence[int], present: Sequence[int]) -> _Flow:
    flow = _Flow(net, present, [NOBODY] * len(present), list(net.room), list(count), [0] * len(net.modules_at))
    flow.take_directly(wanted_from_idle=False)
    flow.take_directly(wanted_from_idle=True)
    return flow
