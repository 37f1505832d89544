"""A charger's configuration for the terminal's tests: the console's `config.` calls over the real drafts, no parts.

Text, findings, changes and steps are those that a charger would tell; what applying takes on a charger that runs is
the business of other tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jp_firmware.config.carrying_over import meeting
from jp_firmware.config.draft import Draft, InForce, draft, effective, is_secret
from jp_firmware.config.examine import examine
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text.difference import changes, text_difference
from jp_firmware.config.text.edits import Add, Edit, Put, Remove, edits_between, key_of
from jp_firmware.config.text.matching import words
from jp_firmware.config.told.explain import all_keys, as_json
from jp_firmware.console.protocol import CallFailed, ErrorCode
from tests.tui import cabinet

DEMO = Path(__file__).parents[2] / "profiles" / "cabinets" / "demo.toml"

Json = dict[str, Any]


class Engine:
    """Version 17 is in force. `running` are connectors with a session: what stops parts waits for them.

    It tells only of the keys of `tables`, if they are given.
    """

    def __init__(self, text: str = "", overrides: tuple[str, ...] = (), tables: tuple[str, ...] = ()) -> None:
        self.text = text or DEMO.read_text(encoding="utf-8")
        self.overrides = overrides
        self.tables = tables
        self.number = 17
        self.texts = {16: self.text.replace("limit_w = 150_000", "limit_w = 120_000"), 17: self.text}
        self.whys = {16: "first start", 17: "commissioning"}
        self.secrets: dict[str, str] = {}
        self.running: tuple[int, ...] = ()
        self.waiting: Json | None = None
        self.last_change: Json | None = None
        self._later: Draft | None = None  # what waits
        self.asked: list[tuple[str, Json]] = []

    def calls(self) -> dict[str, Any]:
        """For `HandFedCharger.answers`."""
        return {
            f"config.{name}": getattr(self, name)
            for name in ("keys", "values", "check", "apply", "revert", "history", "show", "diff", "rollback")
        }

    def keys(self) -> list[Json]:
        return [as_json(one) for one in all_keys() if not self.tables or one.path[0] in self.tables]

    def values(self) -> Json:
        cabinet_ = examine(self.text, self.overrides, self.secrets).cabinet
        assert cabinet_ is not None
        overridden = {one.partition("=")[0] for one in self.overrides}
        told = []
        for parts, value in _leaves(effective(cabinet_), ()).items():
            key = key_of(parts)
            if is_secret(parts):
                told.append({"key": key, "value": None, "set": bool(value), "source": "secret", "secret": True})
            else:
                told.append({"key": key, "value": value, "source": "command line" if key in overridden else "default"})
        return {**self.version(), "path": "/var/lib/jp/cabinet.toml", "text": self.text, "values": told}

    def version(self) -> Json:
        return cabinet.config(version=self.number, why=self.whys[self.number])

    def topic(self, **changes: Any) -> Json:
        """The topic `config`, as it is now."""
        return self.version() | {"waiting": self.waiting, "last_change": self.last_change} | changes

    def check(self, text: str | None = None, edits: Any = (), secrets: Any = None, waiting: str | None = None) -> Json:
        if waiting is not None:
            assert self._later is not None
            return self._plan(self._later)
        self.asked.append(("check", {"text": text, "edits": list(edits), "secrets": secrets}))
        try:
            return self._plan(self._draft(text, edits, secrets))
        except ConfigError as error:
            raise CallFailed(ErrorCode.REFUSED, str(error)) from None

    def apply(self, base: int, text: str | None = None, edits: Any = (), secrets: Any = None, **terms: Any) -> Json:
        self.asked.append(("apply", {"base": base, "text": text, "edits": list(edits), "secrets": secrets, **terms}))
        if base != self.number:
            return {"result": "outdated", **self.version(), **self.diff(**{"from": base, "to": self.number})}
        made = self._draft(text, edits, secrets)
        plan = self._plan(made)
        if self.waiting is not None and self._later is not None and (meets := meeting(made, self._later)):
            who = f"change-1 by {self.waiting['who']}, which waits for sessions to end"
            why = f"it touches {', '.join(meets)}, and so does {who}; to give that up: jp config revert change-1"
            raise CallFailed(ErrorCode.REFUSED, why)
        if plan["waits_for"] and not terms.get("force"):
            self.wait(made, terms["who"], terms["why"])
            return plan | {"result": "waiting", "change": "change-1"}
        self.take(made.text, terms["why"])
        self.secrets |= secrets or {}
        return plan | {"result": "applied", "version": self.number, "confirm_s": terms.get("confirm_s")}

    def wait(self, made: Draft, who: str, why: str) -> None:
        """A change waits for the sessions that run."""
        self._later = made
        self.waiting = {
            "id": "change-1",
            "state": "waiting",
            "who": who,
            "why": why,
            "base": self.number,
            "waits_for": list(self.running),
            "keys": [one.key for one in made.changes],
            "steps": [{"path": one.path, "how": one.how.value, "state": "to do"} for one in made.effects.steps],
        }

    def make_what_waits(self) -> None:
        """The sessions are over."""
        assert self._later is not None
        assert self.waiting is not None
        edits = edits_between(examine(self._later.base.text).data, examine(self._later.text).data)
        self.take(self.draft(None, edits, None).text, self.waiting["why"])
        self._is_over("applied", None)

    def give_up(self, why: str = "given up") -> None:
        """What waits is not made."""
        self._is_over("refused", why)

    def revert(self, waiting: str | None = None) -> Json:
        self.asked.append(("revert", {"waiting": waiting}))
        if waiting is not None:
            self.give_up()
        return {"result": "accepted", "undone": None, "given_up": waiting}

    def _is_over(self, result: str, why: str | None) -> None:
        assert self.waiting is not None
        ended = {"id": self.waiting["id"], "who": self.waiting["who"], "result": result, "why": why}
        self.last_change = ended | {"version": self.number if result == "applied" else None}
        self.waiting = self._later = None

    def take(self, text: str, why: str) -> None:
        """Puts a text in force, whoever it comes from."""
        self.number += 1
        self.text = self.texts[self.number] = text
        self.whys[self.number] = why

    def rollback(self, version: int, **terms: Any) -> Json:
        self.asked.append(("rollback", {"version": version, **terms}))
        self.take(self.texts[version], terms["why"])
        return {"result": "applied", "version": self.number, "confirm_s": 0}

    def history(self, limit: int) -> list[Json]:
        numbers = sorted(self.texts, reverse=True)[:limit]
        return [cabinet.config(version=one, why=self.whys[one]) | {"keys": self._changed(one)} for one in numbers]

    def _changed(self, version: int) -> list[str]:
        """The keys in which a version differs from the one before it."""
        if version - 1 not in self.texts:
            return []
        before, after = (examine(self.texts[one]).data for one in (version - 1, version))
        return [one.key for one in changes(before, after, is_secret)]

    def show(self, version: int) -> Json:
        return {"version": version, "text": self.texts[version]}

    def diff(self, **numbers: int) -> Json:
        before, after = self.texts[numbers["from"]], self.texts[numbers["to"]]
        told = changes(examine(before).data, examine(after).data, is_secret)
        return {"changes": [str(one) for one in told], "difference": text_difference(before, after)}

    def _draft(self, text: str | None, edits: Any, secrets: Any) -> Draft:
        return self.draft(text, [_edit(one) for one in edits], secrets)

    def draft(self, text: str | None, edits: Sequence[Edit], secrets: Any = None) -> Draft:
        """A draft of what is in force."""
        in_force = examine(self.text, self.overrides, self.secrets).cabinet
        assert in_force is not None
        base = InForce(
            number=self.number, text=self.text, cabinet=in_force, secrets=self.secrets, overrides=self.overrides
        )
        return draft(base, text=text, edits=edits, secrets=secrets)

    def _plan(self, made: Draft) -> Json:
        stops = any(one.stops for one in made.effects.steps)
        return {
            "base": self.number,
            "beside": self.waiting["id"] if self.waiting else None,
            "findings": [
                {"severity": one.severity.value, "line": one.line, "key": one.key, "text": one.text, "rule": one.rule}
                for one in made.findings
            ],
            "changes": [
                {"key": one.key, "before": one.before, "after": one.after, "what": one.what, "text": str(one)}
                for one in made.changes
            ],
            "steps": [
                {"path": one.path, "how": one.how.value, "keys": list(one.keys), "ends": [], "reduces": []}
                for one in made.effects.steps
            ],
            "waits_for": list(self.running) if stops else [],
            "role": made.effects.role.value,
            "confirm_s": 60.0 if made.effects.confirm else 0.0,
            "text": made.text,
        }


def _edit(told: Json) -> Edit:
    if "put" in told:
        return Put(told["put"], told["value"])
    if "remove" in told:
        return Remove(told["remove"])
    return Add(told["add"], told["item"], told.get("before"))


def _leaves(value: Any, at: tuple[str, ...]) -> Json:
    if isinstance(value, dict):
        return {key: leaf for name, inner in value.items() for key, leaf in _leaves(inner, (*at, name)).items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        named = zip(words(value), value, strict=True)
        return {key: leaf for word, inner in named for key, leaf in _leaves(inner, (*at, word)).items()}
    return {at: value}
