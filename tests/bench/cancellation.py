"""How fast power ends, whatever goes wrong, from one connector to sixty-four, idle and with both cores busy.

The emulated cabinet, the controller and its guard are separate processes, on real ttys or on real SocketCAN; all read
CLOCK_MONOTONIC. Each figure is the time from the cause to the first OFF frame for a module: as it received it on a tty,
as the kernel sent it on SocketCAN. docs/timing.md tells how to read them.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import attrs

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.demo.site import Site, SiteError, wait_for
from jp_firmware.sim.control import ControlError
from tests.bench.cabinets import MODULES_PER_BUS, cabinet_toml
from tests.bench.report import distribution, print_report
from tests.bench.witness import CabinetWitness, KernelWitness, Witness

CARS = ("--matching-s", "0.05", "--handshake-s", "0.05", "--parameters-s", "0.05", "--ramp-s", "0.2")
BRISK = (*CARS, "--walk-in-s", "0.05", "--no-wire-time")
OFF_FRAME_BITS = 157  # an extended frame of 8 bytes with worst-case stuffing
BITRATE = 125_000
TRIALS = {1: 12, 12: 36, 64: 128}  # observations of each cause; one round gives one a connector
QUICK = {1: 3, 12: 12, 64: 64}
FITS_ONE_CORE = (1, 12)  # sizes for the user-mode kernel: the cabinet of 64 alone asks for more than its one core
START_S = 120.0  # patience with a start: processes of a large cabinet on a slow kernel with a busy core
HOG = """
import os
whose = os.getppid()
while os.getppid() == whose:  # not for ever, should the benchmark be killed
    for _ in range(1_000_000):
        pass
"""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ENDED = 128  # a shell's exit status for a program that a signal ended: this and the signal's number

REALTIME = ("process.realtime_priority=10",)
CABINET_PRIORITY = 5

Cause = Callable[["Bench"], list[float]]


@attrs.define
class Bench:
    """A site of some size, and the ways to end power on it. Each cause gives milliseconds, one a connector."""

    site: Site
    witness: Witness

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
        for _ in self.witness.offs(time.monotonic()):
            pass  # what it saw until now is of no interest, and should not fill its buffer

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
        boards: dict[int, str] = {
            connector: one.id for one in self.site.cabinet.plc_boards for connector in one.connectors
        }
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
        """When each connector's module was told its first OFF after `since`."""
        module_of: dict[str, int] = {
            one.id: one.connector for one in self.site.cabinet.modules if one.connector in connectors
        }

        def all_off() -> dict[int, float] | None:
            first: dict[int, float] = {}
            for module, at_s in self.witness.offs(since):
                if module in module_of:
                    first.setdefault(module_of[module], at_s)
            return first if len(first) == len(connectors) else None

        return wait_for(all_off, "OFF at all modules", 30)

    def as_it_stands(self) -> str:
        """What the connectors do, counted."""
        status = self.site.status()
        if status is None:
            return "the controller does not answer"
        doing = Counter(f"{one['state']}, {one['stage_text']}" for one in status["connectors"].values())
        return "; ".join(f"{number} connectors {what}" for what, number in doing.most_common())

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


@attrs.frozen
class Leg:
    """One size of charger under one load on one kind of CAN; its name begins the names of its results."""

    connectors: int
    busy: bool
    trials: int
    can: str
    realtime: bool = False

    @property
    def name(self) -> str:
        unusual = [self.can] * (self.can != "slcan") + ["realtime"] * self.realtime
        return "/".join([str(self.connectors), "loaded" if self.busy else "idle", *unusual])


def measure(leg: Leg) -> dict[str, Any]:
    """All causes, each on freshly charging cars; and how busy the machine was, which tells what the figures are worth.

    Raises what a site raises that does not get as far as to charge.
    """
    with tempfile.TemporaryDirectory() as directory:
        cabinet = Path(directory) / "cabinet.toml"
        cabinet.write_text(cabinet_toml(leg.connectors, can=leg.can))
        with (
            load(leg.busy),
            Site(str(cabinet), settings=REALTIME * leg.realtime, sim_arguments=BRISK, start_s=START_S) as site,
            witness_of(site, leg.can) as witness,
        ):
            tell(f"{leg.name}: cabinet and controller start")
            site.start_sim()
            if leg.realtime:  # hardware is not slowed down by what the controller's processor has to do
                os.sched_setscheduler(site.processes["sim"].pid, os.SCHED_RR, os.sched_param(CABINET_PRIORITY))
            site.start_controller()
            bench = Bench(site, witness)
            wait_for(lambda: bench._all_in("available"), "all connectors to be available", 60)
            before = processor_s()
            try:
                found: dict[str, Any] = {f"{leg.name}/{name}": _of_cause(bench, leg, name) for name in CAUSES}
            except SiteError as error:
                raise SiteError(f"{error}; {bench.as_it_stands()}") from error
            busy_s, all_s = (after - at_first for after, at_first in zip(processor_s(), before, strict=True))
            return found | {f"{leg.name}/processor_busy_percent": round(100 * busy_s / all_s)}


