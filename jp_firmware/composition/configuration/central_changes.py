"""What a central system changes of the configuration: a change like any other, made at once or not at all.

It is made with an installer's rights, waits for no session and no confirmation, and stops no part of the charger.
Whoever asked has the answer within seconds, whatever else goes on.

The password is the one exception: its change takes another connection, so it is made behind the answer. It stays if
the central system accepts the charger with it, and else is undone like any change that nobody confirms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs
import trio

from jp_firmware.composition.configuration.change import CONFIRM_S, ChangeRefused, Wish
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.config.draft import Draft
from jp_firmware.config.kept.config_store import Outdated
from jp_firmware.config.kept.versions import Origin
from jp_firmware.config.key import Role
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.text.edits import Edit, parts_of
from jp_firmware.journal import state
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.configuration import Undecided
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.parameters import NotPermitted

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

ANSWER_S: Final = 5.0  # ours: a change on a busy machine with a slow disk takes one; central systems wait for 30
KEPT_BEFORE: Final = "ocpp16.keys"  # of the journal's state: where an earlier version of this program kept changes
CENTRAL_SYSTEM: Final = "central system"
PASSWORD: Final = "backend.password"


@attrs.define(eq=False)
class CentralChanges:
    """One charger's configuration, for its central system. Fulfils `ocpp.v16.configuration.Settings`."""

    _controller: Controller

    @property
    def cabinet(self) -> Cabinet:
        return self._controller.cabinet

    def is_fixed(self, key: str) -> bool:
        """A charger that was not started from a file keeps its configuration; overrides stand above any change."""
        configuring = self._controller.configuring
        return configuring is None or any(_is_about(one, key) for one in configuring.overrides)

    async def change(self, edit: Edit, why: str) -> str:
        """Makes one change. Returns why it was refused, or nothing; raises Undecided. It goes on if cancelled."""
        return await self._make([edit], why)

    async def password(self, password: str) -> str | Callable[[], None]:
        """Prepares a new password: returns why it is refused, or what begins the change once the answer is out."""
        configuring = self._controller.configuring
        assert configuring is not None  # or the key would be fixed
        with trio.move_on_after(ANSWER_S):
            proposed = await configuring.proposing.draft(secrets={PASSWORD: password})
            if proposed.cabinet is None:
                return self._refused("a new password", _refusal(proposed))
            if not proposed.changes:
                return lambda: None
            wish = self._wish(proposed, "AuthorizationKey", CONFIRM_S)
            try:
                configuring.admit(wish)
            except (Outdated, ChangeRefused) as error:
                return self._refused("a new password", str(error))
            return partial(self._begin, configuring, wish)
        raise Undecided(f"the password was not looked at within {ANSWER_S:g} s; try again")

    async def prove(self, client: Backend16) -> None:
        """Confirms a new password when the central system has accepted the charger with it."""
        configuring = self._controller.configuring
        waiting = configuring.store.unconfirmed if configuring else None
        if configuring is None or waiting is None or waiting.keys != (PASSWORD,):
            return
        if configuring.store.current.origin != Origin(CENTRAL_SYSTEM):
            return
        changed = Bell()
        leave = client.subscribe(changed.ring)
        try:
            while not client.online:
                await changed.wait()
            if configuring.change is not None:
                await configuring.change.answered.wait()
            if configuring.store.unconfirmed == waiting:
                await configuring.confirm(waiting.number)
        except ConfigError as error:
            self._note(f"its new password is good, and cannot be kept: {error}")
        finally:
            leave()

    async def adopt(self, keys: Keys) -> None:
        """Makes the changes of what an earlier version of this program kept for the central system, once.

        What the configuration says otherwise by now stays so: the latest word counts. Raises JournalError.
        """
        journal = self._controller.journal
        kept = await journal.read(lambda db: state.get(db, KEPT_BEFORE))
        if not isinstance(kept, dict) or self._controller.configuring is None:
            return
        if edits := list(_kept(kept, keys)):
            try:
                why_not = await self._make(edits, "kept by an earlier version of the program")
            except Undecided as undecided:
                why_not = str(undecided)
            if why_not:
                self._note(f"what it changed before, {', '.join(sorted(kept))}, waits for the next start: {why_not}")
                return
        await journal.commit(state.Put(KEPT_BEFORE, None))

    # --- one change --------------------------------------------------------------------------------------------------

    async def _make(self, edits: Sequence[Edit], why: str) -> str:
        configuring = self._controller.configuring
        assert configuring is not None  # or all keys would be fixed
        with trio.move_on_after(ANSWER_S):
            return await self._apply(configuring, edits, why)
        raise Undecided(f"the change is not made within {ANSWER_S:g} s; GetConfiguration tells when it is")

    async def _apply(self, configuring: Configuring, edits: Sequence[Edit], why: str) -> str:
        while True:
            try:
                proposed = await configuring.proposing.draft(edits=edits)
                if refusal := _refusal(proposed):
                    return self._refused(why, refusal)
                if not proposed.changes:
                    return ""
                return (await configuring.apply(self._wish(proposed, why, confirm_s=0.0))).refused
            except Outdated:
                continue  # somebody else was quicker: the same change of what is in force now
            except (ConfigError, ChangeRefused) as error:
                return self._refused(why, str(error))

    def _begin(self, configuring: Configuring, wish: Wish) -> None:
        try:
            configuring.begin(wish)
        except (Outdated, ChangeRefused) as error:  # within the moment that the answer took
            self._refused("a new password", f"{error}; it was accepted, and the old one stays in force")

    def _wish(self, proposed: Draft, why: str, confirm_s: float) -> Wish:
        who, origin = self._who(), Origin(CENTRAL_SYSTEM)
        return Wish(draft=proposed, who=who, why=why, origin=origin, confirm_s=confirm_s)

    def _who(self) -> str:
        return urlsplit(self.cabinet.backend.url).hostname or CENTRAL_SYSTEM

    def _refused(self, what: str, why: str) -> str:
        self._note(f"{what} by {self._who()} was refused: {why}")
        return why

    def _note(self, text: str) -> None:
        self._controller.note("config", CENTRAL_SYSTEM, text)


def _refusal(proposed: Draft) -> str:
    if proposed.cabinet is None:
        first = proposed.examined.errors[0]
        return f"{first.key}: {first.text}"
    if not Role.INSTALLER.may(proposed.effects.role):
        return f"only a {proposed.effects.role} may change that"
    stopped = [step.path for step in proposed.effects.steps if step.stops]
    return f"{', '.join(stopped)} would have to start anew" if stopped else ""


def _is_about(override: str, key: str) -> bool:
    return parts_of(override.partition("=")[0]) == parts_of(key)


def _kept(kept: dict[str, object], keys: Keys) -> Iterator[Edit]:
    """The changes of what was kept: by name, the value and the one that it replaced, as they stand on the wire."""
    for name, pair in kept.items():
        row = keys.row(name)
        match pair:
            case [str(value), str(replaced)] if row and row.key and replaced == row.text(keys.cabinet):
                try:
                    yield row.edit(keys.cabinet, value)
                except NotPermitted:
                    continue  # in the earlier version it was
