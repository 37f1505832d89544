"""`jp sim` and `jp sim ctl` as typed: what reaches the control port, what is printed, and errors of one line."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jp_firmware.sim import rpc
from jp_firmware.sim.command import add_arguments


class Port:
    """A control port that notes the call and gives the answer it was told to give."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[rpc.Call] = []
        self.answer: object = {"connector": 1}
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection, connection.makefile("rb") as lines:
                line = lines.readline()
                if not line:
                    return
                call = rpc.decode_call(line)
                self.heard.append(call)
                connection.sendall(rpc.encode_result(call.id, self.answer))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path / "sim.sock")
    yield port
    port.close()


def typed(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="jp sim")
    add_arguments(parser)
    args = parser.parse_args(words)
    status: int = args.run(args)
    return status


@pytest.mark.parametrize(
    ("words", "params"),
    [
        ("plug 1", {"connector": 1}),
        (
            "plug 2 --vehicle kia-ev9 --soc 10 --battery-kwh 0.5 --leave-at 80",
            {"connector": 2, "vehicle": "kia-ev9", "soc": 10.0, "battery_kwh": 0.5, "leave_at": 80.0},
        ),
        ("unplug 1", {"connector": 1}),
        ("swipe 04A1B2C3 --reader reader-0", {"uid": "04A1B2C3", "reader": "reader-0"}),
        ("fault module-3", {"device": "module-3"}),
        ("fault module-3 fan", {"device": "module-3", "alarm": "fan"}),
        ("clear plc-1", {"device": "plc-1"}),
        ("freeze meter-1", {"device": "meter-1"}),
        ("silence meter-1", {"device": "meter-1"}),
        ("corrupt meter-1", {"device": "meter-1"}),
        ("emergency-stop press --board plc-1", {"action": "press", "board": "plc-1"}),
        ("cut can0", {"wire": "can0"}),
        ("restore can0", {"wire": "can0"}),
        ("state", {}),
        ("energy", {}),
        ("marks --since 12.5", {"since": 12.5}),
        ("vehicles", {}),
    ],
)
def test_each_verb_reaches_the_port_with_its_parameters(
    port: Port, words: str, params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("ctl", "--control", str(port.path), *words.split()) == 0
    assert [(call.method, call.params) for call in port.heard] == [(words.split()[0], params)]
    assert capsys.readouterr().out == "connector: 1\n"


def test_json_is_for_programs(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    port.answer = {"on": True, "nothing": None, "deep": {"a": [1]}}
    typed("ctl", "--control", str(port.path), "--json", "state")

    assert json.loads(capsys.readouterr().out) == port.answer


def test_text_is_for_people(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    port.answer = {"on": True, "nothing": None, "deep": {"a": 1.5}}
    typed("ctl", "--control", str(port.path), "state")

    assert capsys.readouterr().out == "on: yes\nnothing: -\ndeep\n  a: 1.5\n"
    port.answer = [{"t": 1.0, "device": "module-1", "what": "off", "value": None}]
    typed("ctl", "--control", str(port.path), "marks")

    assert capsys.readouterr().out == "1  module-1  off  -\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ctl", "--control", "nowhere.sock", "state"], "start one with"),
        (["ctl"], "needs a verb"),
        (["demo", "state"], "jp sim ctl state"),
        (["no-such-cabinet"], "no-such-cabinet"),
        (["missing.toml"], "missing.toml"),
    ],
)
def test_errors_are_one_line_and_exit_status_1(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert typed(*words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1
