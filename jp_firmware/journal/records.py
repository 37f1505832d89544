"""What a record is, and how wall time is written. A record knows how to write itself, and nothing else."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Protocol


class Record(Protocol):
    """One thing to write. Frozen; handed to the writer's thread."""

    def apply(self, db: sqlite3.Connection) -> None:
        """Writes itself inside the writer's open transaction; raises to fail the group of records it belongs to.

        Runs in the writer's thread, and again from the start if the transaction has to be repeated: it touches nothing
        but `db`, and neither begins nor ends a transaction.
        """


def to_text(at: datetime) -> str:
    """UTC in one fixed width, so that text sorts as time does. Raises ValueError for a naive `datetime`."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; wall time is an aware datetime in UTC")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def to_text_or_none(at: datetime | None) -> str | None:
    return to_text(at) if at is not None else None


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)


def from_text_or_none(text: str | None) -> datetime | None:
    return from_text(text) if text is not None else None
