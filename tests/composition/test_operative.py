"""What was taken out of service stays out, whoever restarts the charger."""

from __future__ import annotations

import trio
import trio.testing

from jp_firmware.model.connector import ConnectorState
from tests.whole.charger import ONE, TWO, Process, World


async def test_out_of_service_outlives_a_restart_and_in_service_too(autojump_clock: trio.testing.MockClock) -> None:
    world = World()

    async def live(process: Process, *, found: ConnectorState, left: ConnectorState) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.run)
            nursery.start_soon(process.run)
            await world.until(lambda: process.state(TWO) is ConnectorState.AVAILABLE)
            await world.until(lambda: process.state(ONE) is found)
            process.controller.charger.set_operative(ONE, left is ConnectorState.AVAILABLE)
            await world.until(lambda: process.state(ONE) is left)
            assert process.state(TWO) is ConnectorState.AVAILABLE
            nursery.cancel_scope.cancel(reason="this life is over")

    here, out = ConnectorState.AVAILABLE, ConnectorState.UNAVAILABLE
    await live(world.boot(), found=here, left=out)
    await live(world.boot(), found=out, left=here)
    await live(world.boot(), found=here, left=here)
