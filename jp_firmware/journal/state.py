"""Small facts that outlive a restart, as JSON by key: what is in service, limits, cached verdicts, profiles."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import attrs


@attrs.frozen
class Put:
    """From now on `key` is `value`, which must be JSON. None is a value too."""

    key: str
    value: Any

    def apply(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
            (self.key, json.dumps(self.value, allow_nan=False)),
        )


def get(db: sqlite3.Connection, key: str) -> Any:
    """The value of `key`, or None."""
    row = db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return json.loads(row["value"]) if row else None
