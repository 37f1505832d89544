"""Keys explained to people and to programs: one key, or all below a table.

Everything here follows from the declarations in `schema`; nothing is said twice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, get_args

import attrs

from jp_firmware.config.brought.aliases import alias_hint, match
from jp_firmware.config.key import Known, keys_of
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.text.edits import parts_of
from jp_firmware.config.told.nearest import as_snake

Json = dict[str, Any]

MUST, NONE = "must be given", "none"  # defaults that are no values


class UnknownKey(LookupError):
    """No such key; the message names the nearest."""


def all_keys() -> tuple[Known, ...]:
    """All keys of a cabinet, in the order of their declaration."""
    return _KEYS


def known(name: str) -> Known:
    """The key that people mean by `name`: `connectors.2.weight` as well as `connectors.*.weight`.

    Raises UnknownKey, with the nearest key there is, searched by its last word too: people forget the table.
    """
    found = find(name)
    if found is None:
        raise UnknownKey(f"there is no key {name!r}; {_nearest(name)}")
    return found


def find(name: str) -> Known | None:
    """The same; None if there is no such key."""
    try:
        words = parts_of(name)
    except ConfigError:
        return None
    return next((one for one in _KEYS if _fits(one.path, words)), None)


def meant(name: str) -> Known | None:
    """The key that an unknown name surely stands for: as others call it, or with another unit. None if that is unsure.

    `site.limit_kw` is meant as `site.limit_w`; `limit_kw` could be several.
    """
    alias = match(name)
    if alias and alias.alias.taken_as and alias.alias.key:
        return find(alias.alias.key)
    found = _with_another_unit(name)
    return found[0] if len(found) == 1 else None


def below(name: str) -> tuple[Known, ...]:
    """A key and all below it; all keys for an empty name. Raises UnknownKey."""
    if not name:
        return _KEYS
    top = known(name)
    return tuple(one for one in _KEYS if one.path[: len(top.path)] == top.path)


def type_text(one: Known) -> str:
    """The type as a person calls it, with range or choices."""
    key, kinds = one.key, [kind for kind in get_args(one.type) or (one.type,) if kind is not NoneType]
    if key.one_of is not None:
        return ("list of: " if one.is_list else "one of ") + ", ".join(_value_text(value) for value in key.one_of)
    if one.is_table:
        return "list of tables" if one.is_list else "table"
    kind = kinds[0]
    words = _TYPES.get(getattr(kind, "__supertype__", kind), "value")
    if one.is_list:
        return f"list of {words}s"
    if key.between is not None:
        low, high = key.between
        return f"{words}, {low:,.12g} to {high:,.12g}"
    return words


def default_text(one: Known) -> str:
    """The default as it would be written; "must be given", "none" for a key that may be absent."""
    if one.default is attrs.NOTHING:
        return MUST
    if one.default is None:
        return NONE
    if one.is_table:
        return NONE if one.is_list else ""
    return _value_text(one.default)


def as_json(one: Known) -> Json:
    """A key for a program."""
    low, high = one.key.between or (None, None)
    return {
        "key": one.name,
        "text": one.key.text,
        "type": type_text(one),
        "unit": one.key.unit or None,
        "low": low,
        "high": high,
        "one_of": list(one.key.one_of) if one.key.one_of else None,
        "default": None if one.is_table or one.default in (attrs.NOTHING, None) else _plain(one.default),
        "required": one.default is attrs.NOTHING,
        "reload": one.key.reload.value,
        "role": one.key.role.value,
        "since": one.key.since,
        "secret": one.key.secret,
        "per_device": one.key.per_device,
    }


def facts(one: Known) -> tuple[tuple[str, str], ...]:
    """What there is to say of a key beside its text, in rows: what, and what it is."""
    key, default, unit = one.key, default_text(one), f" {one.key.unit}" if one.key.unit else ""
    rows = [("type", type_text(one) + (f", in{unit}" if unit else ""))]
    if default:
        rows.append(("default", default + (unit if default not in (MUST, NONE) else "")))
    rows += [("a change", f"{key.reload.value}: {RELOAD_TEXT[key.reload.value]}"), ("changed by", key.role.value)]
    rows.append(("known since", key.since))
    if key.secret:
        rows.append(("secret", "kept in a file of its own, never shown"))
    if key.per_device:
        rows.append(("own", "each charger has its own; it is asked for when a bundle is applied"))
    return tuple(rows)


RELOAD_TEXT = {
    "live": "in force at once; no session notices",
    "next session": "in force for each connector's next session; one that runs goes on as it began",
    "reconnect": "the connection is made anew; sessions go on, messages wait",
    "restart child": "the part that uses it is made safe and starts again with it; the plan of a change says which",
}


_TYPES: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_KEYS: tuple[Known, ...] = tuple(keys_of(Cabinet))
_UNIT = re.compile(r"(?<=[a-z])_(?:[kM]?[WwVvAa]|ms?|s|sec|min|h)$")  # at the end of a key's name


def _fits(path: Sequence[str], words: Sequence[str]) -> bool:
    """Whether these words are that path, whose stars stand for any word."""
    return len(path) == len(words) and all(wanted in ("*", word) for wanted, word in zip(path, words, strict=True))


def _with_another_unit(name: str) -> list[Known]:
    """Keys that differ from `name` in their unit only, and in their table if it names none."""
    *tables, last = name.split(".")
    stem = _without_unit(as_snake(last))
    return [
        one for one in _KEYS if _without_unit(one.path[-1]) == stem and (not tables or _fits(one.path[:-1], tables))
    ]


def _without_unit(name: str) -> str:
    return _UNIT.sub("", name)


def _nearest(name: str) -> str:
    names = [one.name for one in _KEYS]
    pattern = ".".join("*" if word.isdigit() else as_snake(word) for word in name.split("."))
    last = pattern.rpartition(".")[2]
    if pattern in names:
        return f"did you mean {pattern}?"
    by_last = [one for one in names if one.rpartition(".")[2] == last]
    if not by_last and (hint := alias_hint(name)):
        return hint
    if not by_last and (found := _with_another_unit(name)):
        return f"did you mean {_or(f'{one.name} (in {one.key.unit})' if one.key.unit else one.name for one in found)}?"
    close = by_last or difflib.get_close_matches(pattern, names, n=3) or _close_words(last, names)
    return f"did you mean {_or(close)}?" if close else "see jp config explain for all"


def _or(names: Iterable[str]) -> str:
    return " or ".join(list(names)[:3])


def _close_words(word: str, names: Sequence[str]) -> list[str]:
    lasts = {one.rpartition(".")[2]: one for one in reversed(names)}
    return [lasts[one] for one in difflib.get_close_matches(word, list(lasts), n=3)]


def _value_text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(_value_text, value)) + "]"
        case float():
            return f"{value:g}" if abs(value) < 1e5 else f"{value:,.0f}".replace(",", "_")
        case _:
            return str(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
