"""A lower site limit: from the operator's call to the last lower set-point a module received, at 4 and 12 connectors.

The emulated cabinet and the controller are separate processes on real ttys, on one monotonic clock. A set-point counts
when the module has it; power follows at the module's own slew. docs/timing.md tells how to read the figures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from jp_firmware.demo.site import Site, wait_for
from tests.bench.cancellation import wire_time_ms
from tests.bench.delivering import delivering
from tests.bench.report import distribution, print_report

SIZES = (4, 12)
TRIALS, QUICK = 200, 16
SHARE_W = 25_000.0  # of each connector under the higher limit
LOWER_W = 10_000.0  # and under the lower one


def measure(connectors: int, trials: int) -> dict[str, float]:
    """`trials` cuts of the limit on a charger that delivers on all connectors."""
    with delivering(connectors) as site:
        found = [_cut(site) for _ in range(trials)]
    result = distribution(found)
    return result | {"wire_times": round(result["p99"] / wire_time_ms(connectors), 1)}


def _cut(site: Site) -> float:
    """One cut: milliseconds to the last module. Afterwards the limit is high again."""
    modules = [one.id for one in site.cabinet.modules]
    wait_for(lambda: _all_above(site, LOWER_W * 1.5), "power to be back", 30)
    begun = time.monotonic()
    site.call("limit.set", site_w=LOWER_W * len(modules))
    last = wait_for(lambda: _all_lowered(site, modules, begun), "lower set-points", 10)
    site.call("limit.set", site_w=SHARE_W * len(modules))
    return (last - begun) * 1000


def _all_above(site: Site, power_w: float) -> bool:
    modules = site.sim("state")["modules"].values()
    return all((one["set_current_a"] or 0.0) * one["voltage_v"] > power_w for one in modules)


def _all_lowered(site: Site, modules: Sequence[str], since: float) -> float | None:
    """When the last module received its first set-point that is low enough; None until all have."""
    marks: list[dict[str, Any]] = site.sim("marks", since=since)
    first: dict[str, float] = {}
    for mark in marks:
        if mark["what"] == "set-point":
            value = mark["value"]
            if value["voltage_v"] * value["current_a"] < LOWER_W * 1.4:
                first.setdefault(mark["device"], mark["t"])
    return max(first.values()) if all(module in first for module in modules) else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="jp bench limit_to_wire", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials: a look, not a measurement")
    parser.add_argument("--connectors", type=int, action="append", help="only these sizes (default: 4 and 12)")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for connectors in arguments.connectors or SIZES:
        results[f"{connectors}/limit_to_wire_ms"] = measure(connectors, QUICK if arguments.quick else TRIALS)
        print(f"measured {connectors} connectors", file=sys.stderr)
    print_report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
