"""A value's recent course and how it is drawn: one row, eight levels, whole columns that move by whole steps.

Samples are kept by the second; a column is the mean of a fixed slice of monotonic time, so that a trend scrolls
instead of trembling. A second without a value stays empty: a gap is drawn as a gap.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

KEPT_S: Final = 900


@attrs.define(eq=False)
class Trend:
    """The last quarter of an hour of one value, one sample a second at most; the last of a second counts."""

    _samples: deque[tuple[int, float]] = attrs.field(factory=lambda: deque(maxlen=KEPT_S), repr=False)

    def add(self, at_s: float, value: float | None) -> None:
        """Takes `value` as known at `at_s` (monotonic). Unknown values leave a gap."""
        if value is None or not math.isfinite(value):
            return
        second = math.floor(at_s)
        if self._samples and self._samples[-1][0] >= second:
            self._samples.pop()
        self._samples.append((second, value))

    def clear(self) -> None:
        self._samples.clear()

    def columns(self, now_s: float, count: int, column_s: int) -> list[float | None]:
        """The last `count` columns of `column_s` seconds up to now, oldest first."""
        last = math.floor(now_s) // column_s
        first = last - count + 1
        sums = [0.0] * count
        seen = [0] * count
        for second, value in reversed(self._samples):
            index = second // column_s - first
            if index < 0:
                break
            if index < count:
                sums[index] += value
                seen[index] += 1
        return [total / many if many else None for total, many in zip(sums, seen, strict=True)]

    def extremes(self, now_s: float, span_s: float) -> tuple[float, float] | None:
        """Lowest and highest sample of the last `span_s` seconds."""
        values = [value for second, value in self._samples if second > now_s - span_s - 1]
        return (min(values), max(values)) if values else None


def column_seconds(width: int, span_s: float) -> int:
    """The slice of time for one column, so that `width` columns show about `span_s`; whole seconds, 1, 2, 5, ..."""
    for step in (1, 2, 5, 10, 15, 30):
        if width * step >= span_s:
            return step
    return 60


def draw(columns: Sequence[float | None], levels: str, low: float, high: float, rows: int = 1) -> list[str]:
    """The columns as `rows` lines of text, top first. What is not known is blank; the lowest level is still a sign."""
    steps = len(levels)
    heights: list[int] = []
    reach = high - low
    for value in columns:
        if value is None:
            heights.append(0)
            continue
        share = 0.0 if reach <= 0 else min(1.0, max(0.0, (value - low) / reach))
        heights.append(max(1, round(share * steps * rows)))
    lines = []
    for row in range(rows - 1, -1, -1):
        base = row * steps
        lines.append("".join(" " if height <= base else levels[min(steps, height - base) - 1] for height in heights))
    return lines
