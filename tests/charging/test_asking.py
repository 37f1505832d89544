"""A car that stops asking while its board goes on answering: power is held, then the session ends."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.asking import Asking
from jp_firmware.charging.runner import SCAN_PERIOD_S
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View
from jp_firmware.model.connector import ConnectorState, Stage
from jp_firmware.model.session import IdToken, StopReason, TokenSource
from tests.charging.bench import READY, STEP_S, Bench
from tests.charging.scenes import Scene

S = ConnectorState
TAG = IdToken("04A1B2C3D4E5F6", TokenSource.RFID)
LOOP = attrs.evolve(READY, ready=True, target_current_a=90.0)


def view(now_s: float, asked_at_s: float | None = None, *, ready: bool = True) -> View:
    return View(now_s=now_s, ev=attrs.evolve(LOOP, ready=ready), asked_at_s=asked_at_s)


# --- the age ---------------------------------------------------------------------------------------------------------


def test_the_age_runs_from_the_last_demand() -> None:
    asking = Asking()
    for now_s in (10.0, 10.1):
        asking.look(view(now_s, asked_at_s=10.0), charging=True)

    assert asking.age_s(12.5) == 2.5


def test_of_a_board_that_does_not_tell_nothing_is_known() -> None:
    asking = Asking()
    asking.look(view(10.0), charging=True)

    assert asking.age_s(99.0) is None


def test_a_board_that_stops_telling_does_not_make_the_car_speak_again() -> None:
    asking = Asking()
    asking.look(view(10.0, asked_at_s=10.0), charging=True)
    asking.look(view(11.0), charging=True)

    assert asking.age_s(11.5) == 1.5


def test_what_was_said_before_this_loop_counts_from_its_beginning() -> None:
    """In precharge, or before a pause: a loop that has just begun has not missed anything yet."""
    asking = Asking()
    asking.look(view(40.0, asked_at_s=10.0), charging=True)
    assert asking.age_s(40.5) == 0.5

    asking.look(view(41.0, asked_at_s=40.9, ready=False), charging=True)
    assert asking.age_s(60.0) is None
    asking.look(view(60.0, asked_at_s=40.9), charging=True)
    assert asking.age_s(60.25) == 0.25


def test_outside_the_charging_stage_there_is_no_age() -> None:
    asking = Asking()
    asking.look(view(10.0, asked_at_s=3.0), charging=False)

    assert asking.age_s(10.0) is None


# --- the machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "stale", "state"),
    [
        (0.0, False, S.CHARGING),
        (0.5, False, S.CHARGING),
        (0.99, False, S.CHARGING),
        (1.0, True, S.CHARGING),
        (1.99, True, S.CHARGING),
        (2.0, False, S.FINISHING),
        (60.0, False, S.FINISHING),
    ],
)
def test_each_threshold_of_a_mute_car(age_s: float, stale: bool, state: ConnectorState) -> None:
    scene = Scene().charging()
    scene.step()
    last_s = scene.now_s
    scene.step(0.0, asked_at_s=last_s)
    scene.step(age_s)

    assert scene.machine.state is state
    assert scene.machine.demand_is_stale(scene.view) is stale
    assert ("EV-11" in scene.machine.faults) is stale
    assert ("HLC-05" in scene.machine.faults) is (state is S.FINISHING)
    if state is S.FINISHING:
        assert scene.machine.wish is None
        command = scene.command
        assert (Stage.IDLE, False, False) == (command.stage, command.authorized, command.close_contactors)
        assert scene.machine.ending is not None
        assert scene.machine.ending.reason is StopReason.FAULT


def test_a_car_that_asks_again_in_time_goes_on() -> None:
    scene = Scene().charging()
    scene.step(asked_at_s=scene.now_s)
    scene.step(1.5)
    assert scene.machine.text == "the car has stopped asking, its power is held"

    assert scene.step(asked_at_s=scene.now_s) is S.CHARGING
    assert scene.machine.text == "charging"
    assert scene.machine.faults == {}


def test_precharge_and_cable_check_know_no_age() -> None:
    for scene in (Scene().cable_check(), Scene().precharge()):
        state, at_s = scene.machine.state, scene.now_s
        scene.step(4.0, asked_at_s=at_s - 30.0)

        assert scene.machine.state is state
        assert not scene.machine.demand_is_stale(scene.view)


def test_a_car_that_pauses_may_be_silent() -> None:
    scene = Scene().charging()
    scene.step(asked_at_s=scene.now_s)
    scene.sees(ready=False, target_current_a=0.0)
    scene.run(30.0)

    assert scene.machine.state is S.SUSPENDED_EV


def test_a_car_that_waits_for_power_must_go_on_asking() -> None:
    scene = Scene().charging()
    scene.step(asked_at_s=scene.now_s, assigned_w=0.0)
    assert scene.machine.state is S.SUSPENDED_EVSE

    assert scene.step(2.1) is S.FINISHING


# --- the runner ------------------------------------------------------------------------------------------------------


async def charging(bench: Bench, nursery: trio.Nursery) -> None:
    nursery.start_soon(bench.live)
    nursery.start_soon(bench.runner.run, bench.lifeline)
    await bench.lifeline.is_ready.wait()
    bench.plug()
    bench.runner.present(TAG, authorize=True)
    await bench.until(lambda: bench.runner.machine.state is S.CHARGING and bench.current_a > 80)


async def test_power_is_off_and_contactors_open_without_current_when_the_car_falls_mute(
    autojump_clock: MockClock,
) -> None:
    bench, limits, changes = Bench(), Timeouts(), []
    bench.runner.ports.demand_changed = lambda: changes.append(trio.current_time())
    async with trio.open_nursery() as nursery:
        await charging(bench, nursery)
        await trio.sleep(3)
        bench.asks = False
        last_s = bench.asked_at_s
        assert last_s is not None
        assert not bench.runner.demand(trio.current_time()).stale
        asked = bench.runner.demand(trio.current_time())

        await bench.until(lambda: bench.runner.demand(trio.current_time()).stale)
        held_s = trio.current_time()
        assert limits.demand_held_s <= held_s - last_s <= limits.demand_held_s + 2 * STEP_S
        held = bench.runner.demand(held_s)
        assert (asked.requested_w, asked.offered_w) == (held.requested_w, held.offered_w)
        await bench.until(lambda: "EV-11" in bench.faults.history)
        assert held_s - 0.01 <= changes[-1] <= held_s + SCAN_PERIOD_S, "the planner is told at once"

        await bench.until(lambda: bench.stage.set_point is None)
        off_s = trio.current_time()
        assert limits.demand_lost_s <= off_s - last_s <= limits.demand_lost_s + 2 * STEP_S + SCAN_PERIOD_S
        await bench.until(lambda: bool(bench.log.ended))
        nursery.cancel_scope.cancel(reason="the session was seen")

    (session,) = bench.log.ended
    assert session.stop_reason is StopReason.FAULT
    assert session.stop_detail.startswith("HLC-05 the car has asked for nothing for 2.")
    assert ("HLC-05", "connector-1") in bench.faults.active
    assert ("EV-11", "connector-1") not in bench.faults.active
    assert not bench.contactors_closed
    assert bench.opened_under_load == 0


async def test_the_age_of_the_boards_answer_is_added_to_the_age_it_tells(autojump_clock: MockClock) -> None:
    bench, now_s = Bench(), trio.current_time()
    bench.ev_link.status.publish(attrs.evolve(LOOP, target_age_ms=250.0), now_s)
    await trio.sleep(0.3)

    assert bench.runner.view(trio.current_time()).asked_at_s == pytest.approx(trio.current_time() - 0.55)


async def test_a_board_that_does_not_tell_the_age_leaves_the_session_alone(autojump_clock: MockClock) -> None:
    bench = Bench(tells_age=False, asks=False)
    async with trio.open_nursery() as nursery:
        await charging(bench, nursery)
        await trio.sleep(20)
        assert bench.runner.machine.state is S.CHARGING
        assert not bench.runner.demand(trio.current_time()).stale
        nursery.cancel_scope.cancel(reason="the session was seen")
