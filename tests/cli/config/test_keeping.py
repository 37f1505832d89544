"""What happens after a change was sent: the word that keeps it, and a charger that goes away meanwhile."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

import pytest

from jp_firmware.cli import asking
from jp_firmware.cli import command as cli
from jp_firmware.cli.config import applying
from jp_firmware.console.client import ConsoleClient
from jp_firmware.console.protocol import CallFailed, ConsoleError, ErrorCode
from tests.cli.configured import DEMO, Configured, Jp, types

Json = dict[str, Any]

LIVE = "site.limit_w=100kW"
STOPPING = "meters.meter-1.watchdog_s=4s"


# --- the word that keeps it -------------------------------------------------------------------------------------------


def test_without_a_terminal_it_is_said_how_to_keep_it(configured: Configured, jp: Jp) -> None:
    status, out, err = jp("set", LIVE, "--confirm", "30")

    assert (status, configured.called[0][1]["confirm_s"]) == (0, 30.0)
    assert "To be confirmed within 30 s, or it is undone.\n" in out
    assert out.endswith("Version 2 is in force, and is to be confirmed.\n")
    assert err == "jp config confirm 2 keeps it; without that it is undone in 30 s\n"
    assert jp("confirm") == (0, "Version 2 is confirmed.\n", "")
    assert jp("confirm") == (1, "", "jp: no version waits to be confirmed; see jp config history\n")


def test_none_says_that_nobody_needs_to_confirm(configured: Configured, jp: Jp) -> None:
    configured.usual_confirm_s = 60.0
    status, out, _ = jp("set", LIVE, "--confirm", "none")

    assert (status, configured.called[0][1]["confirm_s"]) == (0, 0.0)
    assert "confirmed" not in out


def test_a_person_keeps_it(configured: Configured, jp: Jp, terminal: TextIO) -> None:
    types(terminal, "what", "y")
    status, out, err = jp("set", LIVE, "--confirm", "30")

    assert (status, configured.unconfirmed) == (0, None)
    assert out.endswith("Version 2 is confirmed.\n")
    assert "Keep version 2? It is undone in  30 s. [y/n]" in err
    assert "y or n? It is undone in  30 s. [y/n]" in err


def test_a_person_undoes_it(configured: Configured, jp: Jp, terminal: TextIO) -> None:
    types(terminal, "n")
    status, out, _ = jp("set", LIVE, "--confirm", "30")

    assert status == applying.REFUSED
    assert out.endswith("Version 2 is undone. In force is version 3, which says what was before.\n")
    assert configured.now.text == DEMO


def test_a_person_who_says_nothing_sees_it_undone(
    configured: Configured, jp: Jp, terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(_prompt: str, _within_s: float) -> None:
        configured.add(DEMO, "charger", "nobody confirmed it in time", "revert of 2")
        configured.unconfirmed = None

    monkeypatch.setattr(asking, "counting_down", over)
    status, out, _ = jp("set", LIVE, "--confirm", "30")

    assert status == applying.REFUSED
    assert "Version 2 is undone: nobody confirmed it in time." in out


def test_revert_undoes_what_is_not_confirmed(configured: Configured, jp: Jp) -> None:
    assert jp("revert")[0] == 1
    jp("set", LIVE, "--confirm", "30")
    assert jp("revert") == (0, "Version 2 is undone. In force is version 3, which says what was before.\n", "")


WAITING = {"id": "change-3", "state": "waiting", "who": "ben", "waits_for": [1], "keys": ["site.limit_w"], "steps": []}


def test_revert_gives_up_what_waits(configured: Configured, jp: Jp) -> None:
    configured.change = dict(WAITING)
    assert jp("show")[2] == (
        "change-3 by ben waits for the session on connector 1, to change site.limit_w;\n"
        "jp config plan --waiting shows it, jp config revert change-3 gives it up\n"
    )
    assert jp("plan", "--waiting")[:2][1].startswith("  site.limit_w  150_000 -> 90_000 W\n")
    assert jp("revert", "change-4")[0] == 1
    assert jp("revert", "change-3")[:2] == (0, "change-3 was given up; nothing has changed.\n")
    assert jp("plan", "--waiting")[2] == "jp: no change waits for sessions; see jp config show\n"
    assert jp("plan")[0] == 1


def test_with_a_version_to_confirm_and_a_change_that_waits_revert_undoes_the_version(
    configured: Configured, jp: Jp
) -> None:
    jp("set", LIVE, "--confirm", "30")
    configured.change = dict(WAITING)
    assert jp("revert")[1].startswith("Version 2 is undone.")
    assert jp("revert", "change-3")[0] == 0


def test_time_runs_while_nobody_answers(terminal: TextIO, capsys: pytest.CaptureFixture[str]) -> None:
    assert asking.counting_down("{} s", 0.4) is None
    assert "0 s" in capsys.readouterr().err
    types(terminal, " Y ")
    assert asking.counting_down("{} s", 600.0) == "y"


def test_where_input_has_ended_nobody_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end of input is there at once, and again: a question that is repeated takes all of a processor."""
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading) as ended:
        monkeypatch.setattr(sys, "stdin", ended)
        began_s = time.monotonic()

        assert asking.counting_down("{} s", 600.0) is None
        assert time.monotonic() - began_s < 600


