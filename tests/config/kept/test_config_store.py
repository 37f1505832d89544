"""The configuration on the disk: versions exactly of what was in force, and nothing half done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from jp_firmware.config.kept.commit import Disk
from jp_firmware.config.kept.config_store import ConfigStore, Outdated
from jp_firmware.config.kept.versions import Origin, Versions
from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import ConfigError
from tests.config.kept.cut_disk import Steps
from tests.config.stories import (
    AT,
    NEW_SECRETS,
    NEW_TEXT,
    OLD_SECRETS,
    OLD_TEXT,
    WAITING,
    change_configuration,
    open_store,
    with_old_configuration,
    with_unconfirmed_configuration,
)

CONSOLE = Origin("console")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a cabinet, `cabinet.toml`, that no charger was started with yet."""
    (tmp_path / "cabinet.toml").write_text(OLD_TEXT)
    return tmp_path


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


# --- versions --------------------------------------------------------------------------------------------------------


def test_the_first_start_makes_the_first_version(site: Path) -> None:
    store = open_store(site)

    assert (1, "first start", AT, OLD_TEXT) == (
        store.current.number,
        str(store.current.origin),
        store.current.at,
        store.text_at(1),
    )
    assert OLD_TEXT == store.text == store.path_in_force.read_text()
    assert site / "cabinet.toml" == store.path_in_force == store.origin_path


def test_each_commit_is_a_version_with_who_when_why_and_from_where(site: Path) -> None:
    open_store(site).commit(NEW_TEXT, base=1, who="ann", why="new contract", origin=CONSOLE)
    store = open_store(site)
    store.commit(store.text_at(1), base=2, who="bob", why="back", origin=Origin("rollback", 1))

    told = [(one.number, one.who, one.why, str(one.origin)) for one in open_store(site).history()]
    assert [
        (1, "charger", f"started with {site / 'cabinet.toml'}", "first start"),
        (2, "ann", "new contract", "console"),
        (3, "bob", "back", "rollback of 1"),
    ] == told
    assert OLD_TEXT == (site / "cabinet.toml").read_text()
    assert [OLD_TEXT, NEW_TEXT, OLD_TEXT] == [store.text_at(number) for number in (1, 2, 3)]


@pytest.mark.parametrize("text", ["a = 1\r\nb = 2\r\n", "", "a = 'é'", "# only a comment"])
def test_a_text_is_kept_byte_for_byte(site: Path, text: str) -> None:
    open_store(site).commit(text, base=1, who="ann", why="", origin=CONSOLE)
    store = open_store(site)

    assert (2, text, text) == (store.current.number, store.text, store.text_at(2))
    assert text.encode() == (site / "cabinet.toml").read_bytes()


def test_a_file_with_other_line_ends_is_not_taken_for_edited(site: Path) -> None:
    (site / "cabinet.toml").write_bytes(b"a = 1\r\n")
    open_store(site)

    assert (1, "a = 1\r\n") == (open_store(site).current.number, open_store(site).text)


def test_a_file_edited_outside_becomes_a_version(site: Path) -> None:
    open_store(site)
    (site / "cabinet.toml").write_text(NEW_TEXT)
    store = open_store(site)

    assert (2, "edited outside", NEW_TEXT) == (store.current.number, str(store.current.origin), store.text_at(2))
    assert 2 == open_store(site).current.number


def test_words_of_people_may_hold_anything(site: Path) -> None:
    why = "line\nend \x1b[31m \udc80 é \"'\\"
    open_store(site).commit(NEW_TEXT, base=1, who="ann", why=why, origin=CONSOLE)

    assert why == open_store(site).current.why
    assert 1 == (site / "state/config/versions/000002.json").read_text().count("\n")


def test_a_damaged_version_keeps_nothing_from_starting(site: Path) -> None:
    open_store(site).commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)
    kept = site / "state/config/versions"
    (kept / "000001.toml").write_text("something else")
    (kept / "000002.json").write_text("{")
    store = open_store(site)

    assert [1, 3] == [version.number for version in store.history()]
    with pytest.raises(ConfigError, match=r"000001.toml: no longer the text of version 1; restore it"):
        store.text_at(1)
    with pytest.raises(ConfigError, match=r"000002.json: not what the charger wrote"):
        store.text_at(2)
    with pytest.raises(ConfigError, match=r"there is no version 7 of the configuration; there are 1 to 3"):
        store.text_at(7)


