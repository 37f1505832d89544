"""`jp config` on a charger that runs: each verb, each way that a change ends, and what its exit status is."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from jp_firmware import cli, cli_applying, cli_asking, cli_config_edit
from jp_firmware.console import topics
from jp_firmware.console.client import ConsoleClient
from jp_firmware.console.protocol import CallFailed, ConsoleError, ErrorCode

from .configured import DEMO, Configured
from .conftest import served

Json = dict[str, Any]


@pytest.fixture
def charger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configured]:
    made = Configured(tmp_path / "console.sock")
    monkeypatch.setenv("JP_SOCKET", str(made.path))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("SUDO_USER", "anna")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(topics, "SHARED_FOR_S", 0.0)  # nobody types that fast
    with served(made.server()):
        yield made


@pytest.fixture
def jp(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["config", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        if "--json" not in arguments and "--text" not in arguments:  # a line with a path is one that programs follow
            assert all(len(line) <= 80 for line in out.split("\n") if "/" not in line)
        return status, out, err

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """What a person types: written here, read from the standard input, which is a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "w") as typed, os.fdopen(theirs, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield typed


def types(terminal: TextIO, *answers: str) -> None:
    terminal.write("".join(f"{one}\n" for one in answers))
    terminal.flush()


LIVE = "site.limit_w=100kW"
STOPPING = "meters.meter-1.watchdog_s=4s"


# --- applied ---------------------------------------------------------------------------------------------------------


def test_a_live_key_is_set_without_a_question(charger: Configured, jp: Callable[..., Any]) -> None:
    status, out, err = jp("set", LIVE, "--why", "the fuse")

    assert (status, err) == (cli_applying.APPLIED, "")
    assert out.split("\n") == [
        "  site.limit_w  150_000 -> 100_000 W",
        "",
        "  planner                     live: at once",
        "Version 2 is in force.",
        "",
    ]
    assert charger.called == [
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
    assert "limit_w = 100_000\n" in charger.now.text


def test_a_dry_run_says_the_plan_and_does_nothing(charger: Configured, jp: Callable[..., Any]) -> None:
    status, out, _ = jp("set", STOPPING, "--dry-run")

    assert status == 0
    assert "restart child" in out
    told = json.loads(jp("set", STOPPING, "--dry-run", "--json")[1])
    assert (told["result"], told["steps"][0]["path"]) == ("planned", "wires/rs485-0/meter-1")
    assert charger.called == []


def test_what_is_so_already_is_not_done_again(charger: Configured, jp: Callable[..., Any]) -> None:
    assert jp("set", "site.limit_w=150kW") == (0, "Nothing changes.\n", "")
    assert jp("set", "site.efficiency=1", "--dry-run")[1] == "Only the text changes, no value.\n"
    assert charger.called == []
    assert json.loads(jp("set", "site.limit_w=150kW", "--json")[1])["result"] == "unchanged"


def test_warnings_that_stand_already_are_not_told_again(charger: Configured, jp: Callable[..., Any]) -> None:
    """The demo's central system is on this machine, which is doubtful."""
    assert "warning" not in jp("set", LIVE, "--dry-run")[1]
    findings = json.loads(jp("set", LIVE, "--dry-run", "--json")[1])["findings"]
    assert [one["is_new"] for one in findings] == [False]
    assert "warning: wires.can0.bitrate" in jp("set", "wires.can0.bitrate=250000", "--dry-run")[1]


def test_a_whole_text_is_planned_and_applied(charger: Configured, jp: Callable[..., Any], tmp_path: Path) -> None:
    (file := tmp_path / "new.toml").write_text(DEMO.replace("150_000", "90_000"))

    assert jp("plan", str(file))[1].startswith("  site.limit_w  150_000 -> 90_000 W\n")
    assert charger.called == []
    assert jp("apply", str(file))[:2][0] == 0
    assert charger.now.text == file.read_text()


def test_a_text_comes_from_the_standard_input_too(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(DEMO.replace("150_000", "90_000")))

    assert jp("apply", "-")[0] == 0
    assert charger.now.number == 2


def test_mistakes_stand_at_their_place_and_nothing_is_done(
    charger: Configured, jp: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.toml").write_text(DEMO.replace("limit_w = 150_000", "limit_w = -1"))
    status, out, _ = jp("apply", "new.toml")

    assert status == cli_applying.REFUSED
    assert out.startswith("new.toml:11: error: site.limit_w: -1.0 is out of range; allowed: 0 to 10,000,000")
    assert out.endswith("1 mistake; nothing was done\n")
    assert json.loads(jp("apply", "new.toml", "--json")[1])["result"] == "refused"
    assert jp("set", "site.limit_w=-1W")[0] == cli_applying.REFUSED
    assert charger.called == []


def test_a_key_that_the_command_line_holds_is_told(charger: Configured, jp: Callable[..., Any]) -> None:
    charger.overridden = "charger.name"

    assert jp("set", "charger.name=Demo charger")[1] == (
        "charger.name is held by --set on the charger's command line.\nNothing changes.\n"
    )


def test_a_text_that_is_too_long_is_told(charger: Configured, jp: Callable[..., Any], tmp_path: Path) -> None:
    (file := tmp_path / "new.toml").write_text(DEMO + "# long\n" * 10_000)

    assert "the text has more than 57 kB" in jp("apply", str(file))[2]


# --- questions -------------------------------------------------------------------------------------------------------


def test_what_is_more_than_live_is_not_done_where_nobody_can_say_yes(
    charger: Configured, jp: Callable[..., Any]
) -> None:
    status, _, err = jp("set", STOPPING)

    assert status == 1
    assert err == "jp: This touches wires/rs485-0/meter-1. Nothing was done; say --yes if it shall\n"
    assert charger.called == []
    assert jp("set", STOPPING, "--yes")[0] == 0


@pytest.mark.parametrize(("answer", "version"), [("y", 2), ("n", 1), ("", 1)])
def test_a_person_is_asked(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, answer: str, version: int
) -> None:
    types(terminal, answer)
    status, _, err = jp("set", STOPPING)

    assert "This touches wires/rs485-0/meter-1. Go on? [y/N] " in err
    assert (status == 0) == (version == 2)
    assert charger.now.number == version


def test_sessions_are_cut_only_when_that_is_said_twice(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO
) -> None:
    charger.ends = [1, 3]
    types(terminal, "n")
    status, out, err = jp("set", STOPPING, "--force")

    assert (status, charger.called) == (1, [])
    assert "    ends the session on connectors 1 and 3\n" in out
    assert "This cuts the session on connectors 1 and 3. Go on? [y/N] " in err
    types(terminal, "y")
    assert jp("set", STOPPING, "--force")[0] == 0
    assert charger.called[0][1]["force"] is True


# --- waiting, refused, outdated --------------------------------------------------------------------------------------


def test_a_change_that_waits_for_sessions_says_so(charger: Configured, jp: Callable[..., Any]) -> None:
    charger.ends, charger.then = [1], {"result": "waiting", "waits_for": [1]}
    status, out, _ = jp("set", STOPPING, "--yes")

    assert status == cli_applying.WAITING == 3
    assert out.endswith(
        "Waits for the session on connector 1; nothing has changed yet.\n"
        "It is made by itself when nothing is in its way. To give it up: jp config revert\n"
    )
    assert json.loads(jp("set", STOPPING, "--yes", "--json")[1])["waits_for"] == [1]


def test_a_part_that_refuses_is_named_with_its_reason(charger: Configured, jp: Callable[..., Any]) -> None:
    why = "wires/rs485-0: not up again within 15 s: link is backoff, no such port; is the adapter plugged in?"
    charger.then = {"result": "refused", "part": "wires/rs485-0", "why": why}
    status, out, _ = jp("set", STOPPING, "--yes")

    assert status == cli_applying.REFUSED == 1
    assert "Refused: wires/rs485-0: not up again within 15 s: link is backoff, no such port;" in out
    assert out.endswith("All is as it was before.\n")


def test_who_is_too_late_is_shown_what_the_other_did(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else changes the configuration while the question stands."""

    def while_asking(*_: object) -> None:
        charger.add(DEMO.replace("150_000", "95_000"), "ben", "the fuse")

    monkeypatch.setattr(cli_asking, "sure", while_asking)
    status, out, _ = jp("set", STOPPING)

    assert status == cli_applying.OUTDATED == 4
    assert "Not done: ben changed the configuration meanwhile, at 04:02:00 (the fuse)." in out
    assert "-limit_w = 150_000\n+limit_w = 95_000\n" in out
    assert out.endswith("-> look whether that is in your way, then give the command again\n")
    assert charger.now.number == 2


# --- the word that keeps it ------------------------------------------------------------------------------------------


def test_without_a_terminal_it_is_said_how_to_keep_it(charger: Configured, jp: Callable[..., Any]) -> None:
    status, out, err = jp("set", LIVE, "--confirm", "30")

    assert (status, charger.called[0][1]["confirm_s"]) == (0, 30.0)
    assert "To be confirmed within 30 s, or it is undone.\n" in out
    assert out.endswith("Version 2 is in force, and is to be confirmed.\n")
    assert err == "jp config confirm 2 keeps it; without that it is undone in 30 s\n"
    assert jp("confirm") == (0, "Version 2 is confirmed.\n", "")
    assert jp("confirm") == (1, "", "jp: no version waits to be confirmed; see jp config history\n")


def test_none_says_that_nobody_needs_to_confirm(charger: Configured, jp: Callable[..., Any]) -> None:
    charger.usual_confirm_s = 60.0
    status, out, _ = jp("set", LIVE, "--confirm", "none")

    assert (status, charger.called[0][1]["confirm_s"]) == (0, 0.0)
    assert "confirmed" not in out


def test_a_person_keeps_it(charger: Configured, jp: Callable[..., Any], terminal: TextIO) -> None:
    types(terminal, "what", "y")
    status, out, err = jp("set", LIVE, "--confirm", "30")

    assert (status, charger.unconfirmed) == (0, None)
    assert out.endswith("Version 2 is confirmed.\n")
    assert "Keep version 2? It is undone in  30 s. [y/n]" in err
    assert "y or n? It is undone in  30 s. [y/n]" in err


def test_a_person_undoes_it(charger: Configured, jp: Callable[..., Any], terminal: TextIO) -> None:
    types(terminal, "n")
    status, out, _ = jp("set", LIVE, "--confirm", "30")

    assert status == cli_applying.REFUSED
    assert out.endswith("Version 2 is undone. In force is version 3, which says what was before.\n")
    assert charger.now.text == DEMO


def test_a_person_who_says_nothing_sees_it_undone(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(_prompt: str, _within_s: float) -> None:
        charger.add(DEMO, "charger", "nobody confirmed it in time", "revert of 2")
        charger.unconfirmed = None

    monkeypatch.setattr(cli_asking, "counting_down", over)
    status, out, _ = jp("set", LIVE, "--confirm", "30")

    assert status == cli_applying.REFUSED
    assert "Version 2 is undone: nobody confirmed it in time." in out


def test_revert_undoes_what_is_not_confirmed(charger: Configured, jp: Callable[..., Any]) -> None:
    assert jp("revert")[0] == 1
    jp("set", LIVE, "--confirm", "30")
    assert jp("revert") == (0, "Version 2 is undone. In force is version 3, which says what was before.\n", "")


def test_revert_gives_up_what_waits(charger: Configured, jp: Callable[..., Any]) -> None:
    charger.change = {"state": "waiting", "who": "ben", "waits_for": [1], "steps": []}
    assert "a change by ben waits for the session on connector 1; jp config revert gives it up" in jp("show")[2]
    assert jp("revert")[:2] == (0, "The change that waited was given up; nothing has changed.\n")


def test_time_runs_while_nobody_answers(terminal: TextIO, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_asking.counting_down("{} s", 0.05) is None
    assert "0 s" in capsys.readouterr().err
    types(terminal, " Y ")
    assert cli_asking.counting_down("{} s", 5.0) == "y"


# --- a charger that goes away meanwhile ------------------------------------------------------------------------------


def doing(state: str) -> Json:
    steps = [{"path": "wires/can0", "how": "restart child", "state": state}]
    return {"state": "applying", "who": "anna", "waits_for": [], "steps": steps}


def test_what_takes_a_while_is_followed_on_the_standard_error(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_applying, "QUIET_S", 0.0)
    charger.progress = [doing("to do"), doing("under way"), doing("done")]
    status, out, err = jp("set", STOPPING, "--yes", "--json")

    assert (status, json.loads(out)["result"]) == (0, "applied")
    assert "applying, 0 of 1 parts: wires/can0, restart child\napplying, 1 of 1 parts\n" in err


@pytest.mark.parametrize(
    ("became", "status", "told"),
    [
        ({"origin": "cli"}, 0, "Version 2 is in force."),
        ({"origin": "revert of 2", "why": "the planner did not come up"}, 1, "Refused: the planner did not come up"),
        (None, 1, "Refused: the charger does not say why"),
    ],
)
def test_when_the_link_breaks_the_charger_is_asked_what_became_of_it(
    charger: Configured,
    jp: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    became: Json | None,
    status: int,
    told: str,
) -> None:
    def breaks(*_: object, **__: object) -> None:
        if became:
            charger.add(DEMO, "anna", **became)
        raise ConsoleError("the charger closed the link")

    monkeypatch.setattr(ConsoleClient, "call_watching", breaks)
    found, out, err = jp("set", STOPPING, "--yes")

    assert found == status
    assert told in out
    assert err == "the link to the charger broke; looking what became of the change\n"


def test_a_change_that_takes_longer_than_a_call_may_is_followed_to_its_end(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_applying, "QUIET_S", 0.0)
    topic = charger._topic
    told: list[Json] = []

    def slow() -> Json:
        told.append(topic())
        if len(told) == 3:
            charger.add(DEMO, "anna")
        return told[-1] | {"change": doing("under way") if len(told) < 3 else None, "version": charger.now.number}

    def gives_up(*_: object, **__: object) -> None:
        raise CallFailed(ErrorCode.TIMED_OUT, "no answer")

    monkeypatch.setattr(Configured, "_topic", lambda _: slow())
    monkeypatch.setattr(ConsoleClient, "call_watching", gives_up)
    status, out, err = jp("set", STOPPING, "--yes")

    assert (status, out.split("\n")[-2]) == (0, "Version 2 is in force.")
    assert err == "applying, 0 of 1 parts: wires/can0, restart child\n"


def test_a_refusal_is_told_as_it_is(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise CallFailed(ErrorCode.REFUSED, "a change by ben is under way")

    monkeypatch.setattr(ConsoleClient, "call_watching", refuses)

    assert jp("set", LIVE)[::2] == (1, "jp: a change by ben is under way\n")


def test_a_charger_that_starts_anew_is_waited_for(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer comes before all parts start anew: only then it is known what became of the change."""
    monkeypatch.setattr(cli_applying, "RETRY_S", 0.0)
    topic = charger._topic
    told: list[Json] = []

    def starting() -> Json:
        told.append(topic())
        if len(told) < 3:  # a moment too old, then in the middle of the start
            unconfirmed: Json = {"version": 2, "previous": 1, "ends_in_s": None, "keys": []}
            return told[-1] | ({"version": 1} if len(told) == 1 else {"unconfirmed": unconfirmed})
        return told[-1]

    monkeypatch.setattr(Configured, "_topic", lambda _: starting())
    status, out, _ = jp("set", "process.stop_timeout_s=120", "--yes", "--confirm", "20")

    assert (status, out.split("\n")[-2]) == (0, "Version 2 is in force, and is to be confirmed.")
    assert "  all parts                   restart child: the controller starts anew\n" in out
    assert len(told) >= 3


def test_ctrl_c_says_what_goes_on(
    charger: Configured, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleClient, "call_watching", pressed)

    assert cli.main(["config", "set", LIVE]) == cli.INTERRUPTED
    assert "The charger goes on with it by itself. jp config history tells" in capsys.readouterr().err


# --- what is and what was --------------------------------------------------------------------------------------------


def test_what_is_in_force_is_shown_with_where_it_is_from(charger: Configured, jp: Callable[..., Any]) -> None:
    status, out, _ = jp("show")

    assert status == 0
    assert out.startswith("Version 1 of 2026-11-20 04:01 by charger: started with demo.toml\n/etc/jp/cabinet.toml\n\n")
    assert jp("show", "site.limit_w")[1] == "site.limit_w  150_000 W\n"
    assert jp("show", "backend.password")[1].split() == ["backend.password", "not", "set", "secret"]
    assert jp("show", "connectors.9")[0] == jp("show", "site.limit")[0] == 1
    assert jp("show", "--text") == (0, DEMO, "")
    told = json.loads(jp("show", "site", "--json")[1])
    assert (told["version"], [one["key"] for one in told["values"]]) == (1, ["site.limit_w", "site.efficiency"])


def test_what_was_is_shown_compared_and_brought_back(charger: Configured, jp: Callable[..., Any]) -> None:
    jp("set", LIVE, "--why", "the fuse")

    assert jp("show", "--at", "1", "site.limit_w")[1] == "site.limit_w  150_000 W\n"
    assert "-limit_w = 150_000\n+limit_w = 100_000\n" in jp("diff")[1]
    assert jp("diff", "1")[1] == jp("diff", "1", "2")[1] == jp("diff")[1]
    assert jp("history")[1].split("\n")[1] == "      2  2026-11-20 04:02  anna     cli          the fuse"
    assert len(json.loads(jp("history", "-n", "1", "--json")[1])) == 1
    assert jp("rollback", "1", "--why", "no")[0] == 0
    assert charger.called[-1] == ("config.rollback", {"who": "anna", "origin": "cli", "why": "no", "version": 1})
    assert charger.now.text == DEMO
    assert jp("rollback", "9")[2] == "jp: there is no version 9 of the configuration\n"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_read_from_a_pipe_and_never_shown(
    charger: Configured, jp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2hunter2\n"))
    status, out, err = jp("secret", "backend.password", "--yes")

    assert status == 0
    assert charger.called[0][1]["secrets"] == {"backend.password": "hunter2hunter2"}
    assert "hunter2" not in out + err
    assert jp("secret", "backend.password")[2] == "jp: backend.password would be empty; nothing was done\n"
    assert "is no secret" in jp("secret", "site.limit_w")[2]


def test_a_secret_is_asked_for_twice_without_echo(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["hunter2hunter2", "hunter3", "hunter2hunter2", "hunter2hunter2"]
    monkeypatch.setattr("getpass.getpass", lambda _: answers.pop(0))

    assert jp("secret", "backend.password", "--yes")[2] == "jp: the two differ; nothing was done\n"
    assert jp("secret", "backend.password", "--yes")[0] == 0
    assert charger.called[0][1]["secrets"] == {"backend.password": "hunter2hunter2"}


# --- the editor ------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An editor that does what sed is told, one script after the other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)

    def does(*scripts: str) -> None:
        for number, one in enumerate(scripts):
            (tmp_path / f"script-{number}").write_text(one)
        program = tmp_path / "editor"
        program.write_text(
            f'#!/bin/sh\ncd {tmp_path}\nfirst=$(ls script-* | head -1)\nsed -i -f "$first" "$1"\nrm "$first"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("EDITOR", str(program))

    return does


def test_what_was_edited_is_planned_and_applied(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("s/150_000/80_000/")
    types(terminal, "y")
    status, out, _ = jp("edit", "--why", "by hand")

    assert status == 0
    assert "  site.limit_w  150_000 -> 80_000 W\n" in out
    assert charger.now.text == DEMO.replace("= 150_000", "= 80_000").replace("150_000", "80_000")
    assert charger.now.why == "by hand"
    assert not list(tmp_path.glob("jp-config-*")), "nothing is left behind"


def test_a_mistake_is_edited_again(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, editor: Callable[..., None]
) -> None:
    editor("s/150_000/much/", "s/much/70_000/", "s/70_000/60_000/")
    types(terminal, "", "e", "y")
    status, out, err = jp("edit")

    assert status == 0
    assert "cabinet.toml:11:11: error: " in out.replace("\n", "")
    assert "Edit again? [Y/n] " in err
    assert "limit_w = 60_000" in charger.now.text


def test_what_is_not_applied_is_kept(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("s/150_000/80_000/")
    types(terminal, "n")
    status, out, err = jp("edit")

    (kept,) = tmp_path.glob("jp-config-*/cabinet.toml")
    assert (status, err) == (1, "Apply it? [y]es, [e]dit again, [N]o: jp: nothing was done\n")
    assert f"what was written is kept in {kept}" in out.replace("\n", "")
    assert "80_000" in kept.read_text()
    assert charger.called == []


def test_what_others_did_while_the_editor_was_open_is_not_undone(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(path: Path) -> None:
        charger.add(DEMO.replace("Demo charger", "Yard"), "ben")
        path.write_text(DEMO.replace("150_000", "80_000"))

    monkeypatch.setattr(cli_config_edit, "_open", slowly)
    status, out, _ = jp("edit")

    assert status == cli_applying.OUTDATED
    assert '-name = "Demo charger"\n+name = "Yard"\n' in out
    assert "what was written is kept in" in out
    assert charger.now.who == "ben"


def test_nothing_edited_nothing_done(
    charger: Configured, jp: Callable[..., Any], terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("")

    assert jp("edit")[:2] == (0, "Nothing changes.\n")
    assert not list(tmp_path.glob("jp-config-*"))


@pytest.mark.parametrize(("program", "why"), [("absent-editor", "cannot be started"), ("false", "ended with status 1")])
def test_an_editor_that_does_not_work_is_told(
    charger: Configured,
    jp: Callable[..., Any],
    terminal: TextIO,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    why: str,
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", program)
    status, _, err = jp("edit")

    assert status == 1
    assert why in err
    assert charger.called == []


def test_editing_needs_a_terminal(charger: Configured, jp: Callable[..., Any]) -> None:
    assert "editing needs a terminal" in jp("edit")[2]


# --- without a charger -----------------------------------------------------------------------------------------------


def test_without_a_charger_it_is_said_how_to_start_one(
    jp: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JP_SOCKET", str(tmp_path / "none.sock"))
    for verb in (["show"], ["set", LIVE], ["history"], ["confirm"], ["revert"], ["rollback", "1"], ["diff"]):
        status, out, err = jp(*verb)
        assert (status, out) == (1, "")
        assert "no charger is running here" in err
