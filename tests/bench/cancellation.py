"""How fast power ends, whatever goes wrong, from one connector to sixty-four, idle and with both cores busy.

The emulated cabinet, the controller and its guard are separate processes on real ttys; all read CLOCK_MONOTONIC. Each
figure is the time from the cause to the first OFF frame a module received. docs/timing.md tells how to read them.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from jp_firmware.demo.site import Site, wait_for
from tests.bench.cabinets import MODULES_PER_BUS, cabinet_toml
from tests.bench.report import distribution, print_report

BRISK = ("--walk-in-s", "0.05", "--ramp-s", "0.2", "--no-wire-time")
OFF_FRAME_BITS = 157  # an extended frame of 8 bytes with worst-case stuffing
BITRATE = 125_000
TRIALS = {1: 12, 12: 36, 64: 128}  # observations of each cause; one round gives one a connector
QUICK = {1: 3, 12: 12, 64: 64}

Cause = Callable[["Bench"], list[float]]


@attrs.define
class Bench:
    """A site of some size, and the ways to end power on it. Each cause gives milliseconds, one a connector."""

    site: Site

    @property
    def connectors(self) -> list[int]:
        return [one.id for one in self.site.cabinet.connectors]

    def charge(self) -> None:
        """All connectors deliver."""
        wait_for(self._all_modules_heard, "every module to be heard", 60)
        for connector in self.connectors:
            self.site.sim("plug", connector=connector, vehicle="hyundai-ioniq-5", soc=20.0, battery_kwh=50.0)
        wait_for(lambda: self._all_in("preparing"), "all cars to be plugged in", 30)
        for connector in self.connectors:
            self.site.call("connector.start", connector=connector)
        wait_for(self._all_deliver, "power on all connectors", 90)

    def send_away(self) -> None:
        """Everything is whole again, and no car is left."""
        self.site.sim("emergency-stop", action="release")
        for board in self.site.cabinet.plc_boards:
            self.site.sim("clear", device=board.id)
        wait_for(lambda: self._each(lambda one: one["session_id"] is None), "all sessions to end", 60)
        for connector in self.connectors:
            self.site.sim("unplug", connector=connector)
        wait_for(lambda: self._all_in("available"), "all connectors to be available", 60)

    # --- causes ------------------------------------------------------------------------------------------------------

    def board_lost(self) -> list[float]:
        """Past the watchdog's deadline after the board's last answer."""
        found = []
        for board in self.site.cabinet.plc_boards:
            begun = time.monotonic()
            self.site.sim("silence", device=board.id)
            off = self._off_after(begun, list(board.connectors))
            last = self.site.sim("state")["plc_boards"][board.id]["last_answer_at_s"]
            found += [(t - last - board.watchdog_s) * 1000 for t in off.values()]
        return found

    def board_stops(self) -> list[float]:
        """After the board's first answer with an emergency stop."""
        begun = time.monotonic()
        self.site.sim("emergency-stop", action="press")
        off = self._off_after(begun, self.connectors)
        served = {
            mark["device"]: mark["t"]
            for mark in reversed(self.site.sim("marks", since=begun))
            if mark["what"] == "stop condition served"
        }
        boards = {connector: one.id for one in self.site.cabinet.plc_boards for connector in one.connectors}
        return [(t - served[boards[connector]]) * 1000 for connector, t in off.items()]

    def cancelled(self) -> list[float]:
        """After the request to restart the connector's task, which cancels it."""
        found = []
        for connector in self.connectors:
            begun = time.monotonic()
            self.site.call("tree.restart", path=f"connectors/connector-{connector}", yes=True)
            found += [(t - begun) * 1000 for t in self._off_after(begun, [connector]).values()]
        return found

    def terminated(self) -> list[float]:
        """After SIGTERM to the controller."""
        begun = time.monotonic()
        self.site.processes["controller"].send_signal(signal.SIGTERM)
        off = self._off_after(begun, self.connectors)
        self.site.stop("controller")
        self._start_again()
        return [(t - begun) * 1000 for t in off.values()]

    def blocked(self) -> list[float]:
        """After the controller's process has stopped turning, past the guard's deadline."""
        begun = time.monotonic()
        self.site.processes["controller"].send_signal(signal.SIGSTOP)
        off = self._off_after(begun, self.connectors)
        self.site.kill("controller")
        self._start_again()
        deadline_s = self.site.cabinet.process.guard_deadline_s
        return [(t - begun - deadline_s) * 1000 for t in off.values()]

    def _start_again(self) -> None:
        self.site.start_controller()

    # --- looking -----------------------------------------------------------------------------------------------------

    def _off_after(self, since: float, connectors: list[int]) -> dict[int, float]:
        """When each connector's module received its first OFF after `since`."""
        module_of = {one.id: one.connector for one in self.site.cabinet.modules if one.connector in connectors}

        def all_off() -> dict[int, float] | None:
            first: dict[int, float] = {}
            for mark in self.site.sim("marks", since=since):
                if mark["what"] == "off" and mark["device"] in module_of:
                    first.setdefault(module_of[mark["device"]], mark["t"])
            return first if len(first) == len(connectors) else None

        return wait_for(all_off, "OFF at all modules", 30)

    def _all_in(self, state: str) -> bool:
        return self._each(lambda one: one["state"] == state)

    def _all_modules_heard(self) -> bool:
        status = self.site.status()
        return status is not None and all(one["state"] != "silent" for one in status["modules"].values())

    def _all_deliver(self) -> bool:
        return self._each(lambda one: (one["power_w"] or 0) > 3000)

    def _each(self, holds: Callable[[dict[str, Any]], bool]) -> bool:
        status = self.site.status()
        return status is not None and all(holds(one) for one in status["connectors"].values())


