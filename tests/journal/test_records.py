"""Sessions, events, the outbox and small facts come back as they went in, and refuse what must not happen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.journal import events, outbox, sessions, state
from jp_firmware.journal.database import open_for_writing
from jp_firmware.journal.records import Record, from_text, to_text
from jp_firmware.journal.writer import JournalError
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import IdToken, Sample, Session, StopReason, TokenSource
from tests.journal.running import running

NOON = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_for_writing(tmp_path / "journal.db")
    yield connection
    connection.close()


def apply(db: sqlite3.Connection, *records: Record) -> None:
    for record in records:
        record.apply(db)


def a_session(number: int = 1, **changes: object) -> Session:
    session = Session(
        id=SessionId(f"session-{number}"),
        connector_id=ConnectorId(2),
        token=IdToken("04A1B2C3D4E5F6", TokenSource.RFID),
        started_at=NOON + timedelta(minutes=number),
        meter_start_wh=1_234_567,
        boot_id="boot-1",
    )
    return attrs.evolve(session, **changes)  # type: ignore[arg-type]


def stopped(session: Session) -> Session:
    return attrs.evolve(
        session,
        evccid="001122334455",
        meter_last_wh=1_240_000,
        last_at=NOON + timedelta(hours=1),
        stopped_at=NOON + timedelta(hours=1, seconds=1),
        meter_stop_wh=1_240_001,
        stop_reason=StopReason.FAULT,
        stop_detail="MTR-01: no answer",
        stop_token=IdToken("OPERATOR", TokenSource.OPERATOR),
        modules_wh=5434.25,
    )


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_comes_back_as_it_went_in_at_each_point_of_its_life(db: sqlite3.Connection) -> None:
    session = a_session()
    apply(db, sessions.Started(session))
    assert sessions.by_id(db, session.id) == session

    session = attrs.evolve(session, meter_last_wh=1_235_000, last_at=NOON, modules_wh=433.5, evccid="001122334455")
    apply(db, sessions.Checkpoint(session))
    assert sessions.by_id(db, session.id) == session
    assert sessions.open_sessions(db) == [session]

    session = stopped(session)
    apply(db, sessions.Stopped(session))
    assert sessions.by_id(db, session.id) == session
    assert sessions.open_sessions(db) == []


@pytest.mark.parametrize("reason", StopReason)
def test_every_stop_reason_comes_back(db: sqlite3.Connection, reason: StopReason) -> None:
    session = attrs.evolve(stopped(a_session()), stop_reason=reason, stop_token=None)
    apply(db, sessions.Started(a_session()), sessions.Stopped(session))

    assert sessions.by_id(db, session.id) == session


def test_a_session_stops_once(db: sqlite3.Connection) -> None:
    apply(db, sessions.Started(a_session()), sessions.Stopped(stopped(a_session())))
    with pytest.raises(LookupError, match="has been stopped already"):
        apply(db, sessions.Stopped(attrs.evolve(stopped(a_session()), meter_stop_wh=9_999_999)))
    with pytest.raises(LookupError):
        apply(db, sessions.Checkpoint(a_session()))

    assert sessions.by_id(db, a_session().id) == stopped(a_session())


def test_a_stop_that_says_neither_when_nor_why_is_refused(db: sqlite3.Connection) -> None:
    apply(db, sessions.Started(a_session()))
    with pytest.raises(ValueError, match="neither when nor why"):
        apply(db, sessions.Stopped(a_session()))


def test_a_session_starts_once(db: sqlite3.Connection) -> None:
    apply(db, sessions.Started(a_session()))
    with pytest.raises(sqlite3.IntegrityError):
        apply(db, sessions.Started(a_session()))


async def test_a_second_stop_takes_the_message_that_tells_it_along(tmp_path: Path) -> None:
    message = outbox.Put(
        session_id=a_session().id, action="StopTransaction", payload={"meterStop": 1_240_001}, created_at=NOON
    )
    async with running(tmp_path / "journal.db") as journal:
        await journal.commit(sessions.Started(a_session()))
        await journal.commit(sessions.Stopped(stopped(a_session())), message)
        with pytest.raises(JournalError, match="session-1 is not open"):
            await journal.commit(message, sessions.Stopped(stopped(a_session())))

        assert await journal.read(outbox.count) == 1


def test_newest_is_newest_first_and_open_sessions_are_found_by_connector(db: sqlite3.Connection) -> None:
    three = [a_session(number, connector_id=ConnectorId(number)) for number in (1, 2, 3)]
    apply(db, *map(sessions.Started, three))

    assert sessions.newest(db, 2) == [three[2], three[1]]
    assert sessions.open_sessions(db) == three
    assert sessions.open_sessions(db, ConnectorId(2)) == [three[1]]
    assert sessions.by_id(db, SessionId("nobody")) is None


def test_samples_come_back_in_order_with_what_is_unknown_unknown(db: sqlite3.Connection) -> None:
    taken = [
        Sample(
            session_id=a_session().id,
            connector_id=ConnectorId(2),
            at=NOON + timedelta(seconds=2 * number),
            import_wh=1_234_567 + number,
            voltage_v=402.5,
            current_a=75.25,
            power_w=30_288.1,
            soc_percent=None if number == 0 else 40.0 + number,
            offered_w=None if number == 1 else 60_000.0,
        )
        for number in range(3)
    ]
    apply(db, sessions.Started(a_session()), *map(sessions.Sampled, taken))

    assert sessions.samples_of(db, a_session().id) == taken
    assert sessions.samples_of(db, SessionId("nobody")) == []


def test_a_sample_of_no_session_is_refused(db: sqlite3.Connection) -> None:
    sample = Sample(
        session_id=SessionId("nobody"),
        connector_id=ConnectorId(1),
        at=NOON,
        import_wh=0,
        voltage_v=0.0,
        current_a=0.0,
        power_w=0.0,
    )
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        apply(db, sessions.Sampled(sample))


# --- time -------------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.datetimes(timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))), min_size=2
    )
)
def test_time_comes_back_and_text_sorts_as_time_does(times: list[datetime]) -> None:
    times = [at for at in times if 1 < at.year < 9999]  # near the ends of the calendar there is no UTC

    assert [from_text(to_text(at)) for at in times] == times
    assert sorted(map(to_text, times)) == [to_text(at) for at in sorted(times)]


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime(2026, 11, 20))


# --- the outbox -------------------------------------------------------------------------------------------------------


def put(action: str, session_id: str | None = None) -> outbox.Put:
    session = SessionId(session_id) if session_id else None
    return outbox.Put(session_id=session, action=action, payload={"idTag": "ÄÖ", "n": [1, None]}, created_at=NOON)


def test_messages_leave_in_the_order_they_came_and_only_when_answered(db: sqlite3.Connection) -> None:
    apply(db, put("StartTransaction", "s1"), put("MeterValues", "s1"), put("StatusNotification"))
    first = outbox.oldest(db)

    assert first == outbox.Message(
        seq=1,
        session_id=SessionId("s1"),
        version="1.6",
        action="StartTransaction",
        payload={"idTag": "ÄÖ", "n": [1, None]},
        created_at=NOON,
        attempts=0,
    )
    apply(db, outbox.Attempted(1), outbox.Attempted(1))
    assert outbox.oldest(db) == attrs.evolve(first, attempts=2)

    apply(db, outbox.Sent(1))
    second = outbox.oldest(db)
    assert second is not None
    assert (second.seq, second.action, outbox.count(db)) == (2, "MeterValues", 2)


def test_a_message_that_is_given_up_is_kept_aside_with_its_reason(db: sqlite3.Connection) -> None:
    apply(db, put("MeterValues", "s1"), put("StopTransaction", "s1"), outbox.Attempted(1))
    apply(db, outbox.Discarded(1, "FormationViolation, three times"))
    oldest = outbox.oldest(db)
    [(message, reason)] = outbox.discarded(db)

    assert oldest is not None
    assert oldest.seq == 2
    assert (message.seq, message.action, message.attempts) == (1, "MeterValues", 1)
    assert reason == "FormationViolation, three times"


def test_a_sequence_number_is_never_used_twice(db: sqlite3.Connection) -> None:
    apply(db, put("A"), put("B"), outbox.Sent(1), outbox.Sent(2), put("C"))
    message = outbox.oldest(db)

    assert message is not None
    assert message.seq == 3
    assert message.session_id is None


@pytest.mark.parametrize("record", [outbox.Sent(1), outbox.Attempted(1), outbox.Discarded(1, "x")])
def test_what_does_not_wait_cannot_be_sent_or_given_up_again(db: sqlite3.Connection, record: Record) -> None:
    apply(db, put("A"), outbox.Sent(1))
    with pytest.raises(LookupError, match="message 1 does not wait"):
        apply(db, record)


def test_an_empty_outbox_has_no_oldest(db: sqlite3.Connection) -> None:
    assert outbox.oldest(db) is None
    assert outbox.count(db) == 0


def test_transaction_ids_are_found_both_ways_and_the_latest_word_counts(db: sqlite3.Connection) -> None:
    one, two = SessionId("one"), SessionId("two")
    apply(db, outbox.TransactionIdGiven(one, 7), outbox.TransactionIdGiven(two, 8))
    assert outbox.transaction_id_of(db, one) == 7
    assert outbox.session_of_transaction(db, 8) == two

    apply(db, outbox.TransactionIdGiven(two, 7))
    assert outbox.session_of_transaction(db, 7) == two, "the name was used twice: the later session has it"
    assert outbox.transaction_id_of(db, two) == 7
    assert outbox.session_of_transaction(db, 8) is None
    assert outbox.transaction_id_of(db, SessionId("nobody")) is None


# --- small facts ------------------------------------------------------------------------------------------------------


def test_a_small_fact_is_what_was_said_last(db: sqlite3.Connection) -> None:
    apply(db, state.Put("operative", {"1": True, "2": False}), state.Put("none", None), state.Put("operative", [1.5]))

    assert state.get(db, "operative") == [1.5]
    assert state.get(db, "none") is None
    assert state.get(db, "nothing") is None


def test_a_number_that_is_not_json_is_refused(db: sqlite3.Connection) -> None:
    with pytest.raises(ValueError):
        apply(db, state.Put("x", float("nan")))


# --- events ---------------------------------------------------------------------------------------------------------


def test_events_are_newest_last(db: sqlite3.Connection) -> None:
    all_events = [
        events.Event("fault", "module-3", f"number {number}", NOON + timedelta(seconds=number)) for number in range(5)
    ]
    apply(db, *all_events)

    assert events.newest(db, 3) == all_events[-3:]
