"""The journal: the charger's one writer to its one file, as a supervised child.

`commit` is for what money depends on and returns when it is on the disk; `post` is for the rest and never waits. Order
is kept between them. No task but the one that commits ever waits for the disk, and the loop never does.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import trio

from jp_firmware.journal.database import JournalError, explain, open_for_reading
from jp_firmware.journal.records import Record, to_text
from jp_firmware.journal.state import Put
from jp_firmware.journal.writer_thread import Group, Queue, WriterThread
from jp_firmware.nursery.supervisor import Lifeline

__all__ = ["Journal", "JournalError", "Record"]

log = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT_S = 1.0  # ours: how often an idle writer is asked whether it lives
DRAIN_S = 1.5  # ours: what a stop waits for the queue to be written; below a child's usual `stop_within_s`
FLUSHED = "journal.flushed"  # key of the state: when a process that had to be left wrote its last
QUEUE_LIMIT = 20_000  # ours: about an hour of samples while the disk is gone; posted records beyond are lost


class Journal:
    """One SQLite file and its writer.

    Records may be given before `run` has started, and while it is being restarted: they wait in the queue.
    `on_trouble` is called in the loop with a sentence when the storage refuses a write, and with None when it takes one
    again.
    """

    def __init__(self, path: Path, *, on_trouble: Callable[[str | None], None] | None = None) -> None:
        self.path = path
        self.transactions = 0  # that held records, since the start
        self.lost = 0  # posted groups that could not be written
        self._on_trouble = on_trouble
        self._in_trouble = False
        self._queue: Queue = queue.SimpleQueue()
        self._opened = trio.Event()  # the schema stood at least once: there is something to read
        self._lifeline: Lifeline | None = None
        self._readers = trio.CapacityLimiter(2)

    async def run(self, lifeline: Lifeline) -> None:
        """Child of the tree: ready once the schema stands; fed by each transaction, and by the idle writer's answers.

        Raises JournalError if the file cannot be opened. Cancelled, it first writes what is in the queue, shielded,
        for at most `DRAIN_S`.
        """
        alive, ended = trio.CancelScope(), trio.Event()
        failure: JournalError | None = None

        def on_open() -> None:
            self._lifeline = lifeline
            self._opened.set()
            lifeline.ready()

        def on_end(error: JournalError | None) -> None:
            nonlocal failure
            failure = error
            ended.set()
            alive.cancel(reason="the journal's writer ended")

        thread = WriterThread(self.path, self._queue, on_open, self._written, on_end)
        thread.start()
        try:
            with alive:
                await self._ask_for_life()
        finally:
            await self._close(thread, ended)
        if failure is not None:
            raise failure

    def post(self, *records: Record) -> None:
        """Queues records, to be written together soon. A power cut may lose the last of them, a crash loses none
        that was written.

        Never waits and never raises for the storage: a failure is logged, and told to `on_trouble`.
        """
        if self._queue.qsize() >= QUEUE_LIMIT:
            self._lose("its queue is full")
            return
        self._queue.put(Group(records))

    async def commit(self, *records: Record) -> None:
        """Writes records together or not at all; they are on the disk when it returns. Waits for the writer to be up.

        Raises JournalError if they could not be written; then none of them is. Cancelled, it leaves the records in the
        queue: they may still be written.
        """
        group = Group(records, durable=True)
        self._queue.put(group)
        await group.done.wait()
        if group.error is not None:
            raise group.error

    def flush_now(self, within_s: float) -> bool:
        """Blocks until all that was queued is on the disk, at most `within_s`; whether it is. Never raises.

        Only for a process that is about to be left: it holds the loop.
        """
        tried = threading.Event()
        # A record of its own, because only a transaction that writes something is synchronized with the disk.
        last = Group((Put(FLUSHED, to_text(datetime.now(UTC))),), durable=True, tried=tried)
        self._queue.put(last)
        return tried.wait(within_s) and last.error is None

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `query`, run in a worker thread on a connection of its own that cannot write.

        Sees all that was committed, and what was posted if it has been written by now. Not for a control path. Waits
        for the file to be there. Raises JournalError; what else `query` raises passes. Cancellation waits for `query`.
        """
        await self._opened.wait()
        return await trio.to_thread.run_sync(self._query, query, limiter=self._readers)

    # --- in the loop -----------------------------------------------------------------------------------------------

    async def _ask_for_life(self) -> None:
        while True:
            question = Group()
            self._queue.put(question)
            await question.done.wait()
            await trio.sleep(HEARTBEAT_S)

    async def _close(self, thread: WriterThread, ended: trio.Event) -> None:
        self._lifeline = None
        thread.close()
        with trio.move_on_after(DRAIN_S, shield=True):
            await ended.wait()
        if not ended.is_set():
            thread.abandon()
            log.error("journal %s: its writer hangs; %d entries are not written", self.path, self._queue.qsize())

    def _written(self, groups: Sequence[Group]) -> None:
        """After each transaction. Called by Trio itself, where nothing may be raised."""
        self.transactions += any(group.records for group in groups)
        for group in groups:
            group.done.set()
            if group.error is not None and not group.durable:
                self._lose(str(group.error))
        refused = next((group.error for group in groups if group.error is not None and group.error.storage), None)
        if refused is None and self._lifeline is not None:
            self._lifeline.feed()
        if refused is not None or any(group.records for group in groups):
            self._tell(refused)

    def _lose(self, why: str) -> None:
        self.lost += 1
        log.error("journal %s: posted records are lost (%d so far): %s", self.path, self.lost, why)

    def _tell(self, refused: JournalError | None) -> None:
        if self._on_trouble is None or (refused is not None) == self._in_trouble:
            return
        self._in_trouble = refused is not None
        try:
            self._on_trouble(str(refused) if refused is not None else None)
        except Exception:
            log.exception("journal %s: whoever listens to its trouble failed", self.path)

    # --- in a worker thread ----------------------------------------------------------------------------------------

    def _query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        db = open_for_reading(self.path)
        try:
            return query(db)
        except sqlite3.Error as error:
            raise explain(self.path, error) from error
        finally:
            db.close()
