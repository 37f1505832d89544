"""A Modbus meter that fits a register map: polled, checked, published. A new type needs no code, only a profile.

The registers are the meter's own and are never re-based. A reading that cannot be true is not published as good, and
neither is it evidence that the meter lives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.hw.meters import profile as profiles
from jp_firmware.hw.meters.driver import nothing_known
from jp_firmware.hw.meters.plausibility import Plausibility, Verdict
from jp_firmware.hw.meters.profile import MeterProfile
from jp_firmware.hw.modbus.master import ModbusFault, ModbusMaster, ModbusRefused
from jp_firmware.hw.modbus.register_map import Number, Read
from jp_firmware.model.power import MeterReading
from jp_firmware.model.signals import Quality, Source
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

FAILED_CYCLES = 2  # in a row, until the meter counts as lost (MTR-01)
DEAD_POLL_S = 2.0  # period while it is lost: a dead meter must not slow down the others on its bus
SILENT, FROZEN, JUMPED = "MTR-01", "MTR-03", "MTR-04"


@attrs.define(eq=False)
class RegisterMapMeter:
    """One meter on a Modbus wire. Fulfils `charging.ports.Meter`.

    Faults at the meter's id: MTR-01 no plausible answer for two cycles, MTR-03 register frozen while power flows,
    MTR-04 register jumped. Each clears when its cause goes. What the register said before is remembered over restarts.
    """

    config: schema.Meter
    profile: MeterProfile
    master: ModbusMaster
    faults: FaultSink
    flowing_w: Callable[[], float | None] = nothing_known  # what the modules say of the same current
    reading: Source[MeterReading] = attrs.field(init=False)
    _reads: tuple[Read, ...] = attrs.field(init=False)
    _plausibility: Plausibility = attrs.field(init=False)
    _failures: int = 0

    def __attrs_post_init__(self) -> None:
        self.reading = Source(self.config.id)
        self._begin_anew()

    def configure(self, config: schema.Meter) -> None:
        """As the driver's protocol says. Another unit or profile may be another meter: what it said is forgotten."""
        profile = profiles.load(config.profile)
        is_another = (config.unit, config.profile) != (self.config.unit, self.config.profile)
        self.config, self.profile = config, profile
        if is_another:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._reads = self.profile.map.plan()
        self._plausibility = Plausibility(
            max_voltage_v=self.profile.max_voltage_v,
            max_current_a=self.profile.max_current_a,
            max_power_w=self.profile.max_power_w,
            energy_step_wh=self.profile.energy_step_wh,
        )
        self._failures = 0

    async def run(self, lifeline: Lifeline) -> None:
        """Polls for ever. Ready, and fed, by plausible readings only; its watchdog ends it when they stay away.

        A lost wire is a failed cycle like any other: the wire's own task makes the noise. However this ends, the
        reading is STALE afterwards.
        """
        next_s = trio.current_time()
        try:
            while True:
                if await self._cycle():
                    lifeline.ready()
                period_s = self.profile.poll_s if self._failures < FAILED_CYCLES else DEAD_POLL_S
                next_s = max(next_s + period_s, trio.current_time())
                await trio.sleep_until(next_s)
        finally:
            if not self.master.up:
                self.faults.raise_(SILENT, self.config.id, self.master.down_because)
            self._degrade(Quality.STALE)

    async def _cycle(self) -> bool:
        """One reading. True if it was good."""
        asked_at_s = trio.current_time()  # evidence is no younger than the question
        try:
            reading = await self._read()
        except ModbusFault as error:
            self._failed(str(error), Quality.STALE)
            return False
        verdict = self._plausibility.judge(reading, asked_at_s, self.flowing_w())
        if verdict is Verdict.IMPOSSIBLE:
            self._failed(self._plausibility.why, Quality.BAD)
            return False
        self._failures = 0
        self.faults.clear(SILENT, self.config.id)
        self._tell(FROZEN, verdict is Verdict.FROZEN)
        self._tell(JUMPED, verdict is Verdict.JUMPED)
        if verdict is not Verdict.GOOD:
            self._degrade(Quality.BAD)
            return False
        self.reading.publish(reading, asked_at_s)
        return True

    async def _read(self) -> MeterReading:
        values: dict[str, Number] = {}
        for read in self._reads:
            values |= self.profile.map.decode(read, await self._ask(read))
        energy_wh = values["import_wh"]
        voltage_v, current_a = float(values["voltage_v"]), float(values["current_a"])
        return MeterReading(
            voltage_v=voltage_v,
            current_a=current_a,
            power_w=float(values.get("power_w", voltage_v * current_a)),
            import_wh=round(energy_wh)
            if 0 <= energy_wh < 2**63
            else -1,  # -1: no register, as NaN and infinity are none
        )

    async def _ask(self, read: Read) -> tuple[int, ...]:
        ask = self.master.read_holding if read.function == 3 else self.master.read_input
        # A meter that is lost gets no second chance within a cycle: the others are waiting.
        attempts = 2 if self._failures < FAILED_CYCLES else 1
        try:
            return await ask(
                self.config.unit, read.address, read.count, timeout_s=self.profile.timeout_s, attempts=attempts
            )
        except ModbusRefused:
            parts = self.profile.map.split(read)
            if parts:
                log.info("%s refuses %d registers at once, reading them in parts", self.config.id, read.count)
                self._reads = tuple(part for one in self._reads for part in (parts if one == read else (one,)))
            raise

    def _failed(self, why: str, quality: Quality) -> None:
        self._failures += 1
        if self._failures >= FAILED_CYCLES:
            self.faults.raise_(SILENT, self.config.id, why)
            self._degrade(quality)
        elif quality is Quality.BAD:
            self._degrade(quality)

    def _tell(self, code: str, present: bool) -> None:
        if present:
            self.faults.raise_(code, self.config.id, self._plausibility.why)
        else:
            self.faults.clear(code, self.config.id)

    def _degrade(self, quality: Quality) -> None:
        if self.reading.signal.quality is not Quality.MISSING:
            self.reading.degrade(quality)


class _Driver:
    name = "register-map"

    def meter(
        self,
        config: schema.Meter,
        master: ModbusMaster,
        faults: FaultSink,
        flowing_w: Callable[[], float | None] = nothing_known,
    ) -> RegisterMapMeter:
        return RegisterMapMeter(config, profiles.load(config.profile), master, faults, flowing_w)


DRIVER = _Driver()
