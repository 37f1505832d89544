"""Where each key of a TOML file stands, so that a mistake can be told with its line.

Works on text that `tomllib` has accepted, and finds lines only; what the values are is tomllib's business.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TypeAlias

from jp_firmware.config.text.layout import Node, inner_of, layout

KeyPath: TypeAlias = tuple[str | int, ...]  # names of tables and keys, numbers of list items


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table, key and list item of a valid TOML text."""
    places: dict[KeyPath, int] = {}
    _note(text, layout(text), (), places)
    ends = [at for at, character in enumerate(text) if character == "\n"]
    return {path: bisect_right(ends, at - 1) + 1 for path, at in places.items()}


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of `path`, or of the closest thing around it that stands in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _note(text: str, node: Node, path: KeyPath, places: dict[KeyPath, int]) -> None:
    places[path] = node.start()
    if node.pair is not None:
        _note_inner(text, node.pair.value_start, path, places)
    for number, element in enumerate(node.elements or ()):
        _note(text, element, (*path, number), places)
    for name, child in node.children.items():
        _note(text, child, (*path, name), places)


def _note_inner(text: str, at: int, path: KeyPath, places: dict[KeyPath, int]) -> None:
    """What stands in a list or an inline table."""
    if text[at] not in "[{":
        return
    for number, one in enumerate(inner_of(text, at)[0]):
        inner = path
        for step in one.names or (number,):
            inner = (*inner, step)
            places.setdefault(inner, one.start)
        _note_inner(text, one.value_start, inner, places)
