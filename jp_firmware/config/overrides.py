"""Overrides from the command line: `key.path=value`, where an item of a list is addressed by its name or id.

`site.limit_w=100000`, `wires.can0.port=jp/can1`, `connectors.2.weight=2`, `plc_boards.plc-1.connectors=[1, 2]`.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import one_line, suggest
from jp_firmware.config.text import toml
from jp_firmware.config.text.keys import name_of
from jp_firmware.config.text.lines import KeyPath


def override(data: dict[str, Any], text: str, kind: type) -> KeyPath:
    """Lays one `key.path=value` over `data`, which mirrors the class `kind`, and returns its path.

    The value is TOML; where the schema wants a text, it needs no quotes. Raises ConfigError for a key that is not
    there, or a value that cannot be read.
    """
    key, equals, value = text.partition("=")
    text = one_line(text)  # from here on only for telling
    words = [word.strip() for word in key.split(".")]
    if not equals or not all(words):
        raise ConfigError(f"--set {text}: write key.path=value, as in --set site.limit_w=100000")
    at: Any = data
    path: KeyPath = ()
    wanted: Any = kind
    while words:
        word = words.pop(0)
        in_items = get_origin(wanted) is tuple and attrs.has(get_args(wanted)[0])
        if isinstance(at, list) is not in_items:
            raise ConfigError(f"--set {text}: what holds {word} is no {'list' if in_items else 'table'} in the file")
        if in_items:
            step: str | int = _item(at, word, text)
            wanted = get_args(wanted)[0]
        else:
            step, wanted = word, _field(wanted, word, text)
        path = (*path, step)
        if not words:
            at[step] = _value(value.strip(), wanted, text)
        elif isinstance(step, int):
            at = at[step]
        else:
            at = at.setdefault(step, [] if get_origin(wanted) is tuple else {})
        if words and not isinstance(at, dict | list):
            raise ConfigError(f"--set {text}: {word} holds a value, no keys")
    return path


def _field(kind: Any, word: str, text: str) -> Any:
    if not attrs.has(kind):
        raise ConfigError(f"--set {text}: {word} does not exist; the key ends before it")
    fields = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind, include_extras=False))}
    if word not in fields:
        raise ConfigError(f"--set {text}: unknown key {word}; {suggest(word, list(fields))}")
    return fields[word]


def _item(items: Any, word: str, text: str) -> int:
    names = [str(name_of(item, number)) for number, item in enumerate(items)]
    if word not in names:
        raise ConfigError(f"--set {text}: there is no {word} in this list; {suggest(word, names)}")
    return names.index(word)


def _value(value: str, wanted: Any, text: str) -> Any:
    if wanted is str and value[:1] not in ("'", '"'):
        return value
    try:
        read = toml.loads(f"value = {value}")
    except toml.TomlError as exc:
        if any(mark in value for mark in "[{\"'\n"):
            raise ConfigError(f"--set {text}: the value is not TOML; quote texts, and the whole for the shell") from exc
        return value  # a bare word: the schema says what it should have been
    if set(read) != {"value"}:
        raise ConfigError(f"--set {text}: more than one value; repeat --set instead")
    return read["value"]
