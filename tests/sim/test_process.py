"""The emulated cabinet as a process, on real ttys and ports, faced with clients that are not ours."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from jp_firmware.hw.plc import blocks, protocol
from jp_firmware.model.connector import EvCommand, PilotState, Stage
from jp_firmware.sim.control import Control, ControlError, open_control

# For whatever another process is to do: only something that never comes takes as long, on any machine.
PATIENCE_S = 60.0
# How long somebody who says nothing is listened to. Too short a time proves less, and is no failure.
SILENT_S = 0.3

_RUN = """
import argparse, sys
from jp_firmware.sim.command import add_arguments
parser = argparse.ArgumentParser(prog="jp sim")
add_arguments(parser)
args = parser.parse_args()
sys.exit(args.run(args))
"""

_CABINET = """
[charger]
identity = "BENCH"
[site]
limit_w = 100000
[[wires]]
name = "can0"
kind = "slcan"
port = "jp/can0"
[[wires]]
name = "rs485-0"
kind = "modbus-rtu"
port = "jp/rs485-0"
baud = 19200
[[wires]]
name = "plc-1-wire"
kind = "modbus-rtu"
port = "jp/plc-1"
baud = 115200
[[wires]]
name = "plc-2-wire"
kind = "modbus-tcp"
host = "127.0.0.1"
port = "{port}"
[[plc_boards]]
id = "plc-1"
wire = "plc-1-wire"
connectors = [1]
[[plc_boards]]
id = "plc-2"
wire = "plc-2-wire"
connectors = [2]
[[readers]]
id = "reader-0"
port = "jp/reader-0"
[[connectors]]
id = 1
[[connectors]]
id = 2
[[meters]]
id = "meter-1"
wire = "rs485-0"
unit = 1
connector = 1
[[meters]]
id = "meter-2"
wire = "rs485-0"
unit = 2
connector = 2
[[modules]]
id = "module-1"
wire = "can0"
address = 0
connector = 1
[[modules]]
id = "module-2"
wire = "can0"
address = 1
connector = 2
"""


class Cabinet:
    """A running emulation and its control port."""

    def __init__(self, directory: Path, *more: str) -> None:
        directory.mkdir(exist_ok=True)
        self._place = socket.socket()  # bound and not listening: the cabinet can listen there, and nobody else gets it
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port = self._place.getsockname()[1]
        self.dev = directory / "dev"
        self.socket = directory / "sim.sock"
        config = directory / "cabinet.toml"
        config.write_text(_CABINET.format(port=self.port), encoding="utf-8")
        arguments = [str(config), "--device-dir", str(self.dev), "--control", str(self.socket), "--json", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline() or "{}").get("ready"), self.end()[1]
        self.control = Control(self.socket, timeout_s=PATIENCE_S)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """A signal; the exit status and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        self._place.close()
        return self.process.returncode, said

    def do(self, verb: str, **params: object) -> Any:
        return self.control.call(verb, **params)

    def until(self, condition: Callable[[], object]) -> Any:
        """The emulation is another process with a clock of its own: all that can be done is to look again."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < end_s, self.do("state")
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabinet]:
    """One process for the tests that leave it as they found it."""
    cabinet = Cabinet(tmp_path_factory.mktemp("sim"))
    yield cabinet
    status, said = cabinet.end()  # with a client still connected
    cabinet.control.close()
    assert (status, said) == (0, "")
    assert not cabinet.socket.exists()
    assert list((cabinet.dev / "jp").iterdir()) == []


def read_for(port: serial.Serial, ends: bytes) -> bytes:
    data = b""
    end_s = time.monotonic() + PATIENCE_S
    while not data.endswith(ends):
        ready, _, _ = select.select([port], [], [], max(0.0, end_s - time.monotonic()))
        assert ready, data
        data += os.read(port.fileno(), 4096)
    return data


def read_end(port: serial.Serial) -> bytes:
    """What a user reads from a tty whose other side is gone: nothing, or an error that says the same."""
    try:
        return os.read(port.fileno(), 10)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def meters(cabinet: Cabinet, within_s: float = PATIENCE_S, *, baud: int = 19_200) -> ModbusSerialClient:
    client = ModbusSerialClient(str(cabinet.dev / "jp/rs485-0"), baudrate=baud, timeout=within_s, retries=0)
    assert client.connect()
    return client


def assert_answers(cabinet: Cabinet, unit: int) -> None:
    """And whatever was asked before has been dealt with: the line is served in order."""
    with meters(cabinet) as client:
        assert not client.read_holding_registers(0, count=2, device_id=unit).isError()


def assert_silent(cabinet: Cabinet, unit: int, *, baud: int = 19_200) -> None:
    """Nothing that is understood comes from there."""
    with meters(cabinet, SILENT_S, baud=baud) as client, pytest.raises(ModbusIOException):
        client.read_holding_registers(0, count=2, device_id=unit)


class LostMeanwhile(Exception):
    """The board has lost its controller, because this machine did something else for a second."""


class Controller:
    """The controller's half of the PLC link, one exchange at a time, over pymodbus's own client."""

    def __init__(self, client: ModbusSerialClient | ModbusTcpClient) -> None:
        self.client = client
        self.heartbeat = 0

    def exchange(self, command: EvCommand) -> Any:
        self.heartbeat += 1
        block = protocol.encode_commands(protocol.Commands(heartbeat=self.heartbeat, connectors=(command,)))
        answer = self.client.readwrite_registers(
            read_address=protocol.STATUS_ADDRESS,
            read_count=protocol.status_size(1),
            write_address=protocol.COMMAND_ADDRESS,
            values=block,
            device_id=1,
        )
        assert not answer.isError(), answer
        return protocol.decode_status(answer.registers, 1)

    def until(
        self, command: EvCommand, condition: Callable[[Any], bool], lost: Callable[[], bool] = lambda: False
    ) -> Any:
        """Repeats the command until the connector is so. Raises LostMeanwhile where `lost` says so before."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            _, (connector,) = self.exchange(command)
            if condition(connector):
                return connector
            if lost():
                raise LostMeanwhile
            assert time.monotonic() < end_s, connector
            time.sleep(0.03)


