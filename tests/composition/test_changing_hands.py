"""Claims about modules that change hands: what goes off with a wire, and whose faults concern whom, as of now."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import Switch
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.plant import Plant
from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from tests.hw.can.memory import FaultList

ONE, THREE = ConnectorId(1), ConnectorId(3)
MODULE = ModuleId("module-1")


class Recorder:
    """A link that remembers what was put on the wire."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send_now(self, *frames: Frame) -> None:
        self.frames += frames


@attrs.define(eq=False)
class Cabinet:
    """The demo cabinet, module-1 with relays to connectors 1 (board 1) and 3 (board 2)."""

    plant: Plant
    told: Recorder

    def off_with(self, wire: str) -> set[str]:
        """The modules that go off with a wire."""
        means = {frame: name for name, module in self.plant.modules.items() for frame in module.off_frames}
        self.told.frames.clear()
        (subtree,) = [
            child.subtree
            for child in self.plant.supervisor().children
            if child.name == wire and child.subtree is not None
        ]
        assert subtree.everything_off is not None  # type: ignore[attr-defined]
        subtree.everything_off()  # type: ignore[attr-defined]
        return {means[frame] for frame in self.told.frames}


@pytest.fixture
async def cabinet(autojump_clock: object) -> Cabinet:
    demo = store.load(store.find("demo"))
    switches = (
        Switch(module=MODULE, connector=ONE, board=PlcId("plc-1"), relay=5),
        Switch(module=MODULE, connector=THREE, board=PlcId("plc-2"), relay=5),
    )
    plant = Plant.of(attrs.evolve(demo, switches=switches), Path("/nowhere"), FaultList(), lambda *_: None)
    if plant.modules[MODULE] in plant.pool:  # one that hangs on relays may feed nobody at first
        plant.stages[ONE].join(plant.modules[MODULE])
    told = Recorder()
    for bus in plant.buses.values():
        bus._link = told  # type: ignore[assignment]
    return Cabinet(plant, told)


async def test_a_module_goes_off_with_the_board_of_the_connector_it_feeds(cabinet: Cabinet) -> None:
    plant = cabinet.plant
    module = plant.modules[MODULE]
    assert plant.switching is not None
    place = plant.switching.yard.places[MODULE]  # by its relays' feedback, which decides whose board it hangs on
    place.path = place.paths[ONE]
    assert MODULE in cabinet.off_with("plc-1-wire")
    assert MODULE not in cabinet.off_with("plc-2-wire")

    plant.stages[ONE].drain(module)
    plant.stages[ONE].leave(module)
    place.path = None
    assert MODULE in cabinet.off_with("plc-1-wire"), "idle, it may be on its way to either"
    assert MODULE in cabinet.off_with("plc-2-wire")

    plant.stages[THREE].join(module)
    place.path = place.paths[THREE]
    assert MODULE not in cabinet.off_with("plc-1-wire")
    assert MODULE in cabinet.off_with("plc-2-wire")


async def test_everything_off_reaches_the_idle_ones_too(cabinet: Cabinet) -> None:
    plant = cabinet.plant
    plant.stages[ONE].drain(plant.modules[MODULE])
    plant.stages[ONE].leave(plant.modules[MODULE])
    cabinet.told.frames.clear()
    off = plant.supervisor().everything_off
    assert off is not None
    off()

    assert {frame for module in plant.modules.values() for frame in module.off_frames} == set(cabinet.told.frames)
    cabinet.told.frames.clear()
    plant.pool.off()
    assert list(plant.modules[MODULE].off_frames) == cabinet.told.frames


async def test_faults_of_a_module_concern_the_connector_that_it_feeds(cabinet: Cabinet) -> None:
    plant = cabinet.plant

    def concerned() -> list[ConnectorId]:
        return [
            key for key in plant.stages if MODULE in plant.sources_within_reach_of(key) - plant.sources_elsewhere(key)()
        ]

    assert [ONE] == concerned()
    plant.stages[ONE].drain(plant.modules[MODULE])
    plant.stages[ONE].leave(plant.modules[MODULE])
    assert [] == concerned()
    plant.stages[THREE].join(plant.modules[MODULE])
    assert [THREE] == concerned()
    assert "connector-3" in plant.sources_within_reach_of(THREE) - plant.sources_elsewhere(THREE)()
