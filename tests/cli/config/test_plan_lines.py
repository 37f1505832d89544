"""How a change is drawn: eighty columns, no control characters, colour only with a meaning, nothing said twice."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from jp_firmware.cli.config.plan_lines import (
    connectors,
    history_lines,
    outdated_lines,
    plan_lines,
    value_lines,
    value_text,
)
from jp_firmware.cli.terminal import WIDTH, Terminal, cells

Json = dict[str, Any]

PLAIN = Terminal(io.StringIO())
COLOURED = Terminal(io.StringIO(), interactive=True, colour=True)

LONG = {"uid": "04A1B2C3D4E5F6", "name": "The card of whoever comes for the service in the night", "status": "accepted"}
PLAN: Json = {
    "base": 12, "errors": 0, "waits_for": [1, 3], "role": "installer", "confirm_s": 60.0, "text": "",
    "findings": [
        {"severity": "warning", "line": 14, "column": None, "key": "backend.url", "rule": "RULE-65", "override": None,
         "text": "127.0.0.1 is this machine itself; right for a central system that runs on it, else name its host",
         "is_new": True},
        {"severity": "warning", "line": 2, "column": None, "key": "site", "rule": "RULE-1", "override": None,
         "text": "was so before", "is_new": False},
    ],
    "changes": [
        {"key": "site.limit_w", "before": 150_000.0, "after": 100_000.0, "what": "value"},
        {"key": "backend.password", "before": "(secret)", "after": "(secret)", "what": "value"},
        {"key": "backend.url", "before": "wss://a." + "x" * 60, "after": "wss://b.\x1b[2J" + "y" * 90, "what": "value"},
        {"key": "authorize.local_list.04A1B2C3D4E5F6", "before": None, "after": LONG, "what": "item"},
        {"key": "connectors.4", "before": {"id": 4}, "after": None, "what": "item"},
    ],
    "steps": [
        {"path": "planner", "how": "live", "keys": [], "ends": [], "reduces": []},
        {"path": "wires/can0", "how": "restart child", "keys": [], "ends": [1], "reduces": [3]},
        {"path": "backend", "how": "reconnect", "keys": [], "ends": [], "reduces": []},
        {"path": "controller", "how": "restart child", "keys": [], "ends": [], "reduces": []},
    ],
}  # fmt: skip


def visible(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_a_plan_says_what_changes_what_it_touches_and_what_it_waits_for() -> None:
    assert plan_lines(PLAIN, PLAN) == [
        "warning: backend.url: 127.0.0.1 is this machine itself; right for a central",
        "  system that runs on it, else name its host [RULE-65]",
        "",
        "  site.limit_w  150_000 -> 100_000 W",
        '  backend.password  changed "(secret)"',
        "  backend.url",
        f'    - "wss://a.{"x" * 60}"',
        f'    + "wss://b.\\u001b[2J{"y" * 56}',
        f'      {"y" * 34}"',
        '  authorize.local_list.04A1B2C3D4E5F6  added { uid = "04A1B2C3D4E5F6", name =',
        '      "The card of whoever comes for the service in the night", status =',
        '      "accepted" }',
        "  connectors.4  removed { id = 4 }",
        "",
        "  planner                     live: at once",
        "  wires/can0                  restart child: stops and starts again",
        "    would end the session on connector 1",
        "    would take modules from connector 3",
        "  backend                     reconnect: connects anew, sessions go on",
        "  all parts                   restart child: the controller starts anew",
        "",
        "Waits for the session on connectors 1 and 3; with --force it does not.",
        "To be confirmed within 60 s, or it is undone.",
    ]


def test_forced_it_says_what_it_ends() -> None:
    lines = plan_lines(PLAIN, PLAN, force=True)

    assert "    ends the session on connector 1" in lines
    assert not [line for line in lines if line.startswith("Waits")]


def test_colour_changes_no_character_and_marks_what_costs_something() -> None:
    coloured = plan_lines(COLOURED, PLAN)

    assert plan_lines(PLAIN, PLAN) == [visible(line) for line in coloured]
    assert "\x1b[31m    would end" in "\n".join(coloured)
    assert max(len(visible(line)) for line in coloured) <= 80


def test_a_plan_with_mistakes_says_only_those_each_at_its_place() -> None:
    mistake = {"severity": "error", "line": 7, "column": 3, "key": "site.limit_w", "text": "is missing; add it",
               "rule": "", "override": None}  # fmt: skip
    plan = PLAN | {"errors": 1, "findings": [mistake]}

    assert plan_lines(PLAIN, plan, file="new.toml") == [
        "new.toml:7:3: error: site.limit_w: is missing; add it",
        "1 mistake; nothing was done",
    ]
    assert plan_lines(PLAIN, plan)[0] == "error: site.limit_w: is missing; add it"
    held = mistake | {"override": "site.limit_w=x", "line": 0}
    assert plan_lines(PLAIN, plan | {"findings": [held]}, file="new.toml")[0].startswith("--set site.limit_w=x of the")


def test_values_tell_their_unit_and_where_they_are_from() -> None:
    values: list[Json] = [
        {"key": "site.limit_w", "value": 150_000.0, "source": "file"},
        {"key": "site.efficiency", "value": 1.0, "source": "default"},
        {"key": "charger.name", "value": "Yard", "source": "command line"},
        {"key": "backend.password", "value": None, "set": True, "source": "secret", "secret": True},
        {"key": "of.a.newer.program", "value": [1, 2], "source": "file"},
    ]

    assert value_lines(PLAIN, values) == [
        "site.limit_w        150_000 W",
        "site.efficiency     1                                                    default",
        'charger.name        "Yard"                                          command line',
        "backend.password    set                                                   secret",
        "of.a.newer.program  [1, 2]",
    ]
    assert value_lines(PLAIN, []) == []


def test_a_long_value_goes_on_below_itself() -> None:
    lines = value_lines(PLAIN, [{"key": "charger.name", "value": "word " * 40, "source": "default"}])

    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 14) for line in lines[1:])


def test_the_history_is_a_table_of_eighty_columns() -> None:
    versions = [
        {"version": 12, "at": "2026-11-20T04:10:00+00:00", "who": "anna", "why": "the fuse " * 20, "origin": "cli",
         "confirmed": False},
        {"version": 3, "at": "2026-11-20T04:00:00+00:00", "who": "charger", "why": "", "origin": "revert of 2",
         "confirmed": True, "keys": ["site.limit_w", "charger.name", "planner.borrowing"]},
        {"version": 1, "at": "2026-11-20T03:00:00+00:00", "who": "bob", "why": "", "origin": "cli",
         "confirmed": True, "keys": ["site.limit_w"]},
        {"version": 0, "at": "2026-11-20T02:00:00+00:00", "who": "bob", "why": "fuse", "origin": "cli",
         "confirmed": True, "keys": [], "readable": False},
    ]  # fmt: skip
    lines = history_lines(COLOURED, versions)

    assert [visible(line) for line in lines] == [
        "Version  Since             By       From         Why, or what",
        "     12  2026-11-20 04:10  anna     cli          the fuse the fuse the fuse th..",
        "      3  2026-11-20 04:00  charger  revert of 2  site.limit_w and 2 more",
        "      1  2026-11-20 03:00  bob      cli          site.limit_w",
        "      0  2026-11-20 02:00  bob      cli          damaged on the disk",
    ]
    assert lines[1].startswith("\x1b"), "what is not confirmed stands out"
    assert not lines[2].startswith("\x1b")


def test_the_history_stays_in_its_columns_whatever_people_are_called() -> None:
    """A wide character takes two cells, an accent of its own none; nobody is cut in the middle of a character."""
    names = ["anna", "田中太郎田中太郎", "Zoe\u0308"]
    versions = [
        {"version": number, "at": "2026-11-20T04:10:00+00:00", "who": who, "why": "保険" * 20, "origin": "cli",
         "confirmed": True}
        for number, who in enumerate(names, 1)
    ]  # fmt: skip
    heading, *lines = history_lines(PLAIN, versions)

    assert [cells(line[: line.index("cli")]) for line in lines] == [heading.index("From")] * 3
    assert "田中太郎田.." in lines[1]
    assert all(cells(line) in (WIDTH - 1, WIDTH) and line.endswith("..") for line in lines)


def test_who_was_too_late_is_told_who_was_faster_and_what_they_did() -> None:
    told = {
        "who": "anna", "why": "fuse", "at": "2026-11-20T04:00:05+00:00", "base": 3, "version": 4,
        "difference": "--- version 3\n+++ version 4\n@@ -1 +1 @@\n-a = 1\n+a = 2\n",
    }  # fmt: skip

    assert outdated_lines(PLAIN, told) == [
        "Not done: anna changed the configuration meanwhile, at 04:00:05 (fuse). This",
        "change was made to version 3, in force is version 4:",
        "--- version 3",
        "+++ version 4",
        "@@ -1 +1 @@",
        "-a = 1",
        "+a = 2",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "(none)"), (True, "true"), (1.0, "1"), (2.5, "2.5"), (12_345.0, "12_345"), (9999, "9999"),
     (-10_000, "-10_000"),     (1e300, "1e+300"), (float("nan"), "nan"), (float("inf"), "inf"),
     ("a\nb", '"a\\nb"'), ([], "[]"), ({}, "{}")],
)  # fmt: skip
def test_values_as_toml_may_write_them(value: object, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([2], "connector 2"), ([1, 2], "connectors 1 and 2"), ([1, 2, 4], "connectors 1, 2 and 4")],
)
def test_connectors_in_words(numbers: list[int], text: str) -> None:
    assert connectors(numbers) == text
