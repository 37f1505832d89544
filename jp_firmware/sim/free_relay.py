"""A free output of an emulated PLC board with its relay: a coil, a contact with its own times, a feedback contact.

What the coil is told is the board's business, what the contact joins is `switches`'. A relay can be broken in the four
ways that matter: the contact welds, or stays open, or the feedback says the one or the other whatever the contact does.
"""

from __future__ import annotations

import enum

import attrs

CLOSE_S = 0.05  # as the connectors' contactors (ours)
OPEN_S = 0.02


class RelayAlarm(enum.Enum):
    """Faults that can be injected at one relay. None is reported: each must be found out."""

    WELDED = "welded"
    STUCK_OPEN = "stuck-open"
    FEEDBACK_CLOSED = "feedback-closed"
    FEEDBACK_OPEN = "feedback-open"


@attrs.define(eq=False)
class FreeRelay:
    """One relay. `command` is what the controller last wrote; the coil follows it while the board lets it."""

    number: int
    alarms: set[RelayAlarm] = attrs.field(factory=set)
    command: bool = False
    coil: bool = False
    closed: bool = False
    latched: bool = False  # fell open by itself: closes again only after its command has been seen 0
    _coil_at_s: float = 0.0

    def take(self, command: bool) -> None:
        self.command = command
        if not command:
            self.latched = False

    def fall(self) -> None:
        """The board opens it, whatever it is told."""
        self.latched = self.latched or self.command

    def step(self, now_s: float) -> None:
        """The coil follows the command, the contact the coil after its own time."""
        wanted = self.command and not self.latched
        if wanted is not self.coil:
            self.coil, self._coil_at_s = wanted, now_s
        if self.coil is self.closed:
            return
        if now_s - self._coil_at_s < (CLOSE_S if self.coil else OPEN_S):
            return
        if (RelayAlarm.STUCK_OPEN if self.coil else RelayAlarm.WELDED) not in self.alarms:
            self.closed = self.coil

    @property
    def reported(self) -> bool:
        """What the feedback contact says."""
        if RelayAlarm.FEEDBACK_CLOSED in self.alarms:
            return True
        return self.closed and RelayAlarm.FEEDBACK_OPEN not in self.alarms
