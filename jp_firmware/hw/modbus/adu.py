"""Modbus framing, sans-IO: requests as bytes, and answers found in whatever bytes come back.

A master knows what it asked for, so it knows unit, function code and length of the one answer it waits for; it need not
guess frame borders the way a sniffer must. PDUs are pymodbus' own; the frames around them (RTU and TCP) are ours,
because pymodbus' framers discard a good answer behind noise and never recover from some lengths (measured, 3.16.1).
No clock, no I/O: when a line is quiet enough to speak on is the business of `line`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import attrs
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersRequest,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
)

MAX_RTU_FRAME: Final = 256
MAX_PDU: Final = 253
MAX_READ: Final = 125
MAX_WRITE: Final = 123
MAX_READ_WRITE: Final = 121  # registers written by function 23
EXCEPTION_BIT: Final = 0x80

# Bytes kept while looking for an RTU answer: the longest frame behind as much noise, or behind the echo of a request.
RTU_BUFFER: Final = 2 * MAX_RTU_FRAME

EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, busy with a long command",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


class FramingError(Exception):
    """Bytes on a TCP connection that can be no Modbus frame. The connection is of no use any more."""


@attrs.frozen
class Request:
    """One request and the shape of its answer. `answer_head` are the first bytes that any good answer must have."""

    unit: int
    pdu: bytes
    answer_head: bytes
    answer_length: int  # of the PDU
    answer_type: type[ModbusPDU]
    text: str  # "reading holding registers 0-19", for messages

    @property
    def function(self) -> int:
        return self.pdu[0]

    def is_like(self, other: Request) -> bool:
        """Whether an answer to `other` would pass for one to this request, on a wire without transaction numbers."""
        return (
            self.unit == other.unit
            and self.answer_head == other.answer_head
            and self.answer_length == other.answer_length
        )

    def accepts(self, pdu: bytes) -> bool:
        """Whether this PDU answers the request: well, or with an exception."""
        if len(pdu) == 2 and pdu[0] == self.function | EXCEPTION_BIT:
            return True
        return len(pdu) == self.answer_length and pdu.startswith(self.answer_head)

    def answer(self, pdu: bytes) -> ModbusPDU:
        """The decoded answer, an `ExceptionResponse` if the device refused. `pdu` is one that it `accepts`."""
        answer = ExceptionResponse(self.function) if pdu[0] & EXCEPTION_BIT else self.answer_type()
        answer.decode(pdu[1:])
        return answer


def read_holding(unit: int, address: int, count: int) -> Request:
    """Function 3. Raises ValueError for a count outside 1-125 or an address outside 0-65535, as all of these do."""
    pdu = ReadHoldingRegistersRequest(dev_id=unit, address=address, count=count)
    return _read(unit, pdu, ReadHoldingRegistersResponse, count, f"reading holding registers {_span(address, count)}")


def read_input(unit: int, address: int, count: int) -> Request:
    """Function 4."""
    pdu = ReadInputRegistersRequest(dev_id=unit, address=address, count=count)
    return _read(unit, pdu, ReadInputRegistersResponse, count, f"reading input registers {_span(address, count)}")


def write_registers(unit: int, address: int, values: Sequence[int]) -> Request:
    """Function 16."""
    _check_span(address, len(values), MAX_WRITE)
    pdu = WriteMultipleRegistersRequest(dev_id=unit, address=address, registers=list(values))
    head = struct.pack(">BHH", pdu.function_code, address, len(values))
    text = f"writing registers {_span(address, len(values))}"
    return Request(_unit(unit), _pdu(pdu), head, len(head), WriteMultipleRegistersResponse, text)


def read_write(unit: int, read_address: int, read_count: int, write_address: int, values: Sequence[int]) -> Request:
    """Function 23: writes first, then reads, in one exchange."""
    _check_span(read_address, read_count, MAX_READ)
    _check_span(write_address, len(values), MAX_READ_WRITE)
    pdu = ReadWriteMultipleRegistersRequest(
        dev_id=unit,
        read_address=read_address,
        read_count=read_count,
        write_address=write_address,
        write_registers=list(values),
    )
    text = (
        f"writing registers {_span(write_address, len(values))} and reading holding registers "
        f"{_span(read_address, read_count)}"
    )
    return _read(unit, pdu, ReadWriteMultipleRegistersResponse, read_count, text)


def _read(unit: int, pdu: ModbusPDU, answer: type[ModbusPDU], count: int, text: str) -> Request:
    return Request(_unit(unit), _pdu(pdu), bytes((pdu.function_code, 2 * count)), 2 + 2 * count, answer, text)


def _pdu(pdu: ModbusPDU) -> bytes:
    try:
        return bytes((pdu.function_code,)) + pdu.encode()
    except struct.error as error:
        raise ValueError(f"register value out of range: {error}") from error


def _unit(unit: int) -> int:
    if not 1 <= unit <= 247:
        raise ValueError(f"unit {unit} is not within 1-247 (0 is a broadcast, which is never answered)")
    return unit


def _check_span(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most or not 0 <= address <= 0x10000 - count:
        raise ValueError(f"{count} registers from {address}: at most {most}, addresses 0-65535")


def _span(address: int, count: int) -> str:
    return f"{address}" if count == 1 else f"{address}-{address + count - 1}"


# --- RTU -----------------------------------------------------------------------------------------------------------


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: reflected 0x8005, starting at 0xFFFF. Goes out low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_table() -> Iterator[int]:
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        yield crc


_CRC_TABLE: Final = tuple(_crc_table())


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """Unit, PDU, CRC."""
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


@attrs.define
class RtuSearch:
    """Looks for the answer to one request in a stream of bytes. One request, one search."""

    request: Request
    heard: int = 0  # bytes seen, for the judgement that an answer came but was garbled
    _buffer: bytearray = attrs.field(factory=bytearray, repr=False)

    @property
    def frame_length(self) -> int:
        """Bytes of the good answer's frame."""
        return self.request.answer_length + 3

    def starts_with(self, frame: bytes) -> bool:
        """Whether the first bytes heard are these: an adapter that echoes what we sent."""
        return self.heard <= RTU_BUFFER and self._buffer.startswith(frame)

    def feed(self, data: bytes) -> bytes | None:
        """The answer's PDU as soon as it is whole and its CRC is right; None: not yet. Never raises."""
        self.heard += len(data)
        self._buffer += data
        pdu = self._find()
        if len(self._buffer) > RTU_BUFFER:
            del self._buffer[:-RTU_BUFFER]
        return pdu

    def _find(self) -> bytes | None:
        good = bytes((self.request.unit,)) + self.request.answer_head
        refused = bytes((self.request.unit, self.request.function | EXCEPTION_BIT))
        return self._frame(good, self.frame_length) or self._frame(refused, 5)

    def _frame(self, head: bytes, length: int) -> bytes | None:
        """The PDU of the first whole frame that begins with `head`."""
        at = self._buffer.find(head)
        while at >= 0 and at + length <= len(self._buffer):
            frame = bytes(self._buffer[at : at + length])
            if crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
                return frame[1:-2]
            at = self._buffer.find(head, at + 1)
        return None


# --- TCP -----------------------------------------------------------------------------------------------------------

_MBAP: Final = struct.Struct(">HHHB")


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """MBAP header and PDU."""
    return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


@attrs.define
class TcpFrames:
    """Cuts the bytes of one TCP connection into frames. One connection, one of these."""

    _buffer: bytearray = attrs.field(factory=bytearray, repr=False)

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Whole frames as (transaction, unit, PDU). Raises FramingError for a header that cannot be Modbus."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _MBAP.size:
            transaction, protocol, length, unit = _MBAP.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= MAX_PDU + 1:
                raise FramingError(f"a header with protocol {protocol} and length {length} is no Modbus/TCP")
            end = _MBAP.size + length - 1
            if len(self._buffer) < end:
                break
            frames.append((transaction, unit, bytes(self._buffer[_MBAP.size : end])))
            del self._buffer[:end]
        return frames
