"""Claims about rounding: what a module is told is never above the set-point that was asked for, in any family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.modules import huawei_wire, infypower_wire, maxwell_wire, tonhe_wire, uugreenpower_wire
from jp_firmware.hw.modules.dbc_file import Field
from jp_firmware.hw.modules.driver import Measured, load_driver, load_profile
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.infypower_beg_wire import Item
from jp_firmware.hw.modules.steps import steps_within
from jp_firmware.sim.modules.stand_in import StandIn
from tests.hw.modules.fake import PROFILE
from tests.hw.modules.test_left_alone import FAMILIES

SINGLE_V = 1e-4
"""By which the nearest number of single precision may lie above a voltage: Maxwell's are such."""


ODD = [(200.0499, 3.0049), (333.3333, 7.7777), (399.99951, 19.99951), (400, 15), (450.1, 10.07)]


@pytest.mark.parametrize("driver", FAMILIES)
@pytest.mark.parametrize(("voltage_v", "current_a"), ODD)
def test_a_module_that_was_set_holds_no_more_than_it_was_asked(driver: str, voltage_v: float, current_a: float) -> None:
    """By the emulated module's own reading of the frames."""
    stand_in = StandIn(driver, FAMILIES[driver], (1,))
    for one in stand_in.modules:
        one.power_up(0.0)
    for frame in load_driver(driver).codec(1, load_profile(FAMILIES[driver])).set_point(voltage_v, current_a):
        stand_in.hear(frame, 10.0)

    set_v, set_a = stand_in.modules[0].set_voltage_v, stand_in.modules[0].set_current_a
    assert set_v is not None
    assert set_a is not None
    assert voltage_v - 0.11 <= set_v <= voltage_v + SINGLE_V
    assert current_a - 0.02 <= set_a <= current_a


@given(st.integers(0, 2**31), st.sampled_from([0.1, 0.01, 0.001, 1 / 1024, 0.5]))
def test_a_whole_number_of_steps_is_said_as_it_is(steps: int, step: float) -> None:
    assert steps == steps_within(steps * step / step)


def test_each_scale_at_its_worst() -> None:
    assert 49_999 == infypower_wire.Output.decode(infypower_wire.Output(500, 49.9999).encode()).current_a * 1000
    assert 49_999 == Item.milli(0x1002, 49.9999).value
    assert 49_999 == uugreenpower_wire.to_milli(49.9999)
    assert 51_199 == maxwell_wire.of_current(49.9999)
    assert 51_199 == huawei_wire.scaled(huawei_wire.Signal.OUTPUT_CURRENT, 49.9999).value
    told = tonhe_wire.Command.decode(tonhe_wire.Command(tonhe_wire.Switch.ON, 399.99, 49.999).encode())
    assert (399.9, 49.99) == (told.voltage_v, told.current_a)


@pytest.mark.parametrize(("scale", "raw"), [(1.0, 49), (0.5, 99), (-1.0, -49)])
def test_a_described_module_with_coarse_steps_is_told_less_never_more(scale: float, raw: int) -> None:
    field = Field(name="Current", shift=0, bits=16, little=False, signed=True, scale=scale)

    assert raw == field.raw_of(49.9, within=True)


@pytest.mark.parametrize("measured", [Measured(0.0, -0.4), Measured(-0.3, 0.0), Measured(399.8, -0.02)])
def test_a_converter_whose_zero_lies_a_little_low_is_heard_and_measures_nothing(measured: Measured) -> None:
    heard = Heard(PROFILE.rating)
    heard.asked(Measured, 1.0)

    assert heard.take(measured, 1.1)
    assert Measured(max(measured.voltage_v, 0), max(measured.current_a, 0)) == heard.measured


@pytest.mark.parametrize("measured", [Measured(400, -1.5), Measured(-20, 0), Measured(float("nan"), 0)])
def test_what_lies_far_below_zero_is_no_measurement(measured: Measured) -> None:
    heard = Heard(PROFILE.rating)
    heard.asked(Measured, 1.0)

    assert not heard.take(measured, 1.1)
    assert heard.measured is None
