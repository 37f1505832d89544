"""`jp config import`, `bundle` and `board`, as somebody at a bench types them."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from jp_firmware.cli import command as cli
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.profiles import DATA

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
DOCUMENT = {
    "controller": {
        "maxPowerPerGunKM": 60,
        "modulesPerGun": 1,
        "maxCurrentA": 100,
        "ocpp": {"enabled": True, "chargePointId": "jc01"},
    }
}
OWN = ("--set", "charger.identity=JC-0017", "--set", "charger.serial=S-17")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JP_PROFILES", raising=False)
    Path("cabinet.toml").write_text(DEMO)
    Path("controller.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(["config", *arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


# --- import --------------------------------------------------------------------------------------------------------


def test_the_cabinet_goes_to_the_output_and_what_was_done_beside_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "import", "controller.json", "--onto", "cabinet.toml")
    assert status == 0
    assert tomllib.loads(out)["charger"]["identity"] == "jc01"
    assert "misspelt: maxPowerPerGunKW is meant" in err
    assert "5 values: 3 taken, 2 to look at (!)" in err
    assert Path("cabinet.toml").read_text() == DEMO


def test_a_file_is_written_only_where_it_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "import", "controller.json", "--onto", "cabinet.toml", "-o", "new.toml")
    assert (status, out.splitlines()[-1]) == (0, "new.toml: written")
    assert tomllib.loads(Path("new.toml").read_text())["connectors"][0]["max_power_w"] == 60_000
    assert Path("cabinet.toml").read_text() == DEMO

    assert run(capsys, "import", "controller.json", "--onto", "cabinet.toml", "-o", "cabinet.toml")[0] == 0
    assert Path("cabinet.toml").read_text() == Path("new.toml").read_text()


def test_nothing_wider_than_a_serial_console_but_findings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "import", "controller.json")
    assert max(map(len, out.splitlines())) <= 80
    assert "taken          controller.maxCurrentA = 100 -> connectors.*.max_current_a = 100" in out


def test_as_json_it_is_one_object_with_a_row_for_each_value(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "import", "controller.json", "--onto", "cabinet.toml", "--json")
    told = json.loads(out)
    assert (status, err, told["written"]) == (0, "", None)
    assert [one["outcome"] for one in told["rows"]] == ["taken", "differs", "taken", "already so", "taken"]
    assert told["rows"][0] == {
        "name": "controller.maxPowerPerGunKM",
        "value": 60,
        "key": "connectors.*.max_power_w",
        "to": 60_000,
        "outcome": "taken",
        "remark": "misspelt: maxPowerPerGunKW is meant",
        "warning": True,
    }
    assert tomllib.loads(told["text"])["charger"]["identity"] == "jc01"


def test_values_that_make_a_bad_cabinet_write_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.json").write_text('{"Vehicle connection timeout": 2}')
    status, out, err = run(capsys, "import", "bad.json", "--onto", "cabinet.toml", "-o", "new.toml")
    assert status == 1
    assert "authorize.plug_timeout_s: 2 is out of range" in out
    assert "nothing is written" in err
    assert not Path("new.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["import", "none.json"], "none.json: cannot be read"),
        (["import", "cabinet.toml"], "cabinet.toml: line 1, column 1: expecting value; correct the JSON there"),
        (["import", "controller.json", "-o", "x.toml"], "name the one that is to have them by --onto"),
        (["import", "controller.json", "--phase-voltage", "0"], "no voltage of a phase; write 230"),
        (["bundle", "show", "none.jpb"], "none.jpb: cannot be read"),
        (["bundle", "show", "cabinet.toml"], "cabinet.toml: is damaged, or no bundle"),
        (["bundle", "apply", "x", "-o", "y", "--secrets", "z"], "name it by --state-dir"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert status in (1, 2)
    assert out == ""
    assert told in err


# --- bundles -------------------------------------------------------------------------------------------------------


def test_a_bundle_brings_a_cabinet_to_another_unit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "bundle", "export", "cabinet.toml", "-o", "b.jpb")
    assert (status, out) == (
        0,
        "b.jpb: the configuration, without charger.identity, charger.serial, backend.password\n",
    )
    status, out, err = run(capsys, "bundle", "apply", "b.jpb", "-o", "new.toml")
    assert (status, out) == (1, "")
    assert "--set charger.identity=…" in err
    assert "--set charger.serial=…" in err
    assert not Path("new.toml").exists()

    status, out, _ = run(capsys, "bundle", "apply", "b.jpb", *OWN, "-o", "new.toml")
    assert (status, out) == (0, "new.toml: written\n")
    made = tomllib.loads(Path("new.toml").read_text())
    assert made["charger"] == {"identity": "JC-0017", "name": "Demo charger", "serial": "S-17"}


def test_a_bundle_is_shown_with_what_it_asks_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "bundle", "export", "cabinet.toml", "-o", "b.jpb")
    _, out, _ = run(capsys, "bundle", "show", "b.jpb")
    assert "brand              JP\n" in out
    assert "  charger.identity: The charger's identity at the central system" in out
    assert "  backend.password (secret, may be left out): " in out
    _, out, _ = run(capsys, "bundle", "show", "b.jpb", "--json")
    assert [one["key"] for one in json.loads(out)["asked"] if one["required"]] == ["charger.identity", "charger.serial"]
    _, out, _ = run(capsys, "bundle", "show", "b.jpb", "--text")
    assert "limit_w = 150_000" in out


def test_with_a_state_it_is_a_version_there_and_the_secrets_are_in_a_file_of_their_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cabinet.toml").write_text(DEMO.replace("[backend]\n", '[backend]\npassword = "the-old-units-own"\n', 1))
    run(capsys, "bundle", "export", "cabinet.toml", "-o", "b.jpb")
    to_state = ("bundle", "apply", "b.jpb", *OWN, "-o", "new.toml", "--state-dir", "state")
    status, out, err = run(capsys, *to_state)
    assert (status, out) == (1, "")
    assert "each charger has its own backend.password" in err
    assert not Path("new.toml").exists()

    Path("own.toml").write_text('backend.password = "this-units-own"\n')
    assert run(capsys, *to_state, "--secrets", "own.toml")[0] == 0
    store = ConfigStore.open(Path("new.toml"), Path("state"))
    assert store.secrets == {"backend.password": "this-units-own"}
    assert (store.current.origin.kind, store.current.why) == ("bundle", "bundle b.jpb")
    assert "own" not in Path("new.toml").read_text()
    assert stat.S_IMODE(Path("state/config/secrets.toml").stat().st_mode) == 0o600

    before = store.current.number
    assert run(capsys, *to_state, "--secrets", "own.toml")[0] == 0
    assert ConfigStore.open(Path("new.toml"), Path("state")).current.number == before  # it says so already


def test_secrets_in_the_state_are_looked_for_when_a_bundle_is_made(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ConfigStore.open(Path("cabinet.toml"), Path("state"))
    secret = "hush-hush-hush"
    store.commit(DEMO, {"backend.password": secret}, base=1, who="me", why="", origin=store.current.origin)
    Path("cabinet.toml").write_text(f"# {secret}\n{DEMO}")
    status, _, err = run(capsys, "bundle", "export", "cabinet.toml", "--state-dir", "state", "-o", "b.jpb")
    assert (status, err) == (1, "line 1 of the cabinet tells backend.password; remove it there\n")
    assert not Path("b.jpb").exists()


def test_profiles_come_along_and_where_they_are_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "maker/brands").mkdir(parents=True)
    (here / "maker/brands/acme.toml").write_text('name = "Acme"\n')
    monkeypatch.setenv("JP_PROFILES", str(here / "maker"))
    Path("cabinet.toml").write_text(DEMO + '\n[brand]\nprofile = "acme"\n')
    run(capsys, "bundle", "export", "cabinet.toml", "-o", "b.jpb")
    monkeypatch.delenv("JP_PROFILES")
    Path("unit").mkdir()

    status, out, _ = run(capsys, "bundle", "apply", "b.jpb", *OWN, "-o", "unit/cabinet.toml")
    assert status == 0
    assert (here / "unit/profiles/brands/acme.toml").read_text() == 'name = "Acme"\n'
    assert out.splitlines()[-1] == f"start the charger with JP_PROFILES={here}/unit/profiles, where its profiles are"


# --- the board -----------------------------------------------------------------------------------------------------


def test_the_board_is_told_beside_what_is_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cabinet.toml").write_text(DEMO + '\n[board]\nprofile = "xtreme"\n')
    status, out, _ = run(capsys, "board", "cabinet.toml", "--json")
    told = {one["what"]: one for one in json.loads(out)}
    assert status == 0
    assert told["memory"]["expected"] == "8192 MiB"
    assert told["TPM"]["expected"] == "yes"
    assert told["TPM"]["found"] in ("yes", "no")
    assert told["keys are kept in a"]["found"] == "file"
    _, out, _ = run(capsys, "board", "cabinet.toml")
    assert "surroundings         -40 to 70 °C  ---" in out


@pytest.mark.parametrize(
    "line",
    [
        ("bundle", "export", "cabinet.toml", "-o", "stick/site.jpb"),
        ("bundle", "apply", "site.jpb", *OWN, "-o", "stick/new.toml"),
        ("bundle", "apply", "site.jpb", *OWN, "-o", "new.toml", "--profiles", "stick/profiles"),
        ("import", "controller.json", "--onto", "cabinet.toml", "-o", "stick/new.toml"),
    ],
    ids=" ".join,
)
def test_no_directory_is_made_for_what_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    """A stick that is not there would have got its files on the disk of this machine."""
    own = here / "own"
    (own / "meters").mkdir(parents=True)
    (own / "meters/mine.toml").write_text((DATA / "profiles/meters/acrel-djsf1352-rn.toml").read_text())
    monkeypatch.setenv("JP_PROFILES", str(own))
    Path("cabinet.toml").write_text(DEMO.replace('id = "meter-1"\n', 'id = "meter-1"\nprofile = "mine"\n'))
    assert run(capsys, "bundle", "export", "cabinet.toml", "-o", "site.jpb")[0] == 0
    monkeypatch.delenv("JP_PROFILES") if "apply" in line else None

    status, _, err = run(capsys, *line)

    assert status == 1
    assert "(No such file or directory)" in err
    assert not Path("stick").exists()


def test_a_document_of_windows_is_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.json").write_text(json.dumps({"maxCurrentA": 100}), encoding="utf-8-sig")
    status, out, _ = run(capsys, "import", "one.json")

    assert status == 0
    assert out.endswith("1 value: 1 taken, 0 to look at (!)\n")
