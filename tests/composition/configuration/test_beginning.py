"""What a charger begins with: the file, or the version before it where nobody is there to correct the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.composition.configuration.beginning import Beginning, begin, begin_again
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.versions import Origin
from jp_firmware.config.schema import ConfigError
from tests.whole.configured import TEXT

GOOD = TEXT.replace("200_000", "150_000")
UNKNOWN_KEY = TEXT.replace("limit_w = 200_000", "limit_kw = 200", 1)
NO_TOML = TEXT.replace("[site]", "[site", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cabinet.toml"
    path.write_text(TEXT)
    return path


def start(file: Path, *overrides: str, attended: bool = False) -> Beginning:
    return begin(file, file.parent / "state", overrides, attended=attended)


def limit_w(beginning: Beginning) -> float:
    return beginning.cabinet.site.limit_w


@pytest.mark.parametrize("bad", [UNKNOWN_KEY, NO_TOML])
def test_alone_it_goes_on_with_the_version_that_was_in_force_last(file: Path, bad: str) -> None:
    start(file)
    file.write_text(GOOD)
    assert limit_w(start(file)) == 150_000
    file.write_text(bad)
    beginning = start(file)
    assert limit_w(beginning) == 150_000
    line = next(
        at for at, (one, other) in enumerate(zip(bad.split("\n"), TEXT.split("\n"), strict=True), 1) if one != other
    )
    assert f"{file}:{line}" in beginning.store.refused or f"{file}:{line - 1}" in beginning.store.refused
    assert file.read_text() == bad, "somebody's work stays where it is"
    assert len(beginning.store.history()) == 2


def test_where_somebody_looks_the_mistakes_end_the_start(file: Path) -> None:
    start(file)
    file.write_text(UNKNOWN_KEY)
    with pytest.raises(ConfigError, match="limit_kw"):
        start(file, attended=True)


def test_a_first_start_with_mistakes_is_none(file: Path) -> None:
    file.write_text(UNKNOWN_KEY)
    with pytest.raises(ConfigError, match="limit_kw"):
        start(file)


def test_a_file_that_is_gone_is_no_mistake_to_live_with(file: Path) -> None:
    start(file)
    file.unlink()
    with pytest.raises(ConfigError):
        start(file)


def test_corrected_it_is_a_version_like_any_other(file: Path) -> None:
    start(file)
    file.write_text(UNKNOWN_KEY)
    start(file)
    file.write_text(GOOD)
    beginning = start(file)
    assert (limit_w(beginning), beginning.store.refused) == (150_000, "")
    assert str(beginning.store.current.origin) == "edited outside"


def test_a_change_replaces_the_file_and_keeps_what_stood_in_it(file: Path) -> None:
    start(file)
    file.write_text(UNKNOWN_KEY)
    store = start(file).store
    store.commit(GOOD, base=1, who="ann", why="", origin=Origin("console"))
    assert file.read_text() == GOOD
    assert store.refused == ""
    assert (file.parent / "state/config/aside.toml").read_text() == UNKNOWN_KEY


def test_what_is_written_into_the_file_while_the_charger_runs_is_kept_too(file: Path) -> None:
    store = start(file).store
    file.write_text(TEXT + "# a thought\n")
    store.commit(GOOD, base=1, who="ann", why="", origin=Origin("console"))
    assert (file.parent / "state/config/aside.toml").read_text().endswith("# a thought\n")


def unconfirmed(file: Path) -> ConfigStore:
    store = start(file).store
    store.commit(GOOD, base=1, who="ann", why="", origin=Origin("console"), confirm_within_s=60)
    return store


def test_what_nobody_kept_is_undone_and_told(file: Path) -> None:
    unconfirmed(file)
    beginning = start(file)
    assert limit_w(beginning) == 200_000
    assert "version 2 is undone" in beginning.undone
    assert start(file).undone == ""


def test_another_life_keeps_it_only_where_it_is_begun_for_it(file: Path) -> None:
    store = unconfirmed(file)
    assert limit_w(begin_again(store, (), keeps=True)) == 150_000
    beginning = begin_again(store, (), keeps=False)
    assert limit_w(beginning) == 200_000
    assert "before it was confirmed" in beginning.undone
