"""What a console may ask of the configuration: look, propose, apply, confirm, go back. See docs/console-api.md."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from jp_firmware.composition.configuration import picture as config_picture
from jp_firmware.composition.configuration.change import Change, ChangeRefused, Wish
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.config.draft import Draft, Secrets, is_secret
from jp_firmware.config.kept.config_store import Outdated
from jp_firmware.config.kept.versions import Origin, OriginKind
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text.edits import Add, Edit, Put, Remove
from jp_firmware.config.told.explain import all_keys
from jp_firmware.config.told.explain import as_json as key_json
from jp_firmware.console.calls import Call, CallRefused, InvalidParams, only, parameter

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]

SOMEBODY = "operator"  # who changes something over the console and gives no name
CHANGE = ("text", "edits", "secrets")
TERMS = ("why", "who", "origin", "confirm_s", "force")

_KEYS = [key_json(one) for one in all_keys()]


def all_calls(controller: Controller) -> Mapping[str, Call]:
    """The calls by name."""
    calls = ConfigCalls(controller)
    return {
        "config.keys": calls.keys,
        "config.values": calls.values,
        "config.check": calls.check,
        "config.apply": calls.apply,
        "config.confirm": calls.confirm,
        "config.revert": calls.revert,
        "config.rollback": calls.rollback,
        "config.history": calls.history,
        "config.show": calls.show,
        "config.diff": calls.diff,
    }


class ConfigCalls:
    """Calls bound to one charger."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    @property
    def _configuring(self) -> Configuring:
        configuring = self._controller.configuring
        if configuring is None:
            raise CallRefused("this charger was not started from a file, so its configuration stays as it is")
        return configuring

    # --- looking -----------------------------------------------------------------------------------------------------

    async def keys(self, params: Json) -> object:
        """Every key there is: meaning, type, unit, range, default, class of change, role."""
        only(params)
        return _KEYS

    async def values(self, params: Json) -> object:
        """The configuration in force, as text and key by key. Secrets are never told."""
        only(params)
        configuring = self._configuring
        store = configuring.store
        told = {**config_picture.version(store.current), "unconfirmed": config_picture.unconfirmed(configuring)}
        in_force = configuring.proposing.in_force
        return told | await self._configuring.beside(
            lambda: {
                "path": str(store.path_in_force),
                "text": config_picture.readable(in_force.text),
                "values": list(config_picture.values(in_force)),
            }
        )

    async def history(self, params: Json) -> object:
        """`limit?`: the versions there were, newest first, each with the keys that it changed."""
        only(params, "limit")
        limit = min(max(parameter(params, "limit", int, 20), 1), 1000)
        return await self._configuring.beside(partial(config_picture.history, self._configuring.store, limit))

    async def show(self, params: Json) -> object:
        """`version`: its text."""
        only(params, "version")
        number = parameter(params, "version", int)
        return await self._configuring.beside(
            lambda: {"version": number, "text": config_picture.readable(self._text_at(number))}
        )

    async def diff(self, params: Json) -> object:
        """`from?` (the one before), `to?` (the one in force): what differs between two versions."""
        only(params, "from", "to")
        latest = self._configuring.store.current.number
        to = parameter(params, "to", int, latest)
        since = parameter(params, "from", int, max(1, to - 1))
        return {"from": since, "to": to} | await self._configuring.beside(partial(self._difference, since, to))

    # --- changing ----------------------------------------------------------------------------------------------------

    async def check(self, params: Json) -> object:
        """What a change would do, and what that would take: `text`, `edits`, `version` or `waiting`. Nothing is done.

        `secrets?` belongs to the first two; `waiting` is the id of the change that waits.
        """
        only(params, *CHANGE, "version", "waiting")
        if "waiting" in params:
            waiting = self._waiting(parameter(params, "waiting", str))
            return config_picture.plan(self._configuring, waiting.wish.draft)
        if "version" in params:
            text = self._text_at(parameter(params, "version", int))
            return config_picture.plan(self._configuring, await self._proposed(text=text))
        return config_picture.plan(self._configuring, await self._draft(params))

    async def apply(self, params: Json) -> object:
        """Makes the change: `text?`, `edits?` (of that text, or of the present one), `secrets?`, and `base`.

        Its terms are `why?`, `who?`, `origin?`, `confirm_s?` and `force?`.
        Answers when it is made, refused, or waits for sessions. Goes on when whoever asked goes away.
        """
        only(params, *CHANGE, *TERMS, "base")
        base = parameter(params, "base", int)
        if base != self._configuring.store.current.number:
            return await self._outdated(base)
        return await self._apply(await self._draft(params), params, "console")

    async def rollback(self, params: Json) -> object:
        """`version`, and the terms of `apply`: the text of that version, as a new one."""
        only(params, "version", *TERMS)
        number = parameter(params, "version", int)
        proposed = await self._proposed(text=self._text_at(number))
        if proposed.says_the_same:
            raise CallRefused(f"version {number} is what is in force")
        return await self._apply(proposed, params, "rollback", number)

    async def confirm(self, params: Json) -> object:
        """`version`: it stays."""
        only(params, "version")
        try:
            await self._configuring.confirm(parameter(params, "version", int))
        except ConfigError as error:
            raise CallRefused(str(error)) from None
        return {"result": "accepted"}

    async def revert(self, params: Json) -> object:
        """`waiting?`: gives up the change of that id; `version?`: undoes that version, which waits to be confirmed.

        Without either: the version that waits to be confirmed, or else the change that waits for sessions.
        """
        only(params, "waiting", "version")
        configuring, done = self._configuring, {"result": "accepted", "undone": None, "given_up": None}
        if "waiting" in params:
            self._waiting(parameter(params, "waiting", str))
        elif configuring.change is not None:
            raise CallRefused(f"{configuring.change.id} is under way; wait for it, or name the change to give up")
        elif "version" in params:
            return done | {"undone": self._undo(parameter(params, "version", int))}
        elif configuring.store.unconfirmed is not None:
            return done | {"undone": self._undo(configuring.store.unconfirmed.number)}
        if (given_up := await configuring.give_up()) is None:
            raise CallRefused("no version waits to be confirmed, and no change for sessions; see jp config rollback")
        return done | {"given_up": given_up}

    def _undo(self, number: int) -> int:
        unconfirmed = self._configuring.store.unconfirmed
        if unconfirmed is None or unconfirmed.number != number:
            raise CallRefused(f"version {number} does not wait to be confirmed; to go back: jp config rollback")
        try:
            self._configuring.undo()
        except ConfigError as error:
            raise CallRefused(str(error)) from None
        return number

    def _waiting(self, id_: str) -> Change:
        waiting = self._configuring.waiting.change
        if waiting is None or waiting.id != id_:
            there = f"{waiting.id} does" if waiting else "no change does"
            raise CallRefused(f"{id_} does not wait; {there}")
        return waiting

    async def _apply(self, proposed: Draft, params: Json, kind: OriginKind, of: int | None = None) -> Json:
        told = parameter(params, "origin", str, kind)
        if of is None and told not in ("console", "terminal", "cli", "bundle"):
            raise InvalidParams(f"origin is one of console, terminal, cli, bundle, not {told!r}")
        wish = Wish(
            draft=proposed,
            who=parameter(params, "who", str, SOMEBODY),
            why=parameter(params, "why", str, ""),
            origin=Origin(next(one for one in get_args(OriginKind) if one == told) if of is None else kind, of),
            confirm_s=_confirm_s(params),
            force=parameter(params, "force", bool, False),
        )
        plan = config_picture.plan(self._configuring, proposed)
        if plan["errors"]:
            return plan | {"result": "refused", "part": None, "why": f"{plan['errors']} mistakes in it"}
        if proposed.says_the_same:
            return plan | {"result": "applied", "version": proposed.base.number}
        try:
            change = await self._configuring.apply(wish)
        except Outdated as error:
            return await self._outdated(error.base)
        except ChangeRefused as refusal:
            raise CallRefused(str(refusal)) from None
        return plan | config_picture.outcome(change)

    # --- drafts ------------------------------------------------------------------------------------------------------

    async def _draft(self, params: Json) -> Draft:
        text, edits = params.get("text"), params.get("edits")
        if edits is None and (text is not None or params.get("secrets")):
            edits = []
        if not isinstance(edits, list):
            raise InvalidParams(
                'edits is missing: a list, as in [{"put": "site.limit_w", "value": 100000}]; or give text'
            )
        try:
            made = [_edit(one) for one in edits]
        except ConfigError as error:
            raise InvalidParams(str(error)) from None
        whole = None if text is None else parameter(params, "text", str)
        return await self._proposed(text=whole, edits=made, secrets=_secrets(params))

    async def _proposed(self, **what: Any) -> Draft:
        try:
            return await self._configuring.proposing.draft(**what)
        except ConfigError as error:
            raise CallRefused(str(error)) from None

    async def _outdated(self, base: int) -> Json:
        current = self._configuring.store.current
        told = {"result": "outdated", **config_picture.version(current), "base": base}
        return told | await self._configuring.beside(partial(self._difference, base, current.number))

    def _difference(self, since: int, to: int) -> Json:
        return config_picture.difference(self._text_at(since), self._text_at(to), (since, to))

    def _text_at(self, number: int) -> str:
        try:
            return self._configuring.store.text_at(number)
        except ConfigError as error:
            raise CallRefused(str(error)) from None


