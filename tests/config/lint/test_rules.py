"""Each rule has one file that breaks it and one that does not.

The line that breaks it ends in a comment with the rule's id. What was found of the hardware, for the rules that ask for
it, stands beside: `found.toml` for both files, or one for each.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from jp_firmware.config.examine import Examined, Finding, Severity, examine, findings_of
from jp_firmware.config.lint.hardware import HARDWARE_RULES, Hardware, against_hardware
from jp_firmware.config.lint.reference import reference
from jp_firmware.config.lint.table import EXPLAINED, RULES
from jp_firmware.config.profiles import DATA
from jp_firmware.config.structure import structure

HERE = Path(__file__).parent
IDS = sorted(EXPLAINED)


@pytest.fixture(autouse=True)
def profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JP_PROFILES", str(HERE / "profiles"))


def examined(path: Path) -> tuple[Examined, tuple[Finding, ...]]:
    """A file with a password kept apart, and against what was found where that is written beside it."""
    text = path.read_text()
    told = examine(text, secrets={"backend.password": "hush"})
    found = next((one for one in (path.with_suffix(".found.toml"), path.with_name("found.toml")) if one.exists()), None)
    if found is None:
        return told, told.findings
    assert told.cabinet is not None, told.findings
    hardware = structure(tomllib.loads(found.read_text()), Hardware)
    return told, (*told.findings, *findings_of(against_hardware(told.cabinet, hardware), text, told.data))


def ids(findings: Iterable[Finding]) -> set[str]:
    return {one.rule for one in findings}


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_is_broken_at_its_line_and_no_other_rule_is(rule: str) -> None:
    path = HERE / rule / "bad.toml"
    told, findings = examined(path)
    marked = [number for number, line in enumerate(path.read_text().splitlines(), 1) if line.endswith(f"# {rule}")]

    assert ids(findings) == {rule}
    assert sorted({one.line for one in findings}) == marked
    assert {one.severity for one in findings} == {EXPLAINED[rule].severity}
    broken_by_itself = rule in ids(told.findings) and EXPLAINED[rule].severity is Severity.ERROR
    assert (told.cabinet is None) == broken_by_itself


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_is_kept(rule: str) -> None:
    told, findings = examined(HERE / rule / "good.toml")

    assert findings == ()
    assert told.cabinet is not None


def test_an_id_is_given_once_and_rules_stand_in_their_order() -> None:
    assert [one.id for one in (*RULES, *HARDWARE_RULES)] == IDS


def test_every_file_belongs_to_a_rule() -> None:
    assert sorted(one.name for one in HERE.glob("RULE-*")) == IDS


def test_every_rule_has_its_row_in_the_reference() -> None:
    text = (DATA.parent.parent / "docs/configuration-rules.md").read_text()

    assert text == reference(), "make it anew: jp config rules --markdown > docs/configuration-rules.md"
    assert all(text.count(f"| {rule} |") == 1 for rule in IDS)


def test_what_is_told_of_a_rule_are_sentences() -> None:
    for rule in EXPLAINED.values():
        assert rule.title[0].isupper(), rule.id
        assert not rule.title.endswith("."), rule.id
        assert rule.reason.endswith("."), rule.id
        assert rule.fix.endswith("."), rule.id
