"""SocketCAN where it really runs: on a Linux kernel with vcan, and slcan against Linux's own line discipline.

The kernel is Debian's user-mode-linux (`uml.sh`). Skipped only where its package cannot be had.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from jp_firmware.sim.modules.families import EMULATED
from tests.uml.guest_slcand import IN_TIME, SENT, TOO_LATE

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
SYSTEMD = Path("/lib/systemd/systemd")
TIMEOUT_S = (
    570  # for all that a test does in the guest; two seconds of boot are usual, and a busy machine may take minutes
)

TOLD = ("100#CAFE", "1ABCDEF0#A1B2C3D4E5F60718", "033#R1")

pytestmark = pytest.mark.uml

Run = Callable[..., str]


@pytest.fixture(scope="session")
def uml_packages() -> None:
    fetched = subprocess.run(
        [HERE / "uml.sh", "--fetch"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if fetched.returncode == 77:
        pytest.skip(fetched.stderr.strip())
    assert fetched.returncode == 0, fetched.stderr


@pytest.fixture
def uml(uml_packages: None) -> Run:
    """Runs a command in the guest, from the checkout; returns what it printed. Fails if the command failed."""

    def run(*command: str, **environment: str) -> str:
        process = start(*command, **environment)
        try:
            output, _ = process.communicate(timeout=TIMEOUT_S)
        finally:
            end(process)
        assert process.returncode == 0, output
        return output

    return run


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [HERE / "uml.sh", *command],
        cwd=CHECKOUT,
        env={**os.environ, "JP_UML_PYTHON": sys.executable, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Leaves no kernel behind, whatever became of the test."""
    if process.poll() is None:
        process.terminate()  # the script ends the kernel, which is no child of ours and not of our group
    process.wait()


def test_socketcan_on_a_real_kernel(uml: Run) -> None:
    output = uml(sys.executable, "-m", "pytest", "-q", "--no-header", str(HERE / "guest_socketcan.py"))

    assert " passed" in output
    assert "skipped" not in output


def test_every_family_of_modules_on_a_real_kernel(uml: Run) -> None:
    output = uml(sys.executable, "-m", "pytest", "-q", "--no-header", str(HERE / "guest_families.py"))

    assert f"{len(EMULATED)} passed" in output
    assert "skipped" not in output


def test_the_guard_switches_off_on_a_real_can_socket(uml: Run) -> None:
    output = uml(sys.executable, "-m", "pytest", "-q", "--no-header", str(HERE / "guest_guard.py"))

    assert " passed" in output
    assert "skipped" not in output


def test_linux_slcand_and_our_adapter_understand_each_other_and_a_full_queue_is_bounded(
    uml_packages: None, tmp_path: Path
) -> None:
    far, near = pty.openpty()
    tty.setraw(far)
    tty.setraw(near)
    news = tmp_path
    process = start(
        sys.executable, "-m", "tests.uml.guest_slcand", str(news), JP_UML_SERIAL=os.ttyname(near), PYTHONPATH="."
    )
    adapter = SlcanAdapter()
    frames: list[Frame] = []
    tell_at_s = 0.0
    give_up_at_s = time.monotonic() + TIMEOUT_S
    try:
        while process.poll() is None:
            assert time.monotonic() < give_up_at_s, "the guest did not come to its end"
            if (news / "listening").exists() and not (news / "heard").exists() and time.monotonic() > tell_at_s:
                tell_at_s = time.monotonic() + 2.0
                os.write(far, b"".join(adapter.frame_to_host(Frame.from_text(text)) for text in TOLD))
            if (news / "not reading").exists() and not (news / "read again").exists():
                time.sleep(0.01)
                continue
            if not select.select([far], [], [], 0.05)[0]:
                continue
            heard, answer = adapter.receive(os.read(far, 4096))
            os.write(far, answer)
            frames += heard
            if Frame.from_text("321#AA55") in heard:
                assert adapter.bitrate == 125_000
                (news / "not reading").touch()
            if IN_TIME in heard:
                (news / "seen").touch()
    finally:
        end(process)
        os.close(far)
        os.close(near)

    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert output.splitlines() == [f"heard {' '.join(sorted(TOLD))}", "met ENOBUFS", "too late False", "in time True"]
    assert [str(frame) for frame in frames[:4]] == list(SENT)
    assert IN_TIME in frames
    assert TOO_LATE not in frames
    assert not adapter.is_open, "slcand closed the channel"


def test_udev_gives_each_socket_its_name(uml: Run) -> None:
    output = uml(sys.executable, str(HERE / "guest_udev.py"), str(CHECKOUT / "udev" / "70-jp.rules"))

    assert output.splitlines() == [
        "1.1 /dev/jp/can0 dialout 660",
        "1.2 /dev/jp/rs485-0 dialout 660",
        "1.3 /dev/jp/plc-1 dialout 660",
        "1.4 /dev/jp/reader-0 dialout 660",
        "1.7 -",
        "no complaints",
    ]


def test_a_hardware_watchdog_fires_when_it_is_starved_and_only_then(uml: Run) -> None:
    output = uml(sys.executable, "-m", "tests.uml.guest_watchdog")

    assert output.splitlines() == [
        "Software Watchdog 2 True",
        "a second time: Device or resource busy",
        "fed for longer than its time, fired: False",
        "longer: True 60",
        "stopped, fired: False",
        "starved, fired: True",
    ]


@pytest.mark.skipif(not SYSTEMD.exists(), reason="no systemd on this machine")
def test_systemd_itself_starts_watches_restarts_and_stops_the_service(uml_packages: None) -> None:
    process = start(sys.executable, "-m", "tests.uml.guest_systemd")
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)  # three starts of a charger; a minute on an idle PC
    finally:
        end(process)

    refused, *lines = output.splitlines()
    assert re.fullmatch("refused: an ordered stop may take [0-9]+ s, but this process is killed after 30 s", refused)
    assert lines == [
        "started: active",
        "after more than its watchdog's time: active 0",
        "stood still: restarted True",
        "stopped: inactive success 0",
    ]


def test_a_failing_command_is_seen_to_fail(uml_packages: None) -> None:
    process = start("sh", "-c", "echo before; exit 3")
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        end(process)

    assert (3, "before\n") == (process.returncode, output)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_whatever_ends_the_script_ends_the_kernel_and_errors_are_told_at_once(
    uml_packages: None, number: signal.Signals, status: int
) -> None:
    if number == signal.SIGKILL and shutil.which("setpriv") is None:
        pytest.skip("no setpriv on this machine: nothing binds the kernel to a script that is killed")
    process = start("sh", "-c", "echo running >&2; sleep 1000")
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "running\n", "told while the command runs"
        [kernel] = (pid for pid in children(process.pid) if name_of(pid) == "linux.uml")
        place = re.search("uml_dir=([^\0]+)", Path(f"/proc/{kernel}/cmdline").read_text())
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == status
    finally:
        end(process)
        process.stdout.close()

    give_up_at_s = time.monotonic() + TIMEOUT_S
    while group(kernel) and time.monotonic() < give_up_at_s:
        time.sleep(0.05)
    assert group(kernel) == []
    assert place is not None
    assert Path(place[1]).exists() == (number == signal.SIGKILL), "only who is killed cannot tidy up"
    shutil.rmtree(place[1], ignore_errors=True)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def group(leader: int) -> list[int]:
    """Processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = path.read_text().rpartition(") ")[2].split()[:3]
        except OSError:
            continue  # it has just ended
        if int(of_group) == leader and state not in "ZX":
            found.append(int(path.parent.name))
    return found