# --- ttys and ports --------------------------------------------------------------------------------------------------


def test_a_module_is_read_over_slcan_once_the_channel_is_open(shared: Cabinet) -> None:
    shared.until(lambda: not shared.do("state")["modules"]["module-1"]["starting_up"])
    with serial.Serial(str(shared.dev / "jp/can0"), timeout=0, exclusive=True) as port:
        port.write(b"T028900F080000000000000000\r")

        assert read_for(port, b"\a") == b"\a"  # refused: not open
        port.write(b"S6\rO\rT028900F080000000000000000\r")

        assert read_for(port, b"Z\r") == b"\r\rZ\r"  # wrong bitrate: the module hears nothing
        port.write(b"C\rS4\rO\rT028900F080000000000000000\r")

        read_for(port, b"\r\r\rZ\rT0289F00080000000000000000\r")
        port.write(b"C\r")
        read_for(port, b"\r")


def test_meters_answer_a_client_that_is_not_ours(shared: Cabinet) -> None:
    with meters(shared) as client:
        one = client.read_holding_registers(0, count=56, device_id=1)
        two = client.read_holding_registers(12, count=2, device_id=2)

        assert one.registers[12] << 16 | one.registers[13] == 12_345
        assert two.registers[0] << 16 | two.registers[1] == 13_345
        assert client.read_holding_registers(100, count=2, device_id=1).exception_code == 2
        assert client.read_input_registers(0, count=2, device_id=1).exception_code == 1
    assert_silent(shared, 9)  # nobody there
    assert_answers(shared, 1)


def test_a_wrong_baud_rate_hears_nothing_it_understands(shared: Cabinet) -> None:
    assert_silent(shared, 1, baud=9600)
    assert_answers(shared, 1)


def test_silence_and_corruption_reach_one_unit_and_end_with_clear(shared: Cabinet) -> None:
    for verb in ("silence", "corrupt"):
        shared.do(verb, device="meter-1")
        assert_silent(shared, 1)
        assert_answers(shared, 2)
        shared.do("clear", device="meter-1")
        assert_answers(shared, 1)


def test_a_cut_wire_is_gone_for_its_user_and_comes_back(shared: Cabinet) -> None:
    link = shared.dev / "jp/rs485-0"
    with serial.Serial(str(link), 19_200, timeout=0) as port:
        shared.do("cut", wire="rs485-0")

        assert not link.is_symlink()
        assert select.select([port], [], [], PATIENCE_S)[0]
        assert read_end(port) == b""
    shared.do("restore", wire="rs485-0")
    assert_answers(shared, 1)


