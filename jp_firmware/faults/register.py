"""The register of faults: what is wrong now, what was lately, and who has seen it.

Rules

1. A fault is one code at one source. Raising it again while its cause is present changes nothing but its detail.
2. When its cause goes, a fault goes; a latched one stays until it is released, and cannot be before its cause has gone.
3. Acknowledging says that somebody has seen it, and clears nothing. A new occurrence has been seen by nobody.

It refuses to find causes: whoever raises a fault clears it.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from jp_firmware.model.faults import Fault, FaultKind

log = logging.getLogger(__name__)

RECENT = 50  # what the topic `faults` shows

OnChange = Callable[[Fault, str], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FaultRegister:
    """Fulfils `FaultSink` and `FaultView` of charging. Synchronous throughout; times are wall time, and only recorded.

    `on_change(fault, what)` hears "raised", "acknowledged" and "cleared", for the journal; listeners hear that anything
    changed. Neither can keep a fault from being raised: what they raise is logged.
    """

    def __init__(
        self,
        catalogue: Mapping[str, FaultKind],
        now: Callable[[], datetime] = _utc_now,
        on_change: OnChange | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._now = now
        self._on_change = on_change
        self._active: dict[tuple[str, str], Fault] = {}
        self._recent: deque[Fault] = deque(maxlen=RECENT)
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._listeners: list[tuple[Callable[[], None], frozenset[str] | None]] = []

    # --- raising and clearing (FaultSink) ----------------------------------------------------------------------------

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        """The cause is present. KeyError for a code that is not in the catalogue.

        A changed detail of a fault that is raised already is taken over without telling anyone: details carry numbers.
        """
        kind, key = self._kind(code), (code, source)
        known = self._active.get(key)
        if known and known.cause_present:
            self._active[key] = attrs.evolve(known, detail=detail or known.detail)
            return
        self._occurrences[key] += 1
        self._active[key] = Fault(
            kind=kind,
            source=source,
            detail=detail,
            raised_at=self._now(),
            count=self._occurrences[key],
        )
        self._changed(self._active[key], "raised")

    def clear(self, code: str, source: str) -> None:
        """The cause has gone. Nothing happens if it was not there. KeyError for a code that is not in the catalogue."""
        kind, key = self._kind(code), (code, source)
        known = self._active.get(key)
        if known is None or not known.cause_present:
            return
        if kind.latched:
            self._active[key] = attrs.evolve(known, cause_present=False)
            self._tell(source)
        else:
            self._close(key)

    # --- what an operator does ---------------------------------------------------------------------------------------

    def acknowledge(self, code: str, source: str) -> bool:
        """Somebody has seen it. False if there is no such active fault."""
        known = self._active.get((code, source))
        if known is None:
            return False
        if known.acknowledged_at is None:
            known = attrs.evolve(known, acknowledged_at=self._now())
            self._active[code, source] = known
            self._changed(known, "acknowledged")
        return True

    def release(self, code: str, source: str) -> bool:
        """Ends a latched fault whose cause has gone. False if there is none, or its cause is still present."""
        known = self._active.get((code, source))
        if known is None or known.cause_present:
            return False
        self._close((code, source))
        return True

    # --- reading (FaultView) -----------------------------------------------------------------------------------------

    @property
    def active(self) -> tuple[Fault, ...]:
        """Worst first, and among equals the first that came."""
        return tuple(sorted(self._active.values(), key=lambda fault: (fault.kind.severity, fault.raised_at)))

    @property
    def recent(self) -> tuple[Fault, ...]:
        """The last that were cleared, newest first."""
        return tuple(self._recent)

    def active_at(self, sources: frozenset[str]) -> tuple[Fault, ...]:
        """Active faults at any of `sources`, worst first."""
        return tuple(fault for fault in self.active if fault.source in sources)

    def subscribe(self, listener: Callable[[], None], sources: frozenset[str] | None = None) -> Callable[[], None]:
        """Calls `listener` after each change at one of `sources`, or anywhere; returns the function that ends it.

        On a large charger the choice matters: a button that stops all of it raises a fault at each board.
        """
        entry = (listener, sources)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry)

    def snapshot(self) -> dict[str, Any]:
        """The console's topic `faults`, JSON-ready."""
        return {
            "active": [_view(fault) for fault in self.active],
            "recent": [_view(fault) | {"cleared_at": _text(fault.cleared_at)} for fault in self.recent],
        }

    # --- inside ------------------------------------------------------------------------------------------------------

    def _kind(self, code: str) -> FaultKind:
        try:
            return self._catalogue[code]
        except KeyError:
            raise KeyError(f"there is no fault {code!r} in the catalogue; add it to faults/catalogue.toml") from None

    def _close(self, key: tuple[str, str]) -> None:
        fault = attrs.evolve(self._active.pop(key), cleared_at=self._now(), cause_present=False)
        self._recent.appendleft(fault)
        self._changed(fault, "cleared")

    def _changed(self, fault: Fault, what: str) -> None:
        if self._on_change is not None:
            try:
                self._on_change(fault, what)
            except Exception:
                log.exception("%s at %s was %s, and who keeps the record failed", fault.code, fault.source, what)
        self._tell(fault.source)

    def _tell(self, source: str) -> None:
        for listener, sources in tuple(self._listeners):
            if sources is not None and source not in sources:
                continue
            try:
                listener()
            except Exception:
                log.exception("a listener to the faults failed")


def _view(fault: Fault) -> dict[str, Any]:
    return {
        "code": fault.code,
        "source": fault.source,
        "title": fault.kind.title,
        "severity": int(fault.kind.severity),
        "detail": fault.detail,
        "remedy": fault.kind.remedy,
        "raised_at": _text(fault.raised_at),
        "acknowledged_at": _text(fault.acknowledged_at),
        "cause_present": fault.cause_present,
        "count": fault.count,
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at is not None else None
