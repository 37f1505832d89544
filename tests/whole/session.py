"""A day of two cars, whole: plug, authorize, cable check, precharge, charge, share, stop, unplug."""

from __future__ import annotations

import trio

from jp_firmware.model.connector import ConnectorState
from tests.whole.charger import BOTH, ONE, OTHER_TAG, SITE_LIMIT_W, TAG, TWO, Process, World

SHARED_S = 0.6  # long enough for the plan to move power between the two, more than once


async def two_cars(world: World, process: Process, *, shared_s: float = SHARED_S) -> None:
    """The first car is started by a tag, the second by the central system; they share, and end one after the other."""

    def all_are(*states: ConnectorState) -> bool:
        return all(process.state(connector) in states for connector in BOTH)

    await world.until(lambda: all_are(ConnectorState.AVAILABLE))
    world.plug(ONE)
    await world.until(lambda: process.state(ONE) is ConnectorState.PREPARING)
    process.swipe(TAG)
    world.plug(TWO)
    await world.until(lambda: process.state(TWO) is ConnectorState.PREPARING)
    assert process.start(TWO, OTHER_TAG) == (True, "")
    await world.until(lambda: all_are(ConnectorState.CHARGING))
    await world.until(lambda: sum(process.assigned_w().values()) > 0.95 * SITE_LIMIT_W)
    await trio.sleep(shared_s)
    process.swipe(TAG)
    await world.until(lambda: process.state(ONE) is ConnectorState.FINISHING and process.session(ONE) is None)
    world.verbs.unplug(ONE)
    assert process.stop(TWO) == (True, "")
    await world.until(lambda: process.session(TWO) is None)
    world.verbs.unplug(TWO)
    await world.until(lambda: all_are(ConnectorState.AVAILABLE))
