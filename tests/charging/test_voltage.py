"""Which voltage the modules are told: never more than car, connector and modules bear, whatever the car asks for."""

from __future__ import annotations

import math

import attrs
import pytest

from jp_firmware.charging.delivery import over_voltage_limit_v
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.model.connector import ConnectorState, Insulation
from jp_firmware.model.power import MeterReading, StageRating
from tests.charging.scenes import READY, TOKEN, Scene

S = ConnectorState
LIMITS = Timeouts()
LOW_RANGE = StageRating(max_voltage_v=500, min_voltage_v=150, max_current_a=200, max_power_w=60_000)


def test_a_precharge_target_above_what_the_car_bears_is_never_told_to_the_modules() -> None:
    scene = Scene().precharge()
    scene.sees(target_voltage_v=900.0)  # the car has said that it bears 450 V
    scene.step()

    assert scene.machine.wish is not None
    assert scene.machine.wish.voltage_v == READY.max_voltage_v


@pytest.mark.parametrize(
    ("rating", "target_v", "max_v"),
    [(LOW_RANGE, 750.0, 920.0), (LOW_RANGE, 120.0, 450.0)],
)
def test_a_car_whose_battery_the_modules_cannot_reach_is_told_apart_from_a_precharge_that_failed(
    rating: StageRating, target_v: float, max_v: float
) -> None:
    scene = Scene(rating=rating).precharge()
    scene.sees(target_voltage_v=target_v, max_voltage_v=max_v)
    scene.at_output(min(500.0, max(150.0, target_v)))
    scene.run(LIMITS.precharge_s + 0.5)

    assert scene.machine.state is S.FINISHING
    assert list(scene.machine.faults) == ["EV-09"]


def test_a_car_that_bears_less_than_the_modules_least_gets_no_session() -> None:
    scene = Scene().available()
    scene.step(ev=attrs.evolve(READY, max_voltage_v=120.0))
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step()

    assert not scene.machine.wants_session
    assert scene.machine.token is None
    assert scene.machine.faults == {"EV-09": "the car bears 120 V, the modules give no less than 150 V"}


@pytest.mark.parametrize("max_v", [450.0, 500.0, 750.0, 850.0, 920.0])
def test_a_test_voltage_that_modules_overshoot_a_little_is_no_over_voltage(max_v: float) -> None:
    """A car that bears 750 V is tested at 825 V, also its over-voltage limit: half a volt more ended the session."""
    scene = Scene().cable_check()
    scene.sees(max_voltage_v=max_v)
    scene.step()
    scene.sees(contactors_closed=True, insulation=Insulation.TESTING)
    scene.step()
    assert scene.machine.wish is not None
    scene.at_output(scene.machine.wish.voltage_v + 4)
    scene.run(5)
    assert scene.machine.state is S.CABLE_CHECK

    scene.at_output(max(over_voltage_limit_v(max_v), scene.machine.wish.voltage_v + LIMITS.test_tolerance_v) + 1)
    scene.run(1)
    assert "PWR-02" in scene.machine.faults


@pytest.mark.parametrize("target_v", [None, 0.0, -50.0, math.nan])
def test_a_car_in_the_loop_without_a_target_voltage_gets_nothing(target_v: float | None) -> None:
    """Not its maximum, as once: that is what it bears, and not what it asks for."""
    scene = Scene().charging()
    scene.run(5)
    assert scene.machine.wish is not None
    scene.sees(target_voltage_v=target_v)
    scene.step()

    assert scene.machine.wish is None


@pytest.mark.parametrize("field", ["target_current_a", "max_current_a"])
@pytest.mark.parametrize("value_a", [0.0, -10.0, math.nan, -math.inf])
def test_no_current_that_makes_no_sense_is_delivered_or_asked_of_the_planner(field: str, value_a: float) -> None:
    scene = Scene().charging()
    scene.run(5)
    scene.sees(**{field: value_a})
    scene.step()

    assert scene.machine.wish is None
    assert scene.machine.session is not None
    assert scene.ev is not None
    requested_w, offered_w, _ = scene.machine.session.demand_w(scene.ev, scene.view)
    assert requested_w >= LIMITS.min_power_w
    assert offered_w >= 0.0


@pytest.mark.parametrize("target_a", [1e9, math.inf])
def test_a_huge_current_is_as_much_as_there_is(target_a: float) -> None:
    scene = Scene().charging()
    scene.sees(target_current_a=target_a)
    scene.run(20)

    assert scene.machine.wish is not None
    assert scene.machine.wish.current_a == pytest.approx(50_000 / 398, abs=0.1)


@pytest.mark.parametrize(
    ("meter_v", "output_v", "output_a", "most_a"),
    [
        (398.0, 250.0, 0.0, 19_900 / 398),  # modules start up: the battery is what the meter reads
        (398.0, 250.0, 40.0, 19_900 / 398),  # voltage and current of two different moments
        (None, 250.0, 0.0, 19_900 / 400),  # nobody reads the battery: it is below the car's target
        (0.0, 250.0, 0.0, 19_900 / 400),
        (math.nan, 250.0, 0.0, 19_900 / 400),
        (None, 390.0, 40.0, 19_900 / 390),
        (380.0, 390.0, 40.0, 19_900 / 390),
    ],
)
def test_the_planners_watts_are_never_more_amperes_than_the_battery_takes_for_them(
    meter_v: float | None, output_v: float, output_a: float, most_a: float
) -> None:
    scene = Scene().charging()
    scene.assigned_w = 19_900.0
    scene.at_output(output_v, output_a)
    reading = MeterReading(voltage_v=meter_v or 0.0, current_a=output_a, power_w=0, import_wh=1000)
    scene.meter = reading if meter_v is not None else None
    scene.run(10)

    assert scene.machine.wish is not None
    assert most_a - 0.1 < scene.machine.wish.current_a <= most_a + 1e-9


def test_a_car_that_was_not_ready_for_a_moment_starts_its_ramp_anew() -> None:
    scene = Scene().charging()
    scene.run(10)
    scene.sees(ready=False)
    scene.run(1)
    scene.sees(ready=True)
    scene.step()

    assert scene.machine.wish is not None
    assert scene.machine.wish.current_a < 2 * LIMITS.ramp_a_per_s * 0.2
