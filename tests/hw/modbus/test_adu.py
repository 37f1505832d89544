"""Frames: the same bytes as pymodbus writes, and answers found where pymodbus finds none."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
)

from jp_firmware.hw.modbus import adu

registers = st.integers(0, 0xFFFF)
units = st.integers(1, 247)
addresses = st.integers(0, 0xFF00)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[adu.Request, object]:
    """A request, and pymodbus' good or refusing answer to it."""
    unit, address = draw(units), draw(addresses)
    kind = draw(st.sampled_from((3, 4, 16, 23)))
    count = draw(st.integers(1, 125))
    words = draw(st.lists(registers, min_size=count, max_size=count))
    match kind:
        case 3:
            request, answer = adu.read_holding(unit, address, count), ReadHoldingRegistersResponse(registers=words)
        case 4:
            request, answer = adu.read_input(unit, address, count), ReadInputRegistersResponse(registers=words)
        case 16:
            written = words[:123]
            request = adu.write_registers(unit, address, written)
            answer = WriteMultipleRegistersResponse(address=address, count=len(written))
        case _:
            request = adu.read_write(unit, address, count, draw(addresses), words[:121])
            answer = ReadWriteMultipleRegistersResponse(registers=words)
    if draw(st.integers(0, 4)) == 0:
        answer = ExceptionResponse(kind, draw(st.sampled_from((1, 2, 3, 4, 6))))
    answer.dev_id = unit
    return request, answer


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(exchanges(), st.integers(0, 0xFFFF))
@settings(max_examples=60, deadline=None)
def test_pymodbus_reads_our_requests(exchange: tuple[adu.Request, object], transaction: int) -> None:
    """pymodbus' server-side framers find exactly the PDU we framed, on RTU and TCP."""
    request, _ = exchange
    decode = DecodePDU(is_server=True)
    rtu = adu.rtu_frame(request.unit, request.pdu)
    tcp = adu.tcp_frame(transaction, request.unit, request.pdu)

    used, pdu = FramerRTU(decode).handleFrame(rtu, request.unit, 0)
    assert (used, bytes((pdu.function_code,)) + pdu.encode()) == (len(rtu), request.pdu)

    used, pdu = FramerSocket(decode).handleFrame(tcp, request.unit, transaction)
    assert (used, bytes((pdu.function_code,)) + pdu.encode()) == (len(tcp), request.pdu)


@given(exchanges(), st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=80, deadline=None)
def test_rtu_answers_are_found_however_they_are_split(exchange: tuple[adu.Request, object], cuts: list[int]) -> None:
    """Any split of pymodbus' answer frame gives that answer, and not before its last byte."""
    request, answer = exchange
    frame = FramerRTU(DecodePDU(is_server=True)).buildFrame(answer)
    search = adu.RtuSearch(request)

    assert [pdu for piece in pieces(frame[:-1], cuts) if (pdu := search.feed(piece))] == []
    decoded = request.answer(search.feed(frame[-1:]))
    assert type(decoded) is type(answer)
    assert list(decoded.registers) == list(answer.registers)
    assert decoded.exception_code == answer.exception_code


@given(exchanges(), st.binary(max_size=250), st.booleans())
@settings(max_examples=80, deadline=None)
def test_rtu_answers_are_found_behind_noise_and_behind_our_own_echo(
    exchange: tuple[adu.Request, object], noise: bytes, echo: bool
) -> None:
    """Noise, or an adapter that echoes the request, does not hide the answer behind it."""
    request, answer = exchange
    frame = FramerRTU(DecodePDU(is_server=True)).buildFrame(answer)
    before = adu.rtu_frame(request.unit, request.pdu) if echo else noise

    found = adu.RtuSearch(request).feed(before + frame)

    assert found == frame[1:-2]


@given(exchanges(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_rtu_answer_is_no_answer(exchange: tuple[adu.Request, object], data: st.DataObject) -> None:
    """No single flipped bit gets past the CRC."""
    request, answer = exchange
    frame = bytearray(FramerRTU(DecodePDU(is_server=True)).buildFrame(answer))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8

    assert adu.RtuSearch(request).feed(bytes(frame)) is None


@given(st.lists(st.binary(max_size=300), max_size=8))
@settings(max_examples=60, deadline=None)
def test_garbage_never_raises_and_never_piles_up(chunks: list[bytes]) -> None:
    search = adu.RtuSearch(adu.read_holding(1, 0, 2))
    for chunk in chunks:
        search.feed(chunk)

    assert len(search._buffer) <= adu.RTU_BUFFER
    assert search.heard == sum(map(len, chunks))


@given(st.lists(exchanges(), min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_tcp_frames_come_out_however_they_are_split(
    exchanges: list[tuple[adu.Request, object]], cuts: list[int]
) -> None:
    """Any split of several answers on one connection gives those answers in order."""
    stream, expected = b"", []
    for number, (_, answer) in enumerate(exchanges):
        answer.transaction_id = number
        frame = FramerSocket(DecodePDU(is_server=True)).buildFrame(answer)
        stream += frame
        expected.append((number, answer.dev_id, frame[7:]))
    frames = adu.TcpFrames()

    assert [frame for piece in pieces(stream, cuts) for frame in frames.feed(piece)] == expected


@given(st.lists(st.binary(max_size=300), max_size=8))
@settings(max_examples=60, deadline=None)
def test_garbage_on_tcp_raises_its_own_error_or_nothing(chunks: list[bytes]) -> None:
    frames = adu.TcpFrames()
    try:
        for chunk in chunks:
            frames.feed(chunk)
    except adu.FramingError:
        return

    assert len(frames._buffer) < 7 + adu.MAX_PDU


@pytest.mark.parametrize("header", ["0001 0001 0006 01", "0001 0000 ffff 01", "0001 0000 0000 01", "0001 0000 0001 01"])
def test_a_header_that_would_stick_for_ever_is_an_error(header: str) -> None:
    """The headers on which pymodbus' framer waits for ever, or loses its place."""
    with pytest.raises(adu.FramingError):
        adu.TcpFrames().feed(bytes.fromhex(header))


@pytest.mark.parametrize(
    ("unit", "address", "count"), [(0, 0, 1), (248, 0, 1), (1, 0, 0), (1, 0, 126), (1, -1, 1), (1, 0x10000, 1)]
)
def test_a_request_that_no_device_could_answer_is_refused_before_it_is_sent(
    unit: int, address: int, count: int
) -> None:
    with pytest.raises(ValueError):
        adu.read_holding(unit, address, count)


def test_a_register_value_out_of_range_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError):
        adu.write_registers(1, 0, [0x10000])


def test_an_answer_to_another_function_or_of_another_length_is_not_accepted() -> None:
    """pymodbus returns a 06 answer to a 03 request, and one of two registers for one of four."""
    request = adu.read_holding(1, 0, 4)

    assert request.accepts(bytes.fromhex("03 08 0001 0002 0003 0004"))
    assert request.accepts(bytes.fromhex("83 02"))
    assert not request.accepts(bytes.fromhex("03 04 0001 0002"))
    assert not request.accepts(bytes.fromhex("04 08 0001 0002 0003 0004"))
    assert not request.accepts(bytes.fromhex("84 02"))
    assert not request.accepts(bytes.fromhex("06 0000 0001"))
    assert not request.accepts(b"")
