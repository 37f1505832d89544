"""How the command line writes: numbers, tables and colours on whatever the output is, from a pipe to a VT220.

Colour stands only where it means something, only on a terminal, and never against NO_COLOR. What comes from a device
or a network is made harmless before it is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

import attrs

UNKNOWN = "---"
WIDTH = 80  # of everything printed: a serial console has no more

Json = dict[str, Any]

_COLOURS = {"good": "32", "attention": "33", "bad": "31", "quiet": "2"}
# Home, each line cleared to its end, the rest of the screen cleared: any terminal since the VT100, and no flicker.
_HOME, _LINE_END, _BELOW, _CLEAR = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"


@attrs.define
class Terminal:
    """Where output goes, and what may be sent there."""

    out: TextIO
    interactive: bool = False
    colour: bool = False
    unicode: bool = True
    _drawn: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, out: TextIO, environ: Mapping[str, str] = os.environ) -> Terminal:
        """The terminal behind `out`, as its environment describes it."""
        kind = environ.get("TERM", "")
        interactive = out.isatty()
        return cls(
            out,
            interactive=interactive,
            colour=interactive and not environ.get("NO_COLOR") and kind not in ("", "dumb"),
            # A VT220 knows no UTF-8 whatever the locale says.
            unicode=(out.encoding or "").lower().replace("-", "") == "utf8" and not kind.startswith("vt"),
        )

    def paint(self, text: str, meaning: str = "") -> str:
        """`text` coloured by what it means: "good", "attention", "bad", "quiet"; plain where there is no colour."""
        return f"\x1b[{_COLOURS[meaning]}m{text}\x1b[0m" if self.colour and meaning else text

    def print(self, lines: Sequence[str]) -> None:
        """Prints lines as they are."""
        self._write("".join(line + "\n" for line in lines))

    def redraw(self, lines: Sequence[str]) -> None:
        """Draws over what was drawn before; where that cannot be, prints one block after the other."""
        if not self.interactive:
            self.print([*lines, ""])
            return
        rows = shutil.get_terminal_size((WIDTH, 24)).lines
        shown = lines[: rows - 1]  # a line more would scroll
        start = _HOME if self._drawn else _CLEAR + _HOME
        self._drawn = True
        self._write(start + "".join(f"{line}{_LINE_END}\n" for line in shown) + _BELOW)

    def _write(self, text: str) -> None:
        encoding = self.out.encoding or "utf-8"
        self.out.write(text.encode(encoding, "replace").decode(encoding))
        self.out.flush()


def standard_output() -> Terminal:
    """The terminal that is the standard output."""
    return Terminal.of(sys.stdout)


def standard_error() -> Terminal:
    """The terminal that is the standard error: for what is about the output, and no part of it."""
    return Terminal.of(sys.stderr)


def watch(updates: Iterator[tuple[str, Json]], topics: Sequence[str], show: Callable[[dict[str, Json]], None]) -> None:
    """Calls `show` with the latest of all `topics` once all are known, then as often as the first of them is told."""
    held: dict[str, Json] = {}
    for topic, snapshot in updates:
        completes = topic not in held
        held[topic] = snapshot
        if len(held) == len(topics) and (completes or topic == topics[0]):
            show(held)


def as_json(value: object) -> list[str]:
    """JSON for a person or a program: indented, as it came."""
    return json.dumps(value, indent=2, ensure_ascii=False).split("\n")


# --- words and numbers ---------------------------------------------------------------------------------------------


def clean(value: object, width: int = 0) -> str:
    """A text from outside: control characters made visible, cut to `width` cells; UNKNOWN for None and for nothing."""
    if value is None or value == "":
        return UNKNOWN
    text = "".join(one if one.isprintable() else "?" for one in str(value))
    return cut(text, width) if width else text


def cells(text: str) -> int:
    """How many columns a terminal draws `text` in: two for a wide character, none for an accent that combines."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells; one that is longer ends in two dots."""
    if cells(text) <= width:
        return text
    if text.isascii():
        return text[: width - 2] + ".."
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 2) + ".."


def number(value: object, digits: int = 0, scale: float = 1.0) -> str:
    """A number divided by `scale`, or UNKNOWN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN
    return f"{value / scale:.{digits}f}"


def kilo(value: object, unit: str) -> str:
    """Watts as "87.3 kW"."""
    return f"{number(value, 1, 1000.0)} {unit}"


def duration(value: object) -> str:
    """Seconds as "0:05:12" or "3d 04:05"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24}d {hours % 24:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{seconds:02}"


def local_time(value: object, form: str = "%Y-%m-%d %H:%M") -> str:
    """An ISO time of the charger in the local time of whoever reads it."""
    try:
        return datetime.fromisoformat(str(value)).astimezone().strftime(form)
    except ValueError:
        return UNKNOWN


def wrapped(text: str, indent: str) -> list[str]:
    """A text in lines of at most WIDTH, each indented."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def table(rows: Sequence[Sequence[str]], columns: str) -> list[str]:
    """Rows in columns as wide as they need; `columns` says "<" or ">" for each. No trailing space."""
    widths = [max(cells(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, columns, widths)).rstrip() for row in rows]


def _padded(text: str, side: str, width: int) -> str:
    blanks = " " * (width - cells(text))
    return text + blanks if side == "<" else blanks + text
