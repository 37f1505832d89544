"""When a BootNotification is due, and what its answer means. Sans-IO.

Its rules: nothing but BootNotification before the first answer; after Accepted never again in this run, reconnects
included; after Pending or Rejected not before the interval that was told; after no answer, a refusal, or an interval of
0 not before one of our own; a TriggerMessage while Pending makes it due at once.
"""

from __future__ import annotations

import enum
import math
from typing import Final

import attrs

from jp_firmware import __version__
from jp_firmware.config.schema import Charger
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.rpc import Answered, Lost, Outcome

OWN_INTERVAL_S: Final = 60.0  # ours; the specification leaves it to the charger, "without flooding"


class Registration(enum.Enum):
    """What the central system has said of this charger since the controller started."""

    UNKNOWN = "unknown"
    PENDING = "Pending"
    REJECTED = "Rejected"
    ACCEPTED = "Accepted"


def boot_notification(charger: Charger) -> Payload:
    """BootNotification.req, cut to the lengths of 1.6."""
    payload = {
        "chargePointVendor": charger.vendor[:20] or "unknown",
        "chargePointModel": charger.model[:20] or "unknown",
        "firmwareVersion": __version__[:50],
    }
    if charger.serial:
        payload["chargePointSerialNumber"] = charger.serial[:25]
    return payload


@attrs.define(eq=False)
class Boot:
    """The registration and the time of the next BootNotification."""

    registration: Registration = Registration.UNKNOWN
    due_at_s: float = -math.inf
    heartbeat_s: int | None = None  # as the answer that accepted us told it

    @property
    def accepted(self) -> bool:
        return self.registration is Registration.ACCEPTED

    def trigger(self) -> bool:
        """The central system asks for one. False when it has accepted us already: then it is not sent again."""
        if self.accepted:
            return False
        self.due_at_s = -math.inf
        return True

    def answered(self, outcome: Outcome, now_s: float) -> None:
        """A BootNotification has come to its end. A lost link does not count: it is sent again on the next one."""
        if isinstance(outcome, Lost):
            return
        self.due_at_s = now_s + OWN_INTERVAL_S
        if isinstance(outcome, Answered):
            self.registration = Registration(outcome.payload["status"])
            interval_s = outcome.payload["interval"]
            if self.accepted:
                self.heartbeat_s = interval_s if interval_s > 0 else None
            elif interval_s > 0:
                self.due_at_s = now_s + interval_s
