"""The sign of life that some families want of the controller beside all questions, and when it is withheld.

It goes to all modules of a bus, so that one living task would keep the time-out of every module from running: also of
one that is on and that no task drives any more, whose time-out is the last thing that switches it off. While there is
such a module nobody on its bus says the heartbeat, until it has said that it is off or its time-out must have passed.
Those that deliver meanwhile hear their set-points; one that wants the heartbeat all the same switches off and is
started again by its task.
"""

from __future__ import annotations

import logging
import math

import attrs

from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.hw.modules.driver import ModuleCodec, ModuleProfile, Semantics
from jp_firmware.model.ids import ModuleId

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Unattended:
    """The modules of one bus that may be on while no task drives them. Each entry is written by one module's task."""

    _until_s: dict[ModuleId, float] = attrs.field(factory=dict)

    def add(self, module_id: ModuleId, until_s: float) -> None:
        """From here on until `until_s` (monotonic), unless it is removed before."""
        self._until_s[module_id] = until_s

    def remove(self, module_id: ModuleId) -> None:
        self._until_s.pop(module_id, None)

    def at(self, now_s: float) -> tuple[ModuleId, ...]:
        return tuple(module_id for module_id, until_s in self._until_s.items() if now_s < until_s)


@attrs.define(eq=False)
class Heartbeat:
    """One task's part in it. Where the family wants none, nothing of this does anything."""

    _id: ModuleId
    _codec: ModuleCodec
    _semantics: Semantics
    _profile: ModuleProfile
    _bus: CanBus
    _unattended: Unattended
    next_at_s: float = math.inf

    def begin(self, now_s: float) -> None:
        """The task starts. Its module is attended to only when it is heard."""
        self.next_at_s = now_s if self._semantics.heartbeat_s else math.inf

    def act(self, now_s: float) -> None:
        """Says it when it is due, or goes without it this time."""
        if now_s < self.next_at_s:
            return
        self.next_at_s = now_s + (self._semantics.heartbeat_s or math.inf)
        unattended = self._unattended.at(now_s)
        if unattended:
            names = ", ".join(unattended)
            log.warning("%s: no heartbeat on %s, so that %s, unattended, times out", self._id, self._bus.name, names)
        else:
            self._bus.send_now(*self._codec.heartbeat())

    def abandon(self, now_s: float) -> None:
        """Nobody drives the module any more, and it may be on; what it was told last, it was told now."""
        if self._semantics.heartbeat_s:
            self._unattended.add(self._id, now_s + self._profile.silent_off_s + SILENT_MARGIN_S)

    def attend(self) -> None:
        """The module is heard by a task that drives it, or is off by its own word."""
        self._unattended.remove(self._id)
