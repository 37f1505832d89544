"""The charger's journal without its thread: the real records, schema and queries, on a database in memory.

What a commit promises is kept: a group is written whole or not at all, whoever waits for it returns once it is written,
and a group that was queued is written even if the one who waited is cancelled. The disk survives the charger.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import attrs
import trio

from jp_firmware.journal.database import MIGRATIONS, JournalError
from jp_firmware.journal.records import Record
from jp_firmware.journal.sessions import open_sessions
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Session
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

T = TypeVar("T")

COMMIT_S = 0.003  # what a commit takes on a fast disk
HEARTBEAT_S = 1.0


@attrs.define(eq=False)
class Disk:
    """The database. `full`: it takes no more."""

    db: sqlite3.Connection = attrs.field(init=False)
    full: bool = False
    lost: list[str] = attrs.field(factory=list)  # why a group was not written, disk trouble aside

    def __attrs_post_init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        for statements in MIGRATIONS:
            for statement in statements:
                self.db.execute(statement)

    def write(self, records: tuple[Record, ...]) -> JournalError | None:
        """One group: whole, or not at all."""
        if self.full:
            return JournalError("journal in memory: database or disk is full", storage=True)
        self.db.execute("BEGIN")
        try:
            for record in records:
                record.apply(self.db)
        except (sqlite3.Error, LookupError, ValueError) as error:
            self.db.execute("ROLLBACK")
            self.lost.append(f"{records}: {error!r}")
            return JournalError(f"journal in memory: {error}")
        self.db.execute("COMMIT")
        return None

    def open_at(self, connector: ConnectorId) -> list[Session]:
        return open_sessions(self.db, connector)

    def rows(self, query: str) -> list[sqlite3.Row]:
        return self.db.execute(query).fetchall()

    def close(self) -> None:
        self.db.close()


@attrs.define(eq=False)
class _Group:
    records: tuple[Record, ...]
    done: trio.Event | None = None
    error: JournalError | None = None


@attrs.define(eq=False)
class MemoryJournal:
    """Stands where `journal.writer.Journal` stands, for one life of the charger."""

    disk: Disk
    on_trouble: Callable[[str | None], None] | None = None
    is_dead: bool = False  # the process was killed: nothing more is written
    _queue: list[_Group] = attrs.field(factory=list)
    _bell: Bell = attrs.field(factory=Bell)
    _opened: trio.Event = attrs.field(factory=trio.Event)
    _in_trouble: bool = False

    async def run(self, lifeline: Lifeline) -> None:
        """Writes what is queued. Cancelled, it first writes what is left."""
        self._opened.set()
        lifeline.ready()
        try:
            asked_at_s = -math.inf
            while True:
                with trio.move_on_after(HEARTBEAT_S):
                    await self._bell.wait()
                await trio.sleep(COMMIT_S)
                # A full disk does not keep the writer from answering that it lives.
                if self._write() or trio.current_time() >= asked_at_s + HEARTBEAT_S:
                    asked_at_s = trio.current_time()
                    lifeline.feed()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(COMMIT_S)
            self._write()

    def post(self, *records: Record) -> None:
        self._put(_Group(records))

    def flush_now(self, within_s: float) -> bool:
        """At once, as memory has it."""
        return self._write()

    async def commit(self, *records: Record) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        group = _Group(records, trio.Event())
        self._put(group)
        assert group.done is not None
        await group.done.wait()
        if group.error:
            raise group.error

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        await self._opened.wait()
        await trio.sleep(COMMIT_S)
        return query(self.disk.db)

    def _put(self, group: _Group) -> None:
        self._queue.append(group)
        self._bell.ring()

    def _write(self) -> bool:
        """Whether the disk took it."""
        groups, self._queue = self._queue, []
        for group in groups:
            if not self.is_dead:
                group.error = self.disk.write(group.records)
            if group.done is not None:
                group.done.set()
        refused = next((one.error for one in groups if one.error and one.error.storage), None)
        if groups and self.on_trouble and (refused is not None) != self._in_trouble:
            self._in_trouble = refused is not None
            self.on_trouble(str(refused) if refused else None)
        return refused is None
