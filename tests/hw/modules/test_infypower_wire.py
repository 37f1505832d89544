"""Claims about the InfyPower wire format, on the vendor's own example frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.infypower_wire import Bit, Command, Device, Identifier

EXAMPLE_REQUESTS = [
    ("029A3FF0#0000000000000000", wire.request(Command.SET_SWITCH, wire.BROADCAST, wire.ON.encode())),
    ("029A3FF0#0100000000000000", wire.request(Command.SET_SWITCH, wire.BROADCAST, wire.OFF.encode())),
    ("02DA03F0#0000000000000000", wire.request(Command.SET_SWITCH, 3, wire.ON.encode(), device=Device.GROUP)),
    ("029C00F0#0007A1200000C350", wire.request(Command.SET_OUTPUT, 0, wire.Output(500, 50).encode())),
    (
        "02DB02F0#0007D00000009C40",
        wire.request(Command.SET_SYSTEM_OUTPUT, 2, wire.Output(512, 40).encode(), device=Device.GROUP),
    ),
    ("028300F0#0000000000000000", wire.request(Command.READ_OUTPUT_FLOAT, 0)),
    ("028900F0#0000000000000000", wire.request(Command.READ_OUTPUT, 0)),
    ("028401F0#0000000000000000", wire.request(Command.READ_STATUS, 1)),
    ("02823FF0#0000000000000000", wire.request(Command.READ_COUNT, wire.BROADCAST)),
    ("02C201F0#0000000000000000", wire.request(Command.READ_COUNT, 1, device=Device.GROUP)),
    ("02813FF0#0000000000000000", wire.request(Command.READ_SYSTEM_FLOAT, wire.BROADCAST)),
]

EXAMPLE_REPLIES = [
    ("028300F0", "0283F000#43FA000040600000", wire.OutputFloat(500.0, 3.5)),
    ("028900F0", "0289F000#00030D4000001388", wire.Output(200.0, 5.0)),
    ("028401F0", "0284F001#000002001B004000", wire.Status(Bit.WALK_IN, ambient_c=27, group=2)),
    ("02823FF0", "0282F03F#0000070000000000", wire.Count(7)),
    ("02C201F0", "02C2F001#0000030000000000", wire.Count(3)),
    ("02813FF0", "0281F03F#43FA000042480000", wire.OutputFloat(500.0, 50.0)),
    ("028600F0", "0286F000#0FB40FA50FA70000", wire.AcInput(402.0, 400.5, 400.7)),
    ("028A00F0", "028AF000#02EE0064010005DC", wire.Ratings(750, 100, 25.6, 15_000)),
    ("028C00F0", "028CF000#1358016600000000", wire.External(495.2, 35.8)),
]


@pytest.mark.parametrize(("text", "built"), EXAMPLE_REQUESTS, ids=[text for text, _ in EXAMPLE_REQUESTS])
def test_requests_are_those_of_the_vendors_examples(text: str, built: Frame) -> None:
    assert text == str(built)


@pytest.mark.parametrize(("asked", "text", "payload"), EXAMPLE_REPLIES, ids=[text for _, text, _ in EXAMPLE_REPLIES])
def test_replies_are_those_of_the_vendors_examples_in_both_directions(
    asked: str, text: str, payload: wire.Output
) -> None:
    identifier = Identifier.decode(int(asked, 16))
    own_address = 1 if identifier.destination == 1 else 0

    assert text == str(wire.reply(identifier, own_address, payload.encode()))
    assert payload == type(payload).decode(Frame.from_text(text).data)


def test_a_module_answers_a_broadcast_as_itself_but_a_system_read_as_the_system() -> None:
    read_status = Identifier.decode(0x02843FF0)
    read_system = Identifier.decode(0x02883FF0)

    assert 0x0284F005 == read_status.reply(5).encode()
    assert 0x0288F03F == read_system.reply(5).encode()


def test_error_code_travels_in_the_identifier() -> None:
    frame = wire.reply(Identifier.decode(0x028900F0), 0, error=wire.Error.STARTING_UP)

    assert wire.Error.STARTING_UP == Identifier.decode(frame.can_id).error
    assert 0x1E89F000 == frame.can_id


@given(st.integers(0, 0x1FFF_FFFF))
def test_identifier_covers_all_29_bits(can_id: int) -> None:
    assert can_id == Identifier.decode(can_id).encode()


def test_identifier_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError):
        Identifier(command=0x40, destination=0, source=0)
    with pytest.raises(ValueError):
        Identifier(command=0, destination=0x100, source=0)


millis = st.integers(0, 2**32 - 1).map(lambda value: value / 1000)
tenths = st.integers(0, 2**16 - 1).map(lambda value: value / 10)
whole = st.integers(0, 2**16 - 1)
singles = st.floats(width=32, allow_nan=False)
payloads = st.one_of(
    st.builds(wire.Output, millis, millis),
    st.builds(wire.OutputFloat, singles, singles),
    st.builds(wire.Count, st.integers(0, 255)),
    st.builds(wire.AcInput, tenths, tenths, tenths),
    st.builds(wire.Ratings, whole, whole, tenths, whole.map(lambda value: value * 10)),
    st.builds(wire.External, tenths, tenths),
    st.builds(wire.Switch, st.integers(0, 255)),
    st.builds(
        wire.Status,
        st.integers(0, 2**24 - 1).map(Bit),
        st.integers(-128, 127),
        st.integers(0, 255),
        st.integers(0, 255),
    ),
)


@given(payloads)
def test_payload_survives_the_wire(payload: wire.Output) -> None:
    assert 8 == len(payload.encode())
    assert payload == type(payload).decode(payload.encode())


@pytest.mark.parametrize("kind", [wire.Output, wire.Status, wire.Ratings, wire.Count, wire.Switch])
@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_payload_of_another_length_is_refused(kind: type[wire.Output], length: int) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        kind.decode(bytes(length))


def test_values_beyond_a_field_stop_at_its_end() -> None:
    assert wire.Output(0, 0) == wire.Output.decode(wire.Output(-5, -0.1).encode())
    assert wire.Ratings(65535, 0, 6553.5, 655350) == wire.Ratings.decode(wire.Ratings(1e9, -1, 1e9, 1e9).encode())


def test_fault_mask_takes_faults_and_leaves_states() -> None:
    states = Bit.SLEEPING | Bit.DC_OFF | Bit.WALK_IN | Bit.POWER_LIMITED | Bit.PFC_OFF

    assert not wire.FAULT_MASK & states
    assert wire.FAULT_MASK & Bit.OVER_TEMPERATURE
    assert wire.FAULT_MASK & Bit.OUTPUT_SHORT
