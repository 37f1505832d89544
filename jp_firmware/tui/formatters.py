"""Numbers, times and words as the terminal shows them. Pure; an unknown value is `---`, never 0.

A value that is known but old keeps its number and gets a `?` behind it, so that age is read, not only seen.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo
from typing import Final

UNKNOWN: Final = "---"
STALE_MARK: Final = "?"


def number(value: float | None, decimals: int = 0) -> str:
    """`value` with a fixed number of decimals. Never `-0.0`, never `nan`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def power_kw(value_w: float | None) -> str:
    """Watts as kilowatts, one decimal, without the unit."""
    return number(None if value_w is None else value_w / 1000, 1)


def energy_kwh(value_wh: float | None) -> str:
    """Watt-hours as kilowatt-hours, two decimals, without the unit."""
    return number(None if value_wh is None else value_wh / 1000, 2)


def voltage(value_v: float | None) -> str:
    return number(value_v, 1)


def current(value_a: float | None) -> str:
    return number(value_a, 1)


def percent(value: float | None) -> str:
    text = number(value)
    return text if text == UNKNOWN else f"{text}%"


def with_unit(text: str, unit: str) -> str:
    """`text` and its unit; `---` has none."""
    return text if text.startswith(UNKNOWN) else f"{text} {unit}"


def marked(text: str, stale: bool) -> str:
    """`text` with the mark of an old value where it is old and known."""
    return f"{text}{STALE_MARK}" if stale and text and text != UNKNOWN else text


def duration(seconds: float | None) -> str:
    """A length of time for reading: `12 m 03 s`, `1 h 02 m`, `3 d 04 h`."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    total = int(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} m {total % 60:02} s"
    if total < 86_400:
        return f"{total // 3600} h {total % 3600 // 60:02} m"
    return f"{total // 86_400} d {total % 86_400 // 3600:02} h"


def stopwatch(seconds: float | None) -> str:
    """A length of time for a narrow column: `12:31` in minutes and seconds, then `1h02`, then `3d04`."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    total = int(seconds)
    if total < 3600:
        return f"{total // 60}:{total % 60:02}"
    if total < 86_400:
        return f"{total // 3600}h{total % 3600 // 60:02}"
    return f"{total // 86_400}d{total % 86_400 // 3600:02}"


def age(seconds: float | None) -> str:
    """How old something is, in one unit: `4 s`, `12 m`, `3 h`, `2 d`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    total = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if total >= size:
            return f"{total // size} {unit}"
    return f"{total} s"


def short_seconds(seconds: float | None) -> str:
    """A short time with the digits that matter: `0.35 s`, `2.4 s`, `12 s`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds >= 10:
        return duration(seconds)
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"


def time_of_day(at: datetime | None, now: datetime, zone: tzinfo | None = None) -> str:
    """Wall time in the terminal's zone: `14:03:22` today, `11-20 14:03` on another day."""
    if at is None:
        return UNKNOWN
    local = at.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return local.strftime("%H:%M:%S")
    return local.strftime("%m-%d %H:%M")


def seconds_since(at: datetime | None, now: datetime) -> float | None:
    """Seconds from `at` to `now`, not below 0: clocks of two machines may differ a little."""
    if at is None:
        return None
    return max(0.0, (now - at) / timedelta(seconds=1))


def counted(count: int, one: str, many: str) -> str:
    """`1 connector`, `3 connectors`."""
    return f"{count} {one if count == 1 else many}"
