"""A charger whose configuration can be changed, for tests of `jp config`. Drafts are real, what follows is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import attrs
import trio

from jp_firmware.cli.config.edits import as_edits
from jp_firmware.config import store
from jp_firmware.config.draft import InForce, draft, effective, is_secret
from jp_firmware.config.examine import examine
from jp_firmware.config.text.difference import changes, text_difference
from jp_firmware.config.text.edits import key_of, leaves
from jp_firmware.console.calls import CallRefused
from jp_firmware.console.server import ConsoleServer

Json = dict[str, Any]
Jp: TypeAlias = Callable[..., tuple[int, str, str]]  # `jp config` in this process: status, output, errors

DEMO = store.find("demo").read_text(encoding="utf-8")


def types(terminal: TextIO, *answers: str) -> None:
    """What a person types."""
    terminal.write("".join(f"{one}\n" for one in answers))
    terminal.flush()


@attrs.define
class Version:
    text: str
    who: str = "charger"
    why: str = ""
    origin: str = "first start"
    number: int = 1

    def as_json(self) -> Json:
        at = f"2026-11-20T04:{self.number:02}:00+00:00"
        return {"version": self.number, "at": at, "who": self.who, "why": self.why, "origin": self.origin}


@attrs.define
class Configured:
    """`then` says what becomes of a change; "" applies it."""

    path: Path
    versions: list[Version] = attrs.field(factory=lambda: [Version(DEMO, why="started with demo.toml")])
    called: list[tuple[str, Json]] = attrs.field(factory=list)
    then: Json = attrs.field(factory=dict)
    ends: list[int] = attrs.field(factory=list)  # connectors whose session a part that stops would end
    usual_confirm_s: float = 0.0
    unconfirmed: Json | None = None
    change: Json | None = None
    overridden: str = ""
    progress: list[Json] = attrs.field(factory=list)  # what the topic tells while a change is applied
    told_all: trio.Event = attrs.field(factory=trio.Event)  # all of `progress`

    def server(self) -> ConsoleServer:
        calls = {
            "config.values": self._values,
            "config.check": self._check,
            "config.apply": self._apply,
            "config.rollback": self._rollback,
            "config.confirm": self._confirm,
            "config.revert": self._revert,
            "config.history": self._history,
            "config.show": self._show,
            "config.diff": self._diff,
        }
        return ConsoleServer(self.path, {"config": lambda: self._topic()}, calls)

    @property
    def now(self) -> Version:
        return self.versions[-1]

    def add(self, text: str, who: str, why: str = "", origin: str = "cli") -> Version:
        self.versions.append(Version(text, who, why, origin, self.now.number + 1))
        return self.now

    def _topic(self) -> Json:
        if self.progress and self.change is not None:
            self.change = self.progress.pop(0)
            if not self.progress:
                self.told_all.set()
        waiting = self.change if self.change and self.change["state"] == "waiting" else None
        return self.now.as_json() | {"unconfirmed": self.unconfirmed, "change": self.change, "waiting": waiting}

    async def _values(self, _: Json) -> Json:
        cabinet = examine(self.now.text).cabinet
        assert cabinet is not None
        written = leaves(dict(examine(self.now.text).data))
        values = [
            {"key": key_of(key), "value": None, "set": bool(value), "source": "secret", "secret": True}
            if is_secret(key)
            else {"key": key_of(key), "value": value, "source": self._source(key_of(key), key in written)}
            for key, value in leaves(effective(cabinet)).items()
        ]
        return self.now.as_json() | {
            "path": "/etc/jp/cabinet.toml",
            "text": self.now.text,
            "values": values,
            "unconfirmed": self.unconfirmed,
        }

    def _source(self, key: str, is_written: bool) -> str:
        return "command line" if key == self.overridden else "file" if is_written else "default"

    async def _check(self, params: Json) -> Json:
        if "waiting" in params:
            assert self.change is not None
            return self._plan({"edits": [{"put": "site.limit_w", "value": 90_000}]})
        return self._plan(params if "version" not in params else await self._show(params))

    def _plan(self, params: Json) -> Json:
        cabinet = examine(self.now.text).cabinet
        assert cabinet is not None
        base = InForce(number=self.now.number, text=self.now.text, cabinet=cabinet)
        edits = as_edits(params.get("edits") or ())
        made = draft(base, text=params.get("text"), edits=edits, secrets=params.get("secrets"))
        stops = any(step.stops for step in made.effects.steps)
        return {
            "base": base.number,
            "beside": None,
            "errors": len(made.examined.errors),
            "findings": [attrs.asdict(one) | {"severity": one.severity.value} for one in made.findings],
            "changes": [
                {"key": one.key, "before": one.before, "after": one.after, "what": one.what} for one in made.changes
            ],
            "steps": [
                {
                    "path": step.path,
                    "how": step.how.value,
                    "keys": list(step.keys),
                    "ends": self.ends if step.stops else [],
                    "reduces": [],
                }
                for step in made.effects.steps
            ],
            "waits_for": self.ends if stops else [],
            "role": made.effects.role.value,
            "confirm_s": self.usual_confirm_s,
            "text": made.text,
        }

    async def _apply(self, params: Json) -> Json:
        self.called.append(("config.apply", params))
        plan = self._plan(params)
        if params["base"] != self.now.number:
            before = next(one.text for one in self.versions if one.number == params["base"])
            told = text_difference(before, self.now.text, ("before", "after"), is_secret)
            return {"result": "outdated", **self.now.as_json(), "base": params["base"], "difference": told}
        if self.progress:
            self.change = self.progress[0]
            with trio.fail_after(60):
                await self.told_all.wait()
            self.change = None
        if self.then:
            return plan | self.then
        return plan | self._made(plan["text"], params, plan["confirm_s"])

    def _made(self, text: str, params: Json, usual_s: float) -> Json:
        before = self.now.number
        self.add(text, params["who"], params.get("why", ""), params["origin"])
        confirm_s = params.get("confirm_s", usual_s)
        if confirm_s:
            told = {"version": self.now.number, "previous": before, "ends_in_s": confirm_s, "keys": []}
            self.unconfirmed = told
        return {"result": "applied", "version": self.now.number, "confirm_s": confirm_s}

    async def _rollback(self, params: Json) -> Json:
        self.called.append(("config.rollback", params))
        text = (await self._show({"version": params["version"]}))["text"]
        return self._plan({"text": text}) | self._made(text, params, 0.0)

    async def _confirm(self, params: Json) -> Json:
        self.called.append(("config.confirm", params))
        if self.unconfirmed is None or self.unconfirmed["version"] != params["version"]:
            raise CallRefused(f"version {params['version']} does not wait for a confirmation")
        self.unconfirmed = None
        return {"result": "accepted"}

    async def _revert(self, params: Json) -> Json:
        self.called.append(("config.revert", params))
        done: Json = {"result": "accepted", "undone": None, "given_up": None}
        if self.unconfirmed is not None and "waiting" not in params:
            self.unconfirmed, undone = None, self.now.number
            self.add(self.versions[-2].text, "charger", "undone", f"revert of {undone}")
            return done | {"undone": undone}
        if self.change is None or self.change["id"] != params.get("waiting", self.change["id"]):
            raise CallRefused("no version waits to be confirmed, and no change for sessions")
        self.change, given_up = None, self.change["id"]
        return done | {"given_up": given_up}

    async def _history(self, params: Json) -> list[Json]:
        waits = self.unconfirmed["version"] if self.unconfirmed else None
        newest = reversed(self.versions[-params.get("limit", 20) :])
        return [one.as_json() | {"confirmed": one.number != waits} for one in newest]

    async def _show(self, params: Json) -> Json:
        found = [one for one in self.versions if one.number == params["version"]]
        if not found:
            raise CallRefused(f"there is no version {params['version']} of the configuration")
        return {"version": found[0].number, "text": found[0].text}

    async def _diff(self, params: Json) -> Json:
        to = params.get("to", self.now.number)
        since = params.get("from", to - 1)
        before, after = (one.text for one in self.versions if one.number in (since, to))
        told = changes(dict(examine(before).data), dict(examine(after).data), is_secret)
        difference = text_difference(before, after, (f"version {since}", f"version {to}"), is_secret)
        return {"from": since, "to": to, "changes": [str(one) for one in told], "difference": difference}
