"""Claims about the Huawei driver: what it says, what it understands, what it does not pretend to know."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import huawei
from jp_firmware.hw.modules import huawei_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Detail,
    Identity,
    Measured,
    ModuleProfile,
    Refused,
    Report,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.huawei_wire import AlarmBit, Message, Signal, State
from tests.hw.can.test_frame import frames

PROFILE = load_profile("huawei-r100040gx")
CODEC = huawei.DRIVER.codec(0x78, PROFILE)
BARE = huawei.DRIVER.codec(0x78, attrs.evolve(PROFILE, options={}))


def with_options(**options: Any) -> ModuleProfile:
    return attrs.evolve(PROFILE, options=options)


def heard(text: str) -> tuple[Report, ...]:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    return CODEC.decode(frame)


def texts(*groups: tuple[Frame, ...]) -> list[str]:
    return [str(frame) for group in groups for frame in group]


# --- what it understands ---


@pytest.mark.parametrize(
    ("text", "reports"),
    [
        ("06F8407C#01910000019C0FA0", (Condition(True, None), Measured(400.0, 41.2))),
        ("06F8407D#01910001000003E8", (Condition(False, None), Measured(100.0, 0.0))),
        ("06F8827C#01910000019C0FA0", (Condition(True, None), Measured(400.0, 41.2))),
        (
            "06F8407C#01910003000003E8",
            (Condition(False, None, (), ("protection",)), Measured(100.0, 0.0)),
        ),
        (
            "06F8407C#01910105000003E8",
            (
                Condition(
                    False,
                    None,
                    (Alarm("module fault", "PM-02"), Alarm("load sharing unbalanced", "PM-09", usable=True)),
                ),
                Measured(100.0, 0.0),
            ),
        ),
        ("06F8407C#0180000000007C00", (Detail("air", 31.0),)),
        ("06F8407C#01800000FFFFEC00", (Detail("air", -5.0),)),
        ("06F8407D#018F000000000000", (Detail("alarms"),)),
        ("06F8407D#018F000000000010", (Detail("alarms", alarms=(Alarm("input phase lost", "PM-08"),)),)),
        ("06F8407D#018F001000000000", (Detail("alarms", alarms=(Alarm("fan fault", "PM-04"),)),)),
        ("06F8407D#018F000000000080", (Detail("alarms", notes=("CAN was interrupted",)),)),
        ("06F8807C#0132000100000000", (SwitchedOff(), SetPointTaken("switch"))),
        ("06F8807C#0132000000000000", (SetPointTaken("switch"),)),
        ("06F8807C#010000000007D000", (SetPointTaken("set voltage"),)),
        ("06F8807C#210000000007D000", (Refused("set voltage", "invalid"),)),
        ("06F8817C#2118000000000005", (Refused("set its time-out", "invalid"),)),
        ("06F8807C#310000000007D000", (StartingUp(),)),
        ("06F8507D#0002123400ABCDEF", (Identity(serial="123400ABCDEF"),)),
        ("06F8507C#0005000701020304", (Identity(firmware="hardware 7, DCDC 1.2, PFC 3.4"),)),
    ],
)
def test_what_a_module_says(text: str, reports: tuple[Report, ...]) -> None:
    assert reports == heard(text)


@pytest.mark.parametrize(
    "text",
    [
        "06F8407C#01910000019C",  # too short
        "06F8407C#FFFFFFFFFFFFFFFF",  # an error nobody knows
        "06F8407C#2000000000000000",  # a question it does not understand: the missing answer tells enough
        "06F8407C#0175000000064000",  # measured once more, with another signal
        "06F8507C#0002000000000000",  # a serial number of zeros is none
        "06F8507C#0003000000000001",
        "06F8807C#0134000000000000",
        "06F8837C#01910000019C0FA0",  # a report of its own accord: not known what it is
    ],
)
def test_what_says_nothing_we_use(text: str) -> None:
    assert () == heard(text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "06F9407C#01910000019C0FA0"),
        ("our own question, echoed", "06F840FC#000000AA00400000"),
        ("a telecom rectifier", "1081407E#01910000019C0FA0"),
        ("standard", "07C#0000000000000000"),
        ("remote", "06F8407C#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.decode(frame)
    CODEC.is_from_module(frame)


@given(st.sampled_from(Message), st.sampled_from(Signal), st.binary(max_size=6))
def test_no_answer_makes_the_decoder_raise(message: Message, signal: Signal, rest: bytes) -> None:
    data = int(signal).to_bytes(2, "big") + rest
    reports = CODEC.decode(wire.from_module(message, 0x78, data))

    assert len(data) == 8 or reports == ()


@settings(max_examples=30)
@given(st.integers(1, 0x7F), st.integers(1, 0x7F))
def test_no_frame_of_ours_is_taken_for_an_answer_of_any_module(address: int, other: int) -> None:
    codec, listener = huawei.DRIVER.codec(address, with_options()), huawei.DRIVER.codec(other, with_options())
    questions = codec.ask_output() + codec.ask_condition() + codec.ask_ratings() + codec.ask_identity()
    ours = codec.start(400, 10) + codec.on() + codec.off() + codec.set_point(400, 10) + codec.heartbeat() + questions

    assert not any(listener.is_from_module(frame) for frame in ours)
    assert all(wire.Identifier.decode(frame.can_id).address == address for frame in ours), "never to all"


# --- alarms ---


@given(st.integers(1, (1 << wire.ALARM_BITS) - 1))
def test_without_a_name_any_alarm_bit_is_one_alarm_that_takes_the_module_out_of_use(bits: int) -> None:
    (told,) = BARE.decode(wire.from_module(Message.REAL_TIME, 0x78, wire.alarms(bits).encode()))
    assert isinstance(told, Detail)
    (alarm,) = told.alarms

    numbers = [str(bit) for bit in range(wire.ALARM_BITS) if bits >> bit & 1]

    assert Alarm(f"alarm bit {', '.join(numbers)}, meaning unknown", "PM-02", usable=False) == alarm


def test_named_bits_keep_their_names_beside_one_that_has_none() -> None:
    bits = 1 << AlarmBit.PHASE_LOST | 1 << 20 | 1 << AlarmBit.CAN_INTERRUPTED
    (told,) = CODEC.decode(wire.from_module(Message.REAL_TIME, 0x78, wire.alarms(bits).encode()))

    assert (
        Detail(
            "alarms",
            alarms=(Alarm("input phase lost", "PM-08"), Alarm("alarm bit 20, meaning unknown", "PM-02")),
            notes=("CAN was interrupted",),
        )
        == told
    )


def test_a_bit_may_be_named_as_one_that_leaves_the_module_in_use() -> None:
    profile = with_options(alarm_bits={"3": {"text": "input unbalanced", "code": "PM-07", "usable": True}})
    word = wire.alarms(1 << 3)
    (told,) = huawei.DRIVER.codec(0x78, profile).decode(wire.from_module(Message.REAL_TIME, 0x78, word.encode()))

    assert Detail("alarms", alarms=(Alarm("input unbalanced", "PM-07", usable=True),)) == told


def test_the_shipped_profile_names_every_bit_there_is_a_source_for() -> None:
    assert {str(int(bit)) for bit in AlarmBit} == set(CODEC.options.alarm_bits)


def test_every_bit_of_the_state_is_told_and_every_fault_is_in_the_catalogue() -> None:
    assert set(State) == {State.OFF} | set(huawei.STATE_ALARMS) | set(huawei.STATE_NOTES)
    assert {alarm.code for alarm in huawei.STATE_ALARMS.values()} | {huawei.UNNAMED_CODE} <= set(catalogue.load())


# --- what it says ---


def test_its_words() -> None:
    assert ["06F880FC#0132000100000000"] == texts(CODEC.off())
    assert ["06F880FC#0132000000000000"] == texts(CODEC.on())
    assert ["06F880FC#0100000000064000", "06F880FC#010F000100007800"] == texts(CODEC.set_point(400, 30))
    assert ["06F840FC#000000AA00400000"] == texts(CODEC.ask_output())
    assert ["06F840FC#000000AA00502000"] == texts(CODEC.ask_condition())
    assert ["06F850FC#0000000000000000"] == texts(CODEC.ask_identity())
    assert [] == texts(CODEC.ask_ratings(), CODEC.walk_in(True), CODEC.select_range(True), CODEC.heartbeat())


def test_a_start_is_time_out_range_set_point_on_and_the_set_point_again() -> None:
    set_point = texts(CODEC.set_point(400, 30))

    assert [
        "06F881FC#0118000000000005",
        "06F881FC#014A000100000000",
        *set_point,
        "06F880FC#0132000000000000",
        *set_point,
    ] == texts(CODEC.start(400, 30))


@given(st.floats(0, 1000), st.floats(0, 133))
def test_a_set_point_never_switches_on(voltage_v: float, current_a: float) -> None:
    words = [wire.Word.decode(frame.data) for frame in CODEC.set_point(voltage_v, current_a)]

    assert [Signal.OUTPUT_VOLTAGE, Signal.OUTPUT_CURRENT] == [word.signal for word in words]
    assert [voltage_v, current_a] == [pytest.approx(word.scaled, abs=1 / wire.PER_UNIT) for word in words]


def test_what_is_uncertain_is_the_profiles() -> None:
    options = {
        "status_bit": 23,
        "alarms_bit": 21,
        "temperature_bit": 14,
        "state_swapped": True,
        "current_share": 2,
        "timeout_steps_per_s": 1024,
    }
    codec = huawei.DRIVER.codec(0x78, attrs.evolve(with_options(**options), silent_off_s=2.0))

    assert ["06F840FC#000000AA00800000", "06F840FC#000000AA00A04000"] == texts(
        codec.ask_output(), codec.ask_condition()
    )
    assert "06F881FC#0118000000000800" == str(codec.start(400, 30)[0])
    assert "06F880FC#010F000200007800" == str(codec.set_point(400, 30)[1])
    condition, _ = codec.decode(Frame.from_text("06F8407C#01910100000003E8"))
    assert Condition(False, None) == condition


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"status_bit": 32}, "status_bit is a bit from 0 to 31"),
        ({"statusbit": 2}, "status_bit"),
        ({"alarm_bits": {"48": {"text": "?"}}}, r"alarm_bits\.48: bits are 0 to 47"),
        ({"alarm_bits": {"fan": {"text": "?"}}}, r"alarm_bits\.fan: bits are 0 to 47"),
        ({"alarm_bits": {"1": {"text": "?", "code": "PM-99"}}}, "there is no fault 'PM-99'"),
        ({"alarm_bits": {"1": {"code": "PM-02"}}}, "text"),
    ],
)
def test_options_it_does_not_know_are_a_mistake_in_the_profile(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"Huawei R100040Gx: options.*{said}"):
        huawei.DRIVER.codec(1, with_options(**options))


@pytest.mark.parametrize("address", [0, 128])
def test_an_address_the_family_does_not_have_is_a_mistake_in_the_configuration(address: int) -> None:
    with pytest.raises(ConfigError, match="1 to 127"):
        huawei.DRIVER.codec(address, PROFILE)


def test_the_driver_is_found_by_name() -> None:
    assert huawei.DRIVER is load_driver("huawei")
