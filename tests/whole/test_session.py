"""The whole charger in memory charges two cars that share the site's power."""

from __future__ import annotations

import trio

from tests.whole.charger import BOTH, World
from tests.whole.session import two_cars


async def test_two_cars_charge_and_share_and_are_accounted_for(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await two_cars(world, process)
        nursery.cancel_scope.cancel(reason="the day is over")

    started, stopped = world.queued("StartTransaction"), world.queued("StopTransaction")
    assert len(started) == 2
    assert sorted(started) == sorted(stopped)
    assert world.opened_under_load() == 0
    for connector in BOTH:
        assert world.disk.open_at(connector) == []
