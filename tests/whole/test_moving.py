"""A module moves between two cars that charge, on the whole charger: seen by the electricity, not by the charger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from jp_firmware.composition import picture
from jp_firmware.composition.calls import all_calls
from jp_firmware.console.calls import CallRefused
from jp_firmware.hw.plc.board import LAST_WORD_S, UNLOADED_S
from jp_firmware.hw.plc.inputs import BoardFaults
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.child import End
from jp_firmware.sim.free_relay import RelayAlarm
from tests.whole.charger import BOTH, ONE, TWO, Process, World
from tests.whole.moving import (
    BRIDGED,
    LEFT,
    MOVER,
    SWITCHED,
    at_home,
    boot,
    both_charge,
    crimes,
    moved,
    places,
    relay_crimes,
    switching,
)


@asynccontextmanager
async def charger(world: World | None = None) -> AsyncIterator[tuple[World, Process]]:
    world = world or World(cabinet=SWITCHED)
    process = boot(world)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        yield world, process
        nursery.cancel_scope.cancel(reason="the day is over")


async def test_at_the_start_every_module_goes_home_and_nowhere_else(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        assert places(process) == {MOVER: None, BRIDGED: None}
        await at_home(world, process)

        assert {one.name: one.at for one in world.plant.switchyard.groups} == {MOVER: ONE, BRIDGED: TWO}
        assert crimes(world) == []
        assert process.faults() == []


async def test_a_module_moves_between_two_live_sessions_and_costs_them_no_more_than_its_share(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        before = {one: world.plant.buses[one].current_a for one in BOTH}
        share_a = world.plant.nodes[MOVER].module.current_a
        assert share_a > 30.0
        lowest = dict(before)

        def watch() -> None:
            for one in BOTH:
                lowest[one] = min(lowest[one], world.plant.buses[one].current_a)

        world.watchers.append(watch)
        await moved(world, process, MOVER, TWO)
        await world.until(lambda: world.plant.nodes[MOVER].module.current_a > 20.0)

        assert lowest[ONE] >= before[ONE] - share_a - 2.0
        assert lowest[TWO] >= before[TWO] - share_a, "others are cut before the newcomer is raised"
        assert world.plant.nodes[MOVER].module in world.plant.buses[TWO].modules
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2
        assert crimes(world) == []
        assert process.faults() == []


async def test_a_module_moves_over_the_bridge_and_back(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        await moved(world, process, BRIDGED, ONE)
        assert world.plant.boards["plc-1"].relays[16].closed
        await trio.sleep(15.0)
        await moved(world, process, BRIDGED, TWO)
        await trio.sleep(0.5)

        assert not world.plant.boards["plc-1"].relays[16].closed
        assert crimes(world) == []
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2


async def test_a_requested_assignment_is_carried_out_several_moves_if_need_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        switching(process).request({MOVER: TWO, BRIDGED: ONE})
        await world.until(lambda: places(process) == {MOVER: TWO, BRIDGED: ONE}, within_s=60.0)

        assert crimes(world) == []
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2


async def test_an_emergency_stop_in_the_middle_of_a_move_leaves_nothing_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        assert switching(process).assign(MOVER, TWO) == ""
        await world.until(
            lambda: any(move.phase.value == "match the voltage" for move in switching(process).yard.moves)
        )
        world.verbs.emergency_stop("press")
        await world.until(lambda: world.modules_on() == [], within_s=1.0)
        await world.until(lambda: not switching(process).yard.moves)

        assert places(process)[MOVER] is None
        assert relay_crimes(world) == []


async def test_a_lost_board_takes_the_modules_behind_its_relays_off_and_gives_them_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        world.verbs.freeze("plc-1")
        await world.until(lambda: not world.plant.nodes[MOVER].module.on, within_s=0.8)
        await world.until(lambda: places(process)[MOVER] is None)
        assert not world.plant.boards["plc-1"].relays[3].closed or world.plant.nodes[MOVER].module.current_a < 1.0
        await trio.sleep(3.0)
        world.verbs.clear("plc-1")
        world.verbs.unplug(ONE)
        await at_home(world, process)

        assert relay_crimes(world) == []


async def test_a_welded_relay_locks_the_module_out_and_both_sessions_say_what_happened(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        world.verbs.fault("plc-1-r3", "welded")
        assert switching(process).assign(MOVER, TWO) == ""
        await world.until(lambda: not switching(process).yard.moves)

        assert "PWR-09 module-2" in process.faults()
        assert "R3 of plc-1 was told to open" in switching(process).yard.places[MOVER].locked_out
        assert not world.plant.boards["plc-1"].relays[4].closed
        await trio.sleep(5.0)
        assert sorted(process.faults()) == ["PLC-06 plc-1", "PWR-09 module-2"]
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2
        assert crimes(world) == []
        world.verbs.clear("plc-1-r3")
        await trio.sleep(1.0)
        assert switching(process).release(MOVER) == ""


async def test_a_relay_that_closes_by_itself_and_joins_two_connectors_ends_both_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Connector 2 is another board's, which knows nothing of it."""
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        world.verbs.fault("plc-1-r4", "feedback-closed")
        await world.until(lambda: world.modules_on() == [], within_s=0.1)

        assert not any(process.state(one).is_energised for one in BOTH)
        assert process.faults() == ["CON-06 connector-1", "CON-06 connector-2"]
        await world.until(lambda: world.contactors_closed() == [], within_s=2.0)
        assert crimes(world) == []
        await world.until(lambda: "PLC-04 plc-1" in process.faults())
        assert "PLC-06 plc-1" not in process.faults()

        faults = process.controller.faults
        assert not faults.release("CON-06", "connector-2"), "it still reads closed"
        world.verbs.clear("plc-1-r4")
        await trio.sleep(0.2)
        assert "CON-06 connector-2" in process.faults(), "nobody has tested it"
        assert faults.release("CON-06", "connector-1")
        assert faults.release("CON-06", "connector-2")


