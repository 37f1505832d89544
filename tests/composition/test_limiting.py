"""Limits set over the console: anywhere in the tree, with an end, and never in another's name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import planning
from jp_firmware.composition.limiting import LimitCalls
from jp_firmware.config import store
from jp_firmware.config.schema import Chain
from jp_firmware.console.calls import CallRefused, InvalidParams
from jp_firmware.controller import Controller
from jp_firmware.model.ids import ConnectorId
from tests.site_limit import set_site_limit


def controller_with_chain(tmp_path: Path) -> Controller:
    cabinet = store.load(store.find("demo"))
    chain = Chain(name="A", connectors=(ConnectorId(1), ConnectorId(2)), cap_w=100_000)
    controller = Controller(attrs.evolve(cabinet, chains=(chain,)), tmp_path, tmp_path, tmp_path / "socket")
    set_site_limit(controller, 150_000)
    return controller


def bounds(controller: Controller, scope: str) -> list[tuple[str, float]]:
    now_s = trio.current_time()
    return [(one.owner, one.bound_w(now_s)) for one in controller.planner.limits.all() if one.scope == scope]


def site_w(controller: Controller) -> float:
    plan = controller.planner.plan.signal.value
    assert plan
    return plan.site_limit_w


async def test_an_operator_limits_one_connector_and_lifts_it_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    controller = controller_with_chain(tmp_path)
    calls = LimitCalls(controller)
    await calls.put({"scope": "connector-2", "value_w": 30_000, "reason": "cable is being watched"})
    assert bounds(controller, "connector-2") == [("operator", 30_000.0)]
    links = planning.why(controller, ConnectorId(2))["links"]
    assert {"owner": "operator", "value_w": 30_000, "reason": "cable is being watched"}.items() <= links[2].items()

    await calls.lift({"scope": "connector-2"})
    assert bounds(controller, "connector-2") == []


async def test_a_limit_of_the_site_never_raises_it_above_its_connection(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = controller_with_chain(tmp_path)
    calls = LimitCalls(controller)
    told = await calls.set({"site_w": 200_000})
    assert told["kept_at"] == "150 kW by site limit"
    assert site_w(controller) == 150_000

    assert "kept_at" not in await calls.set({"site_w": 60_000})
    assert site_w(controller) == 60_000

    await calls.lift({"scope": "site"})
    assert site_w(controller) == 150_000


async def test_an_energy_managers_set_point_falls_to_what_it_named_as_safe(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = controller_with_chain(tmp_path)
    put = {"scope": "chain-A", "value_w": 80_000, "owner": "energy manager", "for_s": 30, "then_w": 20_000}
    await LimitCalls(controller).put(put)
    assert bounds(controller, "chain-A") == [("energy manager", 80_000.0)]
    await trio.sleep(31)

    assert bounds(controller, "chain-A") == [("energy manager", 20_000.0)]


async def test_a_limit_with_an_end_and_nothing_after_it_is_no_limit_then(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = controller_with_chain(tmp_path)
    await LimitCalls(controller).put({"scope": "site", "value_w": 0, "for_s": 10})
    controller.planner.recompute()
    assert site_w(controller) == 0
    await trio.sleep(11)
    controller.planner.recompute()
    assert site_w(controller) == 150_000
    assert bounds(controller, "site") == [("site limit", 150_000.0), ("operator", math.inf)]
    assert planning.snapshot(controller)["limits"][-1]["value_w"] is None


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"scope": "connector-9", "value_w": 1}, r'there is no "connector-9" to limit .* chain-A'),
        ({"scope": "site", "value_w": -1}, "between 0 and 10 MW"),
        ({"scope": "site", "value_w": 1e9}, "between 0 and 10 MW"),
        ({"scope": "site", "value_w": 1, "then_w": -1}, "between 0 and 10 MW"),
        ({"scope": "site", "value_w": 1, "for_s": 0}, "a time above 0 s"),
        ({"scope": "chain-A", "value_w": 1e6, "owner": "chain A"}, "sets limits of its own"),
        ({"scope": "site", "value_w": 1, "owner": "site meter"}, "sets limits of its own"),
        ({"scope": "site", "value_w": 1, "owner": "central system"}, "sets limits of its own"),
        ({"scope": "connector-1", "value_w": 1, "owner": "the car"}, "sets limits of its own"),
        ({"scope": "connector-1", "value_w": 1, "owner": "modules"}, "sets limits of its own"),
    ],
)
async def test_what_makes_no_sense_or_is_anothers_is_refused(
    params: dict[str, Any], why: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    controller = controller_with_chain(tmp_path)
    before = controller.planner.limits.all()
    with pytest.raises(CallRefused, match=why):
        await LimitCalls(controller).put(params)
    assert controller.planner.limits.all() == before


async def test_lifting_what_is_not_there_says_what_is(tmp_path: Path, autojump_clock: MockClock) -> None:
    controller = controller_with_chain(tmp_path)
    calls = LimitCalls(controller)
    with pytest.raises(CallRefused, match='operator does not limit "site"; it limits: nothing'):
        await calls.lift({"scope": "site"})
    with pytest.raises(CallRefused, match="sets limits of its own"):
        await calls.lift({"scope": "site", "owner": "site limit"})
    with pytest.raises(InvalidParams):
        await calls.lift({})
