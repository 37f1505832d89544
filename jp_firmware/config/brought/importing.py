"""A JSON document of another program made into edits of a cabinet, each value of it accounted for.

Taken are nested documents, {"controller": {…}}, flat ones with the names of a manual, and a charger's answer to OCPP's
GetConfiguration. What becomes of each name stands in `aliases.toml`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from jp_firmware.config.brought.aliases import Alias, Match, match
from jp_firmware.config.brought.conversions import NotTaken, Onto, Outcome, number_or_none, read
from jp_firmware.config.examine import Examined, examine
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import toml
from jp_firmware.config.text.document import edited
from jp_firmware.config.text.edits import Add, Edit, Key, Put, Remove, key_of
from jp_firmware.config.text.matching import words
from jp_firmware.config.told.explain import find

HIDDEN = "(secret)"
NO_BACKEND = "the charger runs without a central system then: authorize.local_list says who may charge"

Entry: TypeAlias = tuple[str, Any]


@attrs.frozen(kw_only=True)
class Row:
    """What became of one value: as it was named, what it was, our key, what it is now, and what to say of it."""

    name: str
    value: Any
    key: str = ""
    to: Any = None
    outcome: Outcome
    remarks: tuple[str, ...] = ()
    warning: bool = False  # somebody should look at it before it is put in force

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "key": self.key or None,
            "to": self.to,
            "outcome": self.outcome.value,
            "remark": "; ".join(self.remarks),
            "warning": self.warning,
        }


@attrs.frozen(kw_only=True)
class Import:
    """A whole document: a row for each value, the edits, and the cabinet with them made (None without a cabinet)."""

    rows: tuple[Row, ...]
    edits: tuple[Edit, ...]
    examined: Examined | None


def imported(
    document: str,
    cabinet: str | None = None,
    *,
    phase_voltage_v: float | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Import:
    """Imports a document onto the text of a cabinet; without one it only tells what becomes of each value.

    `phase_voltage_v`, of a phase to neutral, makes power of an AC current; else the document's own is taken.
    Raises ConfigError for a document that is no JSON object, or a text that is not TOML.
    """
    entries = tuple(_entries(_object(document)))
    matches = tuple(match(name) for name, _ in entries)
    onto = Onto(
        data=None if cabinet is None else _data(cabinet),
        phase_voltage_v=phase_voltage_v or _voltage(entries, matches),
        given=frozenset(one.alias.key for one in matches if one and one.alias.taken_as == "text"),
    )
    work = _Work(onto)
    rows = tuple(work.row(name, value, found) for (name, value), found in zip(entries, matches, strict=True))
    examined = None if cabinet is None else examine(edited(cabinet, work.edits), (), secrets)
    return Import(rows=rows, edits=tuple(work.edits), examined=examined)


# --- one value after the other -------------------------------------------------------------------------------------


class _Work:
    """Turns values into edits, and remembers which name gave which key its value."""

    def __init__(self, onto: Onto) -> None:
        self._onto = onto
        self._data = onto.data or {}
        self._given: dict[Key, tuple[Any, str]] = {}
        self.edits: list[Edit] = []

    def row(self, name: str, value: Any, found: Match | None) -> Row:
        if found is None:
            return Row(name=name, value=value, outcome=Outcome.UNKNOWN, remarks=("nobody here knows it",), warning=True)
        alias = found.alias
        misspelt = (f"misspelt: {found.meant} is meant",) if found.meant else ()
        shown = HIDDEN if alias.taken_as == "secret" else value
        try:
            made = read(alias, value, self._onto)
            outcome, remarks = self._take(alias, made, name)
        except NotTaken as why:
            remarks, warn = (*misspelt, why.remark), bool(misspelt) or why.outcome is not Outcome.SAME
            return Row(name=name, value=shown, key=alias.key, outcome=why.outcome, remarks=remarks, warning=warn)
        note = (alias.note,) if alias.note else ()
        return Row(
            name=name,
            value=shown,
            key=alias.key,
            to=made,
            outcome=outcome,
            remarks=(*misspelt, *remarks, *note),
            warning=bool(misspelt) or made is None,
        )

    def _take(self, alias: Alias, made: Any, name: str) -> tuple[Outcome, tuple[str, ...]]:
        if alias.taken_as == "tags":
            return self._take_tags(made)
        targets = tuple(self._targets(alias.key, made))
        for key, value in targets:
            before = self._given.get(key)
            if before is not None and before[0] != value:
                raise NotTaken(Outcome.REFUSED, f"{before[1]} says otherwise of {key_of(key)}; leave one out")
        self._given |= {key: (value, name) for key, value in targets}
        if self._onto.data is None:
            return Outcome.TAKEN, ((NO_BACKEND,) if made is None else ())
        changed = [(key, value) for key, value in targets if not self._is_so(key, value)]
        for key, value in changed:
            self.edits.append(Remove(key) if value is None else Put(key, value))
        if not changed:
            return Outcome.SAME, ()
        return Outcome.TAKEN, ((NO_BACKEND,) if made is None else ())

    def _take_tags(self, tags: list[str]) -> tuple[Outcome, tuple[str, ...]]:
        """Adds those that are not there. Whoever is there stays as they are: a blocked one stays blocked."""
        listed = _at(self._data, ("authorize", "local_list"))
        there = {str(one.get("uid")).casefold() for one in listed if isinstance(one, dict)} if listed else set()
        there |= {str(one.item["uid"]).casefold() for one in self.edits if isinstance(one, Add)}
        new = {one.casefold(): one for one in reversed(tags) if one.casefold() not in there}
        if self._onto.data is not None:
            self.edits += [Add(("authorize", "local_list"), {"uid": one}) for one in reversed(new.values())]
        if not new:
            return Outcome.SAME, ()
        return Outcome.TAKEN, (f"{len(new)} added, {len(tags) - len(new)} there already and left as they are",)

    def _targets(self, pattern: str, made: Any) -> Iterator[tuple[Key, Any]]:
        """The keys that a pattern stands for in this cabinet, and each one's value."""
        parts = tuple(pattern.split("."))
        if self._onto.data is None:
            yield parts, made
            return
        if (table := find(parts[0])) and table.default is None and parts[0] not in self._data:
            raise NotTaken(Outcome.NEEDS, f"the cabinet has no [{parts[0]}]; describe it there first")
        if "*" not in parts:
            known = find(pattern)
            if isinstance(made, list) and not (known and known.is_list):
                raise NotTaken(Outcome.REFUSED, "is a list, and here is one value")
            yield parts, made
            return
        items = self._data.get(parts[0])
        names = words(items) if isinstance(items, list) else []
        values = made if isinstance(made, list) else [made] * len(names)
        if not names or len(values) != len(names):
            raise NotTaken(Outcome.REFUSED, f"{len(values)} values for {len(names)} {parts[0]}; give one, or one each")
        for name, value in zip(names, values, strict=True):
            yield (parts[0], name, *parts[2:]), value

    def _is_so(self, key: Key, value: Any) -> bool:
        known = find(key_of(key))
        now = _at(self._data, key)
        if now is None and known is not None:
            now = list(known.default) if isinstance(known.default, tuple) else known.default
        if value is None:
            return not now
        return bool(now == value) and isinstance(now, bool) == isinstance(value, bool)


