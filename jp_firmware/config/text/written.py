"""How the program writes keys and values in TOML: tomlkit the scalars, this file the shape around them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import SingleKey

from jp_firmware.config.schema import ConfigError

WIDTH = 100  # of a list on one line; a longer one takes a line for each item. A matter of taste

_GROUPED = re.compile(r"[+-]?\d{1,3}(_\d{3})+")
_OF_BITS = re.compile(r"0([xob])([0-9A-Fa-f]+)")  # hexadecimal, octal, binary; an address of a device often is


def same(one: Any, other: Any) -> bool:
    """Whether two values of TOML are the same in value and in type: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return (one == other and math.copysign(1, one) == math.copysign(1, other)) or (one != one and other != other)
    return bool(one == other) and getattr(one, "tzinfo", None) == getattr(other, "tzinfo", None)


def plain(value: Any) -> Any:
    """`value` in the types that a TOML file gives. Raises ConfigError for what TOML cannot write."""
    match value:
        case Mapping():
            return {plain(key): plain(inner) for key, inner in value.items()}
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as exc:
                # Without the text: it may be a secret.
                raise ConfigError("a text with half of a character cannot be written; write it whole") from exc
            return str.__str__(value)
        case bool() | datetime.date():  # a datetime is a date
            return value
        case datetime.time() if value.tzinfo is None:
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [plain(inner) for inner in value]
    raise ConfigError(f"{value!r} cannot be written in a configuration; give a number, a text, a list or a table")


def is_tables(value: Any) -> bool:
    """Whether it may be written as `[[…]]`."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def key(*names: str) -> str:
    return ".".join(SingleKey(name).as_string() for name in names)


def scalar(value: Any, like: str = "") -> str:
    """One value that is neither list nor table, in the manner of the text that stood there.

    Kept are the kind of quotes, digits in groups, and the base of a number with its digits.
    """
    if isinstance(value, str):
        if like.startswith("'") and not like.startswith("'''") and _fits_literal(value):
            return f"'{value}'"
        return tomlkit.string(value).as_string()
    if type(value) is int and value >= 0 and (found := _OF_BITS.fullmatch(like)):
        digits = f"{value:0{len(found[2])}{found[1]}}"
        return f"0{found[1]}{digits if found[2] == found[2].lower() else digits.upper()}"
    if type(value) is int and _GROUPED.fullmatch(like):
        return f"{value:_}"
    if isinstance(value, float) and value.is_integer() and _GROUPED.match(like):
        return f"{value:_}"
    return str(tomlkit.item(value).as_string())


def inline(value: Any, width: int = 10**9, indent: str = "", newline: str = "\n") -> str:
    """A value as it stands behind `key = `; a list longer than `width` takes a line for each item."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{key(name)} = {inline(inner)}" for name, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        line = f"[{', '.join(map(inline, value))}]"
        if len(line) <= width:
            return line
        items = "".join(f"{indent}    {inline(item)},{newline}" for item in value)
        return f"[{newline}{items}{indent}]"
    return scalar(value)


def pair(names: Sequence[str], value: Any, indent: str = "", newline: str = "\n") -> str:
    """One line `key = value`, with its end."""
    return f"{indent}{key(*names)} = {inline(value, WIDTH, indent, newline)}{newline}"


def table(names: Sequence[str], data: Mapping[str, Any], newline: str = "\n", many: bool = False) -> str:
    """A table with its header, its values, and then the tables in it."""
    head = f"[[{key(*names)}]]" if many else f"[{key(*names)}]"
    inner = {name: value for name, value in data.items() if isinstance(value, dict) or is_tables(value)}
    lines = [pair([name], value, newline=newline) for name, value in data.items() if name not in inner]
    blocks = [block((*names, name), value, newline) for name, value in inner.items()]
    return head + newline + "".join(lines) + "".join(newline + one for one in blocks)


def block(names: Sequence[str], value: Any, newline: str = "\n") -> str:
    """A table, or a list of tables, with the headers that it needs."""
    if isinstance(value, dict):
        return table(names, value, newline)
    return newline.join(table(names, item, newline, many=True) for item in value)


def _fits_literal(value: str) -> bool:
    return "'" not in value and all(one == "\t" or one.isprintable() for one in value)
