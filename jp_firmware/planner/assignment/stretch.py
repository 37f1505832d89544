"""A search in stretches: it stops wherever its looks are spent, has an answer there, and goes on with more of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import attrs

from jp_firmware.planner.assignment.problem import Net, Problem

END: Final = object()


@attrs.define
class Looks:
    """How many steps may still be looked at: the bound on what a search may cost at a time, the same on any machine."""

    left: float = math.inf


@attrs.define(eq=False)
class Search:
    """The search for the answer to one question. `owner` is the best found so far, NOBODY for idle."""

    problem: Problem
    net: Net
    finished: bool = attrs.field(default=False, init=False)
    _looks: Looks = attrs.field(factory=Looks, init=False)
    _course: Iterator[None] = attrs.field(init=False)

    @property
    def owner(self) -> list[int]:
        """Who has which module in the best assignment found so far."""
        raise NotImplementedError

    def _run(self) -> Iterator[None]:
        """The whole search; yields wherever no looks are left."""
        raise NotImplementedError

    def go_on(self, looks: Looks) -> None:
        """Searches while there are looks left, and takes from them what it uses."""
        self._looks.left = looks.left
        if not self.finished:
            self.finished = next(self._course, END) is END
        looks.left = self._looks.left
