"""Messages to the central system that must arrive: queued before they are sent, in order, and gone only once answered.

A message is committed together with the fact it tells. Which wire protocol it is for stands in `version`, so that a
change of protocol does not send the words of one in the other.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from jp_firmware.journal.records import from_text, to_text
from jp_firmware.model.ids import SessionId


@attrs.frozen(kw_only=True)
class Message:
    """One row that waits. `payload` is without a transaction id, which may not be known yet when it is queued."""

    seq: int
    session_id: SessionId | None
    version: str
    action: str
    payload: dict[str, Any]
    created_at: datetime
    attempts: int


@attrs.frozen(kw_only=True)
class Put:
    """A message is queued behind all others."""

    session_id: SessionId | None
    action: str
    payload: Mapping[str, Any]
    created_at: datetime
    version: str = "1.6"

    def apply(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO outbox (session_id, version, action, payload, created_at) VALUES (?, ?, ?, ?, ?)",
            (
                self.session_id,
                self.version,
                self.action,
                json.dumps(dict(self.payload), allow_nan=False),
                to_text(self.created_at),
            ),
        )


@attrs.frozen
class Attempted:
    """A message was sent and not answered, or refused: one attempt more."""

    seq: int

    def apply(self, db: sqlite3.Connection) -> None:
        cursor = db.execute("UPDATE outbox SET attempts = attempts + 1 WHERE seq = ?", (self.seq,))
        _must_wait(cursor, self.seq)


@attrs.frozen
class Sent:
    """The central system has answered: the message has arrived."""

    seq: int

    def apply(self, db: sqlite3.Connection) -> None:
        _must_wait(db.execute("DELETE FROM outbox WHERE seq = ?", (self.seq,)), self.seq)


@attrs.frozen
class Discarded:
    """A message is given up, so that those behind it get through. It is kept aside with the reason."""

    seq: int
    reason: str = ""

    def apply(self, db: sqlite3.Connection) -> None:
        cursor = db.execute(
            "INSERT INTO outbox_discarded"
            " SELECT seq, session_id, version, action, payload, created_at, attempts, ? FROM outbox WHERE seq = ?",
            (self.reason, self.seq),
        )
        _must_wait(cursor, self.seq)
        db.execute("DELETE FROM outbox WHERE seq = ?", (self.seq,))


@attrs.frozen
class TransactionIdGiven:
    """The central system has named a session. A later name replaces an earlier one."""

    session_id: SessionId
    transaction_id: int

    def apply(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR REPLACE INTO transactions (session_id, transaction_id) VALUES (?, ?)",
            (self.session_id, self.transaction_id),
        )


def oldest(db: sqlite3.Connection) -> Message | None:
    """The message that is to be sent next."""
    row = db.execute("SELECT * FROM outbox ORDER BY seq LIMIT 1").fetchone()
    return _message(row) if row else None


def count(db: sqlite3.Connection) -> int:
    """How many messages wait."""
    return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])


def discarded(db: sqlite3.Connection) -> list[tuple[Message, str]]:
    """The messages that were given up, each with its reason, oldest first."""
    rows = db.execute("SELECT * FROM outbox_discarded ORDER BY seq")
    return [(_message(row), row["reason"]) for row in rows]


def transaction_id_of(db: sqlite3.Connection, session_id: SessionId) -> int | None:
    """What the central system calls a session, if it has said so."""
    row = db.execute("SELECT transaction_id FROM transactions WHERE session_id = ?", (session_id,)).fetchone()
    return row["transaction_id"] if row else None


def session_of_transaction(db: sqlite3.Connection, transaction_id: int) -> SessionId | None:
    """The session of that name; the latest one, should the central system have used the name twice."""
    row = db.execute(
        "SELECT session_id FROM transactions WHERE transaction_id = ? ORDER BY id DESC LIMIT 1", (transaction_id,)
    ).fetchone()
    return SessionId(row["session_id"]) if row else None


def _must_wait(cursor: sqlite3.Cursor, seq: int) -> None:
    if cursor.rowcount != 1:
        raise LookupError(f"message {seq} does not wait in the outbox: it was sent or given up before")


def _message(row: sqlite3.Row) -> Message:
    return Message(
        seq=row["seq"],
        session_id=SessionId(row["session_id"]) if row["session_id"] is not None else None,
        version=row["version"],
        action=row["action"],
        payload=json.loads(row["payload"]),
        created_at=from_text(row["created_at"]),
        attempts=row["attempts"],
    )
