"""Every key of the charger's configuration as a configuration key of OCPP: `JP.site.limit_w`. Pure.

Secrets have no value here. What a central system may write is what an installer may, and what neither stops a part of
the charger nor cuts a connection: the one that it speaks over is among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType
from typing import Any, Final, get_args

import attrs

from jp_firmware.config.key import Known, Reload, Role
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.text.edits import Edit, Put, Remove, key_of, parts_of
from jp_firmware.config.text.keys import name_of
from jp_firmware.config.told.explain import all_keys

PREFIX: Final = "JP."
MAX_KEY_CHARS, MAX_VALUE_CHARS = 50, 500  # CiString50 and CiString500 of 1.6
ASKED_BY_NAME: Final = ("authorize", "local_list")  # may hold hundreds of tags: not in a listing of everything

_WHOLE, _DECIMAL = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class NotPermitted(ValueError):
    """A value that a key does not take; the message says why."""


@attrs.frozen
class Parameter:
    """One key of the configuration, and its value in force; None where it is left out."""

    key: str  # dotted, with the names of items
    known: Known
    value: Any = attrs.field(repr=False)

    @property
    def name(self) -> str:
        """What OCPP calls it."""
        return PREFIX + self.key

    @property
    def text(self) -> str | None:
        """The value on the wire; empty where it is left out, None for a secret and for what does not fit."""
        text = None if self.known.key.secret else text_of(self.value)
        return text if text is not None and len(text) <= MAX_VALUE_CHARS else None

    @property
    def writable(self) -> bool:
        """Whether a central system may change it."""
        key = self.known.key
        return Role.INSTALLER.may(key.role) and key.reload in (Reload.LIVE, Reload.NEXT_SESSION) and not key.secret

    def edit(self, text: str) -> Edit | None:
        """The change that `text` asks for; an empty one leaves out what may be left out. None if it is so already.

        Raises NotPermitted.
        """
        if not text and self.known.default is None:
            return None if self.value is None else Remove(self.key)
        return Put(self.key, self.read(text))

    def read(self, text: str) -> Any:
        """`text` as a value of this key. Raises NotPermitted."""
        kinds = [kind for kind in get_args(self.known.type) or (self.known.type,) if kind not in (NoneType, ...)]
        kind = getattr(kinds[0], "__supertype__", kinds[0])
        if self.known.is_list:
            items = [part.strip() for part in text.split(",")] if text.strip() else []
            value: Any = tuple(dict.fromkeys(_read(self._word(item), kind) for item in items))
        else:
            value = _read(self._word(text), kind)
        if self.known.key.validator is not None:
            try:
                self.known.key.validator(None, None, value)
            except ValueError as error:
                raise NotPermitted(str(error)) from None
        return list(value) if self.known.is_list else value

    def _word(self, text: str) -> str:
        """One of a choice in the spelling of the choice: in OCPP its case does not count."""
        choice = {str(one).lower(): str(one) for one in self.known.key.one_of or ()}
        return choice.get(text.lower(), text)


def text_of(value: Any) -> str:
    """A value as OCPP carries it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case tuple():
            return ",".join(map(text_of, value))
    return str(value)


def parameter(cabinet: Cabinet, key: str) -> Parameter | None:
    """The key that is meant, whatever its case; None if this charger has none of that name, or only a table."""
    try:
        words = parts_of(key)
    except ConfigError:
        return None
    at = _Place((), (), cabinet)
    for word in words:
        inner = {one.path[-1]: one for one in at.inner()}
        found = inner.get(word) or next((one for name, one in inner.items() if name.lower() == word.lower()), None)
        if found is None:
            return None
        at = found
    return None if _is_table(at.value) else at.parameter()


def parameters(cabinet: Cabinet) -> Iterator[Parameter]:
    """All keys that OCPP has a name for, in the order of their declaration, without the tags of the local list."""
    places = [_Place((), (), cabinet)]
    while places:
        at = places.pop()
        if _is_table(at.value):
            places += reversed([one for one in at.inner() if one.pattern != ASKED_BY_NAME])
        elif (one := at.parameter()) is not None and len(one.name) <= MAX_KEY_CHARS:
            yield one


@attrs.frozen
class _Place:
    """Where a value stands: its path with the names of items, and with "*" for them."""

    path: tuple[str, ...]
    pattern: tuple[str, ...]
    value: Any

    def inner(self) -> Iterator[_Place]:
        """What stands in a table, by key, or in a list of tables, by the names of its items."""
        if isinstance(self.value, tuple):
            for number, item in enumerate(self.value):
                name = str(name_of(attrs.asdict(item, recurse=False), number))
                yield _Place((*self.path, name), (*self.pattern, "*"), item)
        elif attrs.has(type(self.value)):
            for field in attrs.fields(type(self.value)):
                value = getattr(self.value, field.name)
                yield _Place((*self.path, field.name), (*self.pattern, field.name), value)

    def parameter(self) -> Parameter | None:
        known = _KNOWN[self.pattern]
        return None if known.is_table else Parameter(key_of(self.path), known, self.value)


_KNOWN: Final = {one.path: one for one in all_keys()}


def _is_table(value: Any) -> bool:
    return attrs.has(type(value)) or (isinstance(value, tuple) and any(attrs.has(type(one)) for one in value))


def _read(text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise NotPermitted(f"{text!r} is not true or false")
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if kind is float and _DECIMAL.fullmatch(text):
        return float(text) if "." in text else int(text)
    if kind is str:
        if not text.isprintable():  # people see it in their terminals
            raise NotPermitted("it holds what cannot be printed")
        return text
    raise NotPermitted(f"{text!r} is not a {'whole number' if kind is int else 'number'}")
