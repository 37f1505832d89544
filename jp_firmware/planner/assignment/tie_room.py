"""How many segments of a bus-bar the ties let come to a connector: a tie carries all that lie beyond it. Pure.

What is there already stays allowed: it is held back by what modules are given (`planner.carrying`), not torn away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.topology import BusBar, Carrying, Relay

ROUNDING_A = 1e-6  # ours: less than this is no difference between currents


def most_segments(
    bar: BusBar, at: int, step: int, gives_a: Sequence[float], had: Sequence[ConnectorId | None], carrying: Carrying
) -> float:
    """Segments that may come to the connector at segment `at` from one side; infinite if the ties bear any number.

    `step` is -1 or 1, `gives_a` what each segment's modules give that connector, `had` whose each segment is now.
    """
    connector = bar.segments[at].connector
    assert connector is not None
    rooms_a: list[float] = []  # what is left on each tie up to here
    allowed, present = math.inf, 0
    for count, (tie, beside) in enumerate(_row(bar, at, step)):
        rooms_a = [room_a - gives_a[beside] for room_a in (*rooms_a, carrying.room_a(tie, connector))]
        if min(rooms_a) < -ROUNDING_A:
            allowed = min(allowed, count)
        if present == count and had[beside] == connector:
            present += 1
    return max(allowed, present)


def _row(bar: BusBar, at: int, step: int) -> Sequence[tuple[Relay, int]]:
    """The segments on one side as far as the next connector, each with the tie before it."""
    ties = {(start, end): tie for tie, start, end in bar.ties}
    ties |= {(end, start): tie for (start, end), tie in ties.items()}
    row: list[tuple[Relay, int]] = []
    last, count = at, len(bar.segments)
    while True:
        beside = (last + step) % count
        tie = ties.get((last, beside))
        if tie is None or bar.segments[beside].connector is not None:
            return row
        row.append((tie, beside))
        last = beside
