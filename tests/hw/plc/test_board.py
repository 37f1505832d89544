"""The board's task: evidence, end of power, order of telling, last word."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.hw.modbus.line import RtuLine
from jp_firmware.hw.modbus.master import ModbusMaster, WireDown
from jp_firmware.hw.plc import protocol
from jp_firmware.hw.plc.board import DRIVER, STEADY_S, BoardLost, PlcBoard
from jp_firmware.model.connector import EvCommand, EvStatus, PilotState
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.hw.faults import Faults
from tests.hw.lifelines import Lifelines, counted
from tests.hw.modbus.slave import BAUD, Slave, connected
from tests.hw.plc.board_bench import (
    CHARGING,
    CONFIG,
    IDENTITY,
    ONE,
    TWO,
    Emulated,
    bench,
    connected_board,
    losing,
)


async def test_status_and_commands_travel_in_every_cycle(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1)
        exchanges = len(at.emulated.heard)
        await trio.sleep(1)

        assert len(at.emulated.heard) - exchanges == pytest.approx(20, abs=1)
        assert at.board.identity == at.emulated.identity
        assert at.qualities == {Quality.GOOD}
        now_s = trio.current_time()
        status = at.board.status.fresh(now_s, 0.1)
        assert status is not None
        assert attrs.evolve(status, heartbeat=0) == at.emulated.status
        assert [one.status.fresh(now_s, 0.1) for one in at.board.connectors.values()] == [*at.emulated.connectors]
        beats = [commands.heartbeat for commands in at.emulated.heard]
        assert len(set(beats)) == len(beats)
        assert at.faults.history == []


async def test_a_command_goes_out_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1.01)
        asked_s = trio.current_time()
        at.board.connectors[TWO].command(CHARGING)
        await trio.sleep(0.02)

        assert at.emulated.last.connectors == (EvCommand(), CHARGING)
        assert at.emulated.heard_at_s[-1] - asked_s < 0.01


async def test_a_command_between_two_cycles_puts_none_off(autojump_clock: trio.testing.MockClock) -> None:
    """What a board has to say, a stop condition too, waits a cycle and an exchange at most, whoever is commanded."""
    async with bench() as on:
        taken_s: list[float] = []
        on.board.status.subscribe(lambda: taken_s.append(trio.current_time()))
        for number in range(20):
            await trio.sleep(2 * protocol.CYCLE_S + 0.003)
            on.board.connectors[ONE].command(attrs.evolve(CHARGING, offered_power_w=1000.0 * number))
        gaps_s = [after - before for before, after in pairwise(taken_s)]

        assert len(gaps_s) > 20
        assert max(gaps_s) <= protocol.CYCLE_S + 0.015, max(gaps_s)


async def test_measurements_travel_with_the_next_cycle(autojump_clock: trio.testing.MockClock) -> None:
    """They change at every turn: an exchange for each would keep the wire busy with nothing else."""
    async with bench() as at:
        await trio.sleep(1)
        exchanges = len(at.emulated.heard)
        for step in range(1000):
            at.board.connectors[ONE].command(EvCommand(present_voltage_v=float(step)))
            await trio.sleep(0.001)

        assert len(at.emulated.heard) - exchanges == pytest.approx(20, abs=2)
        await trio.sleep(0.1)
        assert at.emulated.last.connectors[0].present_voltage_v == 999.0


async def test_free_relays_follow_and_contactor_relays_are_never_commanded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with bench() as at:
        at.board.set_relays([3, 16])
        await trio.sleep(0.1)

        assert at.emulated.last.relays == protocol.relays_closed([3, 16])
        with pytest.raises(ValueError, match="R2 belongs to the interlock chain"):
            at.board.set_relays([2, 3])
        assert at.board.free_relays == range(3, 17)


async def test_a_board_of_map_1_0_has_two_free_relays(autojump_clock: trio.testing.MockClock) -> None:
    older = attrs.evolve(IDENTITY, map_version=protocol.map_version(minor=0))
    async with bench(Emulated(identity=older)) as at:
        assert at.board.free_relays == range(3, 5)


@pytest.mark.parametrize("minor", range(protocol.MAP_MINOR + 1))
async def test_of_a_board_of_an_older_map_age_and_temperatures_are_unknown(
    minor: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever its reserved registers read."""
    older = attrs.evolve(IDENTITY, map_version=protocol.map_version(minor=minor))
    car = EvStatus(pilot=PilotState.C, target_age_ms=0.0, plug_temperature_1_c=41.5, plug_temperature_2_c=0.0)
    async with bench(Emulated(identity=older, connectors=(car, EvStatus()))) as at:
        await trio.sleep(0.5)
        seen = at.board.connectors[CONFIG.connectors[0]].status.signal.value
        assert seen is not None

        assert seen.pilot is PilotState.C
        expected = (0.0, (41.5, 0.0)) if minor >= 2 else (None, (None, None))
        assert expected == (seen.target_age_ms, seen.plug_temperatures_c)


