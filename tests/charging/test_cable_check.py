"""The connector's machine in cable check and precharge: each step's order, its time and its fault."""

from __future__ import annotations

import pytest

from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.model.connector import (
    ConnectorState,
    Insulation,
    Stage,
)
from jp_firmware.model.session import StopReason
from tests.charging.scenes import Scene

S = ConnectorState
LIMITS = Timeouts()


def ended_by(scene: Scene) -> tuple[StopReason, str]:
    assert scene.machine.ending is not None
    return scene.machine.ending.reason, scene.machine.ending.detail


def test_the_contactors_close_only_below_the_safe_voltage() -> None:
    scene = Scene().cable_check()
    scene.at_output(80)
    scene.step()
    assert not scene.command.close_contactors
    scene.at_output(30)
    scene.step()

    assert scene.command.close_contactors
    assert scene.machine.wish is None


@pytest.mark.parametrize(("max_v", "test_v"), [(450.0, 500.0), (400.0, 450.0), (800.0, 880.0), (950.0, 1000.0)])
def test_the_test_voltage_follows_the_cars_maximum(max_v: float, test_v: float) -> None:
    scene = Scene().cable_check()
    scene.sees(max_voltage_v=max_v)
    scene.step()
    scene.sees(contactors_closed=True)
    scene.step()

    assert scene.machine.wish is not None
    assert scene.machine.wish.voltage_v == pytest.approx(test_v)
    assert scene.machine.wish.current_a == LIMITS.test_current_a


@pytest.mark.parametrize(
    ("stage", "patience_s", "code"),
    [
        ("discharge", LIMITS.discharge_s, "CON-04"),
        ("close", LIMITS.contactor_s, "CON-02"),
        ("rise", LIMITS.test_rise_s, "PWR-03"),
        ("insulation", LIMITS.insulation_s, "ISO-01"),
    ],
)
def test_each_step_of_the_cable_check_has_its_time_and_its_fault(stage: str, patience_s: float, code: str) -> None:
    scene = Scene().cable_check()
    if stage == "discharge":
        scene.at_output(300)
    if stage in ("rise", "insulation"):
        scene.step()
        scene.sees(contactors_closed=True)
        scene.step()
    if stage == "insulation":
        scene.at_output(500)
        scene.step()
        scene.sees(insulation=Insulation.TESTING)
    assert scene.run(patience_s - 0.5) is S.CABLE_CHECK

    assert scene.run(1.5) is S.FINISHING
    assert scene.machine.wish is None
    assert ended_by(scene)[0] is StopReason.FAULT
    assert code in scene.machine.faults


def test_a_bad_insulation_ends_the_cable_check_at_once() -> None:
    scene = Scene().cable_check()
    scene.sees(insulation=Insulation.FAULT, insulation_ohm=20_000.0)

    assert scene.step() is S.FINISHING
    assert scene.machine.faults == {"ISO-01": "insulation 20 kOhm"}


def test_precharge_goes_to_the_cars_voltage_and_waits_for_its_contactor() -> None:
    scene = Scene().precharge()
    scene.step()
    assert scene.machine.wish is not None
    assert (scene.machine.wish.voltage_v, scene.machine.wish.current_a) == (400.0, LIMITS.precharge_current_a)
    assert scene.command.stage is Stage.PRECHARGE

    scene.at_output(399)
    assert scene.run(3) is S.PRECHARGE
    scene.sees(ready=True, target_current_a=50.0)
    assert scene.step() is S.CHARGING


def test_a_precharge_that_never_matches_is_a_fault() -> None:
    scene = Scene().precharge()
    scene.at_output(250)

    assert scene.run(LIMITS.precharge_s + 0.5) is S.FINISHING
    assert "PWR-05" in scene.machine.faults
