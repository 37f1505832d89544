"""Claims about the Maxwell wire format, on the vendor's own example frames."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.maxwell_wire import Bit, Identifier, Message, Register, Result

REQUESTS = [
    ("06080F80#03000021442F0000", wire.to_module(1, wire.write(Register.SET_VOLTAGE, wire.of_number(700.0)))),
    ("06080F80#030000223F000000", wire.to_module(1, wire.write(Register.SET_CURRENT_PART, wire.of_number(0.5)))),
    ("06080F80#0300001B00019000", wire.to_module(1, wire.write(Register.SET_CURRENT, wire.of_current(100.0)))),
    ("06080F80#0300001B00002800", wire.to_module(1, wire.write(Register.SET_CURRENT, wire.of_current(10.0)))),
    ("06080F80#0300003000000000", wire.to_module(1, wire.write(Register.SWITCH, wire.ON))),
    ("06080F80#0300003000010000", wire.to_module(1, wire.write(Register.SWITCH, wire.OFF))),
    ("06080F80#1000000100000000", wire.to_module(1, wire.read(Register.VOLTAGE))),
    ("06080F80#1000004000000000", wire.to_module(1, wire.read(Register.STATUS))),
    ("06080F80#0300001E00000005", wire.to_module(1, wire.write(Register.SET_GROUP, 5))),
    ("06080F80#0300001F00010000", wire.to_module(1, wire.write(Register.SET_ADDRESS_MODE, wire.YES))),
    ("06080F80#0300001700000BB8", wire.to_module(1, wire.write(Register.SET_ALTITUDE, 3000))),
    ("06080780#1000000100000000", wire.to_module(0, wire.read(Register.VOLTAGE))),
    ("0607FF80#1000004000000000", wire.to_module(wire.BROADCAST, wire.read(Register.STATUS))),
    ("0607F785#1000004000000000", wire.to_module(wire.GROUP_BROADCAST, wire.read(Register.STATUS), group=5)),
]

REPLIES = [
    ("060F8008#41F00001442F0000", wire.read(Register.VOLTAGE).reply(wire.of_number(700.0))),
    ("060F8008#42F0004000400000", wire.read(Register.STATUS).reply(int(Bit.DCDC_OFF))),
    ("060F8008#42F0004000000100", wire.read(Register.STATUS).reply(int(Bit.PFC_ABNORMAL))),
    ("060F8008#42F0001E00000005", wire.write(Register.SET_GROUP, 5).reply(5)),
    ("060F8008#42F2001E00000005", wire.write(Register.SET_GROUP, 5).reply(5, Result.REFUSED)),
    ("060F8008#42F2001700000BB8", wire.write(Register.SET_ALTITUDE, 3000).reply(3000, Result.REFUSED)),
]


@pytest.mark.parametrize(("text", "built"), REQUESTS, ids=[text for text, _ in REQUESTS])
def test_requests_are_those_of_the_vendors_examples_and_are_read_back(text: str, built: Frame) -> None:
    assert text == str(built)
    assert built.can_id == Identifier.decode(built.can_id).encode()
    assert built.data == Message.decode(built.data).encode()


@pytest.mark.parametrize(("text", "message"), REPLIES, ids=[text for text, _ in REPLIES])
def test_replies_are_those_of_the_vendors_examples_in_both_directions(text: str, message: Message) -> None:
    assert text == str(wire.from_module(1, message))
    assert message == Message.decode(Frame.from_text(text).data)


def test_an_extended_group_has_an_address_of_its_own() -> None:
    assert [0xFD, 0xFC, 0xFB] == [wire.to_group(group) for group in (0, 1, 2)]
    assert wire.to_group(wire.MAX_EXTENDED_GROUP) > wire.MAX_ADDRESS


@given(st.integers(0, 0x1FFF_FFFF))
def test_identifier_covers_all_29_bits(can_id: int) -> None:
    assert can_id == Identifier.decode(can_id).encode()


@given(st.binary(min_size=8, max_size=8))
def test_message_covers_all_eight_bytes(data: bytes) -> None:
    assert data == Message.decode(data).encode()


@pytest.mark.parametrize("length", [0, 7])
def test_a_message_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Message.decode(bytes(length))


def test_identifier_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Identifier(destination=0x100, source=0xF0)
    with pytest.raises(ValueError, match="does not fit"):
        Identifier(destination=1, source=0xF0, group=8)


@given(st.floats(width=32, allow_nan=False))
def test_numbers_survive_the_wire(number: float) -> None:
    assert number == Message(0x41, 1, wire.of_number(number)).number


def test_a_number_may_be_none_and_one_that_is_too_large_stops_at_the_end() -> None:
    assert math.isnan(Message(0x41, 1, 0x7FC0_0000).number)
    assert math.isfinite(Message(0x41, 1, wire.of_number(1e300)).number)


@given(st.integers(0, 0xFFFF_FFFF))
def test_currents_survive_the_wire(value: int) -> None:
    assert value == wire.of_current(wire.to_current(value))


def test_a_current_beyond_its_field_stops_at_its_end() -> None:
    assert 0 == wire.of_current(-1)
    assert 0xFFFF_FFFF == wire.of_current(1e9)
