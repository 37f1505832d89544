"""The whole charger in memory charges two cars that share the site's power."""

from __future__ import annotations

import trio

from jp_firmware.journal import sessions
from tests.whole.charger import BOTH, World
from tests.whole.session import two_cars


async def test_two_cars_charge_and_share_and_are_accounted_for(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await two_cars(world, process, shared_s=6.0)
        nursery.cancel_scope.cancel(reason="the day is over")

    started, stopped = world.queued("StartTransaction"), world.queued("StopTransaction")
    assert len(started) == 2
    assert sorted(started) == sorted(stopped)
    assert world.opened_under_load() == 0
    for connector, meter in zip(BOTH, world.plant.meters.values(), strict=True):
        assert world.disk.open_at(connector) == []
        (session,) = [one for one in sessions.newest(world.disk.db, 10) if one.connector_id == connector]
        assert (session.meter_start_wh, session.meter_stop_wh) == (meter.start_wh, meter.register_wh)
        assert meter.register_wh > meter.start_wh + 5
