"""Claims about the UUGreenPower driver: what it says, what it understands, what it ignores, how it is tuned."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import uugreenpower
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.hw.modules.driver import (
    Available,
    Condition,
    Detail,
    Identity,
    MeasuredCurrent,
    MeasuredVoltage,
    Report,
    SetPointTaken,
    SwitchedOff,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.uugreenpower_wire import Bit
from tests.hw.can.test_frame import frames

PROFILE = load_profile("uugreenpower-ur100040")


def codec(address: int = 1, **options: object) -> uugreenpower.UUGreenPowerCodec:
    return uugreenpower.DRIVER.codec(address, attrs.evolve(PROFILE, options={**PROFILE.options, **options}))


CODEC = codec()
IN_GROUP_1 = codec(group=1)


def heard(text: str, by: uugreenpower.UUGreenPowerCodec = CODEC) -> tuple[Report, ...]:
    frame = Frame.from_text(text)
    assert by.is_from_module(frame)
    return by.decode(frame)


def texts(*frames: Frame) -> list[str]:
    return [str(frame) for frame in frames]


def test_what_is_said_to_a_module() -> None:
    """The vendor's examples: set-point, ON, OFF, high range, in group 1."""
    set_point = ["02204000#1003000000002904", "02204000#100200000007419E"]

    assert [*set_point, "02204000#1004000000000000", *set_point] == texts(*IN_GROUP_1.start(475.55, 10.5))
    assert ["02204000#1004000000000001"] == texts(*IN_GROUP_1.off())
    assert ["02204000#105F000000000001"] == texts(*IN_GROUP_1.select_range(True))
    assert ["02204000#105F000000000002"] == texts(*IN_GROUP_1.select_range(False))
    assert ["02204000#1200000000000000", "02204000#1272000000000000"] == texts(*IN_GROUP_1.ask_output())
    assert "02204000#1208000000000000" == texts(*IN_GROUP_1.ask_condition())[-1]
    assert ["02204000#0205000000000000"] == texts(*CODEC.ask_identity())


@pytest.mark.parametrize(
    ("text", "reports"),
    [
        ("02204000#130000000007419E", (MeasuredVoltage(475.55),)),
        ("02207E57#1301000000002904", (MeasuredCurrent(10.5),)),
        ("02207E57#13720000006903E8", (MeasuredCurrent(10.5), Available(100.0))),
        ("02207E57#1372000000000000", (MeasuredCurrent(0.0),)),
        ("02207E57#1368000000000BB8", (Available(3.0),)),
        ("02207E57#1308000000000000", (Condition(True, None),)),
        ("02207E57#1308000002000000", (Condition(False, None),)),
        ("02207E57#131E00000000797C", (Detail("inlet", ambient_c=31.1),)),
        ("02207E57#1365000000000001", (Detail("range", high_range=True),)),
        ("02207E57#1365000000000002", (Detail("range", high_range=False),)),
        ("02207E57#1365000000000003", ()),
        ("02207E57#110200000007419E", (SetPointTaken(),)),
        ("02207E57#1103000000002904", (SetPointTaken(),)),
        ("02207E57#1104000000000001", (SwitchedOff(),)),
        ("02207E57#1104000000000000", ()),
        ("02207E57#1C00006912611293", ()),
        ("02207E57#13FF000000000000", ()),
        ("02207E57#13000000", ()),
        ("02207E57#14050000" + f"{wire.SerialNumber(3, 26, 7, 15, 1234).encode():08X}", (Identity("32607151234"),)),
        ("02207E57#13050000" + f"{wire.SerialNumber(3, 26, 7, 15, 1234).encode():08X}", (Identity("32607151234"),)),
    ],
)
def test_what_a_module_says_whatever_its_serial_number(text: str, reports: tuple[Report, ...]) -> None:
    assert reports == heard(text)


