"""The configuration on the disk: the text in force, its secrets, all versions before it, and what waits for a word.

A change is one commit of text, secrets and version, so a power cut leaves the old or the new configuration. Whether a
text is a good one is not judged here: that is the loader's business, before the commit. For one process at a time, and
plain file input and output: whoever must not wait calls it in a thread.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jp_firmware.config.kept.commit import DISK, Disk, Removal, Write, commit, finish
from jp_firmware.config.kept.pending import Unconfirmed, WaitingChange, read_json, read_unconfirmed, read_waiting
from jp_firmware.config.kept.secrets_file import secrets_of, secrets_text
from jp_firmware.config.kept.versions import EDITED_OUTSIDE, FIRST_START, Origin, Version, Versions, sha256_of
from jp_firmware.config.profiles import DATA, read_toml
from jp_firmware.config.schema import ConfigError

log = logging.getLogger(__name__)

Judge = Callable[[str, Mapping[str, str]], None]
"""Raises ConfigError for a text, with its secrets, that no charger could run."""


class Outdated(Exception):
    """Somebody else changed the configuration meanwhile: the change was made to `base`, in force is `latest`."""

    def __init__(self, base: int, latest: int) -> None:
        super().__init__(
            f"the configuration was changed meanwhile: this change is of version {base}, in force is {latest}; "
            "look at the difference and make the change again"
        )
        self.base = base
        self.latest = latest


class ConfigStore:
    """One charger's configuration, as `open` finds it."""

    def __init__(self, origin_path: Path, directory: Path, disk: Disk, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._own_copy = directory / "cabinet.toml"
        self._source = directory / "source.json"
        self._secrets_file = directory / "secrets.toml"
        self._unconfirmed_file = directory / "unconfirmed.json"
        self._secrets_before = directory / "secrets-before.toml"
        self._waiting_file = directory / "waiting.json"
        self._aside = directory / "aside.toml"
        self._versions = Versions(directory / "versions")
        self._disk = disk
        self._now = now
        self._lock = threading.Lock()
        self._current: Version | None = None
        self.origin_path = origin_path
        """The file that the charger was started with."""
        self.text = ""
        """The text in force."""
        self.secrets: Mapping[str, str] = {}
        """By key: `backend.password`."""
        self.unconfirmed: Unconfirmed | None = None
        self.waiting: WaitingChange | None = None
        """The change that waits for sessions to end."""
        self.refused = ""
        """What is wrong with the file, which is not in force then."""

    @classmethod
    def open(
        cls,
        path: Path,
        state_dir: Path,
        *,
        judge: Judge | None = None,
        disk: Disk = DISK,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> ConfigStore:
        """Finishes a commit that was interrupted, reads all, and takes a file that was edited outside as a new version.

        With a `judge`, which raises ConfigError for a text that is no good, such a file is left where it is, and the
        version that was in force last stays in force. Raises ConfigError for a file that cannot be read or is not TOML
        where there is no such version, and for a state directory that cannot be written.
        """
        directory = state_dir / "config"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
            (directory / "versions").mkdir(exist_ok=True)
        except OSError as exc:
            what = f"{directory}: cannot be made ({exc.strerror}); name another place with --state-dir"
            raise ConfigError(what) from exc
        finish(directory, disk)
        store = cls(path.absolute(), directory, disk, now)
        store._read(judge)
        return store

    # --- what is in force -------------------------------------------------------------------------------------------

    @property
    def path_in_force(self) -> Path:
        """The file that is read and edited: the one the charger was started with, or the charger's own copy of it.

        The own copy is made by the first commit, if that file ships with the program or cannot be written.
        """
        return self._own_copy if self._has_own_copy() else self.origin_path

    @property
    def current(self) -> Version:
        """The version in force."""
        assert self._current is not None  # `open` has made the first
        return self._current

    def history(self) -> tuple[Version, ...]:
        """All versions, the oldest first."""
        return self._versions.history()

    def text_at(self, number: int) -> str:
        """The text of a version, byte for byte. Raises ConfigError if it is not kept."""
        return self._versions.text(number)

    # --- changes ----------------------------------------------------------------------------------------------------

    def commit(
        self,
        text: str,
        secrets: Mapping[str, str] | None = None,
        *,
        base: int,
        who: str,
        why: str,
        origin: Origin,
        confirm_within_s: float | None = None,
        keys: Sequence[str] = (),
        ends_waiting: bool = False,
    ) -> Version:
        """Puts `text` in force, made from version `base`; with all secrets, if they change too.

        With `confirm_within_s` the version waits for `confirm`; `keys`, those that changed, are kept with it.
        `ends_waiting`: it is the change that waits which is put in force, so it waits no longer.
        Raises Outdated if `base` is not in force any more, ConfigError if another version waits for its confirmation,
        or if the disk refuses. Nothing has changed then.
        """
        with self._lock:
            _check_characters(text)
            current = self.current
            if base != current.number:
                raise Outdated(base, current.number)
            if (waiting := self.unconfirmed) is not None:
                raise ConfigError(f"version {waiting.number} waits for its confirmation; confirm or revert it first")
            version = self._next(text, secrets, who=who, why=why, origin=origin)
            unconfirmed = None
            if confirm_within_s is not None:
                unconfirmed = Unconfirmed(
                    number=version.number,
                    previous=current.number,
                    until=version.at + timedelta(seconds=confirm_within_s),
                    confirm_s=confirm_within_s,
                    keys=tuple(keys),
                )
            return self._put(version, text, secrets, unconfirmed, ends_waiting=ends_waiting)

    def confirm(self, number: int) -> None:
        """Version `number` stays. Raises ConfigError if it does not wait for that."""
        with self._lock:
            if self.unconfirmed is None or self.unconfirmed.number != number:
                raise ConfigError(
                    f"version {number} does not wait for a confirmation; in force is {self.current.number}"
                )
            self._commit(self._settled())
            self.unconfirmed = None

    def revert(self, *, who: str = "charger", why: str = "not confirmed in time") -> Version:
        """Undoes the version that waits: text and secrets as before it, as a new version.

        Raises ConfigError if none waits.
        """
        with self._lock:
            if (waiting := self.unconfirmed) is None:
                raise ConfigError("no version waits for its confirmation; to go back, roll back to a version by number")
            text = self.text_at(waiting.previous)
            secrets = secrets_of(self._secrets_before) if self._secrets_before.exists() else None
            version = self._next(text, secrets, who=who, why=why, origin=Origin("revert", waiting.number))
            return self._put(version, text, secrets)

    def keep_waiting(self, change: WaitingChange) -> None:
        """Keeps the change that waits over restarts, in place of the one before. Raises ConfigError: not kept then."""
        with self._lock:
            self._commit([Write(self._waiting_file, change.as_text().encode(), secret=True)])
            self.waiting = change

    def forget_waiting(self, change: WaitingChange) -> None:
        """`change` waits no longer, unless another does by now. Raises ConfigError: it is still kept then."""
        with self._lock:
            if self.waiting is change:
                self._commit([Removal(self._waiting_file)])
                self.waiting = None

    def _next(self, text: str, secrets: Mapping[str, str] | None, *, who: str, why: str, origin: Origin) -> Version:
        numbers = self._versions.numbers()
        return Version(
            number=numbers[-1] + 1 if numbers else 1,
            at=self._now().astimezone(UTC),
            who=who,
            why=why,
            origin=origin,
            sha256=sha256_of(text),
            secrets_changed=secrets is not None and dict(secrets) != dict(self.secrets),
        )

    def _put(
        self,
        version: Version,
        text: str,
        secrets: Mapping[str, str] | None,
        unconfirmed: Unconfirmed | None = None,
        *,
        in_place: bool = False,
        ends_waiting: bool = False,
    ) -> Version:
        """`in_place`: the file in force says `text` already."""
        path = self.path_in_force
        changes: list[Write | Removal] = [*self._versions.writes(version, text)]
        if not in_place:
            if path == self.origin_path and not _is_editable(path):
                path = self._own_copy
                changes.append(Write(self._source, json.dumps({"origin_path": str(self.origin_path)}).encode()))
            if (found := _content(path)) not in (b"", self.text.encode()):  # somebody's work, and not in force
                changes.append(Write(self._aside, found, secret=True))
            changes.append(Write(path, text.encode()))
        if version.secrets_changed and secrets is not None:
            changes.append(Write(self._secrets_file, secrets_text(secrets).encode(), secret=True))
        if unconfirmed is not None:
            before = secrets_text(self.secrets)
            changes.append(Write(self._secrets_before, before.encode(), secret=True))
            changes.append(Write(self._unconfirmed_file, unconfirmed.as_text().encode(), secret=True))
        else:
            changes += self._settled()
        if ends_waiting and self.waiting is not None:
            changes.append(Removal(self._waiting_file))
        self._commit(changes)
        self.waiting = None if ends_waiting else self.waiting
        self.text, self.refused = text, ""
        self.secrets = dict(secrets) if version.secrets_changed and secrets is not None else self.secrets
        self.unconfirmed = unconfirmed
        self._current = version  # last: who reads its number first, in another thread, has nothing older with it
        return version

    def _settled(self) -> list[Write | Removal]:
        return [Removal(path) for path in (self._unconfirmed_file, self._secrets_before) if path.exists()]

    def _commit(self, changes: Sequence[Write | Removal]) -> None:
        commit(self._directory, changes, self._disk)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, judge: Judge | None) -> None:
        self.secrets = secrets_of(self._secrets_file)
        self.unconfirmed = read_unconfirmed(self._unconfirmed_file)
        self.waiting = self._read_waiting()
        latest = self._current = self._versions.latest
        try:
            text = _text(self.path_in_force)
            if judge and latest and latest.sha256 != sha256_of(text):
                judge(text, self.secrets)
        except ConfigError as error:
            if judge is None or latest is None:
                raise
            self.text, self.refused = self._versions.text(latest.number), str(error)
            return
        if not self._versions.numbers():
            first = self._next(text, None, who="charger", why=f"started with {self.origin_path}", origin=FIRST_START)
            self._put(first, text, None, in_place=True)
        elif latest is None or latest.sha256 != sha256_of(
            text
        ):  # who edits the file is at the machine: nothing waits any more
            why = f"found in {self.path_in_force}"
            found = self._next(text, None, who="unknown", why=why, origin=EDITED_OUTSIDE)
            self._put(found, text, None, in_place=True)
        self.text = text

    def _read_waiting(self) -> WaitingChange | None:
        """A damaged file costs the change that waited, and never the start."""
        try:
            return read_waiting(self._waiting_file)
        except ConfigError as error:
            log.warning("the change that waited is lost: %s", error)
            return None

    def _has_own_copy(self) -> bool:
        """Whether there is a copy of the very file that the charger was started with, not of another."""
        if not self._own_copy.exists():
            return False
        told = read_json(self._source)
        return told is not None and told.get("origin_path") == str(self.origin_path)


def _is_editable(path: Path) -> bool:
    target = path.resolve()
    shipped = target.is_relative_to((DATA / "profiles").resolve())
    return not shipped and os.access(target, os.W_OK) and os.access(target.parent, os.W_OK)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        line = text.count("\n", 0, exc.start) + 1
        raise ConfigError(f"line {line}: half of a character cannot be written; write it whole") from exc


def _text(path: Path) -> str:
    """The text of a valid TOML file, with the line ends that it has."""
    read_toml(path)
    return path.read_bytes().decode()
