"""Processes that die: the charger is safe without its controller, and nothing is lost or invented."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from jp_firmware.demo.site import START_S, STOP_S, Site, wait_for
from tests.e2e.driving import (
    active_faults,
    agree,
    charge,
    ended_session,
    is_dead,
    module_currents,
    plug,
    transaction_of,
    wait_no_faults,
)
from tests.unhurried import PROGRAM


def test_kill_9_in_a_session_leaves_the_modules_to_drop_and_the_account_complete(own_site: Site) -> None:
    site = own_site
    charge(site, 1, 3)
    wait_for(lambda: (site.connector(1)["energy_wh"] or 0) > 40, "some energy")
    site.kill("controller")
    wait_for(lambda: is_dead(site, 1) and is_dead(site, 3), "the boards to open on their own")
    wait_for(lambda: not any(module_currents(site, 1)), "the modules to drop on their own")
    site.start_controller()

    for connector in (1, 3):
        session = ended_session(site, connector)
        assert session["reason"] == "reboot"
        transaction = transaction_of(site, session)
        assert (transaction["starts"], transaction["stops"], transaction["reason"]) == (1, 1, "Reboot")
        truth = site.sim("energy")["connectors"][str(connector)]
        assert transaction["meter_stop_wh"] == session["meter_stop_wh"] == truth["meter_register_wh"]
    assert site.csms("orphans") == []


def test_the_cabinet_killed_and_started_again_is_found_without_a_restart(own_site: Site) -> None:
    site = own_site
    charge(site, 1)
    site.kill("sim")
    session = ended_session(site, 1)
    assert session["reason"] == "fault"
    wait_for(lambda: {code for code, _ in active_faults(site)} >= {"PM-14", "PLC-01", "MTR-01"}, "all to be missed")
    agree(site, session)
    site.start_sim()
    wait_no_faults(site)
    for connector in site.cabinet.connectors:
        site.wait_state(connector.id, "available")
    charge(site, 1)


def test_sigterm_ends_sessions_in_order_and_leaves_nothing_behind(own_site: Site) -> None:
    site = own_site
    charge(site, 1, 2)
    process = site.processes["controller"]
    assert site.stop("controller") == 0
    assert is_dead(site, 1)
    assert is_dead(site, 2)
    assert site.sim("state")["opened_under_load"] == 0
    assert not site.console_socket.exists()
    assert not children_of(process.pid)
    transactions = [one for one in site.csms("transactions") if one["connector"] in (1, 2)]
    assert all(one["starts"] == 1 for one in transactions)
    site.start_controller()
    for connector in (1, 2):
        agree(site, ended_session(site, connector))


def children_of(pid: int) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # gone meanwhile
        if int(fields[1]) == pid:
            found.append(entry.parent.name)
    return found


def test_the_stop_of_a_session_survives_a_kill_between_its_commit_and_its_message(own_site: Site) -> None:
    site = own_site
    charge(site, 2)
    site.csms("refuse")
    site.call("connector.stop", connector=2)
    session = ended_session(site, 2)
    site.kill("controller")
    site.csms("accept")
    site.start_controller()

    agree(site, session)


def test_ctrl_c_in_the_demo_stops_everything_it_started() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jp_firmware", "demo", "--headless", "--for", "300"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if b"plugs in" in line:
                break
        started = children_of(demo.pid)
        assert len(started) == 3, "cabinet, central system and controller"
        os.killpg(demo.pid, signal.SIGINT)
        output = demo.stdout.read().decode()
        assert demo.wait(3 * STOP_S) == 130
    assert "Traceback" not in output
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_a_second_controller_at_the_same_socket_is_refused_in_one_line(own_site: Site) -> None:
    site = own_site
    second = subprocess.run(
        [
            sys.executable, "-m", "jp_firmware", "run", "demo",
            "--device-dir", str(site.directory / "dev"), "--state-dir", str(site.directory / "other"),
            "--socket", str(site.console_socket),
        ],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )  # fmt: skip

    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert str(site.console_socket) in second.stderr
    assert site.status() is not None


def test_status_and_tree_are_told_as_tables_and_as_json(own_site: Site) -> None:
    site = own_site
    plug(site, 1)
    site.wait_state(1, "preparing")
    for command in ("status", "tree"):
        table = jp(site, command)
        assert "connector-1" in table or "preparing" in table
        assert [line for line in table.splitlines() if len(line) > 80] == []
        assert json.loads(jp(site, command, "--json"))


def jp(site: Site, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "jp_firmware", "--socket", str(site.console_socket), *arguments],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=True,
    )
    return done.stdout


def test_a_wrong_baud_rate_is_told_by_the_meters_fault() -> None:
    with Site(settings=["wires.rs485-0.baud=9600"], program=PROGRAM) as site:
        site.start_sim("wires.rs485-0.baud=19200")
        site.start_csms()
        site.start_controller()
        fault = wait_for(
            lambda: next((one for (code, _), one in active_faults(site).items() if code == "MTR-01"), None),
            "the meter's fault",
        )
        assert "baud" in fault["remedy"] or "baud" in fault["detail"]