def test_a_serial_number_of_an_enr_module() -> None:
    assert (Identity("230812487WD"),) == heard("02240144#140517080C300757", codec(16, serial="enr"))


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "02208000#130000000007419E"),
        ("another monitor", "02404000#130000000007419E"),
        ("another protocol", "04204000#130000000007419E"),
        ("a set, echoed", "02204000#100200000007419E"),
        ("a question, echoed", "02204000#1200000000000000"),
        ("an ALL_SET, echoed", "02204000#1B00006912611293"),
        ("empty", "02204000#"),
        ("standard", "220#130000000007419E"),
        ("remote", "02204000#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.is_from_module(frame)
    assert isinstance(CODEC.decode(frame), tuple)


@given(st.binary(max_size=8))
def test_no_payload_of_a_module_makes_the_decoder_raise(data: bytes) -> None:
    frame = Frame(0x02207E57, data)
    CODEC.is_from_module(frame)
    CODEC.decode(frame)


@given(
    st.sampled_from(uugreenpower.SEMANTICS.addresses),
    st.integers(0, 15),
    st.floats(0, 1000),
    st.floats(0, 100),
)
def test_no_frame_of_ours_is_taken_for_an_answer_or_is_for_all_modules(
    address: int, group: int, voltage_v: float, current_a: float
) -> None:
    one = codec(address, group=group)
    questions = one.ask_output() + one.ask_condition() + one.ask_ratings() + one.ask_identity()
    orders = one.start(voltage_v, current_a) + one.off() + one.select_range(True) + one.walk_in(True) + one.heartbeat()

    assert not any(one.is_from_module(frame) for frame in questions + orders)
    assert all(8 == len(frame.data) and address == frame.can_id >> 14 & 0x7F for frame in questions + orders)


def test_every_fault_bit_is_told_with_a_code_of_the_catalogue() -> None:
    for position in range(32):
        bit = Bit(1 << position)
        (condition,) = heard(f"02207E57#13080000{int(bit):08X}")
        assert isinstance(condition, Condition)

        assert bool(bit & wire.FAULT_MASK) == bool(condition.alarms), bit
        assert {alarm.code for alarm in condition.alarms} <= set(catalogue.load())
        assert condition.on == (bit != Bit.DCDC_OFF)
        assert bit & wire.FAULT_MASK or condition.notes or bit in (Bit.DCDC_OFF, Bit.LOOP_LOW)


def test_a_short_circuit_is_a_note_where_the_profile_says_that_its_bit_is_not_to_be_believed() -> None:
    (fault,), (note,) = (heard("02207E57#1308000040000000", one) for one in (CODEC, codec(short_circuit="note")))
    assert isinstance(fault, Condition)
    assert isinstance(note, Condition)

    assert ["PM-06"] == [alarm.code for alarm in fault.alarms]
    assert () == note.alarms
    assert ("output short circuit",) == note.notes


def test_a_module_with_one_range_is_not_asked_for_it_nor_told() -> None:
    one = uugreenpower.DRIVER.codec(1, attrs.evolve(PROFILE, low_range_max_voltage_v=0.0))

    assert () == one.select_range(True)
    assert len(CODEC.ask_condition()) - 1 == len(one.ask_condition())


def test_driver_is_found_by_name() -> None:
    assert uugreenpower.DRIVER is load_driver("uugreenpower")


@pytest.mark.parametrize(
    ("address", "options", "said"),
    [
        (0, {}, "1 to 127, not 0"),
        (128, {}, "1 to 127, not 128"),
        (1, {"monitor": 0}, "monitor"),
        (1, {"group": 16}, "group"),
        (1, {"short_circuit": "perhaps"}, "short_circuit"),
        (1, {"colour": 1}, "colour"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(address: int, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        codec(address, **options)


@pytest.mark.parametrize("name", ["uugreenpower-ur100030", "uugreenpower-ur100040"])
def test_its_profiles_are_shipped_and_fit_it(name: str) -> None:
    profile = load_profile(name)
    uugreenpower.DRIVER.codec(1, profile)

    assert 500 == profile.low_range_max_voltage_v
