"""Which modules may not move now: they moved a moment ago, or too often in the last hour. No record and no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jp_firmware.model.ids import ModuleId

HOUR_S = 3600.0


def locked_by_wear(
    moved_at_s: Mapping[ModuleId, Sequence[float]], now_s: float, *, dwell_s: float, moves_per_hour: int
) -> frozenset[ModuleId]:
    """The modules that must stay where they are at `now_s`, by the ends of their moves (monotonic, ascending).

    Add them to `Situation.locked`. Of `moves_per_hour` 0 every module named is locked.
    """
    return frozenset(
        module
        for module, moves in moved_at_s.items()
        if (moves and moves[-1] + dwell_s > now_s) or sum(at_s + HOUR_S > now_s for at_s in moves) >= moves_per_hour
    )
