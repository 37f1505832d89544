"""Claims about the busy day: what the ideal is, what counts as a limit exceeded, and how a day is told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet
from jp_firmware.demo.fluid import Bounds, Stay, ideal_wh
from jp_firmware.demo.power_account import PowerAccount
from jp_firmware.demo.sampler import SLEW_S, SWITCHES, Sampler
from jp_firmware.demo.scenario import BUSY_DAY, DAY

HOUR_S = 3600.0


def stay(connector: int = 1, *, power_w: float = 50_000.0, from_s: float = 0.0, capacity_wh: float = 1e9) -> Stay:
    return Stay(
        connector=connector,
        from_s=from_s,
        until_s=from_s + HOUR_S,
        soc_percent=20.0,
        leave_at_percent=80.0,
        capacity_wh=capacity_wh,
        power_w=lambda soc: power_w,
    )


def bounds(site_w: float = 1e9, modules_w: float = 1e9, connector_w: float = 1e9) -> Bounds:
    return Bounds(connector_w={1: connector_w, 2: connector_w}, modules_w=modules_w, site_w=lambda at_s: site_w)


@pytest.mark.parametrize(
    ("stays", "limits", "energy_wh"),
    [
        ([], bounds(), 0),
        ([stay()], bounds(), 50_000),
        ([stay()], bounds(site_w=20_000), 20_000),
        ([stay()], bounds(connector_w=30_000), 30_000),
        ([stay(1), stay(2)], bounds(modules_w=60_000), 60_000),
        ([stay(1), stay(2, power_w=10_000)], bounds(site_w=45_000), 45_000),
        ([stay(capacity_wh=10_000)], bounds(), 6_000),  # from 20 % to 80 %
        ([stay(1), stay(1, from_s=HOUR_S)], bounds(), 100_000),
    ],
)
def test_the_ideal_is_what_cars_take_under_the_limits(stays: list[Stay], limits: Bounds, energy_wh: float) -> None:
    assert energy_wh == pytest.approx(ideal_wh(stays, limits, step_s=1.0), rel=1e-6)


@attrs.define
class FakeSite:
    """Answers with the same state until it is changed."""

    cabinet: Cabinet = attrs.field(factory=lambda: store.load(store.find("demo")))
    power_w: dict[int, float] = attrs.field(factory=lambda: dict.fromkeys((1, 2, 3, 4), 0.0))
    at_s: float = 1000.0
    car: dict[str, Any] | None = None

    def sim(self, verb: str) -> dict[str, Any]:
        assert verb == "state"
        connectors = {
            str(number): {"power_w": power_w, "current_a": power_w / 400, "car": self.car if number == 1 else None}
            for number, power_w in self.power_w.items()
        }
        return {"t": self.at_s, "connectors": connectors} | dict.fromkeys(SWITCHES, 4)


def sampler(site: FakeSite) -> Sampler:
    made = Sampler(site, started_s=site.at_s)  # type: ignore[arg-type]
    made.limits = [(0.0, 100_000.0)]
    return made


def look(one: Sampler) -> None:
    one._next_s = 0.0
    one.step()


def test_power_above_a_limit_is_a_violation_and_regulation_is_none() -> None:
    site = FakeSite()
    one = sampler(site)
    site.power_w[2] = 100_100.0
    look(one)
    assert [] == one.violations

    site.power_w[3] = 5_000.0
    look(one)
    assert ["site"] == [each.scope for each in one.violations]
    assert 105_100.0 == one.peak_w


def test_a_lowered_limit_binds_after_the_modules_slew() -> None:
    site = FakeSite()
    one = sampler(site)
    one.limits.append((site.at_s, 50_000.0))
    site.power_w[2] = 90_000.0
    site.at_s += SLEW_S - 0.1
    look(one)
    assert [] == one.violations

    site.at_s += 0.2
    look(one)
    assert 1 == len(one.violations)


def test_a_connectors_own_limit_counts_too() -> None:
    site = FakeSite()
    first = attrs.evolve(site.cabinet.connectors[0], max_power_w=20_000.0)
    site.cabinet = attrs.evolve(site.cabinet, connectors=(first, *site.cabinet.connectors[1:]))
    one = sampler(site)
    site.power_w[1] = 30_000.0
    look(one)

    assert ["connector 1"] == [each.scope for each in one.violations]


def test_a_car_is_known_from_its_plug_and_from_its_first_ampere() -> None:
    site = FakeSite(car={"vehicle": "kia-ev9", "soc_percent": 30.0, "leave_at_percent": 80.0, "capacity_wh": 500.0})
    one = sampler(site)
    look(one)
    assert ([], []) == (one.stays, one.charging)

    site.power_w[1] = 20_000.0
    look(one)
    site.car = None
    look(one)

    assert 30.0 == one.stays[0].soc_percent
    assert one.stays[0].from_s < one.charging[0].from_s < one.charging[0].until_s
    assert one.stays[0].power_w(50.0) > 50_000


def test_a_day_with_a_limit_exceeded_does_not_pass() -> None:
    site = FakeSite(power_w={1: 200_000.0, 2: 0.0, 3: 0.0, 4: 0.0})
    one = sampler(site)
    for _ in range(7):
        look(one)
    account = PowerAccount(
        samples=7,
        late=0,
        violations=tuple(one.violations),
        peak_w=one.peak_w,
        delivered_wh=900.0,
        ideal_wh=1000.0,
        ideal_charging_wh=950.0,
        sessions=3,
        switches={"modules_switched": 6, "opened_under_load": 1, "connectors_joined": 0},
    )

    assert ["and 2 samples more", "relays and contactors: 1 opened under load"] == account.disagreements()[-2:]
    assert "site 200.00 kW of 100.00 kW" in account.disagreements()[0]
    assert ["7 above a limit", "94.7% of the ideal", "2.0 a session"] == [
        part
        for line, part in zip(account.lines(), ["7 above a limit", "94.7% of the ideal", "2.0 a session"], strict=True)
        if part in line
    ]


def test_the_limit_of_a_scenario_moves_and_comes_back() -> None:
    assert [1.0, 0.45, 0.8, 1.0, 0.45] == [BUSY_DAY.limit_share_at(at_s) for at_s in (0, 30, 45, 59, 90)]
    assert [1.0, 0.6, 1.0] == [DAY.limit_share_at(at_s) for at_s in (0, 21, 29)]
