"""A proposal: what differs by what is in force, what that takes, and secrets that never stay in a text."""

from __future__ import annotations

import attrs

from jp_firmware.config.draft import Draft, InForce, draft
from jp_firmware.config.key import Role
from jp_firmware.config.lint.rule import Severity
from jp_firmware.config.profiles import DATA
from jp_firmware.config.store import of_text
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.difference import SECRET
from jp_firmware.config.text.edits import Add, Put

PATH = DATA / "profiles/cabinets/demo.toml"
TEXT = PATH.read_text()
BASE = InForce(number=3, text=TEXT, cabinet=of_text(TEXT, PATH))


def in_force(text: str, **secrets: str) -> InForce:
    return InForce(number=3, text=text, cabinet=of_text(text, PATH, (), secrets), secrets=secrets)


def changed(one: Draft) -> list[str]:
    return [str(each) for each in one.changes]


def test_what_differs_is_told_with_what_it_takes() -> None:
    one = draft(BASE, edits=[Put("site.limit_w", 90_000)])
    assert changed(one) == ["site.limit_w: 150000.0 → 90000.0"]
    assert [step.path for step in one.effects.steps] == ["planner"]
    assert one.effects.role is Role.INSTALLER


def test_a_key_that_is_written_down_with_the_value_it_has_changes_the_text_only() -> None:
    one = draft(BASE, edits=[Put("connectors.2.weight", 1.0)])
    assert one.changes == ()
    assert one.effects.steps == ()
    assert not one.says_the_same
    assert draft(BASE, edits=[Put("site.limit_w", 150_000)]).says_the_same


def test_an_item_is_told_as_a_whole() -> None:
    one = draft(BASE, edits=[Add("chains", {"name": "A", "connectors": [1, 2], "cap_w": 100_000})])
    assert changed(one) == ["chains.A added"]


def test_what_is_wrong_is_no_cabinet_and_has_no_plan() -> None:
    one = draft(BASE, edits=[Put("site.limit_w", -1)])
    assert one.cabinet is None
    assert one.effects.steps == ()
    assert [each.key for each in one.findings if each.severity is Severity.ERROR] == ["site.limit_w"]


def test_what_others_have_to_say_is_told_at_its_line() -> None:
    one = draft(BASE, text=TEXT, further=lambda _: [Mistake(("site", "limit_w"), "is not to be had here")])
    assert one.cabinet is None
    (finding,) = [each for each in one.findings if each.severity is Severity.ERROR]
    assert TEXT.splitlines()[finding.line - 1].startswith("limit_w")


def test_a_secret_in_a_text_is_taken_out_of_it() -> None:
    one = draft(BASE, text=TEXT.replace("[backend]\n", '[backend]\npassword = "hush"\n'))
    assert "hush" not in one.text
    assert one.secrets == {"backend.password": "hush"}
    assert one.cabinet is not None
    assert one.cabinet.backend.password == "hush"
    assert "hush" not in str(one)
    assert "hush" not in str(changed(one))


def test_a_secret_as_it_is_shown_is_the_one_in_force() -> None:
    shown = TEXT.replace("[backend]\n", f'[backend]\npassword = "{SECRET}"\n')
    kept = draft(in_force(TEXT, **{"backend.password": "hush"}), text=shown)
    assert kept.says_the_same
    written = draft(in_force(TEXT.replace("[backend]\n", '[backend]\npassword = "hush"\n')), text=shown)
    assert written.changes == ()
    assert written.secrets == {"backend.password": "hush"}


def test_a_secret_of_a_file_moves_out_with_the_next_change_of_anything() -> None:
    one = draft(
        in_force(TEXT.replace("[backend]\n", '[backend]\npassword = "hush"\n')), edits=[Put("site.limit_w", 90_000)]
    )
    assert changed(one) == ["site.limit_w: 150000.0 → 90000.0"]
    assert one.secrets == {"backend.password": "hush"}
    assert "password" not in one.text


def test_a_text_that_is_none_is_told_and_left_alone() -> None:
    one = draft(BASE, text="[site\n")
    assert one.text == "[site\n"
    assert one.cabinet is None


def test_an_override_of_the_command_line_stands_above_every_text() -> None:
    overridden = attrs.evolve(
        BASE, overrides=("site.limit_w=70000",), cabinet=of_text(TEXT, PATH, ["site.limit_w=70000"])
    )
    one = draft(overridden, edits=[Put("site.limit_w", 90_000)])
    assert one.changes == ()
    assert not one.says_the_same


def test_a_change_that_the_command_line_overrides_is_warned_of_at_its_line() -> None:
    overrides = ("site.limit_w=90000", "connectors.2.weight=3", "charger.name=Here")
    base = attrs.evolve(BASE, cabinet=of_text(TEXT, PATH, overrides), overrides=overrides)
    one = draft(base, edits=[Put("site.limit_w", 80_000), Put("connectors.2.weight", 2.0), Put("site.efficiency", 0.9)])
    warned = [each for each in one.findings if "overridden" in each.text]
    assert [each.key for each in warned] == ["site.limit_w", "connectors.2.weight"]
    assert all(each.severity is Severity.WARNING for each in warned)
    assert "--set site.limit_w=…" in warned[0].text
    lines = one.text.splitlines()
    assert lines[warned[0].line - 1].startswith("limit_w = 80_000")
    assert lines[warned[1].line - 1].startswith("weight = 2")
    assert changed(one) == ["site.efficiency: 1.0 → 0.9"]
    assert draft(base, edits=[Put("site.efficiency", 0.9)]).says_the_same is False
