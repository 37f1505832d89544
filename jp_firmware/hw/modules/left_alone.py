"""When OFF is no longer said to a module that hears it and stays on, so that its own time-out can switch it off.

Each OFF and each question is a frame from the controller, and keeps that time-out from running. So a module that goes
on in spite of OFF, by its own word, gets nothing of either until its time-out must have passed; then all begins anew,
and shows whether it went off. This helps with modules that count the frames meant for them. One that counts whatever
anybody says to its neighbours stays on: its fault says that its supply must be cut, and it is told OFF on and on, since
each silence costs neighbours that live by a heartbeat for all. Pure: no I/O, no clock of its own.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.hw.modules.driver import ModuleProfile, Semantics

UNOBEYED_S = 5.0
"""OFF is repeated to a module that answers and stays on for this long (ours: 50 times, five times what a good one
needs, and as long as the end of a session waits before contactors are opened under load)."""

HEARD_AGAIN_S = 6.0
"""Time after a module was left alone until it must have been heard again (ours: the tree starts a part again after 5 s
of back-off at most, and it is asked at once)."""


@attrs.define(eq=False)
class LeftAlone:
    """One module. `why` is what it does and what is done about it, in a person's words, until it is off."""

    _profile: ModuleProfile
    _semantics: Semantics
    why: str = ""
    until_s: float = -math.inf
    heard_again_by_s: float = -math.inf  # when it must have been heard again, if it is still there
    _obeyed_at_s: float = -math.inf
    _was_left: bool = False  # since it obeyed last

    def obeys(self, now_s: float) -> None:
        """It is meant to be on, or is off by its own word: a time-out would do no more for it."""
        self.why, self._was_left, self._obeyed_at_s = "", False, now_s

    def unheard(self, now_s: float) -> None:
        """Whether it obeys is not known: only a module that answers hears what it is told.

        Unheard since it was left alone, it has switched itself off, or its supply is cut as its fault asks for.
        """
        self._obeyed_at_s = now_s
        if self._semantics.times_out and now_s >= self.heard_again_by_s:
            self.why, self._was_left = "", False

    def is_due(self, now_s: float) -> bool:
        """Whether it was told often enough, and had the time that its type needs."""
        return now_s - self._obeyed_at_s >= max(UNOBEYED_S, self._profile.off_within_s)

    def begin(self, does: str, now_s: float) -> bool:
        """It is given up for now. Returns whether it is left alone; if not, OFF is said on and on."""
        for_s = self._profile.silent_off_s + SILENT_MARGIN_S
        self._obeyed_at_s, self.heard_again_by_s = now_s, now_s + for_s + HEARD_AGAIN_S
        if self._was_left or not self._semantics.times_out:
            is_stuck = "stayed on when it was left alone" if self._was_left else "has no time-out of its own"
            self.why = f"{does}; it {is_stuck}: cut its supply"
            return False
        self.until_s, self._was_left = now_s + for_s, True
        self.why = f"{does}; nothing is said to it for {for_s:g} s, so that its own time-out switches it off"
        return True

    def holds(self, now_s: float) -> bool:
        """Whether nothing may be said to it now."""
        return now_s < self.until_s
