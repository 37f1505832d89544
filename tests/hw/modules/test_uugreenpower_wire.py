"""Claims about the UUGreenPower wire format, on the vendor's own example frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.hw.modules.uugreenpower_wire import Bit, Command, Identifier, Kind, Message


def one(command: int, value: int = 0, kind: Kind = Kind.SET, module: int = 1) -> Frame:
    return wire.to_module(1, module, Message(kind, command, value, group=1))


EXAMPLES = [
    ("02204000#100200000007419E", one(Command.VOLTAGE_REFERENCE, wire.to_milli(475.55))),
    ("02204000#1003000000002904", one(Command.CURRENT_LIMIT, wire.to_milli(10.5))),
    ("02204000#1004000000000000", one(Command.SHUT_DOWN, wire.ON)),
    ("02204000#1004000000000001", one(Command.SHUT_DOWN, wire.OFF)),
    ("02200000#1004000000000001", one(Command.SHUT_DOWN, wire.OFF, module=wire.BROADCAST)),
    ("02204000#1200000000000000", one(Command.VOLTAGE, kind=Kind.READ)),
    ("02204000#1208000000000000", one(Command.STATUS, kind=Kind.READ)),
    ("02204000#105F000000000001", one(Command.SELECT_RANGE, wire.Range.HIGH)),
    ("02204000#103E000000000001", one(Command.SILENT_LEVEL, 1)),
    (
        "02204000#1B00006912611293",
        wire.to_module(1, 1, wire.AllSet(wire.OnOff.ON, 10.5, 470.5, 475.5).message(group=1)),
    ),
]


@pytest.mark.parametrize(("text", "built"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_frames_are_those_of_the_vendors_examples_and_are_read_back(text: str, built: Frame) -> None:
    assert text == str(built)
    assert built.data == Message.decode(built.data).encode()
    assert built.can_id == Identifier.decode(built.can_id).encode()


def test_all_set_is_read_back() -> None:
    message = Message.decode(Frame.from_text("02204000#1B00006912611293").data)

    assert Kind.ALL_SET == message.kind
    assert wire.AllSet(wire.OnOff.ON, 10.5, 470.5, 475.5) == wire.AllSet.of(message)


def test_a_serial_number_of_an_enr_module() -> None:
    """The vendor's example: 230812487WD, of which the last letter is in the identifier."""
    frame = Frame.from_text("02240144#140517080C300757")
    identifier, message = Identifier.decode(frame.can_id), Message.decode(frame.data)

    assert (Kind.SERIAL_REPLY, Command.SERIAL) == (message.kind, message.command)
    assert "230812487WD" == wire.enr_serial(identifier, message)


def test_the_mask_keeps_what_is_an_address() -> None:
    told = Identifier(monitor=1, module=1, day=31, serial=0x1FF).encode()

    assert 0x0220_4000 == told & wire.MASK


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
        Identifier(monitor=1, module=0x80)
    with pytest.raises(ValueError, match="does not fit"):
        Identifier(monitor=16, module=1)


@given(st.integers(0, 0xFFFF_FFFF))
def test_values_survive_the_wire(value: int) -> None:
    assert value == wire.to_milli(wire.from_milli(value))
    assert value == wire.to_signed_milli(wire.from_signed_milli(value))
    assert value == wire.CurrentAndCapability.decode(value).encode()
    assert value == wire.SerialNumber.decode(value).encode()


tenths = st.integers(0, 0xFFFF).map(lambda value: value / 10)


@given(
    st.builds(wire.AllSet, st.sampled_from(wire.OnOff), tenths, tenths, tenths, st.none() | st.booleans()),
    st.integers(0, wire.MAX_GROUP),
)
def test_all_set_survives_the_wire(order: wire.AllSet, group: int) -> None:
    assert order == wire.AllSet.of(Message.decode(order.message(group=group).encode()))


def test_values_beyond_a_field_stop_at_its_end() -> None:
    assert 0 == wire.to_milli(-3)
    assert 0xFFFF_FFFF == wire.to_milli(1e9)
    assert -2147483.648 == wire.from_signed_milli(wire.to_signed_milli(-1e9))
    assert wire.CurrentAndCapability(6553.5, 0) == wire.CurrentAndCapability.decode(
        wire.CurrentAndCapability(1e9, -1).encode()
    )


def test_a_temperature_below_zero() -> None:
    assert -12.5 == wire.from_signed_milli(0xFFFF_CF2C)


def test_fault_mask_takes_faults_and_leaves_states() -> None:
    states = Bit.MANUAL | Bit.DERATED_BY_AC | Bit.DERATED_BY_TEMPERATURE | Bit.PFC_OFF | Bit.DCDC_OFF | Bit.CURRENT_LOOP

    assert not wire.FAULT_MASK & states
