"""Where each key of a TOML file stands, so that a mistake can be told with its line.

Works on text that `tomllib` has accepted, and finds lines only; what the values are is tomllib's business.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]  # names of tables and keys, numbers of list items

_BLANK = " \t"
_QUOTES = "\"'"


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table, key and list item of a valid TOML text."""
    return _Scanner(text.replace("\r\n", "\n")).scan()


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of `path`, or of the closest thing around it that stands in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text + "\n"
        self._at = 0
        self._line = 1
        self._lines: dict[KeyPath, int] = {(): 1}
        self._table_counts: dict[KeyPath, int] = {}  # of arrays of tables, so far

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_to_statement():
            if self._here() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    # --- statements ------------------------------------------------------------------------------------------------

    def _header(self) -> KeyPath:
        line = self._line
        self._step()
        many = self._here() == "["
        if many:
            self._step()
        names = self._key("]")
        self._step(2 if many else 1)
        path: KeyPath = ()
        for name in names[:-1]:
            path = self._latest((*path, name), line)
        path = (*path, names[-1])
        if many:
            number = self._table_counts.get(path, 0)
            self._table_counts[path] = number + 1
            self._lines.setdefault(path, line)
            path = (*path, number)
        else:
            path = self._latest(path, line)
        self._lines[path] = line
        return path

    def _latest(self, path: KeyPath, line: int) -> KeyPath:
        """A table on the way; of an array of tables, the one written last."""
        self._lines.setdefault(path, line)
        count = self._table_counts.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: KeyPath) -> None:
        line = self._line
        path = table
        for name in self._key("="):
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._step()
        self._value(path)

    # --- values ----------------------------------------------------------------------------------------------------

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        here = self._here()
        if here == "[":
            self._list(path)
        elif here == "{":
            self._inline_table(path)
        elif here in _QUOTES:
            self._string()
        else:
            while self._here() not in ",]}#\n":
                self._step()

    def _list(self, path: KeyPath) -> None:
        self._step()
        number = 0
        while self._skip_within() != "]":
            self._lines[(*path, number)] = self._line
            self._value((*path, number))
            number += 1
            if self._skip_within() == ",":
                self._step()
        self._step()

    def _inline_table(self, path: KeyPath) -> None:
        self._step()
        while self._skip_within() != "}":
            self._pair(path)
            if self._skip_within() == ",":
                self._step()
        self._step()

    def _string(self) -> None:
        quote = self._here()
        if self._text.startswith(quote * 3, self._at):
            self._step(3)
            while not self._text.startswith(quote * 3, self._at):
                self._step(2 if quote == '"' and self._here() == "\\" else 1)
            self._step(3)
            while self._here() == quote:  # up to two quotes may stand right before the closing ones
                self._step()
            return
        self._step()
        while self._here() != quote:
            self._step(2 if quote == '"' and self._here() == "\\" else 1)
        self._step()

    # --- keys and space --------------------------------------------------------------------------------------------

    def _key(self, end: str) -> list[str]:
        """The names of a dotted key, up to `end`, which is not consumed."""
        start = self._at
        while self._here() != end:
            if self._here() in _QUOTES:
                self._string()
            else:
                self._step()
        # tomllib knows how quoted and dotted names are read.
        nested: Any = tomllib.loads(self._text[start : self._at].strip() + " = 0")
        names = []
        while isinstance(nested, dict):
            ((name, nested),) = nested.items()
            names.append(name)
        return names

    def _skip_to_statement(self) -> bool:
        self._skip_within()
        return self._at < len(self._text)

    def _skip_within(self) -> str:
        """Skips space, newlines and comments; returns what stands there then."""
        while self._at < len(self._text):
            if self._here() == "#":
                while self._here() != "\n":
                    self._step()
            if self._here() not in " \t\n":
                break
            self._step()
        return self._here()

    def _skip(self, what: str) -> None:
        while self._here() in what:
            self._step()

    def _here(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else "\0"

    def _step(self, count: int = 1) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count
