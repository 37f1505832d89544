"""Changes of a configuration that nobody has applied yet: data that is edited, and what it differs in from its base.

The data are those of a TOML text, tables and lists. What was changed is not noted but found by comparing, so that
undoing a change by hand leaves no trace. Everything here returns new data and leaves what it was given as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from jp_firmware.tui.configuration.keys import Parts, key_text, name_of, words_of

Data = dict[str, Any]


class Missing:
    """Stands for a value that is not there: None is none of TOML's values, but looks like one."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def value_at(data: Mapping[str, Any], parts: Parts) -> Any:
    """The value of a key, or MISSING."""
    at: Any = data
    for part in parts:
        if isinstance(at, Mapping) and part in at:
            at = at[part]
        elif isinstance(at, list) and part in (known := words_of(at)):
            at = at[known.index(part)]
        else:
            return MISSING
    return at


def with_value(data: Data, parts: Parts, value: Any) -> Data:
    """`data` with a key's value; tables on the way are made. Raises KeyError where there is no such item."""
    made = copy.deepcopy(data)
    at: Any = made
    for part in parts[:-1]:
        at = at.setdefault(part, {}) if isinstance(at, dict) else at[_number(at, part)]
    if isinstance(at, dict):
        at[parts[-1]] = value
    else:
        at[_number(at, parts[-1])] = value
    return made


def without(data: Data, parts: Parts) -> Data:
    """`data` without a key, or without an item of a list. Tables that were written stay, though empty."""
    made = copy.deepcopy(data)
    holder = value_at(made, parts[:-1])
    if isinstance(holder, dict):
        holder.pop(parts[-1], None)
    elif isinstance(holder, list):
        del holder[_number(holder, parts[-1])]
    return made


def with_item(data: Data, parts: Parts, item: Data) -> Data:
    """`data` with an item at the end of a list; the list is made if need be."""
    held = value_at(data, parts)
    return with_value(data, parts, [*(held if isinstance(held, list) else []), item])


def with_old_item(data: Data, base: Mapping[str, Any], parts: Parts) -> Data:
    """`data` with an item of a list that `base` has, at its old place; a list without names is all as it was."""
    old, held = value_at(base, parts[:-1]), value_at(data, parts[:-1])
    items = held if isinstance(held, list) else []
    if not all(map(name_of, (*old, *items))):
        return with_value(data, parts[:-1], old)
    now = dict(zip(words_of(items), items, strict=True))
    first = {word: now.get(word, one) for word, one in zip(words_of(old), old, strict=True)}
    back = [one for word, one in first.items() if word in now or word == parts[-1]]
    return with_value(data, parts[:-1], back + [one for word, one in now.items() if word not in first])


def _number(items: Any, part: str) -> int:
    known = words_of(items) if isinstance(items, list) else []
    if part not in known:
        raise KeyError(part)
    return known.index(part)


# --- what differs --------------------------------------------------------------------------------------------------


@attrs.frozen
class Difference:
    """One key, or one item of a list, that the draft changes. `before` or `after` may be MISSING."""

    parts: Parts
    before: Any
    after: Any
    is_item: bool = False
    followed_by: str | None = None  # an item that is added stands before that one

    @property
    def edit(self) -> dict[str, Any]:
        """As the charger takes it."""
        if self.after is MISSING:
            return {"remove": key_text(self.parts)}
        if self.is_item:
            edit = {"add": key_text(self.parts[:-1]), "item": self.after}
            return edit if self.followed_by is None else edit | {"before": self.followed_by}
        return {"put": key_text(self.parts), "value": self.after}


def differences(base: Mapping[str, Any], data: Mapping[str, Any], at: Parts = ()) -> Iterator[Difference]:
    """All that differs, in an order in which the edits can be made one after the other."""
    for name in base:
        if name not in data:
            yield Difference((*at, name), base[name], MISSING)
    for name, after in data.items():
        before, parts = base.get(name, MISSING), (*at, name)
        if isinstance(after, dict) and (isinstance(before, dict) or (before is MISSING and after)):
            yield from differences(before if isinstance(before, dict) else {}, after, parts)
        elif _are_tables(after) and (before is MISSING or before == [] or _are_tables(before)):
            yield from _of_lists([] if before is MISSING else before, after, parts)
        elif not _same(before, after):
            yield Difference(parts, before, after)


def _of_lists(before: Sequence[Data], after: Sequence[Data], at: Parts) -> Iterator[Difference]:
    old, new = words_of(before), words_of(after)
    if all(map(name_of, (*before, *after))) and len(set(old)) == len(old) and len(set(new)) == len(new):
        kept = [word for word in old if word in new]
        if kept != [word for word in new if word in old]:  # the order was changed by hand: only the whole list says so
            yield Difference(at, list(before), list(after))
            return
        yield from (Difference((*at, word), before[old.index(word)], MISSING, True) for word in old if word not in new)
        for number, word in enumerate(new):
            if word in old:
                yield from differences(before[old.index(word)], after[number], (*at, word))
            else:
                following = next((later for later in new[number + 1 :] if later in old), None)
                yield Difference((*at, word), MISSING, after[number], True, following)
        return
    if any(map(name_of, (*before, *after))):  # names that do not tell all apart
        yield Difference(at, list(before), list(after))
        return
    # Items without names are addressed by their numbers: taken away from the end, compared in place, added at the end.
    if len(after) < len(before):
        gone = _left_out(before, after)
        if gone is None:
            yield Difference(at, list(before), list(after))
            return
        yield from (Difference((*at, str(number)), before[number], MISSING, True) for number in reversed(gone))
        return
    for number, one in enumerate(before):
        yield from differences(one, after[number], (*at, str(number)))
    for number in range(len(before), len(after)):
        yield Difference((*at, str(number)), MISSING, after[number], True)


def _left_out(before: Sequence[Data], after: Sequence[Data]) -> list[int] | None:
    """The numbers of the items that are missing in `after`; None if that is not all that differs."""
    gone, at = [], 0
    for number, one in enumerate(before):
        if at < len(after) and _same(one, after[at]):
            at += 1
        else:
            gone.append(number)
    return gone if at == len(after) else None


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _same(one: Any, other: Any) -> bool:
    """Of the same value and type: 1, 1.0 and true are three values of TOML."""
    return type(one) is type(other) and bool(one == other) and repr(one) == repr(other)
