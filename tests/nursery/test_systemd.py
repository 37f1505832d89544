"""What is told to systemd: one datagram each, never a wait, never an error; and what its unit allows."""

from __future__ import annotations

import math
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.nursery.systemd import ServiceManager, microseconds, own_unit, seconds_of, stop_timeout_s
from tests.nursery.notify_socket import notify_socket


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_assignments_arrive_together_as_one_datagram(tmp_path: Path, abstract: bool) -> None:
    with notify_socket(tmp_path, abstract=abstract) as systemd:
        manager = ServiceManager.of({"NOTIFY_SOCKET": systemd.address})
        told = manager.tell("READY=1", "STATUS=two\nlines are  one")

        assert told
        assert systemd.heard() == [{"READY": "1", "STATUS": "two lines are one"}]


def test_a_full_queue_is_neither_waited_for_nor_an_error_and_is_got_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with notify_socket(tmp_path) as systemd:
        manager = ServiceManager(systemd.address)
        taken = 0
        while manager.tell("WATCHDOG=1"):
            taken += 1
            assert taken < 10_000, "a queue of datagrams is never that long"
        refused_again = manager.tell("WATCHDOG=1")
        heard = len(systemd.heard())
        taken_again = manager.tell("WATCHDOG=1")

    assert taken > 0
    assert not refused_again
    assert (heard, manager.unheard) == (taken, 2)
    assert taken_again
    assert len(caplog.records) == 1, "said once, not each second"


def test_a_socket_that_is_gone_is_no_error(tmp_path: Path) -> None:
    manager = ServiceManager(str(tmp_path / "nobody"))

    assert not manager.tell("READY=1")


def test_without_a_service_manager_nothing_is_sent_and_all_is_well() -> None:
    manager = ServiceManager.of({"INVOCATION_ID": "of the shell that a test was started from"})

    assert manager.tell("READY=1")
    assert (manager.watchdog_s, manager.invoked, manager.unheard) == (math.inf, False, 0)


def test_the_environment_is_taken_so_that_no_child_speaks_in_our_name() -> None:
    environ = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7", "HOME": "/"}
    manager = ServiceManager.of(environ, pid=7)

    assert (manager.address, manager.watchdog_s, manager.invoked) == ("/n", 10.0, True)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    "environ",
    [
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "10000000"},
    ],
    ids=["another process", "no number", "none", "nowhere to tell"],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(environ: dict[str, str]) -> None:
    assert math.isinf(ServiceManager.of(environ, pid=7).watchdog_s)


def test_a_service_without_notify_is_known_by_its_process() -> None:
    assert ServiceManager.of({"SYSTEMD_EXEC_PID": "7"}, pid=7).invoked
    assert not ServiceManager.of({"SYSTEMD_EXEC_PID": "8"}, pid=7).invoked


def test_microseconds_are_whole_and_never_none() -> None:
    assert (1, 1_500_001) == (microseconds(0.0), microseconds(1.5000001))


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/jp.service\n", ("jp.service",)),
        ("0::/system.slice/system-jp.slice/jp@2.service\n", ("jp@2.service",)),
        ("12:cpu:/\n1:name=systemd:/system.slice/jp.service\n", ("jp.service",)),
        ("0::/user.slice/user-7.slice/user@7.service/app.slice/jp.service\n", ("--user", "jp.service")),
        ("0::/user.slice/user-7.slice/user@7.service/app.slice/vte-1.scope\n", None),
        ("0::/user.slice/user-7.slice/session-1.scope\n", None),
        ("0::/\n", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_unit_is_found_by_its_control_group(tmp_path: Path, cgroup: str, unit: tuple[str, ...] | None) -> None:
    path = tmp_path / "cgroup"
    path.write_text(cgroup)

    assert unit == own_unit(path)


def test_without_control_groups_there_is_no_unit(tmp_path: Path) -> None:
    assert own_unit(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("1min 30s", 90.0), ("500ms", 0.5), ("1h 2min 3.500s", 3723.5), ("1w 1d", 691_200.0), ("0", 0.0), ("2us", 2e-6)],
)
def test_time_spans_are_read_as_systemd_writes_them(span: str, seconds: float) -> None:
    assert seconds_of(span) == pytest.approx(seconds)


def test_infinity_is_a_time_span_and_nonsense_is_none() -> None:
    assert seconds_of("infinity") == math.inf
    assert [seconds_of(one) for one in ("", "soon", "90", "1 min", "-1s")] == [None] * 5


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_no_text_makes_the_reader_of_time_spans_fail(text: str) -> None:
    seconds = seconds_of(text)

    assert seconds is None or seconds >= 0


def answering(text: str, asked: list[Any]) -> Any:
    def run(command: list[str], **terms: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, terms))
        return subprocess.CompletedProcess(command, 0, text)

    return run


def test_the_units_own_limit_is_asked_for_within_bounds() -> None:
    asked: list[Any] = []
    allowed_s = stop_timeout_s(("--user", "jp.service"), answering("1min 30s\n", asked))
    [(command, terms)] = asked

    assert allowed_s == 90.0
    assert command == ["systemctl", "--user", "show", "--property=TimeoutStopUSec", "--value", "--", "jp.service"]
    assert terms["timeout"] <= 3.0
    assert "NOTIFY_SOCKET" not in terms["env"]


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(), subprocess.TimeoutExpired("systemctl", 3), subprocess.CalledProcessError(1, "systemctl")],
)
def test_a_systemctl_that_fails_leaves_the_limit_unknown(error: Exception) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise error

    assert stop_timeout_s(("jp.service",), run) is None


def test_a_telling_takes_no_descriptor_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket is made for one datagram and closed: a child process inherits nothing."""
    made: list[socket.socket] = []

    class Noted(socket.socket):
        def __init__(self, *terms: Any, **named: Any) -> None:
            super().__init__(*terms, **named)
            made.append(self)

    with notify_socket(tmp_path) as systemd:
        monkeypatch.setattr(socket, "socket", Noted)
        ServiceManager(systemd.address).tell("READY=1")

    assert len(made) == 1
    assert made[0].fileno() == -1, "closed"