def test_history_can_be_read_where_there_is_none(tmp_path: Path) -> None:
    versions = Versions(tmp_path / "none")

    assert ((), None) == (versions.history(), versions.latest)
    with pytest.raises(ConfigError, match="there is no version 1 of the configuration; there is none yet"):
        versions.text(1)


# --- two at once -----------------------------------------------------------------------------------------------------


def test_who_worked_on_a_version_that_is_not_in_force_any_more_is_told(site: Path) -> None:
    store = open_store(site)
    store.commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)
    with pytest.raises(Outdated, match="of version 1, in force is 2") as told:
        store.commit(OLD_TEXT, base=1, who="bob", why="", origin=CONSOLE)

    assert (1, 2) == (told.value.base, told.value.latest)
    assert (NEW_TEXT, 2) == (open_store(site).text, open_store(site).current.number)


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_secrets_are_in_a_file_of_their_own_that_only_the_owner_reads(site: Path) -> None:
    store = open_store(site)
    store.commit(NEW_TEXT, OLD_SECRETS, base=1, who="ann", why="", origin=CONSOLE)
    file = site / "state/config/secrets.toml"

    assert 'backend.password = "old-password"\n' == file.read_text()
    assert 0o600 == file.stat().st_mode & 0o777
    assert 0o700 == file.parent.stat().st_mode & 0o777
    assert OLD_SECRETS == store.secrets == open_store(site).secrets
    assert [False, True] == [version.secrets_changed for version in store.history()]


def test_secrets_that_are_not_named_stay(site: Path) -> None:
    store = open_store(site)
    store.commit(NEW_TEXT, OLD_SECRETS, base=1, who="ann", why="", origin=CONSOLE)
    store.commit(OLD_TEXT, base=2, who="ann", why="", origin=CONSOLE)
    same = store.commit(NEW_TEXT, OLD_SECRETS, base=3, who="ann", why="", origin=CONSOLE)

    assert OLD_SECRETS == open_store(site).secrets
    assert not same.secrets_changed


def test_a_secret_that_is_gone_is_nowhere(site: Path) -> None:
    store = open_store(site)
    store.commit(NEW_TEXT, OLD_SECRETS, base=1, who="ann", why="", origin=CONSOLE)
    store.commit(NEW_TEXT, NEW_SECRETS, base=2, who="ann", why="", origin=CONSOLE, confirm_within_s=60)
    assert b"old-password" in everything_in(site)
    store.confirm(3)
    assert b"old-password" not in everything_in(site)
    store.commit(NEW_TEXT, {}, base=3, who="ann", why="", origin=CONSOLE)

    assert b"new-password" not in everything_in(site)
    assert b"password" not in everything_in(site / "state/config/versions")


@pytest.mark.parametrize("content", ['backend.password = 5\nx = "my-secret"', 'backend.password = "my-secret'])
def test_a_file_of_secrets_that_cannot_be_read_is_told_without_them(site: Path, content: str) -> None:
    open_store(site)
    (site / "state/config/secrets.toml").write_text(content)
    with pytest.raises(ConfigError, match=r"secrets.toml: .*write") as told:
        open_store(site)

    assert "my-secret" not in str(told.value)
    assert told.value.__cause__ is None


# --- waiting for a word ----------------------------------------------------------------------------------------------


def test_a_version_that_waits_is_there_at_the_next_start(tmp_path: Path) -> None:
    with_unconfirmed_configuration(tmp_path / "site")
    store = open_store(tmp_path / "site")

    assert store.unconfirmed is not None
    assert (3, 2, 60.0, AT + timedelta(seconds=60)) == (
        store.unconfirmed.number,
        store.unconfirmed.previous,
        store.unconfirmed.confirm_s,
        store.unconfirmed.until,
    )
    assert (NEW_TEXT, NEW_SECRETS) == (store.text, store.secrets)
    assert "password" not in repr(store.unconfirmed)


def test_the_keys_that_changed_are_kept_while_it_waits(site: Path) -> None:
    store = open_store(site)
    store.commit(
        NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE, confirm_within_s=60, keys=["backend.url", "site.limit_w"]
    )
    again = open_store(site).unconfirmed

    assert again == store.unconfirmed
    assert again is not None
    assert ("backend.url", "site.limit_w") == again.keys


