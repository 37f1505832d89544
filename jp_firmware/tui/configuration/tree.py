"""The rows of the tree of keys: tables and lists with what stands below them, and each key with its value and source.

The shape is that of the declared keys; the items of lists are those of the draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import attrs

from jp_firmware.tui.configuration.desk import Desk, Only
from jp_firmware.tui.configuration.draft import MISSING, value_at
from jp_firmware.tui.configuration.keys import Declared, Kind, Parts, key_text, parts_of, words_of

Shape = Literal["table", "list", "item", "value", "add", "removed"]


@attrs.frozen(kw_only=True)
class Row:
    """One row. `source` is where the value comes from; `mark` what the draft does to it."""

    parts: Parts
    shape: Shape
    declared: Declared
    value: Any = None
    source: str = ""
    mark: Literal["", "changed", "added", "removed"] = ""
    count: int = 0  # of a list's items
    is_open: bool = False

    @property
    def key(self) -> tuple[Parts, str]:
        """What the cursor follows it by."""
        return (self.parts, "add" if self.shape == "add" else "")

    @property
    def depth(self) -> int:
        return len(self.parts) - 1 + (self.shape == "add")

    @property
    def is_group(self) -> bool:
        return self.shape in ("table", "list", "item")


def rows_of(desk: Desk) -> list[Row]:
    """All rows to be shown, in the order of the keys."""
    return list(_Walk(desk).keys((), ()))


def find(desk: Desk, words: str) -> list[Row]:
    """All values, lists and items whose key or explanation holds all `words`, wherever they stand; keys first."""
    wanted = words.lower().split()
    rows = [one for one in _Walk(desk, everything=True).keys((), ()) if one.shape != "add"]
    in_key = [one for one in rows if all(word in key_text(one.parts).lower() for word in wanted)]
    in_text = [
        one
        for one in rows
        if one not in in_key
        and one.shape == "value"
        and all(word in f"{key_text(one.parts)} {one.declared.text}".lower() for word in wanted)
    ]
    return in_key + in_text


def row_at(desk: Desk, parts: Parts) -> Row | None:
    """The row of one key, whatever the tree shows."""
    return next((one for one in _Walk(desk, everything=True).keys((), ()) if one.key == (parts, "")), None)


class _Walk:
    """Goes through the keys once, with what the draft changes at hand."""

    def __init__(self, desk: Desk, everything: bool = False) -> None:
        self._desk = desk
        self._everything = everything
        self._values = {} if desk.in_force is None else desk.in_force.values
        self._changed = {one.parts: one for one in desk.differences}
        self._around = {one.parts[:length] for one in desk.differences for length in range(len(one.parts))}
        self._around |= {parts[:length] for parts in self._secrets() for length in range(len(parts))}

    def keys(self, path: Parts, parts: Parts) -> Iterator[Row]:
        """The rows of the keys of a table, declared below `path`, that stands at `parts`."""
        for declared in self._desk.catalogue.below(path):
            at = (*parts, declared.path[-1])
            if declared.kind is Kind.TABLE:
                yield from self._group(Row(parts=at, shape="table", declared=declared, mark=self._mark(at)))
            elif declared.kind is Kind.TABLES:
                yield from self._list(declared, at)
            elif self._is_shown(row := self._value(declared, at)):
                yield row

    def _group(self, row: Row) -> Iterator[Row]:
        """A table or an item, and below it its keys if it is open."""
        row = attrs.evolve(row, is_open=self._is_open(row.parts))
        below: Sequence[Row] = ()
        if row.is_open:
            below = list(self.keys(row.declared.below, row.parts))
        if self._unfiltered or below:
            yield row
            yield from below

    def _list(self, declared: Declared, at: Parts) -> Iterator[Row]:
        items = value_at(self._desk.data, at)
        words = words_of(items) if isinstance(items, list) else []
        row = Row(
            parts=at,
            shape="list",
            declared=declared,
            count=len(words),
            mark=self._mark(at),
            is_open=self._is_open(at),
        )
        below: list[Row] = []
        if row.is_open:
            for word in words:
                item = (*at, word)
                below += self._group(Row(parts=item, shape="item", declared=declared, mark=self._mark(item)))
            below += self._removed(declared, at)
            if self._unfiltered:
                below.append(Row(parts=at, shape="add", declared=declared))
        if self._unfiltered or below:
            yield row
            yield from below

    def _removed(self, declared: Declared, at: Parts) -> Iterator[Row]:
        for parts, one in self._changed.items():
            is_gone = one.is_item and one.after is MISSING and value_at(self._desk.data, parts) is MISSING
            if is_gone and parts[:-1] == at and self._desk.only is not Only.SET:
                yield Row(parts=parts, shape="removed", declared=declared, mark="removed")

    def _value(self, declared: Declared, at: Parts) -> Row:
        value, source = self._value_and_source(declared, at)
        return Row(parts=at, shape="value", declared=declared, value=value, source=source, mark=self._mark(at))

    def _value_and_source(self, declared: Declared, at: Parts) -> tuple[Any, str]:
        told = self._values.get(at)
        if declared.secret:
            is_new = key_text(at) in self._desk.secrets
            return ("new, hidden" if is_new else "set" if told and told.is_set else "not set"), "secret"
        drafted = value_at(self._desk.data, at)
        if told is not None and told.source == "command line" and not self._mark(at):
            return told.value, told.source
        if drafted is not MISSING:
            return drafted, "file"
        if told is not None and not self._mark(at):
            return told.value, told.source
        return declared.default, "default"

    def _mark(self, at: Parts) -> Literal["", "changed", "added"]:
        for length in range(1, len(at) + 1):
            one = self._changed.get(at[:length])
            if one is not None:
                return "added" if one.is_item and one.before is MISSING and one.after is not MISSING else "changed"
        return "changed" if at in self._around or at in self._secrets() else ""

    def _secrets(self) -> set[Parts]:
        return {parts_of(key) for key in self._desk.secrets}

    @property
    def _unfiltered(self) -> bool:
        return self._everything or self._desk.only is Only.ALL

    def _is_open(self, at: Parts) -> bool:
        return self._everything or self._desk.only is not Only.ALL or at in self._desk.opened

    def _is_shown(self, row: Row) -> bool:
        if self._unfiltered:
            return True
        if self._desk.only is Only.DRAFT:
            return bool(row.mark) and (row.mark != "added" or row.source != "default")
        return row.source != "default" and row.value != "not set"
