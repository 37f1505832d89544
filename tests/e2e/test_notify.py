"""`jp run` under a service manager: it hears ready, then a feed a second, and stopping; and silence means something."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jp_firmware.demo.site import START_S, STOP_S, Site, SiteError
from tests.e2e.conftest import BRISK, PATIENT
from tests.e2e.driving import charge
from tests.nursery.notify_socket import NotifySocket, notify_socket
from tests.unhurried import PROGRAM

WATCHDOG_S = 30.0  # a machine that stands still for a while is not what ends the waiting
QUIET_S = 3.0  # more than two looks at the tree; a fed watchdog is told of every second


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    with notify_socket(tmp_path) as heard:
        monkeypatch.setenv("NOTIFY_SOCKET", heard.address)
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
        yield heard


@pytest.fixture
def site(systemd: NotifySocket) -> Iterator[Site]:
    settings = (*PATIENT, "process.stop_timeout_s=120")
    with Site(sim_arguments=BRISK, settings=settings, program=PROGRAM) as one:
        one.start_sim()
        one.start_csms()
        one.start_controller()
        yield one


def test_it_is_ready_fed_and_stopping_and_a_session_ends_meanwhile(site: Site, systemd: NotifySocket) -> None:
    ready = systemd.wait_for("READY", START_S)
    fed = [systemd.wait_for("WATCHDOG", WATCHDOG_S / 2) for _ in range(3)]
    charge(site, 1)
    systemd.heard()  # a socket takes ten messages that nobody reads; what came after them was lost
    site.processes["controller"].send_signal(signal.SIGTERM)
    stopping = systemd.wait_for("STOPPING", START_S)
    status = site.processes["controller"].wait(STOP_S)

    assert ready["MAINPID"] == str(site.processes["controller"].pid)
    assert ready["WATCHDOG_USEC"] == "30000000"
    assert fed == [{"WATCHDOG": "1"}] * 3
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 30e6
    assert stopping["STATUS"]
    assert status == 0


def test_a_process_that_stands_still_feeds_nothing_and_goes_on_when_it_does(site: Site, systemd: NotifySocket) -> None:
    pid = site.processes["controller"].pid
    systemd.wait_for("READY", START_S)
    systemd.wait_for("WATCHDOG", WATCHDOG_S)
    os.kill(pid, signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, pid, os.WSTOPPED)  # it goes on until the signal has reached it
        systemd.heard()
        time.sleep(QUIET_S)  # that nothing comes shows in no other way
        silence = systemd.heard()
    finally:
        os.kill(pid, signal.SIGCONT)

    assert silence == []
    assert systemd.wait_for("WATCHDOG", WATCHDOG_S)


def test_with_too_little_time_to_stop_it_does_not_start_and_says_so_in_one_line(systemd: NotifySocket) -> None:
    with Site(settings=["process.stop_timeout_s=30"]) as site:
        site.start_sim()
        with pytest.raises(SiteError, match="TimeoutStopSec="):
            site.start_controller()
        lines = [line for line in site.log_of("controller").splitlines() if line.startswith("jp run:")]

    assert len(lines) == 1
    assert [one for one in systemd.heard() if "READY" in one] == []
