"""The accounts of one connector: a session's start is on the disk before anything flows, its stop when nothing does.

Whatever journal and disk do, no session is forgotten. One that a crash left open is accounted for before another may
begin, and so is one whose commit was given up: the disk may yet carry it out.
"""

from __future__ import annotations

import logging

import attrs
import trio

from jp_firmware.charging.inputs import METER_FRESH_S
from jp_firmware.charging.ports import Ports
from jp_firmware.charging.recovery import after_restart
from jp_firmware.charging.session_book import SessionBook
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending, View
from jp_firmware.charging.waiting import until
from jp_firmware.config.schema import Connector
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import IdToken, Session

logger = logging.getLogger(__name__)

RECOVERY_PATIENCE_S = 8.0  # ours: a meter that has not answered by then leaves the last committed register
STARTING_S = 10.0  # ours: longest time to commit the start; a driver waits for it
CLOSING_S = 10.0  # ours: longest time to read the last register and commit the stop


@attrs.define(eq=False)
class Accounts:
    """One connector's."""

    connector_id: ConnectorId
    ports: Ports
    last_session: Session | None = None  # whole, once it is accounted for
    in_doubt: bool = False  # a commit was given up that the disk may yet carry out
    _book: SessionBook | None = None

    @property
    def session(self) -> Session | None:
        """The one whose start is on the disk, until it is accounted for."""
        return self._book.session if self._book else None

    async def open(self, token: IdToken, meter_start_wh: int, evccid: str) -> bool:
        """Whether the start of a session is on the disk. Raises what the journal raises; cannot be cancelled."""
        book = SessionBook.open(self.connector_id, token, meter_start_wh, self.ports.boot_id, evccid, self.ports.log)
        try:
            with trio.move_on_after(STARTING_S, shield=True):
                await self.ports.log.started(book.session)
                self._book = book
        finally:
            if self._book is None:
                logger.error("connector %s: the start of a session was not committed, so no power", self.connector_id)
                self.in_doubt = True
        return self._book is not None

    def observe(self, view: View, now_s: float) -> None:
        """Takes over what a view says of the session, if there is one."""
        if self._book:
            self._book.observe(view, now_s)

    async def checkpoint_if_due(self, now_s: float) -> None:
        """Commits the register of the session now and then; returns when it is on the disk."""
        if self._book:
            await self._book.checkpoint_if_due(now_s)

    async def close(self, ending: Ending, limits: Timeouts) -> None:
        """The session is over, and its stop on the disk, or in doubt. Raises what the journal raises.

        Cannot be cancelled. What a journal has refused is left open there, for the next start to account for.
        """
        assert self._book is not None
        book = self._book
        try:
            with trio.move_on_after(CLOSING_S, shield=True) as patience:
                await book.close(self.ports.meter, ending, limits)
            if patience.cancelled_caught:
                logger.error("session %s: stop not committed; it is recovered at the next start", book.session.id)
                self.in_doubt = True
        finally:
            self._book, self.last_session = None, book.session

    async def settle_doubt(self, connector: Connector) -> None:
        """With a session open: commits keep their order, so what was given up before is on the disk now, or never."""
        if self.in_doubt:
            await self.recover(connector)
            self.in_doubt = False

    async def recover(self, connector: Connector) -> None:
        """Accounts for all sessions that were left open, except the one that is."""
        for session in await self.ports.log.unfinished(self.connector_id):
            if self._book and session.id == self._book.session.id:
                continue
            with trio.move_on_after(RECOVERY_PATIENCE_S):
                await until(lambda: self._meter_reading() is not None, self.ports.meter.reading)
            recovered = after_restart(session, self._meter_reading(), connector, self.ports.boot_id)
            logger.warning(
                "session %s recovered: %s at %s Wh", session.id, recovered.stop_detail, recovered.meter_stop_wh
            )
            await self.ports.log.stopped(recovered)

    def _meter_reading(self) -> MeterReading | None:
        return self.ports.meter.reading.fresh(trio.current_time(), METER_FRESH_S)
