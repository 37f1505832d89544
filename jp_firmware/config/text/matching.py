"""Which items of a list are the same item before and after: by their uid, name or id, else by their content."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import attrs

from jp_firmware.config.text.keys import name_of


@attrs.frozen
class Match:
    """One item: its number before and its number after, None where it is not there."""

    before: int | None
    after: int | None


def naming(item: Any) -> tuple[str, str | int] | None:
    """What an item is called by, the key and the name; None for an item without a name."""
    if isinstance(item, dict):
        for key in ("uid", "name", "id"):
            if isinstance(found := item.get(key), str | int):
                return key, found
    return None


def words(items: Sequence[Any]) -> list[str]:
    """How people address the items of a list in a key."""
    return [str(name_of(item, number)) for number, item in enumerate(items)]


def are_named(items: Sequence[Any]) -> bool:
    """Whether each item is a table with a name of its own, so that a word says which is meant wherever it stands."""
    return all(naming(item) for item in items) and len(set(words(items))) == len(items)


def matches(before: Sequence[Any], after: Sequence[Any]) -> Iterator[Match]:
    """All items of both lists, in an order that fits both. Items that changed place count as removed and added."""
    told = SequenceMatcher(None, [_mark(item) for item in before], [_mark(item) for item in after], autojunk=False)
    for tag, first, last, first_after, last_after in told.get_opcodes():
        olds, news = range(first, last), range(first_after, last_after)
        common = len(olds) if tag == "equal" else 0
        if tag == "replace":  # where nothing tells them apart, an item in the same place is the same item, changed
            common = _alike([before[one] for one in olds], [after[one] for one in news])
        yield from (Match(old, new) for old, new in zip(olds[:common], news, strict=False))
        yield from (Match(old, None) for old in olds[common:])
        yield from (Match(None, new) for new in news[common:])


def _alike(olds: Sequence[Any], news: Sequence[Any]) -> int:
    return min(len(olds), len(news)) if not any(map(naming, (*olds, *news))) else 0


def _mark(item: Any) -> Hashable:
    named = naming(item)
    return (type(named[1]), *named) if named else exactly(item)


def exactly(value: Any) -> Hashable:
    """A value of TOML as something to compare and to look up by; of the same type and value, the same."""
    match value:
        case dict():
            return ("table", tuple(sorted((key, exactly(inner)) for key, inner in value.items())))
        case list():
            return ("list", tuple(map(exactly, value)))
    return (type(value).__name__, repr(value))
