"""The backend, the journal and the central system of the bench on real sockets and a real disk."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.csms.server import serve
from jp_firmware.journal.writer import Journal
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, new_session_id
from jp_firmware.model.session import Session, StopReason
from jp_firmware.ocpp.rpc import Answered
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.profile_book import ProfileBook
from jp_firmware.ocpp.v16.session_log import JournalledSessions
from tests.ocpp.bench import TAG, Charger, Faults, Lifeline, cabinet

QUICK_S = 60.0  # with a busy machine


@attrs.define(eq=False)
class Real:
    server: object
    backend: Backend16
    sessions: JournalledSessions
    charger: Charger

    async def until(self, condition):
        with trio.fail_after(QUICK_S):
            while not condition():
                changed = trio.Event()
                leave = self.backend.subscribe(changed.set)
                with trio.move_on_after(0.05):
                    await changed.wait()
                leave()

    async def charge(self, n, energy_wh):
        now = datetime.now(UTC)
        session = Session(
            id=new_session_id(now.timestamp()),
            connector_id=ConnectorId(n),
            token=TAG,
            started_at=now,
            meter_start_wh=1000,
            boot_id="b",
        )
        await self.sessions.started(session)
        self.charger.show(n, ConnectorState.CHARGING, session=session)
        stopped = attrs.evolve(
            session, stopped_at=now, meter_stop_wh=1000 + energy_wh, stop_reason=StopReason.EV_DISCONNECTED
        )
        await self.sessions.stopped(stopped)
        self.charger.show(n, ConnectorState.FINISHING, session=stopped)

    def accounts(self):
        return [
            (one.connector, one.meter_stop_wh and one.meter_stop_wh - one.meter_start_wh, one.reason)
            for one in self.server.central.transactions.values()
        ]


class Unchanging:
    """No test here changes the configuration."""


@asynccontextmanager
async def real(directory, nursery):
    server, port = await nursery.start(partial(serve, "127.0.0.1", 0))
    journal = Journal(directory / "journal.db")
    nursery.start_soon(journal.run, Lifeline())
    charger = Charger()
    backend = Backend16(
        cabinet(
            charger=schema.Charger(identity="JP 1"),
            url=f"ws://127.0.0.1:{port}/ocpp",
            retry_first_s=0.1,
            retry_cap_s=0.2,
        ),
        journal,
        charger,
        charger,
        Faults(),
        settings=Unchanging(),
        profiles=ProfileBook((ConnectorId(1), ConnectorId(2)), charger, journal),
        local_w=lambda _: 100_000.0,
    )
    nursery.start_soon(backend.run, Lifeline())
    yield Real(server, backend, JournalledSessions(journal, enabled=True, courier=backend), charger)
    nursery.cancel_scope.cancel()


@pytest.fixture
async def site(tmp_path, nursery):
    async with real(tmp_path, nursery) as made:
        yield made


async def test_a_charger_registers_tells_its_sessions_and_is_commanded(site):
    await site.until(lambda: site.backend.online)
    await site.charge(1, 500)
    await site.until(lambda: site.accounts() == [(1, 500, "EVDisconnected")])
    answer = await site.server.call("JP 1", "UnlockConnector", {"connectorId": 2}, QUICK_S)

    assert isinstance(answer, Answered)
    assert {"status": "Unlocked"} == answer.payload
    assert [("unlock", 2)] == site.charger.asked
    assert (await site.backend.authorize(TAG)).accepted


async def test_sessions_of_an_absence_are_told_once_and_in_order_on_return(site):
    await site.until(lambda: site.backend.online)
    site.server.refuse()
    await site.until(lambda: "503" in site.backend.snapshot()["reason"])
    await site.charge(1, 100)
    await site.charge(2, 200)
    await site.until(lambda: site.backend.snapshot()["queued"] == 4)
    assert [] == site.accounts()
    site.server.accept()
    await site.until(lambda: len(site.accounts()) == 2 and site.accounts()[1][1] is not None)

    assert [(1, 100, "EVDisconnected"), (2, 200, "EVDisconnected")] == site.accounts()
    assert [(1, 1), (1, 1)] == [(one.starts, one.stops) for one in site.server.central.transactions.values()]
    await site.until(lambda: site.backend.snapshot()["queued"] == 0)
