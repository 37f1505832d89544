"""The board's task: evidence, end of power, order of telling, last word."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modbus.line import RtuLine
from jp_firmware.hw.modbus.master import ModbusMaster, WireDown
from jp_firmware.hw.plc import protocol
from jp_firmware.hw.plc.board import DRIVER, STEADY_S, BoardLost, BoardRefused, PlcBoard, StillClosed
from jp_firmware.hw.plc.driver import load_driver
from jp_firmware.model.connector import EvCommand, EvStatus, PilotState, Stage
from jp_firmware.model.ids import ConnectorId, PlcId
from jp_firmware.model.plc import PlcIdentity, PlcMode, PlcStatus
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.hw.faults import Faults
from tests.hw.lifelines import Counted, Lifelines, counted
from tests.hw.modbus.slave import BAUD, Slave, connected

ONE, TWO = ConnectorId(1), ConnectorId(2)
CONFIG = schema.PlcBoard(id=PlcId("plc-1"), wire="wire", connectors=(ONE, TWO))
CHARGING = EvCommand(stage=Stage.CHARGING, authorized=True, close_contactors=True, offered_power_w=60_000)
IDENTITY = PlcIdentity(
    map_version=protocol.map_version(), vendor="JP", model="test", serial="7", firmware="1.0", connectors=2
)
RUNNING = PlcStatus(mode=PlcMode.RUN, cpu_load_percent=12.0, last_scan_ms=1.0)
CARS = (EvStatus(pilot=PilotState.C), EvStatus())


@attrs.define
class Emulated:
    """The board's side: a scan counter that runs with time, a status to tell, and the commands it was given."""

    identity: PlcIdentity = IDENTITY
    status: PlcStatus = RUNNING
    connectors: tuple[EvStatus, ...] = CARS
    heard: list[protocol.Commands] = attrs.field(factory=list)
    heard_at_s: list[float] = attrs.field(factory=list)
    frozen_at: int | None = None
    delay: Callable[[int], float] = lambda _: 0.002
    corrupt: bool = False

    def wrote(self, unit: int, address: int, registers: list[int]) -> None:
        assert address == protocol.COMMAND_ADDRESS
        self.heard.append(protocol.decode_commands(registers, len(self.connectors)))
        self.heard_at_s.append(trio.current_time())

    def values(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        if address == protocol.IDENTITY_ADDRESS:
            return tuple(protocol.encode_identity(self.identity))
        scan = self.frozen_at if self.frozen_at is not None else int(trio.current_time() * 100) & 0xFFFF
        registers = protocol.encode_status(attrs.evolve(self.status, heartbeat=scan), self.connectors)
        return tuple([0] * len(registers) if self.corrupt else registers)

    def freeze(self) -> None:
        self.frozen_at = int(trio.current_time() * 100) & 0xFFFF

    @property
    def last(self) -> protocol.Commands:
        return self.heard[-1]


@attrs.define
class Bench:
    board: PlcBoard
    emulated: Emulated
    faults: Faults
    lifeline: Counted

    @property
    def qualities(self) -> set[Quality]:
        sources = [self.board.status, *(one.status for one in self.board.connectors.values())]
        return {source.signal.quality for source in sources}


@asynccontextmanager
async def bench(emulated: Emulated | None = None) -> AsyncIterator[Bench]:
    emulated, faults = emulated or Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, faults)
        async with trio.open_nursery() as nursery:
            lifeline = await nursery.start(Lifelines().run, board.run)
            yield Bench(board, emulated, faults, lifeline)
            nursery.cancel_scope.cancel(reason="test over")


@asynccontextmanager
async def losing(at: dict[str, Any]) -> AsyncIterator[Bench]:
    """A board that will be lost: the test's body runs beside its task, and the task must end with BoardLost."""
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, faults)
        lifeline = counted(board.run)

        async def run() -> None:
            with pytest.raises(BoardLost) as raised:
                await board.run(lifeline)
            at["lost_at_s"], at["why"] = trio.current_time(), str(raised.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(1)
            yield Bench(board, emulated, faults, lifeline)


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


# --- boards that cannot be driven ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [({"map_version": 0x0200}, "update the controller"), ({"connectors": 1}, "serves 1 connectors")],
)
async def test_a_board_that_does_not_fit_is_refused_and_never_written_to(
    autojump_clock: trio.testing.MockClock, change: dict[str, int], says: str
) -> None:
    async with connected_board() as (board, emulated, faults):
        emulated.identity = attrs.evolve(emulated.identity, **change)
        with pytest.raises(BoardRefused, match=says):
            await board.run(counted(board.run))
        await board.safe()

        assert says in faults.active["PLC-05", "plc-1"]
        assert emulated.heard == []

        emulated.identity = IDENTITY
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        assert faults.codes == set()


