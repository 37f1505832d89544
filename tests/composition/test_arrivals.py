"""Cars to be expected, from a journal of made-up weeks to the planner's forecast and the words of `jp why`."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import planning
from jp_firmware.composition.arrivals import ExpectedArrivals
from jp_firmware.config import store
from jp_firmware.controller import Controller
from jp_firmware.journal import sessions
from jp_firmware.journal.database import open_for_writing
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import IdToken, Sample, Session, TokenSource
from jp_firmware.nursery.supervisor import Child, Lifeline
from jp_firmware.planner.forecast import hour_of_week
from tests.site_limit import set_site_limit

T = TypeVar("T")
WEEK = timedelta(weeks=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_for_writing(tmp_path / "journal.db")
    yield connection
    connection.close()


def session_at(db: sqlite3.Connection, at: datetime, peak_w: float = 0.0) -> None:
    number = db.execute("SELECT COUNT(*) FROM sessions").fetchone()[0]
    one = Session(
        id=SessionId(f"session-{number:04}"),
        connector_id=ConnectorId(1),
        token=IdToken("04A1", TokenSource.RFID),
        started_at=at,
        meter_start_wh=0,
        boot_id="boot-1",
    )
    sessions.Started(one).apply(db)
    for part in (0.5, 1.0) if peak_w else ():
        power_w = part * peak_w
        sessions.Sampled(
            Sample(
                session_id=one.id,
                connector_id=one.connector_id,
                at=at,
                import_wh=1,
                voltage_v=400.0,
                current_a=power_w / 400,
                power_w=power_w,
            )
        ).apply(db)


def test_sessions_are_counted_by_hour_of_the_week_and_week(db: sqlite3.Connection) -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    for ago in range(5):
        session_at(db, now - ago * WEEK - timedelta(minutes=10))
    session_at(db, now - timedelta(days=2, minutes=10))
    session_at(db, now + timedelta(hours=1))
    counts, weeks = sessions.starts_by_hour_of_week(db, now, 26)

    here = int(hour_of_week((now - timedelta(minutes=10)).astimezone()))
    assert 4 == weeks, "of the fifth only ten minutes are known"
    assert {(here, 0): 1, (here, 1): 1, (here, 2): 1, (here, 3): 1, (here - 48, 0): 1} == counts
    assert 2 == sessions.starts_by_hour_of_week(db, now, 2)[1]


def test_an_empty_journal_knows_no_week(db: sqlite3.Connection) -> None:
    assert ({}, 0) == sessions.starts_by_hour_of_week(db, datetime.now(UTC), 26)
    assert 0 == sessions.mean_peak_w(db, 100)


def test_what_a_car_takes_is_the_mean_of_the_latest_peaks(db: sqlite3.Connection) -> None:
    now = datetime.now(UTC)
    for ago, peak_w in ((3, 300_000.0), (2, 100_000.0), (1, 60_000.0), (0, 0.0)):
        session_at(db, now - timedelta(hours=ago), peak_w)

    assert 80_000 == sessions.mean_peak_w(db, 3)


def lifeline(name: str, run: Callable[[Lifeline], Awaitable[None]]) -> Lifeline:
    return Lifeline(child=Child(name=name, run=run))


class AtOnce(Journal):
    """Answers in the loop: under a mock clock a worker thread would take hours."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        await trio.lowlevel.checkpoint()
        return query(self.db)


async def test_it_is_read_again_every_hour(db: sqlite3.Connection, autojump_clock: MockClock) -> None:
    expected = ExpectedArrivals(AtOnce(db))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expected.run, lifeline("arrivals", expected.run))
        await trio.sleep(1800)
        assert 0 == expected.known.weeks
        session_at(db, datetime.now(UTC) - timedelta(days=8))
        await trio.sleep(1799)
        assert 0 == expected.known.weeks
        await trio.sleep(2)
        nursery.cancel_scope.cancel()

    assert 1 == expected.known.weeks


async def test_what_the_journal_knows_reaches_forecast_and_words(
    tmp_path: Path, db: sqlite3.Connection, autojump_clock: MockClock
) -> None:
    """Eight cars an hour, at any hour of the last four weeks, 60 kW each: two within a quarter of an hour."""
    now = datetime.now(UTC)
    db.execute("BEGIN")
    for hours in range(4 * 168 + 1):
        for _ in range(8):
            session_at(db, now - timedelta(hours=hours, minutes=1), 60_000.0 if hours == 0 else 0.0)
    db.execute("COMMIT")
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    autojump_clock.autojump_threshold = math.inf  # while threads are at work
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.journal.run, lifeline("journal", controller.journal.run))
        await controller.arrivals.read()
        nursery.cancel_scope.cancel()
    autojump_clock.autojump_threshold = 0
    async with trio.open_nursery() as nursery:
        set_site_limit(controller, 500_000)
        nursery.start_soon(controller.planner.run, lifeline("planner", controller.planner.run))
        await trio.sleep(15)
        nursery.cancel_scope.cancel()
    told = planning.site(controller)

    assert 4 == told["forecast"]["weeks_seen"]
    assert 60_000 == told["forecast"]["arrival_w"]
    assert 2.0 == pytest.approx(told["forecast"]["arrivals"], abs=0.1)
    assert 120_000 == pytest.approx(told["forecast"]["p50_w"], rel=0.05)
    assert told["forecast"]["p50_w"] < told["forecast"]["p90_w"] <= 240_000
    assert "2.0 cars are expected to come, going by the last 4 weeks, 60 kW each." in told["sentence"]
    assert told == planning.snapshot(controller)["site"]
