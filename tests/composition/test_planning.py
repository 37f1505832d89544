"""The planner in the composition: the building's share of the site, and the answers to why."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import planning
from jp_firmware.config import store
from jp_firmware.config.schema import SiteMeter
from jp_firmware.controller import Controller
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand
from jp_firmware.model.signals import Quality
from jp_firmware.model.site import SitePower
from jp_firmware.planner.building import OWNER
from jp_firmware.planner.explain import UnknownConnector
from tests.site_limit import set_site_limit


def metered(tmp_path: Path, *, includes_chargers: bool = False) -> Controller:
    cabinet = store.load(store.find("demo"))
    meter = SiteMeter(wire="rs485-0", unit=40, includes_chargers=includes_chargers, fallback_w=100_000)
    return Controller(attrs.evolve(cabinet, site_meter=meter), tmp_path, tmp_path, tmp_path / "socket")


def building(controller: Controller) -> Limit:
    return next(one for one in controller.planner.limits.all() if one.owner == OWNER)


async def test_what_the_building_takes_the_chargers_do_not_get(tmp_path: Path, autojump_clock: MockClock) -> None:
    controller = metered(tmp_path)
    assert controller.plant.site_meter
    set_site_limit(controller, 150_000)
    controller.plant.site_meter.power.publish(SitePower(power_w=60_000), trio.current_time())

    assert building(controller).value_w == 90_000
    plan = controller.planner.plan.signal.value
    assert plan
    assert plan.site_limit_w == 90_000


@pytest.mark.parametrize(("now_w", "last_w", "left_w"), [(20_000, 50_000, 110_000), (50_000, 20_000, 110_000)])
async def test_while_the_chargers_power_moves_the_building_is_never_taken_for_less_than_it_may_be(
    now_w: float, last_w: float, left_w: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Of 60 kW that a meter of the whole site reads, the chargers' part is the least they may have had."""
    controller = metered(tmp_path, includes_chargers=True)
    planner = controller.planner
    assert controller.plant.site_meter
    for draw_w in (last_w, now_w):
        demand = Demand(connector_id=ConnectorId(1), requested_w=60_000, offered_w=60_000, measured_w=draw_w)
        planner.demands = lambda demand=demand: [demand]  # type: ignore[misc]
        if draw_w is last_w:
            set_site_limit(controller, 150_000)
    controller.plant.site_meter.power.publish(SitePower(power_w=60_000), trio.current_time())

    assert building(controller).value_w == left_w


async def test_a_meter_that_falls_silent_leaves_what_the_fallback_says(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = metered(tmp_path)
    assert controller.plant.site_meter
    controller.plant.site_meter.power.publish(SitePower(power_w=10_000), trio.current_time())
    await trio.sleep(11)
    assert building(controller).value_at(trio.current_time()) == 50_000

    controller.plant.site_meter.power.degrade(Quality.STALE)
    assert building(controller).value_at(trio.current_time()) == 50_000


async def test_every_connector_is_told_why_and_an_unknown_one_is_none(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    set_site_limit(controller, 150_000)
    told = planning.snapshot(controller)

    assert list(told["connectors"]) == ["1", "2", "3", "4"]
    assert told["connectors"]["2"]["sentence"].startswith("Connector 2 gets no power because no session")
    assert [one for one in told["limits"] if one["owner"] == "site limit"] == [
        {
            "owner": "site limit",
            "scope": "site",
            "reason": "configured",
            "value_w": 150_000,
            "expires_in_s": None,
            "expires_at": None,
            "safe_w": None,
        }
    ]
    with pytest.raises(UnknownConnector, match="no connector 9; it has: 1, 2, 3, 4"):
        planning.why(controller, ConnectorId(9))


async def test_a_limit_that_ends_is_told_with_its_time_of_day(tmp_path: Path, autojump_clock: MockClock) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    ends_s = trio.current_time() + 90
    controller.planner.limits.set(
        Limit(owner="operator", scope="site", value_w=50_000, reason="works", expires_at_s=ends_s, safe_w=math.inf)
    )
    before = datetime.now().astimezone()
    told = next(one for one in planning.snapshot(controller)["limits"] if one["owner"] == "operator")
    after = datetime.now().astimezone()

    assert told["expires_in_s"] == 90.0
    a_second = timedelta(seconds=1)
    ends = datetime.fromisoformat(told["expires_at"]) - timedelta(seconds=90)
    assert before - a_second <= ends <= after + a_second
    assert told["safe_w"] is None