async def test_a_device_that_is_no_board_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as (master, slave):
        board = DRIVER.board(CONFIG, master, Faults())
        with pytest.raises(BoardRefused, match="no board of the JP PLC link"):
            await board.run(counted(board.run))

        assert {request.function_code for request in slave.requests} == {3}


async def test_a_board_that_does_not_answer_at_first_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    emulated = Emulated(delay=lambda _: math.inf if trio.current_time() < 4 else 0.002)
    async with bench(emulated) as at:
        assert at.faults.history == ["+PLC-01 plc-1"]
        assert at.qualities == {Quality.GOOD}
        await trio.sleep(3)

        assert at.faults.history == ["+PLC-01 plc-1", "-PLC-01 plc-1"]


def test_the_driver_is_found_by_the_name_of_the_configuration() -> None:
    assert load_driver("jp-plc-link").name == "jp-plc-link"


def test_an_unknown_driver_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no PLC board driver 'x' is installed; there are: .*jp-plc-link"):
        load_driver("x")


def test_more_connectors_than_a_board_has_are_a_mistake_in_the_configuration() -> None:
    config = attrs.evolve(CONFIG, connectors=(ONE, TWO, ConnectorId(3)))
    with pytest.raises(ConfigError, match="connectors names 3"):
        DRIVER.board(config, None, Faults())  # type: ignore[arg-type]


@asynccontextmanager
async def connected_board() -> AsyncIterator[tuple[PlcBoard, Emulated, Faults]]:
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, wrote=emulated.wrote) as (master, _):
        yield DRIVER.board(CONFIG, master, faults), emulated, faults


# --- the safe state, from outside ------------------------------------------------------------------------------------


@asynccontextmanager
async def driven(emulated: Emulated) -> AsyncIterator[PlcBoard]:
    """A board that was driven for a second, and whose task has ended; the wire is still there."""
    async with connected(values=emulated.values, wrote=emulated.wrote, delay_s=lambda n: emulated.delay(n)) as (
        master,
        _,
    ):
        board = DRIVER.board(CONFIG, master, Faults())
        with trio.move_on_after(1):
            await board.run(counted(board.run))
        yield board


CLOSED = tuple(attrs.evolve(car, contactors_closed=True) for car in CARS)
OPEN = tuple(attrs.evolve(car, contactors_closed=False) for car in CARS)


async def test_the_safe_state_is_asked_for_again_until_the_feedback_says_open(
    autojump_clock: trio.testing.MockClock,
) -> None:
    emulated = Emulated(connectors=CLOSED)
    async with driven(emulated) as board, trio.open_nursery() as nursery:
        began_s, before = trio.current_time(), len(emulated.heard)
        nursery.start_soon(board.safe)
        await trio.sleep(0.31)
        emulated.connectors = OPEN
    assert trio.current_time() - began_s < 0.5
    assert len(emulated.heard) - before >= 6
    assert emulated.last.connectors == (EvCommand(), EvCommand())


async def test_a_contactor_that_stays_closed_is_no_safe_state(autojump_clock: trio.testing.MockClock) -> None:
    emulated = Emulated(connectors=(OPEN[0], CLOSED[1]))
    async with driven(emulated) as board:
        began_s = trio.current_time()
        with pytest.raises(StillClosed, match="plc-1: told to open, and contactors of connector 2 are still closed"):
            await board.safe()
        assert trio.current_time() - began_s < board.safe_within_s


@pytest.mark.parametrize("how", ["frozen", "silent", "garbage"])
async def test_a_board_that_nobody_can_ask_opens_by_itself_and_does_not_latch(
    autojump_clock: trio.testing.MockClock, how: str
) -> None:
    emulated = Emulated(connectors=CLOSED)
    async with driven(emulated) as board:
        match how:
            case "frozen":
                emulated.freeze()
            case "silent":
                emulated.delay = lambda _: 3600.0
            case _:
                emulated.corrupt = True
        began_s = trio.current_time()
        await board.safe()
        assert 0.4 <= trio.current_time() - began_s < board.safe_within_s


async def test_a_safe_state_that_was_confirmed_costs_nothing_the_next_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    emulated = Emulated(connectors=OPEN)
    async with driven(emulated) as board:
        await board.safe()
        exchanges = len(emulated.heard)
        await board.safe()
        assert len(emulated.heard) == exchanges
