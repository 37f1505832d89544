"""The version that is in force and not for good yet: the time that it has, and the word that keeps or undoes it.

This is about the disk alone, which decides after a crash too. What the parts of the charger go back to, and when, is
not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs
import trio

from jp_firmware.composition.configuration import threads
from jp_firmware.composition.configuration.waiting import AGAIN_S
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.versions import Version
from jp_firmware.config.schema import ConfigError


@attrs.define(eq=False)
class Confirming:
    """Of one charger's store. `note` records a sentence."""

    _store: ConfigStore
    _note: Callable[[str], None]
    by_s: float = attrs.field(default=math.inf, init=False)  # monotonic; when it is undone; infinite: nobody said

    def begin(self, within_s: float) -> None:
        """From now on it has so long."""
        self.by_s = trio.current_time() + within_s

    def end_now(self) -> None:
        """Its time is over, whatever it was."""
        self.by_s = -math.inf

    def end_unless_begun(self) -> None:
        """The same, for a version that nobody has given a time."""
        if self._store.unconfirmed is not None and not math.isfinite(self.by_s):
            self.by_s = -math.inf

    @property
    def has_ended(self) -> bool:
        """Whether somebody has decided, one way or the other."""
        return self._store.unconfirmed is None or self.by_s == -math.inf

    @property
    def why_undone(self) -> str:
        """What its time is over for, where one waits and it is; else nothing."""
        if self._store.unconfirmed is None or trio.current_time() < self.by_s:
            return ""
        return "nobody confirmed it in time" if math.isfinite(self.by_s) else "undone"

    async def keep(self, number: int) -> None:
        """The version is for good. Raises ConfigError if it does not wait for that, or if the disk refuses."""
        await threads.in_thread(partial(self._store.confirm, number))
        self.by_s = math.inf
        self._note(f"version {number} is confirmed")

    async def undo(self, why: str) -> Version | None:
        """The version before it is in force on the disk, as a new one; None where that cannot be now."""
        waiting = self._store.unconfirmed
        assert waiting is not None
        try:
            version = await threads.in_thread(partial(self._store.revert, why=why))
        except ConfigError as error:  # somebody has confirmed it in this moment, or the disk refuses
            self.by_s = trio.current_time() + AGAIN_S if self._store.unconfirmed else math.inf
            self._note(f"version {waiting.number} cannot be undone: {error}")
            return None
        self.by_s = math.inf
        self._note(f"version {waiting.number} is undone: {why}; version {version.number} is as {waiting.previous}")
        return version