# --- from JSON -------------------------------------------------------------------------------------------------------


def _edit(told: object) -> Edit:
    match told:
        case {"put": str(key), "value": value, **rest} if not rest:
            return Put(key, value)
        case {"remove": str(key), **rest} if not rest:
            return Remove(key)
        case {"add": str(key), "item": dict(item), **rest} if not rest:
            return Add(key, item)
        case {"add": str(key), "item": dict(item), "before": str(before), **rest} if not rest:
            return Add(key, item, before)
    raise InvalidParams(
        f'{told!r} is no edit; write {{"put": KEY, "value": …}}, {{"remove": KEY}} or {{"add": LIST, "item": {{…}}}}'
    )


def _secrets(params: Json) -> Secrets | None:
    told = params.get("secrets")
    if told is None:
        return None
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in (*told, *told.values())):
        raise InvalidParams('secrets is not a table of texts, as in {"backend.password": "…"}')
    for key in told:
        if not is_secret(tuple(key.split("."))):
            raise InvalidParams(f"{key} is no secret; put it with edits")
    return told


def _confirm_s(params: Json) -> float | None:
    if params.get("confirm_s") is None:
        return None
    value = parameter(params, "confirm_s", float)
    if not 0 <= value <= 3600:
        raise InvalidParams(f"confirm_s lies between 0 (none) and 3600 s, not at {value:g} s")
    return value
