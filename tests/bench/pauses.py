"""How long the garbage collector keeps everybody waiting, in a charger whose connectors all charge.

The demo cabinet with four sessions; the controller's own measurement, as `jp status` shows it. For comparison: what one
full collection of the same program takes where nothing was set aside. `--quick` watches for a shorter time, in which
the old generation is not looked at.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from jp_firmware.demo.site import Site
from tests.bench.report import print_report
from tests.bench.timing import BRISK, Bench

WATCHED_S, QUICK_S = 150.0, 20.0  # the old generation is looked at once a minute
UNTOUCHED = """
import gc, time
import jp_firmware.daemon
gc.collect()
began_ns = time.perf_counter_ns()
gc.collect()
print((time.perf_counter_ns() - began_ns) / 1e6)
"""


def full_collection_ms() -> float:
    """Of a process that has imported the controller and set nothing aside; the best of some."""
    runs = [subprocess.check_output([sys.executable, "-c", UNTOUCHED], text=True, timeout=60) for _ in range(3)]
    return min(map(float, runs))


def main() -> int:
    parser = argparse.ArgumentParser(prog="jp bench pauses", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter time: a look, not a measurement")
    watched_s = QUICK_S if parser.parse_args().quick else WATCHED_S
    with Site(sim_arguments=BRISK) as site:
        site.start_all()
        bench = Bench(site)
        bench.charge()
        time.sleep(watched_s)
        status = site.status() or {}
        log = site.log_of("controller")
        charging = sum(one["state"] == "charging" for one in status["connectors"].values())
    young, middle, old = status["loop"]["collections"]
    started = next(line for line in log.splitlines() if "setting aside" in line)
    print_report(
        {
            "watched_s": watched_s,
            "connectors_charging": charging,
            "worst_pause_ms": status["loop"]["worst_pause_ms"],
            "collections_young": young,
            "collections_middle": middle,
            "collections_old": old,
            "set_aside_after_start_ms": float(started.split()[-2]),
            "full_collection_untouched_ms": round(full_collection_ms(), 2),
            "worst_step_ms": status["loop"]["worst_step_ms"],
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