async def test_the_end_of_the_link_forgets_the_free_relays(autojump_clock: trio.testing.MockClock) -> None:
    """A board that comes back is not told to close what it had closed before."""
    at: dict[str, Any] = {}
    async with losing(at) as now:
        now.board.set_relays([5])
        await trio.sleep(0.1)
        assert now.emulated.last.relays == protocol.relays_closed([5])
        now.emulated.freeze()
        await trio.sleep(0.7)

        assert now.emulated.last.relays == protocol.relays_closed([]), "its last word opens them"
        assert now.board.free_relays == range(0)
        before = len(now.emulated.heard)
        now.emulated.frozen_at = None
        async with trio.open_nursery() as nursery:
            await nursery.start(Lifelines().run, now.board.run)
            nursery.cancel_scope.cancel()

    assert {commands.relays for commands in now.emulated.heard[before:]} == {protocol.relays_closed([])}


# --- evidence ------------------------------------------------------------------------------------------------------


async def test_ready_is_told_by_a_heartbeat_that_moved_not_by_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    emulated = Emulated(frozen_at=77)
    async with connected(values=emulated.values, wrote=emulated.wrote) as (master, _):
        board = DRIVER.board(CONFIG, master, Faults())
        lifeline = counted(board.run)
        with pytest.raises(BoardLost, match="stands at 77"):
            await board.run(lifeline)

    assert lifeline.ready_at_s == lifeline.fed == []
    assert board.status.signal.quality is Quality.MISSING


@pytest.mark.parametrize("how", ["frozen", "silent", "corrupt"])
async def test_without_evidence_everything_is_stale_at_the_watchdogs_deadline(
    autojump_clock: trio.testing.MockClock, how: str
) -> None:
    """A heartbeat that stands, an answer that stays away, answers that make no sense: one and the same."""
    at: dict[str, Any] = {}
    async with losing(at) as now:
        if how == "frozen":
            now.emulated.freeze()
        elif how == "silent":
            now.emulated.delay = lambda _: math.inf
        else:
            now.emulated.corrupt = True
        stale_at_s: list[float] = []
        now.board.connectors[TWO].status.subscribe(
            lambda: stale_at_s.append(trio.current_time()) if now.qualities != {Quality.GOOD} else None
        )
        await trio.sleep(0.4)
        assert now.qualities == {Quality.GOOD}
        fed = len(now.lifeline.ready_at_s)
        await trio.sleep(0.3)

        assert now.qualities == {Quality.STALE}
        assert len(now.lifeline.ready_at_s) == fed
        assert stale_at_s[0] - now.lifeline.ready_at_s[-1] == pytest.approx(CONFIG.watchdog_s)
        assert "no heartbeat for 0.5 s" in now.faults.active["PLC-01", "plc-1"]


