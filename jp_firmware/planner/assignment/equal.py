"""Modules of one size: the best counts exactly, and then as few moves as they allow.

Counts and a realisation of them are there at once (`exact`, `realise`). What may take longer is to find equally good
counts that need fewer moves (`ties`): that goes on in stretches, and until it is done a plan moves more than it must.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from jp_firmware.planner.assignment.exact import best_counts, wanted_counts
from jp_firmware.planner.assignment.problem import NOBODY, Net, Problem
from jp_firmware.planner.assignment.realise import fewest_moves, without_exchanges
from jp_firmware.planner.assignment.stretch import Search
from jp_firmware.planner.assignment.ties import Exchange


@attrs.define(eq=False)
class EqualSearch(Search):
    """Serves everybody as well as can be from its first answer on. `equal_w` is what a module gives each connector."""

    equal_w: Sequence[float]
    _owner: list[int] = attrs.field(init=False)
    _may_exchange: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._owner, is_enough = _served(self.problem, self.net, self.equal_w)
        if not self._keeps_one_each(self._owner):
            net = self.net.keeping_one(self.problem)
            self._owner, is_enough = _served(_with_kept(self.problem, net, self.equal_w), net, self.equal_w)
        self._may_exchange = not is_enough and not self.net.has_bridges
        self._course = self._run()

    @property
    def owner(self) -> list[int]:
        return self._owner

    def _run(self) -> Iterator[None]:
        """Exchanges freely; if that would take the last module from one who must keep it, without those."""
        if not self._may_exchange:
            return
        for stays in (frozenset[int](), self._kept_now()):
            exchange = Exchange(self.problem, self.net, self.equal_w, list(self._owner), stays)
            for _ in exchange.run(self._looks):
                yield
            if self._keeps_one_each(exchange.owner):
                self._owner = exchange.owner
                return

    def _keeps_one_each(self, owner: Sequence[int]) -> bool:
        problem = self.problem
        kept = {connector for connector, was in zip(owner, problem.present, strict=True) if connector == was}
        return all(connector in kept for connector, keeps in enumerate(problem.keeps_one) if keeps)

    def _kept_now(self) -> frozenset[int]:
        """One of the present modules of each connector that must keep one."""
        problem = self.problem
        kept = {was: m for m, was in enumerate(problem.present) if was != NOBODY and self._owner[m] == was}
        return frozenset(module for connector, module in kept.items() if problem.keeps_one[connector])


def _served(problem: Problem, net: Net, equal_w: Sequence[float]) -> tuple[list[int], bool]:
    """The best counts with the fewest moves, and whether everybody has enough: then there is nothing to weigh."""
    wanted = wanted_counts(problem, net, equal_w)
    owner = without_exchanges(net, wanted, problem.present)
    if owner is not None:
        return owner, True
    count = best_counts(problem, net, equal_w, wanted)
    return fewest_moves(net, count, problem.present), count == wanted


def _with_kept(problem: Problem, net: Net, equal_w: Sequence[float]) -> Problem:
    """The same problem where what each connector keeps is counted apart, in a group of its own."""
    base_w, keeps_one = list(problem.base_w), list(problem.keeps_one)
    for group in net.nodes_of[len(base_w) :]:
        connector = net.connector_at[group[0]]
        base_w[connector] += equal_w[connector]
        keeps_one[connector] = False
    return attrs.evolve(problem, base_w=base_w, keeps_one=keeps_one)
