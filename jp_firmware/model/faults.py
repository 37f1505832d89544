"""A fault: what happened, to what, and what to do about it."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs


class Severity(enum.IntEnum):
    """How bad, and what follows (facts/faults.md §1)."""

    DANGER = 1  # hazard possible: everything off at once, connector faulted, latched
    STOP = 2  # the session must end, the connector is unusable until the fault clears
    STOP_SESSION = 3  # this session ends, the next may start
    DEGRADE = 4  # less power or redundancy, charging goes on
    NOTICE = 5  # information


@attrs.frozen(kw_only=True)
class FaultKind:
    """One entry of the catalogue (`faults/catalogue.toml`)."""

    code: str  # "SAF-01"
    title: str
    severity: Severity
    remedy: str  # what the person on site, or the operator, can do
    latched: bool = False  # stays until an operator clears it, even when its cause has gone
    blocks: bool = False  # no session begins while it is there, although its severity would let it
    ocpp_code: str = "OtherError"  # OCPP 1.6 ChargePointErrorCode
    mrec: str = ""  # ChargeX minimum required error code, "CX008"

    @property
    def puts_out_of_order(self) -> bool:
        """Whether a connector it concerns begins no session while it is there."""
        return self.blocks or self.severity <= Severity.STOP


@attrs.frozen(kw_only=True)
class Fault:
    """One fault at one source. `source` is the tree's own word: "connector-1", "plc-1", "module-3", "can0"."""

    kind: FaultKind
    source: str
    detail: str
    raised_at: datetime
    acknowledged_at: datetime | None = None
    cleared_at: datetime | None = None
    cause_present: bool = True  # False: only the latch holds it
    count: int = 1

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def active(self) -> bool:
        return self.cleared_at is None
