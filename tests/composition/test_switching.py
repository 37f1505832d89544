"""A cabinet whose modules move: the part that moves them stands in the tree, and in what depends on what."""

from __future__ import annotations

from pathlib import Path

from trio.testing import MockClock

from jp_firmware.config import store
from jp_firmware.config.watchdogs import watches
from jp_firmware.controller import Controller
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery import walk


async def test_the_tree_has_the_part_that_the_table_knows(autojump_clock: MockClock, tmp_path: Path) -> None:
    controller = Controller(store.load(store.find("matrix")), tmp_path, tmp_path, tmp_path / "socket")
    assert controller.central_system.client is not None
    wanted = set(watches(controller.cabinet, controller.central_system.watchdog_s)) - {
        "guard/process",
        "process/health",
    }
    built = {path: one.child for path, _, one in walk.parts(controller.tree) if not one.child.subtree}

    assert set(built) == wanted
    assert built["switching/modules"].safe_now is not None
    names = [child.name for child in controller.tree.children]
    assert names.index("wires") < names.index("switching") < names.index("connectors"), "stopped after the sessions"


async def test_a_cabinet_without_switches_has_no_such_part(autojump_clock: MockClock, tmp_path: Path) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")

    assert controller.plant.switching is None
    assert "switching" not in [child.name for child in controller.tree.children]
    assert [len(stage.members) for stage in controller.plant.stages.values()] == [2, 2, 2, 2]


async def test_modules_on_relays_are_idle_until_they_are_moved(autojump_clock: MockClock, tmp_path: Path) -> None:
    controller = Controller(store.load(store.find("matrix")), tmp_path, tmp_path, tmp_path / "socket")
    plant = controller.plant

    assert [len(stage.members) for stage in plant.stages.values()] == [1, 1, 1, 1]
    assert {module.id for module in plant.pool.members} == {"module-2", "module-4", "module-6", "module-8"}
    assert plant.switching is not None
    assert plant.switching.target == {
        "module-2": ConnectorId(1),
        "module-4": ConnectorId(2),
        "module-6": ConnectorId(3),
        "module-8": ConnectorId(4),
    }
