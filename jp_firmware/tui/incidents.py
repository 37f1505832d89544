"""Faults and events, read into typed values: the topics `faults` and `events`. Tolerant, as `told` is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

from jp_firmware.model.faults import Severity
from jp_firmware.tui.told import Json, count_of, objects_of, text_of, time_of


@attrs.frozen(kw_only=True)
class FaultView:
    """One fault, active or past. Unknown severities count as NOTICE."""

    code: str
    source: str
    title: str
    severity: Severity
    detail: str
    remedy: str
    raised_at: datetime | None
    acknowledged_at: datetime | None
    cleared_at: datetime | None
    cause_present: bool
    count: int

    @classmethod
    def read(cls, raw: Json) -> FaultView:
        return cls(
            code=text_of(raw, "code"),
            source=text_of(raw, "source"),
            title=text_of(raw, "title"),
            severity=_severity(raw.get("severity")),
            detail=text_of(raw, "detail"),
            remedy=text_of(raw, "remedy"),
            raised_at=time_of(raw, "raised_at"),
            acknowledged_at=time_of(raw, "acknowledged_at"),
            cleared_at=time_of(raw, "cleared_at"),
            cause_present=raw.get("cause_present") is not False,
            count=max(1, count_of(raw, "count")),
        )

    @property
    def key(self) -> tuple[str, str]:
        """What the charger knows it by."""
        return (self.code, self.source)

    @property
    def place(self) -> str:
        """Its source in a word: a part of the tree is named by its path, of which the last name says whose it is."""
        return self.source.rpartition("/")[2]

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None


def _severity(value: object) -> Severity:
    """By number, or by name in any case."""
    if isinstance(value, str):
        return Severity.__members__.get(value.upper().replace(" ", "_").replace("-", "_"), Severity.NOTICE)
    if isinstance(value, int) and value in Severity._value2member_map_:
        return Severity(value)
    return Severity.NOTICE


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class FaultsView:
    """The `faults` topic. `active` is ordered: unacknowledged first, then worst, then the first that came."""

    active: tuple[FaultView, ...] = ()
    recent: tuple[FaultView, ...] = ()

    @classmethod
    def read(cls, raw: Json) -> FaultsView:
        active = [FaultView.read(one) for one in objects_of(raw, "active")]
        active.sort(key=lambda one: (one.acknowledged, one.severity, one.raised_at or _LONG_AGO))
        return cls(active=tuple(active), recent=tuple(FaultView.read(one) for one in objects_of(raw, "recent")))

    @property
    def unacknowledged(self) -> tuple[FaultView, ...]:
        return tuple(one for one in self.active if not one.acknowledged)

    def of(self, sources: frozenset[str]) -> list[FaultView]:
        """Active faults at any of `sources`, in the same order."""
        return [one for one in self.active if one.source in sources]


@attrs.frozen(kw_only=True)
class EventView:
    """One line of the charger's diary."""

    at: datetime | None
    kind: str
    source: str
    text: str

    @classmethod
    def read(cls, raw: Json) -> EventView:
        return cls(
            at=time_of(raw, "at"), kind=text_of(raw, "kind"), source=text_of(raw, "source"), text=text_of(raw, "text")
        )


def read_events(raw: Json) -> tuple[EventView, ...]:
    """The `events` topic, newest last."""
    return tuple(EventView.read(one) for one in objects_of(raw, "items"))
