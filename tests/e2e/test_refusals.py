"""What cannot work is told in one line: what, where and what to do; and what is missing is a fault, not an end."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jp_firmware.config import store
from jp_firmware.demo.site import START_S, Site, wait_for
from tests.e2e.conftest import PATIENT
from tests.e2e.driving import active_faults, wait_no_faults
from tests.unhurried import PROGRAM


def jp(*arguments: str) -> tuple[int, list[str]]:
    """Runs a command that must end by itself; its exit status and what it said on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "jp_firmware", *arguments], capture_output=True, text=True, timeout=START_S, check=False
    )
    return done.returncode, done.stderr.strip().splitlines()


def test_an_unknown_key_is_told_with_its_line_and_the_likely_one(tmp_path: Path) -> None:
    text = store.find("demo").read_text().replace("limit_w = 150_000", "limit_kw = 150")
    cabinet = tmp_path / "cabinet.toml"
    cabinet.write_text(text)
    status, said = jp("run", str(cabinet), "--state-dir", str(tmp_path / "state"), "--socket", str(tmp_path / "s"))

    assert status == 1
    line = text.splitlines().index("limit_kw = 150") + 1
    assert any(one.startswith(f"{cabinet}:{line}:") and "limit_w" in one for one in said)
    assert not any("Traceback" in one for one in said)


def test_a_cabinet_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, said = jp("run", str(tmp_path / "none.toml"))

    assert status == 1
    assert len(said) == 1
    assert "none.toml" in said[0]


def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = str(tmp_path / "file" / "state")
    status, said = jp("run", "demo", "--state-dir", state, "--socket", str(tmp_path / "s"))

    assert status == 1
    assert len(said) == 1
    assert "--state-dir" in said[0]


@pytest.mark.parametrize("room", ["sim", "csms"])
def test_a_taken_port_is_told(room: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        control = ["--control", str(tmp_path / "control")]
        arguments = {
            "sim": ["sim", "demo", "--set", f"wires.plc-2-wire.port={port}", "--device-dir", str(tmp_path), *control],
            "csms": ["csms", "--port", port, *control],
        }[room]
        status, said = jp(*arguments)

    assert status == 1
    assert len(said) == 1
    assert port in said[0]


def test_devices_that_are_missing_are_faults_and_the_charger_stays_up() -> None:
    """An empty cabinet: nothing answers, everything is named, and the operator is served."""
    with Site(settings=PATIENT, program=PROGRAM) as site:
        site.start_csms()
        site.start_controller()
        wait_for(lambda: {code for code, _ in active_faults(site)} >= {"PM-14", "MTR-01", "PLC-01", "AUT-01"}, "faults")
        faults = active_faults(site)
        assert "jp/can0" in faults["PM-14", "can0"]["detail"]
        assert all(fault["remedy"] for fault in faults.values())
        states = {one["state"] for one in site.status()["connectors"].values()}  # type: ignore[index]
        assert states <= {"unavailable", "faulted"}
        assert "Traceback" not in site.log_of("controller")

        site.start_sim()
        wait_no_faults(site)
        for connector in site.cabinet.connectors:
            site.wait_state(connector.id, "available")
