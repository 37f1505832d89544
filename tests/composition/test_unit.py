"""The unit that ships: systemd takes it, it is hardened, and it allows the time that a charger asks for."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trio.testing import MockClock

from jp_firmware.composition.process import SLACK_S
from jp_firmware.config import store
from jp_firmware.config.profiles import DATA
from jp_firmware.controller import Controller
from jp_firmware.nursery.systemd import seconds_of

UNIT = Path(__file__).parents[2] / "systemd" / "jp.service"


@pytest.fixture
def service() -> dict[str, str]:
    """The last of each assignment."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return dict(parser["Service"])


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The unit with a program that there is on this machine."""
    text, replaced = re.subn(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.M)
    assert replaced == 1
    path = tmp_path / "jp.service"
    path.write_text(text)
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_takes_it_without_a_complaint(here: Path) -> None:
    verified = analyze("verify", "--man=no", str(here))

    assert verified.returncode == 0, verified.stderr
    assert "jp.service" not in verified.stderr


def test_it_is_exposed_no_more_than_it_must_be(here: Path) -> None:
    """2.4 as shipped, of 10; the network, devices and real time are what it needs."""
    judged = analyze("security", "--offline=yes", "--threshold=30", str(here))

    assert judged.returncode == 0, judged.stdout[-2000:]


async def test_it_allows_the_longest_stop_of_the_demo_cabinet_and_twice_as_many_boards(
    autojump_clock: MockClock, tmp_path: Path, service: dict[str, str]
) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    boards = [one for one in controller.tree.children if one.name == "wires"]
    assert boards[0].subtree is not None
    wire_s = boards[0].subtree.lifelines[0].child.stop_budget_s
    allowed_s = float(service["TimeoutStopSec"])

    assert allowed_s >= controller.stop_budget_s + SLACK_S + 2 * wire_s


def test_it_is_notified_watched_and_tried_again_for_ever(service: dict[str, str]) -> None:
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert float(service["WatchdogSec"]) >= 5
    assert "StartLimitIntervalSec=0" in UNIT.read_text()
    assert seconds_of(service["TimeoutStopSec"] + "s") is not None


def test_the_guard_outlives_a_controller_that_is_killed_until_the_modules_are_off(service: dict[str, str]) -> None:
    assert service["KillMode"] == "control-group"


def test_the_places_it_is_given_are_those_the_command_line_uses(service: dict[str, str]) -> None:
    assert service["StateDirectory"] == "jp"
    assert f"--socket /run/{service['RuntimeDirectory']}/console.sock" in service["ExecStart"]


def test_it_is_found_beside_the_profiles() -> None:
    assert (DATA / "systemd" / "jp.service").read_text() == UNIT.read_text()
