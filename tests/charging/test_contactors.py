"""Contactors whose feedback is not what they were told: welded ones are found without a session, and before one."""

from __future__ import annotations

import attrs
import pytest
from trio.testing import MockClock

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import ConnectorState, EvStatus
from jp_firmware.model.faults import Severity
from jp_firmware.model.session import StopReason
from tests.charging.bench import Bench
from tests.charging.scenes import READY, Scene, fault
from tests.charging.test_runner import charging, running, until_state

S = ConnectorState
LIMITS = Timeouts()


@pytest.mark.parametrize("car", [EvStatus(), READY])
def test_contactors_that_are_closed_without_a_session_are_a_fault(car: EvStatus) -> None:
    scene = Scene().available()
    scene.step(ev=attrs.evolve(car, contactors_closed=True))
    assert scene.run(LIMITS.contactor_open_s - 0.2) is not S.FAULTED
    assert scene.machine.faults == {}, "they may just be opening"

    scene.run(0.3)
    assert scene.machine.faults == {"CON-01": "closed, without a session"}


def test_welded_contactors_stay_a_fault_after_the_car_has_gone_and_until_they_are_open() -> None:
    scene = Scene().available()
    scene.step(ev=attrs.evolve(READY, contactors_closed=True))
    scene.run(2)
    welded = (fault("CON-01", Severity.DANGER, "connector-1"),)
    assert scene.step(faults=welded) is S.FAULTED
    scene.step(ev=EvStatus(contactors_closed=True))
    scene.run(5)
    assert "CON-01" in scene.machine.faults, "an unplug opens no contactor"

    scene.step(ev=EvStatus())
    assert scene.machine.faults == {}


def test_a_cable_check_does_not_begin_on_contactors_that_are_closed_already() -> None:
    scene = Scene().cable_check()
    scene.sees(contactors_closed=True)
    scene.run(LIMITS.discharge_s - 0.5)
    assert scene.machine.wish is None, "no test voltage"

    scene.run(1)
    assert scene.machine.state is S.FINISHING
    assert list(scene.machine.faults) == ["CON-01"]


def test_in_a_session_closed_contactors_are_as_they_should_be() -> None:
    scene = Scene().charging()

    assert scene.run(5) is S.CHARGING
    assert scene.machine.faults == {}


async def test_welded_contactors_lock_the_connector_out_although_its_car_has_gone(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        await charging(bench)
        bench.welded = True
        bench.runner.end(Ending(StopReason.LOCAL))
        await until_state(bench, S.FAULTED)
        bench.unplug()
        for _ in range(100):
            await bench.turned.wait()

        assert "CON-01" in bench.runner.machine.faults
        assert bench.runner.machine.state is S.FAULTED
