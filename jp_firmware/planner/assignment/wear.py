"""Which modules may not move now: they moved a moment ago, or too often in the last hour. A record, no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

import attrs

from jp_firmware.model.ids import ModuleId

HOUR_S = 3600.0


@attrs.define(eq=False)
class Wear:
    """The moves of the last hour. `locked` feeds the assignment: what it names is a constant there."""

    dwell_s: float
    moves_per_hour: int
    _moved_at_s: dict[ModuleId, deque[float]] = attrs.field(factory=dict)

    def moved(self, module: ModuleId, now_s: float) -> None:
        """Says that a relay of `module` changed at `now_s` (monotonic)."""
        self._moved_at_s.setdefault(module, deque()).append(now_s)

    def locked(self, modules: Iterable[ModuleId], now_s: float) -> frozenset[ModuleId]:
        """Those of `modules` that must stay where they are at `now_s`."""
        return frozenset(module for module in modules if self.free_at_s(module, now_s) > now_s)

    def free_at_s(self, module: ModuleId, now_s: float) -> float:
        """When `module` may move again; `now_s` if it may. Infinite if no module may ever move."""
        if self.moves_per_hour <= 0:
            return math.inf
        moves = self._moved_at_s.get(module)
        while moves and moves[0] + HOUR_S <= now_s:
            moves.popleft()
        if not moves:
            return now_s
        free_s = moves[-1] + self.dwell_s
        if len(moves) >= self.moves_per_hour:
            free_s = max(free_s, moves[-self.moves_per_hour] + HOUR_S)
        return max(now_s, free_s)
