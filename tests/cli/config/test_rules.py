"""`jp config check`, `rules` and `explain`: findings that a program can read, rules and keys that a person can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jp_firmware.cli import command as cli
from jp_firmware.config.lint.reference import reference
from jp_firmware.config.lint.table import EXPLAINED

LINT = Path(__file__).parents[2] / "config/lint"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    told = capsys.readouterr()
    return status, told.out, told.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status, out, err = run(capsys, *arguments, "--json")
    assert err == ""
    return status, json.loads(out)


def test_a_warning_is_told_and_the_file_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    path = LINT / "RULE-27/bad.toml"
    status, out, err = run(capsys, "config", "check", str(path))

    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith(f"{path}:53: warning: chains.A.cap_w: chain A may carry 70000 W")
    assert err.endswith("[RULE-27]\n")
    assert "good: 1 connector" in out


def test_an_error_is_told_and_the_file_is_not_good(capsys: pytest.CaptureFixture[str]) -> None:
    path = LINT / "RULE-43/bad.toml"
    status, out, err = run(capsys, "config", "check", str(path))

    assert (status, out) == (1, "")
    assert "plc_boards.plc-1.watchdog_s: 1 s is not below" in err


def test_findings_can_be_read_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = as_json(capsys, "config", "check", str(LINT / "RULE-43/bad.toml"))
    assert (status, told["good"]) == (1, False)
    (finding,) = told["findings"]
    assert {"severity": "error", "key": "plc_boards.plc-1.watchdog_s", "rule": "RULE-43"}.items() <= finding.items()

    status, told = as_json(capsys, "config", "check", str(LINT / "RULE-43/good.toml"))
    assert (status, told["good"], told["findings"]) == (0, True, [])


def test_what_a_driver_refuses_is_told_at_the_modules_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "cabinet.toml"
    text = (LINT / "RULE-43/good.toml").read_text().replace("address = 0", "address = 77")
    path.write_text(text)
    status, out, err = run(capsys, "config", "check", str(path))

    line = text.splitlines().index("[[modules]]") + 1
    assert (status, out) == (1, "")
    assert err.startswith(f"{path}:{line}: modules.module-1: an address of infypower is 0 to 59, not 77")


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "config", "rules")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(EXPLAINED)
    assert all(len(line) <= 80 for line in out.splitlines())

    status, out, _ = run(capsys, "config", "rules", "rule-68")
    assert status == 0
    for told in ("RULE-68  warning", "Pings that come too late.", "What to do: "):
        assert told in out
    assert all(len(line) <= 80 for line in out.splitlines())

    status, told = as_json(capsys, "config", "rules", "RULE-68")
    assert [(one["id"], one["severity"]) for one in told] == [("RULE-68", "warning")]
    assert len(as_json(capsys, "config", "rules")[1]) == len(EXPLAINED)


def test_an_unknown_rule_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "config", "rules", "RULE-00") == (1, "", "jp: there is no rule RULE-00; see jp config rules\n")


def test_the_reference_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "config", "rules", "--markdown") == (0, reference(), "")


def test_a_rule_is_found_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    expected = run(capsys, "config", "rules", "RULE-05")

    assert expected[0] == 0
    assert run(capsys, "config", "rules", "5") == run(capsys, "config", "rules", "rule-05") == expected
    assert run(capsys, "config", "rules", "999")[0] == 1


def test_a_key_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "config", "explain", "site.limit_w")
    assert status == 0
    assert out.startswith("site.limit_w\n  What may be drawn")
    assert "number, 0 to 10,000,000, in W" in out


@pytest.mark.parametrize("name", ["site.limit_kw", "site.limitKW"])
def test_a_key_with_another_unit_is_explained_by_its_own_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "config", "explain", name)
    assert status == 0
    assert out.startswith(f"{name} is site.limit_w here.\n\nsite.limit_w\n")
    assert [one["key"] for one in as_json(capsys, "config", "explain", name)[1]] == ["site.limit_w"]


def test_a_key_that_could_be_several_is_asked_back(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "config", "explain", "watchdog_ms")
    assert (status, out) == (1, "")
    assert "did you mean modules.*.watchdog_s (in s) or meters.*.watchdog_s (in s)" in err