async def test_two_lost_answers_in_a_row_do_not_end_a_session(autojump_clock: trio.testing.MockClock) -> None:
    lost: set[int] = set()
    emulated = Emulated(delay=lambda n: math.inf if n in lost else 0.002)
    async with bench(emulated) as at:
        await trio.sleep(1)
        number = len(at.emulated.heard) + 2
        lost |= {number, number + 1}
        await trio.sleep(2)

        assert at.qualities == {Quality.GOOD}
        assert at.faults.history == []


async def test_a_board_that_is_back_is_good_again_and_the_fault_clears_when_it_stays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote) as (master, _):
        board = DRIVER.board(CONFIG, master, faults)
        emulated.frozen_at = 5
        with pytest.raises(BoardLost):
            await board.run(counted(board.run))
        emulated.frozen_at = None
        async with trio.open_nursery() as nursery:
            await nursery.start(Lifelines().run, board.run)

            assert board.status.signal.quality is Quality.GOOD
            assert faults.codes == {"PLC-01"}
            await trio.sleep(STEADY_S + 0.2)
            assert faults.codes == set()
            nursery.cancel_scope.cancel()


async def test_a_lost_wire_is_a_lost_board(autojump_clock: trio.testing.MockClock) -> None:
    """Its task is stopped with the wire, long before the watchdog; the fault says what happened to the wire."""
    ours, theirs = trio.testing.memory_stream_pair()
    emulated, faults = Emulated(), Faults()

    async def connect() -> trio.abc.Stream:
        return ours

    master = ModbusMaster(name="wire", where="memory", connect=connect, new_line=lambda: RtuLine(BAUD))
    board = DRIVER.board(CONFIG, master, faults)

    async def wire(task_status: trio.TaskStatus[object]) -> None:
        with pytest.raises(WireDown):
            await Lifelines().run(master.run, task_status=task_status)
        devices.cancel_scope.cancel(reason="their wire is gone")

    async with trio.open_nursery() as wires, trio.open_nursery() as devices:
        wires.start_soon(Slave(theirs, values=emulated.values, wrote=emulated.wrote).run)
        await wires.start(wire)
        await devices.start(Lifelines().run, board.run)
        await trio.sleep(0.2)
        await theirs.send_stream.aclose()
        with trio.CancelScope(shield=True):
            await trio.sleep(0.1)
        wires.cancel_scope.cancel()

    assert "memory was lost" in faults.active["PLC-01", "plc-1"]
    assert board.status.signal.quality is Quality.STALE


# --- order of telling ----------------------------------------------------------------------------------------------


async def test_a_stop_condition_is_told_before_anything_else_of_the_same_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told: list[str] = []
    async with bench() as at:
        at.faults.on_raise = told.append
        at.board.status.subscribe(lambda: told.append("board"))
        for one in at.board.connectors.values():
            one.status.subscribe(lambda one=one: told.append(f"connector {one.id}"))
        await trio.sleep(0.1)
        told.clear()
        at.emulated.status = attrs.evolve(at.emulated.status, emergency_stop=True)
        await trio.sleep(0.1)

        first = told.index("SAF-01")
        assert first % 3 == 0  # after whole answers that did not show it yet
        assert told[first : first + 4] == ["SAF-01", "board", "connector 1", "connector 2"]
        assert at.faults.active == {("SAF-01", "plc-1"): "emergency stop pressed"}


async def test_at_a_loss_the_fault_is_told_before_the_signals_go_stale(autojump_clock: trio.testing.MockClock) -> None:
    """So that the session ends with the true reason."""
    at: dict[str, Any] = {}
    codes: list[set[str]] = []
    async with losing(at) as now:
        now.board.status.subscribe(
            lambda: codes.append(now.faults.codes) if now.board.status.signal.quality is Quality.STALE else None
        )
        now.emulated.freeze()
        await trio.sleep(1)

    assert codes == [{"PLC-01"}]


