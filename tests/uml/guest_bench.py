"""Inside the user-mode kernel: CAN interfaces for the largest cabinet asked for, then the benchmark on them."""

from __future__ import annotations

import os
import sys

from tests.bench import cancellation
from tests.bench.cabinets import bus_names
from tests.uml.guest_init import add_vcan, bring_up


def main() -> int:
    for interface in bus_names(64):
        add_vcan(interface)
        bring_up(interface)
    os.environ["TMPDIR"] = "/run"  # sockets have their names in memory, not on the machine's own files
    return cancellation.main()


if __name__ == "__main__":
    sys.exit(main())
