"""One module as electricity: soft start, ramps, envelope, refusals, alarms, loss of its controller."""

import pytest

from jp_firmware.sim.bus import Bus
from jp_firmware.sim.module import Alarm, Module, ModuleRating, Refused, StartingUp
from jp_firmware.sim.vehicle import Battery

STEP_S = 0.01


class Rig:
    """A module on a bus of its own, its time moved by hand."""

    def __init__(self, battery: Battery | None = None, module: Module | None = None) -> None:
        self.module = module if module is not None else Module(id="module-1", startup_s=0.0)
        self.bus = Bus([self.module], closed=True, car_closed=battery is not None, battery=battery)
        self.now_s = 50.0
        self.module.power_up(self.now_s)
        self.controller_talks = True

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            if self.controller_talks:
                self.module.heard(self.now_s)
            self.bus.step(self.now_s, STEP_S)

    def on(self, voltage_v: float, current_a: float) -> None:
        self.module.set_output(voltage_v, current_a, self.now_s)
        self.module.switch_on(self.now_s)


def battery(open_circuit_v: float = 380.0) -> Battery:
    return Battery(nominal_voltage_v=open_circuit_v / 0.95, resistance_ohm=0.06, capacity_wh=50_000, soc_percent=50.0)


def test_the_soft_start_takes_five_seconds_to_full_voltage() -> None:
    rig = Rig()
    rig.on(1000, 10)
    rig.advance(2.5)

    assert rig.bus.voltage_v == pytest.approx(500, abs=5)
    rig.advance(2.6)

    assert rig.bus.voltage_v == pytest.approx(1000, abs=1)


def test_without_soft_start_the_voltage_is_there_within_a_second() -> None:
    rig = Rig()
    rig.module.walk_in_enabled = False
    rig.on(800, 10)
    rig.advance(0.85)

    assert rig.bus.voltage_v == pytest.approx(800, abs=1)


def test_current_rises_at_100_amperes_a_second_and_stops_at_the_set_point() -> None:
    rig = Rig(battery())
    rig.module.walk_in_enabled = False
    rig.on(420, 60)
    rig.advance(0.42)  # the reference has passed the battery's voltage
    start_a = rig.bus.current_a
    rig.advance(0.1)

    assert rig.bus.current_a - start_a == pytest.approx(10, abs=0.5)
    rig.advance(1.0)

    assert rig.bus.current_a == pytest.approx(60, abs=0.01)


def test_above_the_corner_power_is_constant() -> None:
    """30 kW at 600 V are 50 A, whatever the current set-point says."""
    rig = Rig(battery(600))
    rig.module.walk_in_enabled = False
    rig.on(700, 100)
    rig.advance(3)

    assert rig.bus.voltage_v * rig.bus.current_a == pytest.approx(30_000, rel=1e-6)
    assert rig.module.power_limited


def test_the_voltage_set_point_holds_and_current_falls_as_the_battery_reaches_it() -> None:
    rig = Rig(battery(380))
    rig.module.walk_in_enabled = False
    rig.on(382, 100)
    rig.advance(3)

    assert rig.bus.voltage_v <= 382
    assert 0 < rig.bus.current_a < 100


def test_nothing_flows_back_into_a_module() -> None:
    rig = Rig(battery(500))
    rig.module.walk_in_enabled = False
    rig.on(300, 50)
    rig.advance(2)

    assert rig.bus.current_a == 0
    assert rig.bus.voltage_v == pytest.approx(500)


def test_off_is_below_60_volts_within_a_second_from_anywhere() -> None:
    rig = Rig()
    rig.module.walk_in_enabled = False
    rig.on(1000, 10)
    rig.advance(1.5)
    rig.module.switch_off()
    rig.advance(1.0)

    assert rig.bus.voltage_v < 60
    assert rig.module.voltage_v < 60


def test_off_forgets_the_set_points() -> None:
    rig = Rig(battery())
    rig.module.walk_in_enabled = False
    rig.on(420, 50)
    rig.advance(2)
    rig.module.switch_off()
    rig.module.switch_on(rig.now_s)
    rig.advance(2)

    assert rig.bus.current_a == 0


@pytest.mark.parametrize(("voltage_v", "current_a"), [(400, 0), (400, 101), (1001, 10), (149, 10), (400, -1)])
def test_a_set_point_outside_the_ratings_is_refused_and_changes_nothing(voltage_v: float, current_a: float) -> None:
    rig = Rig()
    rig.on(400, 50)
    with pytest.raises(Refused):
        rig.module.set_output(voltage_v, current_a, rig.now_s)

    assert (rig.module.set_voltage_v, rig.module.set_current_a) == (400, 50)


def test_a_module_that_was_just_powered_up_obeys_nothing() -> None:
    rig = Rig(module=Module(id="module-1", startup_s=0.5))
    with pytest.raises(StartingUp):
        rig.module.switch_on(rig.now_s)
    rig.advance(0.6)
    rig.on(400, 10)

    assert rig.module.on


