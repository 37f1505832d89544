"""How `jp why` reads: a sentence, and the chain of limits with the one that binds marked."""

from __future__ import annotations

import io

from jp_firmware.cli.terminal import Json, Terminal
from jp_firmware.cli.why import loss_lines, site_lines, why_lines


def link(
    owner: str, scope: str, value_w: float | None, *, binds: bool = False, expires_in_s: float | None = None
) -> Json:
    return {
        "owner": owner,
        "scope": scope,
        "reason": "profile 7" if binds else "what it asks for",
        "value_w": value_w,
        "expires_in_s": expires_in_s,
        "expires_at": None,
        "binds": binds,
    }


TOLD: Json = {
    "connector": 2,
    "sentence": "Connector 2 gets 30 kW because the central system (profile 7) limits it to 30 kW until 18:00; "
    "the car asks for 90 kW.",
    "links": [
        link("the car", "connector-2", 90_000),
        link("central system", "connector-2", 30_000, binds=True, expires_in_s=3_725.0),
        link("site limit", "site", None),
    ],
}


def test_the_limit_that_binds_stands_out_and_says_how_long() -> None:
    assert why_lines(Terminal(io.StringIO()), [TOLD]) == [
        "Connector 2 gets 30 kW because the central system (profile 7) limits it to 30 kW",
        "until 18:00; the car asks for 90 kW.",
        "   limit           where          value      for  why",
        "   the car         connector-2  90.0 kW           what it asks for",
        ">  central system  connector-2  30.0 kW  1:02:05  profile 7",
        "   site limit      site          --- kW           what it asks for",
    ]


def test_several_connectors_stand_apart_and_colour_means_the_binding_limit_only() -> None:
    lines = why_lines(Terminal(io.StringIO(), interactive=True, colour=True), [TOLD, TOLD])

    assert 1 == lines.count("")
    assert [line for line in lines if "\x1b" in line] == [line for line in lines if ">" in line]


def site(short_by_w: float, ahead: Json | None) -> Json:
    return {"sentence": "97 kW of 150 kW are in use.", "short_by_w": short_by_w, "forecast": ahead}


def test_the_site_stands_above_its_connectors_and_stands_out_where_power_is_short() -> None:
    plain, coloured = Terminal(io.StringIO()), Terminal(io.StringIO(), interactive=True, colour=True)

    assert site_lines(plain, site(0, None), [TOLD]) == ["97 kW of 150 kW are in use.", "", *why_lines(plain, [TOLD])]
    assert "\x1b" not in site_lines(coloured, site(0, {"short_by_w": 0}), [])[0]
    assert "\x1b" in site_lines(coloured, site(1_000, None), [])[0]
    assert "\x1b" in site_lines(coloured, site(0, {"short_by_w": 1_000}), [])[0]


def test_a_limit_at_the_grid_is_told_with_both_figures() -> None:
    limit = link("site limit", "site", 285_000, binds=True) | {"grid_w": 300_000}
    lines = why_lines(Terminal(io.StringIO()), [TOLD | {"links": [limit]}])

    assert ">  site limit  site   285.0 kW       profile 7, 300.0 kW at the grid" == lines[-1]


def test_what_comes_from_outside_cannot_command_the_terminal() -> None:
    evil = TOLD | {"sentence": "a\x1b[2Jb", "links": [link("x\x1b]0;y\x07", "site", 1.0)]}
    assert not any("\x1b" in line for line in why_lines(Terminal(io.StringIO()), [evil]))


def test_a_loss_that_nobody_makes_good_stands_out() -> None:
    covered = {"covered": True, "sentence": "If module-1 dies now, connector 1 keeps all its 20 kW."}
    bare = {
        "covered": False,
        "sentence": "If module-2 dies now, connector 2 keeps 30 of 60 kW; nobody can help.",
    }
    lines = loss_lines(Terminal(io.StringIO(), interactive=True, colour=True), [covered, bare])

    assert [False, True] == ["\x1b" in line for line in lines]
