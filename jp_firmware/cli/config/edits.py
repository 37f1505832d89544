"""Edits of a configuration on the command line: `KEY=VALUE` and its like, read as the key's type and unit want them.

Whether a value is a good one is not judged here: the charger, or the examination of the file, says that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, get_args

from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.values import SCALES, quantity
from jp_firmware.config.key import Known
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import toml
from jp_firmware.config.text.edits import Add, Edit, Put, Remove, parts_of
from jp_firmware.config.told.explain import UnknownKey, known, type_text

Json = dict[str, Any]

_OF_BITS = re.compile(r"0x[0-9a-f]+|0o[0-7]+|0b[01]+")


def edits_of(puts: Iterable[str], unset: Iterable[str] = (), added: Iterable[str] = ()) -> list[Json]:
    """The edits as the console's API takes them: first what goes, then what is set, then what comes.

    Raises CommandError for a key that there is not, and for a value that is none of its kind.
    """
    return [*map(_remove, unset), *map(_put, puts), *map(_add, added)]


def as_edits(told: Iterable[Json]) -> tuple[Edit, ...]:
    """The same for a file."""
    return tuple(_edit(one) for one in told)


def declaration(key: str) -> Known:
    """Of a key of the configuration. Raises CommandError, with the nearest."""
    try:
        return known(key)
    except UnknownKey as error:
        raise CommandError(error.args[0]) from None


def _edit(told: Json) -> Edit:
    match told:
        case {"put": key, "value": value}:
            return Put(key, value)
        case {"add": key, "item": item}:
            return Add(key, item)
    return Remove(told["remove"])


def _remove(key: str) -> Json:
    key = key.strip()
    try:
        if len(parts_of(key)) == 1:
            declaration(key)  # below it, names of items are the charger's own
    except ConfigError as error:
        raise CommandError(str(error)) from None
    return {"remove": key}


def _put(text: str) -> Json:
    key, value = _halves(text, "KEY=VALUE, as in site.limit_w=100kW")
    one = declaration(key)
    if one.key.secret:
        raise CommandError(f"{key} is a secret, and this line can be read by others; use jp config secret {key}")
    if one.is_table:
        way = f"add an item with --add '{key}={{ … }}'" if one.is_list else f"set its keys, as in {key}.NAME=VALUE"
        raise CommandError(f"{key} is a {type_text(one)}; {way}")
    return {"put": key, "value": value_of(one, key, value)}


def _add(text: str) -> Json:
    key, value = _halves(text, "LIST=ITEM, as in --add 'connectors={ id = 5, max_current_a = 200 }'")
    one = declaration(key)
    if not one.is_list:
        raise CommandError(f"{key} is no list, nothing can be added to it; set it with {key}=VALUE")
    item = _toml(value)
    if item is None and not one.is_table and str in get_args(one.type):
        item = value
    if item is None or one.is_table != isinstance(item, dict):
        wanted = "a table, { name = value, … } with texts in quotes" if one.is_table else "a value of TOML"
        raise CommandError(f"{key}: {value!r} is not {wanted}; quote the whole for the shell")
    return {"add": key, "item": item}


def _halves(text: str, form: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise CommandError(f"{text!r}: write {form}")
    return key.strip(), value.strip()


# --- values ----------------------------------------------------------------------------------------------------------


def value_of(one: Known, key: str, text: str) -> Any:
    """The value that `text` means for a key. Texts need no quotes. Raises CommandError."""
    kinds = [kind for kind in get_args(one.type) or (one.type,) if kind not in (NoneType, Ellipsis)]
    kind = getattr(kinds[0], "__supertype__", kinds[0])
    if not one.is_list and kind in (int, float):
        return _number(one, key, text, whole=kind is int)
    value = _toml(text)
    if one.is_list or kind is bool:
        wanted = list if one.is_list else bool
        if isinstance(value, wanted):
            return value
        form = "[a, b] with texts in quotes" if one.is_list else "true or false"
        raise CommandError(f"{key}: {text!r} is not a {type_text(one)}; write {form}" if one.is_list else
                           f"{key}: {text!r} is neither true nor false")  # fmt: skip
    return value if text[:1] in ("'", '"') and isinstance(value, str) else text


def _number(one: Known, key: str, text: str, *, whole: bool) -> int | float:
    scales = SCALES.get(one.key.unit, {})
    if whole and not scales and _OF_BITS.fullmatch(text):
        return int(text, 0)
    value = quantity(text, one.key.unit)
    if value is None:
        raise CommandError(f"{key}: {text!r} does not fit; {_forms(one, scales)}")
    if value == value.to_integral_value():
        return int(value)
    if whole:
        raise CommandError(f"{key}: {text!r} is not a whole number{' of ' + one.key.unit if one.key.unit else ''}")
    return float(value)


def _forms(one: Known, scales: Mapping[str, Decimal]) -> str:
    if not one.key.unit:
        return f"it is a {type_text(one)}, without a unit"
    others = [name for name in scales if scales[name] != 1]
    as_well = f", or in {' or '.join(others)} with the unit behind it" if others else ""
    return f"it is a number in {one.key.unit}{as_well}"


def _toml(text: str) -> Any:
    """The value that TOML reads there; None where it reads none, or more than one."""
    try:
        read = toml.loads(f"value = {text}")
    except toml.TomlError:
        return None
    return read["value"] if set(read) == {"value"} else None
