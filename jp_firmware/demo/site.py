"""A site in a temporary directory: the emulated cabinet, a central system and the controller, each its own process.

Used by the demo and by the end-to-end tests, so that what is shown is what is tested. Leaving the `with` block stops
the processes in the order that an operator would, and leaves nothing behind.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import attrs

from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet
from jp_firmware.console.client import ConsoleClient
from jp_firmware.console.protocol import ConsoleError
from jp_firmware.csms.control import CsmsControl
from jp_firmware.csms.failure import CsmsError
from jp_firmware.sim.control import Control as SimControl
from jp_firmware.sim.control import ControlError

T = TypeVar("T")

START_S = 60.0  # ours: patience with a process on a busy machine; a start takes about a second
STOP_S = 120.0  # ours: above the controller's own sum of deadlines for sessions that end in order
POLL_S = 0.05
PORTS = (15_000, 32_000)


class SiteError(Exception):
    """A part of the site did not start, or did not do what it was asked; one line."""


@contextmanager
def free_tcp_ports(count: int) -> Iterator[list[int]]:
    """As many TCP ports of the loopback interface that nobody has, no two the same, kept for us until the block ends.

    From below those that the kernel gives to outgoing connections, which come and go meanwhile. A port that is kept
    refuses connections until a server that sets SO_REUSEADDR, as servers do, listens on it; anybody else who looks for
    a free one in the same way finds it taken.
    """
    found: list[int] = []
    with ExitStack() as kept:
        for port in random.sample(range(*PORTS), PORTS[1] - PORTS[0]):
            keeper = kept.enter_context(socket.socket())
            try:
                keeper.bind(("127.0.0.1", port))
            except OSError:
                continue  # taken
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # only now: it must not share another's
            found.append(port)
            if len(found) == count:
                yield found
                return
        raise SiteError(f"not {count} TCP ports are free between {PORTS[0]} and {PORTS[1]}")


def wait_for(condition: Callable[[], T | None], what: str | Callable[[], str], within_s: float = START_S) -> T:
    """The first value of `condition` that is true. Raises SiteError after `within_s`, with what was waited for."""
    give_up_s = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up_s:
            raise SiteError(f"waited {within_s:.0f} s for {what if isinstance(what, str) else what()}")
        time.sleep(POLL_S)


@attrs.define(eq=False)
class Site:
    """One site. `cabinet_name` is a profile or a path; `settings` are overrides as `jp run --set` takes them.

    `start_s` is the patience with each process that starts; `program` is what Python runs as `jp`.
    """

    cabinet_name: str = "demo"
    settings: Sequence[str] = ()
    sim_arguments: Sequence[str] = ()
    start_s: float = START_S
    program: Sequence[str] = ("-m", "jp_firmware")
    directory: Path = attrs.field(init=False)
    cabinet: Cabinet = attrs.field(init=False)
    overrides: list[str] = attrs.field(init=False)
    csms_port: int = attrs.field(init=False, default=0)
    processes: dict[str, subprocess.Popen[bytes]] = attrs.field(factory=dict)
    _ports: ExitStack = attrs.field(init=False, factory=ExitStack)

    def __enter__(self) -> Site:
        self.directory = Path(tempfile.mkdtemp(prefix="jp-site-"))
        (self.directory / "dev").mkdir()
        path = store.find(self.cabinet_name)
        plain = store.load(path, list(self.settings))
        over_tcp = [wire.name for wire in plain.wires if wire.kind == "modbus-tcp"]
        self.csms_port, *ports = self._ports.enter_context(free_tcp_ports(1 + len(over_tcp)))
        self.overrides = [
            *self.settings,
            *(f"wires.{name}.port={port}" for name, port in zip(over_tcp, ports, strict=True)),
            *([f"backend.url=ws://127.0.0.1:{self.csms_port}/ocpp"] if plain.backend.url else []),
        ]
        self.cabinet = store.load(path, self.overrides)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name in ("controller", "csms", "sim"):
            self.stop(name)
        self._ports.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- processes ---------------------------------------------------------------------------------------------------

    @property
    def console_socket(self) -> Path:
        return self.directory / "console.sock"

    def sim(self, verb: str, **params: Any) -> Any:
        """Has the emulated cabinet do something. Raises ControlError."""
        with SimControl(self.directory / "sim.sock", timeout_s=START_S) as control:
            return control.call(verb, **params)

    def csms(self, verb: str, **params: Any) -> Any:
        """Has the central system do something. Raises CsmsError."""
        return CsmsControl(self.directory / "csms.sock").call(verb, **params)

    def start_all(self) -> None:
        """Cabinet, central system and controller, each once the one before it answers."""
        self.start_sim()
        self.start_csms()
        self.start_controller()

    def start_sim(self, *settings: str) -> None:
        """`settings` are how the cabinet really is, where the controller's configuration says otherwise."""
        arguments = ["sim", *self._cabinet_arguments(*settings), "--control", str(self.directory / "sim.sock")]
        self._start("sim", [*arguments, *self.sim_arguments])
        self._until_up("sim", lambda: bool(self.sim("state")))

    def start_csms(self) -> None:
        control = str(self.directory / "csms.sock")
        self._start("csms", ["csms", "--port", str(self.csms_port), "--control", control])
        self._until_up("csms", lambda: self.csms("stations") is not None)

    def start_controller(self) -> None:
        state, socket_path = str(self.directory / "state"), str(self.console_socket)
        self._start("controller", ["run", *self._cabinet_arguments(), "--state-dir", state, "--socket", socket_path])
        self._until_up("controller", lambda: self.status() is not None)

    def stop(self, name: str) -> int | None:
        """Asks a process to end, waits for it, and kills it only when it is far beyond its deadlines."""
        process = self.processes.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self, name: str) -> None:
        """SIGKILL: nothing of the process runs any more when this returns."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        if name == "sim":
            self._forget_devices()

    def log_of(self, name: str) -> str:
        """What a process has written."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- asking the controller ---------------------------------------------------------------------------------------

    def call(self, method: str, **params: Any) -> Any:
        """One call to the controller. Raises ConsoleError."""
        with ConsoleClient(self.console_socket) as client:
            return client.call(method, **params)

    def status(self) -> dict[str, Any] | None:
        """The controller's status, or None while it does not answer."""
        try:
            status: dict[str, Any] = self.call("status.get")
        except ConsoleError:
            return None
        return status

    def connector(self, number: int) -> dict[str, Any]:
        """One connector's part of the status."""
        status = self.status()
        if status is None:
            raise SiteError("the controller does not answer")
        found: dict[str, Any] = status["connectors"][str(number)]
        return found

    def wait_state(self, number: int, *states: str, within_s: float = START_S) -> dict[str, Any]:
        """Waits until a connector is in one of `states`."""

        def reached() -> dict[str, Any] | None:
            status = self.status()
            connector: dict[str, Any] | None = status and status["connectors"][str(number)]
            return connector if connector and connector["state"] in states else None

        return wait_for(reached, f"connector {number} to be {' or '.join(states)}", within_s)

    def sessions(self) -> list[dict[str, Any]]:
        """Sessions of the controller's journal, oldest first."""
        found: list[dict[str, Any]] = self.call("session.list", limit=1000)
        return found[::-1]

    # --- inside ------------------------------------------------------------------------------------------------------

    def _forget_devices(self) -> None:
        """Device names go with their devices, as udev has it; the kernel soon gives the same tty to somebody else."""
        for path in (self.directory / "dev").rglob("*"):
            if path.is_symlink():
                path.unlink()

    def _cabinet_arguments(self, *more: str) -> list[str]:
        settings = [part for one in (*self.overrides, *more) for part in ("--set", one)]
        return [str(store.find(self.cabinet_name)), *settings, "--device-dir", str(self.directory / "dev")]

    def _start(self, name: str, arguments: list[str]) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *self.program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is for the demo, which stops the others in order
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    def _until_up(self, name: str, answers: Callable[[], bool]) -> None:
        def up() -> bool:
            if self.processes[name].poll() is not None:
                last = (self.log_of(name).strip().splitlines() or ["no word"])[-1]
                raise SiteError(f"{name} ended at its start: {last}")
            try:
                return answers()
            except (ControlError, CsmsError, ConsoleError):
                return False  # not yet; the wait has its own end

        wait_for(up, f"{name} to answer", self.start_s)
