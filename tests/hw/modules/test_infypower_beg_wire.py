"""Claims about the wire format of the BEC/BEG family, on the example frames of its documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_beg_wire as wire
from jp_firmware.hw.modules.infypower_beg_wire import Item, Object
from jp_firmware.hw.modules.infypower_wire import BROADCAST, Bit, Error, Identifier

REQUESTS = [
    ("02A33FF0#1010000000000000", wire.read(Object.COUNT, BROADCAST)),
    ("02A43FF0#10010000000B71B0", wire.write(Item.milli(Object.SYSTEM_VOLTAGE, 750), BROADCAST)),
    ("02A43FF0#11100000000000A0", wire.write(Item(Object.SWITCH, wire.ON), BROADCAST)),
    ("02A43FF0#11100000000000A1", wire.write(Item(Object.SWITCH, wire.OFF), BROADCAST)),
    ("02A33FF0#1001000000000000", wire.read(Object.SYSTEM_VOLTAGE, BROADCAST)),
]


@pytest.mark.parametrize(("text", "built"), REQUESTS, ids=[text for text, _ in REQUESTS])
def test_requests_are_those_of_the_documents_examples(text: str, built: Frame) -> None:
    assert text == str(built)


def test_the_systems_answer_is_the_documents_example_in_both_directions() -> None:
    asked, text = Identifier.decode(0x02A33FF0), "02A3F03F#10010000000AAE60"

    assert text == str(wire.reply(asked, 0, Item.milli(Object.SYSTEM_VOLTAGE, 700)))
    assert 700.0 == Item.decode(Frame.from_text(text).data).thousandths


def test_what_is_a_modules_own_is_answered_as_itself_whoever_was_asked() -> None:
    assert "02A3F005#1110000000000100" == str(
        wire.reply(Identifier.decode(0x02A33FF0), 5, Item(Object.SWITCH, int(Bit.DC_OFF)))
    )
    assert "02A4F005#10010000000B71B0" == str(
        wire.reply(Identifier.decode(0x02A43FF0), 5, Item.milli(Object.SYSTEM_VOLTAGE, 750))
    )


def test_an_error_travels_in_the_identifier() -> None:
    answer = wire.reply(Identifier.decode(0x02A400F0), 0, Item(Object.SWITCH, wire.ON), error=Error.STARTING_UP)

    assert 0x1EA4F000 == answer.can_id


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF))
def test_an_item_survives_the_wire(number: int, value: int) -> None:
    item = Item(number, value)

    assert item == Item.decode(item.encode())
    assert item == Item.milli(number, item.thousandths), "thousandths say all of it, below zero too"


@given(st.binary(max_size=8).filter(lambda data: len(data) != 8))
def test_a_payload_of_another_length_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Item.decode(data)


@pytest.mark.parametrize(("number", "value"), [(-1, 0), (0x1_0000, 0), (0, -1), (0, 1 << 32)])
def test_what_fits_into_no_payload_is_no_item(number: int, value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Item(number, value)


def test_values_beyond_the_field_stop_at_its_end() -> None:
    assert 0x7FFF_FFFF == Item.milli(Object.SYSTEM_VOLTAGE, 1e12).value
    assert 0x8000_0000 == Item.milli(Object.SYSTEM_CURRENT, -1e12).value
    assert -20.0 == Item.milli(Object.CURRENT, -20.0).thousandths


def test_the_status_bits_are_those_of_v113() -> None:
    item = Item.decode(Frame.from_text("02A3F001#1110000000024100").data)

    assert Bit.ADDRESS_REPEATED | Bit.WALK_IN | Bit.DC_OFF == item.bits
