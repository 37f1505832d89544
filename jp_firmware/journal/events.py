"""Events: what happened, when, and to what, in one sentence each. The journal keeps every one of them."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import attrs

from jp_firmware.journal.records import from_text, to_text


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
