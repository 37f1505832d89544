"""Claims about the slcan parser, its encoders and the adapter's half."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.slcan import Ack, Command, Info, Malformed, Nak, Sent, SlcanParser
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from tests.hw.can.test_frame import frames

noisy_lines = st.lists(
    st.one_of(
        frames().map(slcan.encode),
        st.sampled_from([b"\r", b"\a", b"z\r", b"Z\r", b"S4\r", b"O\r", b"V1013\r", b"t12\r", b"\n"]),
        st.binary(max_size=90),
    ),
    max_size=12,
).map(b"".join)


def parse(*pieces: bytes) -> list[slcan.Event]:
    parser = SlcanParser()
    return [event for piece in pieces for event in parser.receive(piece)]


@given(st.lists(frames(), max_size=8))
def test_what_is_encoded_is_decoded(sent: list[Frame]) -> None:
    assert sent == parse(b"".join(map(slcan.encode, sent)))


@settings(max_examples=60)
@given(noisy_lines, st.lists(st.integers(0, 400), max_size=8))
def test_any_split_of_the_bytes_gives_the_same_events(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]

    assert parse(data) == parse(*pieces)
    assert parse(data) == parse(*(data[i : i + 1] for i in range(len(data))))


@settings(max_examples=60)
@given(st.binary(max_size=200), frames())
def test_a_frame_after_noise_is_found_once_the_line_ends(noise: bytes, frame: Frame) -> None:
    assert frame == parse(noise + b"\r" + slcan.encode(frame))[-1]


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (b"t1234DEADBEEF\r", "123#DEADBEEF"),
        (b"T18FF50E580102030405060708\r", "18FF50E5#0102030405060708"),
        (b"r7FF2\r", "7FF#R2"),
        (b"R029A3FF08\r", "029A3FF0#R8"),
        (b"t1000\r", "100#"),
        (b"t7ff1aB\r", "7FF#AB"),
    ],
)
def test_every_kind_of_frame_line(line: bytes, frame: str) -> None:
    assert [Frame.from_text(frame)] == parse(line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"t1239", "above 8"),
        (b"t123912", "above 8"),
        (b"t1238000102", "6 data digits where length code 8 asks for 16"),
        (b"t12320102030", "7 data digits"),
        (b"t123201020304", "time stamps"),
        (b"t12", "not an slcan line"),
        (b"t12G0", "not an slcan line"),
        (b"t1232 102", "not an slcan line"),
        (b"t+1210F", "not an slcan line"),
        (b"t8001FF", "11 bits"),
        (b"T200000000", "29 bits"),
        (b"r123211", "2 data digits"),
        (b"S9", "not an slcan line"),
        (b"\xff", "not an slcan line"),
        (b"OO", "not an slcan line"),
        (b"t1230" + b"0" * 100, "100 data digits"),
        (b"x" * 100, "longer than any"),
    ],
)
def test_a_line_that_does_not_fit_itself_is_never_a_frame(line: bytes, reason: str) -> None:
    [malformed, frame] = parse(line + b"\rt1230\r")

    assert isinstance(malformed, Malformed)
    assert malformed.line == line[: slcan.MAX_LINE]
    assert reason in malformed.reason
    assert frame == Frame(0x123, extended=False)


def test_bell_is_an_answer_and_ends_a_torn_line() -> None:
    assert [Nak(), Nak()] == parse(b"\a\a")
    assert [Malformed(b"t12", "cut short by BELL"), Nak(), Ack()] == parse(b"t12\a\r")


def test_answers_and_commands_are_told_apart() -> None:
    assert [Ack(), Sent(), Sent(), Info("V", "1013"), Info("N", "A123"), Info("F", "00")] == parse(
        b"\rz\rZ\rV1013\rNA123\rF00\r"
    )
    assert [Command("C"), Command("S", "4"), Command("O"), Command("V"), Command("N"), Command("F")] == parse(
        b"C\rS4\rO\rV\rN\rF\r"
    )


def test_memory_is_bounded_without_a_terminator() -> None:
    parser = SlcanParser()
    for _ in range(1000):
        assert [] == parser.receive(b"t" * 50)

    assert [Malformed(b"t" * slcan.MAX_LINE, "longer than any slcan line")] == parser.receive(b"\r")


@given(st.sampled_from(sorted(slcan.BITRATE_CODES)))
def test_every_bitrate_has_its_command(bitrate: int) -> None:
    [command] = parse(slcan.encode_command("S", slcan.BITRATE_CODES[bitrate]))

    assert Command("S", slcan.BITRATE_CODES[bitrate]) == command


# --- the adapter's half ---


def test_adapter_opens_as_linux_slcand_asks_it_to() -> None:
    adapter = SlcanAdapter()

    assert ([], b"\a\r\r") == adapter.receive(b"C\rS6\rO\r")
    assert adapter.is_open
    assert 500_000 == adapter.bitrate
    assert ([Frame(0x123, b"\xde", extended=False)], b"z\r") == adapter.receive(b"t1231DE\r")
    assert b"T0283F00080000000000000000\r" == adapter.frame_to_host(Frame(0x0283F000, bytes(8)))


def test_adapter_refuses_what_a_closed_or_open_channel_forbids() -> None:
    adapter = SlcanAdapter()

    assert ([], b"\a") == adapter.receive(b"O\r"), "no bitrate yet"
    assert ([], b"\a") == adapter.receive(b"t1230\r"), "closed"
    assert b"" == adapter.frame_to_host(Frame(1))
    adapter.receive(b"S4\rO\r")
    assert ([], b"\a") == adapter.receive(b"S4\r"), "open"
    assert ([], b"\r\a") == adapter.receive(b"C\rC\r")
    assert ([], b"\r\a") == adapter.receive(b"L\rt1230\r"), "only listening"


def test_adapter_tells_who_it_is() -> None:
    assert ([], b"V1013\rNA123\r") == SlcanAdapter().receive(b"V\rN\r")


@settings(max_examples=60)
@given(noisy_lines)
def test_adapter_survives_any_bytes_and_answers_with_slcan(data: bytes) -> None:
    adapter = SlcanAdapter()
    adapter.receive(b"S4\rO\r")
    _, answer = adapter.receive(data)

    assert re.fullmatch(rb"(?:\r|\a|[zZ]\r|[VvNF][0-9A-Za-z]+\r)*", answer)
