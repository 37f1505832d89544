"""The emulated meter of the whole site: the building's load, and what the chargers take from the grid.

It fills the registers of its profile; which of them there are is the profile's word. No transport here.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from jp_firmware.hw.meters.site_profile import SiteMeterProfile
from jp_firmware.sim.misbehaviour import Misbehaviour

EFFICIENCY = 0.95  # AC to DC of a module near its best load (ours)


@attrs.define(eq=False, kw_only=True)
class SiteMeter:
    """`charging_w` is what all modules deliver now; `building_w` is the rest of the site, set by a person."""

    profile: SiteMeterProfile
    includes_chargers: bool
    charging_w: Callable[[], float]
    building_w: float = 0.0
    misbehaviour: Misbehaviour = attrs.field(factory=Misbehaviour)
    last_answer_at_s: float | None = None
    _held: dict[int, int] = attrs.field(factory=dict)
    _random: random.Random = attrs.field(factory=lambda: random.Random(1))

    @property
    def power_w(self) -> float:
        """What flows at its place."""
        return self.building_w + (self.charging_w() / EFFICIENCY if self.includes_chargers else 0.0)

    @property
    def size(self) -> int:
        """Registers from 0 that hold all that is polled."""
        return max(one.span[1] for one in self.profile.registers.values() if one.poll)

    def registers(self) -> list[int]:
        """All registers as they read now. A live meter's last digits never rest."""
        if not (self.misbehaviour.frozen and self._held):
            self._held = self.profile.map.encode({"power_w": self.power_w + self._random.uniform(-3.0, 3.0)})
        values = [0] * self.size
        for address, word in self._held.items():
            values[address] = word
        return values
