"""Reads a cabinet's configuration from its file. What is wrong in it is said by `examine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jp_firmware.config.examine import examine
from jp_firmware.config.profiles import path_of, read_text
from jp_firmware.config.schema import Cabinet, ConfigError


def load(path: Path | str, overrides: Sequence[str] = (), secrets: Mapping[str, str] | None = None) -> Cabinet:
    """The cabinet that `path` describes, checked as a whole. `overrides` are `key.path=value`, the last one wins.

    Raises ConfigError: each line of it is one mistake, `file:line: key: what; what to do`.
    """
    return of_text(read_text(Path(path)), Path(path), overrides, secrets)


def of_text(text: str, path: Path, overrides: Sequence[str] = (), secrets: Mapping[str, str] | None = None) -> Cabinet:
    """The cabinet that a text describes, which stands in `path`. Raises ConfigError as `load` does."""
    examined = examine(text, overrides, secrets)
    if examined.cabinet is None:
        raise ConfigError("\n".join(one.told_of(path) for one in examined.errors))
    return examined.cabinet


def find(name: Path | str) -> Path:
    """The file meant by `name`: a path, or the name of one of the cabinets that ship with the program.

    Raises ConfigError when there is neither.
    """
    path = Path(name)
    if path.is_file() or path.suffix == ".toml" or len(path.parts) != 1:
        return path
    return path_of("cabinets", str(name))
