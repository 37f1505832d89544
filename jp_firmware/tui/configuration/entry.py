"""What somebody types for a key, and the value it stands for: as strict as the charger about types and ranges.

The charger checks again, and much more. This only saves the way there for what cannot be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from jp_firmware.tui.configuration.keys import Declared, Kind
from jp_firmware.tui.text import clean

_MOST_SHOWN: Final = 400
_NEEDS_QUOTES: Final = re.compile(r"[,\"\\\[\]]|^\s|\s$")


def value_of(typed: str, key: Declared) -> Any:
    """The value that was typed for a key. Raises ValueError: what is wrong, and what is allowed."""
    match key.kind:
        case Kind.LIST:
            return [_scalar(one, key, key.element) for one in _items(typed)]
        case kind:
            return _scalar(typed, key, kind)


def typed_of(value: Any) -> str:
    """A value as it would be typed: without quotes, items of a list after commas."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(_quoted(one) if isinstance(one, str) else typed_of(one) for one in value)
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def shown(value: Any) -> str:
    """A value for the eye: long numbers in groups, a text that is empty as such, one line."""
    match value:
        case None:
            return "none"
        case str():
            return clean(value)[:_MOST_SHOWN] if value else '""'
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10_000:
            return f"{value:_}"
        case float() if value.is_integer() and abs(value) < 1e15:
            return shown(int(value))
        case list() | tuple():
            return "[" + ", ".join(shown(one) for one in value)[:_MOST_SHOWN] + "]"
        case Mapping():
            return "{" + ", ".join(f"{name} = {shown(one)}" for name, one in value.items())[:_MOST_SHOWN] + "}"
        case _:
            return clean(str(value))


def _scalar(typed: str, key: Declared, kind: Kind) -> Any:
    if kind is Kind.TEXT:
        return typed
    if kind is Kind.CHOICE:
        return _choice(typed, key)
    if kind is Kind.FLAG:
        if typed.strip().lower() not in ("true", "false"):
            raise ValueError("true or false is needed")
        return typed.strip().lower() == "true"
    value = _number(typed, key, kind)
    low, high = key.low, key.high
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"it lies between {shown(low)} and {shown(high)} {key.unit}".rstrip())
    return value


def _number(typed: str, key: Declared, kind: Kind) -> int | float:
    text = typed.strip().replace(" ", "")
    try:
        return int(text)
    except ValueError:
        pass
    what = f"{kind.value} of {key.unit}" if key.unit else kind.value
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"a {what} is needed, not {typed.strip() or 'nothing'}") from None
    if not math.isfinite(value):
        raise ValueError(f"a {what} is needed, not {typed.strip()}")
    if kind is Kind.WHOLE:
        raise ValueError(f"a {what} is needed, without a fraction")
    return value


def _choice(typed: str, key: Declared) -> Any:
    for one in key.one_of:
        if typed.strip() == typed_of(one):
            return one
    raise ValueError(f"one of {', '.join(map(typed_of, key.one_of))} is needed")


_ITEM: Final = re.compile(r'\s*("(?:\\.|[^"\\])*"|[^,]*?)\s*(,|\Z)')


def _items(typed: str) -> list[str]:
    """The items of a list, one after the other; one that holds a comma stands in quotes."""
    text = typed.strip().removeprefix("[").removesuffix("]").strip()
    if not text:
        return []
    items: list[str] = []
    at, more = 0, True
    while more:
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError('items are written one after the other, with commas between; "one, two" in quotes is one')
        part = found[1]
        items.append(re.sub(r"\\(.)", r"\1", part[1:-1]) if part.startswith('"') else part)
        at, more = found.end(), found[2] == ","
    return items


def _quoted(text: str) -> str:
    if text and not _NEEDS_QUOTES.search(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
