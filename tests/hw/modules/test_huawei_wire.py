"""Claims about the Huawei wire format, on the frames that public drivers send and the identifiers they answer to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import huawei_wire as wire
from jp_firmware.hw.modules.huawei_wire import Error, Identifier, Message, Signal, State, Word

WORDS = st.builds(
    Word,
    signal=st.integers(0, 0xFFF),
    value=st.integers(0, 0xFFFF_FFFF),
    byte2=st.integers(0, 255),
    byte3=st.integers(0, 255),
    error=st.integers(0, 15),
)


@pytest.mark.parametrize(
    ("can_id", "identifier"),
    [
        (0x06F880FC, Identifier(Message.CONTROL, 0x78, True)),
        (0x06F8807C, Identifier(Message.CONTROL, 0x78, False)),
        (0x06F840FC, Identifier(Message.REAL_TIME, 0x78, True)),
        (0x068080FC, Identifier(Message.CONTROL, wire.ALL, True)),
        (0x068040FC, Identifier(Message.REAL_TIME, wire.ALL, True)),
        (0x068081FC, Identifier(Message.CONFIGURE, wire.ALL, True)),
        (0x068082FC, Identifier(Message.QUERY, wire.ALL, True)),
        (0x0680407C, Identifier(Message.REAL_TIME, 0, False)),
        (0x0680407D, Identifier(Message.REAL_TIME, 0, False, more=True)),
    ],
)
def test_identifiers_are_those_of_the_public_drivers(can_id: int, identifier: Identifier) -> None:
    assert can_id == identifier.encode()
    assert identifier == Identifier.decode(can_id)


def test_a_telecom_rectifier_on_the_same_bus_has_another_protocol_number() -> None:
    assert Identifier.decode(0x108180FE).protocol != wire.PROTOCOL


@pytest.mark.parametrize(
    ("text", "message", "word"),
    [
        ("06F880FC#0132000000000000", Message.CONTROL, wire.switch(True)),
        ("06F880FC#0132000100000000", Message.CONTROL, wire.switch(False)),
        ("06F880FC#010000000007D000", Message.CONTROL, wire.scaled(Signal.OUTPUT_VOLTAGE, 500)),
        ("06F880FC#010F00020000A400", Message.CONTROL, wire.scaled(Signal.OUTPUT_CURRENT, 41, byte3=2)),
        ("06F881FC#014A000100000000", Message.CONFIGURE, Word(Signal.AUTOMATIC_RANGE, byte3=1)),
        ("06F840FC#000000AA00400000", Message.REAL_TIME, wire.batch(1 << 22)),
        ("06F850FC#0000000000000000", Message.INHERENT, Word(Signal.BATCH)),
    ],
)
def test_what_the_controller_says_is_what_the_public_driver_sends(text: str, message: Message, word: Word) -> None:
    assert text == str(wire.to_module(message, 0x78, word))
    assert word == Word.decode(Frame.from_text(text).data)


def test_state_voltage_and_current_are_one_word() -> None:
    status = wire.Status(State.CURRENT_LIMITED, 400.5, 41.2)
    frame = wire.from_module(Message.REAL_TIME, 0x78, status.encode().encode(), more=True)

    assert "06F8407D#01910008019C0FA5" == str(frame)
    assert status == wire.Status.decode(Word.decode(frame.data))
    assert State.UNEVEN | State.SEVERELY_UNEVEN == wire.Status.decode(Word(Signal.STATUS, 0, 0x80, 0x01), True).state


def test_an_error_is_in_the_first_four_bits() -> None:
    assert "2100000000000000" == Word(Signal.OUTPUT_VOLTAGE, error=Error.INVALID).encode().hex()


@given(st.integers(0, 0x1FFF_FFFF))
def test_identifier_covers_all_29_bits(can_id: int) -> None:
    assert can_id == Identifier.decode(can_id).encode()


@given(WORDS)
def test_words_are_reversible(word: Word) -> None:
    assert word == Word.decode(word.encode())


@given(st.binary(min_size=8, max_size=8))
def test_any_eight_bytes_are_a_word(data: bytes) -> None:
    assert data == Word.decode(data).encode()


@given(st.binary(max_size=8).filter(lambda data: len(data) != 8))
def test_any_other_length_is_refused_with_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Word.decode(data)


@given(st.floats(-2_000_000, 2_000_000))
def test_quantities_are_reversible_to_a_step_and_never_more_also_below_zero(quantity: float) -> None:
    word = wire.scaled(Signal.AMBIENT_TEMPERATURE, quantity)

    assert -1e-8 <= quantity - Word.decode(word.encode()).scaled < 1 / wire.PER_UNIT


@given(st.floats(-1e12, 1e12))
def test_a_quantity_that_does_not_fit_is_kept_inside_the_field(quantity: float) -> None:
    assert 8 == len(wire.scaled(Signal.OUTPUT_VOLTAGE, quantity).encode())


@given(st.integers(0, (1 << wire.ALARM_BITS) - 1))
def test_alarm_bits_are_reversible(bits: int) -> None:
    assert bits == Word.decode(wire.alarms(bits).encode()).bits


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0x3FF))
def test_status_is_reversible(tenths_v: int, tenths_a: int, state: int) -> None:
    status = wire.Status(State(state), tenths_v / 10, tenths_a / 10)

    assert status == wire.Status.decode(status.encode())
