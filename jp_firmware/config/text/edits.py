"""Edits of a configuration as data: put, remove, add, with keys as people write them, and what turns one into another.

A key is dotted, and an item of a list is addressed by its uid, name or id, else by its number in the list:
`connectors.2.weight`. A part that holds a dot is quoted as in TOML: `wires."can.0".port`. Edits are laid over data
here; `document` lays them over the text.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import one_line, suggest
from jp_firmware.config.text import written
from jp_firmware.config.text.matching import are_named, matches, words

Data: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, ...]

_PART = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'[^']*'|[^."']+)\s*(\.|\Z)""", re.DOTALL)


def parts_of(key: str | Iterable[str]) -> Key:
    """The parts of a dotted key. Raises ConfigError when it is none."""
    if not isinstance(key, str):
        return tuple(key)
    parts: list[str] = []
    at, more = 0, True
    while more:
        found = _PART.match(key, at)
        if found is None or not (part := found[1].strip()):
            raise ConfigError(f"{one_line(key)!r} is not a key; write it with dots, as in connectors.2.weight")
        parts.append(re.sub(r"\\(.)", r"\1", part[1:-1], flags=re.DOTALL) if part[0] == '"' else part.strip("'"))
        at, more = found.end(), found[2] == "."
    return tuple(parts)


def key_of(parts: Iterable[str]) -> str:
    """The parts as one dotted key, quoted where it would be read differently."""
    return ".".join(
        part
        if part and part == part.strip() and not set(part) & set(".\"'\\")
        else '"' + re.sub(r'(["\\])', r"\\\1", part) + '"'
        for part in parts
    )


@attrs.frozen
class Put:
    """Gives a key a value. Tables on the way are made; items of lists are not."""

    key: Key = attrs.field(converter=parts_of)
    value: Any = attrs.field(converter=written.plain)


@attrs.frozen
class Remove:
    """Takes a key, or an item of a list, away."""

    key: Key = attrs.field(converter=parts_of)


@attrs.frozen
class Add:
    """Adds an item to a list, at its end or before the item that is called `before`. The list is made if need be."""

    key: Key = attrs.field(converter=parts_of)
    item: Any = attrs.field(converter=written.plain)
    before: str | None = None


Edit: TypeAlias = Put | Remove | Add


def laid_over(data: Data, edits: Iterable[Edit]) -> Data:
    """`data` with the edits made, one after the other; `data` itself stays.

    Raises ConfigError for a key that cannot be followed, naming what there is.
    """
    data = copy.deepcopy(data)
    for edit in edits:
        match edit:
            case Put():
                holder, step = _place(data, edit.key, make=True)
                holder[step] = copy.deepcopy(edit.value)
            case Remove():
                holder, step = _place(data, edit.key)
                if isinstance(holder, dict) and step not in holder:
                    raise _missing(edit.key, str(step), list(holder))
                del holder[step]
            case Add():
                _add(data, edit)
    return data


def edits_between(before: Data, after: Data) -> tuple[Edit, ...]:
    """Edits that make `after` of `before`. Items of lists are told apart by their names, not by their places."""
    return tuple(_between(before, after, ()))


def leaves(data: Data) -> dict[Key, Any]:
    """All values in `data` by their keys, those in tables of lists too."""
    return dict(_leaves(data, ()))


def _leaves(value: Any, at: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, dict):
        inner = list(value.items())
    elif written.is_tables(value):
        inner = list(zip(words(value), value, strict=True))
    else:
        yield at, value
        return
    for name, one in inner:
        yield from _leaves(one, (*at, name))


# --- following a key -----------------------------------------------------------------------------------------------


def _place(data: Data, key: Key, make: bool = False) -> tuple[Any, Any]:
    """The table or list that holds the last part of `key`, and the key or number in it."""
    if not key:
        raise ConfigError("the key is empty; name one, as in site.limit_w")
    at: Any = data
    for number, part in enumerate(key, 1):
        if isinstance(at, list):
            step: Any = _number(at, part, key)
        elif isinstance(at, dict):
            step = part
        else:
            raise ConfigError(f"{key_of(key)}: {key_of(key[: number - 1])} holds a value, no keys")
        if number == len(key):
            return at, step
        if isinstance(at, dict) and step not in at:
            if not make:
                raise _missing(key, part, list(at))
            at[step] = {}
        at = at[step]
    raise AssertionError("unreachable")


def _number(items: list[Any], part: str, key: Key) -> int:
    known = words(items)
    if part not in known:
        raise _missing(key, part, known)
    return known.index(part)


def _missing(key: Key, part: str, known: list[str]) -> ConfigError:
    return ConfigError(one_line(f"{key_of(key)}: there is no {part}; {suggest(part, known)}"))


def _add(data: Data, edit: Add) -> None:
    holder, step = _place(data, edit.key, make=True)
    items = holder.setdefault(step, []) if isinstance(holder, dict) else holder[step]
    if not isinstance(items, list):
        raise ConfigError(f"{key_of(edit.key)} is not a list, nothing can be added to it; put the value instead")
    at = len(items) if edit.before is None else _number(items, edit.before, edit.key)
    items.insert(at, copy.deepcopy(edit.item))


# --- from one to another -------------------------------------------------------------------------------------------


def _between(before: Data, after: Data, at: Key) -> Iterator[Edit]:
    for name in before:
        if name not in after:
            yield Remove((*at, name))
    for name, new in after.items():
        key = (*at, name)
        if name not in before:
            yield Put(key, new)
            continue
        old = before[name]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _between(old, new, key)
        elif isinstance(old, list) and isinstance(new, list) and are_named(old) and are_named(new):
            yield from _between_lists(old, new, key)
        elif not written.same(old, new):
            yield Put(key, new)


def _between_lists(before: Sequence[Data], after: Sequence[Data], at: Key) -> Iterator[Edit]:
    told = list(matches(before, after))
    old_words, new_words = words(before), words(after)
    yield from (Remove((*at, old_words[one.before])) for one in told if one.after is None and one.before is not None)
    following: str | None = None
    for one in reversed(told):  # from the end, so that the item to stand before is always there
        if one.after is None:
            continue
        word = new_words[one.after]
        if one.before is None:
            yield Add(at, after[one.after], following)
        else:
            yield from _between(before[one.before], after[one.after], (*at, word))
        following = word
