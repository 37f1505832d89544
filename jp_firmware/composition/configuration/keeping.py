"""The change that waits for sessions, on the disk: it outlives the charger's end and is made in another life."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs
import trio

from jp_firmware.composition.configuration import threads
from jp_firmware.composition.configuration.change import Change, Wish
from jp_firmware.composition.configuration.proposing import Proposing
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.schema import ConfigError

AGAIN_S = 10.0  # ours: from a disk that refused to the next try


@attrs.define(eq=False)
class Keeping:
    """Of one charger's store. What cannot be done is told by `note`, in a sentence."""

    _store: ConfigStore
    _proposing: Proposing
    _note: Callable[[str], None]
    _try_at_s: float = attrs.field(default=-math.inf, init=False)  # monotonic; after a disk that refused to forget

    async def inherit(self) -> Change | None:
        """What waited when the life before ended, made to what is in force now; None where that cannot be."""
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

    async def keep(self, change: Change) -> None:
        """From now on it waits on the disk too, in place of any other."""
        try:
            await threads.in_thread(partial(self._store.keep_waiting, change.as_kept()))
            self._try_at_s = -math.inf
        except ConfigError as error:
            self._note(f"{change.id} is lost if the charger ends before it is made: {error}")

    async def forget(self) -> None:
        """What waits on the disk does so no longer."""
        kept = self._store.waiting
        if kept is None:
            return
        try:
            await threads.in_thread(partial(self._store.forget_waiting, kept))
        except ConfigError as error:
            if self._try_at_s == -math.inf:
                self._note(f"change-{kept.number} by {kept.who} waits again if the charger ends now: {error}")
            self._try_at_s = trio.current_time() + AGAIN_S
        else:
            self._try_at_s = -math.inf

    def has(self, change: Change) -> bool:
        """Whether it is this one that waits on the disk."""
        return self._store.waiting is not None and self._store.waiting.number == change.number

    def to_forget_at_s(self, waiting: Change | None) -> float:
        """When to forget what waits on the disk but is not the one that does; infinite where there is nothing."""
        is_stale = self._store.waiting is not None and not (waiting is not None and self.has(waiting))
        return self._try_at_s if is_stale else math.inf
