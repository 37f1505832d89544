"""What becomes of a session that a crash or a power loss left open in the journal.

Its energy is what the meter says, not what was remembered: the modules and the PLC board go on for seconds after the
controller dies (10 s and 1 s by their own time-outs), and the meter counts them. A register that has moved further
than those seconds explain is not this session's: then the last committed register stands.
"""

from __future__ import annotations

import attrs

from jp_firmware.config.schema import Connector
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import Session, StopReason

RUN_ON_S = 12.0  # modules switch off 10 s after the last frame (InfyPower A.5), and a checkpoint is at most 2 s old


def after_restart(session: Session, reading: MeterReading | None, connector: Connector, boot_id: str) -> Session:
    """The session as it must be accounted for. Another boot of the machine means that its power was lost."""
    committed_wh = session.meter_last_wh if session.meter_last_wh is not None else session.meter_start_wh
    reason = StopReason.REBOOT if session.boot_id == boot_id else StopReason.POWER_LOSS
    stop_wh, detail = committed_wh, "last committed register; the meter did not answer after the restart"
    if reading is not None:
        gap_wh = reading.import_wh - committed_wh
        if 0 <= gap_wh <= connector.max_voltage_v * connector.max_current_a * RUN_ON_S / 3600:
            stop_wh, detail = reading.import_wh, f"register read after the restart, {gap_wh} Wh after the last commit"
        else:
            detail = (
                f"last committed register; the meter has moved by {gap_wh} Wh since, more than the session explains"
            )
    return attrs.evolve(
        session,
        meter_stop_wh=stop_wh,
        stopped_at=session.last_at or session.started_at,
        stop_reason=reason,
        stop_detail=detail,
    )
