"""A session and the message that tells it are one commit; without a central system there are no messages."""

from functools import partial

import attrs
import pytest
import trio

from jp_firmware.journal import outbox, sessions
from jp_firmware.journal.database import JournalError
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import Sample, Session, StopReason
from jp_firmware.ocpp.v16.session_log import JournalledSessions
from tests.ocpp.bench import START, TAG, Lifeline

SESSION = Session(
    id=SessionId("s1"), connector_id=ConnectorId(1), token=TAG, started_at=START, meter_start_wh=1000, boot_id="b"
)
STOPPED = attrs.evolve(SESSION, stopped_at=START, meter_stop_wh=1500, stop_reason=StopReason.LOCAL)


@pytest.fixture
async def journal(tmp_path, nursery):
    """The journal itself, on a disk."""
    made = Journal(tmp_path / "journal.db")
    nursery.start_soon(made.run, Lifeline())
    return made


async def waiting(journal):
    actions = []
    while message := await journal.read(outbox.oldest):
        actions.append(message.action)
        await journal.commit(outbox.Sent(message.seq))
    return actions


async def test_a_session_and_its_messages_are_on_the_disk_when_the_calls_return(journal):
    log = JournalledSessions(journal, enabled=True)
    await log.started(SESSION)
    await log.checkpoint(attrs.evolve(SESSION, meter_last_wh=1100))
    await log.stopped(STOPPED)

    assert STOPPED == attrs.evolve(await journal.read(partial(sessions.by_id, session_id="s1")), meter_last_wh=None)
    assert ["StartTransaction", "StopTransaction"] == await waiting(journal)


async def test_without_a_central_system_there_are_sessions_and_samples_and_no_messages(journal):
    log = JournalledSessions(journal, enabled=False)
    await log.started(SESSION)
    sample = Sample(
        session_id=SESSION.id, connector_id=ConnectorId(1), at=START, import_wh=1, voltage_v=1, current_a=1, power_w=1
    )
    log.sampled(SESSION, sample)
    await log.stopped(STOPPED)

    assert [] == await waiting(journal)
    assert 1 == len(await journal.read(partial(sessions.samples_of, session_id="s1")))


async def test_a_second_stop_is_no_second_message(journal):
    log = JournalledSessions(journal, enabled=True)
    await log.started(SESSION)
    await log.stopped(STOPPED)
    with pytest.raises(JournalError):
        await log.stopped(STOPPED)

    assert ["StartTransaction", "StopTransaction"] == await waiting(journal)


async def test_the_courier_is_woken_by_each_message_and_by_nothing_else(journal):
    class Courier:
        woken = 0

        def wake(self):
            self.woken += 1

        class keys:
            number = staticmethod(lambda name: 60)
            words = staticmethod(lambda name: ("Voltage",))

    courier = Courier()
    log = JournalledSessions(journal, enabled=True, courier=courier)
    await log.started(SESSION)
    await log.checkpoint(SESSION)
    await log.stopped(STOPPED)

    assert 2 == courier.woken
    await trio.lowlevel.checkpoint()
