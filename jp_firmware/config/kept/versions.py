"""Every version of the configuration that was ever in force: its text, and who made it, when, why and from where.

Each is two files, `000017.toml` with the text and `000017.json` with what is known of it. They are written in the same
commit that puts the text in force, so a version is there exactly if it was in force. Secrets are never kept here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import attrs
from attrs import validators

from jp_firmware.config.kept.commit import Write
from jp_firmware.config.schema import ConfigError

OriginKind: TypeAlias = Literal[
    "first start", "console", "terminal", "cli", "central system", "edited outside", "rollback", "revert", "bundle"
]

_NAME = re.compile(r"(\d{6,})\.json")


@attrs.frozen
class Origin:
    """From where a version came; `of` is the version that a rollback went back to, or that a revert undid."""

    kind: OriginKind = attrs.field(validator=validators.in_(get_args(OriginKind)))
    of: int | None = None

    def __str__(self) -> str:
        return self.kind if self.of is None else f"{self.kind} of {self.of}"


FIRST_START = Origin("first start")
EDITED_OUTSIDE = Origin("edited outside")


@attrs.frozen(kw_only=True)
class Version:
    """What is known of one version. `at` is wall time, UTC; `sha256` that of the text as UTF-8, in hex."""

    number: int
    at: datetime
    who: str
    why: str
    origin: Origin
    sha256: str
    secrets_changed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "who": self.who,
            "why": self.why,
            "origin": self.origin.kind,
            "of": self.origin.of,
            "sha256": self.sha256,
            "secrets_changed": self.secrets_changed,
        }


class Versions:
    """Reads the versions in a directory, and says what to write for a new one. May be used while others write."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def numbers(self) -> Sequence[int]:
        """Of all versions, in order."""
        if not self._directory.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self._directory.iterdir())
        return sorted(int(one[1]) for one in found if one)

    def history(self) -> tuple[Version, ...]:
        """All versions, the oldest first, without those that were damaged."""
        found = (self._readable(number) for number in self.numbers())
        return tuple(version for version in found if version is not None)

    @property
    def latest(self) -> Version | None:
        """None before the first, and when the latest was damaged: then nobody knows what was in force."""
        numbers = self.numbers()
        return self._readable(numbers[-1]) if numbers else None

    def _readable(self, number: int) -> Version | None:
        try:
            return self.version(number)
        except ConfigError:
            return None

    def version(self, number: int) -> Version:
        """What is known of a version. Raises ConfigError if there is none of that number, or it was damaged."""
        path = self._path(number, "json")
        try:
            told = json.loads(path.read_bytes())
            return Version(
                number=number,
                at=datetime.fromisoformat(told["at"]),
                who=told["who"],
                why=told["why"],
                origin=Origin(told["origin"], told["of"]),
                sha256=told["sha256"],
                secrets_changed=told["secrets_changed"],
            )
        except OSError as exc:
            raise self._unknown(number, path, exc) from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(
                f"{path}: not what the charger wrote ({exc}); restore it, or remove it and the .toml beside it"
            ) from exc

    def text(self, number: int) -> str:
        """The text of a version, byte for byte. Raises ConfigError if there is none, or if it was changed since."""
        sha256 = self.version(number).sha256
        path = self._path(number, "toml")
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise self._unknown(number, path, exc) from exc
        if sha256 != hashlib.sha256(content).hexdigest():
            raise ConfigError(f"{path}: no longer the text of version {number}; restore it, or use another version")
        return content.decode()

    def writes(self, version: Version, text: str) -> tuple[Write, ...]:
        """What a commit has to write for a new version."""
        told = json.dumps(version.as_json(), ensure_ascii=False) + "\n"
        return (
            Write(self._path(version.number, "toml"), text.encode()),
            Write(self._path(version.number, "json"), told.encode(errors="backslashreplace")),
        )

    def _path(self, number: int, suffix: str) -> Path:
        return self._directory / f"{number:06d}.{suffix}"

    def _unknown(self, number: int, path: Path, exc: OSError) -> ConfigError:
        numbers = self.numbers()
        if number not in numbers:
            kept = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "there is none yet"
            return ConfigError(f"there is no version {number} of the configuration; {kept}")
        return ConfigError(f"{path}: cannot be read ({exc.strerror}); use another version")


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