def _at(data: Any, key: Key) -> Any:
    """What stands there; None if nothing does."""
    for part in key:
        if isinstance(data, list):
            names = words(data)
            data = data[names.index(part)] if part in names else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _voltage(entries: tuple[Entry, ...], matches: tuple[Match | None, ...]) -> float | None:
    told = [value for (_, value), one in zip(entries, matches, strict=True) if one and one.alias.taken_as == _VOLTAGE]
    return number_or_none(told[0]) if told else None


_VOLTAGE = "phase_voltage"


# --- reading -------------------------------------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its names in order, the same name twice if it stands there twice."""


def _object(document: str) -> _Pairs:
    try:
        read_json = json.loads(document.removeprefix("\ufeff"), object_pairs_hook=_Pairs)
    except json.JSONDecodeError as wrong:
        raise ConfigError(
            f"line {wrong.lineno}, column {wrong.colno}: {wrong.msg[:1].lower()}{wrong.msg[1:]}; correct the JSON there"
        ) from wrong
    except (ValueError, RecursionError) as wrong:  # a number of thousands of digits, a thousand brackets
        raise ConfigError(
            "the document has a number or brackets that no settings have; is it the right file?"
        ) from wrong
    if not isinstance(read_json, _Pairs):
        raise ConfigError('the document is no JSON object; write {"name": value, …}')
    return read_json


def _entries(pairs: _Pairs, above: str = "") -> Iterator[Entry]:
    """All values, by their dotted path."""
    for name, value in pairs:
        path = f"{above}.{name}" if above else name
        if isinstance(value, _Pairs):
            yield from _entries(value, path)
        elif path == "configurationKey" and isinstance(value, list):  # GetConfiguration.conf of OCPP 1.6
            yield from ((str(dict(one).get("key")), dict(one).get("value")) for one in value if isinstance(one, _Pairs))
        else:
            yield path, _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(one) for name, one in value}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _data(cabinet: str) -> dict[str, Any]:
    try:
        return toml.loads(cabinet)
    except toml.TomlError as wrong:
        raise ConfigError(f"line {wrong.line} of the cabinet: {wrong.what}") from wrong