def test_a_card_is_a_line_of_hexadecimal_digits(shared: Cabinet) -> None:
    with serial.Serial(str(shared.dev / "jp/reader-0"), 9600, timeout=0) as port:
        assert shared.do("swipe", uid="04a1b2c3d4e5f6")["shown"]
        assert read_for(port, b"\n") == b"04A1B2C3D4E5F6\r\n"


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
def test_a_board_closes_for_a_living_controller_and_opens_without_it(shared: Cabinet, kind: str) -> None:
    """The 0x17 exchange over pymodbus's client, on both transports: plug, close, fall silent, opened, unplug."""
    number, name = (1, "plc-1") if kind == "rtu" else (2, "plc-2")
    client: ModbusSerialClient | ModbusTcpClient
    if kind == "rtu":
        client = ModbusSerialClient(str(shared.dev / "jp/plc-1"), baudrate=115_200, timeout=PATIENCE_S, retries=0)
    else:
        client = ModbusTcpClient("127.0.0.1", port=shared.port, timeout=PATIENCE_S, retries=0)
    assert client.connect()
    with client:
        identity = client.read_holding_registers(protocol.IDENTITY_ADDRESS, count=blocks.IDENTITY.size, device_id=1)
        assert protocol.refusal(protocol.decode_identity(identity.registers), 1) == ""
        controller = Controller(client)
        end_s = time.monotonic() + PATIENCE_S
        while (led_since_s := led_until_closed(shared, controller, number, name)) is None:
            shared.do("unplug", connector=number)  # the session is over: another one is begun
            assert time.monotonic() < end_s
        shared.until(lambda: not shared.do("state")["connectors"][str(number)]["contactors_closed"])

        assert lost_by(shared, name, led_since_s)
        _, (connector,) = controller.exchange(EvCommand())
        assert not connector.contactors_closed
        shared.do("unplug", connector=number)
        controller.until(EvCommand(), lambda connector: connector.pilot is PilotState.A)


def led_until_closed(cabinet: Cabinet, controller: Controller, number: int, board: str) -> float | None:
    """Plugs a car and leads it until the contactors are closed. Since when; None if the board lost us meanwhile."""
    controller.exchange(EvCommand())
    since_s = time.monotonic()

    def lost() -> bool:
        return lost_by(cabinet, board, since_s)

    cabinet.do("plug", connector=number, vehicle="renault-zoe", soc=50)
    command = EvCommand(authorized=True, stage=Stage.CABLE_CHECK, close_contactors=True)
    try:
        controller.until(EvCommand(), lambda connector: connector.pilot is PilotState.B, lost)
        controller.until(EvCommand(authorized=True), lambda connector: connector.pilot is PilotState.C, lost)
        controller.until(command, lambda connector: connector.contactors_closed, lost)
    except LostMeanwhile:
        return None
    return since_s


def lost_by(cabinet: Cabinet, board: str, since_s: float) -> bool:
    marks = cabinet.do("marks", since=since_s)
    return any(mark["device"] == board and mark["value"] == "lost" for mark in marks)


def test_what_the_board_refuses_it_refuses_with_the_exception_of_the_specification(shared: Cabinet) -> None:
    with ModbusTcpClient("127.0.0.1", port=shared.port, timeout=PATIENCE_S, retries=0) as client:

        def code(values: list[int], address: int = protocol.COMMAND_ADDRESS) -> int:
            answer = client.readwrite_registers(
                read_address=protocol.STATUS_ADDRESS, read_count=4, write_address=address, values=values, device_id=1
            )
            return answer.exception_code if answer.isError() else 0

        good = [0] * protocol.command_size(1)
        bad_stage = [*good[: blocks.COMMAND_COMMON.size], 77, *good[blocks.COMMAND_COMMON.size + 1 :]]

        assert code(good) == 0
        assert code(good[:-1]) == 2
        assert code(good, protocol.STATUS_ADDRESS) == 2
        assert code(bad_stage) == 3
        assert client.write_register(protocol.COMMAND_ADDRESS, 1, device_id=1).exception_code == 1
        assert client.read_holding_registers(0x90, count=1, device_id=1).exception_code == 2


def test_a_cut_tcp_wire_refuses_and_comes_back(shared: Cabinet) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=PATIENCE_S) as connection:
        shared.do("cut", wire="plc-2-wire")
        with contextlib.suppress(ConnectionResetError):  # as good an end
            assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", shared.port), timeout=PATIENCE_S)
    shared.do("restore", wire="plc-2-wire")
    socket.create_connection(("127.0.0.1", shared.port), timeout=PATIENCE_S).close()


