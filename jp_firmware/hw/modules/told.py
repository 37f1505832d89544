"""What one module is told: the order in force, and the frames that say it, paced, repeated and ended with its lease.

Rules

1. A new order is on the wire before the call returns, and takes the place of what is left of the one before it.
2. OFF is repeated until the module itself reports off.
3. Voltage and current go out before ON and again after it: a module may forget its set-point when it is switched off.
"""

from __future__ import annotations

import logging
import math
from collections import deque

import attrs

from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.driver import Condition, Frames, ModuleCodec, ModuleProfile
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.model.ids import ModuleId

log = logging.getLogger(__name__)


@attrs.frozen
class Order:
    """A set-point, and until when it holds (monotonic)."""

    voltage_v: float
    current_a: float
    expires_at_s: float


@attrs.define(eq=False)
class Told:
    """The orders of one module. `order` is None while it is meant to be off."""

    _id: ModuleId
    _codec: ModuleCodec
    _profile: ModuleProfile
    _bus: CanBus
    order: Order | None = None
    switched_at_s: float = -math.inf  # last change between on and off
    _again_at_s: float = -math.inf  # when the order is said again
    _paced: deque[Frame] = attrs.field(factory=deque)  # the rest of a command that goes out frame by frame
    _paced_at_s: float = math.inf

    @property
    def current_a(self) -> float:
        return self.order.current_a if self.order is not None else 0.0

    @property
    def at_rest(self) -> bool:
        """Whether it is off by its own word, so that nothing needs to be said again."""
        return self._again_at_s == math.inf

    @property
    def next_at_s(self) -> float:
        """When something is due."""
        lease_s = self.order.expires_at_s if self.order else math.inf
        return min(lease_s, self._again_at_s, self._paced_at_s)

    def is_expired(self, now_s: float) -> bool:
        return self.order is not None and now_s >= self.order.expires_at_s

    def is_started(self, heard: Heard) -> bool:
        """Whether it is meant to be on, and has reported since it was told so that it is."""
        condition = heard.condition
        return self.order is not None and bool(condition and condition.on) and heard.condition_at_s > self.switched_at_s

    # --- new orders -------------------------------------------------------------------------------------------------

    def deliver(self, order: Order, now_s: float) -> None:
        """ON with this, or a change to it. One that is the same only has its lease renewed."""
        before, self.order = self.order, order
        if before is None:
            self.switched_at_s = now_s
            self._switch_on(order, now_s)
        elif (before.voltage_v, before.current_a) != (order.voltage_v, order.current_a):
            self._change_set_point(order, now_s)

    def off(self, now_s: float) -> None:
        if self.order is not None:
            self.order, self.switched_at_s = None, now_s
        self.repeat_off(now_s)

    def repeat_off(self, now_s: float) -> None:
        self._send(self._codec.off(), self._profile.off_repeat_s, now_s)

    def off_again(self, now_s: float) -> None:
        """It was off and is on again: nobody wants that, and it is told so in the next step."""
        self.switched_at_s = self._again_at_s = now_s

    def correct_walk_in(self, condition: Condition) -> None:
        """Tells it its soft start as the profile has it, where it reports another."""
        enable = self._profile.walk_in == "enable"
        if self._profile.walk_in != "leave" and condition.walk_in is (not enable):
            self._bus.send_now(*self._codec.walk_in(enable))

    # --- time passes ------------------------------------------------------------------------------------------------

    def act(self, heard: Heard, now_s: float) -> None:
        """Sends what is due by what the module has reported."""
        if now_s >= self._again_at_s:
            self._say_again(heard, now_s)
        if now_s >= self._paced_at_s:
            self._send_paced(now_s)

    def _say_again(self, heard: Heard, now_s: float) -> None:
        """The set-point while it is wanted, and OFF until it is off."""
        order = self.order
        if order is None:
            if heard.is_off_since(self.switched_at_s):
                self._again_at_s = math.inf  # until it says otherwise
            else:
                self.repeat_off(now_s)
        elif heard.is_off_since(self.switched_at_s + self._profile.start_within_s):
            log.info("%s: reports off while it is wanted; switching on again", self._id)
            self._switch_on(order, now_s)
        else:
            set_point = self._codec.set_point(order.voltage_v, order.current_a)
            self._send(set_point, self._profile.refresh_s, now_s)

    def _switch_on(self, order: Order, now_s: float) -> None:
        self._send(self._codec.start(order.voltage_v, order.current_a), self._profile.refresh_s, now_s)

    def _change_set_point(self, order: Order, now_s: float) -> None:
        """At once. A start that is still going out, frame by frame, goes on with the new values: ON is not put off."""
        if any(frame in self._paced for frame in self._codec.on()):
            start = self._codec.start(order.voltage_v, order.current_a)
            self._paced = deque(start[-len(self._paced) :])
        else:
            set_point = self._codec.set_point(order.voltage_v, order.current_a)
            self._send(set_point, self._profile.refresh_s, now_s)

    def _send(self, command: Frames, again_s: float, now_s: float) -> None:
        """A new command takes the place of what is left of the one before it: nothing old follows OFF.

        Its second frame goes out when that of the one before was due: a value that changes all the time keeps no other
        from the module.
        """
        due_s = self._paced_at_s
        self._paced.clear()
        self._paced_at_s = math.inf
        if self._profile.pace_s and len(command) > 1:
            self._paced.extend(command)
            self._send_paced(now_s)
            self._paced_at_s = min(self._paced_at_s, due_s)
        else:
            self._bus.send_now(*command)
        self._again_at_s = now_s + max(again_s, len(command) * self._profile.pace_s)

    def _send_paced(self, now_s: float) -> None:
        self._bus.send_now(self._paced.popleft())
        self._paced_at_s = now_s + self._profile.pace_s if self._paced else math.inf
