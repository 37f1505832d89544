"""The site's meter: total power, polled and checked, for the planner to subtract. A type is a profile, not code.

It bills nobody. A reading that cannot be true is not published, and a reading that never moves is none: a site's power
is never the same to the last digit for long.
"""

from __future__ import annotations

import math

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.config.watchdogs import SITE_METER as NAME
from jp_firmware.hw.meters import site_profile
from jp_firmware.hw.meters.site_profile import SiteMeterProfile
from jp_firmware.hw.modbus.master import ModbusFault, ModbusMaster
from jp_firmware.model.signals import Quality, Source
from jp_firmware.model.site import SitePower
from jp_firmware.nursery.supervisor import Lifeline

SILENT, FROZEN = "MTR-02", "MTR-03"
FAILED_CYCLES = 2  # in a row, until the meter counts as lost (as for billing meters)
FROZEN_S = 30.0  # ours: an unchanged float for this long while power flows is a meter that has stopped measuring
IDLE_W = 50.0  # ours: below it a site may really stand still


@attrs.define(eq=False)
class SiteMeter:
    """The task of the site's meter. Faults at `site-meter`: MTR-02 no plausible answer, MTR-03 frozen."""

    config: schema.SiteMeter
    profile: SiteMeterProfile
    master: ModbusMaster
    faults: FaultSink
    power: Source[SitePower] = attrs.field(init=False)
    _failures: int = 0
    _last_w: float = math.nan
    _moved_s: float = -math.inf

    def __attrs_post_init__(self) -> None:
        self.power = Source(NAME)

    def configure(self, config: schema.SiteMeter) -> None:
        """Another unit, profile or watchdog, from its next start on: to be called while it is down.

        Raises ConfigError for a profile that is missing or wrong, and changes nothing then.
        """
        self.profile = site_profile.load(config.profile)
        self.config = config

    async def run(self, lifeline: Lifeline) -> None:
        """Polls for ever. Ready, and fed, by plausible readings that move. Afterwards the reading is STALE."""
        next_s = self._moved_s = trio.current_time()
        try:
            while True:
                if await self._cycle():
                    lifeline.ready()
                next_s = max(next_s + self.profile.poll_s, trio.current_time())
                await trio.sleep_until(next_s)
        finally:
            if not self.master.up:
                self.faults.raise_(SILENT, NAME, self.master.down_because)
            self._distrust(Quality.STALE)

    async def _cycle(self) -> bool:
        asked_at_s = trio.current_time()
        try:
            power_w = await self._read()
        except ModbusFault as error:
            return self._failed(str(error), Quality.STALE)
        if not abs(power_w) <= self.profile.max_power_w:
            return self._failed(f"reads {power_w:.0f} W", Quality.BAD)
        if power_w != self._last_w or abs(power_w) < IDLE_W:
            self._last_w, self._moved_s = power_w, asked_at_s
        self._failures = 0
        self.faults.clear(SILENT, NAME)
        if asked_at_s - self._moved_s >= FROZEN_S:
            self.faults.raise_(FROZEN, NAME, f"{power_w:.1f} W for {FROZEN_S:.0f} s, to the last digit")
            self._distrust(Quality.BAD)
            return False
        self.faults.clear(FROZEN, NAME)
        self.power.publish(SitePower(power_w=power_w), asked_at_s)
        return True

    async def _read(self) -> float:
        values: dict[str, float] = {}
        ask = self.master.read_holding if self.profile.function == 3 else self.master.read_input
        for read in self.profile.map.plan():
            words = await ask(self.config.unit, read.address, read.count, timeout_s=self.profile.timeout_s, attempts=1)
            values |= self.profile.map.decode(read, words)
        return float(values["power_w"])

    def _failed(self, why: str, quality: Quality) -> bool:
        self._failures += 1
        if self._failures >= FAILED_CYCLES or quality is Quality.BAD:
            self.faults.raise_(SILENT, NAME, why)
            self._distrust(quality)
        return False

    def _distrust(self, quality: Quality) -> None:
        if self.power.signal.quality is not Quality.MISSING:
            self.power.degrade(quality)
