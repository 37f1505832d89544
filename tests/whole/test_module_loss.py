"""A module that is lost in a session costs power, not the session: shown on the whole charger in memory."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.model.connector import ConnectorState
from tests.site_limit import set_site_limit
from tests.whole.charger import BOTH, ONE, OTHER_TAG, SITE_LIMIT_W, TAG, TWO, World

LOWER_LIMIT_W = 26_000.0


async def test_a_session_outlives_a_module_and_its_share_waits_for_the_modules_own_time_out(
    autojump_clock: MockClock,
) -> None:
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await world.until(lambda: process.state(ONE) is ConnectorState.AVAILABLE)
        world.plug(ONE)
        await world.until(lambda: process.state(ONE) is ConnectorState.PREPARING)
        process.swipe(TAG)
        await world.until(lambda: world.power_w() > 0.9 * SITE_LIMIT_W)
        await trio.sleep(2)  # the ramp comes to its end
        session = process.session(ONE)
        assert session is not None
        stage, kept = process.controller.plant.stages[ONE], world.plant.nodes["module-2"].module
        before_a = kept.set_current_a or 0.0

        world.plant.nodes["module-1"].misbehaviour.silent = True
        lost_s = trio.current_time()
        silent_off_s = process.controller.plant.modules["module-1"].profile.silent_off_s  # type: ignore[index]
        while trio.current_time() < lost_s + silent_off_s:
            await trio.sleep(0.1)
            assert process.state(ONE) is ConnectorState.CHARGING
            assert (kept.set_current_a or 0.0) <= before_a + 0.5, "nobody is given what may still flow"
            assert world.power_w() <= SITE_LIMIT_W * 1.01
        assert "PM-01 module-1" in process.faults()
        assert stage.rating.max_power_w <= 30_000, "the planner is told what is left"
        await trio.sleep(SILENT_MARGIN_S + 3)
        assert (kept.set_current_a or 0.0) > before_a + 5, "what is left of the ability is used"

        world.plant.nodes["module-1"].misbehaviour.silent = False
        await world.until(lambda: world.power_w() > 0.9 * SITE_LIMIT_W)
        assert process.session(ONE) is not None
        assert process.session(ONE).id == session.id  # type: ignore[union-attr]
        assert {"module-1", "module-2"} <= set(world.modules_on())
        nursery.cancel_scope.cancel(reason="the session was seen")


async def test_the_sites_limit_holds_while_a_module_feeds_on_unheard(autojump_clock: MockClock) -> None:
    """What may flow unheard counts: at its connector, and at the site when its limit falls."""
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await world.until(lambda: all(process.state(one) is ConnectorState.AVAILABLE for one in BOTH))
        for connector, tag in ((ONE, TAG), (TWO, OTHER_TAG)):
            world.plug(connector)
            await world.until(lambda connector=connector: process.state(connector) is ConnectorState.PREPARING)
            process.start(connector, tag)
        await world.until(lambda: world.power_w() > 0.95 * SITE_LIMIT_W)
        await trio.sleep(2)
        lost = world.plant.nodes["module-1"]
        lost.misbehaviour.silent = lost.misbehaviour.frozen = True  # goes on with what it was told, hears nothing
        await trio.sleep(2)
        assert lost.module.current_a > 5

        set_site_limit(process.controller, LOWER_LIMIT_W)
        await trio.sleep(1)
        while lost.module.on:
            await trio.sleep(0.1)
            assert world.power_w() <= LOWER_LIMIT_W * 1.01
        await trio.sleep(0.5)
        assert all(process.state(one) is ConnectorState.CHARGING for one in BOTH)
        await world.until(lambda: world.power_w() > 0.95 * LOWER_LIMIT_W)
        nursery.cancel_scope.cancel(reason="the limit held")
