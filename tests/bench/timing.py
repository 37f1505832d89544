"""How fast the charger lets go, measured on the tty: from what the cabinet served to what its modules received.

Both ends read CLOCK_MONOTONIC, which all processes of a machine share. The cabinet, the central system and the
controller are separate processes, as on a real charger; serial lines take no time here, so that what is measured is the
controller. `--quick` makes fewer trials.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import attrs

from jp_firmware.demo.site import Site, wait_for
from tests.bench.report import distribution, print_report

CONNECTORS = (1, 2, 3, 4)
BRISK = ("--walk-in-s", "0.05", "--ramp-s", "0.2", "--no-wire-time")
LOAD_S = 10.0  # over which the processor's share is taken
TICKS = os.sysconf("SC_CLK_TCK")


@attrs.define
class Bench:
    """A site and what was measured on it, in milliseconds."""

    site: Site
    lost_to_off_ms: list[float] = attrs.field(factory=list)
    plc_stop_to_off_ms: list[float] = attrs.field(factory=list)
    limit_to_wire_ms: list[float] = attrs.field(factory=list)

    def charge(self) -> None:
        """All connectors deliver."""
        for connector in CONNECTORS:
            self.site.wait_state(connector, "available")
            self.site.sim("plug", connector=connector, vehicle="hyundai-ioniq-5", soc=20.0, battery_kwh=50.0)
        for connector in CONNECTORS:
            self.site.wait_state(connector, "preparing")
            self.site.call("connector.start", connector=connector)
        for connector in CONNECTORS:
            wait_for(lambda n=connector: (self.site.connector(n)["power_w"] or 0) > 3000, f"power on {connector}", 40)

    def send_away(self) -> None:
        """All sessions over, all cars gone."""
        for connector in CONNECTORS:
            wait_for(lambda n=connector: self.site.connector(n)["session_id"] is None, f"the end on {connector}", 40)
            self.site.sim("unplug", connector=connector)

    def modules_of(self, board: str) -> list[str]:
        connectors = next(one.connectors for one in self.site.cabinet.plc_boards if one.id == board)
        return [one.id for one in self.site.cabinet.modules if one.connector in connectors]

    def marks(self, since: float) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.site.sim("marks", since=since)
        return found

    def off_times(self, board: str, after: float) -> list[float] | None:
        """When each module of a board received its first OFF after `after`; None until all have."""
        marks = self.marks(after)
        firsts = [
            next((mark["t"] for mark in marks if mark["device"] == name and mark["what"] == "off"), None)
            for name in self.modules_of(board)
        ]
        return [t for t in firsts if t is not None] if None not in firsts else None

    # --- trials ----------------------------------------------------------------------------------------------------

    def lose_boards(self) -> None:
        """Both boards fall silent: OFF is due their watchdog's time after their last answer."""
        self.charge()
        for board in self.site.cabinet.plc_boards:
            begun = time.monotonic()
            self.site.sim("silence", device=board.id)
            off = wait_for(lambda one=board, t=begun: self.off_times(one.id, t), f"OFF after {board.id} was lost", 10)
            last = self.site.sim("state")["plc_boards"][board.id]["last_answer_at_s"]
            self.lost_to_off_ms += [(t - last - board.watchdog_s) * 1000 for t in off]
        for board in self.site.cabinet.plc_boards:
            self.site.sim("clear", device=board.id)
        self.send_away()

    def stop_boards(self) -> None:
        """Both boards report an emergency stop: from the first answer that says so to OFF."""
        self.charge()
        for board in self.site.cabinet.plc_boards:
            begun = time.monotonic()
            self.site.sim("emergency-stop", action="press", board=board.id)
            off = wait_for(lambda one=board, t=begun: self.off_times(one.id, t), f"OFF after {board.id} stopped", 10)
            served = next(
                mark["t"]
                for mark in self.marks(begun)
                if mark["device"] == board.id and mark["what"] == "stop condition served"
            )
            self.plc_stop_to_off_ms += [(t - served) * 1000 for t in off]
        self.site.sim("emergency-stop", action="release")
        self.send_away()

    def cut_limit(self, trials: int) -> None:
        """The site's limit is halved: from the operator's call to the last set-point that follows from it."""
        self.charge()
        modules = [one.id for one in self.site.cabinet.modules]
        for _ in range(trials):
            wait_for(self._steady_above_limit, "power to be back", 20)
            begun = time.monotonic()
            self.site.call("limit.set", site_w=40_000)
            last = wait_for(lambda t=begun: self._all_lowered(modules, t), "lower set-points", 5)
            self.limit_to_wire_ms.append((last - begun) * 1000)
            self.site.call("limit.set", site_w=150_000)
        for connector in CONNECTORS:
            self.site.call("connector.stop", connector=connector)
        self.send_away()

    def _steady_above_limit(self) -> bool:
        """Every module has been set to more than the lower limit will leave it: 5 kW."""
        modules = self.site.sim("state")["modules"].values()
        return all((one["set_current_a"] or 0.0) * one["voltage_v"] > 8000 for one in modules)

    def _all_lowered(self, modules: list[str], since: float) -> float | None:
        first: dict[str, float] = {}
        for mark in self.marks(since):
            if mark["what"] == "set-point" and mark["device"] in modules:
                first.setdefault(mark["device"], mark["t"])
        return max(first.values()) if len(first) == len(modules) else None


def processor_share(pid: int, for_s: float) -> float:
    """Share of one core that a process takes, in percent."""

    def used_s() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    before_s, begun_s = used_s(), time.monotonic()
    time.sleep(for_s)
    return 100 * (used_s() - before_s) / (time.monotonic() - begun_s)


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_time_s(site: Site) -> float:
    """From the start of the process to the first device that has answered."""
    begun_s = time.monotonic()
    site.start_controller()
    wait_for(lambda: _a_device_answers(site), "a first device")
    return time.monotonic() - begun_s


def _a_device_answers(site: Site) -> bool:
    status = site.status()
    return status is not None and any(one["state"] != "silent" for one in status["modules"].values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="jp bench timing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials: a look, not a measurement")
    quick = parser.parse_args().quick
    trials = 16 if quick else 200
    with Site(sim_arguments=BRISK) as site:
        site.start_sim()
        site.start_csms()
        start_s = start_time_s(site)
        bench = Bench(site)
        bench.cut_limit(trials)
        while len(bench.lost_to_off_ms) < trials:
            bench.lose_boards()
        while len(bench.plc_stop_to_off_ms) < trials:
            bench.stop_boards()
        bench.charge()
        pid = site.processes["controller"].pid
        cpu_percent = processor_share(pid, 3.0 if quick else LOAD_S)
        status = site.status() or {}
        print_report(
            {
                "lost_to_off_ms": distribution(bench.lost_to_off_ms),
                "plc_stop_to_off_ms": distribution(bench.plc_stop_to_off_ms),
                "limit_to_wire_ms": distribution(bench.limit_to_wire_ms),
                "worst_step_ms": round(status["loop"]["worst_step_ms"], 2),
                "start_s": round(start_s, 2),
                "rss_mb": round(resident_mb(pid), 1),
                "cpu_percent": round(cpu_percent, 1),
            }
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
