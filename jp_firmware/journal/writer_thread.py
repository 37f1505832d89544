"""The one thread that writes: it owns the connection, and turns groups of records into transactions.

It knows no Trio beyond the one call that reports back to the loop. Whatever waits in the queue goes into one
transaction (group commit); each group stands in a savepoint, so that a record's mistake fails its own group only.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import attrs
import trio

from jp_firmware.journal.database import JournalError, explain, open_for_writing
from jp_firmware.journal.records import Record

log = logging.getLogger(__name__)

LARGEST_BATCH = 256  # ours: keeps the transaction, and the wait of those behind it, short

Queue = queue.SimpleQueue["Group | None"]


@attrs.define(eq=False)
class Group:
    """Records that are written together or not at all. Without records it is a question whether the thread lives."""

    records: tuple[Record, ...] = ()
    durable: bool = False  # on the disk, not just in the file, before `done`
    error: JournalError | None = None
    done: trio.Event = attrs.field(factory=trio.Event)  # set in the loop
    tried: threading.Event | None = None  # set in the thread, for one who cannot wait in the loop


@attrs.define(eq=False)
class WriterThread:
    """Writes what comes out of `queue` until it is asked to close; then empties the queue and ends.

    The three functions are called in the loop's own thread: `on_open` once the schema stands, `on_written` after each
    transaction with its groups, `on_end` last of all, with the error that ended it, if any.
    """

    path: Path
    queue: Queue
    on_open: Callable[[], None]
    on_written: Callable[[Sequence[Group]], None]
    on_end: Callable[[JournalError | None], None]
    _closing: bool = False
    _abandoned: bool = False
    _token: trio.lowlevel.TrioToken = attrs.field(factory=trio.lowlevel.current_trio_token)

    def start(self) -> None:
        # A daemon, because a thread that hangs in the kernel must not keep the process from ending.
        threading.Thread(target=self._main, name=f"journal {self.path.name}", daemon=True).start()

    def close(self) -> None:
        """Asks for the end, after all that is in the queue."""
        self._closing = True
        self.queue.put(None)

    def abandon(self) -> None:
        """Asks for the end right after the transaction that hangs: what is in the queue belongs to a successor."""
        self._abandoned = True
        self.close()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _main(self) -> None:
        error: JournalError | None = None
        try:
            _leave_real_time()
            with closing(open_for_writing(self.path)) as db:
                self._in_loop(self.on_open)
                self._serve(db)
        except JournalError as raised:
            error = raised
        except Exception as raised:
            log.exception("journal %s: the writer failed", self.path)
            error = explain(self.path, raised)
        finally:
            self._in_loop(lambda: self.on_end(error))

    def _serve(self, db: sqlite3.Connection) -> None:
        while not (self._abandoned or (self._closing and self.queue.empty())):
            groups = self._take()
            if groups:
                self._write(db, groups)

    def _take(self) -> list[Group]:
        """Waits for a group, then takes what else is there."""
        groups = []
        group = self.queue.get()
        while True:
            if group is not None:
                groups.append(group)
            if len(groups) >= LARGEST_BATCH:
                return groups
            try:
                group = self.queue.get_nowait()
            except queue.Empty:
                return groups

    def _write(self, db: sqlite3.Connection, groups: Sequence[Group]) -> None:
        try:
            _write(db, self.path, groups)
        except Exception as error:
            for group in groups:
                group.error = explain(self.path, error)  # whoever waits must not wait for ever
            raise
        finally:
            for group in groups:
                if group.tried is not None:
                    group.tried.set()
            self._in_loop(lambda: self.on_written(groups))

    def _in_loop(self, call: Callable[[], None]) -> None:
        try:
            self._token.run_sync_soon(call)
        except trio.RunFinishedError:
            log.debug("journal %s: the loop ended before its writer", self.path)


def _leave_real_time() -> None:
    """A thread inherits the real-time class of the control loop; writing to a disk has no business in it."""
    policy = os.sched_getscheduler(0)
    kept = policy & os.SCHED_RESET_ON_FORK  # only the privileged may drop this flag
    if policy != os.SCHED_OTHER | kept:
        os.sched_setscheduler(0, os.SCHED_OTHER | kept, os.sched_param(0))


def _write(db: sqlite3.Connection, path: Path, groups: Sequence[Group]) -> None:
    """One transaction. If it fails as a whole, each group is tried alone, so that the innocent are written."""
    if not any(group.records for group in groups):
        db.execute("SELECT 1")  # proves thread and connection alive
        return
    try:
        _begin(db, durable=any(group.durable for group in groups))
    except sqlite3.Error as error:  # the file is held by another process, after the busy timeout: the same for all
        for group in groups:
            group.error = explain(path, error)
        return
    try:
        for group in groups:
            _write_group(db, path, group)
        db.execute("COMMIT")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if len(groups) == 1:
            groups[0].error = explain(path, error)
            return
        for group in groups:
            group.error = None
            _write(db, path, [group])


def _begin(db: sqlite3.Connection, *, durable: bool) -> None:
    # SQLite takes the level of the moment of COMMIT; FULL also puts to disk what earlier transactions left to NORMAL.
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    db.execute("BEGIN IMMEDIATE")


def _write_group(db: sqlite3.Connection, path: Path, group: Group) -> None:
    db.execute("SAVEPOINT one_group")
    try:
        for record in group.records:
            record.apply(db)
    except Exception as error:
        if not db.in_transaction:  # SQLite has rolled back everything, as it may when the disk is full
            raise
        db.execute("ROLLBACK TO one_group")
        group.error = explain(path, error)
        group.error.__cause__ = error
    db.execute("RELEASE one_group")
