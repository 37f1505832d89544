"""How a value of another program is read as a value of ours: each conversion of `aliases.toml` is a function here.

Nothing is guessed. What cannot be said for sure is told, with what is needed to say it.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jp_firmware.config.brought.aliases import Alias

PHASES = 3  # of a supply; power modules load them alike, so the weakest counts
NO = frozenset({"off", "false", "no", "0", "disable", "disabled"})
YES = frozenset({"on", "true", "yes", "1", "enable", "enabled"})

_TAG = re.compile(r"[0-9A-Za-z_-]+")


class Outcome(enum.StrEnum):
    """What became of one imported value."""

    TAKEN = "taken"
    SAME = "already so"
    DIFFERS = "differs"  # a fact of the cabinet that no key holds, and that is otherwise
    NEEDS = "needs more"  # it can be taken, as soon as something else is told
    REFUSED = "not taken"  # the value, not the name
    UNSUPPORTED = "not supported"
    UNKNOWN = "unknown"


class NotTaken(Exception):
    """Why a value is not taken, in one line."""

    def __init__(self, outcome: Outcome, remark: str) -> None:
        super().__init__(remark)
        self.outcome = outcome
        self.remark = remark


@attrs.frozen(kw_only=True)
class Onto:
    """What a document is imported onto."""

    data: Mapping[str, Any] | None = None  # of the cabinet; None: no cabinet, names and values are told only
    phase_voltage_v: float | None = None
    given: frozenset[str] = frozenset()  # our keys that the document has values for


def read(alias: Alias, value: Any, onto: Onto) -> Any:
    """Their value as ours; None where the key is to be removed, a list for one value each of several items.

    Raises NotTaken.
    """
    if alias.always:
        if _same(value, alias.always):
            raise NotTaken(Outcome.SAME, "this charger does so anyway")
        raise NotTaken(Outcome.UNSUPPORTED, alias.reason)
    if not alias.taken_as:
        raise NotTaken(Outcome.UNSUPPORTED, alias.reason)
    return CONVERSIONS[alias.taken_as](alias, value, onto)


# --- the conversions -----------------------------------------------------------------------------------------------


def _text(_alias: Alias, value: Any, _onto: Onto) -> str:
    if not isinstance(value, str) or not value.strip():
        raise NotTaken(Outcome.REFUSED, "is no text; write it in quotes")
    if not value.isprintable():  # half a character neither
        raise NotTaken(Outcome.REFUSED, "holds characters that cannot be written; is it damaged?")
    return value.strip()


def _number(_alias: Alias, value: Any, _onto: Onto) -> Any:
    return [_a_number(one) for one in value] if isinstance(value, list) else _a_number(value)


def _kilowatts(alias: Alias, value: Any, onto: Onto) -> Any:
    read_kw = _number(alias, value, onto)
    return [_rounded(one * 1000) for one in read_kw] if isinstance(read_kw, list) else _rounded(read_kw * 1000)


def _on_off(_alias: Alias, value: Any, _onto: Onto) -> bool:
    return is_on(value)


def _choice(alias: Alias, value: Any, _onto: Onto) -> Any:
    for theirs, ours in alias.choices:
        if _same(value, theirs):
            return ours
    allowed = ", ".join(theirs for theirs, _ in alias.choices)
    raise NotTaken(Outcome.REFUSED, f"{alias.reason or 'there is nothing like it here'}; known: {allowed}")


def _phase_amperes(_alias: Alias, value: Any, onto: Onto) -> int | float:
    """Amperes of each phase, one number or three with "/" between: what the weakest allows on all three, in W."""
    listed = value if isinstance(value, list) else str(value).split("/")
    amperes = [_a_number(one) for one in listed]
    if len(amperes) not in (1, PHASES):
        raise NotTaken(Outcome.REFUSED, f"has {len(amperes)} values; write one, or one for each of {PHASES} phases")
    if onto.phase_voltage_v is None:
        raise NotTaken(Outcome.NEEDS, "A of each phase, and here it is W: tell the voltage, as in --phase-voltage 230")
    return _rounded(min(amperes) * PHASES * onto.phase_voltage_v)


def _phase_voltage(_alias: Alias, value: Any, _onto: Onto) -> Any:
    raise NotTaken(Outcome.SAME, f"{_a_number(value):g} V is what A of a phase are made W with; no key holds it")


def _tags(_alias: Alias, value: Any, _onto: Onto) -> list[str]:
    listed = value if isinstance(value, list) else str(value).split(":")
    tags = [str(one).strip() for one in listed if str(one).strip()]
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise NotTaken(Outcome.REFUSED, f'"{tag}" is no identifier; entries for one connector are not supported')
    return tags


def _words(_alias: Alias, value: Any, _onto: Onto) -> list[str]:
    listed = value if isinstance(value, list) else str(value).split(",")
    return [_text(_alias, one, _onto) for one in listed]


def _secret(alias: Alias, _value: Any, _onto: Onto) -> Any:
    raise NotTaken(Outcome.REFUSED, f"no file holds a secret; set it on the charger, with jp config secret {alias.key}")


def _backend_wanted(_alias: Alias, value: Any, onto: Onto) -> None:
    if is_on(value):
        has_url = onto.data is None or bool(_table(onto.data, "backend").get("url"))
        if has_url or "backend.url" in onto.given:
            raise NotTaken(Outcome.SAME, "a cabinet with backend.url has a central system")
        raise NotTaken(Outcome.NEEDS, "there is a central system where backend.url is; write it")
    return None  # noqa: RET501 - the value


def _ocpp_mode(alias: Alias, value: Any, onto: Onto) -> None:
    if _same(value, "No OCPP"):
        return _backend_wanted(alias, False, onto)
    if _same(value, "OCPP-J 1.6"):
        return _backend_wanted(alias, True, onto)
    raise NotTaken(Outcome.REFUSED, "OCPP-J 1.6 is what is spoken; known: No OCPP, OCPP-J 1.6")


def _modules_per_connector(_alias: Alias, value: Any, onto: Onto) -> Any:
    wanted = _a_number(value)
    if onto.data is None:
        raise NotTaken(Outcome.NEEDS, "it is compared with a cabinet; name one with --onto")
    modules = [one for one in onto.data.get("modules", ()) if isinstance(one, dict)]
    counts = {
        str(one.get("id")): sum(module.get("connector") == one.get("id") for module in modules)
        for one in onto.data.get("connectors", ())
        if isinstance(one, dict)
    }
    other = [f"{name} has {count}" for name, count in counts.items() if count != wanted]
    if other:
        remark = f"connector {', '.join(other)}; modules are added or removed under [[modules]], each with its address"
        raise NotTaken(Outcome.DIFFERS, remark)
    raise NotTaken(Outcome.SAME, "each connector has as many")


CONVERSIONS: Mapping[str, Callable[[Alias, Any, Onto], Any]] = {
    "text": _text,
    "number": _number,
    "kilowatts": _kilowatts,
    "on_off": _on_off,
    "choice": _choice,
    "phase_amperes": _phase_amperes,
    "phase_voltage": _phase_voltage,
    "tags": _tags,
    "words": _words,
    "secret": _secret,
    "backend_wanted": _backend_wanted,
    "ocpp_mode": _ocpp_mode,
    "modules_per_connector": _modules_per_connector,
}


# --- values --------------------------------------------------------------------------------------------------------


def number_or_none(value: Any) -> float | None:
    """A number, or a text that is one; None for anything else, and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        made = float(value)
    except (ValueError, OverflowError):
        return None
    return made if math.isfinite(made) else None


def is_on(value: Any) -> bool:
    """Raises NotTaken for what is neither on nor off."""
    word = _word(value)
    if word in YES:
        return True
    if word in NO:
        return False
    raise NotTaken(Outcome.REFUSED, "is neither on nor off; write true or false")


def _a_number(value: Any) -> int | float:
    made = number_or_none(value)
    if made is None:
        raise NotTaken(Outcome.REFUSED, "is no number; write it without a unit")
    return _rounded(made)


def _rounded(value: float) -> int | float:
    """Whole numbers as such: 60, not 60.0; and no more digits than were meant, after a multiplication."""
    value = round(float(value), 6)
    return int(value) if value.is_integer() else value


def _same(value: Any, word: str) -> bool:
    mine, theirs = _word(value), word.casefold()
    return mine == theirs or (mine in NO and theirs in NO) or (mine in YES and theirs in YES)


def _word(value: Any) -> str:
    return str(value).strip().casefold()


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}
