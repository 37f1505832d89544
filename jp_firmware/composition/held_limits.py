"""Limits set over the console, remembered over restarts, in the journal: a weak feeder is weak after one, too."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import trio

from jp_firmware.journal import state
from jp_firmware.journal.writer import Journal
from jp_firmware.model.limits import Limit
from jp_firmware.planner.limits import LimitBook, UnknownScope

KEY = "limits.console"  # of the journal's state

log = logging.getLogger(__name__)

Json = dict[str, Any]


@attrs.define(eq=False)
class HeldLimits:
    """Those of the console in `book`. What is posted is on the disk a moment later; nothing here waits for it.

    A limit that ends does so at its point of wall time, and never later than it would have without a restart, as far
    as can be told: a clock that was not set yet makes none longer than it was when it was last written.
    """

    book: LimitBook
    journal: Journal
    note: Callable[[str], None] = lambda _: None  # an event
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    _held: dict[tuple[str, str], Limit] = attrs.field(factory=dict, init=False)
    _recalled: bool = attrs.field(default=False, init=False)

    def set(self, limit: Limit) -> None:
        """In force at once, in place of its owner's last one there. Raises UnknownScope."""
        self.book.set(limit)
        self._held[limit.owner, limit.scope] = limit
        self._remember()

    def lift(self, owner: str, scope: str) -> None:
        """No limit any more, at once. Lifting one that is not there does nothing."""
        self.book.lift(owner, scope)
        if self._held.pop((owner, scope), None):
            self._remember()

    async def recall(self) -> None:
        """Takes over what an earlier life held; once. What was set meanwhile stays. Raises JournalError."""
        if self._recalled:
            return
        kept = await self.journal.read(lambda db: state.get(db, KEY)) or []
        self._recalled, newer = True, bool(self._held)
        for one in kept:
            try:
                limit = self._limit(one)
                if (limit.owner, limit.scope) in self._held or _has_ended(limit):
                    continue
                self.book.set(limit)
            except UnknownScope as error:
                self.note(f"a limit of before is not in force: {error}")
            except (KeyError, TypeError, ValueError) as error:
                log.error("a limit in the journal is dropped: %r: %r", one, error)
            else:
                self._held[limit.owner, limit.scope] = limit
                self.note(f"{limit.owner} limits {limit.scope} as before, to {limit.value_at(_now_s()) / 1000:g} kW")
        if newer:
            self._remember()

    def _remember(self) -> None:
        if not self._recalled:  # it would take the place of what was not read yet
            return
        self._held = {at: one for at, one in self._held.items() if not _has_ended(one)}
        self.journal.post(state.Put(KEY, [self._row(one) for one in self._held.values()]))

    def _row(self, limit: Limit) -> Json:
        row: Json = {"owner": limit.owner, "scope": limit.scope, "value_w": limit.value_w, "reason": limit.reason}
        if limit.expires_at_s < math.inf:
            left_s = max(0.0, limit.expires_at_s - _now_s())
            row |= {"ends_at": (self.wall() + timedelta(seconds=left_s)).isoformat(), "left_s": left_s}
            row["then_w"] = limit.safe_w if limit.safe_w < math.inf else None
        return row

    def _limit(self, row: Json) -> Limit:
        limit = Limit(
            owner=row["owner"], scope=row["scope"], value_w=float(row["value_w"]), reason=row["reason"], safe_w=math.inf
        )
        if "ends_at" not in row:
            return limit
        left_s = min((datetime.fromisoformat(row["ends_at"]) - self.wall()).total_seconds(), row["left_s"])
        safe_w = math.inf if row["then_w"] is None else float(row["then_w"])
        return attrs.evolve(limit, expires_at_s=_now_s() + left_s, safe_w=safe_w)


def _has_ended(limit: Limit) -> bool:
    """Whether it limits nothing any more, and never will."""
    return limit.value_at(_now_s()) == math.inf


def _now_s() -> float:
    return trio.current_time()
