"""What others call our keys, as data: `aliases.toml`. Only letters and digits count, and nothing in brackets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from jp_firmware.config.key import keys_of
from jp_firmware.config.schema import Cabinet

_TABLE = Path(__file__).with_name("aliases.toml")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def _pairs(listed: Iterable[Sequence[Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple((theirs, ours) for theirs, ours in listed)


@attrs.frozen(kw_only=True)
class Alias:
    """One thing that others have a name for. The fields are explained in `aliases.toml`."""

    names: tuple[str, ...] = attrs.field(converter=tuple)
    misspelt: tuple[str, ...] = attrs.field(converter=tuple, default=())
    key: str = ""
    taken_as: str = ""
    choices: tuple[tuple[str, Any], ...] = attrs.field(converter=_pairs, default=())
    always: str = ""
    reason: str = ""
    note: str = ""

    @property
    def unit(self) -> str:
        """Of our key; empty where it has none."""
        return _units().get(self.key, "")


@attrs.frozen
class Match:
    """The alias that somebody means; `meant` is the right name where theirs was misspelt."""

    alias: Alias
    meant: str = ""


@cache
def aliases() -> tuple[Alias, ...]:
    """All of them, in the order of the table."""
    return tuple(Alias(**one) for one in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["aliases"])


def match(name: str) -> Match | None:
    """What `name` stands for, a dotted path or a name alone: the longest end of it that is known; None if none is."""
    words = name.split(".")
    for first in range(len(words)):
        end = ".".join(words[first:])
        for asked in (_plain(end), _plain(_without_brackets(end))):
            if asked and (found := _by_name().get(asked)):
                return found
    return None


def alias_hint(word: str) -> str | None:
    """What to say of an unknown key that others have; None if nobody is known to have it."""
    found = match(word)
    if found is None or word in found.alias.key.split("."):
        return None
    alias = found.alias
    if not alias.taken_as or not alias.key:
        return f"others have such a key, which is not taken here: {alias.reason}"
    unit = f" (in {alias.unit})" if alias.unit else ""
    return f"{word} is {alias.key} here{unit}; import it with jp config import"


@cache
def _units() -> dict[str, str]:
    return {one.name: one.key.unit for one in keys_of(Cabinet)}


@cache
def _by_name() -> dict[str, Match]:
    return dict(_names())


def _names() -> Iterator[tuple[str, Match]]:
    for alias in aliases():
        yield from ((_plain(name), Match(alias)) for name in alias.names)
        yield from ((_plain(name), Match(alias, meant=alias.names[0])) for name in alias.misspelt)


def _without_brackets(name: str) -> str:
    inner = _BRACKETS.sub("", name)
    return inner if inner == name else _without_brackets(inner)


def _plain(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())
