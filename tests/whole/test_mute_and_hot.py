"""A car that stops asking, and a plug that gets hot: on the whole charger in memory, by its boards' registers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import planning
from jp_firmware.composition.plug_heat import STARTING_S, STEADY_S
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.power import Allocation
from tests.site_limit import set_site_limit
from tests.whole.charger import ONE, OTHER_TAG, SITE_LIMIT_W, TAG, TWO, Process, World

S = ConnectorState


@asynccontextmanager
async def charging(map_minor: int | None = None) -> AsyncIterator[tuple[World, Process]]:
    """Two cars at 40 kW together."""
    world = World()
    if map_minor is not None:
        for board in world.plant.boards.values():
            board.map_minor = map_minor
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await world.until(lambda: all(process.state(one) is S.AVAILABLE for one in (ONE, TWO)))
        for connector, tag in ((ONE, TAG), (TWO, OTHER_TAG)):
            world.plug(connector)
            await world.until(lambda connector=connector: process.state(connector) is S.PREPARING)
            process.start(connector, tag)
        await world.until(lambda: world.power_w() > 0.95 * SITE_LIMIT_W)
        await trio.sleep(2)
        yield world, process
        nursery.cancel_scope.cancel(reason="it was seen")


def share(process: Process) -> Allocation:
    plan = process.controller.planner.plan.signal.value
    assert plan is not None
    return plan.allocations[ONE]


def power_w(world: World) -> float:
    bus = world.plant.buses[ONE]
    return bus.voltage_v * bus.current_a


async def test_a_mute_car_is_held_then_ended_and_its_power_is_nobody_elses_until_none_flows(
    autojump_clock: MockClock,
) -> None:
    async with charging() as (world, process):
        before_w, reserved_w = power_w(world), share(process).reserved_w
        world.verbs.fault("connector-1", "mute")
        mute_s = trio.current_time()
        await world.until(lambda: share(process).stale)
        assert 0.7 <= trio.current_time() - mute_s <= 1.15, "the last demand was up to 250 ms old"
        assert "EV-11 connector-1" in process.faults()
        told = planning.why(process.controller, ONE)["sentence"]
        assert "because the car has stopped saying what it wants" in told

        set_site_limit(process.controller, 2 * SITE_LIMIT_W)
        while process.state(ONE) is S.CHARGING:
            await trio.sleep(0.02)
            assert power_w(world) <= before_w * 1.02, "nothing is raised"
            assert process.controller.plant.stages[ONE].output.signal.value is not None
            if power_w(world) > 1000:
                assert share(process).reserved_w >= 0.95 * reserved_w, "nothing is released"
        assert 1.7 <= trio.current_time() - mute_s <= 2.3
        await world.until(lambda: process.session(ONE) is None)
        assert "HLC-05 connector-1" in process.faults()
        assert "EV-11 connector-1" not in process.faults()
        assert ONE not in world.contactors_closed()
        assert world.opened_under_load() == 0
        assert process.state(TWO) is S.CHARGING
        assert world.queued("StopTransaction") != []


async def test_a_car_that_is_heard_again_in_time_goes_on_as_before(autojump_clock: MockClock) -> None:
    async with charging() as (world, process):
        session = process.session(ONE)
        assert session is not None
        world.verbs.fault("connector-1", "mute")
        await world.until(lambda: share(process).stale)
        world.verbs.clear("connector-1")
        await world.until(lambda: not share(process).stale, within_s=0.5)
        await trio.sleep(5)

        assert process.session(ONE) is not None
        assert process.session(ONE).id == session.id  # type: ignore[union-attr]
        assert process.faults() == []
        assert world.power_w() > 0.95 * SITE_LIMIT_W


@pytest.mark.parametrize("map_minor", [0, 1])
async def test_boards_of_an_older_map_go_on_working_and_say_nothing_of_it(
    map_minor: int, autojump_clock: MockClock
) -> None:
    async with charging(map_minor) as (world, process):
        world.verbs.plug_temperature(1, 95.0)
        world.verbs.fault("connector-1", "mute")
        await trio.sleep(5)

        assert process.state(ONE) is S.CHARGING
        assert process.faults() == []


async def test_a_hot_plug_is_derated_at_once_recovers_late_and_ends_when_too_hot(autojump_clock: MockClock) -> None:
    async with charging() as (world, process):
        full_w = power_w(world)
        world.verbs.plug_temperature(1, 89.5, contact=2)
        await world.until(lambda: "TMP-03 connector-1" in process.faults(), within_s=0.2)
        assert share(process).limited_by == "plug temperature"
        await trio.sleep(1)
        # A twentieth of 200 A at the present voltage.
        assert power_w(world) <= 0.05 * 200 * world.plant.buses[ONE].voltage_v * 1.01 < 0.6 * full_w
        assert (
            "plug temperature (89.5 °C at the plug; full power below 80 °C) limits it to "
            in (planning.why(process.controller, ONE)["sentence"])
        )
        world.verbs.plug_temperature(1, 87.0)
        await trio.sleep(1)
        assert power_w(world) < 0.6 * full_w, "2.5 K cooler is not cool"

        world.verbs.plug_temperature(1, 60.0)
        await world.until(lambda: power_w(world) > 0.95 * full_w)
        assert process.faults() == []

        world.verbs.plug_temperature(1, 90.0)
        await world.until(lambda: process.state(ONE) is not S.CHARGING, within_s=0.2)
        await world.until(lambda: process.session(ONE) is None)
        assert "TMP-04 connector-1" in process.faults()
        assert world.opened_under_load() == 0
        assert process.state(TWO) is S.CHARGING


async def test_a_plug_that_nobody_watches_any_more_ends_its_session(autojump_clock: MockClock) -> None:
    async with charging() as (world, process):
        world.verbs.fault("connector-1", "temperature-sensor")
        await world.until(lambda: "TMP-05 connector-1" in process.faults(), within_s=0.8)
        await world.until(lambda: process.session(ONE) is None)
        await world.until(lambda: process.state(ONE) is S.FAULTED)
        assert process.state(TWO) is S.CHARGING


@asynccontextmanager
async def life(world: World) -> AsyncIterator[Process]:
    """One life of the controller, until all its connectors are there, and to its ordered end."""
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.run)
        await world.until(lambda: all(process.state(one) is S.AVAILABLE for one in (ONE, TWO)))
        await trio.sleep(1)
        yield process
        nursery.cancel_scope.cancel(reason="the controller is started anew")


@asynccontextmanager
async def sensor_broken_between_two_lives() -> AsyncIterator[World]:
    """Whose controller has seen the plug's temperature, and ended before the sensor broke."""
    world = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        async with life(world):
            pass
        world.verbs.fault("connector-1", "temperature-sensor")
        yield world
        nursery.cancel_scope.cancel(reason="it was seen")


