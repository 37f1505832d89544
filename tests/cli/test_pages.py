"""The pages of `jp status` and `jp tree`: 80 columns, unknown values told as such, colour only with a meaning."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from jp_firmware.cli.status import fault_lines, status_lines
from jp_firmware.cli.terminal import Terminal, clean, duration, kilo, local_time, number, table
from jp_firmware.cli.tree import tree_lines

from .conftest import FAULTS, STATUS, TREE, part

PLAIN = Terminal(io.StringIO())
COLOURED = Terminal(io.StringIO(), interactive=True, colour=True)


def visible(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_status_is_a_page_of_eighty_columns() -> None:
    lines = status_lines(PLAIN, STATUS, FAULTS)

    assert lines[:13] == [
        "Demo charger  JP-DEMO-1                                version 0.1.0  up 3:12:01",
        "Site     limit 150.0 kW  measured 87.3 kW  assigned 150.0 kW  wanted 180.0 kW",
        "Backend  online for 0:12:01  ws://127.0.0.1:9016/ocpp",
        "Tree     healthy  32 parts  1 restarts  worst module-1 (34 % of its watchdog)",
        "Loop     worst step 1.4 ms, worst pause 0.9 ms, normal scheduling",
        "",
        " #  State                 kW      V      A     kWh   SoC  Note",
        " 1  charging            59.9  402.3  148.9    3.21   45%  limited by site limit",
        " 2  available            ---    ---    ---     ---   ---  ready",
        " 3  faulted              ---    ---    ---     ---   ---  SAF-01 PLC-02",
        "10  suspended by EVSE    ---    ---    ---     ---   ---  out of service",
        "Devices  module-2 silent, plc-1 stale",
        "",
    ]
    assert max(map(len, lines)) <= 80


def test_real_time_that_is_not_permitted_is_said_with_what_to_do_within_the_page() -> None:
    refused = "normal: SCHED_RR 10 is not permitted; give the service LimitRTPRIO=10"
    lines = status_lines(PLAIN, STATUS | {"loop": STATUS["loop"] | {"scheduling": refused}}, FAULTS)

    assert lines[4:6] == ["Loop     worst step 1.4 ms, worst pause 0.9 ms", f"         {refused}"]
    assert max(map(len, lines)) <= 80


def test_a_controller_of_an_older_version_has_no_line_for_its_loop() -> None:
    old = {key: value for key, value in STATUS.items() if key != "loop"}

    assert not [line for line in status_lines(PLAIN, old, FAULTS) if line.startswith("Loop")]


def test_the_worst_fault_stands_first_and_each_has_its_remedy() -> None:
    lines = fault_lines(PLAIN, FAULTS["active"])

    assert lines[0].startswith("SAF-01 plc-2  danger, since 11-20 04:10, acknowledged, cause gone")
    assert lines[1] == "  Emergency stop pressed"
    assert lines[2].startswith("  -> Release the emergency stop")
    assert lines[4] == "  -> jp fault clear SAF-01 plc-2"
    assert "NET-03 backend  degrade, since 11-20 04:00, 3 times" in lines
    assert "  Central system unreachable: connection refused" in lines
    assert lines[-1] == "  -> Check the network cable and the URL."
    assert all(len(line) <= 80 for line in lines)
    assert fault_lines(PLAIN, []) == ["No active faults."]


def test_colour_changes_no_character_and_marks_only_what_means_something() -> None:
    for draw, data in ((lambda t: status_lines(t, STATUS, FAULTS), "status"), (lambda t: tree_lines(t, TREE), "tree")):
        plain, coloured = draw(PLAIN), draw(COLOURED)
        assert plain == [visible(line) for line in coloured], data
    coloured = status_lines(COLOURED, STATUS, FAULTS)

    assert "\x1b[32mcharging" in coloured[7]
    assert "\x1b[31mfaulted" in coloured[9]
    assert "\x1b" not in coloured[1], "a site's numbers mean nothing good or bad"
    assert "\x1b" not in coloured[8], "an idle connector is no news"


def test_a_status_of_which_nothing_is_known_is_still_a_page() -> None:
    def unknown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: unknown(one) for key, one in value.items()}
        return value if isinstance(value, str | list | bool) else None

    status = unknown(STATUS) | {"tree": STATUS["tree"] | {"worst": None, "worst_ratio": None}}
    lines = status_lines(PLAIN, status, {"active": []})

    assert "limit --- kW  measured --- kW" in lines[1]
    assert max(map(len, lines)) <= 80


def test_the_tree_is_drawn_with_gaps_ends_and_reasons() -> None:
    lines = tree_lines(PLAIN, TREE)

    assert lines[:11] == [
        "Part                          State              Up  Starts  Worst gap/limit",
        "controller                    up            0:01:01       1",
        "├─ journal                    up            0:01:01       1",
        "├─ wires                      up            0:01:01       1",
        "│  ├─ can0                    up            0:01:01       4  ███······· 0.50/2s",
        "│  │     last end: crash, CanDown: the adapter was unplugged the adapter was",
        "│  │     unplugged the adapter was unplugged the adapter was unplugged the",
        "│  │     adapter was unplugged the adapter was unplugged",
        "│  ├─ module-with-a-rather-.. up            0:01:01       1  █████████· 1.70/2s",
        "│  └─ meter-1                 backoff           ---       1  next try in 3.2 s",
        "│        last end: watchdog",
    ]
    assert max(map(len, lines)) <= 80
    assert "last end: stopped" not in "\n".join(lines), "being stopped on purpose is no news"


def test_how_a_part_ended_is_told_with_its_age_and_the_worst_gap_of_all_runs() -> None:
    node = part("module-1", last_end="watchdog", last_end_age_s=12.34, worst_gap_s=0.5, worst_gap_ever_s=2.01)

    assert tree_lines(PLAIN, node)[-1].strip() == "last end: watchdog 12.3 s ago; worst gap ever 2.01 s"
    again = tree_lines(PLAIN, node | {"last_end_age_s": 7200.0, "worst_gap_ever_s": 0.5, "error": "OSError: gone"})
    assert again[-1].strip() == "last end: watchdog 2:00:00 ago, OSError: gone"


def test_a_terminal_without_unicode_gets_a_tree_of_ascii() -> None:
    lines = tree_lines(Terminal(io.StringIO(), unicode=False), TREE)

    assert "\n".join(lines).isascii()
    assert lines[4] == "|  |- can0                    up            0:01:01       4  ###....... 0.50/2s"


@pytest.mark.parametrize(
    ("environ", "tty", "colour", "unicode"),
    [
        ({"TERM": "xterm"}, True, True, True),
        ({"TERM": "xterm"}, False, False, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False, True),
        ({"TERM": "dumb"}, True, False, True),
        ({}, True, False, True),
        ({"TERM": "vt220"}, True, True, False),
    ],
)
def test_what_may_be_sent_depends_on_the_terminal(
    environ: dict[str, str], tty: bool, colour: bool, unicode: bool
) -> None:
    class Out(io.TextIOWrapper):
        def isatty(self) -> bool:
            return tty

    terminal = Terminal.of(Out(io.BytesIO(), encoding="utf-8"), environ)

    assert (terminal.colour, terminal.unicode, terminal.interactive) == (colour, unicode, tty)


def test_an_output_that_cannot_say_a_letter_says_a_question_mark() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    Terminal(out).print(["Säule 4 – läuft"])

    assert raw.getvalue() == b"S?ule 4 ? l?uft\n"


def test_words_from_outside_cannot_command_the_terminal() -> None:
    assert clean("\x1b[2J\x9bevil\n\r\x00") == "?[2J?evil???"
    assert clean("a" * 30, 10) == "aaaaaaaa.."
    assert clean(None) == clean("") == "---"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (number(None), "---"),
        (number(True), "---"),
        (number("5"), "---"),
        (number(5.25, 1), "5.2"),
        (kilo(None, "kW"), "--- kW"),
        (duration(None), "---"),
        (duration(59.9), "0:00:59"),
        (duration(172_799), "47:59:59"),
        (duration(172_800), "2d 00:00"),
        (local_time("nonsense"), "---"),
        (local_time(None), "---"),
    ],
)
def test_numbers_and_times(made: str, expected: str) -> None:
    assert expected == made


def test_a_table_is_as_wide_as_it_needs_to_be() -> None:
    assert table([["a", "bb"], ["ccc", "d"]], "<>") == ["a    bb", "ccc   d"]
