"""`jp modules`: the inventory on eighty columns, a search that tells how far it is, and one call to accept a module."""

from __future__ import annotations

import io
import json

import pytest

from jp_firmware.cli.inventory import Progress, module_lines, search_lines
from jp_firmware.cli.terminal import WIDTH, Terminal
from jp_firmware.hw.modules.findings import Finding

from .conftest import FOUND, IDLE_WIRE, MODULE, MODULES, SEARCH, Charger, Json
from .test_cli import run


def plain() -> Terminal:
    return Terminal(io.StringIO())


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_inventory_is_a_table_by_wire_with_what_is_not_as_configured_below_its_module(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "modules")

    assert (0, "") == (status, err)
    assert [
        "can0  3 configured, 1 as configured, searched 2026-11-20 04:00",
        "  Module       Addr  Driver        State  On        V      A  Found",
        "  module-1        0  infypower     on     yes   402.3   74.5  as configured",
        "              serial V2026000000001000",
        "  module-2        1  infypower     off    no      0.0    0.0  replaced",
        "              serial V2026000000771077, firmware 1.2",
        "              serial number V2026000000771077, was V2026000000011001",
        "              -> jp modules accept module-2",
        "  module-3        2  infypower     silent ---     ---    ---  missing",
        "              no answer at address 2",
        "  unexpected: Increase at address 9, driver dbc, profile increase-v1",
        "",
        "can1  0 configured, 0 as configured, never searched",
        "",
    ] == out.split("\n")


def test_what_a_device_says_is_made_harmless_and_fits_the_page() -> None:
    nasty = MODULE | {"serial": "\x1b[2J" + "9" * 200, "detail": "\n" * 5 + "x " * 99, "driver": "d" * 40}
    told = {"modules": {"m" * 60: nasty}, "wires": {"can0": IDLE_WIRE | {"doing": "y" * 99, "searching": True}}}
    lines = module_lines(plain(), told) + search_lines(plain(), SEARCH | {"found": [FOUND | {"family": "f" * 99}]})

    assert all(len(line) <= WIDTH for line in lines)
    assert not any("\x1b" in line or "\n" in line for line in lines)


def test_a_charger_without_a_can_wire_has_nothing_to_show() -> None:
    assert ["No CAN wires."] == module_lines(plain(), {"modules": {}, "wires": {}})


def test_json_is_what_the_charger_told(charger: Charger, capsys: pytest.CaptureFixture[str]) -> None:
    assert MODULES == json.loads(run(capsys, "modules", "--json")[1])
    assert SEARCH == json.loads(run(capsys, "modules", "identify", "can0", "--json")[1])


# --- a search ---------------------------------------------------------------------------------------------------------


def test_a_search_tells_how_far_it_is_and_then_what_it_found(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    charger.doing = ["listening", "asking Maxwell V1.50"]
    status, out, err = run(capsys, "modules", "identify", "can0")

    assert 0 == status
    assert [("modules.identify", {"wire": "can0"})] == charger.called
    assert "listening\nasking Maxwell V1.50\n" == err
    assert [
        "can0: 2 modules found",
        "  Family                    Addr      V      A     kW  Configured as",
        "  InfyPower V1.13              0   1000  100.0   30.0  module-1",
        "    serial V2026000000001000, firmware 1.2",
        "  Increase                     9    ---    ---    ---  nothing",
        "    driver dbc, profile increase-v1",
        "  module-3 is configured here, and was not found",
        "",
    ] == out.split("\n")


@pytest.mark.parametrize(
    ("talk", "said"),
    [(False, "Nobody answered any of the questions. Check"), (True, "InfyPower modules talk to each other here")],
)
def test_an_empty_wire_is_told_with_what_to_look_at(talk: bool, said: str) -> None:
    lines = search_lines(plain(), {"wire": "can0", "found": [], "missing": [], "infypower_talk": talk})

    assert "can0: 0 modules found" == lines[0]
    assert said in lines[1]


def test_on_a_terminal_progress_is_one_line_that_goes_away() -> None:
    out = io.StringIO()
    with Progress(Terminal(out, interactive=True), "can0") as tell:
        tell(_searching("listening", 0.25))
        tell(_searching("asking Maxwell V1.50", 0.5))
    first, second, cleared, rest = out.getvalue()[1:].split("\r")

    assert "#####............... listening, 2 found" == first.rstrip()
    assert "##########.......... asking Maxwell V1.50, 2 found" == second.rstrip()
    assert ("", "") == (cleared.strip(), rest)
    assert len(first) < WIDTH


def test_a_wire_that_is_not_searched_tells_no_progress() -> None:
    out = io.StringIO()
    with Progress(Terminal(out, interactive=True), "can0") as tell:
        tell(MODULES)
        tell({"wires": {}})

    assert "" == out.getvalue()


def _searching(doing: str, progress: float) -> Json:
    about = {"searching": True, "doing": doing, "progress": progress, "found_so_far": 2}
    return {"wires": {"can0": IDLE_WIRE | about}}


# --- accepting, and failing -------------------------------------------------------------------------------------------


def test_accepting_is_one_call_and_tells_what_was_accepted(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "modules", "accept", "module-2")

    assert (0, "") == (status, err)
    assert "module-2: accepted, serial number V2026000000771077, was V2026000000011001\n" == out
    assert [("modules.accept", {"module": "module-2"})] == charger.called


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["accept", "module-1"], "module-1 has not been replaced"),
        (["identify", "can7"], "there is no CAN wire 'can7'; there are: can0"),
    ],
)
def test_a_refusal_is_one_line_and_status_one(
    charger: Charger, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert (1, "", f"jp: {why}\n") == run(capsys, "modules", *arguments)


@pytest.mark.parametrize("arguments", [["identify"], ["accept"], ["identify", "can0", "can1"], ["fly"]])
def test_a_wrong_command_line_is_status_two(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert (2, "") == run(capsys, "modules", *arguments)[:2]


@pytest.mark.parametrize(("verb", "words"), [([], "found against"), (["identify"], "WIRE"), (["accept"], "MODULE")])
def test_help_tells_the_words(capsys: pytest.CaptureFixture[str], verb: list[str], words: str) -> None:
    status, out, _ = run(capsys, "modules", *verb, "--help")

    assert 0 == status
    assert words in out


@pytest.mark.parametrize("finding", list(Finding))
def test_each_finding_of_the_charger_fits_its_column(finding: Finding) -> None:
    told = {"modules": {"module-12": MODULE | {"finding": finding.value}}, "wires": {"can0": IDLE_WIRE}}
    row = module_lines(plain(), told)[2]

    assert row.endswith(finding.value)
    assert len(row) <= WIDTH
