"""A device's registers as data: which addresses hold what, how to read them in few requests, and how to decode them.

Made from a profile, so that a device that fits needs no code. Encodes as well as it decodes, for emulated devices and
for checking a profile. It reads nothing itself.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence

import attrs
from attrs import validators

from jp_firmware.hw.modbus.adu import MAX_READ

Number = int | float

_TYPES = {
    "u16": ("H", 1),
    "i16": ("h", 1),
    "u32": ("I", 2),
    "i32": ("i", 2),
    "f32": ("f", 2),
    "u64": ("Q", 4),
    "i64": ("q", 4),
    "f64": ("d", 4),
}
WORD_ORDERS = ("high first", "low first")
MAX_EXPONENT = 30  # beyond it the exponent register holds no exponent
_ADDRESS = validators.and_(validators.ge(0), validators.le(0xFFFF))


@attrs.frozen(kw_only=True)
class Register:
    """One quantity: raw value times `scale`, times ten to the power of (exponent register - `exponent_zero`) if any."""

    address: int = attrs.field(validator=_ADDRESS)  # of the first register, from 0, as on the wire
    type: str = attrs.field(default="u16", validator=validators.in_(tuple(_TYPES)))
    scale: float = 1.0
    exponent_register: int | None = attrs.field(default=None, validator=validators.optional(_ADDRESS))
    exponent_zero: int = 0  # the exponent register's value that means ten to the power of 0
    word_order: str = attrs.field(default="", validator=validators.in_(("", *WORD_ORDERS)))  # "": the map's
    function: int = attrs.field(default=0, validator=validators.in_((0, 3, 4)))  # 0: the map's
    poll: bool = True  # False: known, but not read in every cycle

    @property
    def registers(self) -> int:
        return _TYPES[self.type][1]

    @property
    def span(self) -> tuple[int, int]:
        """First address and the one after the last, its exponent included."""
        ends = [self.address, self.address + self.registers]
        if self.exponent_register is not None:
            ends += [self.exponent_register, self.exponent_register + 1]
        return min(ends), max(ends)

    def decode(self, words: Mapping[int, int], word_order: str) -> Number:
        """The value; a float that is no number comes out as it is. Whole numbers stay whole if nothing scales them."""
        code, count = _TYPES[self.type]
        raw = [words[self.address + at] for at in range(count)]
        if (self.word_order or word_order) == "low first":
            raw.reverse()
        value: Number = struct.unpack(f">{code}", struct.pack(f">{count}H", *raw))[0]
        if self.exponent_register is not None:
            exponent = words[self.exponent_register] - self.exponent_zero
            if abs(exponent) > MAX_EXPONENT:
                return math.nan
            # Dividing keeps 33.3 what it is; multiplying by 0.1 would not.
            value = value * 10**exponent if exponent >= 0 else value / 10**-exponent
        if self.scale == 1.0:
            return value
        return value / round(1 / self.scale) if _is_one_over_n(self.scale) else value * self.scale

    def encode(self, value: Number, word_order: str, exponent: int = 0) -> dict[int, int]:
        """The words that decode to `value`, rounded to the register's step. Raises ValueError if it does not fit."""
        code, count = _TYPES[self.type]
        raw = value / self.scale / 10.0**exponent
        try:
            data = struct.pack(f">{code}", raw if code in "fd" else round(raw))
        except (struct.error, OverflowError, ValueError) as error:
            raise ValueError(f"{value} does not fit into {self.type} at {self.address}: {error}") from error
        words = list(struct.unpack(f">{count}H", data))
        if (self.word_order or word_order) == "low first":
            words.reverse()
        encoded = {self.address + at: word for at, word in enumerate(words)}
        if self.exponent_register is not None:
            encoded[self.exponent_register] = exponent + self.exponent_zero
        return encoded


@attrs.frozen
class Read:
    """One request, and the quantities it brings."""

    function: int
    address: int
    count: int
    names: tuple[str, ...]


@attrs.frozen(kw_only=True)
class RegisterMap:
    """All quantities of a device by name."""

    registers: Mapping[str, Register]
    function: int = attrs.field(default=3, validator=validators.in_((3, 4)))
    word_order: str = attrs.field(default="high first", validator=validators.in_(WORD_ORDERS))
    max_registers: int = attrs.field(default=MAX_READ, validator=[validators.ge(1), validators.le(MAX_READ)])
    max_gap: int = attrs.field(default=0, validator=validators.ge(0))  # unused registers read along to save a request

    def plan(self, names: Iterable[str] | None = None) -> tuple[Read, ...]:
        """The requests for `names`, by default for all that are polled: as few as gaps and `max_registers` allow."""
        wanted = set(names) if names is not None else {name for name, one in self.registers.items() if one.poll}
        ordered = sorted((self._function(name), *self.registers[name].span, name) for name in wanted)
        reads: list[Read] = []
        for function, start, end, name in ordered:
            last = reads[-1] if reads else None
            if last and last.function == function and start <= last.address + last.count + self.max_gap:
                whole = max(end, last.address + last.count) - last.address
                if whole <= self.max_registers:
                    reads[-1] = Read(function, last.address, whole, (*last.names, name))
                    continue
            reads.append(Read(function, start, end - start, (name,)))
        return tuple(reads)

    def split(self, read: Read) -> tuple[Read, ...]:
        """The same quantities in two requests, for devices that refuse the one; empty if there is only one quantity."""
        half = len(read.names) // 2
        if not half:
            return ()
        return self.plan(read.names[:half]) + self.plan(read.names[half:])

    def decode(self, read: Read, words: Sequence[int]) -> dict[str, Number]:
        """The quantities of one answer."""
        by_address = {read.address + at: word for at, word in enumerate(words)}
        return {name: self.registers[name].decode(by_address, self.word_order) for name in read.names}

    def encode(self, values: Mapping[str, Number], exponents: Mapping[str, int] | None = None) -> dict[int, int]:
        """The words of a device that has these values. Raises ValueError for a value that does not fit."""
        words: dict[int, int] = {}
        for name, value in values.items():
            words |= self.registers[name].encode(value, self.word_order, (exponents or {}).get(name, 0))
        return words

    def _function(self, name: str) -> int:
        return self.registers[name].function or self.function


def _is_one_over_n(scale: float) -> bool:
    return 0 < scale < 1 and abs(1 / scale - round(1 / scale)) < 1e-9 / scale
