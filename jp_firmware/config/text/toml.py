"""Reads TOML: tomllib, with one error for whatever keeps a text from being read, told for people with its place.

A text that no person writes is refused before it is read: tables in tables beyond counting, and words of a thousand
letters, take tomllib to Python's limits, or take all of the machine's memory.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from jp_firmware.config.text.layout import STRING

DEEPEST = 32  # ours: a key of a cabinet has at most six parts
LONGEST = 300  # ours; the longest number that is one has 309 digits, and a key of a cabinet at most 40 letters

_WORD = r"(?:[A-Za-z0-9_-]++|\"(?:\\.|[^\"\\\n])*+\"|'[^'\n]*+')"
_TOKEN = re.compile(
    rf"(?P<deep>(?<![A-Za-z0-9_-]){_WORD}(?:[ \t]*+\.[ \t]*+{_WORD}){{{DEEPEST},}})|{STRING.pattern}|\#[^\n]*"
    rf"|(?P<long>[A-Za-z0-9_+-]{{{LONGEST + 1},}})|(?P<open>[\[{{])|(?P<close>[\]}}])",
    re.DOTALL,
)
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

# What tomllib says of what people do most, and what we say. The rest is plain enough.
_PLAINER = (
    (r"Cannot declare \((.*)\) twice", "this table stands in the file twice; bring both together"),
    (r"Cannot overwrite a value|Duplicate inline table key.*", "this key stands here twice; remove one of them"),
    (r"Cannot (mutate immutable|redefine) namespace .*", "this is written in another way already; keep to one"),
    (r"Invalid value", 'this is no value; texts stand in quotes, as in name = "Yard", and true and false are small'),
    (r"Expected newline or end of document after a statement",
     "more follows where the line should end; texts stand in quotes, and decimals behind a point"),
)  # fmt: skip


class TomlError(tomllib.TOMLDecodeError):
    """A text that is no TOML: what is wrong and what to do, its line, and its column where it is known, both from 1."""

    def __init__(self, what: str, line: int, column: int | None) -> None:
        super().__init__(f"{what} (at line {line}{f', column {column}' if column else ''})")
        self.what, self.line, self.column = what, line, column


def loads(text: str) -> dict[str, Any]:
    """What `text` says. Raises TomlError, and nothing else."""
    if text.startswith("\ufeff"):
        raise TomlError("a byte order mark stands before the text; save the file as UTF-8 without one", 1, 1)
    _refuse_what_nobody_writes(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _told(str(error), text) from error


def _refuse_what_nobody_writes(text: str) -> None:
    depth = 0
    for found in _TOKEN.finditer(text):
        match found.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth = max(depth - 1, 0)
            case "long":
                raise _error_at(text, found.start(), f"more than {LONGEST} letters or digits in one word; shorten it")
        if depth > DEEPEST or found.lastgroup == "deep":
            raise _error_at(text, found.start(), f"more than {DEEPEST} tables or lists within each other; write fewer")


def _error_at(text: str, at: int, what: str) -> TomlError:
    return TomlError(what, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _told(message: str, text: str) -> TomlError:
    found = _PLACE.fullmatch(message)
    if found is None or not found[2]:
        what = "the text ends in the middle of something; close what is open there, a text, a list or a table"
        return TomlError(what, text.count("\n") + 1, None)
    what = " ".join(found[1].split())
    plainer = next((told for pattern, told in _PLAINER if re.fullmatch(pattern, what)), None)
    what = plainer or f"{what[:1].lower()}{what[1:]}; correct the TOML syntax there"
    return TomlError(what, int(found[2]), int(found[3]))
