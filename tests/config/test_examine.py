"""Any text is examined without a traceback, and what is found says where it stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.examine import Severity, examine
from jp_firmware.config.profiles import DATA

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
LINES = DEMO.splitlines()


def test_a_good_text_is_a_cabinet_without_findings() -> None:
    """But for its central system, which runs on the same machine, as is meant."""
    examined = examine(DEMO)
    assert examined.cabinet is not None
    assert [(one.severity, one.rule, one.key) for one in examined.findings] == [
        (Severity.WARNING, "RULE-65", "backend.url")
    ]
    assert examine(DEMO.replace("127.0.0.1:9016", "cpo.example")).findings == ()
    assert examined.data == tomllib.loads(DEMO)


def test_syntax_is_told_with_line_and_column() -> None:
    (finding,) = examine('[charger]\nidentity = "JP\n').findings
    assert (finding.line, finding.column, finding.key) == (2, 15, "")
    assert finding.told_of("cabinet.toml").startswith("cabinet.toml:2:15: ")


@pytest.mark.parametrize(
    "line",
    [
        "x = " + "[" * 5000,
        "x = " + "{a=" * 3000,
        ".".join(["a"] * 5000) + " = 1",
        "x = " + "9" * 5000,
        "[" + "a." * 900,
    ],
    ids=lambda line: f"{line[:6]}…",
)
def test_what_has_no_end_is_a_finding_at_its_line(line: str) -> None:
    (finding,) = examine(f"{DEMO}{line}\n").findings

    assert finding.severity is Severity.ERROR
    assert finding.line == len(LINES) + 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("limit_w = 150_000", "limit_kw = 150"),
        ("limit_w = 150_000", "limit_w = -1"),
        ("limit_w = 150_000", 'limit_w = "much"'),
    ],
)
def test_a_mistake_stands_at_its_line(wrong: str, told: str) -> None:
    text = DEMO.replace(wrong, told, 1)
    examined = examine(text)
    assert examined.cabinet is None
    assert any(text.splitlines()[one.line - 1].startswith("limit_") for one in examined.errors)
    assert {one.severity for one in examined.findings} == {Severity.ERROR}


def test_a_secret_is_laid_over_the_text_and_never_part_of_its_data() -> None:
    examined = examine(DEMO, secrets={"backend.password": "hush"})
    assert examined.cabinet is not None
    assert examined.cabinet.backend.password == "hush"
    assert "hush" not in str(examined.data)


def test_a_mistake_of_the_command_line_is_told_as_one() -> None:
    (finding,) = examine(DEMO, ["site.limit_w=-5"]).errors
    assert finding.told_of("cabinet.toml").startswith("--set site.limit_w=-5: site.limit_w: ")


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_is_examined(text: str) -> None:
    examined = examine(text)
    assert examined.errors, "no text at all is a cabinet by chance"
    assert all(1 <= one.line <= text.count("\n") + 1 for one in examined.findings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_line_of_a_good_text_may_be_bent(data: st.DataObject) -> None:
    """One line is replaced by another one of the file, or by something odd: what is found is told at lines that are."""
    at = data.draw(st.integers(0, len(LINES) - 1))
    line = data.draw(st.sampled_from(LINES) | st.text(max_size=30))
    text = "\n".join([*LINES[:at], line, *LINES[at + 1 :]])
    examined = examine(text)
    assert (examined.cabinet is None) == bool(examined.errors)
    for finding in examined.findings:
        assert 1 <= finding.line <= text.count("\n") + 1
        assert "\n" not in finding.told_of(Path("cabinet.toml"))