async def test_a_sensor_that_broke_while_the_controller_was_away_is_missed_by_its_next_life(
    autojump_clock: MockClock,
) -> None:
    async with sensor_broken_between_two_lives() as world:
        async with life(world) as process:
            await world.until(lambda: "TMP-05 connector-1" in process.faults(), within_s=STARTING_S)
            assert process.faults() == ["TMP-05 connector-1"]
            assert process.state(ONE) is S.FAULTED
            fault = process.controller.faults.active[0]
            assert (
                fault.detail == "no temperature from the plug (DC+, not since the start and DC-, not since the start)"
            )
            assert "temperature_sensors to none" in fault.kind.remedy

            machine = process.controller.charger.runners[ONE].machine
            machine.configure(attrs.evolve(machine.configured, temperature_sensors="none"))
            await world.until(lambda: process.state(ONE) is S.AVAILABLE, within_s=STEADY_S + 1)
        async with life(world) as process:
            await trio.sleep(STARTING_S)
            assert process.faults() == [], "and it is forgotten that it had any"


async def test_a_board_that_reads_its_sensors_a_little_later_than_it_starts_raises_nothing(
    autojump_clock: MockClock,
) -> None:
    async with sensor_broken_between_two_lives() as world, life(world) as process:
        await trio.sleep(STARTING_S - 3.0)
        world.verbs.clear("connector-1")
        await trio.sleep(STARTING_S)
        assert process.faults() == []
