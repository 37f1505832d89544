"""The whole charger in memory charges two cars that share the site's power."""

from __future__ import annotations

import pytest
import trio

from jp_firmware.composition.central_system import CentralSystem
from jp_firmware.controller import TELLING_S
from jp_firmware.journal import sessions
from jp_firmware.model.connector import ConnectorState
from tests.whole.charger import BOTH, ONE, TAG, World
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


@pytest.mark.parametrize(("answers_after_s", "told"), [(0.7, ("told", 0.7)), (60.0, ("given up", TELLING_S))])
async def test_an_ordered_end_lets_the_central_system_answer_but_waits_for_it_only_so_long(
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    answers_after_s: float,
    told: tuple[str, float],
) -> None:
    """Else it would hear the stop of a session twice: now, and from the next life of the controller."""
    waited: list[tuple[str, float]] = []

    async def answer(central_system: CentralSystem) -> None:
        assert process.session(ONE) is None
        assert world.queued("StopTransaction")
        asked_at_s = trio.current_time()
        try:
            await trio.sleep(answers_after_s)
        except trio.Cancelled:
            waited.append(("given up", pytest.approx(trio.current_time() - asked_at_s)))
            raise
        waited.append(("told", pytest.approx(trio.current_time() - asked_at_s)))

    monkeypatch.setattr(CentralSystem, "told", answer)
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await world.until(lambda: process.state(ONE) is ConnectorState.AVAILABLE)
        world.plug(ONE)
        await world.until(lambda: process.state(ONE) is ConnectorState.PREPARING)
        process.swipe(TAG)
        await world.until(lambda: process.state(ONE) is ConnectorState.CHARGING)
        process.controller.end_for_good("SIGTERM")
        await process.controller._end_in_order(nursery.cancel_scope)

    assert waited == [told]
