"""Chains and terms of a cabinet reach the planner, its limits stand in the book, and the status shows what follows."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import picture, planning
from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet, Chain, Planner
from jp_firmware.console.protocol import plain
from jp_firmware.controller import Controller
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand
from jp_firmware.nursery.supervisor import Child, Lifeline
from jp_firmware.planner.limits import UnknownScope

KW = 1000.0
A = Chain(name="A", connectors=(ConnectorId(1), ConnectorId(2)), cap_w=60 * KW)


def cabinet() -> Cabinet:
    demo = store.load(store.find("demo"))
    return attrs.evolve(demo, chains=(A,), planner=Planner(ramp_a_per_s=40.0, min_useful_w=7 * KW, reserve_w=10 * KW))


async def planned(controller: Controller) -> None:
    """The journal, which has a thread, and the planner at work until it has planned and looked ahead."""
    looked = trio.Event()
    controller.planner.forecast.subscribe(looked.set)
    async with trio.open_nursery() as nursery:
        for name, run in (("journal", controller.journal.run), ("planner", controller._plan)):
            nursery.start_soon(run, Lifeline(child=Child(name=name, run=run)))
        with trio.fail_after(60):
            await looked.wait()
        nursery.cancel_scope.cancel(reason="test over")


async def test_terms_reach_planner_and_ramp(autojump_clock: MockClock, tmp_path: Path) -> None:
    controller = Controller(cabinet(), tmp_path, tmp_path, tmp_path / "socket")

    assert (7 * KW, 10 * KW) == (controller.planner.rules.min_useful_w, controller.planner.rules.reserve_w)
    assert ("chain-A", "site") == controller.planner.rules.tree.path(ConnectorId(2))
    assert 40.0 == controller.charger.runners[ConnectorId(1)].machine.limits.ramp_a_per_s
    with pytest.raises(UnknownScope):
        controller.planner.limits.set(Limit(owner="x", scope="chain-Z", value_w=1.0, reason="y"))


async def test_a_chains_limit_is_in_force_and_the_status_shows_it(tmp_path: Path) -> None:
    controller = Controller(cabinet(), tmp_path, tmp_path, tmp_path / "socket")
    controller.planner.demands = lambda: [
        Demand(connector_id=ConnectorId(n), requested_w=90 * KW, offered_w=80 * KW) for n in (1, 2, 3, 4)
    ]
    await planned(controller)
    status = picture.status(controller)

    assert {"chain A", "site limit"} == {limit.owner for limit in controller.planner.limits.all()}
    assert plain(status) == status
    assert (60_000, 60_000) == (status["chains"]["A"]["allowed_w"], status["chains"]["A"]["cap_w"])
    site = status["site"]
    assert (150_000, 10_000, 140_000) == (site["limit_w"], site["reserve_w"], site["allowed_w"])
    assert (0, 180_000) == (site["headroom_w"], site["short_by_w"])
    assert 320_000 - 140_000 == site["forecast"]["short_by_w"]
    assert "chain A" == status["connectors"]["1"]["limited_by"]


async def test_what_will_be_missing_follows_a_cut_at_once(tmp_path: Path) -> None:
    """What cars will want is worked out every ten seconds; what is missing of that is told by the limit of now."""
    controller = Controller(cabinet(), tmp_path, tmp_path, tmp_path / "socket")
    controller.planner.demands = lambda: [
        Demand(connector_id=ConnectorId(n), requested_w=90 * KW, offered_w=80 * KW) for n in (1, 2, 3, 4)
    ]
    await planned(controller)
    controller.planner.limits.set(Limit(owner="operator", scope="site", value_w=50 * KW, reason="fuse"))

    short_by_w = 320_000 - (50_000 - 10_000)
    assert short_by_w == picture.status(controller)["site"]["forecast"]["short_by_w"]
    assert short_by_w == planning.site(controller)["forecast"]["short_by_w"]
    assert "280 kW more than the limit leaves" in planning.site(controller)["sentence"]
