"""The shipped ring in memory: segments go to who can use them, whole, and come back, seen by the electricity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from jp_firmware.composition import planning
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.planner.topology import Carrier, Carrying, Relay
from tests.whole.charger import ONE, OTHER_TAG, TAG, TWO, Process, World
from tests.whole.moving import RING, SEGMENT, crimes, places, relay_crimes, switching

HOME = {
    "module-2": 1, "module-3": 2, "module-5": 2, "module-6": 2, "module-8": 3, "module-9": 4, "module-11": 1,
}  # fmt: skip
B, C = SEGMENT, ModuleId("module-5")


@asynccontextmanager
async def charger(*, by_hand: bool = False) -> AsyncIterator[tuple[World, Process]]:
    """The ring with all its segments at home. `by_hand`: the planner does not choose."""
    world = World(cabinet=RING)
    process = world.boot()
    if by_hand:
        process.controller.planner.modules = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await world.until(lambda: places(process) == HOME, within_s=60.0)
        yield world, process
        nursery.cancel_scope.cancel(reason="test over")


async def charges(world: World, process: Process, connector: ConnectorId, tag: str) -> None:
    world.plug(connector)
    await world.until(lambda: process.state(connector) is ConnectorState.PREPARING)
    assert process.start(connector, tag) == (True, "")
    await world.until(lambda: process.state(connector) is ConnectorState.CHARGING)


def power_w(world: World, connector: ConnectorId) -> float:
    bus = world.plant.buses[connector]
    return bus.voltage_v * bus.current_a


async def settled(world: World, process: Process) -> None:
    await world.until(lambda: not switching(process).yard.moves, within_s=60.0)


async def test_at_the_start_every_segment_goes_home(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        assert {one.name: one.at for one in world.plant.switchyard.groups} == {
            "segment 2 of ring": 1,
            "segment 3 of ring": 2,
            "segment 5 of ring": 2,
            "segment 7 of ring": 3,
            "segment 8 of ring": 4,
            "segment 10 of ring": 1,
        }
        assert process.faults() == []
        assert crimes(world) == []


async def test_a_neighbours_segment_raises_a_connectors_power_and_goes_back_when_its_car_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: places(process)[B] == ONE, within_s=60.0)
        await world.until(lambda: power_w(world, ONE) > 85_000)
        assert switching(process).yard.places[B].path.over, "b hangs behind a"  # type: ignore[union-attr]
        session = process.session(ONE)
        await charges(world, process, TWO, OTHER_TAG)
        await world.until(lambda: power_w(world, TWO) > 85_000, within_s=90.0)
        await settled(world, process)

        assert session is not None
        assert process.session(ONE) is not None
        assert process.session(ONE).id == session.id  # type: ignore[union-attr]
        assert crimes(world) == []
        assert process.faults() == []


async def test_a_segment_of_two_modules_moves_whole_between_live_sessions(
    autojump_clock: trio.testing.MockClock,
) -> None:
    three = ConnectorId(3)
    async with charger(by_hand=True) as (world, process):
        await charges(world, process, TWO, TAG)
        await charges(world, process, three, OTHER_TAG)
        await trio.sleep(8)
        before_w = power_w(world, TWO), power_w(world, three)
        assert switching(process).assign(C, three) == ""
        await settled(world, process)
        await trio.sleep(8)

        assert [places(process)[ModuleId(key)] for key in ("module-5", "module-6")] == [three, three]
        assert power_w(world, TWO) < before_w[0]
        assert power_w(world, three) > before_w[1]
        assert [process.state(one) for one in (TWO, three)] == [ConnectorState.CHARGING] * 2
        assert crimes(world) == []


@pytest.mark.parametrize(
    ("relay", "fault", "code"),
    [("plc-1-r5", "welded", "PWR-09"), ("plc-1-r4", "stuck-open", "PWR-08")],
)
async def test_a_tie_that_fails_is_named_at_the_modules_and_joins_nobody(
    autojump_clock: trio.testing.MockClock, relay: str, fault: str, code: str
) -> None:
    async with charger(by_hand=True) as (world, process):
        await charges(world, process, ONE, TAG)
        world.verbs.fault(relay, fault)
        assert switching(process).assign(B, ONE) == ""
        await settled(world, process)

        assert f"{code} {B}" in process.faults()
        assert f"R{relay[-1]} of plc-1 was told to" in str(switching(process).yard.places[B].problem)
        assert process.state(ONE) is ConnectorState.CHARGING
        assert crimes(world) == []


async def test_a_board_that_is_lost_takes_off_what_hangs_over_its_ties_and_gives_it_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """plc-2 holds the tie between c and 3: what is at connector 2 over plc-1 goes on."""
    three = ConnectorId(3)
    async with charger(by_hand=True) as (world, process):
        assert switching(process).assign(C, three) == ""
        await settled(world, process)
        await charges(world, process, TWO, TAG)
        world.verbs.freeze("plc-2")
        await world.until(lambda: places(process)[C] is None)
        await trio.sleep(2)
        assert not world.plant.boards["plc-2"].relays[3].closed
        assert process.state(TWO) is ConnectorState.CHARGING
        world.verbs.clear("plc-2")
        await world.until(lambda: places(process)[C] == three, within_s=60.0)

        assert relay_crimes(world) == []


async def test_a_tie_carries_no_more_than_it_can_and_is_named_as_the_reason(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Module 2 came to connector 1 over R3 while that carried it: what is beyond is given by nobody."""
    async with charger(by_hand=True) as (world, process):
        await charges(world, process, ONE, TAG)
        await world.until(lambda: power_w(world, ONE) > 80_000)
        behind = world.plant.nodes[ModuleId("module-2")].module
        assert behind.current_a > 30.0
        tie = Relay(PlcId("plc-1"), 3)
        switching(process).yard.carrying = Carrying(carriers={tie: Carrier("tie R3 of plc-1", 20.0)})
        await trio.sleep(1.0)
        now_a = []
        world.watchers.append(lambda: now_a.append(behind.current_a))
        await trio.sleep(20.0)

        assert 19.0 < max(now_a) <= 20.5
        why = planning.why(process.controller, ONE)
        assert "because the tie R3 of plc-1 (carries 20 A) limits it to" in why["sentence"]
        assert power_w(world, ONE) > 0.97 * why["allowed_w"], "the other modules give all they can"
        switching(process).yard.carrying = Carrying()
        await world.until(lambda: behind.current_a > 30.0)
        assert "tie" not in planning.why(process.controller, ONE)["sentence"]
        assert crimes(world) == []
