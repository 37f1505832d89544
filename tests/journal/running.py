"""A journal that runs, and records that tests steer its thread with."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from jp_firmware.journal.writer import Journal
from jp_firmware.nursery.supervisor import Child, Lifeline

PATIENCE_S = 120.0  # for disks and threads: only something that never comes takes as long


def lifeline_of(journal: Journal) -> Lifeline:
    return Lifeline(child=Child(name="journal", run=journal.run))


@asynccontextmanager
async def running(path: Path, on_trouble: Callable[[str | None], None] | None = None) -> AsyncIterator[Journal]:
    """A journal whose stop has written everything, once the block is left."""
    journal = Journal(path, on_trouble=on_trouble)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run, lifeline_of(journal))
        with trio.fail_after(PATIENCE_S):
            yield journal
        nursery.cancel_scope.cancel()


@attrs.frozen
class Number:
    """A row that can be counted. The table is made on first use."""

    value: int

    def apply(self, db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS numbers (value INTEGER PRIMARY KEY) STRICT")
        db.execute("INSERT INTO numbers VALUES (?)", (self.value,))


@attrs.frozen
class Call:
    """A record that is whatever the test wants."""

    function: Callable[[sqlite3.Connection], object]

    def apply(self, db: sqlite3.Connection) -> None:
        self.function(db)


@attrs.frozen
class Gate:
    """Holds the writer's thread until it is opened."""

    opened: threading.Event = attrs.field(factory=threading.Event)
    reached: trio.Event = attrs.field(factory=trio.Event)
    token: trio.lowlevel.TrioToken = attrs.field(factory=trio.lowlevel.current_trio_token)

    def apply(self, db: sqlite3.Connection) -> None:
        self.token.run_sync_soon(self.reached.set)
        assert self.opened.wait(PATIENCE_S)


def numbers(db: sqlite3.Connection) -> list[int]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'numbers'").fetchone():
        return []
    return [row[0] for row in db.execute("SELECT value FROM numbers ORDER BY rowid")]


def numbers_in(path: Path) -> list[int]:
    """As another process finds them."""
    db = sqlite3.connect(path)
    try:
        return numbers(db)
    finally:
        db.close()


async def hold(journal: Journal) -> Gate:
    """Makes the writer wait inside a transaction; what comes now queues up behind it."""
    gate = Gate()
    journal.post(gate)
    await gate.reached.wait()
    return gate
