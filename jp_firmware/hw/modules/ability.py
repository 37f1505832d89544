"""What one module can deliver now, by all that is known of it: its rating, its range, its heat, what it has shown.

Pure: no I/O, no clock of its own. `capability` is the arithmetic, `ranges` the choice of a range; here they meet what
was heard and what was told.
"""

from __future__ import annotations

import attrs

from jp_firmware.hw.modules.capability import Shortfall, capability
from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.driver import Measured, ModuleProfile, Semantics
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.ranges import RangeChoice
from jp_firmware.hw.modules.sharing import corner_v
from jp_firmware.hw.modules.told import Order, Told
from jp_firmware.model.power import StageRating


@attrs.define(eq=False)
class Ability:
    """One module's. `range` is the choice for the present session."""

    _profile: ModuleProfile
    _semantics: Semantics
    _heard: Heard
    _told: Told
    range: RangeChoice = attrs.field(init=False)
    _shortfall: Shortfall = attrs.field(init=False, factory=Shortfall)

    def __attrs_post_init__(self) -> None:
        self.range = RangeChoice(self._profile, self._semantics)

    # --- its range --------------------------------------------------------------------------------------------------

    @property
    def reported_high(self) -> bool | None:
        return self._heard.condition.high_range if self._heard.condition else None

    def is_unfit(self) -> bool:
        """Whether its range ends below the car's voltage."""
        return self.range.is_unfit(self.reported_high)

    def is_settling(self, now_s: float) -> bool:
        """Whether it waits for its range, so that it must not be switched on."""
        return self.range.is_settling(self.reported_high, now_s)

    # --- how much ---------------------------------------------------------------------------------------------------

    def rating(self, now_s: float) -> StageRating:
        """Its rating by its own word, or by the profile until it has spoken, less what takes some of it away.

        While no session has chosen a range, the one it happens to be in bounds nothing that is offered.
        """
        chosen = self.range.wanted_high
        if chosen is not None and not self.is_settling(now_s):
            chosen = self.range.present_high(self.reported_high)
        return self._capability(chosen)

    def bounded(self, voltage_v: float, current_a: float, measured: Measured | None) -> tuple[float, float]:
        """A set-point as it can do it at present, and as little as it takes while on.

        Where its power has a corner, it is that of the voltage at which its current flows; above it the module limits
        itself.
        """
        limits = self._capability(self.range.present_high(self.reported_high))
        voltage_v = min(voltage_v, limits.max_voltage_v)
        flows = measured is not None and measured.current_a >= OFF_CURRENT_A
        flowing_v = corner_v(voltage_v, measured.voltage_v) if measured and flows else voltage_v
        return voltage_v, max(min(current_a, limits.current_limit_a(flowing_v)), self._profile.min_current_a)

    def _capability(self, high_range: bool | None) -> StageRating:
        heard = self._heard
        bounds = [self._shortfall.limit_a] if self._shortfall.limit_a is not None else []
        if heard.available is not None and heard.available_at_s > self._told.switched_at_s:
            bounds.append(heard.available.current_a)
        return capability(
            heard.rating,
            self._profile,
            high_range=high_range,
            ambient_c=heard.condition.ambient_c if heard.condition else None,
            available_a=min(bounds, default=None),
        )

    # --- what it has shown ------------------------------------------------------------------------------------------

    @property
    def short(self) -> str:
        """How it delivers less than it was told; empty while it does not."""
        return self._shortfall.text

    def forget(self) -> None:
        """It is off, or starting: that is not short."""
        self._shortfall.forget()

    def observe(self, order: Order, measured: Measured, now_s: float) -> None:
        """A measurement of a module that has started."""
        self._shortfall.observe(order.voltage_v, order.current_a, measured, now_s)
        regained_a = self._heard.rating.current_limit_a(order.voltage_v)
        if self._shortfall.limit_a is not None and self._shortfall.limit_a >= regained_a:
            self._shortfall.forget()
