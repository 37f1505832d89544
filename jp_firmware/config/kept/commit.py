"""Several files replaced as one step that survives a power cut: afterwards all are new, or all are as they were.

The way of a commit:

1. `commit.draft`, the record of all that is to be written, comes on the disk.
2. The new contents come on the disk beside the files that they are to replace.
3. The draft is renamed to `commit.record`. From here on the step is made: whoever starts next finishes it.
4. The files are replaced, by renaming, and what is to go is removed.
5. The record is removed.

Nothing here is undone by what was not synced: a file is synced before it is renamed, a directory after.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import attrs

from jp_firmware.config.schema import ConfigError

SECRET_MODE = 0o600
PUBLIC_MODE = 0o644

_DRAFT = "commit.draft"
_RECORD = "commit.record"

_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EROFS: "mount it writable",
    errno.EACCES: "give the charger's user write permission there",
    errno.EPERM: "give the charger's user write permission there",
    errno.EIO: "the disk does not work; replace it",
}


class Disk:
    """What a commit does to a disk. Each method is one step, between which the power may be cut."""

    def write(self, path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        """A new file, synced."""
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            if owner is not None and os.geteuid() == 0:
                os.fchown(handle, *owner)
            file.write(content)
            file.flush()
            os.fsync(handle)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync(self, directory: Path) -> None:
        """What was renamed and removed in a directory."""
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


DISK = Disk()


@attrs.frozen
class Write:
    """A file to be replaced or made. `mode` is that of a new file; one that is there keeps its own, unless `secret`."""

    path: Path
    content: bytes = attrs.field(repr=False)
    secret: bool = False


@attrs.frozen
class Removal:
    """A file to be removed, if it is there."""

    path: Path


@attrs.frozen
class _Step:
    """One file of a record; no content: to be removed."""

    path: Path
    content: bytes | None = attrs.field(repr=False)
    mode: int
    owner: tuple[int, int] | None

    @property
    def draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.jp-new")


def commit(directory: Path, changes: Iterable[Write | Removal], disk: Disk = DISK) -> None:
    """Makes all changes, or none. `directory` holds the record meanwhile. A link is followed, what it leads to changes.

    Raises ConfigError, with what to do, if the disk refuses; then all files are as they were. Not for two at once.
    """
    try:
        steps = [_step(change) for change in changes]
        former = [_as_it_is(step) for step in steps]
    except OSError as exc:
        raise _refusal(exc, "the configuration is as it was") from exc
    try:
        _prepare(directory, steps, disk)
    except OSError as exc:
        _give_up(directory, steps, disk, exc)
        raise _refusal(exc, "the configuration is as it was") from exc
    try:
        _finish(directory, steps, disk)
    except OSError as exc:
        _undo(directory, former, disk, exc)
        raise _refusal(exc, "the configuration is as it was") from exc


def finish(directory: Path, disk: Disk = DISK) -> bool:
    """Finishes what a power cut interrupted; before anything else looks at the files. True: a commit was finished.

    A record that is not whole is discarded: it can only be one that was never made valid. Raises ConfigError when the
    disk refuses to finish; what was not made valid is in nobody's way.
    """
    try:
        steps = _read(directory / _RECORD)
        if steps is None:
            _sweep(directory, _read(directory / _DRAFT) or [], disk)
            return False
        _write_drafts(steps, disk)
        _finish(directory, steps, disk)
    except OSError as exc:
        raise _refusal(exc, "a change of the configuration is not finished; start again then") from exc
    return True


# --- the way of a commit ---------------------------------------------------------------------------------------------


def _prepare(directory: Path, steps: list[_Step], disk: Disk) -> None:
    disk.write(directory / _DRAFT, _record(steps), SECRET_MODE, None)
    _write_drafts(steps, disk)
    disk.rename(directory / _DRAFT, directory / _RECORD)
    disk.sync(directory)


def _write_drafts(steps: list[_Step], disk: Disk) -> None:
    for step in steps:
        if step.content is not None:
            disk.write(step.draft, step.content, step.mode, step.owner)


def _finish(directory: Path, steps: list[_Step], disk: Disk) -> None:
    for step in steps:
        if step.content is None:
            disk.remove(step.path)
        else:
            disk.rename(step.draft, step.path)
    for place in sorted({step.path.parent for step in steps}):
        disk.sync(place)
    disk.remove(directory / _RECORD)
    disk.sync(directory)


def _give_up(directory: Path, steps: list[_Step], disk: Disk, why: OSError) -> None:
    """Takes back what was prepared, before any file was replaced."""
    try:
        if (directory / _RECORD).exists():
            disk.remove(directory / _RECORD)
            disk.sync(directory)
    except OSError as exc:
        raise _unsettled(exc, why) from exc
    _sweep(directory, steps, disk)


def _undo(directory: Path, former: list[_Step], disk: Disk, why: OSError) -> None:
    """Brings the old contents back, as a commit of its own whose record takes the place of the one that failed."""
    try:
        _prepare(directory, former, disk)
        _finish(directory, former, disk)
    except OSError as exc:
        raise _unsettled(exc, why) from exc
    _sweep(directory, former, disk)


def _sweep(directory: Path, steps: list[_Step], disk: Disk) -> None:
    """Removes what lies about and means nothing. Where the disk refuses that, the next commit writes over it."""
    for path in (*(step.draft for step in steps), directory / _DRAFT, directory / _RECORD):
        with contextlib.suppress(OSError):
            if path.exists():
                disk.remove(path)


# --- steps and their record ------------------------------------------------------------------------------------------


def _step(change: Write | Removal) -> _Step:
    path = change.path.resolve()
    if isinstance(change, Removal):
        return _Step(path, None, 0, None)
    now = _as_it_is(_Step(path, None, PUBLIC_MODE, None))
    return _Step(path, change.content, SECRET_MODE if change.secret else now.mode, now.owner)


def _as_it_is(step: _Step) -> _Step:
    """What would bring the file at a step's place back as it is now."""
    try:
        found = step.path.stat()
        return _Step(step.path, step.path.read_bytes(), stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))
    except FileNotFoundError:
        return _Step(step.path, None, step.mode, None)


def _record(steps: Iterable[_Step]) -> bytes:
    """The hash of what follows in the first line, then JSON."""
    told = [
        {
            "path": str(step.path),
            "content": None if step.content is None else base64.b64encode(step.content).decode(),
            "mode": step.mode,
            "owner": step.owner,
        }
        for step in steps
    ]
    body = json.dumps(told).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _read(path: Path) -> list[_Step] | None:
    """The steps of a record; None if there is none, or none that is whole."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    return [
        _Step(
            Path(one["path"]),
            None if one["content"] is None else base64.b64decode(one["content"]),
            one["mode"],
            None if one["owner"] is None else (one["owner"][0], one["owner"][1]),
        )
        for one in json.loads(body)
    ]


def _unsettled(exc: OSError, why: OSError) -> ConfigError:
    return _refusal(exc, f"from the next start on it is all old or all new (first: {why})")


def _refusal(exc: OSError, state: str) -> ConfigError:
    place = exc.filename2 or exc.filename or "the disk"
    remedy = _REMEDIES.get(exc.errno or 0, "look at the disk and the system's log")
    return ConfigError(f"cannot write {place} ({exc.strerror or exc}); {remedy}; {state}")
