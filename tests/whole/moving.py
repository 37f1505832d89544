"""The whole charger with modules that move: module 2 between the connectors, module 4 over a bridge; and a ring."""

from __future__ import annotations

import attrs
import trio

from jp_firmware.config import store
from jp_firmware.config.schema import Bridge, Module, Planner, Site, Switch
from jp_firmware.hw.switching import Switching
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from tests.whole.charger import BOTH, CABINET, ONE, OTHER_TAG, TAG, TWO, Process, World

LEFT, RIGHT = PlcId("plc-1"), PlcId("plc-2")
MOVER, BRIDGED = ModuleId("module-2"), ModuleId("module-4")

SWITCHED = attrs.evolve(
    CABINET,
    site=Site(limit_w=150_000.0),
    planner=Planner(move_dwell_s=2.0, moves_per_hour=100),
    modules=(*CABINET.modules, Module(id=BRIDGED, wire="can0", address=3, connector=TWO)),
    bridges=(Bridge(name="bridge", board=LEFT, relay=16),),
    switches=(
        Switch(module=MOVER, connector=ONE, board=LEFT, relay=3),
        Switch(module=MOVER, connector=TWO, board=LEFT, relay=4),
        Switch(module=BRIDGED, connector=TWO, board=RIGHT, relay=3),
        Switch(module=BRIDGED, connector=ONE, board=RIGHT, relay=4, bridge="bridge"),
    ),
)

RING = attrs.evolve(
    store.load(store.find("ring")),
    backend=CABINET.backend,
    authorize=CABINET.authorize,
    readers=(),  # no cards in memory
    planner=Planner(move_dwell_s=2.0, moves_per_hour=100),
)
SEGMENT = ModuleId("module-3")  # at home at connector 2; at connector 1 it hangs behind another


def boot(world: World) -> Process:
    """A charger in which nobody moves modules but the test: the planner does not choose."""
    process = world.boot()
    process.controller.planner.modules = None
    return process


def switching(process: Process) -> Switching:
    found = process.controller.plant.switching
    assert found is not None
    return found


def places(process: Process) -> dict[ModuleId, ConnectorId | None]:
    return dict(switching(process).place_of)


async def at_home(world: World, process: Process) -> None:
    """All modules have been attached, each to its own connector."""
    await world.until(lambda: places(process) == {MOVER: ONE, BRIDGED: TWO})


async def both_charge(world: World, process: Process) -> None:
    """Two cars, both charging with all that their connectors have."""
    for connector in BOTH:
        world.plug(connector)
    await world.until(lambda: all(process.state(one) is ConnectorState.PREPARING for one in BOTH))
    assert process.start(ONE, TAG) == (True, "")
    assert process.start(TWO, OTHER_TAG) == (True, "")
    await world.until(lambda: all(process.state(one) is ConnectorState.CHARGING for one in BOTH))
    await world.until(lambda: all(world.plant.buses[one].current_a > 65.0 for one in BOTH))
    await trio.sleep(1.0)


async def moved(world: World, process: Process, module: ModuleId, to: ConnectorId | None) -> None:
    """The move is asked for, begins, and has come to its end there."""
    await world.until(lambda: switching(process).assign(module, to) == "")
    await world.until(lambda: not switching(process).yard.moves)
    assert places(process)[module] == to


def crimes(world: World) -> list[str]:
    """What the electricity says must not have happened."""
    opened = world.opened_under_load()
    return relay_crimes(world) + ([f"{opened} contactors opened under load"] if opened else [])


def relay_crimes(world: World) -> list[str]:
    """The same of the relays alone: contactors are the board's own, which an emergency stop opens whatever flows."""
    yard = world.plant.switchyard
    found = {
        "relays opened under load": yard.opened_under_load,
        "relays closed onto a live bus": yard.closed_onto_live,
        "connectors joined": yard.joined,
    }
    return [f"{count} {what}" for what, count in found.items() if count]
