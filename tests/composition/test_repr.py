"""What a part says of itself in a failing assertion or a log: who it is, and never the charger that hangs on it."""

from __future__ import annotations

from pathlib import Path

from trio.testing import MockClock

from jp_firmware.config import store
from jp_firmware.controller import Controller


async def test_no_part_that_leads_to_the_others_recites_them(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Each led round the whole charger before: a hundred million characters, and a failing test that never ended."""
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    runner = next(iter(controller.charger.runners.values()))
    parts = [
        controller,
        controller.tree,
        controller.tree.lifelines,
        controller.charger,
        controller.charger.runners,
        controller.restarts,
        controller.inventory,
        controller.choice,
        controller.central_system,
        controller.planner,
        controller.plant,
        runner.machine,
        runner.ports.stage,
        runner.scan,
    ]

    assert {type(part).__name__: len(repr(part)) for part in parts if len(repr(part)) > 1000} == {}
    assert repr(runner) == "<ConnectorRunner connector-1: unavailable>"
    assert repr(controller.tree) == "<Supervisor controller>"
