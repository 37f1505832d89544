"""Lines of text with roles: what every view of the terminal is made of.

A span is text and a role ("label", "warn", ...); a line is a tuple of spans; a theme decides what a role looks like.
Everything here is pure and counts one cell a character: `clean` makes text from outside fit that rule, and keeps
control characters of a fault's text or a car's name away from the terminal. It knows no colour and no widget.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

Span = tuple[str, str]
Line = tuple[Span, ...]

ROLES: Final = (
    "text",  # ordinary
    "label",  # names of values
    "head",  # section headings
    "rule",  # lines that only divide
    "strong",  # what the eye should find first
    "active",  # energy flows here
    "note",  # severity 5, and other information
    "warn",  # severity 4 and 3: less than asked for
    "high",  # severity 2: does not work until someone acts
    "fail",  # severity 1: danger
    "stale",  # the value is old
    "key",  # a key one can press
    "off",  # a key that does nothing now
    "bar",  # the measured part of a bar, and trends
    "bar-soft",  # the assigned part of a bar
    "track",  # the empty part of a bar
    "chip",  # the chosen one of a row of choices
    "status",  # the first row of the screen
    "banner-fail",  # the alarm banner, by severity
    "banner-high",
    "banner-warn",
    "banner-note",
    "banner-lost",  # the link to the charger is gone
)

BLANK: Final[Line] = ()
_FRAMES: Final = str.maketrans("─│┌┐└┘→…°", "-|++++>~o")


def clean(text: str) -> str:
    """`text` with exactly one cell a character: control characters become spaces, wide and combining ones `?`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_one_cell(character) for character in text)


@lru_cache(2048)
def in_cells(text: str) -> str:
    """`text` with one character for each cell that Textual gives it: a wide one is `??`, one without width is left out.

    For drawing what is typed, which itself stays as it is: terminals differ in how wide they draw such characters.
    """
    if text.isascii() and text.isprintable():
        return text
    width = cell_len(text)
    return "".join(clean(one) * cell_len(one) for one in text)[:width].ljust(width)


@lru_cache(2048)
def in_ascii(text: str) -> str:
    """As `in_cells`, for a terminal that knows nothing else: frames of `+-|`, letters without accents, the rest `?`."""
    return "".join(one if one.isascii() else _plain_of(one) for one in in_cells(text).translate(_FRAMES))


def _plain_of(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() else "?"


def _one_cell(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category in ("Cf", "Cs", "Co", "Cn") or cell_len(character) != 1:
        return "?"
    return character


def span(text: str, role: str = "text") -> Span:
    return (text, role)


def line(*parts: Span | str) -> Line:
    """A line of spans; a bare string is a span of ordinary text."""
    return tuple((part, "text") if isinstance(part, str) else part for part in parts if part and part[0] != "")


def plain(row: Line) -> str:
    """The characters of a line, without their roles."""
    return "".join(text for text, _ in row)


def width_of(row: Line) -> int:
    return sum(len(text) for text, _ in row)


def fit(row: Line, width: int, ellipsis: str = "…") -> Line:
    """`row` in exactly `width` cells: cut with `ellipsis` where it is longer, padded where it is shorter."""
    length = width_of(row)
    if length == width:
        return row
    if length < width:
        return (*row, (" " * (width - length), "text"))
    return cut(row, width, ellipsis)


def cut(row: Line, width: int, ellipsis: str = "…") -> Line:
    """`row` in at most `width` cells, cut with `ellipsis` where it is longer."""
    if width_of(row) <= width:
        return row
    if width <= 0:
        return ()
    room = width - len(ellipsis)
    kept: list[Span] = []
    for text, role in row:
        if len(text) > room:
            kept.append((text[:room] + ellipsis, role))
            break
        kept.append((text, role))
        room -= len(text)
    return tuple(kept)


def cell(text: str, width: int, role: str = "text", *, right: bool = False, ellipsis: str = "…") -> Span:
    """One field of a table in exactly `width` cells."""
    if len(text) > width:
        text = text[: max(0, width - len(ellipsis))] + ellipsis[:width]
    return (text.rjust(width) if right else text.ljust(width), role)


def ends(left: Line, right: Line, width: int, ellipsis: str = "…") -> Line:
    """`left` at the left edge and `right` at the right one; the left is cut if they do not both fit."""
    room = max(0, width - width_of(right) - 1)
    left = cut(left, room, ellipsis)
    gap = width - width_of(left) - width_of(right)
    return cut((*left, (" " * max(0, gap), "text"), *right), width, ellipsis)


def heading(title: str, width: int, rule: str, *, right: Line = ()) -> Line:
    """`TITLE ─────── right`, the start of a section."""
    tail: Line = ((" ", "text"), *right) if right else ()
    dashes = width - len(title) - 1 - width_of(tail)
    return cut(((title, "head"), (" " + rule * max(0, dashes), "rule"), *tail), width)


def wrap(text: str, width: int, role: str = "text", *, most: int = 0, ellipsis: str = "…") -> list[Line]:
    """`text` broken at words into lines of at most `width`; with `most`, into at most that many lines."""
    rows = textwrap.wrap(clean(text), max(8, width)) or [""]
    if most and len(rows) > most:
        last = rows[most - 1]
        rows = [*rows[: most - 1], last[: max(0, width - len(ellipsis))] + ellipsis]
    return [line(span(row, role)) for row in rows]


def to_height(rows: Iterable[Line], height: int) -> list[Line]:
    """The first `height` of `rows`, blank lines below where there are fewer."""
    kept = list(rows)[:height]
    return kept + [BLANK] * (height - len(kept))