# --- a charger that goes away meanwhile -------------------------------------------------------------------------------


def doing(state: str) -> Json:
    steps = [{"path": "wires/can0", "how": "restart child", "state": state}]
    return {"id": "change-1", "state": "applying", "who": "anna", "waits_for": [], "steps": steps}


def test_what_takes_a_while_is_followed_on_the_standard_error(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "QUIET_S", 0.0)
    configured.progress = [doing("to do"), doing("under way"), doing("done")]
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
    configured: Configured,
    jp: Jp,
    monkeypatch: pytest.MonkeyPatch,
    became: Json | None,
    status: int,
    told: str,
) -> None:
    def breaks(*_: object, **__: object) -> None:
        if became:
            configured.add(DEMO, "anna", **became)
        raise ConsoleError("the charger closed the link")

    monkeypatch.setattr(ConsoleClient, "call_watching", breaks)
    found, out, err = jp("set", STOPPING, "--yes")

    assert found == status
    assert told in out
    assert err == "the link to the charger broke; looking what became of the change\n"


def test_a_change_that_takes_longer_than_a_call_may_is_followed_to_its_end(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "QUIET_S", 0.0)
    topic = configured._topic
    told: list[Json] = []

    def slow() -> Json:
        told.append(topic())
        if len(told) == 3:
            configured.add(DEMO, "anna")
        return told[-1] | {"change": doing("under way") if len(told) < 3 else None, "version": configured.now.number}

    def gives_up(*_: object, **__: object) -> None:
        raise CallFailed(ErrorCode.TIMED_OUT, "no answer")

    monkeypatch.setattr(Configured, "_topic", lambda _: slow())
    monkeypatch.setattr(ConsoleClient, "call_watching", gives_up)
    status, out, err = jp("set", STOPPING, "--yes")

    assert (status, out.split("\n")[-2]) == (0, "Version 2 is in force.")
    assert err == "applying, 0 of 1 parts: wires/can0, restart child\n"


def test_a_refusal_is_told_as_it_is(configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise CallFailed(ErrorCode.REFUSED, "a change by ben is under way")

    monkeypatch.setattr(ConsoleClient, "call_watching", refuses)

    assert jp("set", LIVE)[::2] == (1, "jp: a change by ben is under way\n")


def test_a_charger_that_starts_anew_is_waited_for(
    configured: Configured, jp: Jp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer comes before all parts start anew: only then it is known what became of the change."""
    monkeypatch.setattr(applying, "RETRY_S", 0.0)
    topic = configured._topic
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
    configured: Configured, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleClient, "call_watching", pressed)

    assert cli.main(["config", "set", LIVE]) == cli.INTERRUPTED
    assert "The charger goes on with it by itself. jp config history tells" in capsys.readouterr().err
