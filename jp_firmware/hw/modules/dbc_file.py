"""A DBC file as what a driver needs of it: messages by name, and signals that are read and written in microseconds.

`cantools` reads the file, here and nowhere else, and is imported when the first file is read: a charger without such
modules never waits for it. Bits are then ours, since a module is asked ten times a second.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import one_line, suggest
from jp_firmware.hw.can.frame import MAX_LENGTH
from jp_firmware.hw.modules.steps import steps_within

if TYPE_CHECKING:
    from cantools.database.can import Message as CantoolsMessage
    from cantools.database.can import Signal as CantoolsSignal

_FLOATS = {16: struct.Struct(">e"), 32: struct.Struct(">f"), 64: struct.Struct(">d")}


@attrs.frozen(kw_only=True)
class Field:
    """One signal: where its bits are and what they mean. `raw` is the number in them, `value` what it stands for."""

    name: str
    shift: int  # of its lowest bit, in the payload read as one number
    bits: int
    little: bool  # that number is little-endian
    signed: bool = False
    floating: bool = False
    scale: float = 1.0
    offset: float = 0.0
    minimum: float | None = None  # of the value, where the file says so
    maximum: float | None = None
    unit: str = ""
    selector: str = ""  # the signal that chooses it, where several share their bits
    selected_by: int = 0  # that signal's raw value

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1

    def fits(self, raw: int) -> bool:
        """Whether `raw` can stand in its bits."""
        half = 1 << (self.bits - 1)
        return -half <= raw < half if self.signed else 0 <= raw <= self.mask

    def raw_in(self, data: bytes) -> int:
        """What stands in its bits; of a floating-point signal the bit pattern."""
        raw = int.from_bytes(data, "little" if self.little else "big") >> self.shift & self.mask
        return raw - (1 << self.bits) if self.signed and raw >> (self.bits - 1) else raw

    def value_in(self, data: bytes) -> float:
        """May be not-a-number where the signal is a floating-point one."""
        raw = self.raw_in(data)
        number: float = raw
        if self.floating:
            (number,) = _FLOATS[self.bits].unpack(raw.to_bytes(self.bits // 8, "big"))
        return number * self.scale + self.offset

    def raw_of(self, value: float, *, within: bool = False) -> int:
        """The nearest that its bits and its range can say, or that `within` value; 0 for not-a-number."""
        if math.isnan(value):
            return 0
        if self.minimum is not None:
            value = max(value, self.minimum)
        if self.maximum is not None:
            value = min(value, self.maximum)
        number = (value - self.offset) / self.scale
        if self.floating:
            largest = {16: 65504.0, 32: 3.4028234e38, 64: 1.7e308}[self.bits]
            return int.from_bytes(_FLOATS[self.bits].pack(min(max(number, -largest), largest)), "big")
        half = 1 << (self.bits - 1)
        low, high = (-half, half - 1) if self.signed else (0, self.mask)
        number = min(max(number, low), high)
        if not within:
            return round(number)
        return steps_within(number) if self.scale > 0 else -steps_within(-number)


@attrs.frozen(kw_only=True)
class Message:
    """One message, as the file has it."""

    file: str
    name: str
    can_id: int
    extended: bool
    length: int
    fields: Mapping[str, Field]

    def field(self, name: str) -> Field:
        """Raises `ConfigError` for a signal that there is not."""
        if name not in self.fields:
            known = suggest(name, [*self.fields])
            raise ConfigError(f"message {self.name} of {self.file} has no signal {name}; {known}")
        return self.fields[name]

    def payload(self, raws: Iterable[tuple[Field, int]]) -> bytes:
        """All bits that no field of `raws` fills are zero."""
        big = little = 0
        for field, raw in raws:
            if field.little:
                little |= (raw & field.mask) << field.shift
            else:
                big |= (raw & field.mask) << field.shift
        return (big | int.from_bytes(little.to_bytes(self.length, "little"), "big")).to_bytes(self.length, "big")


@attrs.frozen
class DbcFile:
    """All messages of a file by name."""

    name: str
    messages: Mapping[str, Message]

    def message(self, name: str) -> Message:
        """Raises `ConfigError` for a message that there is not."""
        if name not in self.messages:
            raise ConfigError(f"{self.name} has no message {name}; {suggest(name, [*self.messages])}")
        return self.messages[name]


def read(path: Path) -> DbcFile:
    """Reads a file. Raises `ConfigError`, in one line, for one that is no DBC or holds what no CAN frame can."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the name and its permissions") from error
    return _read(path, (found.st_mtime_ns, found.st_size))


@functools.lru_cache(maxsize=16)  # a cabinet's modules share their file
def _read(path: Path, _version: tuple[int, int]) -> DbcFile:
    from cantools.database import load_file
    from cantools.database.can import Database
    from cantools.database.errors import Error

    try:
        database = load_file(path, database_format="dbc", encoding="utf-8", strict=True)
    except (Error, OSError, ValueError) as error:
        raise ConfigError(f"{path}: is not a DBC file: {one_line(' '.join(str(error).split()))}") from error
    if not isinstance(database, Database):
        raise ConfigError(f"{path}: is not a DBC file of CAN messages")
    return DbcFile(path.name, {message.name: _message(path.name, message) for message in database.messages})


def _message(file: str, message: CantoolsMessage) -> Message:
    if not 1 <= message.length <= MAX_LENGTH:
        raise ConfigError(f"{file}: message {message.name} has {message.length} bytes; a CAN frame carries 1 to 8")
    return Message(
        file=file,
        name=message.name,
        can_id=message.frame_id,
        extended=message.is_extended_frame,
        length=message.length,
        fields={signal.name: _field(file, message, signal) for signal in message.signals},
    )


def _field(file: str, message: CantoolsMessage, signal: CantoolsSignal) -> Field:
    where = f"{file}: signal {signal.name} of message {message.name}"
    if signal.is_float and signal.length not in _FLOATS:
        raise ConfigError(f"{where} is a floating-point number of {signal.length} bits; there are 16, 32 and 64")
    if signal.scale == 0:
        raise ConfigError(f"{where} has a scale of 0; correct its (scale,offset)")
    little = signal.byte_order == "little_endian"
    # A big-endian signal starts at its highest bit; bits are numbered from the right within each byte.
    last = 8 * (signal.start // 8) + 7 - signal.start % 8 + signal.length
    chosen_by = signal.multiplexer_ids or []
    if len(chosen_by) > 1:
        raise ConfigError(f"{where} belongs to several values of its multiplexer; declare a signal for each")
    return Field(
        name=signal.name,
        shift=signal.start if little else 8 * message.length - last,
        bits=signal.length,
        little=little,
        signed=signal.is_signed,
        floating=signal.is_float,
        scale=float(signal.scale),
        offset=float(signal.offset),
        minimum=None if signal.minimum is None else float(signal.minimum),
        maximum=None if signal.maximum is None else float(signal.maximum),
        unit=signal.unit or "",
        selector=signal.multiplexer_signal or "" if chosen_by else "",
        selected_by=chosen_by[0] if chosen_by else 0,
    )