@contextmanager
def witness_of(site: Site, can: str) -> Iterator[Witness]:
    """Whoever sees OFF nearest to the wire."""
    if can == "slcan":
        yield CabinetWitness(site)
    else:
        with KernelWitness.listening(site.cabinet) as witness:
            yield witness


def _of_cause(bench: Bench, leg: Leg, name: str) -> dict[str, float]:
    found: list[float] = []
    while len(found) < leg.trials:
        bench.charge()
        found += CAUSES[name](bench)
        tell(f"{leg.name}/{name}: {len(found)} of {leg.trials}, the last {found[-1]:.1f} ms")
        bench.send_away()
    result = distribution(found)
    return result | {"wire_times": round(result["p99"] / wire_time_ms(leg.connectors), 1)}


def processor_s() -> tuple[float, float]:
    """Time that the cores were busy with anything since the machine's start, and all there was of it."""
    first = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]  # user to steal; guests are in user
    ticks = [int(word) for word in first]
    idle = ticks[3] + ticks[4]  # waiting for a disk among it
    return (sum(ticks) - idle) / TICKS_PER_S, sum(ticks) / TICKS_PER_S


def tell(what: str) -> None:
    """How far it is, for whoever waits."""
    print(what, file=sys.stderr, flush=True)


def wire_time_ms(connectors: int) -> float:
    """Time that OFF to every module of one bus takes on the wire itself."""
    return 1000 * min(connectors, MODULES_PER_BUS) * OFF_FRAME_BITS / BITRATE


@contextmanager
def load(busy: bool) -> Iterator[None]:
    """With `busy`, every core has something else to do."""
    hogs = [
        subprocess.Popen([sys.executable, "-c", HOG], start_new_session=True)
        for _ in range((os.cpu_count() or 1) * busy)
    ]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def in_a_kernel_with_can(arguments: list[str]) -> NoReturn:
    """Becomes this benchmark under Debian's user-mode-linux, whose vcan interfaces are real SocketCAN (tests/uml).

    Becomes, not runs: whatever ends this process ends the kernel.
    """
    root = Path(__file__).parents[2]
    tell("boots user-mode Linux")
    compileall.compile_dir(root / "jp_firmware", quiet=2)  # there, each process would compile it anew
    os.chdir(root)
    os.environ["JP_UML_PYTHON"] = sys.executable
    sys.stdout.flush()
    guest = [sys.executable, "-m", "tests.uml.guest_bench", "--socketcan", *arguments]
    os.execv(root / "tests" / "uml" / "uml.sh", ["uml.sh", *guest])


def legs(sizes: list[int], *, quick: bool, can: str) -> Iterator[Leg]:
    trials = QUICK if quick else TRIALS
    for busy in (False, True):
        for connectors in sizes:
            yield Leg(connectors, busy, trials.get(connectors, connectors), can)


def run(chosen: Iterable[Leg]) -> int:
    """Measures and reports; 1 if a leg could not be measured, which is told and left out."""
    results: dict[str, Any] = {}
    failed = False
    for leg in chosen:
        try:
            results |= measure(leg)
        except (SiteError, ConsoleError, ControlError) as error:
            failed = True
            tell(f"{leg.name}: not measured: {error}")
    cores = os.cpu_count() or 1
    print(f"Linux {platform.release()} ({platform.machine()}), {cores} core{'s' if cores > 1 else ''}; milliseconds")
    print_report(results)
    return int(failed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="jp bench cancellation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials: a look, not a measurement")
    parser.add_argument(
        "--connectors", type=int, action="append", help="only this size; may be repeated (1, 12 and 64)"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="with process.realtime_priority; the cabinet below it (needs the right)"
    )
    parser.add_argument("--socketcan", action="store_true", help="CAN interfaces can0 and on, instead of ttys")
    parser.add_argument(
        "--kernel-can",
        action="store_true",
        help="the same on vcan under a real kernel with one core, booted for it (1 and 12 connectors)",
    )
    arguments = parser.parse_args(argv)
    sizes = arguments.connectors or list(FITS_ONE_CORE if arguments.kernel_can else TRIALS)
    if arguments.kernel_can:
        passed_on = [word for size in sizes for word in ("--connectors", str(size))]
        in_a_kernel_with_can([*passed_on, *(["--quick"] if arguments.quick else [])])
    for number in (signal.SIGTERM, signal.SIGHUP):  # by way of an exception, so that cabinet and controller end too
        signal.signal(number, lambda caught, _: sys.exit(ENDED + caught))
    try:
        can = "socketcan" if arguments.socketcan else "slcan"
        return run(
            [attrs.evolve(leg, realtime=arguments.realtime) for leg in legs(sizes, quick=arguments.quick, can=can)]
        )
    except KeyboardInterrupt:
        return ENDED + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