async def test_connectors_that_were_joined_stay_so_while_the_board_is_silent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        world.verbs.fault("plc-1-r4", "feedback-closed")
        await world.until(lambda: "CON-06 connector-2" in process.faults())
        world.verbs.freeze(LEFT)
        await world.until(lambda: "PLC-01 plc-1" in process.faults())
        await trio.sleep(2.0)

        assert not process.controller.faults.release("CON-06", "connector-2")


async def test_a_weld_that_no_feedback_shows_is_found_by_its_voltage(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        relay = world.plant.boards["plc-1"].relays[3]
        relay.alarms.add(RelayAlarm.WELDED)
        assert switching(process).assign(MOVER, TWO) == ""
        await world.until(lambda: any(move.phase.value == "open" for move in switching(process).yard.moves))
        relay.alarms.add(RelayAlarm.FEEDBACK_OPEN)
        await world.until(lambda: not switching(process).yard.moves)

        assert "PWR-09 module-2" in process.faults()
        assert "the voltage of connector 1" in switching(process).yard.places[MOVER].locked_out
        assert not world.plant.boards["plc-1"].relays[4].closed
        assert crimes(world) == []


async def test_a_relay_that_does_not_close_leaves_the_module_idle_and_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        world.verbs.fault("plc-1-r4", "stuck-open")
        assert switching(process).assign(MOVER, TWO) == ""
        await world.until(lambda: not switching(process).yard.moves)

        assert process.faults() == ["PWR-08 module-2"]
        assert places(process)[MOVER] is None
        assert not world.plant.nodes[MOVER].module.on
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2
        assert crimes(world) == []


@pytest.mark.parametrize("module", [MOVER, BRIDGED])
async def test_sessions_that_start_and_end_while_modules_move_leave_no_mark(
    autojump_clock: trio.testing.MockClock, module: object
) -> None:
    """Moves are asked for without regard to what the connectors do."""
    async with charger() as (world, process):
        await at_home(world, process)
        moving = switching(process)
        for turn in range(2):
            world.plug(ONE)
            await world.until(lambda: process.state(ONE) is ConnectorState.PREPARING)
            assert process.start(ONE) == (True, "")
            for _ in range(40):
                moving.assign(module, (TWO, None)[turn])  # type: ignore[arg-type]
                await trio.sleep(0.17)
            process.stop(ONE)
            for _ in range(20):
                moving.assign(module, (None, ONE)[turn])  # type: ignore[arg-type]
                await trio.sleep(0.13)
            world.verbs.unplug(ONE)
            await world.until(lambda: process.state(ONE) is ConnectorState.AVAILABLE)

        report = moving.report.signal.value
        assert report is not None
        assert report.moves > 2, "the two that went home are not all that moved"
        assert crimes(world) == []


async def test_a_move_that_is_no_longer_wanted_is_undone(autojump_clock: trio.testing.MockClock) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        switching(process).request({MOVER: TWO})
        await world.until(lambda: any(move.phase.value == "weld check" for move in switching(process).yard.moves))
        switching(process).request({MOVER: ONE})
        await world.until(lambda: not switching(process).yard.moves)
        assert places(process)[MOVER] is None
        await at_home(world, process)

        assert not world.plant.boards["plc-1"].relays[4].closed
        assert process.faults() == []


async def test_a_relay_that_an_older_board_has_not_is_told_and_nothing_is_tried(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(cabinet=SWITCHED)
    world.plant.boards["plc-1"].map_minor = 0
    async with charger(world) as (_, process):
        await at_home(world, process)
        refusal = switching(process).assign(BRIDGED, ONE)

    assert refusal == "plc-1 has no R16: update the board to a newer map, or rewire the module"


async def test_what_fails_in_the_task_leaves_what_was_between_two_connectors_off_and_is_started_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        moving = switching(process)
        assert moving.assign(MOVER, TWO) == ""
        await world.until(lambda: any(move.phase.value == "match the voltage" for move in moving.yard.moves))
        await world.until(lambda: world.plant.nodes[MOVER].module.on)
        step = moving.yard.step
        monkeypatch.setattr(type(moving.yard), "step", lambda *_: 1 / 0)
        await world.until(lambda: not world.plant.nodes[MOVER].module.on, within_s=0.2)
        monkeypatch.setattr(type(moving.yard), "step", lambda _self, world: step(world))
        await world.until(lambda: not moving.yard.moves)

        assert process.lifelines()["controller/switching/modules"].restarts == 1
        assert [process.state(one) for one in BOTH] == [ConnectorState.CHARGING] * 2
        assert crimes(world) == []


async def test_frozen_while_a_relay_closes_it_is_opened_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that goes off would no longer be at the bus-bar's voltage when its contact meets it."""
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        moving = switching(process)
        contained: list[set[int]] = []
        assert moving.assign(MOVER, TWO) == ""
        await world.until(lambda: any(move.phase.value == "close" for move in moving.yard.moves))
        board = type(moving.boards[LEFT])
        monkeypatch.setattr(board, "set_relays", lambda _self, _closed, failing: contained.append(set(failing)))
        moving.safe_now()
        monkeypatch.undo()
        assert contained[0] == {3, 4, 16}, "a relay that fails now stops nobody either"
        moving.safe_now()
        await trio.sleep(0.3)

        relay = world.plant.boards["plc-1"].relays[4]
        assert (relay.command, relay.closed) == (False, False)
        assert relay_crimes(world) == []
        assert world.plant.nodes["module-1"].module.on, "all others go on"


async def test_a_board_that_is_lost_while_nobody_moves_modules_takes_them_off_for_good(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board opens its relays by itself after a second, whether or not the task that moves modules works."""
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        await moved(world, process, MOVER, TWO)
        await world.until(lambda: world.plant.nodes[MOVER].module.current_a > 20.0)
        monkeypatch.setattr(type(switching(process).yard), "step", lambda *_: 1 / 0)
        await trio.sleep(0.5)
        world.verbs.freeze("plc-1")
        await world.until(lambda: not world.plant.nodes[MOVER].module.on, within_s=0.8)
        await trio.sleep(2.0)

        assert not world.plant.boards["plc-1"].relays[4].closed
        assert not world.plant.nodes[MOVER].module.on
        assert process.state(TWO) is ConnectorState.CHARGING
        assert relay_crimes(world) == []


async def test_an_operator_moves_one_module_and_is_told_why_another_may_not_move(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with charger() as (world, process):
        await at_home(world, process)
        calls = all_calls(process.controller)
        assert await calls["modules.assign"]({"module": MOVER, "connector": 2}) == {"result": "accepted"}
        with pytest.raises(CallRefused, match="module-1 has no switch: it is wired to its connector"):
            await calls["modules.assign"]({"module": "module-1", "connector": 2})
        with pytest.raises(CallRefused, match="module-4 is not locked out"):
            await calls["modules.release"]({"module": BRIDGED})
        shown = picture.status(process.controller)["modules"]
        assert (shown[MOVER]["place"], shown[MOVER]["going_to"], shown[MOVER]["move"]) == (None, 2, "reserve")
        assert "place" not in shown["module-1"]
        await world.until(lambda: places(process)[MOVER] == TWO)
        assert await calls["modules.assign"]({"module": BRIDGED, "connector": None}) == {"result": "accepted"}
        await world.until(lambda: places(process)[BRIDGED] is None)
        await trio.sleep(15.0)

        assert places(process) == {MOVER: TWO, BRIDGED: None}, "an operator's word stands"


# --- the end of a board's task ---------------------------------------------------------------------------------------

FALL_S = 0.5
BOARD = "wires/plc-1-wire/plc-1"


@asynccontextmanager
async def over_a_relay_of_the_other_board() -> AsyncIterator[tuple[World, Process]]:
    """Both charge, connector 2 with a module over R4 of the other's board; currents take their time to fall."""
    async with charger() as (world, process):
        await at_home(world, process)
        await both_charge(world, process)
        await moved(world, process, MOVER, TWO)
        await world.until(lambda: world.plant.nodes[MOVER].module.current_a > 20.0)
        for node in world.plant.nodes.values():
            node.module.fall_s = FALL_S
        yield world, process


async def relay_opens(world: World) -> float:
    """Until R4 of the first board has opened, after its module was off; how long it took from there."""
    await world.until(lambda: not world.plant.nodes[MOVER].module.on, within_s=0.2)
    off_at_s = trio.current_time()
    await world.until(lambda: not world.plant.boards["plc-1"].relays[4].closed, within_s=2.0)
    return trio.current_time() - off_at_s


@pytest.mark.parametrize("path", [BOARD, "wires/plc-1-wire"])
async def test_a_board_that_is_started_anew_opens_nothing_before_the_current_has_gone(
    path: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with over_a_relay_of_the_other_board() as (world, process):
        process.controller.tree.restart(path, "another firmware")
        took_s = await relay_opens(world)

        await world.until(lambda: ONE not in world.contactors_closed(), within_s=1.0)
        assert crimes(world) == []
        assert 0.9 * FALL_S < took_s < UNLOADED_S + 0.1, "below 1 A a little earlier"
        assert process.lifelines()[f"controller/{BOARD}"].last_end is not End.STUCK


async def test_a_defect_in_a_boards_task_opens_nothing_before_the_current_has_gone(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with over_a_relay_of_the_other_board() as (world, _):
        with monkeypatch.context() as broken:
            broken.setattr(BoardFaults, "look", lambda *_: 1 / 0)
            took_s = await relay_opens(world)

        assert crimes(world) == []
        assert 0.9 * FALL_S < took_s < UNLOADED_S + 0.1, "below 1 A a little earlier"


async def test_a_current_that_does_not_fall_keeps_no_relay_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with over_a_relay_of_the_other_board() as (world, process):
        world.plant.nodes[MOVER].module.fall_s = 60.0
        process.controller.tree.restart(BOARD, "another firmware")

        assert await relay_opens(world) == pytest.approx(UNLOADED_S, abs=0.15)


@pytest.mark.parametrize("how", ["freeze", "emergency stop"])
async def test_a_board_that_is_lost_or_stops_power_waits_for_no_current(
    how: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Not for one either that nobody measures."""
    async with over_a_relay_of_the_other_board() as (world, process):
        board = process.controller.plant.boards[LEFT]
        world.verbs.silence(MOVER)
        if how == "freeze":
            world.verbs.freeze(LEFT)
        else:
            world.verbs.emergency_stop("press")
            await world.until(lambda: "SAF-01 plc-1" in process.faults(), within_s=0.2)
            process.controller.tree.restart(BOARD, "another firmware")
        await world.until(lambda: board.status.signal.quality is Quality.STALE, within_s=1.0)
        stale_at_s = trio.current_time()
        await world.until(lambda: board.identity is None, within_s=1.0)

        assert trio.current_time() - stale_at_s < LAST_WORD_S + 0.05
