"""Names of things. A connector is a number because it is painted on the charger; everything else is a word."""

from __future__ import annotations

import secrets
from typing import NewType

ConnectorId = NewType("ConnectorId", int)
ModuleId = NewType("ModuleId", str)
MeterId = NewType("MeterId", str)
PlcId = NewType("PlcId", str)
SessionId = NewType("SessionId", str)


def new_session_id(wall_time_s: float) -> SessionId:
    """A session's own name: 11 hex digits of milliseconds, so that names sort by time, then 9 at random.

    Unique over restarts and clock steps; never derived from an OCPP transaction id, which the central
    system hands out, late or not at all.
    """
    return SessionId(f"{int(wall_time_s * 1000):011x}{secrets.randbits(36):09x}")
