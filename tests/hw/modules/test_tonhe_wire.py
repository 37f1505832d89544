"""Claims about the TonHe wire format, on the vendor's own example frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import tonhe_wire as wire
from jp_firmware.hw.modules.tonhe_wire import (
    ExtendedFault,
    ExtendedState,
    Fault,
    Identifier,
    Message,
    PfcFault,
    Running,
    Selection,
    Switch,
)

ONE_TO_THREE = Selection(0b111)
FIRST_BLOCK = Selection(0xFFFFFF)

FROM_CONTROLLER = [
    ("0803FFA0#070000AA00000000", Message.SWITCH_MANY, 0xFF, wire.SwitchMany(ONE_TO_THREE, Switch.ON)),
    ("0803FFA0#0700005500000000", Message.SWITCH_MANY, 0xFF, wire.SwitchMany(ONE_TO_THREE, Switch.OFF)),
    ("0803FFA0#FFFFFFAA00000000", Message.SWITCH_MANY, 0xFF, wire.SwitchMany(FIRST_BLOCK, Switch.ON)),
    ("1004FFA0#07000000A00F1027", Message.SET_MANY, 0xFF, wire.SetMany(ONE_TO_THREE, 400.0, 100.0)),
    ("1004FFA0#FFFFFF0088130410", Message.SET_MANY, 0xFF, wire.SetMany(FIRST_BLOCK, 500.0, 41.0)),
    ("080601A0#AA01A00F10270000", Message.COMMAND, 1, wire.Command(Switch.ON, 400.0, 100.0, mode=1)),
    ("080601A0#AA00881304100000", Message.COMMAND, 1, wire.Command(Switch.ON, 500.0, 41.0)),
]

FROM_MODULE = [
    ("1801A001#01A00F1027000000", Message.STATE, wire.State(Running.ON, 400.0, 100.0)),
    (
        "1801A001#1100000000800810",
        Message.STATE,
        wire.State(Running.OFF_BY_FAULT, faults=Fault.PFC_OFF | Fault.HARDWARE, pfc=PfcFault.ADDRESS_CONFLICT),
    ),
    ("0802A001#0100000000000000", Message.CONFIRM, wire.Confirm(True)),
    ("180BA001#E508E908D7081800", Message.AC_INPUT, wire.AcInput(227.7, 228.1, 226.3, 24)),
]


@pytest.mark.parametrize(("text", "message", "destination", "payload"), FROM_CONTROLLER)
def test_what_the_controller_says_is_as_in_the_examples_in_both_directions(
    text: str, message: Message, destination: int, payload: wire.Command
) -> None:
    assert text == str(wire.to_module(message, destination, payload.encode()))
    assert payload == type(payload).decode(Frame.from_text(text).data)


@pytest.mark.parametrize(("text", "message", "payload"), FROM_MODULE)
def test_what_a_module_says_is_as_in_the_examples_in_both_directions(
    text: str, message: Message, payload: wire.State
) -> None:
    assert text == str(wire.from_module(message, 1, payload.encode()))
    assert payload == type(payload).decode(Frame.from_text(text).data)


@pytest.mark.parametrize(
    ("text", "message", "first"),
    [
        ("1805FFA0#0000000000000000", Message.HEARTBEAT, 0),
        ("1809FFA0#0200000000000000", Message.SET_ADDRESS, 2),
        ("1C90FFA0#0100000000000000", Message.ADDRESS_MODE, 1),
        ("18AAFFA0#0100000000000000", Message.INPUT_MODE, 1),
    ],
)
def test_frames_without_a_payload_of_their_own_have_the_identifiers_of_the_examples(
    text: str, message: Message, first: int
) -> None:
    assert text == str(wire.to_module(message, wire.BROADCAST, bytes((first, 0, 0, 0, 0, 0, 0, 0))))


def test_the_extended_frame_has_its_identifier_and_its_two_words_little_endian() -> None:
    extended = wire.Extended(ExtendedState.MUTE | ExtendedState.HOT_PLUG_ENABLED, ExtendedFault.UNEVEN_CURRENT)
    frame = wire.from_module(Message.EXTENDED, 0x12, extended.encode())

    assert "1C91A012#2200008000000000" == str(frame)
    assert extended == wire.Extended.decode(frame.data)


@given(st.integers(0, 0x1FFF_FFFF))
def test_identifier_covers_all_29_bits(can_id: int) -> None:
    assert can_id == Identifier.decode(can_id).encode()


@given(st.integers(1, wire.MAX_ADDRESS), st.integers(0, 15))
def test_one_module_is_selected_alone(address: int, group: int) -> None:
    selection = Selection.of(address, group)
    flags, group_and_block = selection.parts()

    assert selection == Selection.joined(flags, group_and_block)
    assert [address] == [one for one in range(1, wire.MAX_ADDRESS + 1) if selection.includes(one)]
    assert group == group_and_block >> 4
    assert 0 <= group_and_block & 0xF <= 9


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.sampled_from(Running), st.binary(min_size=3, max_size=3))
def test_state_is_reversible(voltage: int, current: int, running: Running, bits: bytes) -> None:
    state = wire.State(
        running, voltage / 10, current / 100, Fault(int.from_bytes(bits[:2], "little")), PfcFault(bits[2])
    )

    assert state == wire.State.decode(state.encode())


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.sampled_from(Switch), st.integers(0, 255))
def test_commands_are_reversible(voltage: int, current: int, switch: Switch, byte: int) -> None:
    command = wire.Command(switch, voltage / 10, current / 100, byte)
    setting = wire.SetMany(Selection(byte << 8, byte & 0xF, byte >> 4), voltage / 10, current / 100)
    many = wire.SwitchMany(setting.selection, switch)

    assert command == wire.Command.decode(command.encode())
    assert setting == wire.SetMany.decode(setting.encode())
    assert many == wire.SwitchMany.decode(many.encode())


@given(st.binary(min_size=8, max_size=8))
def test_what_says_all_with_all_its_bytes_is_reversible_the_other_way_round(data: bytes) -> None:
    assert data == wire.AcInput.decode(data).encode()
    assert data == wire.SetMany.decode(data).encode()
    assert data[:4] == wire.Extended.decode(data).encode()[:4]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_what_does_not_fit_is_kept_inside_the_field(voltage_v: float, current_a: float) -> None:
    command = wire.Command.decode(wire.Command(Switch.ON, voltage_v, current_a).encode())

    assert -1e-6 <= min(max(voltage_v, 0), 6553.5) - command.voltage_v < 0.1
    assert -1e-6 <= min(max(current_a, 0), 655.35) - command.current_a < 0.01


PAYLOADS = [wire.State, wire.Confirm, wire.AcInput, wire.Extended, wire.SwitchMany, wire.SetMany, wire.Command]


@pytest.mark.parametrize("payload", PAYLOADS)
@given(data=st.binary(max_size=8))
def test_a_payload_is_read_or_refused_with_a_value_error(payload: type[wire.State], data: bytes) -> None:
    if len(data) != 8:
        with pytest.raises(ValueError, match="8 bytes"):
            payload.decode(data)
        return
    try:
        payload.decode(data)
    except ValueError:
        assert payload not in (wire.AcInput, wire.Extended, wire.SetMany)
