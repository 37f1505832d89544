"""`jp config` on a charger that runs: each verb, each way that a change ends, and what its exit status is."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TextIO

import pytest

from jp_firmware.cli import asking
from jp_firmware.cli.config import applying
from tests.cli.configured import DEMO, Configured, Jp, types

LIVE = "site.limit_w=100kW"
STOPPING = "meters.meter-1.watchdog_s=4s"


# --- applied ---------------------------------------------------------------------------------------------------------


def test_a_live_key_is_set_without_a_question(configured: Configured, jp: Jp) -> None:
    status, out, err = jp("set", LIVE, "--why", "the fuse")

    assert (status, err) == (applying.APPLIED, "")
    assert out.split("\n") == [
        "  site.limit_w  150_000 -> 100_000 W",
        "",
        "  planner                     live: at once",
        "Version 2 is in force.",
        "",
    ]
    assert configured.called == [
        (
            "config.apply",
            {
                "who": "anna",
                "origin": "cli",
                "why": "the fuse",
                "edits": [{"put": "site.limit_w", "value": 100_000}],
                "base": 1,
            },
        )
    ]
    assert "limit_w = 100_000\n" in configured.now.text


def test_a_dry_run_says_the_plan_and_does_nothing(configured: Configured, jp: Jp) -> None:
    status, out, _ = jp("set", STOPPING, "--dry-run")

    assert status == 0
    assert "restart child" in out
    told = json.loads(jp("set", STOPPING, "--dry-run", "--json")[1])
    assert (told["result"], told["steps"][0]["path"]) == ("planned", "wires/rs485-0/meter-1")
    assert configured.called == []


def test_what_is_so_already_is_not_done_again(configured: Configured, jp: Jp) -> None:
    assert jp("set", "site.limit_w=150kW") == (0, "Nothing changes.\n", "")
    assert jp("set", "site.efficiency=1", "--dry-run")[1] == "Only the text changes, no value.\n"
    assert configured.called == []
    assert json.loads(jp("set", "site.limit_w=150kW", "--json")[1])["result"] == "unchanged"


def test_warnings_that_stand_already_are_not_told_again(configured: Configured, jp: Jp) -> None:
    """The demo's central system is on this machine, which is doubtful."""
    assert "warning" not in jp("set", LIVE, "--dry-run")[1]
    findings = json.loads(jp("set", LIVE, "--dry-run", "--json")[1])["findings"]
    assert [one["is_new"] for one in findings] == [False]
    assert "warning: wires.can0.bitrate" in jp("set", "wires.can0.bitrate=250000", "--dry-run")[1]


def test_a_whole_text_is_planned_and_applied(configured: Configured, jp: Jp, tmp_path: Path) -> None:
    (file := tmp_path / "new.toml").write_text(DEMO.replace("150_000", "90_000"))

    assert jp("plan", str(file))[1].startswith("  site.limit_w  150_000 -> 90_000 W\n")
    assert configured.called == []
    assert jp("apply", str(file))[:2][0] == 0
    assert configured.now.text == file.read_text()


def test_a_text_comes_from_the_standard_input_too(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DEMO.replace("150_000", "90_000").encode())))

    assert jp("apply", "-")[0] == 0
    assert configured.now.number == 2