def test_ten_seconds_without_a_controller_end_in_off_and_it_stays_off() -> None:
    rig = Rig(battery())
    rig.module.walk_in_enabled = False
    rig.on(420, 50)
    rig.advance(2)
    rig.controller_talks = False
    rig.advance(9.9)

    assert rig.bus.current_a == pytest.approx(50, abs=0.1)
    rig.advance(0.2)

    assert not rig.module.on
    assert rig.module.comm_lost
    rig.controller_talks = True
    rig.advance(3)

    assert not rig.module.on
    assert not rig.module.comm_lost


@pytest.mark.parametrize("alarm", list(Alarm))
def test_every_alarm_takes_the_output_down_and_keeps_it_down_until_it_is_cleared(alarm: Alarm) -> None:
    rig = Rig(battery())
    rig.module.walk_in_enabled = False
    rig.on(420, 50)
    rig.advance(2)
    rig.module.raise_alarm(alarm)
    rig.advance(STEP_S)

    assert rig.bus.current_a == 0
    rig.on(420, 50)
    rig.advance(1)

    assert rig.bus.current_a == 0
    rig.module.clear_alarms()
    rig.on(420, 50)
    rig.advance(2)

    assert rig.bus.current_a > 40


# --- output ranges ---


def two_ranges(voltage_v: float = 380.0) -> Rig:
    rating = ModuleRating(low_range_max_voltage_v=500, range_gap_s=2)
    rig = Rig(battery(voltage_v), Module(id="module-1", startup_s=0.0, rating=rating))
    rig.module.walk_in_enabled = False
    return rig


def test_a_module_has_one_range_unless_its_rating_says_otherwise() -> None:
    rig = Rig()
    with pytest.raises(Refused, match="one range"):
        rig.module.select_range(False, rig.now_s)

    assert rig.module.max_voltage_v == 1000


def test_the_range_changes_with_the_output_off_and_down_only() -> None:
    rig = two_ranges()
    rig.on(420, 50)
    rig.advance(2)
    with pytest.raises(Refused, match="while on"):
        rig.module.select_range(False, rig.now_s)
    rig.module.switch_off()
    with pytest.raises(Refused, match="V"):
        rig.module.select_range(False, rig.now_s)

    assert rig.module.high_range
    rig.advance(1)
    rig.module.select_range(False, rig.now_s)

    assert not rig.module.high_range
    assert rig.module.max_voltage_v == 500


def test_in_the_low_range_its_end_is_the_limit() -> None:
    rig = two_ranges()
    rig.module.select_range(False, rig.now_s)
    rig.module.set_output(500, 50, rig.now_s)
    with pytest.raises(Refused):
        rig.module.set_output(501, 50, rig.now_s)


def test_in_the_high_range_it_may_deliver_less_current() -> None:
    rating = ModuleRating(low_range_max_voltage_v=500, high_range_max_current_a=60)
    module = Module(id="module-1", rating=rating, startup_s=0.0)
    module.set_output(400, 60, 0.0)
    with pytest.raises(Refused):
        module.set_output(400, 61, 0.0)
    module.select_range(False, 0.0)
    module.set_output(400, 100, 0.0)


def test_nothing_is_delivered_in_the_gap_after_a_change_of_range() -> None:
    rig = two_ranges()
    rig.module.select_range(False, rig.now_s)
    rig.on(420, 50)
    rig.advance(1.9)

    assert rig.module.on
    assert rig.bus.current_a == 0
    rig.advance(1.1)

    assert rig.bus.current_a == pytest.approx(50, abs=0.1)


def test_the_range_it_is_in_costs_no_gap() -> None:
    rig = two_ranges()
    rig.module.select_range(True, rig.now_s)
    rig.on(420, 50)
    rig.advance(1)

    assert rig.bus.current_a == pytest.approx(50, abs=0.1)


def test_power_up_is_in_the_high_range() -> None:
    rig = two_ranges()
    rig.module.select_range(False, rig.now_s)
    rig.module.power_up(rig.now_s)

    assert rig.module.high_range
    assert rig.module.max_voltage_v == 1000


def test_a_module_that_takes_its_time_to_start_delivers_only_then() -> None:
    rig = Rig(battery(), Module(id="module-1", startup_s=0.0, start_delay_s=3.0))
    rig.module.walk_in_enabled = False
    rig.on(420, 50)
    rig.advance(2.9)

    assert rig.module.on
    assert not rig.module.running
    assert rig.bus.current_a == 0
    rig.advance(1.1)

    assert rig.bus.current_a == pytest.approx(50, abs=0.1)


def test_a_current_that_takes_its_time_falls_after_off_in_a_straight_line() -> None:
    """However often OFF is repeated."""
    rig = Rig(battery())
    rig.module.walk_in_enabled = False
    rig.on(800, 50)
    rig.advance(2)
    rig.module.fall_s = 0.5
    rig.module.switch_off()
    assert not rig.module.on
    for left_a in (40, 30, 20, 10):
        rig.advance(0.1)
        assert rig.module.current_a == pytest.approx(left_a, abs=0.5)
        rig.module.switch_off()
    rig.advance(0.12)

    assert (rig.module.current_a, rig.module.running) == (0.0, False)
