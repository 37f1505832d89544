"""What an action is: its name, its keys, what it can change, and what it is about."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import attrs

ROUTE_KEY: Final = "g"  # then a letter: the way for terminals without function keys


class Risk(enum.Enum):
    """What an action can change."""

    VIEW = "view"  # only what this terminal shows
    RECORD = "record"  # what the charger remembers, not what it does
    PLANT = "plant"  # what the charger does: always confirmed


class Target(enum.Enum):
    """What an action is about, and so what its call is told."""

    NONE = "none"
    CONNECTOR = "connector"
    FAULT = "fault"
    SITE = "site"  # asks for a power
    PLACE = "place"  # asks for a place in the tree of limits, then for the limit
    LIMIT = "limit"  # asks which of the operator's limits
    CONFIGURATION = "configuration"  # the draft, or the version that is in force


@attrs.frozen(kw_only=True)
class Action:
    """One entry. `keys` are Textual's key names; `route` is the letter after `g`; `call` is the console's method."""

    id: str
    title: str
    help: str
    short: str = ""  # for the footer; empty keeps it out
    keys: tuple[str, ...] = ()
    route: str = ""
    risk: Risk = Risk.VIEW
    target: Target = Target.NONE
    call: str = ""
    params: Mapping[str, Any] = attrs.field(factory=dict)
    places: tuple[str, ...] = ()  # workspaces whose footer and help name it first; empty is everywhere
    effect: str = ""  # what confirming it does, for the one who is asked
    local: bool = False  # its keys do something in its places only


# Keys that terminals, multiplexers or browsers keep for themselves: never the only way to anything.
UNSAFE_ALONE: Final = frozenset(
    {f"ctrl+{letter}" for letter in "abchijmnqstwz"}
    | {"ctrl+left_square_bracket", "ctrl+right_square_bracket", "ctrl+enter", "ctrl+slash", "f11"}
)

_KEY_NAMES: Final = {"escape": "Esc", "colon": ":", "enter": "Enter", "slash": "/", "delete": "Del"}


def key_name(key: str) -> str:
    """A key as it is printed on the keyboard: `F1`, `Ctrl-L`, `Esc`."""
    if key in _KEY_NAMES:
        return _KEY_NAMES[key]
    if key.startswith("ctrl+"):
        return f"Ctrl-{key[5:].upper()}"
    return key.upper() if len(key) > 1 else key


def key_names(action: Action) -> str:
    """All ways to an action: `F2, Ctrl-P, :, g m`."""
    names = [key_name(key) for key in action.keys]
    if action.route:
        names.append(f"{ROUTE_KEY} {action.route}")
    return ", ".join(names)
