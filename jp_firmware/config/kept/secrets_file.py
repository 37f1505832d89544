"""The file of secrets: one line `backend.password = "…"` for each, by key. Its content is never part of a message."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import written
from jp_firmware.config.text.edits import Key, key_of, parts_of


def secrets_of(path: Path) -> dict[str, str]:
    """The secrets in a file, by key; none if there is no file. Raises ConfigError if it cannot be read."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    except ValueError:  # not chained: its words quote the file
        raise ConfigError(f'{path}: not TOML; write each secret as key = "value", on a line of its own') from None
    return {key_of(key): value for key, value in _leaves(data, (), path)}


def secrets_text(secrets: Mapping[str, str]) -> str:
    """What to write into the file. Raises ConfigError for keys that cannot stand side by side."""
    text = "".join(written.pair(parts_of(key), written.plain(value)) for key, value in sorted(secrets.items()))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise ConfigError(f"the secrets {', '.join(sorted(secrets))} name one key twice; leave one out") from None
    return text


def _leaves(data: dict[str, Any], at: Key, path: Path) -> Iterator[tuple[Key, str]]:
    for name, value in data.items():
        key = (*at, name)
        if isinstance(value, dict):
            yield from _leaves(value, key, path)
        elif isinstance(value, str):
            yield key, value
        else:
            raise ConfigError(f"{path}: {key_of(key)}: a secret is a text; write it in quotes")