def test_a_stop_condition_is_marked_when_its_answer_has_left(shared: Cabinet) -> None:
    with ModbusTcpClient("127.0.0.1", port=shared.port, timeout=PATIENCE_S, retries=0) as client:
        controller = Controller(client)
        shared.until(lambda: not controller.exchange(EvCommand())[0].stops_power)  # it has started, and hears us
        pressed_s = time.monotonic()
        shared.do("emergency-stop", action="press", board="plc-2")
        shared.until(lambda: controller.exchange(EvCommand())[0].emergency_stop)
        answered_s = time.monotonic()
        marks = shared.do("marks", since=pressed_s)
        shared.do("emergency-stop", action="release")
        served = [mark for mark in marks if mark["what"] == "stop condition served"]

        assert [mark["device"] for mark in served] == ["plc-2"]
        assert pressed_s < served[0]["t"] <= answered_s


# --- the control port ------------------------------------------------------------------------------------------------


def test_unknown_verbs_and_devices_are_answered_with_what_there_is(shared: Cabinet) -> None:
    with pytest.raises(ControlError, match="plug, unplug"):
        shared.do("dance")
    with pytest.raises(ControlError, match="module-1, module-2"):
        shared.do("fault", device="module-7")


def test_a_client_that_misbehaves_costs_nobody_anything(shared: Cabinet) -> None:
    def client() -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(shared.socket))
        return one

    with client() as rude, client() as deaf, client() as endless:
        rude.sendall(b"\xff\xfe nonsense\n[]\n")
        endless.sendall(b"x" * 100_000)
        deaf.setblocking(False)
        request = b'{"jsonrpc":"2.0","id":1,"method":"state"}\n' * 50
        for _ in range(200):  # answers are never read
            try:
                deaf.send(request)
            except BlockingIOError:
                break
        before = shared.do("state")["plc_boards"]["plc-1"]["heartbeat"]
        shared.until(lambda: shared.do("state")["plc_boards"]["plc-1"]["heartbeat"] > before + 20)
        answers = rude.makefile("rb")

        assert json.loads(answers.readline())["error"]["code"] == -32700
        assert json.loads(answers.readline())["error"]["code"] == -32600


async def test_the_asynchronous_client_does_the_same(shared: Cabinet) -> None:
    async with open_control(shared.socket) as control:
        assert "1" in (await control.call("state"))["connectors"]
        with pytest.raises(ControlError, match="no connector"):
            await control.call("plug", connector=9)
        assert "fiat-500e" in await control.call("vehicles")
    async with open_control(shared.socket.with_name("nobody.sock")) as control:
        with pytest.raises(ControlError, match="start one"):
            await control.call("state")


# --- starting and ending ---------------------------------------------------------------------------------------------


def test_a_second_cabinet_leaves_the_first_alone_and_says_why(shared: Cabinet, tmp_path: Path) -> None:
    config = tmp_path / "cabinet.toml"
    config.write_text(_CABINET.format(port=shared.port), encoding="utf-8")

    def start(dev: Path, control: Path) -> tuple[int, list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(config), "--device-dir", str(dev), "--control", str(control)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode, done.stderr.splitlines()

    status, (said,) = start(shared.dev, shared.socket)
    assert status == 1
    assert str(shared.socket) in said
    assert "--control" in said

    status, (said,) = start(tmp_path / "dev", tmp_path / "c.sock")
    assert status == 1
    assert "plc-2-wire" in said
    assert str(shared.port) in said

    (tmp_path / "file").write_text("", encoding="utf-8")
    status, (said,) = start(tmp_path / "file" / "dev", tmp_path / "c.sock")
    assert status == 1
    assert "--device-dir" in said
    assert not (tmp_path / "c.sock").exists()
    assert (shared.dev / "jp/can0").is_symlink()


def test_a_name_that_is_not_emulated_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "dev/jp").mkdir(parents=True)
    (tmp_path / "dev/jp/can0").symlink_to("/dev/null")
    with pytest.raises(AssertionError, match="not emulated"):
        Cabinet(tmp_path)
    assert os.readlink(tmp_path / "dev/jp/can0") == "/dev/null"


def test_what_a_killed_cabinet_leaves_behind_is_taken_over(tmp_path: Path) -> None:
    first = Cabinet(tmp_path)
    first.end(signal.SIGKILL)
    assert first.socket.exists()
    second = Cabinet(tmp_path)
    assert second.do("state")["wires"]["can0"]["up"]
    second.control.close()
    assert second.end()[0] == 0
