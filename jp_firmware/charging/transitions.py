"""The states of a connector that follow each other, as a table: there are no other transitions."""

from __future__ import annotations

from collections.abc import Mapping

from jp_firmware.model.connector import ConnectorState as S

TRANSITIONS: Mapping[S, frozenset[S]] = {
    S.UNAVAILABLE: frozenset({S.AVAILABLE, S.PREPARING, S.FAULTED}),
    S.AVAILABLE: frozenset({S.PREPARING, S.RESERVED, S.UNAVAILABLE, S.FAULTED}),
    S.RESERVED: frozenset({S.AVAILABLE, S.PREPARING, S.UNAVAILABLE, S.FAULTED}),
    S.PREPARING: frozenset({S.AVAILABLE, S.CABLE_CHECK, S.UNAVAILABLE, S.FAULTED}),
    S.CABLE_CHECK: frozenset({S.PRECHARGE, S.FINISHING}),
    S.PRECHARGE: frozenset({S.CHARGING, S.FINISHING}),
    S.CHARGING: frozenset({S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.FINISHING}),
    S.SUSPENDED_EV: frozenset({S.CHARGING, S.SUSPENDED_EVSE, S.FINISHING}),
    S.SUSPENDED_EVSE: frozenset({S.CHARGING, S.SUSPENDED_EV, S.FINISHING}),
    S.FINISHING: frozenset({S.AVAILABLE, S.PREPARING, S.UNAVAILABLE, S.FAULTED}),
    S.FAULTED: frozenset({S.AVAILABLE, S.PREPARING, S.FINISHING, S.UNAVAILABLE}),
}
