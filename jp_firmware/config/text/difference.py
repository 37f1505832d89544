"""What changed between two configurations, as people see it; and two changes of one configuration brought together.

Items of lists are told apart by their uid, name or id wherever they have one. Values of secret keys are never in what
comes out of here, as long as the caller says which keys those are.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from jp_firmware.config.structure import one_line
from jp_firmware.config.text import toml, written
from jp_firmware.config.text.document import rewritten
from jp_firmware.config.text.edits import Data, Key, key_of
from jp_firmware.config.text.matching import are_named, matches, naming, words

IsSecret: TypeAlias = Callable[[Key], bool]

SECRET = "(secret)"


def nothing_is_secret(_: Key) -> bool:
    return False


@attrs.frozen
class Change:
    """One key that changed. None before or after means that it was not there, or is not there any more.

    `what`: the value of a key, a whole item of a list, or the order of a list's items (given as their names).
    """

    parts: Key
    before: Any
    after: Any
    what: Literal["value", "item", "order"] = "value"

    @property
    def key(self) -> str:
        """Dotted, as people write it: `connectors.2.weight`."""
        return key_of(self.parts)

    def __str__(self) -> str:
        if self.what == "item":
            return one_line(f"{self.key} {'added' if self.before is None else 'removed'}")
        if self.what == "order":
            return one_line(f"{self.key}: order {', '.join(self.before)} → {', '.join(self.after)}")
        if self.before == self.after == SECRET:
            return one_line(f"{self.key}: changed {SECRET}")
        return one_line(f"{self.key}: {_shown(self.before)} → {_shown(self.after)}")


def changes(before: Data, after: Data, is_secret: IsSecret = nothing_is_secret) -> tuple[Change, ...]:
    """All that differs, in the order of the keys; a change of a secret is told without either value."""
    return tuple(_changes(before, after, (), is_secret))


def redacted(data: Any, is_secret: IsSecret, at: Key = ()) -> Any:
    """`data` with the values of secret keys replaced."""
    if at and data is not None and is_secret(at):
        return SECRET
    match data:
        case dict():
            return {name: redacted(value, is_secret, (*at, name)) for name, value in data.items()}
        case list():
            known = words(data)
            return [redacted(item, is_secret, (*at, word)) for item, word in zip(data, known, strict=True)]
    return data


def text_difference(
    before: str, after: str, names: tuple[str, str] = ("before", "after"), is_secret: IsSecret = nothing_is_secret
) -> str:
    """The lines that differ between two valid texts, with three lines around them, as `diff -u` writes them.

    The values of secret keys are replaced in both, so that a line that differs in nothing else is not shown.
    """
    old, new = (_readable(text, is_secret).splitlines() for text in (before, after))
    return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, *names, lineterm=""))


# --- two at once -----------------------------------------------------------------------------------------------------


@attrs.frozen
class Conflict:
    """A key that both changed, and differently. None means that it is not there."""

    parts: Key
    base: Any
    mine: Any
    theirs: Any

    @property
    def key(self) -> str:
        return key_of(self.parts)


@attrs.frozen
class Merged:
    """What both wanted. Where they wanted different things, `data` has theirs and `conflicts` says so."""

    data: Data
    conflicts: tuple[Conflict, ...]


def merged(base: Data, mine: Data, theirs: Data) -> Merged:
    """My changes of `base` brought together with theirs, key by key and item by item."""
    conflicts: list[Conflict] = []
    return Merged(_merged_tables(base, mine, theirs, (), conflicts), tuple(conflicts))


# --- how the difference is found -------------------------------------------------------------------------------------


def _changes(before: Data, after: Data, at: Key, is_secret: IsSecret) -> Iterator[Change]:
    for name in (*before, *(name for name in after if name not in before)):
        yield from _changes_at((*at, name), before.get(name), after.get(name), is_secret)


def _changes_at(key: Key, old: Any, new: Any, is_secret: IsSecret) -> Iterator[Change]:
    if written.same(old, new):
        return
    if is_secret(key):
        yield Change(key, redacted(old, is_secret, key), redacted(new, is_secret, key))
    elif _may_be(dict, old, new) and (old or new):
        yield from _changes(old or {}, new or {}, key, is_secret)
    elif _may_be(list, old, new) and (old or new) and all(isinstance(item, dict) for item in (old or []) + (new or [])):
        yield from _changes_of_items(key, old or [], new or [], is_secret)
    else:
        yield Change(key, redacted(old, is_secret, key), redacted(new, is_secret, key))


def _may_be(kind: type, old: Any, new: Any) -> bool:
    """Both are of that kind, or one is and the other is not there."""
    return isinstance(old, kind | None) and isinstance(new, kind | None)


def _changes_of_items(key: Key, before: list[Data], after: list[Data], is_secret: IsSecret) -> Iterator[Change]:
    told = list(matches(before, after))
    old_words, new_words = words(before), words(after)
    gone = {naming(before[one.before]): one.before for one in told if one.before is not None and one.after is None}
    taken = set()  # of those gone, those that stand elsewhere now
    for one in told:
        old_at = one.before
        if one.after is None:
            continue
        if old_at is None and (named := naming(after[one.after])) is not None and named in gone:
            old_at = gone.pop(named)
            taken.add(old_at)
        item = (*key, new_words[one.after])
        if old_at is None:
            yield Change(item, None, redacted(after[one.after], is_secret, item), "item")
        else:
            yield from _changes(before[old_at], after[one.after], item, is_secret)
    for one in told:
        if one.after is None and one.before is not None and one.before not in taken:
            item = (*key, old_words[one.before])
            yield Change(item, redacted(before[one.before], is_secret, item), None, "item")
    if taken:
        yield Change(key, old_words, new_words, "order")


def _shown(value: Any) -> str:
    return "(none)" if value is None else written.inline(value)


def _readable(text: str, is_secret: IsSecret) -> str:
    data = toml.loads(text)
    return rewritten(text, data, redacted(data, is_secret))


# --- how two are brought together ------------------------------------------------------------------------------------


def _merged_tables(base: Data, mine: Data, theirs: Data, at: Key, conflicts: list[Conflict]) -> Data:
    made = {}
    for name in (*theirs, *(name for name in mine if name not in theirs)):
        values = base.get(name), mine.get(name), theirs.get(name)
        value = _merged(*values, (*at, name), conflicts)
        if value is not None:
            made[name] = value
    return made


def _merged(base: Any, mine: Any, theirs: Any, at: Key, conflicts: list[Conflict]) -> Any:
    if written.same(mine, theirs) or written.same(base, mine):
        return theirs
    if written.same(base, theirs):
        return mine
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return _merged_tables(base if isinstance(base, dict) else {}, mine, theirs, at, conflicts)
    if isinstance(mine, list) and isinstance(theirs, list) and all(map(_by_name, (base or [], mine, theirs))):
        return _merged_lists(base or [], mine, theirs, at, conflicts)
    conflicts.append(Conflict(at, base, mine, theirs))
    return theirs


def _by_name(items: Any) -> bool:
    return isinstance(items, list) and are_named(items)


def _merged_lists(base: list[Any], mine: list[Any], theirs: list[Any], at: Key, conflicts: list[Conflict]) -> list[Any]:
    by_base, by_mine, by_theirs = tables = [
        dict(zip(words(items), items, strict=True)) for items in (base, mine, theirs)
    ]
    made = _merged_tables(by_base, by_mine, by_theirs, at, conflicts)
    orders = [[word for word in table if all(word in other for other in tables)] for table in tables]
    if orders[0] == orders[2] != orders[1]:
        first, second = words(mine), words(theirs)
    else:
        first, second = words(theirs), words(mine)
        if orders[0] != orders[1] and orders[1] != orders[2]:
            conflicts.append(Conflict(at, orders[0], orders[1], orders[2]))
    return [made[word] for word in _woven(first, second) if word in made]


def _woven(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """All words, in the order of `first`; those only in `second` behind the one they stand behind there."""
    order = list(first)
    for number, word in enumerate(second):
        if word not in order:
            order.insert(order.index(second[number - 1]) + 1 if number else 0, word)
    return order
