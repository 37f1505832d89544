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
from jp_firmware.composition.configuration.threads import AGAIN_S
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.pending import Unconfirmed
from jp_firmware.config.kept.versions import Version
from jp_firmware.config.schema import ConfigError


@attrs.define(eq=False)
class Confirming:
    """Of one charger's store. `note` records a sentence."""

    _store: ConfigStore
    _note: Callable[[str], None]
    by_s: float = attrs.field(default=math.inf, init=False)  # monotonic; when it is undone; infinite: nobody said
    _why: str = attrs.field(default="", init=False)  # what it is undone for then
    is_being_kept: bool = attrs.field(default=False, init=False)  # the word is on its way to the disk

    def begin(self, within_s: float) -> None:
        """From now on it has so long."""
        self.by_s, self._why = trio.current_time() + within_s, "nobody confirmed it in time"

    def end_now(self, why: str) -> None:
        """Its time is over, whatever it was."""
        self.by_s, self._why = -math.inf, why

    def end_unless_begun(self, why: str) -> None:
        """The same, for a version that nobody has given a time."""
        if self._store.unconfirmed is not None and self.by_s == math.inf:
            self.end_now(why)

    @property
    def unconfirmed(self) -> Unconfirmed | None:
        """The version, as the disk says it."""
        return self._store.unconfirmed

    @property
    def has_ended(self) -> bool:
        """Whether somebody has decided, one way or the other."""
        return self._store.unconfirmed is None or self.by_s == -math.inf

    @property
    def why_undone(self) -> str:
        """What its time is over for, where one waits and it is; else nothing."""
        is_over = self._store.unconfirmed is not None and trio.current_time() >= self.by_s
        return self._why if is_over else ""

    async def keep(self, number: int) -> None:
        """The version is for good. Raises ConfigError if it does not wait for that, or if the disk refuses."""
        unconfirmed = self._store.unconfirmed
        if self.is_being_kept:
            raise ConfigError(f"version {number} cannot be confirmed while another word is written; look again")
        if self.by_s == -math.inf and unconfirmed is not None and unconfirmed.number == number:
            raise ConfigError(f"version {number} is being undone")
        self.is_being_kept = True
        try:
            await threads.on_disk(partial(self._store.confirm, number))
        finally:
            self.is_being_kept = False
        self.by_s = math.inf
        self._note(f"version {number} is confirmed")

    async def undo(self, why: str) -> Version | None:
        """The version before it is in force on the disk, as a new one; None where that cannot be now.

        A disk that refuses is asked again, unless somebody confirms it meanwhile.
        """
        waiting = self._store.unconfirmed
        assert waiting is not None
        try:
            version = await threads.on_disk(partial(self._store.revert, why=why))
        except ConfigError as error:  # somebody has confirmed it in this moment, or the disk refuses
            self.by_s = trio.current_time() + AGAIN_S if self._store.unconfirmed else math.inf
            self._why = why
            self._note(f"version {waiting.number} cannot be undone: {error}")
            return None
        self.by_s = math.inf
        self._note(f"version {waiting.number} is undone: {why}; version {version.number} is as {waiting.previous}")
        return version
