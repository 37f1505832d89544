"""Reading single values out of the console's JSON, tolerantly: what is missing, null or of another type is unknown.

Unknown is None, or an empty text, never 0 and never an error. Texts come out fit for the screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jp_firmware.tui.text import clean

Json = Mapping[str, Any]

_NOTHING: Final[Json] = {}


def object_of(raw: Json, key: str) -> Json:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else _NOTHING


def objects_of(raw: Json, key: str) -> list[Json]:
    value = raw.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def number_of(raw: Json, key: str) -> float | None:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def count_of(raw: Json, key: str) -> int:
    value = number_of(raw, key)
    return 0 if value is None else int(value)


def text_of(raw: Json, key: str) -> str:
    """A text, made fit for the screen; a number is taken as its digits."""
    value = raw.get(key)
    if isinstance(value, bool) or value is None:
        return ""
    return clean(str(value)) if isinstance(value, str | int | float) else ""


def flag_of(raw: Json, key: str) -> bool | None:
    value = raw.get(key)
    return value if isinstance(value, bool) else None


def texts_of(raw: Json, key: str) -> tuple[str, ...]:
    value = raw.get(key)
    return tuple(clean(str(one)) for one in value) if isinstance(value, list | tuple) else ()


def numbers_of(raw: Json, key: str) -> tuple[int, ...]:
    value = raw.get(key)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool))


def time_of(raw: Json, key: str) -> datetime | None:
    """Wall time: ISO 8601, or seconds since 1970. A time without zone is UTC, as everywhere on this link."""
    value = raw.get(key)
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
