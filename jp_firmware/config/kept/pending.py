"""What outlives a restart undecided: a version that waits for a word, and a change that waits for sessions to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs
from attrs.validators import and_, deep_mapping, ge, instance_of, optional

from jp_firmware.config.kept.versions import Origin
from jp_firmware.config.schema import ConfigError

T = TypeVar("T")

_TEXTS = (instance_of(str), instance_of(str))


@attrs.frozen(kw_only=True)
class Unconfirmed:
    """A version that is undone unless somebody confirms it. `until` is wall time, UTC, to be shown only.

    While the charger runs, `confirm_s` on its own clock decides; when it starts and finds one, the time is over.
    """

    number: int
    previous: int
    until: datetime
    confirm_s: float
    keys: tuple[str, ...] = ()

    def as_text(self) -> str:
        return json.dumps({**attrs.asdict(self), "until": self.until.isoformat()}) + "\n"


@attrs.frozen(kw_only=True)
class WaitingChange:
    """A change that was made to version `base` and is in force nowhere yet; its `number` names it.

    `text` is all of it, whoever wrote it (`is_text`: by hand, not by edits of single keys); `secrets` are those that it
    changes, by key.
    """

    number: int = attrs.field(validator=instance_of(int))
    base: int = attrs.field(validator=instance_of(int))
    text: str = attrs.field(validator=instance_of(str))
    is_text: bool = attrs.field(validator=instance_of(bool))
    secrets: Mapping[str, str] = attrs.field(validator=deep_mapping(*_TEXTS, instance_of(dict)), repr=False)
    who: str = attrs.field(validator=instance_of(str))
    why: str = attrs.field(validator=instance_of(str))
    origin: Origin
    confirm_s: float | None = attrs.field(validator=optional(and_(instance_of((int, float)), ge(0))))

    def as_text(self) -> str:
        return json.dumps(attrs.asdict(self)) + "\n"


def read_unconfirmed(path: Path) -> Unconfirmed | None:
    """The version that waits; None without such a file. Raises ConfigError for one that the charger did not write."""
    return _read(
        path,
        lambda told: Unconfirmed(
            number=told["number"],
            previous=told["previous"],
            until=datetime.fromisoformat(told["until"]),
            confirm_s=told["confirm_s"],
            keys=tuple(told["keys"]),
        ),
    )


def read_waiting(path: Path) -> WaitingChange | None:
    """The change that waits, as `read_unconfirmed`."""
    return _read(path, lambda told: WaitingChange(**{**told, "origin": Origin(**told["origin"])}))


def read_json(path: Path) -> dict[str, Any] | None:
    """An object in a file of our own; None if there is none. Raises ConfigError if it cannot be read."""
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: cannot be read ({exc}); remove it") from exc
    return told if isinstance(told, dict) else None


def _read(path: Path, made_of: Callable[[dict[str, Any]], T]) -> T | None:
    told = read_json(path)
    if told is None:
        return None
    try:
        return made_of(told)
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigError(f"{path}: not what the charger wrote ({exc}); remove it") from exc
