"""Sessions in the journal: their start, checkpoints, samples and stop as records, and how they are read back.

A session has one start and one stop. A second stop fails, and with it all that was committed along with it: so no
session is ever told to the central system twice.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import attrs

from jp_firmware.journal.records import from_text, from_text_or_none, to_text, to_text_or_none
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import IdToken, Sample, Session, StopReason, TokenSource


@attrs.frozen
class Started:
    """A session begins. Fails if there is one of that id already."""

    session: Session

    def apply(self, db: sqlite3.Connection) -> None:
        one = self.session
        db.execute(
            "INSERT INTO sessions (id, connector_id, token_uid, token_source, started_at, meter_start_wh, boot_id,"
            " evccid, meter_last_wh, last_at, stop_detail, modules_wh) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                one.id,
                one.connector_id,
                one.token.uid,
                one.token.source.value,
                to_text(one.started_at),
                one.meter_start_wh,
                one.boot_id,
                one.evccid,
                one.meter_last_wh,
                to_text_or_none(one.last_at),
                one.stop_detail,
                one.modules_wh,
            ),
        )


@attrs.frozen
class Checkpoint:
    """The register so far. Fails if the session is not open."""

    session: Session

    def apply(self, db: sqlite3.Connection) -> None:
        one = self.session
        cursor = db.execute(
            "UPDATE sessions SET meter_last_wh = ?, last_at = ?, modules_wh = ?, evccid = ?"
            " WHERE id = ? AND stopped_at IS NULL",
            (one.meter_last_wh, to_text_or_none(one.last_at), one.modules_wh, one.evccid, one.id),
        )
        _must_be_open(cursor, one.id)


@attrs.frozen
class Stopped:
    """A session ends. Fails if it is not open, so that it ends once only."""

    session: Session

    def apply(self, db: sqlite3.Connection) -> None:
        one = self.session
        if one.stopped_at is None or one.stop_reason is None:
            raise ValueError(f"session {one.id} is to be stopped, but says neither when nor why")
        cursor = db.execute(
            "UPDATE sessions SET meter_last_wh = ?, last_at = ?, modules_wh = ?, evccid = ?, stopped_at = ?,"
            " meter_stop_wh = ?, stop_reason = ?, stop_detail = ?, stop_token_uid = ?, stop_token_source = ?"
            " WHERE id = ? AND stopped_at IS NULL",
            (
                one.meter_last_wh,
                to_text_or_none(one.last_at),
                one.modules_wh,
                one.evccid,
                to_text(one.stopped_at),
                one.meter_stop_wh,
                one.stop_reason.value,
                one.stop_detail,
                one.stop_token.uid if one.stop_token else None,
                one.stop_token.source.value if one.stop_token else None,
                one.id,
            ),
        )
        _must_be_open(cursor, one.id)


@attrs.frozen
class Sampled:
    """One sample of a session. Fails if there is no such session."""

    sample: Sample

    def apply(self, db: sqlite3.Connection) -> None:
        one = self.sample
        db.execute(
            "INSERT INTO samples (session_id, connector_id, at, import_wh, voltage_v, current_a, power_w, soc_percent,"
            " offered_w) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                one.session_id,
                one.connector_id,
                to_text(one.at),
                one.import_wh,
                one.voltage_v,
                one.current_a,
                one.power_w,
                one.soc_percent,
                one.offered_w,
            ),
        )


def open_sessions(db: sqlite3.Connection, connector_id: ConnectorId | None = None) -> list[Session]:
    """Sessions with a start and no stop, oldest first: of one connector, or of all."""
    rows = db.execute("SELECT * FROM sessions WHERE stopped_at IS NULL ORDER BY id").fetchall()
    return [_session(row) for row in rows if connector_id is None or row["connector_id"] == connector_id]


def newest(db: sqlite3.Connection, limit: int) -> list[Session]:
    """The `limit` sessions that started last, newest first."""
    rows = db.execute("SELECT * FROM sessions ORDER BY started_at DESC, id DESC LIMIT ?", (limit,))
    return [_session(row) for row in rows]


def starts_by_hour_of_week(
    db: sqlite3.Connection, now: datetime, most_weeks: int
) -> tuple[dict[tuple[int, int], int], int]:
    """Sessions by the hour of the week they started in (local time, 0 is Monday's first) and by how many weeks ago
    that was, 0 for the seven days before `now`; and the number of whole weeks that the journal knows, at most so many.

    What started before these weeks is left out, and what says it starts in the future: the clock was wrong.
    """
    first = db.execute("SELECT MIN(started_at) FROM sessions").fetchone()[0]
    weeks = max(0, min(most_weeks, (now - from_text(first)).days // 7)) if first else 0
    rows = db.execute(
        "SELECT (CAST(strftime('%w', started_at, 'localtime') AS INTEGER) + 6) % 7 * 24"
        " + CAST(strftime('%H', started_at, 'localtime') AS INTEGER) AS hour,"
        " CAST((julianday(?) - julianday(started_at)) / 7 AS INTEGER) AS weeks_ago, COUNT(*) AS cars"
        " FROM sessions WHERE started_at > ? AND started_at <= ? GROUP BY hour, weeks_ago",
        (to_text(now), to_text(now - timedelta(weeks=weeks)), to_text(now)),
    )
    return {(row["hour"], row["weeks_ago"]): row["cars"] for row in rows}, weeks


def mean_peak_w(db: sqlite3.Connection, newest_sessions: int) -> float:
    """What the last so many sessions that delivered anything took at their peaks, on average, W; 0 if none did."""
    row = db.execute(
        "SELECT AVG(peak_w) FROM (SELECT (SELECT MAX(power_w) FROM samples WHERE session_id = sessions.id) AS peak_w"
        " FROM sessions ORDER BY started_at DESC LIMIT ?) WHERE peak_w > 0",
        (newest_sessions,),
    ).fetchone()
    return float(row[0] or 0.0)


def by_id(db: sqlite3.Connection, session_id: SessionId) -> Session | None:
    row = db.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return _session(row) if row else None


def samples_of(db: sqlite3.Connection, session_id: SessionId) -> list[Sample]:
    """A session's samples in the order they were taken."""
    rows = db.execute("SELECT * FROM samples WHERE session_id = ? ORDER BY id", (session_id,))
    return [_sample(row) for row in rows]


def _must_be_open(cursor: sqlite3.Cursor, session_id: SessionId) -> None:
    if cursor.rowcount != 1:
        raise LookupError(f"session {session_id} is not open: it was never started, or has been stopped already")


def _session(row: sqlite3.Row) -> Session:
    return Session(
        id=SessionId(row["id"]),
        connector_id=ConnectorId(row["connector_id"]),
        token=IdToken(row["token_uid"], TokenSource(row["token_source"])),
        started_at=from_text(row["started_at"]),
        meter_start_wh=row["meter_start_wh"],
        boot_id=row["boot_id"],
        evccid=row["evccid"],
        meter_last_wh=row["meter_last_wh"],
        last_at=from_text_or_none(row["last_at"]),
        stopped_at=from_text_or_none(row["stopped_at"]),
        meter_stop_wh=row["meter_stop_wh"],
        stop_reason=StopReason(row["stop_reason"]) if row["stop_reason"] else None,
        stop_detail=row["stop_detail"],
        stop_token=IdToken(row["stop_token_uid"], TokenSource(row["stop_token_source"]))
        if row["stop_token_uid"] is not None
        else None,
        modules_wh=row["modules_wh"],
    )


def _sample(row: sqlite3.Row) -> Sample:
    return Sample(
        session_id=SessionId(row["session_id"]),
        connector_id=ConnectorId(row["connector_id"]),
        at=from_text(row["at"]),
        import_wh=row["import_wh"],
        voltage_v=row["voltage_v"],
        current_a=row["current_a"],
        power_w=row["power_w"],
        soc_percent=row["soc_percent"],
        offered_w=row["offered_w"],
    )
