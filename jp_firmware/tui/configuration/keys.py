"""Keys of the configuration: how they are written, and what the charger declares of each.

A key is dotted, an item of a list is addressed by its uid, name or id, else by its number: `connectors.2.weight`.
Declarations come from the call `config.keys`; nothing about any key is known here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from jp_firmware.tui.told import Json, flag_of, number_of, text_of

Parts = tuple[str, ...]

ANY: Final = "*"  # stands for the name of a list's item in a declaration
_PART: Final = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'[^']*'|[^."']+)\s*(\.|\Z)""", re.DOTALL)


def parts_of(key: str) -> Parts:
    """The parts of a dotted key; one that cannot be read is a single part."""
    parts: list[str] = []
    at, more = 0, True
    while more:
        found = _PART.match(key, at)
        if found is None:
            return (key,)
        part = found[1].strip()
        parts.append(re.sub(r"\\(.)", r"\1", part[1:-1], flags=re.DOTALL) if part[0] == '"' else part.strip("'"))
        at, more = found.end(), found[2] == "."
    return tuple(parts)


def key_text(parts: Iterable[str]) -> str:
    """The parts as one dotted key, quoted where it would be read differently."""
    return ".".join(
        part
        if part and part == part.strip() and not set(part) & set(".\"'\\")
        else '"' + re.sub(r'(["\\])', r"\\\1", part) + '"'
        for part in parts
    )


def name_of(item: Any) -> str | None:
    """What an item of a list is called by; None for one without a name."""
    for key in ("uid", "name", "id"):
        found = item.get(key) if isinstance(item, Mapping) else None
        if isinstance(found, str | int) and not isinstance(found, bool):
            return str(found)
    return None


def words_of(items: Sequence[Any]) -> list[str]:
    """How each item of a list is addressed in a key."""
    return [name_of(item) or str(number) for number, item in enumerate(items)]


class Kind(enum.Enum):
    """What a key holds."""

    TABLE = "table"
    TABLES = "list of tables"
    FLAG = "true or false"
    CHOICE = "choice"
    WHOLE = "whole number"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"


@attrs.frozen(kw_only=True)
class Declared:
    """One key as the charger declares it. `path` has `*` for the names of items."""

    path: Parts
    text: str
    type: str  # in words, with range or choices
    kind: Kind
    element: Kind = Kind.TEXT  # of a list
    unit: str = ""
    low: float | None = None
    high: float | None = None
    one_of: tuple[Any, ...] = ()
    default: Any = None
    required: bool = False
    reload: str = ""
    role: str = ""
    secret: bool = False

    @classmethod
    def read(cls, raw: Json) -> Declared:
        words = text_of(raw, "type")
        choices, kind = raw.get("one_of"), _kind(words)
        has_choices = isinstance(choices, list) and bool(choices)
        return cls(
            path=tuple(text_of(raw, "key").split(".")),
            text=text_of(raw, "text"),
            type=words,
            kind=Kind.CHOICE if has_choices and kind is not Kind.LIST else kind,
            element=Kind.CHOICE if has_choices else _kind(words.removeprefix("list of ").removesuffix("s")),
            unit=text_of(raw, "unit"),
            low=number_of(raw, "low"),
            high=number_of(raw, "high"),
            one_of=tuple(choices) if isinstance(choices, list) else (),
            default=raw.get("default"),
            required=flag_of(raw, "required") is True,
            reload=text_of(raw, "reload"),
            role=text_of(raw, "role"),
            secret=flag_of(raw, "secret") is True,
        )

    @property
    def is_group(self) -> bool:
        """Whether other keys stand below it."""
        return self.kind in (Kind.TABLE, Kind.TABLES)

    @property
    def below(self) -> Parts:
        """Where the keys below it are declared."""
        return (*self.path, ANY) if self.kind is Kind.TABLES else self.path


def _kind(words: str) -> Kind:
    for kind in (Kind.TABLES, Kind.TABLE, Kind.FLAG, Kind.WHOLE, Kind.NUMBER, Kind.LIST):
        if words.startswith(kind.value):
            return kind
    return Kind.TEXT


class Catalogue:
    """All keys there are, in the order of their declaration."""

    def __init__(self, keys: Iterable[Declared] = ()) -> None:
        self._by_path = {one.path: one for one in keys}
        self._children: dict[Parts, list[Declared]] = {}
        for one in self._by_path.values():
            self._children.setdefault(one.path[:-1], []).append(one)

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def __iter__(self) -> Iterator[Declared]:
        return iter(self._by_path.values())

    def below(self, path: Parts) -> Sequence[Declared]:
        """The keys of a table, by where they are declared; of the whole configuration for `()`."""
        return self._children.get(path, ())

    def find(self, parts: Parts) -> Declared | None:
        """The declaration of a key, and of an item of a list that of the list."""
        path = self._path(parts)
        return None if path is None else self._by_path.get(path if path[-1:] != (ANY,) else path[:-1])

    def _path(self, parts: Parts) -> Parts | None:
        path: Parts = ()
        for part in parts:
            held = self._by_path.get(path)
            path = (*path, ANY if held is not None and held.kind is Kind.TABLES else part)
        return path if path in self._by_path or path[:-1] in self._by_path else None
