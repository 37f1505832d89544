"""A configuration's text edited by machine: comments, order and formatting of all that is not edited survive.

What is to be said is worked out as data; here the text is made to say it, by replacing, inserting and removing just
what differs. tomlkit writes the values, but is not asked to place anything: it moves comments to the wrong table, drops
them with the item before, reorders tables that stand apart, and loses a dotted table that becomes empty (0.15.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import inline, toml, written
from jp_firmware.config.text.edits import Data, Edit, laid_over
from jp_firmware.config.text.layout import Node, layout
from jp_firmware.config.text.matching import Match, matches

_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_BLANK_LINE = re.compile(r"[ \t]*\r?(?:\n|\Z)")
_ENDS_BLANK = re.compile(r"\n[ \t]*\r?\n\Z")
_INDENT = re.compile(r"[ \t]*")


def edited(text: str, edits: Iterable[Edit]) -> str:
    """`text`, valid TOML, with the edits made. A key that is given the value it has leaves the text byte for byte.

    A new key comes behind the last one of its table, a new table behind the last one of the table it is in, a new item
    behind the last one of its list. Removing a key removes its line with the comment in it; removing a table, the
    comment right above it too. Raises ConfigError for a key that cannot be followed, or text that is not TOML.
    """
    try:
        data = toml.loads(text)
    except toml.TomlError as error:
        place = f"line {error.line}{f', column {error.column}' if error.column else ''}"
        raise ConfigError(f"the text to edit is not TOML at {place}: {error.what}; first of all by hand") from error
    return rewritten(text, data, laid_over(data, edits))


def rewritten(text: str, data: Data, wanted: Data) -> str:
    """`text`, which says `data`, made to say `wanted` with as little change as possible."""
    if written.same(data, wanted):
        return text
    rewrite = _Rewrite(text)
    rewrite.table(layout(text), data, wanted)
    made = rewrite.made()
    if not _says(made, wanted):
        raise ConfigError("this text cannot be edited by machine without changing what else it says; edit it by hand")
    return made


def _says(text: str, wanted: Data) -> bool:
    try:
        return written.same(toml.loads(text), wanted)
    except toml.TomlError:
        return False


@attrs.frozen(order=True)
class _Insertion:
    """Text to come in at `at`: first lines, which belong to the table above, then tables; then in the order made."""

    at: int
    is_table: bool
    order: int
    text: str
    spaced: bool  # blank lines around it


class _Rewrite:
    """Collects what to replace, remove and insert, all by places in the text as it was."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._replaced: dict[tuple[int, int], str] = {}
        self._removed: list[tuple[int, int]] = []
        self._insertions: list[_Insertion] = []

    # --- making one table say what is wanted ------------------------------------------------------------------------

    def table(self, node: Node, old: Data, new: Data) -> None:
        added: Data = {}
        for name, value in old.items():
            child = node.children[name]
            if name not in new or not self._changed(child, value, new[name]):
                self._remove(child)
                added |= {name: new[name]} if name in new else {}
        added |= {name: new[name] for name in new if name not in old}
        if added:
            self._add(node, added)

    def _changed(self, node: Node, old: Any, new: Any) -> bool:
        """Whether what stands at `node` could be made to say `new` where it is."""
        if written.same(old, new):
            return True
        if node.pair is not None:
            start, end = node.pair.value_start, node.pair.value_end
            indent = self._indent(node.pair.start)
            self._replaced[start, end] = inline.changed(self._text[start:end], old, new, indent, self._newline)
            return True
        if node.elements is not None:
            if written.is_tables(new):
                self._list(node.names, node.elements, old, new)
                return True
            return False
        if isinstance(new, dict) and (new or node.header):
            self.table(node, old, new)
            return True
        return False

    def _list(self, names: tuple[str, ...], elements: list[Node], old: list[Data], new: list[Data]) -> None:
        told = list(matches(old, new))
        spaced = len(elements) < 2 or self._is_blank_above(_lead(elements[-1]))
        for one in told:
            if one.before is not None and one.after is not None:
                self.table(elements[one.before], old[one.before], new[one.after])
            elif one.before is not None:
                self._remove(elements[one.before])
        for number, one in enumerate(told):
            if one.before is None and one.after is not None:
                text = written.table(names, new[one.after], self._newline, many=True)
                self._insert(self._place_before(elements, told[number:]), text, is_table=True, spaced=spaced)

    def _place_before(self, elements: list[Node], rest: list[Match]) -> int:
        for one in rest:
            if one.before is not None:
                return _lead(elements[one.before])
        return elements[-1].end()

    # --- adding -----------------------------------------------------------------------------------------------------

    def _add(self, node: Node, added: Data) -> None:
        if node.home is not None and node.header is None:
            prefix = node.names[len(node.home.names) :]
            lines = "".join(self._line(node.home, (*prefix, name), value) for name, value in added.items())
            self._insert(max(pair.end for pair in node.all_pairs() if pair in node.home.pairs), lines)
            return
        tables = {name: value for name, value in added.items() if isinstance(value, dict) or written.is_tables(value)}
        pairs = {name: value for name, value in added.items() if name not in tables}
        if node.header is None:  # only named by the headers of tables in it
            if pairs:
                first = min(node.headers(), key=lambda header: header.start)
                self._insert(first.lead, written.table(node.names, pairs, self._newline), is_table=True, spaced=True)
        elif pairs:
            lines = "".join(self._line(node, (name,), value) for name, value in pairs.items())
            self._insert_pairs(node, lines)
        end = len(self._text) if not node.names else node.end()
        for name, value in tables.items():
            self._insert(end, written.block((*node.names, name), value, self._newline), is_table=True, spaced=True)

    def _insert_pairs(self, node: Node, lines: str) -> None:
        assert node.header is not None
        if node.pairs or node.names:
            self._insert(max([node.header.end, *(pair.end for pair in node.pairs)]), lines)
            return
        self._insert(self._end_of_heading(), lines, spaced=True)

    def _end_of_heading(self) -> int:
        """Behind the comment at the top of a file without a key before its first table."""
        at = 0
        while self._text.startswith("#", at):
            at = (self._text.find("\n", at) + 1) or len(self._text)
        blank = _BLANK_LINES.match(self._text, at)
        return blank.end() if blank and blank.end() > at else 0

    def _line(self, section: Node, names: tuple[str, ...], value: Any) -> str:
        last = max(section.pairs, key=lambda pair: pair.start, default=section.header)
        assert last is not None
        return written.pair(names, value, self._indent(last.start) if section.pairs else "", self._newline)

    def _insert(self, at: int, text: str, *, is_table: bool = False, spaced: bool = False) -> None:
        self._insertions.append(_Insertion(at, is_table, len(self._insertions), text, spaced))

    # --- removing ---------------------------------------------------------------------------------------------------

    def _remove(self, node: Node) -> None:
        if node.pair is not None:
            self._remove_lines(node.pair.start, node.pair.end)
        if node.header is not None:
            self._remove_lines(node.header.lead, max([node.header.end, *(pair.end for pair in node.pairs)]))
        for inner in node.inner():
            self._remove(inner)

    def _remove_lines(self, start: int, end: int) -> None:
        """With the blank lines behind them, where blank lines stand above too."""
        if self._is_blank_above(start):
            blank = _BLANK_LINES.match(self._text, end)
            end = blank.end() if blank else end
        self._removed.append((start, end))

    def _is_blank_above(self, start: int) -> bool:
        """Whether a blank line, or nothing, stands above the line that begins at `start`."""
        above = self._text.rfind("\n", 0, start - 1) + 1 if start else 0
        return not self._text[above:start].strip()

    def _indent(self, start: int) -> str:
        found = _INDENT.match(self._text, start)
        return found[0] if found else ""

    # --- the text made ----------------------------------------------------------------------------------------------

    def made(self) -> str:
        kept = self._kept()
        out = ""
        for insertion in sorted(self._insertions):
            while kept and kept[0][0] < insertion.at:
                start, end = kept.pop(0)
                if end > insertion.at:
                    kept.insert(0, (insertion.at, end))
                out += self._piece(start, min(end, insertion.at))
            out = self._with(out, insertion, kept)
        out += "".join(self._piece(start, end) for start, end in kept)
        if self._removed and _ENDS_BLANK.search(out) and not _ENDS_BLANK.search(self._text):
            out = out.rstrip() + self._newline
        return out

    def _with(self, out: str, insertion: _Insertion, kept: list[tuple[int, int]]) -> str:
        if out and not out.endswith("\n"):
            out += self._newline
        if insertion.spaced and out and not _ENDS_BLANK.search(out):
            out += self._newline
        out += insertion.text
        if insertion.spaced and kept and not _BLANK_LINE.match(self._text, kept[0][0]):
            out += self._newline
        return out

    def _kept(self) -> list[tuple[int, int]]:
        """The stretches of the text that are not removed, in order."""
        kept, at = [], 0
        for start, end in sorted(self._removed):
            if start > at:
                kept.append((at, start))
            at = max(at, end)
        if at < len(self._text):
            kept.append((at, len(self._text)))
        return kept

    def _piece(self, start: int, end: int) -> str:
        """A stretch of the text, with the values in it that were replaced."""
        out, at = "", start
        for (first, last), value in sorted(self._replaced.items()):
            if start <= first < end:
                out += self._text[at:first] + value
                at = last
        return out + self._text[at:end]


def _lead(element: Node) -> int:
    assert element.header is not None
    return element.header.lead
