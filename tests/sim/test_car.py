"""The car on the plug: its sequence, its patience, its ends. Time is moved by hand."""

import pytest

from jp_firmware.model.connector import EvProtocol, Insulation, PilotState, SlacState, Stage
from jp_firmware.sim.car import Phase
from jp_firmware.sim.outlet import OutletAlarm
from tests.sim.bench import Bench


def test_a_plugged_car_introduces_itself_and_waits_for_authorization() -> None:
    bench = Bench()
    bench.plug()
    bench.advance(0.05)

    assert (bench.ev.pilot, bench.ev.slac, bench.ev.protocol) == (PilotState.B, SlacState.MATCHING, EvProtocol.NONE)
    bench.advance(60)

    assert (bench.ev.pilot, bench.ev.slac, bench.ev.protocol) == (
        PilotState.B,
        SlacState.MATCHED,
        EvProtocol.DIN_70121,
    )
    assert len(bench.ev.evccid) == 12
    assert bench.ev.soc_percent is None  # told with the charge parameters, after authorization


def test_an_authorized_car_tells_its_limits_and_waits_for_the_cable_check_without_being_ready() -> None:
    bench = Bench()
    bench.to_cable_check()

    assert bench.ev.pilot is PilotState.C
    assert (bench.ev.max_voltage_v, bench.ev.max_current_a, bench.ev.max_power_w) == (424, 370, 130_000)
    assert bench.ev.soc_percent == 20
    assert not bench.ev.ready
    assert bench.ev.target_voltage_v is None


def test_precharge_asks_for_the_batterys_voltage_and_ready_comes_with_its_own_contactor() -> None:
    bench = Bench()
    bench.to_closed()
    bench.output(450, 2)
    bench.until(lambda: bench.ev.insulation is Insulation.VALID, 3)
    bench.off()
    bench.until(lambda: bench.bus.voltage_v < 60, 2)
    bench.command(stage=Stage.PRECHARGE)
    bench.advance(1)

    assert bench.ev.target_voltage_v == pytest.approx(bench.car.battery.open_circuit_v)
    assert not bench.ev.ready
    assert not bench.bus.car_closed
    bench.output(bench.car.battery.open_circuit_v - 25, 1)
    bench.advance(1)

    assert not bench.bus.car_closed  # 25 V apart
    bench.output(bench.car.battery.open_circuit_v - 10, 1)
    bench.until(lambda: bench.ev.ready, 1)

    assert bench.bus.car_closed
    assert bench.ev.target_current_a == 0  # until delivery starts


def test_the_car_follows_its_charge_curve_after_its_ramp() -> None:
    bench = Bench()
    bench.to_charging()
    bench.advance(1)
    wanted_w = bench.car.vehicle.power_at(bench.car.battery.soc_percent)
    assert bench.ev.target_current_a is not None

    assert bench.ev.target_current_a * bench.bus.voltage_v == pytest.approx(wanted_w, rel=0.01)


def test_a_session_charges_the_battery_by_what_the_meter_counts() -> None:
    bench = Bench()
    bench.to_charging()
    bench.advance(20)
    modules_wh = sum(module.energy_wh for module in bench.bus.modules)
    battery = bench.car.battery

    assert modules_wh > 200
    assert bench.plant.meters["meter-1"].energy_wh == pytest.approx(modules_wh, rel=1e-9)
    assert battery.taken_wh == pytest.approx(modules_wh, rel=1e-6)
    gained_wh = (battery.soc_percent - 20) / 100 * battery.capacity_wh
    assert gained_wh == pytest.approx(battery.taken_wh - battery.lost_wh, rel=1e-6)


def test_the_car_stops_by_itself_at_its_wanted_charge_and_opens_without_load() -> None:
    bench = Bench()
    bench.to_charging()
    bench.car.leave_at_percent = bench.car.battery.soc_percent + 0.2
    bench.until(lambda: bench.ev.stop_request, 5)

    assert bench.ev.target_current_a == 0
    assert not bench.ev.ready
    assert bench.ev.pilot is PilotState.C  # until its contactor is open
    bench.off()
    bench.until(lambda: not bench.bus.car_closed, 0.2)
    bench.until(lambda: bench.ev.pilot is PilotState.B, 0.1)
    bench.command(stage=Stage.IDLE, close_contactors=False, authorized=False)
    bench.until(lambda: not bench.ev.contactors_closed, 0.2)
    bench.advance(1)

    assert not bench.ev.stop_request  # the stage is idle again
    assert bench.outlet.opened_under_load == 0
    assert bench.car.opened_under_load == 0


