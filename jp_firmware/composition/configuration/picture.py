"""The configuration of a charger that runs, as consoles are told it: JSON-ready, and never with a secret."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import trio

from jp_firmware.composition.configuration.change import Change, usual_confirm_s
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.config.draft import Draft, InForce, effective, is_secret
from jp_firmware.config.effects import Step
from jp_firmware.config.examine import Finding
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.versions import Version
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text.difference import changes, redacted, text_difference
from jp_firmware.config.text.document import rewritten
from jp_firmware.config.text.edits import key_of, leaves
from jp_firmware.config.told.explain import find

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]


def snapshot(controller: Controller) -> Json:
    """The topic `config`: the version in force, what waits to be confirmed, and the changes under way.

    `change` is the one that is being made; where none is, the one that waits, which is always told in `waiting` too.
    """
    configuring = controller.configuring
    if configuring is None:
        return dict.fromkeys(("version", "unconfirmed", "change", "waiting", "last_change"))
    store = configuring.store
    waiting = _progress(configuring.waiting.change, "waiting") if configuring.waiting.change else None
    return {
        **version(store.current),
        "unconfirmed": unconfirmed(configuring),
        "change": _progress(configuring.change, "applying") if configuring.change else waiting,
        "waiting": waiting,
        "last_change": _ended(configuring.last) if configuring.last else None,
    }


def version(one: Version) -> Json:
    """Who made it, when, why and from where."""
    return {
        "version": one.number,
        "at": one.at.isoformat(timespec="seconds"),
        "who": one.who,
        "why": one.why,
        "origin": str(one.origin),
    }


def unconfirmed(configuring: Configuring) -> Json | None:
    """The version that waits to be confirmed; times in seconds."""
    waiting = configuring.store.unconfirmed
    if waiting is None:
        return None
    left_s = configuring.confirming.by_s - trio.current_time()
    return {
        "version": waiting.number,
        "previous": waiting.previous,
        "ends_in_s": round(max(0.0, left_s), 1) if math.isfinite(left_s) else None,
        "keys": list(waiting.keys),
    }


def _progress(change: Change, state: str) -> Json:
    states = change.handing.progress if change.handing else {}
    draft = change.wish.draft
    steps = change.handing.steps if change.handing else draft.effects.steps
    return {
        "id": change.id,
        "who": change.wish.who,
        "why": change.wish.why,
        "base": draft.base.number,
        "state": state,
        "waits_for": list(change.waits_for),
        "keys": [one.key for one in draft.changes],
        "steps": [
            {"path": one.path, "how": one.how.value, "state": states[one.path].value if states else "to do"}
            for one in steps
        ],
    }


def _ended(change: Change) -> Json:
    """How the last change ended; `why` is the reason that it was not made for."""
    return {
        "id": change.id,
        "who": change.wish.who,
        "result": "refused" if change.refused else "applied",
        "version": change.version.number if change.version and not change.refused else None,
        "why": change.refused,
    }


def plan(configuring: Configuring, proposed: Draft) -> Json:
    """What a proposal would change, and what that would take now."""
    return {
        "base": proposed.base.number,
        "beside": configuring.waiting.change.id if configuring.waiting.change else None,
        "errors": len(proposed.examined.errors),
        "findings": [_finding(one) for one in proposed.findings],
        "changes": [
            {"key": one.key, "before": one.before, "after": one.after, "what": one.what, "text": str(one)}
            for one in proposed.changes
        ],
        "steps": [_step(configuring, one) for one in proposed.effects.steps],
        "waits_for": list(configuring.proposing.concerned(proposed)),
        "role": proposed.effects.role.value,
        "confirm_s": usual_confirm_s(proposed),
        "text": proposed.text,  # a draft has no secrets in its text
    }


def outcome(change: Change) -> Json:
    """How a change went."""
    if change.refused:
        part = change.handing.refused_by if change.handing else None
        return {"result": "refused", "part": part, "why": change.refused}
    if not change.over:
        return {"result": "waiting", "waits_for": list(change.waits_for), "change": change.id}
    assert change.version is not None
    return {"result": "applied", "version": change.version.number, "confirm_s": change.confirm_s}


def _step(configuring: Configuring, step: Step) -> Json:
    effect = configuring.proposing.effect(step)
    return {
        "path": step.path,
        "how": step.how.value,
        "keys": list(step.keys),
        "ends": list(effect.ends),
        "reduces": list(effect.reduces),
    }


def _finding(one: Finding) -> Json:
    return {
        "severity": one.severity.value,
        "line": one.line,
        "column": one.column,
        "key": one.key,
        "text": one.text,
        "rule": one.rule or None,
        "override": one.override or None,
    }


def values(in_force: InForce) -> Iterator[Json]:
    """Every key that has a value: in force, and from where."""
    written = leaves(tomllib.loads(in_force.text))
    overridden = {override.partition("=")[0].strip() for override in in_force.overrides}
    for key, value in leaves(effective(in_force.cabinet)).items():
        name = key_of(key)
        known = find(name)
        source = "command line" if name in overridden else "file" if key in written else "default"
        if is_secret(key):
            yield {"key": name, "value": None, "set": bool(value), "source": "secret", "secret": True}
        else:
            default = known.default if known else None
            plain = default if isinstance(default, str | int | float | bool) else None
            yield {"key": name, "value": value, "default": plain, "source": source}


def readable(text: str) -> str:
    """A text without its secrets."""
    data = tomllib.loads(text)
    if data == redacted(data, is_secret):
        return text
    return rewritten(text, data, redacted(data, is_secret))


def history(store: ConfigStore, limit: int) -> list[Json]:
    """The newest versions, newest first, each with what it changed of the one before it. Reads as many files.

    One whose text is not what was kept is not `readable`: nobody can go back to it.
    """
    versions = store.history()[-limit - 1 :]
    waiting = store.unconfirmed.number if store.unconfirmed else None
    texts = {one.number: _kept(store, one.number) for one in versions}
    told = []
    for one in reversed(versions[-limit:]):
        before, text = texts.get(one.number - 1), texts[one.number]
        known = before is not None and text is not None
        keys = [each.key for each in changes(before or {}, text or {}, is_secret)] if known else []
        told.append(
            {**version(one), "confirmed": one.number != waiting, "readable": text is not None, "keys": keys},
        )
    return told


def _kept(store: ConfigStore, number: int) -> Json | None:
    try:
        return tomllib.loads(store.text_at(number))
    except ConfigError:
        return None


def difference(before: str, after: str, names: tuple[int, int]) -> Json:
    """What differs between two texts, key by key and as lines; `names` are the numbers of their versions."""
    told = changes(tomllib.loads(before), tomllib.loads(after), is_secret)
    titles = (f"version {names[0]}", f"version {names[1]}")
    return {"changes": [str(one) for one in told], "difference": text_difference(before, after, titles, is_secret)}
