"""A control pilot in state E or F: nobody knows whether a car is there; out of order until it is unplugged."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.faults import catalogue
from jp_firmware.model.connector import ConnectorState, EvStatus, LockState, PilotState
from jp_firmware.model.faults import Fault
from tests.charging.bench import Bench
from tests.charging.scenes import READY, TOKEN, Scene
from tests.charging.test_runner import running, until_state

S = ConnectorState
LIMITS = Timeouts()
KINDS = catalogue.load()
SHORTED = EvStatus(pilot=PilotState.E)


def run(scene: Scene, seconds: float) -> ConnectorState:
    """Steps of 0.1 s; what the machine says of itself comes back through the register, as on the charger."""
    for _ in range(round(seconds * 10)):
        scene.step()
        scene.faults = tuple(
            Fault(kind=KINDS[code], source="connector-1", detail=detail, raised_at=datetime.now(UTC))
            for code, detail in scene.machine.faults.items()
        )
    return scene.machine.state


@pytest.mark.parametrize("pilot", [PilotState.E, PilotState.F])
def test_an_idle_connector_is_out_of_order_before_anybody_comes_and_until_its_pilot_is_well(pilot: PilotState) -> None:
    scene = Scene().available()
    scene.ev = EvStatus(pilot=pilot)
    assert run(scene, LIMITS.pilot_fault_s + 0.5) is S.FAULTED
    assert scene.machine.faults == {"EV-01": f"control pilot in state {pilot.value}"}
    assert not scene.machine.authorize(TOKEN, scene.now_s)
    assert run(scene, 600) is S.FAULTED

    scene.ev = EvStatus()
    assert run(scene, 0.5) is S.AVAILABLE
    assert scene.machine.faults == {}


def test_a_moment_of_state_f_by_which_a_board_has_a_car_begin_anew_is_no_fault() -> None:
    scene = Scene().available()
    scene.step(ev=READY)
    assert scene.machine.state is S.PREPARING
    scene.sees(pilot=PilotState.F)
    assert run(scene, 0.3) is S.PREPARING
    scene.sees(pilot=PilotState.C)
    run(scene, 5)

    assert scene.machine.state is S.PREPARING
    assert scene.machine.faults == {}


def test_a_session_that_it_ended_leaves_the_connector_out_of_order_until_it_is_unplugged() -> None:
    """Neither while it is shorted nor when it is well again does anybody know whether this is the same car."""
    scene = Scene().charging()
    scene.sees(pilot=PilotState.E)
    assert scene.step() is S.FINISHING
    scene.machine.session_over()
    assert run(scene, 60) is S.FAULTED
    scene.sees(pilot=PilotState.B)
    assert run(scene, 60) is S.FAULTED
    assert "EV-01" in scene.machine.faults

    scene.ev = EvStatus()
    assert run(scene, 0.5) is S.AVAILABLE
    assert scene.machine.faults == {}


def test_a_car_that_has_finished_is_not_taken_for_gone() -> None:
    scene = Scene().charging()
    scene.sees(stop_request=True)
    scene.step()
    scene.sees(contactors_closed=False)
    scene.machine.session_over()
    assert run(scene, 5) is S.FINISHING
    scene.sees(pilot=PilotState.E)
    for _ in range(50):
        assert run(scene, 0.1) in (S.FINISHING, S.FAULTED)

    assert scene.machine.state is S.FAULTED


def test_a_pilot_that_is_shorted_at_the_start_is_not_shown_as_available_first() -> None:
    scene = Scene(ev=SHORTED)
    assert {run(scene, 0.1) for _ in range(30)} == {S.UNAVAILABLE, S.FAULTED}
    assert scene.machine.state is S.FAULTED


def test_a_fault_that_goes_before_it_has_blocked_does_not_stand_for_ever() -> None:
    scene = Scene().available()
    scene.ev = SHORTED
    while not scene.machine.faults:
        scene.step()
    scene.ev = EvStatus()
    scene.run(1)

    assert scene.machine.state is S.AVAILABLE
    assert scene.machine.faults == {}


def test_a_plug_is_unlocked_whatever_its_pilot_says() -> None:
    scene = Scene().available()
    scene.step(ev=attrs.evolve(SHORTED, lock=LockState.LOCKED))
    scene.machine.ask_to_unlock()
    assert scene.command.unlock

    scene.sees(lock=LockState.UNLOCKED)
    scene.step()
    assert not scene.command.unlock


async def test_a_car_counts_as_plugged_in_or_not_as_it_did_before(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        for car, plugged in ((READY, True), (EvStatus(), False)):
            bench.car = car
            await trio.sleep(1)
            bench.car = attrs.evolve(car, pilot=PilotState.E)
            await until_state(bench, S.FAULTED)
            report = bench.runner.report.signal.value
            assert report is not None
            assert report.plugged is plugged
            bench.unplug()
            await until_state(bench, S.AVAILABLE)
