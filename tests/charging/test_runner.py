"""The runner: whole sessions in a small world, and power that never outlives its scope, wherever it is cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.runner import NotSafe
from jp_firmware.charging.view import Ending, View
from jp_firmware.model.connector import ConnectorState, EvStatus
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import Authorization, AuthorizationStatus, Session, StopReason
from jp_firmware.model.signals import Quality
from tests.charging.bench import Bench, BenchLog
from tests.charging.scenes import TOKEN

S = ConnectorState


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    """The world turns, and the runner with it; leaving cancels the runner first, as its supervisor would."""
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.runner.run, bench.lifeline)
            await bench.lifeline.is_ready.wait()
            yield bench
            nursery.cancel_scope.cancel()
        world.cancel_scope.cancel()


async def until_state(bench: Bench, *states: ConnectorState) -> None:
    await bench.until(lambda: bench.runner.machine.state in states)


async def charging(bench: Bench) -> None:
    bench.plug()
    bench.runner.present(TOKEN, authorize=True)
    await until_state(bench, S.CHARGING)
    await trio.sleep(20)


def is_safe(bench: Bench) -> bool:
    return bench.stage.set_point is None and not bench.contactors_closed and bench.opened_under_load == 0


async def test_a_session_from_plug_to_unplug(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        assert bench.current_a == pytest.approx(90)
        bench.car = attrs.evolve(bench.car, stop_request=True)
        await until_state(bench, S.FINISHING)
        await bench.until(lambda: bool(bench.log.ended))
        assert is_safe(bench)
        bench.unplug()
        await until_state(bench, S.AVAILABLE)

    [begun], [ended] = bench.log.begun, bench.log.ended
    assert begun.id == ended.id
    assert begun.meter_start_wh == 1000
    assert ended.meter_stop_wh == int(bench.energy_wh)
    assert ended.stop_reason is StopReason.COMPLETE
    assert ended.modules_wh == pytest.approx(ended.energy_wh, abs=2.5)
    assert bench.log.checkpoints
    assert bench.log.samples


async def test_the_start_is_durable_before_a_contactor_closes(autojump_clock: MockClock) -> None:
    bench = Bench()
    durable: list[bool] = []
    bench.ev_link.on_command = lambda command: (
        durable.append(bool(bench.log.begun)) if command.close_contactors else None
    )
    async with running(bench):
        await charging(bench)

    assert durable
    assert all(durable)


async def test_a_refused_token_starts_nothing_and_says_why(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.authorizer.verdict = Authorization(AuthorizationStatus.BLOCKED, "local list")
    async with running(bench):
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await trio.sleep(5)

        report = bench.runner.report.signal.value
        assert report is not None
        assert report.state is S.PREPARING
        assert report.authorization == "blocked by local list"
    assert not bench.log.begun


async def test_a_stop_condition_switches_off_inside_the_call_that_reports_it(autojump_clock: MockClock) -> None:
    """No task switch lies between the board's report and the modules' OFF."""
    async with running(Bench()) as bench:
        await charging(bench)
        assert bench.stage.set_point is not None
        tripped = attrs.evolve(bench.car, contactors_closed=False)
        bench.ev_link.status.publish(tripped, trio.current_time())

        assert bench.stage.told[-1] is None


@pytest.mark.parametrize("how", ["emergency stop", "board stale"])
async def test_faults_and_staleness_switch_off_inside_the_call_too(how: str, autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        if how == "emergency stop":
            bench.faults.raise_("SAF-01", "plc-1")
        else:
            bench.ev_link.status.degrade(Quality.STALE)

        assert bench.stage.told[-1] is None


async def test_a_lower_share_is_a_lower_set_point_inside_the_call(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.assigned_w = 8000.0
        bench.turn()

        point = bench.stage.told[-1]
        assert point is not None
        assert 8000 / 395 - 0.1 <= point.current_a <= 8000 / 395


async def test_an_expired_plan_suspends(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.planner_alive = False
        await until_state(bench, S.SUSPENDED_EVSE)

        assert bench.stage.set_point is None


async def test_an_unplugged_can_adapter_ends_the_session_truthfully(autojump_clock: MockClock) -> None:
    """The modules are silent, the meter is not: the contactors open once the meter shows that the car has stopped."""
    async with running(Bench()) as bench:
        await charging(bench)
        bench.modules_alive = False
        bench.stage.output.degrade(Quality.STALE)
        await bench.until(lambda: bool(bench.log.ended))

        assert is_safe(bench)
    [ended] = bench.log.ended
    assert ended.stop_reason is StopReason.FAULT
    assert ended.stop_detail.startswith("PM-01")
    assert ended.meter_stop_wh == int(bench.energy_wh)


async def test_a_silent_meter_leaves_the_last_register_it_gave(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.meter_alive = False
        last = bench.meter.reading.signal.value
        bench.faults.raise_("MTR-01", "meter-1")
        await bench.until(lambda: bool(bench.log.ended))
    [ended] = bench.log.ended
    assert last is not None
    assert ended.meter_stop_wh == last.import_wh
    assert ended.stop_reason is StopReason.FAULT


async def test_welded_contactors_are_found_and_faulted(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.welded = True
        bench.runner.end(Ending(StopReason.LOCAL))
        await bench.until(lambda: bool(bench.log.ended))
        await until_state(bench, S.FAULTED)

    assert "CON-01" in bench.faults.history


async def test_sessions_left_open_by_a_crash_are_closed_before_a_new_one_may_start(autojump_clock: MockClock) -> None:
    bench = Bench()
    session = Session(
        id=SessionId("a"),
        connector_id=ConnectorId(1),
        token=TOKEN,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        meter_start_wh=900,
        meter_last_wh=990,
        boot_id="boot-1",
    )
    bench.log.left_open = [session]
    async with running(bench):
        [recovered] = bench.log.ended

    assert recovered.meter_stop_wh == 1000
    assert recovered.stop_reason is StopReason.REBOOT


@pytest.mark.parametrize("moment", [S.PREPARING, S.CABLE_CHECK, S.PRECHARGE, S.CHARGING, S.FINISHING])
async def test_cancelled_in_any_stage_the_session_is_closed_and_nothing_is_on(
    moment: ConnectorState, autojump_clock: MockClock
) -> None:
    async with running(Bench()) as bench:
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        if moment is S.FINISHING:
            await until_state(bench, S.CHARGING)
            bench.runner.end(Ending(StopReason.LOCAL))
        await until_state(bench, moment)
    bench.turn()

    assert is_safe(bench)
    assert [session.id for session in bench.log.begun] == [session.id for session in bench.log.ended]


async def test_the_safe_state_is_reached_from_outside_without_the_task(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        bench.ev_link.last = attrs.evolve(bench.ev_link.last, close_contactors=True)
        await trio.sleep(1)
        assert bench.contactors_closed
        await bench.runner.safe()
        await trio.sleep(0.1)

        assert is_safe(bench)
        world.cancel_scope.cancel()


async def test_a_task_that_resists_its_end_delivers_nothing_from_the_first_word_on(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.runner.safe_now()
        told = len(bench.stage.told)
        assert bench.stage.told[-1] is None

        await trio.sleep(3)
        assert set(bench.stage.told[told:]) <= {None}
        assert bench.log.ended[0].stop_reason is StopReason.FAULT
        assert is_safe(bench)


@attrs.define(eq=False)
class HangingLog(BenchLog):
    """A journal whose checkpoints do not come back for a while, whoever is cancelled."""

    hangs: bool = False

    async def checkpoint(self, session: Session) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(30 if self.hangs else 0.002)


async def test_a_session_whose_task_hangs_is_ended_by_its_safe_state_and_by_that_reason(
    autojump_clock: MockClock,
) -> None:
    """Nothing is delivered through a scope that the safe state has closed, and no scan stumbles over it."""
    log = HangingLog()
    async with running(Bench(log=log)) as bench:
        await charging(bench)
        log.hangs = True
        await trio.sleep(5)
        assert bench.stage.set_point is not None
        await bench.runner.safe()
        assert is_safe(bench)
        assert bench.runner.machine.state is S.FINISHING

        await bench.until(lambda: bool(log.ended))
        assert log.ended[0].stop_detail == "CTL-01 the connector's task gave no sign"


async def test_a_connector_whose_task_is_down_is_not_reported_to_work(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with running(bench):
        await until_state(bench, S.AVAILABLE)
        before = bench.runner.report.signal.value
    after = bench.runner.report.signal.value

    assert before is not None
    assert before.state is S.AVAILABLE
    assert after is not None
    assert (after.state, after.text) == (S.UNAVAILABLE, "its task is not running; it starts again by itself")


async def test_contactors_that_stay_closed_are_no_safe_state_and_lock_the_connector_out(
    autojump_clock: MockClock,
) -> None:
    bench = Bench()
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        bench.ev_link.last = attrs.evolve(bench.ev_link.last, close_contactors=True)
        bench.welded = True
        await trio.sleep(1)
        began_s = trio.current_time()
        with pytest.raises(NotSafe, match="connector-1: CON-01 contactors still closed"):
            await bench.runner.safe()

        assert trio.current_time() - began_s <= bench.runner.machine.limits.power_down_s + 0.1
        assert bench.runner.machine.faults.keys() == {"CON-01"}
        assert bench.stage.set_point is None
        world.cancel_scope.cancel()


async def test_a_silent_board_does_not_latch_the_connector(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        await trio.sleep(1)
        bench.board_alive = False
        await bench.runner.safe()

        assert "CON-01" not in bench.runner.machine.faults
        world.cancel_scope.cancel()


@attrs.define(eq=False)
class DefectiveMachine(ConnectorMachine):
    """A machine with a defect that shows once, at a moment of the test's choice."""

    defective: bool = False

    def step(self, view: View) -> None:
        if self.defective:
            self.defective = False
            raise ZeroDivisionError
        super().step(view)


