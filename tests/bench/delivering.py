"""A charger whose connectors all deliver, for benchmarks of what changes their power."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jp_firmware.demo.site import Site, wait_for
from tests.bench.cabinets import cabinet_toml
from tests.bench.cancellation import BRISK, Bench
from tests.bench.witness import CabinetWitness


@contextmanager
def delivering(connectors: int) -> Iterator[Site]:
    """In processes of their own, until the block ends."""
    with tempfile.TemporaryDirectory() as directory:
        cabinet = Path(directory) / "cabinet.toml"
        cabinet.write_text(cabinet_toml(connectors))
        with Site(str(cabinet), sim_arguments=BRISK) as site:
            site.start_sim()
            site.start_controller()
            bench = Bench(site, CabinetWitness(site))
            wait_for(lambda: bench._all_in("available"), "all connectors to be available", 60)
            bench.charge()
            yield site
