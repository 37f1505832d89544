"""How a TOML text is laid out: which lines are whose, and where each value stands, so that it can be edited in place.

Works on text that `tomllib` has accepted, and finds places only; what the values are is tomllib's business. Places are
offsets into the text as it is, with whatever line ends it has.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import TypeAlias

import attrs

Names: TypeAlias = tuple[str, ...]

_STRING = r'"""(?:\\.|[^\\])*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:\\.|[^"\\])*"|\'[^\']*\''
_WORD = r"[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\])*\"|'[^']*'"
STRING = re.compile(_STRING, re.DOTALL)
SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")  # and comments
BLANK = re.compile(r"[ \t]*")
KEY = re.compile(rf"(?:{_WORD})(?:[ \t]*\.[ \t]*(?:{_WORD}))*")
_ONE_WORD = re.compile(_WORD)
_BARE = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n \t]")
_LINE_REST = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")


@attrs.frozen
class Pair:
    """One line `key = value`: from the start of the line to the start of the next, and the value within."""

    start: int
    end: int
    value_start: int
    value_end: int


@attrs.frozen
class Inner:
    """One item of a list, without names, or one `key = value` of an inline table."""

    names: Names
    start: int
    value_start: int
    value_end: int


@attrs.frozen
class Header:
    """One line `[name]` or `[[name]]`. `lead` is where the comment right above it starts, or where its line does."""

    lead: int
    start: int
    end: int


@attrs.define(eq=False)
class Node:
    """What stands at one key: a value (`pair`), an array of tables (`elements`), or a table.

    A table has a header of its own, or is written with dotted keys in the table `home`, or is only named by the headers
    of tables in it. `pairs` are all lines below its own header, with those of dotted tables.
    """

    names: Names  # as a header would write them, without the numbers of list items
    pair: Pair | None = None
    elements: list[Node] | None = None
    header: Header | None = None
    home: Node | None = None
    children: dict[str, Node] = attrs.field(factory=dict)
    pairs: list[Pair] = attrs.field(factory=list)

    def end(self) -> int:
        """Where the last line of all that belongs to it ends."""
        ends = [line.end for line in (self.pair, self.header, *self.pairs) if line is not None]
        return max((*ends, *(inner.end() for inner in self.inner())), default=0)

    def inner(self) -> Iterator[Node]:
        yield from self.elements or ()
        yield from self.children.values()

    def start(self) -> int:
        """Where it is first mentioned, unless a header of its own says where it stands."""
        if self.header is not None:
            return self.header.start
        if self.pair is not None:
            return self.pair.start
        return min(inner.start() for inner in self.inner())

    def headers(self) -> Iterator[Header]:
        """All headers of it and below it."""
        if self.header is not None:
            yield self.header
        for inner in self.inner():
            yield from inner.headers()

    def all_pairs(self) -> Iterator[Pair]:
        if self.pair is not None:
            yield self.pair
        for inner in self.inner():
            yield from inner.all_pairs()


def layout(text: str) -> Node:
    """The root of a valid TOML text. Its header is the empty place before the first line."""
    root = Node(names=(), header=Header(0, 0, 0))
    section = root
    at = last_end = 0
    while (at := _match(SPACE, text, at)) < len(text):
        start = text.rfind("\n", 0, at) + 1
        if text[at] == "[":
            many = text.startswith("[[", at)
            names, at = names_at(text, _match(BLANK, text, at + 1 + many))
            at = _match(BLANK, text, at) + 1 + many
            section = _section(root, names, many)
            at = _match(_LINE_REST, text, at)
            section.header = Header(_lead(text, start, last_end), start, at)
        else:
            names, at = names_at(text, at)
            value_start = _match(BLANK, text, _match(BLANK, text, at) + 1)
            value_end = value_end_at(text, value_start)
            at = _match(_LINE_REST, text, value_end)
            _put(section, names, Pair(start, at, value_start, value_end))
        last_end = at
    return root


def names_at(text: str, at: int) -> tuple[Names, int]:
    """The dotted key at `at`, as names, and where it ends."""
    end = _match(KEY, text, at)
    return tuple(_name(word) for word in _ONE_WORD.findall(text, at, end)), end


def value_end_at(text: str, at: int) -> int:
    """Where the value that starts at `at` ends."""
    match text[at]:
        case '"' | "'":
            return _match(STRING, text, at)
        case "[" | "{":
            return inner_of(text, at)[1] + 1
    return _match(_BARE, text, at)


def inner_of(text: str, at: int) -> tuple[list[Inner], int]:
    """What stands in the list or inline table at `at`, and the place of its closing bracket."""
    has_keys = text[at] == "{"
    found = []
    at = _match(SPACE, text, at + 1)
    while text[at] not in "]}":
        start = at
        names: Names = ()
        if has_keys:
            names, at = names_at(text, at)
            at = _match(BLANK, text, _match(BLANK, text, at) + 1)
        end = value_end_at(text, at)
        found.append(Inner(names, start, at, end))
        at = _match(SPACE, text, end)
        if text[at] == ",":
            at = _match(SPACE, text, at + 1)
    return found, at


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(f"not valid TOML at offset {at}")
    return found.end()


def _name(word: str) -> str:
    if word[0] == '"':
        return str(tomllib.loads(f"k = {word}")["k"])
    return word[1:-1] if word[0] == "'" else word


def _section(root: Node, names: Names, many: bool) -> Node:
    """The table that a header opens."""
    at = root
    for number, name in enumerate(names, 1):
        at = at.children.setdefault(name, Node(names[:number]))
        if number == len(names) and many:
            at.elements = [] if at.elements is None else at.elements
            at.elements.append(Node(names))
        if at.elements:
            at = at.elements[-1]
    return at


def _put(section: Node, names: Names, pair: Pair) -> None:
    section.pairs.append(pair)
    at = section
    for name in names[:-1]:
        at = at.children.setdefault(name, Node((*at.names, name)))
        at.home = section
    at.children[names[-1]] = Node((*at.names, names[-1]), pair=pair)


def _lead(text: str, start: int, last_end: int) -> int:
    """Where the comment lines right above `start` begin. What stands at the very top is the file's own comment."""
    at = start
    while at > last_end:
        above = text.rfind("\n", 0, at - 1) + 1
        if above < last_end or not text[above:at].lstrip().startswith("#"):
            return at
        at = above
    return at or start
