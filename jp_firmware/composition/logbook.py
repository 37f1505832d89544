"""What happened, in sentences: each goes to the journal for good, and the newest are at hand for consoles."""

from __future__ import annotations

import logging
from collections import deque
from datetime import UTC, datetime
from typing import Any

import attrs

from jp_firmware.journal.events import Event
from jp_firmware.journal.writer import Journal

logger = logging.getLogger("jp")

AT_HAND = 200  # what the topic `events` shows


@attrs.define(eq=False)
class Logbook:
    """Writes events. One line each, for a person: what happened, to what."""

    journal: Journal
    _newest: deque[dict[str, Any]] = attrs.field(factory=lambda: deque(maxlen=AT_HAND))
    _count: int = 0

    def note(self, kind: str, source: str, text: str) -> None:
        """Records an event of `kind` ("fault", "session", "tree", "operator", ...) at `source`. Does not wait."""
        at = datetime.now(UTC)
        self._count += 1
        self._newest.append(
            {"id": self._count, "at": at.isoformat(timespec="seconds"), "kind": kind, "source": source, "text": text}
        )
        logger.info("%s %s: %s", kind, source, text)
        self.journal.post(Event(kind=kind, source=source, text=text, at=at))

    def snapshot(self) -> dict[str, Any]:
        """The topic `events`, newest last."""
        return {"items": list(self._newest)}
