"""Whether the car still asks: how long ago it last said, in the charge loop, what it wants.

Pure. The board's word is the age of the last message; a board that stops giving it does not make a car speak again, so
the last message known goes on ageing. What was said before this loop, or outside any, counts for nothing.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.charging.view import View


@attrs.define
class Asking:
    """One session's memory of it."""

    _since_s: float | None = None  # when this charge loop began
    _asked_at_s: float = math.nan  # its last demand; not-a-number while the board has not told of any

    def look(self, view: View, *, charging: bool) -> None:
        """Takes one view. `charging`: the stage is one in which a car that wants energy must ask for it."""
        if not charging or view.ev is None or not view.ev.ready:
            self._since_s, self._asked_at_s = None, math.nan
            return
        if self._since_s is None:
            self._since_s = view.now_s
        if view.asked_at_s is not None:
            self._asked_at_s = max(view.asked_at_s, self._since_s)

    def age_s(self, now_s: float) -> float | None:
        """Age of the last demand; None outside the charge loop, and where the board does not tell."""
        return None if math.isnan(self._asked_at_s) else now_s - self._asked_at_s
