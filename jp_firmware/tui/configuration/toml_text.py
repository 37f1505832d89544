"""The text of a configuration on the screen: which characters of a line are a comment, a key or a value, and whose.

A light reading, line by line, for colour and for the key at the cursor. What TOML really says is read by `tomllib`;
a text that it refuses is coloured all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jp_firmware.tui.configuration.keys import Parts, name_of, parts_of

Piece = tuple[int, int, str]  # first column, column after the last, "comment", "table", "key" or "value"

_HEADER: Final = re.compile(r"\s*(\[{1,2}[^\]]*\]{1,2})")
_PAIR: Final = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"(?:\\.|[^"\\])*"|[\w-]+))*)\s*=""")
_TOKEN: Final = re.compile(
    r"""(?P<comment>\#.*) | (?P<value> "(?:\\.|[^"\\])*"? | '[^']*'? | [+\-\w.:]+ ) | . """, re.VERBOSE
)
_KEY_INSIDE: Final = re.compile(r"\s*=(?!=)")
_NAMING: Final = re.compile(r"""\s*(uid|name|id)\s*=\s*(?:"([^"]*)"|'([^']*)'|([\w+-]+))""")


def pieces(row: str) -> list[Piece]:
    """What means something in one line, from left to right."""
    header = _HEADER.match(row)
    if header is not None and not _PAIR.match(row):
        return [(header.start(1), header.end(1), "table"), *_values(row, header.end(1))]
    pair = _PAIR.match(row)
    if pair is not None:
        return [(pair.start(1), pair.end(1), "key"), *_values(row, pair.end())]
    return _values(row, 0)


def _values(row: str, start: int) -> list[Piece]:
    found: list[Piece] = []
    for one in _TOKEN.finditer(row, start):
        if one.lastgroup == "value" and _KEY_INSIDE.match(row, one.end()):
            found.append((one.start(), one.end(), "key"))
        elif one.lastgroup is not None:
            found.append((one.start(), one.end(), one.lastgroup))
    return found


def keys_by_line(rows: list[str]) -> Iterator[Parts]:
    """The key that each line is about: a table's for its heading, `()` where none is begun.

    Items of lists have their names where the item says one before the next heading.
    """
    table: Parts = ()
    counts: dict[Parts, int] = {}
    for number, row in enumerate(rows):
        header = _HEADER.match(row)
        pair = _PAIR.match(row)
        if header is not None and pair is None:
            words = header[1]
            path = parts_of(words.strip("[]").strip())
            if words.startswith("[["):
                counts[path] = counts.get(path, -1) + 1
                path = (*path, _name_below(rows, number) or str(counts[path]))
            table = path
            yield table
        elif pair is not None:
            yield (*table, *parts_of(pair[1]))
        else:
            yield table


def _name_below(rows: list[str], header: int) -> str | None:
    """What the item whose heading stands in line `header` calls itself."""
    item: dict[str, str] = {}
    for row in rows[header + 1 :]:
        if _HEADER.match(row) and not _PAIR.match(row):
            break
        if named := _NAMING.match(row):
            item[named[1]] = named[2] or named[3] or named[4] or ""
    return name_of(item)
