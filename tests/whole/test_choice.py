"""The planner moves modules by itself: to who can use them, between live sessions, and without a crime at any relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, ModuleId
from tests.whole.charger import ONE, OTHER_TAG, TAG, TWO, Process, World
from tests.whole.moving import BRIDGED, MOVER, SWITCHED, at_home, crimes, places


@asynccontextmanager
async def charger() -> AsyncIterator[tuple[World, Process]]:
    """A charger whose modules move, with nobody at it."""
    world = World(cabinet=SWITCHED)
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await at_home(world, process)
        yield world, process
        nursery.cancel_scope.cancel(reason="test over")


async def charges(world: World, process: Process, connector: ConnectorId, tag: str) -> None:
    world.plug(connector)
    await world.until(lambda: process.state(connector) is ConnectorState.PREPARING)
    assert process.start(connector, tag) == (True, "")
    await world.until(lambda: process.state(connector) is ConnectorState.CHARGING)


async def test_a_car_that_is_alone_gets_every_module_that_reaches_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: places(process) == {MOVER: ONE, BRIDGED: ONE})
        await world.until(lambda: world.plant.buses[ONE].voltage_v * world.plant.buses[ONE].current_a > 85_000)

        assert crimes(world) == []


async def test_a_second_car_takes_back_what_is_its_share_and_neither_session_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: places(process) == {MOVER: ONE, BRIDGED: ONE})
        sessions = process.session(ONE)
        await charges(world, process, TWO, OTHER_TAG)
        await world.until(lambda: sorted(map(str, places(process).values())) == ["1", "2"])
        await trio.sleep(5)

        power_w = [bus.voltage_v * bus.current_a for bus in world.plant.buses.values()]
        assert min(power_w) > 55_000, "two modules each"
        assert process.session(ONE) is not None
        assert sessions is not None
        assert process.session(ONE).id == sessions.id  # type: ignore[union-attr]
        assert crimes(world) == []


async def test_no_connector_is_left_without_a_module(autojump_clock: trio.testing.MockClock) -> None:
    """Or no car could begin there. Its wired one stays, however much others could use."""
    async with charger() as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: places(process) == {MOVER: ONE, BRIDGED: ONE})

        assert [one.id for one in process.controller.plant.stages[TWO].members] == [ModuleId("module-3")]


async def test_what_the_loss_of_a_module_would_cost_is_told(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: places(process) == {MOVER: ONE, BRIDGED: ONE})
        told = {one.module: one.sentence() for one in process.controller.choice.losses()}

        assert told[ModuleId("module-1")].startswith("If module-1 dies now, connector 1 keeps 60")
        assert told[ModuleId("module-3")].startswith("If module-3 dies now, connector 2 keeps")
