"""The configuration as a JSON Schema, for editors of TOML such as Taplo: they complete, check and explain."""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args

import attrs

from jp_firmware.config.key import Known, keys_of, table_of
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.told.explain import RELOAD_TEXT

Json = dict[str, Any]

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema() -> Json:
    """The schema of a cabinet's file, of JSON Schema draft 7, which is what those editors read."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Cabinet of a DC charger",
        **_table(Cabinet),
    }


def _table(kind: type) -> Json:
    keys = [one for one in keys_of(kind) if len(one.path) == 1]
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "additionalProperties": False,
        "properties": {one.name: _key(one) for one in keys},
        "required": [one.name for one in keys if one.default is attrs.NOTHING],
    }


def _key(one: Known) -> Json:
    about: Json = {"description": _description(one)}
    table = table_of(one.type)
    if table is not None:
        return {"type": "array", "items": _table(table), **about} if one.is_list else {**_table(table), **about}
    if one.default is not attrs.NOTHING and one.default is not None:
        about["default"] = list(one.default) if isinstance(one.default, tuple) else one.default
    if one.is_list:
        choice = {"enum": list(one.key.one_of)} if one.key.one_of is not None else {}
        return {"type": "array", "items": {"type": _type(get_args(one.type)[0]), **choice}, **about}
    kinds = [kind for kind in get_args(one.type) or (one.type,) if kind is not NoneType]
    about["type"] = _type(kinds[0])
    if one.key.between is not None:
        about["minimum"], about["maximum"] = one.key.between
    if one.key.one_of is not None:
        about["enum"] = list(one.key.one_of)
    return about


def _type(kind: Any) -> str:
    return _TYPES[getattr(kind, "__supertype__", kind)]


def _description(one: Known) -> str:
    unit = f" Unit: {one.key.unit}." if one.key.unit else ""
    return f"{one.key.text}{unit} A change: {RELOAD_TEXT[one.key.reload.value]}."
