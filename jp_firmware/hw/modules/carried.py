"""What one module may be delivering, by what it was told and what it measures. Pure: no I/O, no clock of its own.

An order counts when it is given, and what it took away counts until a measurement shows that it is gone: believed
gone, yet feeding, it would be an over-current as soon as somebody else is given it.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.modules.driver import Measured, ModuleProfile

OFF_CURRENT_A = 1.0
"""Below this current an output counts as off."""

OBEDIENCE = 1.1
"""A current this much above the set-point, and 1 A more, is not what was ordered (ours)."""

SETTLED_PART, SETTLED_A = 1.02, 1.0
"""A measurement up to this part of a lowered set-point, and 1 A more, shows that it was obeyed (ours)."""

SETTLED_S = 0.4
"""Not before this time after the cut: until then it may as well be the old current (ours, two answers)."""

SILENT_MARGIN_S = 1.0
"""Added to a module's own switch-off time before its current counts as gone (ours)."""


@attrs.define(eq=False)
class Carried:
    """One module's current. `told_a` is its present order everywhere, 0 while it is meant to be off."""

    profile: ModuleProfile
    disobeys: str = ""  # how
    _most_a: float = 0.0  # it was told to deliver, and may still deliver
    _lowered_at_s: float = -math.inf  # last time its current was to fall
    _held_until_s: float = -math.inf  # unheard, what it carries counts at least until then

    def begin(self, now_s: float) -> None:
        """A new start, off. What it may carry is not forgotten: it may be on."""
        self.disobeys, self._lowered_at_s = "", now_s

    def told(self, told_a: float, before_a: float, now_s: float) -> None:
        """A new order. One to start counts as one to fall as well: what it carries before is not its answer."""
        self._most_a = max(self._most_a, told_a)
        if told_a < before_a or before_a == 0.0:
            self._lowered_at_s = now_s

    @property
    def may_be_on(self) -> bool:
        """Whether it was told to deliver, and has not said that it is off since."""
        return self._most_a > 0.0

    def is_off(self) -> bool:
        """Its own word, given after it was told so. Returns whether that is news."""
        news, self._most_a = self._most_a > 0.0, 0.0
        return news

    def measured(self, measured: Measured, measured_at_s: float, told_a: float) -> None:
        """A measurement: what it has let go of since it was cut, and whether it obeys. OFF needs its word as well."""
        since_s = measured_at_s - self._lowered_at_s
        if told_a and since_s > 0:
            settled = measured.current_a <= SETTLED_PART * told_a + SETTLED_A and since_s >= SETTLED_S
            self._most_a = told_a if settled else max(told_a, min(self._most_a, measured.current_a))
        if measured.current_a < OBEDIENCE * told_a + OFF_CURRENT_A:
            self.disobeys = ""
        elif since_s >= self.profile.off_within_s and not self.disobeys:
            self.disobeys = f"delivers {measured.current_a:.1f} A, told to deliver {told_a:.1f} A"

    def left_alone(self, measured: Measured | None, until_s: float) -> None:
        """It stays on, and is not asked for a while: what it measured last counts until `until_s`, or its own word.

        So does one that only stands at its voltage: it delivers as soon as something is joined to it.
        """
        self._most_a = max(self._most_a, measured.current_a if measured else 0.0, OFF_CURRENT_A)
        self._held_until_s = until_s

    def stray_a(self, measured: Measured | None, answered_at_s: float, now_s: float) -> float:
        """Current that flows, or may flow, without our leave. `measured` is None while the module is not heard."""
        if measured is not None:
            return measured.current_a if self.disobeys else 0.0
        gone_at_s = max(self._held_until_s, answered_at_s + self.profile.silent_off_s + SILENT_MARGIN_S)
        return self._most_a if now_s < gone_at_s else 0.0

    def all_a(self, measured: Measured | None, answered_at_s: float, told_a: float, now_s: float) -> float:
        """Current that may flow, by our leave or not."""
        if measured is None:
            return self.stray_a(measured, answered_at_s, now_s)
        if self.disobeys or (not told_a and measured.current_a >= OFF_CURRENT_A):
            return max(self._most_a, measured.current_a)
        return self._most_a