async def test_a_defect_in_a_scan_is_the_connectors_and_not_the_callers(autojump_clock: MockClock) -> None:
    """A device that publishes does not fall over what a connector makes of it; the connector's own task does."""
    bench = Bench()
    machine = DefectiveMachine(bench.runner.machine.connector)
    bench.runner.machine = machine
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with running(bench):
            await charging(bench)
            machine.defective = True
            bench.turn()
            assert bench.stage.told[-1] is None
            await trio.sleep(60)

    assert bench.stage.set_point is None
    assert not bench.ev_link.last.close_contactors
    assert bench.log.ended[0].stop_detail.startswith("CTL-01")


@attrs.define(eq=False)
class FullLog(BenchLog):
    """A journal that takes no stops."""

    async def stopped(self, session: Session) -> None:
        await super().stopped(session)
        raise OSError("the disk is full")


async def test_a_stop_that_cannot_be_committed_leaves_a_connector_that_can_be_used_again(
    autojump_clock: MockClock,
) -> None:
    bench = Bench(log=FullLog())
    with pytest.RaisesGroup(OSError, flatten_subgroups=True):
        async with running(bench):
            await charging(bench)
            bench.runner.end(Ending(StopReason.REMOTE))
            await trio.sleep(60)
    assert is_safe(bench)
    assert bench.runner.session is None

    bench.car = EvStatus()
    bench.runner.ports.log = BenchLog()
    async with running(bench):
        await trio.sleep(1)

        assert bench.runner.machine.state is S.AVAILABLE


@attrs.define(eq=False)
class SlowLog(BenchLog):
    """A journal whose first commit takes longer than anybody waits, and is carried out all the same."""

    written_after_s: float = 15.0

    async def started(self, session: Session) -> None:
        if self.begun or self.left_open:
            await super().started(session)
            return
        self.left_open.append(session)
        await trio.sleep(self.written_after_s)

    async def stopped(self, session: Session) -> None:
        await super().stopped(session)
        self.left_open = [one for one in self.left_open if one.id != session.id]


async def test_a_start_that_reaches_the_disk_too_late_is_stopped_before_power_flows_again(
    autojump_clock: MockClock,
) -> None:
    log = SlowLog()
    async with running(Bench(log=log)) as bench:
        await charging(bench)
        (late,) = log.ended

        assert late.id != log.begun[0].id
        assert late.meter_stop_wh == late.meter_start_wh
        assert log.left_open == []


async def test_an_unplugged_connector_reports_what_it_waits_for(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await trio.sleep(1)
        bench.car = EvStatus()
        report = bench.runner.report.signal.value

        assert report is not None
        assert (report.state, report.plugged, report.text) == (S.AVAILABLE, False, "ready")
