"""The tree that is built is the one that the configuration's table knows, each part with the terms it says."""

from __future__ import annotations

from pathlib import Path

import attrs
from trio.testing import MockClock

from jp_firmware.composition.process import Process
from jp_firmware.config import store
from jp_firmware.config.schema import Watchdog
from jp_firmware.config.watchdogs import watches
from jp_firmware.controller import Controller
from jp_firmware.hw.can.frame import Frame
from jp_firmware.nursery import walk


class Wire:
    """What stands where the link to an adapter would."""

    def __init__(self, told: list[Frame]) -> None:
        self.told = told

    def send_now(self, *frames: Frame) -> None:
        self.told.extend(frames)


async def test_every_part_is_watched_as_the_table_says(autojump_clock: MockClock, tmp_path: Path) -> None:
    changed = (
        Watchdog(path="wires/can0/*", period_s=3.0, at_expiry="restart-bus"),
        Watchdog(path="journal", grace_s=7.0),
        Watchdog(path="guard/*", period_s=90.0),
        Watchdog(path="process/health", period_s=3.0, at_expiry="escalate"),
    )
    cabinet = attrs.evolve(store.load(store.find("demo")), watchdogs=changed)
    process = Process(cabinet.process)
    controller = Controller(cabinet, tmp_path, tmp_path, tmp_path / "socket", guarded=True, process_parts=process.parts)
    assert controller.central_system.client is not None
    wanted = watches(cabinet, controller.central_system.watchdog_s)
    built = {path: one.child for path, _, one in walk.parts(controller.tree) if not one.child.subtree}

    assert set(wanted) == set(built)
    for path, child in built.items():
        assert (child.watchdog_s, child.ready_within_s) == (wanted[path].period_s, wanted[path].grace_s), path
    assert built["wires/can0/module-8"].at_expiry.value == "restart all"
    assert built["journal"].ready_within_s == 7.0
    assert built["guard/process"].watchdog_s == 90.0
    assert (built["process/health"].watchdog_s, built["process/health"].at_expiry.value) == (3.0, "escalate")


async def test_each_bus_has_an_everything_off_of_its_own(autojump_clock: MockClock, tmp_path: Path) -> None:
    """Of the modules on it, or of those that feed the contactors of the board on it."""
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    told: list[Frame] = []
    for name, bus in controller.plant.buses.items():
        assert name == "can0"
        bus._link = Wire(told)  # type: ignore[assignment]
    means = {frame: name for name, module in controller.plant.modules.items() for frame in module.off_frames}
    wires = {one.name: one.child.subtree for _, _, one in walk.parts(controller.tree) if one.child.subtree}
    off = {}
    for name in ("wires", "can0", "plc-1-wire", "plc-2-wire", "rs485-0"):
        told.clear()
        wires[name].everything_off()  # type: ignore[union-attr,attr-defined]
        off[name] = sorted(means[frame] for frame in told)

    every = sorted(controller.plant.modules)
    assert off["wires"] == off["can0"] == every
    assert off["rs485-0"] == []
    assert off["plc-1-wire"] + off["plc-2-wire"] == every
    assert len(off["plc-1-wire"]) == 4


async def test_a_latch_stays_with_its_connector_or_device_and_escalates_anywhere_else(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    branches = {path: one.child.subtree for path, _, one in walk.parts(controller.tree) if one.child.subtree}

    alone = {path for path, tree in branches.items() if not tree.latch_escalates}  # type: ignore[attr-defined]
    wires = {"can0", "plc-1-wire", "plc-2-wire", "rs485-0"}
    assert alone == {"connectors", *(f"wires/{wire}" for wire in wires)}
