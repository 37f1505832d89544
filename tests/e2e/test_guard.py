"""A controller that hangs, is stopped or dies while cars charge: power is gone long before modules would drop it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jp_firmware.demo.site import START_S, Site, wait_for
from tests.e2e.conftest import BRISK, all_available
from tests.e2e.driving import charge, ended_session, module_currents, wait_fault
from tests.unhurried import PROGRAM

# Longer than the machine of these tests stands still by itself, so that the guard acts when it is meant to.
DEADLINE_S = 3.0
EXIT_STUCK = 71


@pytest.fixture(scope="module")
def hall() -> Iterator[Site]:
    """A cabinet and a central system; controllers come and go."""
    settings = (f"process.guard_deadline_s={DEADLINE_S:g}",)
    with Site(settings=settings, sim_arguments=BRISK, program=PROGRAM) as site:
        site.start_sim()
        site.start_csms()
        yield site


@pytest.fixture
def empty(hall: Site) -> Iterator[Site]:
    yield hall
    for process in hall.processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
    hall.stop("controller")
    hall.sim("unplug", connector=1)


def start_with_culprit(site: Site, how: str) -> subprocess.Popen[bytes]:
    """The controller with a part that misbehaves at SIGUSR1; connector 1 charges when this returns."""
    arguments = ["run", *site._cabinet_arguments(), "--state-dir", str(site.directory / "state")]
    with (site.directory / "controller.log").open("ab") as log:
        process = site.processes["controller"] = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.culprit", how, *arguments, "--socket", str(site.console_socket)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
    charging(site)
    return process


def charging(site: Site) -> None:
    wait_for(lambda: all_available(site), "all connectors to be available")
    charge(site, 1)


def switched_off(site: Site) -> None:
    """Waits until no module is on, and each was told: open contactors leave it on, its own time ends without a word."""
    mine = [one.id for one in site.cabinet.modules if one.connector == 1]

    def off() -> list[dict[str, Any]] | None:
        modules = site.sim("state")["modules"]
        return None if any(modules[name]["on"] for name in mine) else [modules[name] for name in mine]

    for one in wait_for(off, "the modules to be switched off"):
        assert one["last_off_at_s"] > one["last_set_at_s"]


def events(site: Site, kind: str) -> list[str]:
    newest: list[dict[str, Any]] = site.call("events.get")["items"]
    return [one["text"] for one in newest if one["kind"] == kind]


def guards_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Those among its children; what the kernel lists may be gone by the time that it is looked at."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [
        int(pid)
        for one in children
        for pid in told_by(one).split()
        if b"guard_process" in told_by(Path(f"/proc/{pid.decode()}/cmdline"))
    ]


def told_by(path: Path) -> bytes:
    """What the kernel says of a process or a thread; nothing, when it is gone."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.parametrize(
    ("how", "culprit"),
    [("shields", "culprit_shields"), ("swallows", "culprit_swallows"), ("thread", "culprit_sits_there")],
)
def test_a_task_that_cannot_be_ended_costs_the_process_and_no_power_stays_on(
    empty: Site, how: str, culprit: str
) -> None:
    site = empty
    process = start_with_culprit(site, how)
    process.send_signal(signal.SIGUSR1)
    switched_off(site)
    assert process.wait(START_S) == EXIT_STUCK
    site.processes.pop("controller")
    assert f" in {culprit}" in journalled(site, "stuck at ")


def journalled(site: Site, beginning: str) -> str:
    """The newest event that begins so, from the journal's file, with no controller running."""
    with closing(sqlite3.connect(site.directory / "state" / "journal.db")) as db:
        row = db.execute("SELECT text FROM events WHERE text LIKE ? ORDER BY id DESC", (f"{beginning}%",)).fetchone()
    return str(row[0])


def test_a_loop_that_blocks_for_ever_has_its_modules_switched_off_and_its_stack_told_by_the_next_life(
    empty: Site,
) -> None:
    site = empty
    process = start_with_culprit(site, "blocks")
    process.send_signal(signal.SIGUSR1)
    switched_off(site)
    record = site.directory / "state" / "guard.record"
    wait_for(record.exists, "the guard's record")
    site.kill("controller")
    site.start_controller()
    (told,) = events(site, "guard")
    assert "the controller's process was gone" in told
    assert "in culprit_blocks" in told
    assert process.poll() is not None


def test_a_loop_that_blocks_for_a_while_ends_its_sessions_by_a_fault_and_tells_where_it_stood(empty: Site) -> None:
    site = empty
    process = start_with_culprit(site, f"blocks={DEADLINE_S + 1:g}")
    process.send_signal(signal.SIGUSR1)
    switched_off(site)
    fault = wait_fault(site, "CTL-04", "controller")
    stood_s = re.search(r"stood still for ([\d.]+) s", fault["detail"])
    assert stood_s
    assert float(stood_s[1]) >= DEADLINE_S + 1
    session = ended_session(site, 1)
    assert session["reason"] == "fault"
    assert not any(module_currents(site, 1))
    (told,) = [one for one in events(site, "guard") if "stood still" in one]  # not what an earlier life left behind
    assert "in culprit_blocks" in told
    assert process.poll() is None


def test_a_controller_that_is_stopped_holds_no_power_and_one_that_is_killed_none_either(empty: Site) -> None:
    site = empty
    site.start_controller()
    charging(site)
    process = site.processes["controller"]
    process.send_signal(signal.SIGSTOP)
    switched_off(site)
    process.send_signal(signal.SIGCONT)
    wait_fault(site, "CTL-04", "controller")  # first: it stands for ten seconds only
    assert ended_session(site, 1)["reason"] == "fault"

    site.sim("unplug", connector=1)
    charging(site)
    site.kill("controller")
    switched_off(site)
    record = site.directory / "state" / "guard.record"
    wait_for(record.exists, "the guard's record")
    site.start_controller()
    assert ["gone without a goodbye" in one for one in events(site, "guard")] == [True]
    assert ended_session(site, 1)["reason"] == "reboot"


def test_a_controller_that_is_started_at_once_after_a_kill_is_given_its_ports_without_a_fault(empty: Site) -> None:
    site = empty
    site.start_controller()
    charging(site)
    site.kill("controller")
    site.start_controller()
    assert ended_session(site, 1)["reason"] == "reboot"
    wait_for(lambda: not any(module_currents(site, 1)), "the current to be gone")

    assert [one for one in events(site, "fault") if "PM-14" in one] == []


def test_a_guard_that_dies_is_a_fault_until_it_has_a_successor_and_a_stop_leaves_none_behind(empty: Site) -> None:
    site = empty
    site.start_controller()
    charging(site)
    process = site.processes["controller"]
    (first,) = guards_of(process)
    os.kill(first, signal.SIGKILL)
    (second,) = wait_for(lambda: [pid for pid in guards_of(process) if pid != first], "a second guard")
    wait_for(lambda: any("CTL-05" in one and "cleared" in one for one in events(site, "fault")), "the fault to clear")

    assert any("CTL-05" in one and "raised" in one for one in events(site, "fault"))
    assert all(module_currents(site, 1)), "the charger goes on"
    assert site.stop("controller") == 0
    assert not Path(f"/proc/{second}").exists()
    assert not (site.directory / "state" / "guard.record").exists()
