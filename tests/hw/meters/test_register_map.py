"""The meter's task on a wire with a meter that does what meters do: answer, lie, freeze, fall silent."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from jp_firmware.config import schema
from jp_firmware.hw.meters.profile import load
from jp_firmware.hw.meters.register_map import DRIVER, RegisterMapMeter
from jp_firmware.hw.modbus.register_map import Number
from jp_firmware.model.ids import ConnectorId, MeterId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.signals import Quality
from tests.hw.faults import Faults
from tests.hw.lifelines import Counted, Lifelines
from tests.hw.modbus.slave import connected

ACREL = load("acrel-djsf1352-rn")
CONFIG = schema.Meter(id=MeterId("meter-1"), wire="wire", unit=7, connector=ConnectorId(1))


@attrs.define
class Emulated:
    """A meter whose energy is the integral of its power, and whose registers are those of the profile."""

    voltage_v: float = 400.0
    current_a: float = 0.0
    start_wh: float = 21_018.0
    since_s: float = attrs.field(factory=trio.current_time)
    frozen: bool = False
    silent: bool = False
    refuses_blocks: bool = False
    lies: dict[str, Number] = attrs.field(factory=dict)
    _held: dict[int, int] = attrs.field(factory=dict)

    def set_current(self, current_a: float) -> None:
        self.start_wh, self.since_s = self.energy_wh, trio.current_time()
        self.current_a = current_a

    @property
    def energy_wh(self) -> float:
        return self.start_wh + self.voltage_v * self.current_a * (trio.current_time() - self.since_s) / 3600

    def values(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        if not self.frozen:
            true: dict[str, Number] = {
                "voltage_v": self.voltage_v,
                "current_a": self.current_a,
                "power_w": self.voltage_v * self.current_a,
                "import_wh": math.floor(self.energy_wh),
            }
            self._held = ACREL.map.encode(true | self.lies)
        return tuple(self._held.get(address + at, 0) for at in range(count))

    def delay_s(self, _: int) -> float:
        return math.inf if self.silent else 0.02


@attrs.define
class Bench:
    meter: RegisterMapMeter
    emulated: Emulated
    faults: Faults
    lifeline: Counted
    slave: Any

    @property
    def quality(self) -> Quality:
        return self.meter.reading.signal.quality


@asynccontextmanager
async def bench(**options: Any) -> AsyncIterator[Bench]:
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, delay_s=emulated.delay_s) as (master, slave):
        meter = DRIVER.meter(CONFIG, master, faults, **options)
        async with trio.open_nursery() as nursery:
            lifeline = await nursery.start(Lifelines().run, meter.run)
            yield Bench(meter, emulated, faults, lifeline, slave)
            nursery.cancel_scope.cancel(reason="test over")


async def test_readings_are_published_in_the_units_of_the_model(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        at.emulated.set_current(50.0)
        await trio.sleep(36.0)  # 200 Wh, the last of them perhaps not yet read

        signal = at.meter.reading.signal
        assert signal.quality is Quality.GOOD
        assert signal.value is not None
        assert 21_018 + 196 <= signal.value.import_wh <= 21_018 + 200
        expected = MeterReading(voltage_v=400.0, current_a=50.0, power_w=20_000.0, import_wh=signal.value.import_wh)
        assert signal.value == expected
        assert signal.age_s(trio.current_time()) < ACREL.poll_s + 0.1
        assert at.faults.history == []


async def test_a_cycle_is_two_short_requests_each_poll(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        await trio.sleep(5)

        asked = {(one.address, one.count) for one in at.slave.requests}
        assert asked == {(12, 2), (50, 6)}
        assert len(at.slave.requests) == pytest.approx(2 * 5 / ACREL.poll_s, abs=3)


async def test_a_silent_meter_is_lost_after_two_cycles_and_found_again(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        at.emulated.silent = True
        await trio.sleep(1.4)
        assert at.quality is Quality.GOOD  # one failed cycle, asked twice, and nobody hears of it
        await trio.sleep(2.0)

        assert at.quality is Quality.STALE
        assert "wire unit 7 did not answer" in at.faults.active["MTR-01", "meter-1"]
        assert at.meter.reading.signal.value is not None  # the last one known, told as such

        fed = len(at.lifeline.ready_at_s)
        at.emulated.silent = False
        await trio.sleep(3.0)
        assert at.quality is Quality.GOOD
        assert at.faults.history == ["+MTR-01 meter-1", "-MTR-01 meter-1"]
        assert len(at.lifeline.ready_at_s) > fed


async def test_silence_feeds_nobody(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1.0)
        at.emulated.silent = True
        await trio.sleep(1.0)
        fed = len(at.lifeline.ready_at_s)
        await trio.sleep(20.0)

        assert len(at.lifeline.ready_at_s) == fed


async def test_a_dead_meter_is_asked_less_often(autojump_clock: trio.testing.MockClock) -> None:
    """The others on its bus are waiting."""
    async with bench() as at:
        at.emulated.silent = True
        await trio.sleep(5)
        before = len(at.slave.requests)
        await trio.sleep(20)

        assert len(at.slave.requests) - before == pytest.approx(10, abs=2)


async def test_a_frozen_meter_is_bad_and_no_evidence(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        at.emulated.set_current(50.0)
        await trio.sleep(10)
        at.emulated.frozen = True
        await trio.sleep(4)

        assert at.quality is Quality.BAD
        assert "stands at" in at.faults.active["MTR-03", "meter-1"]
        fed = len(at.lifeline.ready_at_s)
        await trio.sleep(10)
        assert len(at.lifeline.ready_at_s) == fed

        at.emulated.frozen = False
        await trio.sleep(1)
        assert at.quality is Quality.GOOD
        assert at.faults.history == ["+MTR-03 meter-1", "-MTR-03 meter-1"]


async def test_a_meter_that_froze_before_the_session_is_given_away_by_the_modules(
    autojump_clock: trio.testing.MockClock,
) -> None:
    flowing: list[float | None] = [None]
    async with bench(flowing_w=lambda: flowing[0]) as at:
        await trio.sleep(5)
        at.emulated.frozen = True
        flowing[0] = 20_000.0
        await trio.sleep(6)

        assert at.quality is Quality.BAD
        assert at.faults.codes == {"MTR-03"}


async def test_a_register_that_falls_is_never_published(autojump_clock: trio.testing.MockClock) -> None:
    seen: list[int] = []
    async with bench() as at:
        at.meter.reading.subscribe(lambda: seen.append(at.meter.reading.signal.value.import_wh))
        await trio.sleep(2)
        at.emulated.lies = {"import_wh": 20_000}
        await trio.sleep(2)

        assert at.quality is Quality.BAD
        assert at.faults.active["MTR-04", "meter-1"] == "register went from 21018 Wh to 20000 Wh"
        assert set(seen) == {21_018}


@pytest.mark.parametrize("lie", [{"voltage_v": math.nan}, {"power_w": 1e30}, {"current_a": -1e4}])
async def test_values_outside_physics_are_bad_at_once(
    autojump_clock: trio.testing.MockClock, lie: dict[str, float]
) -> None:
    async with bench() as at:
        at.emulated.lies = dict(lie)
        await trio.sleep(0.6)
        assert at.quality is Quality.BAD
        assert at.faults.history == []  # once may be a slip of the wire

        await trio.sleep(1.0)
        assert next(iter(lie)) in at.faults.active["MTR-01", "meter-1"]


async def test_the_reading_is_stale_when_the_task_has_ended(autojump_clock: trio.testing.MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1)

    assert at.quality is Quality.STALE


async def test_what_was_never_heard_stays_missing(autojump_clock: trio.testing.MockClock) -> None:
    emulated, faults = Emulated(silent=True), Faults()
    async with connected(values=emulated.values, delay_s=emulated.delay_s) as (master, _):
        meter = DRIVER.meter(CONFIG, master, faults)
        with trio.move_on_after(10):
            await Lifelines().run(meter.run)

    assert meter.reading.signal.quality is Quality.MISSING
    assert faults.codes == {"MTR-01"}


async def test_a_restart_does_not_forget_the_register(autojump_clock: trio.testing.MockClock) -> None:
    """A meter that restarts its task by lying is not believed the second time either."""
    emulated, faults = Emulated(), Faults()
    async with connected(values=emulated.values, delay_s=emulated.delay_s) as (master, _):
        meter = DRIVER.meter(CONFIG, master, faults)
        for lies in ({}, {"import_wh": 3}):
            emulated.lies = lies
            with trio.move_on_after(5):
                await Lifelines().run(meter.run)

    assert faults.codes == {"MTR-04"}
    assert meter.reading.signal.value.import_wh == 21_018
