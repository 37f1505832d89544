"""Cars to be expected, in the composition: when sessions began in the weeks before, read from the journal every hour.

Read in a worker thread and kept; the planner's forecast asks what is kept and never waits.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import attrs
import trio

from jp_firmware.journal import sessions
from jp_firmware.journal.writer import Journal
from jp_firmware.nursery.supervisor import Lifeline
from jp_firmware.planner.forecast import WEEKS_KEPT, Arrivals, Arriving, hour_of_week

READ_EVERY_S = 3600.0  # ours: of four weeks and more, one hour changes little
PEAKS = 100  # ours: sessions whose peaks say what a car takes


@attrs.define(eq=False)
class ExpectedArrivals:
    """Keeps what the journal knows of arrivals. Until it was read, nobody is expected."""

    journal: Journal
    known: Arrivals = attrs.field(factory=Arrivals)

    async def run(self, lifeline: Lifeline) -> None:
        """Child of the tree: reads now and every hour, for ever; fed by each reading. Raises JournalError."""
        lifeline.ready()
        while True:
            await self.read()
            lifeline.feed()
            await trio.sleep(READ_EVERY_S)

    async def read(self) -> None:
        """Takes over what the journal knows now. Raises JournalError."""
        self.known = await self.journal.read(_read)

    def arriving(self) -> Arriving:
        """Within the forecast's horizon from now."""
        return self.known.expected(hour_of_week(datetime.now().astimezone()))


def _read(db: sqlite3.Connection) -> Arrivals:
    counts, weeks = sessions.starts_by_hour_of_week(db, datetime.now(UTC), WEEKS_KEPT)
    return Arrivals.of(counts, weeks, sessions.mean_peak_w(db, PEAKS))
