"""Files that change together: all or none, wherever the power is cut and whatever the disk refuses."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext as nothing
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.kept.commit import Disk, Removal, Write, commit, finish
from jp_firmware.config.schema import ConfigError
from tests.config.kept.cut_disk import Steps
from tests.config.stories import NEW, OLD, files_in, place, replace_files, with_old_files


def leftovers(directory: Path) -> list[str]:
    """What is there besides the files of the story."""
    known = {place(directory, name) for name in OLD}
    return [str(path) for path in directory.rglob("*") if path.is_file() and path not in known]


def test_all_files_are_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    with_old_files(tmp_path)
    replace_files(tmp_path, Disk())

    assert NEW == files_in(tmp_path)
    assert [] == leftovers(tmp_path)
    assert finish(tmp_path / "state") is False


def test_a_file_keeps_its_mode_and_a_secret_one_is_for_its_owner_only(tmp_path: Path) -> None:
    for name, mode in (("kept", 0o640), ("open", 0o666)):
        (tmp_path / name).write_bytes(b"old")
        (tmp_path / name).chmod(mode)
    commit(
        tmp_path,
        [
            Write(tmp_path / "kept", b"new"),
            Write(tmp_path / "open", b"new", secret=True),
            Write(tmp_path / "made", b"new"),
            Write(tmp_path / "secret", b"new", secret=True),
        ],
    )

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"kept": 0o640, "open": 0o600, "made": 0o644, "secret": 0o600} == modes


def test_nobody_else_can_read_what_is_on_its_way(tmp_path: Path) -> None:
    modes = []

    class Watching(Disk):
        def rename(self, old: Path, new: Path) -> None:
            modes.append(old.stat().st_mode & 0o777)
            super().rename(old, new)

    commit(tmp_path, [Write(tmp_path / "secret", b"new", secret=True)], Watching())

    assert [0o600, 0o600] == modes


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "cabinet.toml").write_bytes(b"old")
    (tmp_path / "cabinet.toml").symlink_to("real/cabinet.toml")
    commit(tmp_path, [Write(tmp_path / "cabinet.toml", b"new")])

    assert (tmp_path / "cabinet.toml").is_symlink()
    assert b"new" == (tmp_path / "real" / "cabinet.toml").read_bytes()
    assert ["cabinet.toml"] == os.listdir(tmp_path / "real")


# --- the power is cut ------------------------------------------------------------------------------------------------


def test_killed_at_every_step_all_files_are_old_or_all_are_new(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-m", "tests.config.kept.cut_disk", "files", tmp_path], cwd=root, check=True)
    shutil.rmtree(tmp_path / "whole")
    outcomes = {"old": 0, "new": 0}
    for directory in sorted(tmp_path.iterdir()):
        finished = finish(directory / "state")
        found = files_in(directory)

        assert found in (OLD, NEW), directory.name
        assert [] == leftovers(directory), directory.name
        assert not (finished and found == OLD), directory.name
        outcomes["old" if found == OLD else "new"] += 1

    assert outcomes["old"] >= 5
    assert outcomes["new"] >= 5


class PowerCut(BaseException):
    pass


class Unsynced(Disk):
    """A disk that loses, when its power is cut, any of what was not synced.

    Contents are synced by `write`, as fsync of a file promises; names (made, renamed, removed) only by `sync` of their
    directory, and until then each of them may have come on the disk or not, whatever came before it.
    """

    def __init__(self, directory: Path, last: int) -> None:
        self._directory = directory
        self._last = last
        self._count = 0
        self._durable = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
        self._pending: list[tuple[Path, Callable[[dict[Path, bytes]], Any]]] = []

    def _step(self) -> None:
        self._count += 1
        if self._count == self._last:
            raise PowerCut

    def write(self, path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        self._pending.append((path.parent, lambda files: files.update({path: content[: len(content) // 3]})))
        self._step()
        self._pending[-1] = (path.parent, lambda files: files.update({path: content}))
        path.write_bytes(content)

    def rename(self, old: Path, new: Path) -> None:
        content = old.read_bytes()
        self._pending.append((new.parent, lambda files: (files.pop(old, None), files.update({new: content}))))
        self._step()
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._pending.append((path.parent, lambda files: files.pop(path, None)))
        self._step()
        super().remove(path)

    def sync(self, directory: Path) -> None:
        self._step()
        for parent, happen in self._pending:
            if parent == directory:
                happen(self._durable)
        self._pending = [one for one in self._pending if one[0] != directory]

    def power_cut(self, chosen: Callable[[], bool]) -> None:
        """Leaves on the real disk what is left; `chosen` says of each name that was not synced whether it was lucky."""
        for _, happen in self._pending:
            if chosen():
                happen(self._durable)
        for path in self._directory.rglob("*"):
            if path.is_file():
                path.unlink()
        for path, content in self._durable.items():
            path.write_bytes(content)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)
@given(st.data())
def test_whatever_was_not_synced_is_lost_all_files_are_old_or_all_are_new(
    tmp_path_factory: pytest.TempPathFactory, more: st.DataObject
) -> None:
    top = tmp_path_factory.mktemp("cut")
    with_old_files(top)
    done = []

    def cut(work: Callable[[Disk], object]) -> None:
        disk = Unsynced(top, more.draw(st.integers(1, 22)))
        with suppress(PowerCut):
            work(disk)
            done.append(work)
        disk.power_cut(lambda: more.draw(st.booleans()))

    def replace(disk: Disk) -> None:
        replace_files(top, disk)

    cut(replace)
    cut(lambda disk: finish(top / "state", disk))
    cut(lambda disk: finish(top / "state", disk))
    finish(top / "state")
    found = files_in(top)

    assert found in (OLD, NEW)
    assert not (replace in done and found == OLD)  # who was told that it is done can rely on it
    shutil.rmtree(top)


def test_a_record_that_is_not_whole_is_discarded(tmp_path: Path) -> None:
    with_old_files(tmp_path)
    (tmp_path / "state" / "commit.record").write_bytes(b"0" * 64 + b"\n[{")

    assert finish(tmp_path / "state") is False
    assert OLD == files_in(tmp_path)
    assert [] == leftovers(tmp_path)


# --- the disk refuses ------------------------------------------------------------------------------------------------


class Refusing(Steps):
    """Refuses at step `first`, or from there on as many steps as `times`."""

    def __init__(self, first: int, number: int, times: int) -> None:
        def refuse(count: int) -> None:
            if first <= count < first + times:
                raise OSError(number, os.strerror(number), "/some/file")

        super().__init__(refuse)


def steps_of_the_story(tmp_path: Path) -> int:
    with_old_files(tmp_path / "count")
    disk = Steps()
    replace_files(tmp_path / "count", disk)
    return disk.count


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "mount it writable"),
        (errno.EACCES, "write permission"),
        (errno.EIO, "replace it"),
        (errno.ENODEV, "look at the disk"),
    ],
)
def test_a_disk_that_refuses_once_leaves_all_as_it_was_and_says_what_to_do(
    tmp_path: Path, number: int, words: str
) -> None:
    for step in range(1, steps_of_the_story(tmp_path) + 1):
        directory = tmp_path / str(step)
        with_old_files(directory)
        with pytest.raises(ConfigError) as told:
            replace_files(directory, Refusing(step, number, 1))

        assert "/some/file" in str(told.value)
        assert words in str(told.value)
        assert "as it was" in str(told.value)
        assert OLD == files_in(directory)
        assert [] == leftovers(directory)
        assert finish(directory / "state") is False


def test_a_disk_that_refuses_from_then_on_holds_all_old_or_all_new_from_the_next_start(tmp_path: Path) -> None:
    for step in range(1, steps_of_the_story(tmp_path) + 1):
        directory = tmp_path / str(step)
        with_old_files(directory)
        with pytest.raises(ConfigError) as told:
            replace_files(directory, Refusing(step, errno.EROFS, 10**6))
        if "as it was" in str(told.value):
            assert OLD == files_in(directory)
        interrupted = (directory / "state" / "commit.record").exists()
        with pytest.raises(ConfigError, match="not finished") if interrupted else nothing():
            finish(directory / "state", Refusing(1, errno.EROFS, 10**6))
        finish(directory / "state")

        assert files_in(directory) in (OLD, NEW)
        assert "as it was" not in str(told.value) or OLD == files_in(directory)
        assert [] == leftovers(directory)


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*nowhere.*No such file"):
        commit(tmp_path, [Write(tmp_path / "nowhere" / "cabinet.toml", b"new"), Removal(tmp_path / "other")])

    assert [] == os.listdir(tmp_path)
