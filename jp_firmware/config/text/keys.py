"""How people write the key of a configuration: dotted, list items by their name or id, as `--set` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jp_firmware.config.text.lines import KeyPath


def key_text(path: KeyPath, data: Mapping[str, Any]) -> str:
    """The path of a value in `data`, as people write it: `wires.can0.port`."""
    words: list[str] = []
    value: Any = data
    for step in path:
        value = _descend(value, step)
        words.append(str(name_of(value, step)) if isinstance(step, int) else step)
    return ".".join(words)


def name_of(item: Any, number: int) -> str | int:
    """What a list item is called by: a tag's `uid`, else its `name` or `id`, else its number in the list."""
    if isinstance(item, dict):
        for key in ("uid", "name", "id"):
            if isinstance(found := item.get(key), str | int):
                return found
    return number


def _descend(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
