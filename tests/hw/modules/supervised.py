"""A bus and its modules as the composition root hangs them up."""

from __future__ import annotations

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, Strategy, Supervisor
from tests.hw.modules.fake import Bench


def tree(bench: Bench) -> Supervisor:
    """The wire's part of the tree, with a short backoff."""
    backoff = Backoff(first_s=0.1, cap_s=0.5)
    modules = Supervisor(
        name="modules",
        intensity=None,
        children=[
            Child(
                name=task.id,
                run=task.run,
                safe=task.safe,
                watchdog_s=task.config.watchdog_s,
                safe_within_s=task.safe_within_s,
                backoff=backoff,
            )
            for task in bench.tasks
        ],
    )
    bus = Child(name="can0", run=bench.bus.run, backoff=backoff)
    return Supervisor(name="wire", strategy=Strategy.REST, intensity=None, children=[bus, modules.as_child()])
