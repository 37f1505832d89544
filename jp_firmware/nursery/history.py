"""What happened to the parts of a tree, newest last: each start, ready, end and request, for those who look back.

Kept in memory, a bounded number for each part, so that one that keeps failing pushes nobody else's past out. It is no
record: whoever needs one listens to `on_event`.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs

KEPT = 32  # of each part: ten restarts with all that belongs to them

STARTED, READY, ENDED, ASKED, RELEASED = "started", "ready", "ended", "restart asked", "released"


@attrs.frozen
class Moment:
    """One thing that happened to one part."""

    at_s: float  # monotonic
    path: str
    what: str  # one of the words above
    end: str | None = None  # how it ended
    why: str | None = None  # the error, or what was asked for

    def told(self, now_s: float) -> dict[str, Any]:
        """JSON-ready, with its age in seconds."""
        return {
            "age_s": max(0.0, now_s - self.at_s),
            "path": self.path,
            "what": self.what,
            "end": self.end,
            "why": self.why,
        }


def new_history() -> deque[Moment]:
    """An empty one, of one part."""
    return deque(maxlen=KEPT)
