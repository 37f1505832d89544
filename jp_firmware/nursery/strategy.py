"""Who depends on whom among the children of a supervisor, and who is therefore restarted together."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from jp_firmware.nursery.child import Lifeline


class Strategy(enum.Enum):
    """Who is restarted when a child ends (the words are Erlang's)."""

    ONE = "one for one"
    REST = "rest for one"  # it and all that were started after it
    ALL = "one for all"
    HUB = "hub and spokes"  # the first carries all others: it restarts all of them, any other only itself

    def carries(self, one: Lifeline, among: Sequence[Lifeline]) -> bool:
        """Whether others of `among`, a supervisor's children in the order of their start, depend on this one."""
        if self is Strategy.HUB:
            return one is among[0]
        return self is not Strategy.ONE

    def group_of(self, one: Lifeline, among: Sequence[Lifeline]) -> Sequence[Lifeline]:
        """Those of `among` that are restarted when this one is, in the order of their start."""
        if not self.carries(one, among):
            return [one]
        return among[among.index(one) :] if self is Strategy.REST else among
