"""The site's meter on a wire: what is published, and what a dead, a lying and a frozen one come to."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.config import schema
from jp_firmware.config.profiles import names_of
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.meters.site_meter import FROZEN_S, SiteMeter
from jp_firmware.hw.meters.site_profile import SiteMeterProfile, load
from jp_firmware.model.signals import Quality
from jp_firmware.sim.site_meter import SiteMeter as Emulated
from tests.hw.faults import Faults
from tests.hw.lifelines import Counted, Lifelines
from tests.hw.modbus.slave import connected

PROFILE = load("siemens-pac2200")


@attrs.define
class Bench:
    meter: SiteMeter
    emulated: Emulated
    faults: Faults
    lifeline: Counted
    silent: list[bool]  # not empty: it says nothing

    @property
    def quality(self) -> Quality:
        return self.meter.power.signal.quality

    @property
    def power_w(self) -> float:
        assert self.meter.power.signal.value is not None
        return self.meter.power.signal.value.power_w


@asynccontextmanager
async def bench(profile: SiteMeterProfile = PROFILE) -> AsyncIterator[Bench]:
    emulated = Emulated(profile=profile, includes_chargers=True, charging_w=lambda: 19_000.0, building_w=30_000.0)
    silent: list[bool] = []

    def values(unit: int, address: int, count: int) -> tuple[int, ...]:
        return tuple(emulated.registers()[address : address + count])

    async with connected(values=values, delay_s=lambda _: math.inf if silent else 0.02) as (master, _):
        meter = SiteMeter(schema.SiteMeter(wire="wire"), profile, master, Faults())
        async with trio.open_nursery() as nursery:
            lifeline = await nursery.start(Lifelines().run, meter.run)
            yield Bench(meter, emulated, meter.faults, lifeline, silent)  # type: ignore[arg-type]
            nursery.cancel_scope.cancel(reason="test over")


@pytest.mark.parametrize("name", names_of("site_meters"))
async def test_each_type_that_ships_reads_the_power_of_the_site(autojump_clock: MockClock, name: str) -> None:
    async with bench(load(name)) as at:
        await trio.sleep(1)

        assert at.quality is Quality.GOOD
        assert at.power_w == pytest.approx(30_000 + 19_000 / 0.95, abs=5)
        assert at.faults.history == []


async def test_export_is_negative(autojump_clock: MockClock) -> None:
    async with bench() as at:
        at.emulated.building_w = -45_000.0
        await trio.sleep(1)

        assert at.power_w == pytest.approx(-25_000, abs=5)


async def test_a_meter_that_is_gone_is_stale_and_told_and_comes_back_by_itself(autojump_clock: MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1)
        at.silent.append(True)
        await trio.sleep(3)
        assert at.quality is Quality.STALE
        assert [("MTR-02", "site-meter")] == list(at.faults.active)

        at.silent.clear()
        await trio.sleep(3)
        assert at.quality is Quality.GOOD
        assert [] == list(at.faults.active)


@pytest.mark.parametrize("lie_w", [5e6, -5e6, math.nan, math.inf])
async def test_what_no_site_draws_is_no_reading(autojump_clock: MockClock, lie_w: float) -> None:
    async with bench() as at:
        await trio.sleep(1)
        at.emulated.building_w = lie_w
        await trio.sleep(1)
        fed = len(at.lifeline.ready_at_s)

        await trio.sleep(2)
        assert at.quality is Quality.BAD
        assert fed == len(at.lifeline.ready_at_s)
        assert ("MTR-02", "site-meter") in at.faults.active


async def test_a_reading_that_never_moves_is_none(autojump_clock: MockClock) -> None:
    async with bench() as at:
        await trio.sleep(1)
        at.emulated.misbehaviour.frozen = True
        await trio.sleep(FROZEN_S - 1)
        assert at.quality is Quality.GOOD

        await trio.sleep(3)
        assert at.quality is Quality.BAD
        assert [("MTR-03", "site-meter")] == list(at.faults.active)


def test_a_profile_without_the_power_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site_meters").mkdir()
    (tmp_path / "site_meters" / "x.toml").write_text(
        'name = "x"\nmax_power_w = 1\n[registers]\nvolt = { address = 1 }\n'
    )
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    with pytest.raises(ConfigError, match=r"registers.power_w is missing or not polled") as refused:
        load("x")
    assert "\n" not in str(refused.value)