# --- the last word -------------------------------------------------------------------------------------------------


async def test_the_last_word_is_contactors_open_and_then_silence(autojump_clock: trio.testing.MockClock) -> None:
    async with connected_board() as (board, emulated, _):
        async with trio.open_nursery() as nursery:
            await nursery.start(Lifelines().run, board.run)
            board.connectors[ONE].command(CHARGING)
            await trio.sleep(0.5)
            assert emulated.last.connectors[0].close_contactors
            nursery.cancel_scope.cancel()
        exchanges = len(emulated.heard)

        assert emulated.last.connectors == (EvCommand(), EvCommand())
        await trio.sleep(5)
        assert len(emulated.heard) == exchanges


async def test_a_defect_in_what_it_asks_at_its_end_keeps_no_signal_good(autojump_clock: trio.testing.MockClock) -> None:
    async with connected_board() as (board, emulated, _):
        board.behind = lambda: 1 / 0  # type: ignore[assignment, return-value]
        with pytest.raises(ZeroDivisionError), trio.move_on_after(1):
            await board.run(counted(board.run))
        assert {one.status.signal.quality for one in board.connectors.values()} == {Quality.STALE}
        await board.safe()
        assert emulated.last.connectors == (EvCommand(), EvCommand())


async def test_a_lost_board_is_told_to_open_all_the_same(autojump_clock: trio.testing.MockClock) -> None:
    """It may still hear what it does not answer."""
    at: dict[str, Any] = {}
    async with losing(at) as now:
        now.board.connectors[ONE].command(CHARGING)
        await trio.sleep(0.2)
        now.emulated.delay = lambda _: math.inf
        await trio.sleep(2)

    assert now.emulated.last.connectors == (EvCommand(), EvCommand())


async def test_what_was_commanded_before_does_not_come_back_with_the_link(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with connected_board() as (board, emulated, _):
        board.connectors[ONE].command(CHARGING)
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        assert any(commands.connectors[0] == CHARGING for commands in emulated.heard)

        emulated.heard.clear()
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        assert {commands.connectors for commands in emulated.heard} == {(EvCommand(), EvCommand())}


@pytest.mark.parametrize("rtu", [True, False], ids=["rtu", "tcp"])
def test_cancelled_anywhere_the_last_word_is_contactors_open(rtu: bool) -> None:
    """Whatever step the task is cancelled at, no board is left with a command to keep its contactors closed."""
    closed_somewhere: list[bool] = []

    def scenario() -> Scenario:
        emulated, faults = Emulated(), Faults()
        boards: list[PlcBoard] = []
        done = trio.Event()

        async def run() -> None:
            # The wire lives in a shielded scope of its own: in the tree it is stopped after its devices.
            async with trio.open_nursery() as wire:
                with trio.CancelScope(shield=True):
                    await wire.start(serve)
                try:
                    with trio.move_on_after(0.2):
                        async with trio.open_nursery() as nursery:
                            nursery.start_soon(boards[0].run, counted(boards[0].run))
                            nursery.start_soon(command)
                finally:
                    done.set()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope(shield=True):
                async with connected(rtu=rtu, values=emulated.values, wrote=emulated.wrote) as (master, _):
                    boards.append(DRIVER.board(CONFIG, master, faults))
                    task_status.started()
                    await done.wait()

        async def command() -> None:
            for _ in range(3):
                await trio.sleep(0.03)
                boards[0].connectors[ONE].command(CHARGING)

        def check() -> None:
            heard = [any(one.close_contactors for one in commands.connectors) for commands in emulated.heard]
            closed_somewhere.extend(heard)
            if heard:
                assert not heard[-1]
            for connector in boards[0].connectors.values():
                assert connector.status.signal.quality in (Quality.MISSING, Quality.STALE)

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=range(2)) > 50
    assert any(closed_somewhere)
