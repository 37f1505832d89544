"""Claims about the Maxwell driver: what it says, what it understands, what it ignores, how it is tuned."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import maxwell
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.driver import (
    Condition,
    Detail,
    Identity,
    IdentityPart,
    MeasuredCurrent,
    MeasuredVoltage,
    Refused,
    Report,
    SetPointTaken,
    SwitchedOff,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.maxwell_wire import Bit
from tests.hw.can.test_frame import frames

PROFILE = load_profile("maxwell-mxr100030")


def codec(address: int = 1, **options: object) -> maxwell.MaxwellCodec:
    return maxwell.DRIVER.codec(address, attrs.evolve(PROFILE, options={**PROFILE.options, **options}))


CODEC = codec()


def heard(text: str) -> tuple[Report, ...]:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    return CODEC.decode(frame)


def texts(frames: tuple[Frame, ...]) -> list[str]:
    return [str(frame) for frame in frames]


def test_what_is_said_to_a_module() -> None:
    """The vendor's examples. Current goes first: a cut must not wait for the pause between frames."""
    set_point = ["06080F80#0300001B00019000", "06080F80#03000021442F0000"]

    assert set_point == texts(CODEC.set_point(700, 100))
    assert [*set_point, "06080F80#0300003000000000", *set_point] == texts(CODEC.start(700, 100))
    assert ["06080F80#0300003000010000"] == texts(CODEC.off())
    assert ["06080F80#1000000100000000", "06080F80#1000000200000000"] == texts(CODEC.ask_output())
    assert "06080F80#1000004000000000" == texts(CODEC.ask_condition())[-1]
    assert ["06080785#0300003000010000"] == texts(codec(0, group=5).off())


@pytest.mark.parametrize(
    ("text", "reports"),
    [
        ("060F8008#41F00001442F0000", (MeasuredVoltage(700.0),)),
        ("060F800D#41F00001442F0000", (MeasuredVoltage(700.0),)),
        ("060F8008#41F0000242480000", (MeasuredCurrent(50.0),)),
        ("060F8008#41F0000B41F80000", (Detail("ambient", ambient_c=31.0),)),
        ("060F8008#42F0004000400000", (Condition(False, None),)),
        ("060F8008#42F0004000000000", (Condition(True, None),)),
        ("060F8008#42F0004003810000", (Condition(True, None, notes=(
            "CAN was interrupted", "power limited", "derated by temperature", "limited by AC")),)),
        ("060F8008#42F0003000010000", (SetPointTaken("switch"), SwitchedOff())),
        ("060F8008#42F0003000000000", (SetPointTaken("switch"),)),
        ("060F8008#42F2003000000000", (Refused("switch", "out of its range, or not now"),)),
        ("060F8008#41F00021442F0000", (SetPointTaken("set voltage"),)),
        ("060F8008#41F20021428C0000", (Refused("set voltage", "out of its range, or not now"),)),
        ("060F8008#42F0001B00019000", (SetPointTaken("set current"),)),
        ("060F8008#42F2001B00000000", (Refused("set current", "out of its range, or not now"),)),
        ("060F8008#42F3001B00000000", (Refused("set current", "fault"),)),
        ("060F8008#42F0005520260731", (IdentityPart(0, 4, Identity(serial="20260731")),)),
        ("060F8008#42F0005400010001", (IdentityPart(1, 4, Identity(serial="00010001")),)),
        ("060F8008#42F0005600000066", (IdentityPart(2, 4, Identity(firmware="DCDC 102")),)),
        ("060F8008#42F2005700000000", (IdentityPart(3, 4, Identity()),)),
    ],
)  # fmt: skip
def test_what_a_module_says(text: str, reports: tuple[Report, ...]) -> None:
    assert reports == heard(text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("a refused question", "060F8008#41F2000100000000"),
        ("a float where a number is due", "060F8008#41F0004000400000"),
        ("a number where a float is due", "060F8008#42F00001442F0000"),
        ("not a number", "060F8008#41F000017FC00000"),
        ("without end", "060F8008#41F000017F800000"),
        ("a register of no use", "060F8008#41F00004442F0000"),
        ("an unknown register", "060F8008#42F0123400000000"),
        ("short", "060F8008#41F00001"),
        ("of another make", "060F8008#C1F1000100000000"),
    ],
)
def test_what_says_nothing_we_use(why: str, text: str) -> None:
    assert () == heard(text), why


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "060F8010#41F00001442F0000"),
        ("to another controller", "06078808#41F00001442F0000"),
        ("our own question, echoed", "06080F80#1000000100000000"),
        ("another protocol", "0E0F8008#41F00001442F0000"),
        ("standard", "008#41F00001442F0000"),
        ("remote", "060F8008#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.is_from_module(frame)
    assert isinstance(CODEC.decode(frame), tuple)


@given(
    st.sampled_from([0x41, 0x42]),
    st.sampled_from([0xF0, 0xF2]),
    st.sampled_from(wire.Register) | st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF),
)
def test_no_answer_of_a_module_makes_the_decoder_raise(function: int, result: int, register: int, value: int) -> None:
    frame = wire.from_module(1, wire.Message(function, register, value, result))
    assert CODEC.is_from_module(frame)
    CODEC.decode(frame)


@given(st.sampled_from(maxwell.SEMANTICS.addresses), st.integers(0, 7), st.floats(0, 1000), st.floats(0, 200))
def test_no_frame_of_ours_is_taken_for_an_answer_or_is_for_all_modules(
    address: int, group: int, voltage_v: float, current_a: float
) -> None:
    one = codec(address, group=group)
    questions = one.ask_output() + one.ask_condition() + one.ask_ratings() + one.ask_identity()
    orders = one.start(voltage_v, current_a) + one.off() + one.select_range(True) + one.walk_in(True) + one.heartbeat()

    assert not any(one.is_from_module(frame) for frame in questions + orders)
    assert all(8 == len(frame.data) for frame in questions + orders)
    assert {address} == {wire.Identifier.decode(frame.can_id).destination for frame in questions + orders}


def test_every_bit_that_is_not_reserved_is_told_with_a_code_of_the_catalogue() -> None:
    for bit in Bit:
        (condition,) = heard(f"060F8008#42F00040{int(bit):08X}")
        assert isinstance(condition, Condition)

        assert {alarm.code for alarm in condition.alarms} <= set(catalogue.load())
        assert condition.on == (bit is not Bit.DCDC_OFF)
        assert condition.alarms or condition.notes or bit is Bit.DCDC_OFF
        assert not (bit & wire.INFO_MASK and condition.alarms)


def test_driver_is_found_by_name() -> None:
    assert maxwell.DRIVER is load_driver("maxwell")


@pytest.mark.parametrize(
    ("address", "options", "said"),
    [(64, {}, "0 to 63, not 64"), (1, {"group": 8}, "group"), (1, {"colour": 1}, "colour")],
)
def test_a_mistake_in_the_configuration_is_told(address: int, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        codec(address, **options)


@pytest.mark.parametrize("name", ["maxwell-mxr100030", "maxwell-mxr100040"])
def test_its_profiles_are_shipped_and_fit_it(name: str) -> None:
    profile = load_profile(name)
    maxwell.DRIVER.codec(1, profile)

    assert 0.05 == profile.pace_s
    assert profile.start_within_s > 8