def test_a_version_that_is_confirmed_stays(tmp_path: Path) -> None:
    with_unconfirmed_configuration(tmp_path / "site")
    store = open_store(tmp_path / "site")
    store.confirm(3)

    again = open_store(tmp_path / "site")
    assert store.unconfirmed is None is again.unconfirmed
    assert (3, NEW_TEXT, NEW_SECRETS) == (again.current.number, again.text, again.secrets)
    with pytest.raises(ConfigError, match="version 3 does not wait for a confirmation"):
        again.confirm(3)
    with pytest.raises(ConfigError, match="no version waits"):
        again.revert()


def test_a_version_that_is_not_confirmed_is_undone_with_its_secrets(tmp_path: Path) -> None:
    with_unconfirmed_configuration(tmp_path / "site")
    version = open_store(tmp_path / "site").revert()

    again = open_store(tmp_path / "site")
    assert (4, "revert of 3", True) == (version.number, str(version.origin), version.secrets_changed)
    assert (version, OLD_TEXT, OLD_SECRETS, None) == (again.current, again.text, again.secrets, again.unconfirmed)
    assert OLD_TEXT == (tmp_path / "site" / "cabinet.toml").read_text()
    assert b"new-password" not in everything_in(tmp_path)


def test_nothing_else_can_be_changed_while_a_version_waits(tmp_path: Path) -> None:
    with_unconfirmed_configuration(tmp_path / "site")
    store = open_store(tmp_path / "site")
    with pytest.raises(ConfigError, match="version 3 waits for its confirmation; confirm or revert it first"):
        store.commit(OLD_TEXT, base=3, who="ann", why="", origin=CONSOLE)

    assert (3, NEW_TEXT) == (store.current.number, store.text)


def test_who_edits_the_file_by_hand_needs_no_confirmation(tmp_path: Path) -> None:
    with_unconfirmed_configuration(tmp_path / "site")
    (tmp_path / "site" / "cabinet.toml").write_text("edited = true\n")
    store = open_store(tmp_path / "site")

    assert (None, "edited = true\n", NEW_SECRETS) == (store.unconfirmed, store.text, store.secrets)
    assert b"old-password" not in everything_in(tmp_path)


# --- files that are not ours to edit ---------------------------------------------------------------------------------


def test_a_cabinet_that_ships_with_the_program_is_never_edited(tmp_path: Path) -> None:
    demo = DATA / "profiles" / "cabinets" / "demo.toml"
    before = demo.read_bytes()
    store = ConfigStore.open(demo, tmp_path)
    assert demo == store.path_in_force
    store.commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)

    again = ConfigStore.open(demo, tmp_path)
    assert tmp_path / "config" / "cabinet.toml" == store.path_in_force == again.path_in_force
    assert demo == again.origin_path
    assert (2, NEW_TEXT) == (again.current.number, again.text)
    assert before == demo.read_bytes()

    again.commit(OLD_TEXT, base=2, who="ann", why="", origin=CONSOLE)
    assert (3, OLD_TEXT) == (ConfigStore.open(demo, tmp_path).current.number, again.path_in_force.read_text())


def test_a_cabinet_that_cannot_be_written_is_copied(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(site)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    store.commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)

    assert OLD_TEXT == (site / "cabinet.toml").read_text()
    assert NEW_TEXT == (site / "state/config/cabinet.toml").read_text() == open_store(site).text


def test_the_copy_of_another_file_is_not_taken_for_the_one_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        open_store(site).commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)
    (site / "other.toml").write_text("other = 1\n")
    other = ConfigStore.open(site / "other.toml", site / "state")

    assert (site / "other.toml", "other = 1\n", 3) == (other.path_in_force, other.text, other.current.number)
    assert (site / "state/config/cabinet.toml", NEW_TEXT) == (open_store(site).path_in_force, open_store(site).text)


def test_a_linked_cabinet_is_edited_where_it_is(site: Path) -> None:
    (site / "etc").mkdir()
    shutil.move(site / "cabinet.toml", site / "etc/real.toml")
    (site / "cabinet.toml").symlink_to("etc/real.toml")
    open_store(site).commit(NEW_TEXT, base=1, who="ann", why="", origin=CONSOLE)

    assert (site / "cabinet.toml").is_symlink()
    assert NEW_TEXT == (site / "etc/real.toml").read_text() == open_store(site).text


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_configuration_is_told_and_is_no_version(site: Path) -> None:
    (site / "cabinet.toml").write_text("a = = 1\n")
    with pytest.raises(ConfigError, match=r"cabinet.toml:1"):
        open_store(site)

    assert [] == os.listdir(site / "state/config/versions")


