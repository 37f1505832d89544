"""Events: what happened, when, and to what, in one sentence each. Every one is written; the latest are kept at hand."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs

from jp_firmware.journal.records import from_text, to_text
from jp_firmware.journal.writer import Journal


@attrs.frozen
class Event:
    """One event. `kind` is a word such as "fault", "session", "operator", "backend"; `source` the tree's own name."""

    kind: str
    source: str
    text: str
    at: datetime

    def apply(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO events (at, kind, source, text) VALUES (?, ?, ?, ?)",
            (to_text(self.at), self.kind, self.source, self.text),
        )


def newest(db: sqlite3.Connection, limit: int) -> list[Event]:
    """The last `limit` events, newest last."""
    rows = db.execute("SELECT * FROM events ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
    return [Event(row["kind"], row["source"], row["text"], from_text(row["at"])) for row in reversed(rows)]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class EventLog:
    """Writes events to the journal and keeps the latest `keep` for consoles.

    Numbers count from 1 at the start of the process and never repeat in it; those that `load` brings back are older
    and count downwards from 0.
    """

    def __init__(self, journal: Journal, now: Callable[[], datetime] = _utc_now, keep: int = 200) -> None:
        self._journal = journal
        self._now = now
        self._next_id = 1
        self._recent: deque[tuple[int, Event]] = deque(maxlen=keep)

    def note(self, kind: str, source: str, text: str) -> None:
        """Something happened, now. Never waits, never raises."""
        event = Event(kind, source, text, self._now())
        self._recent.append((self._next_id, event))
        self._next_id += 1
        self._journal.post(event)

    async def load(self) -> None:
        """Puts what happened before the process started in front, as far as there is room. Raises JournalError."""
        room = (self._recent.maxlen or 0) - len(self._recent)
        noted = [event for _, event in self._recent]
        older = await self._journal.read(lambda db: newest(db, room + len(noted)))
        older = [event for event in older if event not in noted]
        for number, event in enumerate(reversed(older)):
            if len(self._recent) == self._recent.maxlen:
                return
            self._recent.appendleft((-number, event))

    def snapshot(self) -> dict[str, Any]:
        """The console's topic `events`: newest last."""
        return {
            "items": [
                {
                    "id": number,
                    "at": event.at.isoformat(timespec="milliseconds"),
                    "kind": event.kind,
                    "source": event.source,
                    "text": event.text,
                }
                for number, event in self._recent
            ]
        }