CAUSES: dict[str, Cause] = {
    "lost_to_off_ms": Bench.board_lost,
    "plc_stop_to_off_ms": Bench.board_stops,
    "cancel_to_off_ms": Bench.cancelled,
    "sigterm_to_off_ms": Bench.terminated,
    "blocked_to_off_ms": Bench.blocked,
}


def measure(connectors: int, trials: int, can: str) -> dict[str, dict[str, float]]:
    """All causes on one size of charger, each on freshly charging cars."""
    with tempfile.TemporaryDirectory() as directory:
        cabinet = Path(directory) / "cabinet.toml"
        cabinet.write_text(cabinet_toml(connectors, can=can))
        with Site(str(cabinet), sim_arguments=BRISK) as site:
            site.start_sim()
            site.start_controller()
            bench = Bench(site)
            wait_for(lambda: bench._all_in("available"), "all connectors to be available", 60)
            return {name: _of_cause(bench, cause, trials, connectors) for name, cause in CAUSES.items()}


def _of_cause(bench: Bench, cause: Cause, trials: int, connectors: int) -> dict[str, float]:
    found: list[float] = []
    while len(found) < trials:
        bench.charge()
        found += cause(bench)
        bench.send_away()
    result = distribution(found)
    return result | {"wire_times": round(result["p99"] / wire_time_ms(connectors), 1)}


def wire_time_ms(connectors: int) -> float:
    """Time that OFF to every module of one bus takes on the wire itself."""
    return 1000 * min(connectors, MODULES_PER_BUS) * OFF_FRAME_BITS / BITRATE


@contextmanager
def load(busy: bool) -> Iterator[None]:
    """With `busy`, every core has something else to do."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) * busy)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def in_a_kernel_with_can(sizes: list[int]) -> int:
    """Runs this benchmark under Debian's user-mode-linux, whose vcan interfaces are real SocketCAN (tests/uml)."""
    script = Path(__file__).parents[1] / "uml" / "uml.sh"
    chosen = [word for size in sizes for word in ("--connectors", str(size))]
    return subprocess.run(
        [str(script), sys.executable, "-m", "tests.uml.guest_bench", "--quick", "--socketcan", *chosen],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"JP_UML_PYTHON": sys.executable},
        check=False,
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="jp bench cancellation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials: a look, not a measurement")
    parser.add_argument("--connectors", type=int, action="append", help="only these sizes (default: 1, 12 and 64)")
    parser.add_argument("--socketcan", action="store_true", help="CAN interfaces can0 and on, instead of ttys")
    parser.add_argument(
        "--kernel-can", action="store_true", help="the same under a real kernel with vcan, booted for it"
    )
    arguments = parser.parse_args()
    if arguments.kernel_can:
        return in_a_kernel_with_can(arguments.connectors or [1, 12])
    trials = QUICK if arguments.quick else TRIALS
    can = "socketcan" if arguments.socketcan else "slcan"
    results: dict[str, Any] = {}
    for busy in (False, True):
        for connectors in arguments.connectors or trials:
            with load(busy):
                measured = measure(connectors, trials.get(connectors, connectors), can)
            for name, value in measured.items():
                results[f"{connectors}/{'loaded' if busy else 'idle'}/{name}"] = value
            print(f"measured {connectors} connectors, {'both cores busy' if busy else 'idle'}", file=sys.stderr)
    print_report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
