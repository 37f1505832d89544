"""Register maps as data: a field is a name, an offset and a type; a block is a run of fields.

The same table encodes on one side of a link and decodes on the other, and prints itself for the documentation.
It knows registers and Python values; it knows no device, no transport and no meaning.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence

import attrs


class MapError(Exception):
    """Registers that do not fit the map: which field, what was found, what would have been right."""


class Kind(enum.Enum):
    """How a field lies in its registers. 32 bits lie high word first."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    ENUM = "enum"
    BITS = "bits"
    TEXT = "text"


NEWEST = 0xFF  # a minor version that has everything: the version register gives it one byte
_RANGES = {Kind.U16: (0, 0xFFFF), Kind.I16: (-0x8000, 0x7FFF), Kind.U32: (0, 0xFFFF_FFFF)}


@attrs.frozen(kw_only=True)
class Field:
    """One field of a block. `per_unit` counts make one `unit`: 10 per V means steps of 0.1 V.

    An `optional` number has one raw value, the type's highest, that means "unknown" and decodes to None. A field that
    is not optional uses that value as any other. Values outside the range are saturated when encoding, so that a
    noisy measurement never breaks a cycle; NaN is refused. A field that came with a later minor version (`since`) is
    optional: to a peer of an earlier one its registers are reserved.
    """

    name: str
    offset: int
    kind: Kind
    meaning: str
    per_unit: int = 1
    unit: str = ""
    whole: bool = False  # decodes to int instead of float
    optional: bool = False
    words: Mapping[enum.Enum, int] = attrs.field(factory=dict)  # ENUM: value of each member
    bits: tuple[str, ...] = ()  # BITS: names from bit 0 upwards
    length: int = 0  # TEXT: characters, two a register, first in the high byte
    since: int = 0  # minor version of the map that gave it its meaning

    @property
    def registers(self) -> int:
        if self.kind is Kind.TEXT:
            return self.length // 2
        return 2 if self.kind is Kind.U32 else 1

    @property
    def unknown(self) -> int | None:
        """The raw value that says "unknown", if the field has one."""
        return _RANGES[self.kind][1] if self.optional else None

    def encode(self, values: Mapping[str, object]) -> tuple[int, ...]:
        """The field's registers. Raises MapError for a value that the field cannot say."""
        if self.kind is Kind.BITS:
            return (sum(1 << bit for bit, name in enumerate(self.bits) if values[name]),)
        value = values[self.name]
        if self.kind is Kind.TEXT:
            return self._encode_text(value)
        if self.kind is Kind.ENUM:
            if not isinstance(value, enum.Enum) or value not in self.words:
                raise MapError(f"{self.name}: {value!r} is not one of {', '.join(map(str, self.words))}")
            return (self.words[value],)
        return self._encode_number(value)

    def decode(self, registers: Sequence[int]) -> dict[str, object]:
        """The field's values by name. Raises MapError for an enumeration value that is not defined."""
        if self.kind is Kind.BITS:
            return {name: bool(registers[0] >> bit & 1) for bit, name in enumerate(self.bits)}
        if self.kind is Kind.TEXT:
            return {self.name: self._decode_text(registers)}
        if self.kind is Kind.ENUM:
            for member, word in self.words.items():
                if word == registers[0]:
                    return {self.name: member}
            raise MapError(f"{self.name} (offset {self.offset}) reads {registers[0]}, which the map does not define")
        return {self.name: self._decode_number(registers)}

    def _encode_number(self, value: object) -> tuple[int, ...]:
        low, high = _RANGES[self.kind]
        if value is None:
            if self.unknown is None:
                raise MapError(f"{self.name} has no way to say that it is unknown")
            raw = self.unknown
        else:
            if not isinstance(value, int | float) or math.isnan(value):
                raise MapError(f"{self.name}: {value!r} is not a number")
            top = high - 1 if self.optional else high
            scaled = value * self.per_unit
            raw = low if scaled <= low else top if scaled >= top else round(scaled)
        if self.kind is Kind.U32:
            return (raw >> 16, raw & 0xFFFF)
        return (raw & 0xFFFF,)

    def _decode_number(self, registers: Sequence[int]) -> int | float | None:
        raw = registers[0]
        if self.kind is Kind.U32:
            raw = registers[0] << 16 | registers[1]
        elif self.kind is Kind.I16 and raw >= 0x8000:
            raw -= 0x10000
        if self.optional and raw == self.unknown:
            return None
        return raw if self.whole else raw / self.per_unit

    def _encode_text(self, value: object) -> tuple[int, ...]:
        data = str(value).encode("ascii", "replace")[: self.length].ljust(self.length, b"\0")
        return tuple(data[at] << 8 | data[at + 1] for at in range(0, self.length, 2))

    def _decode_text(self, registers: Sequence[int]) -> str:
        data = b"".join(bytes((word >> 8, word & 0xFF)) for word in registers)
        text = data.split(b"\0", 1)[0].decode("ascii", "replace").strip()
        return "".join(letter if letter.isprintable() else "?" for letter in text)

    def row(self) -> str:
        """The field as a row of the documentation's table."""
        end = self.offset + self.registers - 1
        where = f"{self.offset}" if self.registers == 1 else f"{self.offset}-{end}"
        if self.kind is Kind.ENUM:
            says = ", ".join(f"{word} {member.value}" for member, word in self.words.items())
        elif self.kind is Kind.BITS:
            says = ", ".join(f"b{bit} `{name}`" for bit, name in enumerate(self.bits))
        elif self.kind is Kind.TEXT:
            says = f"{self.length} characters"
        else:
            says = f"{1 / self.per_unit:g} {self.unit}".rstrip()
            if self.unknown is not None:
                says += f"; unknown 0x{self.unknown:X}"
        return f"| {where} | `{self.name}` | {self.kind.value} | {says} | {self.meaning} |"


@attrs.frozen(kw_only=True)
class Block:
    """A run of `size` registers. What no field covers is reserved: written as 0, ignored when read."""

    name: str
    size: int
    fields: tuple[Field, ...]

    def encode(self, values: Mapping[str, object], minor: int = NEWEST) -> list[int]:
        """`size` registers, as a map of version `minor` has them.

        Raises MapError (see `Field.encode`), KeyError for a missing name.
        """
        registers = [0] * self.size
        for field in self.fields:
            if field.since > minor:
                continue
            registers[field.offset : field.offset + field.registers] = field.encode(values)
        return registers

    def decode(self, registers: Sequence[int], minor: int = NEWEST) -> dict[str, object]:
        """All values by name; None for what a map of version `minor` does not have yet.

        Raises MapError for a wrong number of registers or an undefined enumeration value.
        """
        if len(registers) != self.size:
            raise MapError(f"{self.name} block: {len(registers)} registers, expected {self.size}")
        values: dict[str, object] = {}
        for field in self.fields:
            if field.since > minor:
                values[field.name] = None
                continue
            values |= field.decode(registers[field.offset : field.offset + field.registers])
        return values

    def table(self) -> str:
        """The block as a Markdown table, as it stands in the documentation."""
        head = "| offset | field | type | unit or values | meaning |\n|---|---|---|---|---|\n"
        return head + "\n".join(field.row() for field in self.fields)
