"""How much may be searched for modules at a time, and what is kept until it goes on.

A search costs most where everybody wants more than there is. It may not hold up the set-points, so it stops after so
many looks and hands out the best it has found; asked the same again, with the next plan, it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jp_firmware.planner.assignment.equal import EqualSearch
from jp_firmware.planner.assignment.mixed import MixedSearch
from jp_firmware.planner.assignment.problem import Problem
from jp_firmware.planner.assignment.stretch import Looks, Search

LOOKS = 50  # ours: steps looked at for one plan, and in each piece after it; measured in docs/planner.md

_Key = tuple[tuple[int, ...], tuple[float, ...]]


@attrs.define(eq=False)
class Effort:
    """The looks that are left for this plan, and the searches of this and the last plan.

    Each asker has its own, and renews it for each plan.
    """

    looks_each: float = LOOKS
    _looks: Looks = attrs.field(init=False)
    _searches: dict[_Key, Search] = attrs.field(init=False, factory=dict)  # the latest last
    _earlier: dict[_Key, Search] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._looks = Looks(self.looks_each)

    def renew(self) -> None:
        """A new plan begins. What the last one that asked anything did not ask is forgotten."""
        self._looks = Looks(self.looks_each)
        if self._searches:
            self._earlier, self._searches = self._searches, {}

    def search(self, problem: Problem, users: Sequence[int]) -> Search:
        """The search for this question, as far as it comes with the looks that are left."""
        key = tuple(users), tuple(problem.target_w)
        search = self._searches.pop(key, None) or self._earlier.get(key)
        if search is None or not search.problem.asks_the_same(problem):
            search = self._begun(problem, users, search)
        self._searches[key] = search
        search.go_on(self._looks)
        return search

    def _begun(self, problem: Problem, users: Sequence[int], before: Search | None) -> Search:
        net, equal_w = problem.net(users), problem.equal_w()
        if equal_w is not None:
            return EqualSearch(problem, net, equal_w)
        return MixedSearch(problem, net, before if isinstance(before, MixedSearch) else self._latest(tuple(users)))

    def go_on(self) -> bool:
        """As many looks again for the questions of this plan, which the next one will ask again; False: none is open.

        For turns of the loop between two plans: a plan itself must not take long.
        """
        for search in self._searches.values():
            if not search.finished:
                search.go_on(Looks(self.looks_each))
                return True
        return False

    def _latest(self, users: tuple[int, ...]) -> MixedSearch | None:
        """The last search for the same use of the bridges, whatever was wanted."""
        for searches in (self._searches, self._earlier):
            for key, search in reversed(searches.items()):
                if key[0] == users and isinstance(search, MixedSearch):
                    return search
        return None