def test_mistakes_stand_at_their_place_and_nothing_is_done(
    configured: Configured, jp: Jp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.toml").write_text(DEMO.replace("limit_w = 150_000", "limit_w = -1"))
    status, out, _ = jp("apply", "new.toml")

    assert status == applying.REFUSED
    assert out.startswith("new.toml:11: error: site.limit_w: -1 is out of range; allowed: 0 to 10,000,000")
    assert out.endswith("1 mistake; nothing was done\n")
    assert json.loads(jp("apply", "new.toml", "--json")[1])["result"] == "refused"
    assert jp("set", "site.limit_w=-1W")[0] == applying.REFUSED
    assert configured.called == []


def test_a_key_that_the_command_line_holds_is_told(configured: Configured, jp: Jp) -> None:
    configured.overridden = "charger.name"

    assert jp("set", "charger.name=Demo charger")[1] == (
        "charger.name is held by --set on the charger's command line.\nNothing changes.\n"
    )


def test_a_text_that_is_too_long_is_told(configured: Configured, jp: Jp, tmp_path: Path) -> None:
    (file := tmp_path / "new.toml").write_text(DEMO + "# long\n" * 10_000)

    assert "the text has more than 57 kB" in jp("apply", str(file))[2]


# --- questions -------------------------------------------------------------------------------------------------------


def test_what_is_more_than_live_is_not_done_where_nobody_can_say_yes(configured: Configured, jp: Jp) -> None:
    status, _, err = jp("set", STOPPING)

    assert status == 1
    assert err == "jp: This touches wires/rs485-0/meter-1. Nothing was done; say --yes if it shall\n"
    assert configured.called == []
    assert jp("set", STOPPING, "--yes")[0] == 0


@pytest.mark.parametrize(("answer", "version"), [("y", 2), ("n", 1), ("", 1)])
def test_a_person_is_asked(configured: Configured, jp: Jp, terminal: TextIO, answer: str, version: int) -> None:
    types(terminal, answer)
    status, _, err = jp("set", STOPPING)

    assert "This touches wires/rs485-0/meter-1. Go on? [y/N] " in err
    assert (status == 0) == (version == 2)
    assert configured.now.number == version


def test_sessions_are_cut_only_when_that_is_said_twice(configured: Configured, jp: Jp, terminal: TextIO) -> None:
    configured.ends = [1, 3]
    types(terminal, "n")
    status, out, err = jp("set", STOPPING, "--force")

    assert (status, configured.called) == (1, [])
    assert "    ends the session on connectors 1 and 3\n" in out
    assert "This cuts the session on connectors 1 and 3. Go on? [y/N] " in err
    types(terminal, "y")
    assert jp("set", STOPPING, "--force")[0] == 0
    assert configured.called[0][1]["force"] is True


# --- waiting, refused, outdated --------------------------------------------------------------------------------------


def test_a_change_that_waits_for_sessions_says_so(configured: Configured, jp: Jp) -> None:
    configured.ends, configured.then = [1], {"result": "waiting", "waits_for": [1], "change": "change-3"}
    status, out, _ = jp("set", STOPPING, "--yes")

    assert status == applying.WAITING == 3
    assert out.endswith(
        "Waits for the session on connector 1; nothing has changed yet.\n"
        "It is made by itself when nothing is in its way.\nTo give it up: jp config revert change-3\n"
    )
    assert json.loads(jp("set", STOPPING, "--yes", "--json")[1])["waits_for"] == [1]


def test_a_part_that_refuses_is_named_with_its_reason(configured: Configured, jp: Jp) -> None:
    why = "wires/rs485-0: not up again within 15 s: link is backoff, no such port; is the adapter plugged in?"
    configured.then = {"result": "refused", "part": "wires/rs485-0", "why": why}
    status, out, _ = jp("set", STOPPING, "--yes")

    assert status == applying.REFUSED == 1
    assert "Refused: wires/rs485-0: not up again within 15 s: link is backoff, no such port;" in out
    assert out.endswith("All is as it was before.\n")


def test_who_is_too_late_is_shown_what_the_other_did(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else changes the configuration while the question stands."""

    def while_asking(*_: object) -> None:
        configured.add(DEMO.replace("150_000", "95_000"), "ben", "the fuse")

    monkeypatch.setattr(asking, "sure", while_asking)
    status, out, _ = jp("set", STOPPING)

    assert status == applying.OUTDATED == 4
    assert "Not done: ben changed the configuration meanwhile, at 04:02:00 (the fuse)." in out
    assert "-limit_w = 150_000\n+limit_w = 95_000\n" in out
    assert out.endswith("-> look whether that is in your way, then give the command again\n")
    assert configured.now.number == 2


# --- what is and what was --------------------------------------------------------------------------------------------


def test_what_is_in_force_is_shown_with_where_it_is_from(configured: Configured, jp: Jp) -> None:
    status, out, _ = jp("show")

    assert status == 0
    assert out.startswith("Version 1 of 2026-11-20 04:01 by charger: started with demo.toml\n/etc/jp/cabinet.toml\n\n")
    assert jp("show", "site.limit_w")[1] == "site.limit_w  150_000 W\n"
    assert jp("show", "backend.password")[1].split() == ["backend.password", "not", "set", "secret"]
    assert jp("show", "connectors.9")[0] == jp("show", "site.limit")[0] == 1
    assert jp("show", "--text") == (0, DEMO, "")
    told = json.loads(jp("show", "site", "--json")[1])
    assert told["version"] == 1
    assert {one["key"].partition(".")[0] for one in told["values"]} == {"site"}


def test_what_was_is_shown_compared_and_brought_back(configured: Configured, jp: Jp) -> None:
    jp("set", LIVE, "--why", "the fuse")

    assert jp("show", "--at", "1", "site.limit_w")[1] == "site.limit_w  150_000 W\n"
    assert "-limit_w = 150_000\n+limit_w = 100_000\n" in jp("diff")[1]
    assert jp("diff", "1")[1] == jp("diff", "1", "2")[1] == jp("diff")[1]
    assert jp("history")[1].split("\n")[1] == "      2  2026-11-20 04:02  anna     cli          the fuse"
    assert len(json.loads(jp("history", "-n", "1", "--json")[1])) == 1
    assert jp("rollback", "1", "--why", "no")[0] == 0
    assert configured.called[-1] == ("config.rollback", {"who": "anna", "origin": "cli", "why": "no", "version": 1})
    assert configured.now.text == DEMO
    assert jp("rollback", "9")[2] == "jp: there is no version 9 of the configuration\n"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_read_from_a_pipe_and_never_shown(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2hunter2\n"))
    status, out, err = jp("secret", "backend.password", "--yes")

    assert status == 0
    assert configured.called[0][1]["secrets"] == {"backend.password": "hunter2hunter2"}
    assert "hunter2" not in out + err
    assert jp("secret", "backend.password")[2] == "jp: backend.password would be empty; nothing was done\n"
    assert "is no secret" in jp("secret", "site.limit_w")[2]


@pytest.mark.parametrize("value", ["hunter\x00two", "hunter\x1b[Atwo", "hunter\udcfftwo"])
def test_a_secret_that_nobody_can_type_is_refused_and_not_told(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Keys that a terminal sends as several characters end up in passwords otherwise."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{value}\n"))
    status, out, err = jp("secret", "backend.password", "--yes")

    assert (status, out, configured.called) == (1, "", [])
    assert "nothing was done" in err
    assert "hunter" not in err


def test_a_secret_is_asked_for_twice_without_echo(
    configured: Configured, jp: Jp, terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["hunter2hunter2", "hunter3", "hunter2hunter2", "hunter2hunter2"]
    monkeypatch.setattr("getpass.getpass", lambda _: answers.pop(0))

    assert jp("secret", "backend.password", "--yes")[2] == "jp: the two differ; nothing was done\n"
    assert jp("secret", "backend.password", "--yes")[0] == 0
    assert configured.called[0][1]["secrets"] == {"backend.password": "hunter2hunter2"}


# --- without a charger -----------------------------------------------------------------------------------------------


def test_without_a_charger_it_is_said_how_to_start_one(jp: Jp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JP_SOCKET", str(tmp_path / "none.sock"))
    for verb in (["show"], ["set", LIVE], ["history"], ["confirm"], ["revert"], ["rollback", "1"], ["diff"]):
        status, out, err = jp(*verb)
        assert (status, out) == (1, "")
        assert "no charger is running here" in err