def test_a_text_that_cannot_be_written_changes_nothing(site: Path) -> None:
    store = open_store(site)
    with pytest.raises(ConfigError, match="line 2: half of a character"):
        store.commit("a = 1\nb = '\ud800'\n", base=1, who="ann", why="", origin=CONSOLE)
    with pytest.raises(ConfigError, match="name one key twice"):
        store.commit(NEW_TEXT, {"a": "1", "a.b": "2"}, base=1, who="ann", why="", origin=CONSOLE)

    assert (1, OLD_TEXT) == (open_store(site).current.number, open_store(site).text)


def test_a_disk_that_refuses_leaves_the_store_as_it_was(site: Path) -> None:
    def refuse(count: int) -> None:
        raise OSError(28, "No space left on device", "/state")

    store = open_store(site, Steps(lambda count: None))
    full = ConfigStore.open(site / "cabinet.toml", site / "state", disk=Steps(refuse), now=lambda: AT)
    with pytest.raises(ConfigError, match="free some space there; the configuration is as it was"):
        full.commit(NEW_TEXT, NEW_SECRETS, base=1, who="ann", why="", origin=CONSOLE)

    assert (1, OLD_TEXT, {}) == (full.current.number, full.text, full.secrets)
    assert store.history() == full.history()


def test_wall_time_is_recorded_as_utc(site: Path) -> None:
    store = ConfigStore.open(site / "cabinet.toml", site / "state")

    assert UTC == store.current.at.tzinfo
    assert abs(datetime.now(UTC) - store.current.at) < timedelta(minutes=1)
    assert json.loads((site / "state/config/versions/000001.json").read_text())["at"].endswith("+00:00")


# --- a change that waits ---------------------------------------------------------------------------------------------


def test_a_change_that_waits_is_there_at_the_next_start_until_it_is_forgotten(tmp_path: Path) -> None:
    with_old_configuration(tmp_path / "site")
    store = open_store(tmp_path / "site")
    other = attrs.evolve(WAITING, number=5)
    store.keep_waiting(WAITING)
    store.keep_waiting(other)
    assert open_store(tmp_path / "site").waiting == other
    assert b"new-password" not in repr(other).encode()

    store.forget_waiting(WAITING)  # which waits no longer
    assert open_store(tmp_path / "site").waiting == other
    store.forget_waiting(other)
    assert open_store(tmp_path / "site").waiting is None


def test_what_is_made_beside_a_change_that_waits_leaves_it_waiting(tmp_path: Path) -> None:
    with_old_configuration(tmp_path / "site")
    store = open_store(tmp_path / "site")
    store.keep_waiting(WAITING)
    store.commit(NEW_TEXT, base=2, who="ann", why="", origin=CONSOLE)
    assert open_store(tmp_path / "site").waiting == store.waiting == WAITING


# --- the power is cut ------------------------------------------------------------------------------------------------


def state_of(directory: Path) -> tuple[object, ...]:
    """All that a charger finds that starts now."""
    store = open_store(directory)
    undecided = store.unconfirmed, store.waiting
    return store.text, dict(store.secrets), store.history(), undecided, store.text_at(store.current.number)


@pytest.mark.parametrize("story", ["configuration", "revert", "confirm", "waiting"])
def test_killed_at_every_step_a_charger_starts_with_the_old_or_the_new(tmp_path: Path, story: str) -> None:
    with_old_configuration(tmp_path / "old")
    if story == "waiting":
        open_store(tmp_path / "old").keep_waiting(WAITING)
    elif story != "configuration":
        change_configuration(tmp_path / "old", Disk())
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-m", "tests.config.kept.cut_disk", story, tmp_path / "cut"], cwd=root, check=True)
    whole = tmp_path / "cut" / "whole"
    outcomes = []
    for directory in sorted(path for path in (tmp_path / "cut").iterdir() if path != whole):
        open_store(directory)
        known = [told(state_of(one), one) for one in (tmp_path / "old", whole)]
        found = told(state_of(directory), directory)

        assert found in known, directory.name
        outcomes.append(known.index(found))
        files = {path.relative_to(directory) for path in directory.rglob("*") if path.is_file()}
        same = (tmp_path / "old", whole)[outcomes[-1]]
        assert files == {path.relative_to(same) for path in same.rglob("*") if path.is_file()}

    assert outcomes.count(0) >= 3
    assert outcomes.count(1) >= 3


def told(state: tuple[object, ...], directory: Path) -> str:
    """The state without the name of the directory it is in."""
    return repr(state).replace(str(directory), "…")