def test_a_charger_that_never_takes_the_current_away_makes_the_car_open_under_load() -> None:
    bench = Bench()
    bench.to_charging()
    bench.car.leave_at_percent = 0.0
    bench.advance(2.5)

    assert bench.bus.current_a > 100
    bench.advance(1)

    assert bench.bus.current_a == 0
    assert bench.car.opened_under_load == 1
    assert bench.outlet.opened_under_load == 1


@pytest.mark.parametrize("change", [{"stop": True}, {"stage": Stage.STOPPING}, {"authorized": False}])
def test_a_charger_that_ends_the_session_is_obeyed(change: dict[str, object]) -> None:
    bench = Bench()
    bench.to_charging()
    bench.command(**change)
    bench.advance(0.1)

    assert bench.car.phase is Phase.STOPPING
    assert bench.ev.target_current_a == 0
    bench.off()
    bench.until(lambda: bench.car.phase is Phase.ENDED, 0.3)

    assert not bench.bus.car_closed
    assert bench.car.ended_because == "stopped by the charger"


def test_a_car_gives_up_after_seven_seconds_of_precharge_without_a_match() -> None:
    bench = Bench()
    bench.to_closed()
    bench.command(stage=Stage.PRECHARGE)
    took_s = bench.until(lambda: bench.ev.stop_request, 10)

    assert took_s == pytest.approx(7.0, abs=0.1)


def test_a_car_gives_up_after_forty_seconds_of_cable_check() -> None:
    bench = Bench()
    bench.to_closed()
    took_s = bench.until(lambda: bench.ev.stop_request, 45)

    assert took_s == pytest.approx(40.0, abs=0.3)


def test_a_paused_car_is_not_ready_and_goes_on_later() -> None:
    bench = Bench()
    bench.to_charging()
    bench.car.paused = True
    bench.advance(0.1)

    assert not bench.ev.ready
    assert bench.ev.target_current_a == 0
    assert bench.ev.pilot is PilotState.C
    bench.car.paused = False
    bench.advance(1.5)

    assert bench.ev.ready
    assert bench.car.target_current_a > 100


def test_a_car_that_is_not_full_can_be_started_again_without_unplugging() -> None:
    bench = Bench()
    bench.to_charging()
    bench.command(stop=True)
    bench.advance(0.1)
    bench.off()
    bench.advance(0.3)
    bench.command(stop=False, stage=Stage.IDLE, authorized=False, close_contactors=False)
    bench.advance(2)

    assert bench.car.phase is Phase.ENDED
    bench.command(authorized=True)
    bench.until(lambda: bench.car.phase is Phase.CABLE_CHECK, 2)


def test_a_full_car_stays_ended() -> None:
    bench = Bench()
    bench.to_charging()
    bench.car.leave_at_percent = bench.car.battery.soc_percent
    bench.advance(0.1)
    bench.off()
    bench.advance(0.3)
    bench.command(stage=Stage.IDLE, authorized=False, close_contactors=False)
    bench.advance(1)
    bench.command(authorized=True)
    bench.advance(3)

    assert bench.car.phase is Phase.ENDED


def test_an_insulation_fault_ends_the_cable_check() -> None:
    bench = Bench()
    bench.outlet.alarms.add(OutletAlarm.INSULATION)
    bench.to_closed()
    bench.output(450, 2)
    bench.until(lambda: bench.ev.insulation is Insulation.FAULT, 3)
    bench.advance(0.1)

    assert bench.car.phase is Phase.ENDED
    assert not bench.ev.contactors_closed
    assert bench.ev.insulation is Insulation.FAULT  # readable until the controller has reacted
    assert bench.ev.insulation_ohm == 20_000
    bench.command(close_contactors=False)
    bench.advance(0.2)

    assert bench.ev.insulation is Insulation.UNTESTED
