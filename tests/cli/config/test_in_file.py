"""`jp config set`, `plan` and `apply` with `--file`: a file is changed as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jp_firmware.cli import command as cli
from tests.cli.configured import DEMO

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def jp(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JP_SOCKET", str(tmp_path / "nobody.sock"))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["config", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (made := tmp_path / "cabinet.toml").write_text(DEMO, newline="")
    made.chmod(0o640)
    return made


def test_a_key_is_set_and_all_else_stays_byte_for_byte(jp: Run, file: Path) -> None:
    status, out, err = jp("set", "site.limit_w=100kW", "--file", "cabinet.toml")

    assert (status, err) == (0, "")
    assert out == (
        "  site.limit_w  150_000 -> 100_000 W\n"
        "cabinet.toml is written; a charger that runs with it takes it over at its next start.\n"
    )
    assert file.read_text() == DEMO.replace("limit_w = 150_000", "limit_w = 100_000")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in file.parent.iterdir()] == ["cabinet.toml"], "nothing is left behind"


def test_lists_gain_and_lose_items(jp: Run, file: Path) -> None:
    item = 'authorize.local_list={ uid = "AB12", name = "New" }'
    jp("set", "--unset", "authorize.local_list.04DEADBEEF0102", "--add", item, "--file", "cabinet.toml")

    assert '{ uid = "AB12", name = "New" },' in file.read_text()
    assert "04DEADBEEF0102" not in file.read_text()


def test_what_would_be_wrong_is_not_written(jp: Run, file: Path) -> None:
    status, out, _ = jp("set", "meters.meter-2.unit=1", "--file", "cabinet.toml")

    assert status == 1
    assert out.startswith("error: meters.meter-2.unit: ")
    assert out.endswith("1 mistake; nothing was done\n")
    assert jp("set", "modules.module-1.address=900", "--file", "cabinet.toml")[0] == 1, "the driver is asked too"
    assert jp("set", "site.limit=5", "--file", "cabinet.toml")[0] == 1
    assert file.read_text() == DEMO


def test_a_file_with_a_mistake_can_be_mended(jp: Run, file: Path) -> None:
    file.write_text(DEMO.replace("limit_w = 150_000", "limit_w = -5"))
    status, out, _ = jp("set", "site.limit_w=90kW", "--file", "cabinet.toml")

    assert status == 0
    assert "  site.limit_w  -5 -> 90_000 W\n" in out
    assert file.read_text() == DEMO.replace("limit_w = 150_000", "limit_w = 90000")


def test_a_file_that_is_no_toml_is_left_alone(jp: Run, file: Path) -> None:
    file.write_text("[site\n")
    status, _, err = jp("set", "site.limit_w=90kW", "--file", "cabinet.toml")

    assert status == 1
    assert err == "cabinet.toml:1:6: expected ']' at the end of a table declaration; correct the TOML syntax there\n"
    assert file.read_text() == "[site\n"


def test_another_text_is_planned_and_applied(jp: Run, file: Path, tmp_path: Path) -> None:
    new = DEMO.replace("limit_w = 150_000", "limit_w = 80_000")
    (tmp_path / "new.toml").write_text(new)

    assert jp("plan", "new.toml", "--file", "cabinet.toml")[1] == "  site.limit_w  150_000 -> 80_000 W\n"
    assert file.read_text() == DEMO
    assert jp("apply", "new.toml", "--dry-run", "--file", "cabinet.toml")[0] == 0
    assert file.read_text() == DEMO
    assert jp("apply", "new.toml", "--file", "cabinet.toml")[0] == 0
    assert file.read_text() == new
    assert jp("apply", "new.toml", "--file", "cabinet.toml")[1] == "Nothing changes.\n"
    (tmp_path / "new.toml").write_text(new.replace("80_000", "-8"))
    assert jp("apply", "new.toml", "--file", "cabinet.toml")[1].startswith("new.toml:11: error: site.limit_w: ")


def test_json_says_what_became_of_the_file(jp: Run, file: Path) -> None:
    def result(*arguments: str) -> str:
        told = json.loads(jp("set", *arguments, "--file", "cabinet.toml", "--json")[1])
        assert told["path"] == "cabinet.toml"
        return str(told["result"])

    assert result("site.limit_w=90kW", "--dry-run") == "planned"
    assert result("site.limit_w=90kW") == "written"
    assert result("site.limit_w=90kW") == "unchanged"
    assert result("site.limit_w=-90kW") == "refused"


@pytest.mark.parametrize("terms", [["--force"], ["--why", "x"], ["--confirm", "60"], ["--confirm", "none"]])
def test_a_file_has_no_sessions_no_history_and_nobody_who_could_be_locked_out(
    jp: Run, file: Path, terms: list[str]
) -> None:
    status, _, err = jp("set", "site.limit_w=90kW", "--file", "cabinet.toml", *terms)

    assert (status, err) == (1, f"jp: {terms[0]}: only for a charger that runs, not for a file\n")
    assert file.read_text() == DEMO


def test_a_disk_that_refuses_leaves_the_file_as_it_was(jp: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_old: object, _new: object) -> None:
        raise OSError(28, os.strerror(28), str(file))

    monkeypatch.setattr(os, "replace", full)
    status, _, err = jp("set", "site.limit_w=90kW", "--file", "cabinet.toml")

    assert status == 1
    assert "No space left on device" in err
    assert file.read_text() == DEMO


def test_a_file_that_is_absent_is_told(jp: Run) -> None:
    assert jp("set", "site.limit_w=1", "--file", "absent.toml")[2] == (
        "absent.toml: cannot be read (No such file or directory); check the name and its permissions\n"
    )


def test_no_name_is_not_the_charger(jp: Run) -> None:
    """A script whose variable is empty must not change the one that runs."""
    for name in ("", "-"):
        status, out, err = jp("set", "site.limit_w=1", "--file", name)

        assert (status, out) == (1, "")
        assert "directory" in err or "the name of a file" in err


def test_line_ends_stay(jp: Run, file: Path) -> None:
    file.write_bytes(DEMO.replace("\n", "\r\n").encode())

    assert jp("set", "site.limit_w=90kW", "--file", "cabinet.toml")[0] == 0
    assert file.read_bytes() == DEMO.replace("150_000", "90_000").replace("\n", "\r\n").encode()
