"""The `jp` command: what it shows, what it passes on, and how it fails: in one line, with the right exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jp_firmware.cli import command as cli
from jp_firmware.cli import running

from .conftest import PATIENCE_S, SAMPLE, SESSION, Charger


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(list(arguments))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


# --- acting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "call", "told"),
    [
        (["start", "2"], ("connector.start", {"connector": 2}), "connector 2: start accepted\n"),
        (["start", "2", "--token", "AB"], ("connector.start", {"connector": 2, "token": "AB"}), "connector 2: start"),
        (["stop", "1"], ("connector.stop", {"connector": 1}), "connector 1: stop accepted\n"),
        (["unlock", "1"], ("connector.unlock", {"connector": 1}), "connector 1: unlock accepted\n"),
        (["limit", "100kW"], ("limit.set", {"site_w": 100_000.0}), "site limit 100 kW: accepted\n"),
        (
            ["limit", "200kW"],
            ("limit.set", {"site_w": 200_000.0}),
            "site limit 200 kW: accepted, but kept at 150 kW by site limit\n",
        ),
        (["limit", "0"], ("limit.set", {"site_w": 0.0}), "site limit 0 kW: accepted\n"),
        (
            ["limit", "30kW", "--at", "connector-2", "--for", "60", "--then", "10kW", "--reason", "hot cable"],
            (
                "limit.put",
                {"scope": "connector-2", "value_w": 3e4, "for_s": 60.0, "then_w": 1e4, "reason": "hot cable"},
            ),
            "limit of 30 kW at connector-2: accepted\n",
        ),
        (
            ["limit", "none", "--at", "chain-A", "--owner", "ems"],
            ("limit.lift", {"scope": "chain-A", "owner": "ems"}),
            "limit at chain-A: lift accepted\n",
        ),
        (["fault", "ack", "saf-01"], ("fault.acknowledge", {"code": "SAF-01", "source": "plc-2"}), "SAF-01 at plc-2"),
        (["fault", "clear", "X-1", "y"], ("fault.clear", {"code": "X-1", "source": "y"}), "X-1 at y: clear accepted"),
    ],
)
def test_an_act_is_one_call(
    charger: Charger,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    call: tuple[str, dict[str, object]],
    told: str,
) -> None:
    status, out, err = run(capsys, *arguments)

    assert (0, "") == (status, err)
    assert out.startswith(told)
    assert charger.called == [call]


def test_a_refusal_is_one_line_and_status_one(charger: Charger, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "start", "9") == (1, "", "jp: there is no connector 9\n")


def test_a_fault_at_several_places_or_at_none_must_be_named(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    charger.faults["active"].append(charger.faults["active"][1] | {"source": "plc-1"})
    assert run(capsys, "fault", "ack", "XXX-1") == (1, "", "jp: XXX-1 is not active; see jp fault list\n")
    assert run(capsys, "fault", "ack", "SAF-01") == (1, "", "jp: SAF-01 is active at plc-1, plc-2; say which\n")


# --- parts of the tree ------------------------------------------------------------------------------------------------


def test_a_restart_that_ends_sessions_asks_first_and_without_a_terminal_refuses(
    charger: Charger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "restart wires/can0: it ends the session on connector 1"
    assert run(capsys, "tree", "restart", "wires/can0") == (1, "", f"jp: {told}; say --yes if it shall\n")

    monkeypatch.setattr(cli.sys.stdin, "isatty", lambda: True)
    for answer, expected in (("n\n", 1), ("\n", 1), ("", 1), ("y\n", 0), ("Yes\n", 0)):
        charger.called.clear()
        monkeypatch.setattr(cli.sys.stdin, "readline", lambda answer=answer: answer)
        status, out, err = run(capsys, "tree", "restart", "wires/can0")
        assert out.startswith(f"{told}. Go on? [y/N] ")
        assert status == expected
        assert [params["yes"] for _, params in charger.called] == [False, True][: 2 - expected]
        assert err == ("" if expected == 0 else "jp: nothing was done\n")


def test_with_yes_a_restart_is_one_call_and_tells_what_it_takes_along(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "tree", "restart", "wires/can0", "--yes", "--reason", "new firmware")

    assert (status, err) == (0, "")
    assert out == "wires/can0: restart accepted (2 parts)\nit ends the session on connector 1\n"
    assert charger.called == [("tree.restart", {"path": "wires/can0", "reason": "new firmware", "yes": True})]
    assert run(capsys, "tree", "restart", "journal") == (0, "journal: restart accepted\n", "")
    assert (
        run(capsys, "tree", "restart", "jornal")[2] == "jp: there is no 'jornal' in the tree; did you mean journal?\n"
    )


def test_a_latched_part_is_released(charger: Charger, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "tree", "release", "wires/can0/module-3")

    assert (status, out) == (0, "wires/can0/module-3: release accepted\n")
    assert charger.called == [("tree.release", {"path": "wires/can0/module-3"})]


def test_the_history_is_a_table_of_eighty_columns_newest_last(
    charger: Charger, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "tree", "--history")

    assert status == 0
    assert out.split("\n") == [
        "      Ago  Part                           What happened",
        " 25:01:01  journal                        started",
        "  1:00:01  journal                        ready",
        "   59.9 s  ..dule-with-a-rather-long-name ended (crash): CanDown: it was",
        "                                          unplugged it was unplugged it was",
        "                                          unplugged it was unplugged it was ..",
        "   12.0 s  wires/can0/module-1            restart asked: new firmware",
        "   11.9 s  wires/can0/module-1            ended (stopped): new firmware",
        "",
    ]
    assert len(run(capsys, "tree", "--history", "wires/can0", "--limit", "1")[1].split("\n")) == 3
    assert run(capsys, "tree", "--history", "planner")[1] == "Nothing has happened yet.\n"
    assert json.loads(run(capsys, "tree", "--history", "journal", "--json")[1])[0]["what"] == "started"


# --- failing -------------------------------------------------------------------------------------------------------


def test_no_charger_is_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JP_SOCKET", raising=False)
    for arguments in (
        ["status"],
        ["tree"],
        ["session", "list"],
        ["start", "1"],
        ["status", "--watch"],
        ["fault", "list"],
    ):
        status, out, err = run(capsys, *arguments, "--socket", str(tmp_path / "no.sock"))
        assert (status, out) == (1, "")
        assert err == (
            f"jp: no charger is running here (no socket at {tmp_path}/no.sock); "
            "start it with jp run CABINET, or name its socket with --socket\n"
        )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["start"],
        ["start", "x"],
        ["start", "0"],
        ["limit", "lots"],
        ["limit", "-5kW"],
        ["limit", "nan"],
        ["status", "--interval", "0"],
        ["session"],
        ["completion", "tcsh"],
    ],
)
def test_a_wrong_command_line_is_status_two(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, out, err = run(capsys, *arguments)

    assert (status, out) == (2, "")
    assert err.startswith("usage: jp")


def test_the_socket_may_be_named_before_or_after_the_command(
    charger: Charger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JP_SOCKET", "/nowhere")
    assert run(capsys, "--socket", str(charger.path), "stop", "1")[0] == 0
    assert run(capsys, "stop", "1", "--socket", str(charger.path))[0] == 0
    assert run(capsys, "stop", "1")[0] == 1


def test_help_and_version_are_status_zero(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for command in (
        "run",
        "demo",
        "sim",
        "csms",
        "console",
        "status",
        "tree",
        "session",
        "limit",
        "modules",
        "fault",
        "completion",
    ):
        assert f"    {command} " in out
    assert run(capsys, "--version")[1].startswith("jp ")


def test_help_imports_no_room_of_the_charger() -> None:
    code = (
        "import sys; from jp_firmware.cli.command import main; main(['--help'])\n"
        "print('loaded', *[m for m in sys.modules if m in ('trio', 'textual', 'attrs', 'asyncio', 'tomllib')"
        " or m.startswith('jp_firmware.') and not m.startswith('jp_firmware.cli')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip().split("\n")[-1] == "loaded"


def test_a_reader_that_leaves_is_no_error(charger: Charger) -> None:
    command = f"{sys.executable} -m jp_firmware tree --json --watch --interval 0.25 | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S, check=True)

    assert json.loads(done.stdout)["name"] == "controller"
    assert done.stderr == ""


# --- sessions and configuration ------------------------------------------------------------------------------------


def test_session_list_is_a_table_of_eighty_columns(charger: Charger, capsys: pytest.CaptureFixture[str]) -> None:
    charger.sessions.append(
        SESSION | {"stopped_at": None, "reason": None, "duration_s": None, "connector": 12, "id": "01" + "f" * 18}
    )
    status, out, _ = run(capsys, "session", "list")
    lines = out.rstrip().split("\n")

    assert status == 0
    assert lines[0].split() == ["Session", "#", "Started", "Duration", "kWh", "Ended", "by", "Token"]
    assert lines[1].split()[:2] == ["019aa1b2c3d4", "1"]
    assert "0:20:00  20.00  EV disconnected  04A1B2C3D4E5F6" in lines[1]
    assert "---" in lines[2]
    assert "(runs)" in lines[2]
    assert all(len(line) <= 80 for line in lines)
    assert json.loads(run(capsys, "session", "list", "--json", "--limit", "1")[1]) == [SESSION]
    charger.sessions.clear()
    assert run(capsys, "session", "list")[1] == "No sessions yet.\n"


def test_session_show_takes_the_beginning_of_an_id(charger: Charger, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "session", "show", "019a")

    assert status == 0
    for told in (
        "Session    019aa1b2c3d4e5f6789a",
        "EVCCID     ---",
        "EV disconnected (S3)",
        "Meter      100 Wh to 20100 Wh",
        "Energy     20.000 kWh (modules say 20.010 kWh)",
        "(one in 3 of 45 samples; --json has them all)",
    ):
        assert told in out
    assert all(len(line) <= 80 for line in out.split("\n"))
    assert json.loads(run(capsys, "session", "show", "019a", "--json")[1]) == SESSION | {"samples": [SAMPLE] * 45}
    assert run(capsys, "session", "show", "fff")[2] == "jp: 0 sessions begin with 'fff'\n"


def test_config_check_says_what_is_there_or_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "config", "check", "demo")
    assert (status, err.count("\n")) == (0, 1)
    assert "demo.toml:14: warning: backend.url: 127.0.0.1 is this machine itself" in err  # the demo's runs on it
    assert "good: 4 connectors, 8 modules, 4 meters, 2 PLC boards, 1 reader, 4 wires; site limit 150 kW" in out

    status, out, err = run(
        capsys, "config", "check", "demo", "--set", "site.limit_w=-1", "--set", "meters.meter-2.unit=0"
    )
    assert (status, out) == (1, "")
    assert err.count("\n") == 2
    assert "good" not in err
    (tmp_path / "bad.toml").write_text("[site]\nlimit_kw = 5\n")
    status, out, err = run(capsys, "config", "check", str(tmp_path / "bad.toml"))
    assert status == 1
    assert f"{tmp_path}/bad.toml:2: site.limit_kw: unknown key; did you mean limit_w?" in err.split("\n")


def test_a_wrong_cabinet_is_told_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "run", "absent.toml")

    assert (status, out) == (1, "")
    assert err == "absent.toml: cannot be read (No such file or directory); check the name and its permissions\n"


def test_the_state_is_kept_where_the_service_manager_or_the_user_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/x:/var/lib/y")
    assert running.default_state_dir() == Path("/var/lib/x")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr(running.os, "geteuid", lambda: 0)
    assert running.default_state_dir() == Path("/var/lib/jp")
    monkeypatch.setattr(running.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/x/state")
    assert running.default_state_dir() == Path("/home/x/state/jp")
