"""The DC output: when current flows, where energy goes, how modules share."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.sim.bus import Bus
from jp_firmware.sim.module import Module
from jp_firmware.sim.vehicle import Battery

STEP_S = 0.01


def parallel(count: int = 2, errors: tuple[float, ...] = (0.0, 0.0, 0.0)) -> list[Module]:
    modules = [Module(id=f"module-{n}", startup_s=0.0, regulation_error=errors[n]) for n in range(count)]
    for module in modules:
        module.power_up(0.0)
        module.walk_in_enabled = False
    return modules


def pack(soc_percent: float = 50.0) -> Battery:
    return Battery(nominal_voltage_v=400, resistance_ohm=0.06, capacity_wh=20_000, soc_percent=soc_percent)


def run(bus: Bus, seconds: float, start_s: float = 0.0) -> None:
    for index in range(round(seconds / STEP_S)):
        now_s = start_s + (index + 1) * STEP_S
        for module in bus.modules:
            module.heard(now_s)
        bus.step(now_s, STEP_S)


@pytest.mark.parametrize(("closed", "car_closed", "on"), list(itertools.product([False, True], repeat=3)))
def test_current_needs_both_contactors_and_a_module_that_is_on(closed: bool, car_closed: bool, on: bool) -> None:
    modules = parallel()
    bus = Bus(modules, closed=closed, car_closed=car_closed, battery=pack())
    for module in modules:
        module.set_output(420, 50, 0.0)
        if on:
            module.switch_on(0.0)
    run(bus, 2)

    assert (bus.current_a > 0) is (closed and car_closed and on)


def test_cable_check_charges_the_cable_only() -> None:
    """Charger's contactor closed, car's open: the voltage is at the plug, no current flows."""
    modules = parallel()
    bus = Bus(modules, closed=True, battery=pack())
    for module in modules:
        module.set_output(500, 2, 0.0)
        module.switch_on(0.0)
    run(bus, 2)

    assert bus.cable_v == pytest.approx(500)
    assert bus.current_a == 0
    assert bus.battery is not None
    assert bus.battery.taken_wh == 0


def test_no_voltage_reaches_the_cable_through_an_open_contactor() -> None:
    modules = parallel()
    bus = Bus(modules)
    modules[0].set_output(500, 2, 0.0)
    modules[0].switch_on(0.0)
    run(bus, 2)

    assert bus.voltage_v == pytest.approx(500)
    assert bus.cable_v == 0


def test_modules_with_different_references_still_share_at_their_current_limit() -> None:
    modules = parallel(2, (5e-4, -5e-4, 0.0))
    bus = Bus(modules, closed=True, car_closed=True, battery=pack())
    for module in modules:
        module.set_output(450, 60, 0.0)
        module.switch_on(0.0)
    run(bus, 3)

    assert [module.current_a for module in modules] == pytest.approx([60, 60])


def test_modules_share_by_droop_at_their_voltage_limit() -> None:
    """Near the set-point the one with the higher reference takes more, and both take some."""
    modules = parallel(2, (1e-4, -1e-4, 0.0))
    bus = Bus(modules, closed=True, car_closed=True, battery=pack())
    for module in modules:
        module.set_output(383, 100, 0.0)
        module.switch_on(0.0)
    run(bus, 3)
    first, second = modules

    assert first.current_a > second.current_a > 0


@settings(max_examples=25, deadline=None)
@given(
    soc=st.floats(0, 99),
    settings_=st.lists(st.tuples(st.floats(150, 1000), st.floats(0.5, 100), st.booleans()), min_size=1, max_size=3),
    closed=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=6),
)
def test_energy_is_neither_made_nor_lost(
    soc: float, settings_: list[tuple[float, float, bool]], closed: list[tuple[bool, bool]]
) -> None:
    """Modules' integral = bus's integral = what the battery took = what it stored and lost, whatever is switched."""
    modules = parallel(len(settings_), (5e-4, -3e-4, 1e-4))
    battery = pack(soc)
    bus = Bus(modules, battery=battery)
    bus_wh = stored_wh = 0.0
    for module, (voltage_v, current_a, on) in zip(modules, settings_, strict=True):
        module.set_output(voltage_v, current_a, 0.0)
        if on:
            module.switch_on(0.0)
    now_s = 0.0
    for bus.closed, bus.car_closed in closed:
        for _ in range(30):
            now_s += STEP_S
            before_v = battery.open_circuit_v
            bus.step(now_s, STEP_S)
            bus_wh += bus.voltage_v * bus.current_a * STEP_S / 3600
            stored_wh += before_v * bus.current_a * STEP_S / 3600
    modules_wh = sum(module.energy_wh for module in modules)

    assert modules_wh == pytest.approx(bus_wh, rel=1e-9, abs=1e-9)
    assert battery.taken_wh == pytest.approx(bus_wh, rel=1e-4, abs=1e-6)
    assert battery.taken_wh == pytest.approx(stored_wh + battery.lost_wh, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    open_circuit=st.floats(200, 900),
    resistance=st.floats(0, 0.5),
    points=st.lists(st.tuples(st.floats(150, 1000), st.floats(0.5, 100)), min_size=1, max_size=3),
)
def test_no_module_ever_leaves_its_envelope(
    open_circuit: float, resistance: float, points: list[tuple[float, float]]
) -> None:
    modules = parallel(len(points))
    battery = Battery(nominal_voltage_v=open_circuit / 0.95, resistance_ohm=resistance, capacity_wh=1e6, soc_percent=50)
    bus = Bus(modules, closed=True, car_closed=True, battery=battery)
    for module, (voltage_v, current_a) in zip(modules, points, strict=True):
        module.set_output(voltage_v, current_a, 0.0)
        module.switch_on(0.0)
    for index in range(60):
        bus.step(0.05 * (index + 1), 0.05)
        for module, (voltage_v, current_a) in zip(modules, points, strict=True):
            assert 0 <= module.current_a <= current_a + 1e-9
            assert module.voltage_v * module.current_a <= 30_000 * 1.001
            assert module.current_a == 0 or bus.voltage_v <= voltage_v + 1e-6
