"""The account of one session: register, checkpoints, samples, and the integral of what the modules say they gave."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

import attrs
import trio

from jp_firmware.charging.ports import Meter, SessionLog
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending, View
from jp_firmware.charging.waiting import until
from jp_firmware.model.ids import ConnectorId, new_session_id
from jp_firmware.model.session import IdToken, Sample, Session

logger = logging.getLogger(__name__)

CHECKPOINT_S = 2.0  # ours: what a crash may leave to be read from the meter again, against the wear of the flash
SAMPLE_S = 2.0  # ours: fine enough to redraw a session's curve


@attrs.define(eq=False)
class SessionBook:
    """Keeps one session's account. The register only moves forward; `modules_wh` is for comparison, never for money."""

    session: Session
    log: SessionLog
    modules_wh: float = 0.0
    _checkpoint_at_s: float = attrs.field(factory=trio.current_time)
    _sample_at_s: float = attrs.field(factory=trio.current_time)
    _power_w: float = 0.0
    _power_at_s: float | None = None

    @classmethod
    def open(
        cls, connector_id: ConnectorId, token: IdToken, meter_start_wh: int, boot_id: str, evccid: str, log: SessionLog
    ) -> SessionBook:
        """A new account. The caller commits it before anything may flow."""
        session = Session(
            id=new_session_id(time.time()),
            connector_id=connector_id,
            token=token,
            started_at=datetime.now(UTC),
            meter_start_wh=meter_start_wh,
            boot_id=boot_id,
            evccid=evccid,
        )
        return cls(session, log)

    def observe(self, view: View, now_s: float) -> None:
        """Takes over what a view says: the register, the modules' integral and, when due, a sample."""
        if view.output:
            self._integrate(max(0.0, view.output.power_w), now_s)
        if view.meter and view.meter.import_wh > (self.session.meter_last_wh or self.session.meter_start_wh - 1):
            self.session = attrs.evolve(self.session, meter_last_wh=view.meter.import_wh, last_at=datetime.now(UTC))
        if view.meter and now_s >= self._sample_at_s:
            self._sample_at_s = now_s + SAMPLE_S
            self.log.sampled(self.session, self._sample(view))

    async def checkpoint_if_due(self, now_s: float) -> None:
        """Commits the register every `CHECKPOINT_S`; returns when it is on the disk."""
        if now_s >= self._checkpoint_at_s:
            self._checkpoint_at_s = now_s + CHECKPOINT_S
            await self.log.checkpoint(attrs.evolve(self.session, modules_wh=self.modules_wh))

    async def close(self, meter: Meter, ending: Ending, limits: Timeouts) -> None:
        """Reads the register once more, now that nothing flows, and commits the stop.

        A meter that is silent leaves the last register it gave: nothing is invented. Cancellation before the commit
        leaves the session open in the journal, to be recovered at the next start.
        """
        asked_at_s = trio.current_time()
        with trio.move_on_after(limits.final_reading_s):
            await until(lambda: meter.reading.signal.at_s > asked_at_s, meter.reading)
        last_wh = self.session.meter_last_wh or self.session.meter_start_wh
        reading = meter.reading.fresh(trio.current_time(), limits.final_reading_s + 1.0)
        self.session = attrs.evolve(
            self.session,
            stopped_at=datetime.now(UTC),
            meter_stop_wh=max(last_wh, reading.import_wh) if reading else last_wh,
            stop_reason=ending.reason,
            stop_detail=ending.detail,
            stop_token=ending.token,
            modules_wh=self.modules_wh,
        )
        await self.log.stopped(self.session)

    def _integrate(self, power_w: float, now_s: float) -> None:
        if self._power_at_s is not None:
            self.modules_wh += (self._power_w + power_w) / 2 * (now_s - self._power_at_s) / 3600
        self._power_w, self._power_at_s = power_w, now_s

    def _sample(self, view: View) -> Sample:
        assert view.meter is not None
        return Sample(
            session_id=self.session.id,
            connector_id=self.session.connector_id,
            at=datetime.now(UTC),
            import_wh=view.meter.import_wh,
            voltage_v=view.meter.voltage_v,
            current_a=view.meter.current_a,
            power_w=view.meter.power_w,
            soc_percent=view.ev.soc_percent if view.ev else None,
            offered_w=view.assigned_w,
        )
