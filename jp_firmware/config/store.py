"""Reads a cabinet's configuration: the TOML file, the overrides of the command line, and every mistake in both.

It never guesses and never repairs. A mistake is told with its file and line, what is allowed, and what to do; several
mistakes are told together, one a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jp_firmware.config.checks import check
from jp_firmware.config.keys import key_text
from jp_firmware.config.lines import KeyPath, line_of, lines_of
from jp_firmware.config.overrides import override
from jp_firmware.config.profiles import path_of, read_toml
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake, Mistakes, one_line, structure


def load(path: Path | str, overrides: Sequence[str] = ()) -> Cabinet:
    """The cabinet that `path` describes, checked as a whole. `overrides` are `key.path=value`, the last one wins.

    Raises ConfigError: each line of it is one mistake, `file:line: key: what; what to do`.
    """
    path = Path(path)
    text, data = read_toml(path)
    set_by: dict[KeyPath, str] = {}
    for one in overrides:
        set_by[override(data, one, Cabinet)] = one
    try:
        cabinet = structure(data, Cabinet)
        mistakes = check(cabinet)
    except Mistakes as exc:
        mistakes = exc.mistakes
    if mistakes:
        lines = lines_of(text)
        told = {}  # by place and words: the same mistake is told once
        for mistake in mistakes:
            place, order = _place(mistake, path, lines, set_by)
            told[one_line(f"{place}: {key_text(mistake.path, data) or 'cabinet'}: {mistake.text}")] = order
        raise ConfigError("\n".join(sorted(told, key=lambda words: told[words])))
    return cabinet


def find(name: Path | str) -> Path:
    """The file meant by `name`: a path, or the name of one of the cabinets that ship with the program.

    Raises ConfigError when there is neither.
    """
    path = Path(name)
    if path.exists() or path.suffix == ".toml" or len(path.parts) != 1:
        return path
    return path_of("cabinets", str(name))


def _place(
    mistake: Mistake, path: Path, lines: Mapping[KeyPath, int], set_by: Mapping[KeyPath, str]
) -> tuple[str, int]:
    """Where a mistake was made, and that as a number to sort by: overrides come after the file."""
    for at in (mistake.path[:length] for length in range(len(mistake.path), 0, -1)):
        if at in set_by:
            return f"--set {set_by[at]}", max(lines.values()) + 1
    line = line_of(mistake.path, lines)
    return f"{path}:{line}", line
