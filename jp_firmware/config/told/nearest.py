"""What somebody may have meant who wrote a key that there is not: misspelt, spelt as elsewhere, or in a wrong place.

People know keys from other products and from other tables: `maxPowerPerGunKW` is read as `max_power_per_gun_kw`, and
the search goes over the table it stands in first, then over all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import get_origin

import attrs

from jp_firmware.config.key import table_of

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NEAR, _FAR = 0.6, 0.67  # ours: of difflib's ratio; a key of another table must be more alike
_UNITS = frozenset(("a", "c", "h", "km", "kw", "kwh", "ms", "s", "v", "w", "wh"))


def suggestion(key: str, table: type, kind: type) -> str:
    """ "did you mean …?" for a key that the class `table` has not, of a text that mirrors the class `kind`.

    A key of another table is told with its whole name. If nothing is near: which keys the table has.
    """
    own = [field.name for field in attrs.fields(table)]
    word = as_snake(key)
    elsewhere = [name for name in _names(kind) if name.rpartition(".")[2] not in own]
    found = (
        _near(word, own)
        or [name for name in elsewhere if name.rpartition(".")[2] == word][:3]
        or _near(_without_unit(word), own, _without_unit)
        or _near(_without_unit(word), elsewhere, lambda name: _without_unit(name.rpartition(".")[2]), _FAR)
    )
    return f"did you mean {' or '.join(found)}?" if found else f"known: {', '.join(own) or 'none'}"


def as_snake(key: str) -> str:
    """`maxPowerPerGunKW` and `max-power` as keys are spelt here: `max_power_per_gun_kw`, `max_power`."""
    return re.sub(r"[^a-z0-9]+", "_", _HUMP.sub("_", key).lower()).strip("_")


def _near(word: str, names: Sequence[str], spelt: Callable[[str], str] = str, likeness: float = _NEAR) -> list[str]:
    """The one name that is spelt nearly so, if there is any."""
    by_spelling = {spelt(name): name for name in reversed(names)}
    return [by_spelling[one] for one in difflib.get_close_matches(word, list(by_spelling), n=1, cutoff=likeness)]


def _without_unit(word: str) -> str:
    parts = word.split("_")
    while len(parts) > 1 and parts[-1] in _UNITS:
        parts.pop()
    return "_".join(parts)


@cache
def _names(kind: type) -> tuple[str, ...]:
    """All keys of a table and below it, as people write them."""
    return tuple(_below(kind, ""))


def _below(kind: type, above: str) -> Iterator[str]:
    for field in attrs.fields(attrs.resolve_types(kind, include_extras=False)):
        yield f"{above}{field.name}"
        table = table_of(field.type)
        if table is not None and table is not kind:
            yield from _below(table, f"{above}{field.name}.{'*.' if get_origin(field.type) is tuple else ''}")
