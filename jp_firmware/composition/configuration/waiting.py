"""The change that waits for sessions to end: one at most, here and on the disk, where it outlives the charger.

Others are made beside it meanwhile, as long as they touch none of its keys. After each of them it is proposed anew, to
the version that is in force then, and given up where it is no good any more. In the next life of the charger it waits
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs
import trio

from jp_firmware.composition.configuration import threads
from jp_firmware.composition.configuration.change import Change, ChangeRefused, Wish
from jp_firmware.composition.configuration.proposing import Proposing
from jp_firmware.composition.configuration.threads import AGAIN_S
from jp_firmware.config.carrying_over import meeting
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.pending import WaitingChange
from jp_firmware.config.schema import ConfigError


@attrs.define(eq=False)
class Waiting:
    """Of one charger's store. `note` records a sentence; `over` is told which change has been given up, and why."""

    _store: ConfigStore
    _proposing: Proposing
    _note: Callable[[str], None]
    _over: Callable[[Change, str], None]
    change: Change | None = attrs.field(default=None, init=False)
    _has_inherited: bool = attrs.field(default=False, init=False)  # what waited when the life before ended
    _try_at_s: float = attrs.field(default=-math.inf, init=False)  # monotonic; after a disk that refused

    # --- from its beginning to its end -------------------------------------------------------------------------------

    async def inherit(self) -> None:
        """What waited when the life before ended waits again, made to what is in force now; where that can be. Once."""
        if not self._has_inherited:
            self.change = await self._inherited()
            self._has_inherited = True

    async def begin(self, change: Change) -> None:
        """From now on this one waits, on the disk too. Whoever asked for it is answered, even if interrupted."""
        self.change, self._try_at_s = change, -math.inf
        change.waits_for, change.handing, change.version = self._proposing.concerned(change.wish.draft), None, None
        sessions = f" for the sessions on {', '.join(map(str, change.waits_for))}" if change.waits_for else ""
        self._note(f"{change.id} by {change.wish.who} waits{sessions}: {change.keys}")
        try:
            await self.tell_disk()
        finally:
            change.answered.set()

    def take(self) -> Change | None:
        """The one that waits, which nothing is in the way of any more, and which is made now."""
        change, self.change = self.change, None
        return change

    async def give_up(self, why: str) -> str | None:
        """It is not made; its id, None if none waits."""
        change = self.take()
        if change is None:
            return None
        self._try_at_s = -math.inf
        self._over(change, why)
        await self.tell_disk()
        return change.id

    # --- what is made beside it --------------------------------------------------------------------------------------

    def admit(self, wish: Wish) -> None:
        """Raises ChangeRefused for what does not leave the one that waits as it is, or would have to wait itself."""
        if self.change is None:
            return
        it = f"{self.change.id} by {self.change.wish.who}, which waits for sessions to end"
        give_up = f"to give that up: jp config revert {self.change.id}"
        if meets := meeting(wish.draft, self.change.wish.draft):
            raise ChangeRefused(f"it touches {', '.join(meets)}, and so does {it}; {give_up}")
        if not wish.force and (in_the_way := self._proposing.concerned(wish.draft)):
            sessions = ", ".join(map(str, in_the_way))
            raise ChangeRefused(
                f"it would have to wait for the session on connector {sessions}, and one change waits already: {it}; "
                f"{give_up}"
            )

    def is_free(self) -> bool:
        """Whether there is one, and no session is in its way."""
        if self.change is None:
            return False
        self.change.waits_for = self._proposing.concerned(self.change.wish.draft)
        return not self.change.waits_for

    def is_outdated(self) -> bool:
        """Whether there is one that was proposed to something else than what is in force now."""
        return self.change is not None and not self._proposing.is_current(self.change.wish.draft)

    async def carry_over(self) -> None:
        """Proposes it to what is in force now; gives it up where it is no good any more."""
        change, number = self.change, self._store.current.number
        if change is None:
            return
        try:
            proposed = (await self._proposing.carried_over(change.wish.draft)).without_mistakes
        except ConfigError as error:
            if not change.over:
                await self.give_up(f"it does not go together with version {number}: {error}")
            return
        if change.over:
            return  # given up meanwhile
        change.wish = attrs.evolve(change.wish, draft=proposed)
        self._note(f"{change.id} by {change.wish.who} still waits, and is one of version {number} now")

    # --- on the disk -------------------------------------------------------------------------------------------------

    def is_kept(self, change: Change) -> bool:
        """Whether it is this one that waits on the disk."""
        return self._store.waiting is not None and self._store.waiting.number == change.number

    @property
    def tell_disk_at_s(self) -> float:
        """When to tell the disk what waits now; infinite where it says so."""
        says_so = self._store.waiting is None if self.change is None else self.is_kept(self.change)
        return math.inf if says_so else self._try_at_s

    async def tell_disk(self) -> None:
        """What waits does so on the disk too, and nothing else."""
        change, kept = self.change, self._store.waiting
        try:
            if change is not None:
                await threads.on_disk(partial(self._store.keep_waiting, change.as_kept()))
            elif kept is not None:
                await threads.on_disk(partial(self._store.forget_waiting, kept))
        except ConfigError as error:
            if self._try_at_s == -math.inf:  # else it has been told before
                self._note(f"{_lost_or_back(change, kept)}: {error}")
            self._try_at_s = trio.current_time() + AGAIN_S
        else:
            self._try_at_s = -math.inf

    async def _inherited(self) -> Change | None:
        kept = self._store.waiting
        if kept is None:
            return None
        name = f"change-{kept.number} by {kept.who}, which waited when the charger ended,"
        try:
            proposed = (await self._proposing.inherited(kept)).without_mistakes
        except ConfigError as error:
            self._note(f"{name} does not go together with version {self._store.current.number}: {error}")
            return None
        if proposed.says_the_same:
            self._note(f"{name} is in force already")
            return None
        wish = Wish(draft=proposed, who=kept.who, why=kept.why, origin=kept.origin, confirm_s=kept.confirm_s)
        change = Change(kept.number, wish)
        change.answered.set()
        self._note(f"{name} waits again: {change.keys}")
        return change


def _lost_or_back(change: Change | None, kept: WaitingChange | None) -> str:
    """What it means that the disk says `kept` waits, and not `change`."""
    if change is not None:
        return f"{change.id} is lost if the charger ends before it is made"
    assert kept is not None  # or the disk would have been asked for nothing
    return f"change-{kept.number} by {kept.who} waits again if the charger ends now"
