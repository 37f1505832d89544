"""Modules moved at random between cars that come and go, while one thing at a time breaks: what the electricity says.

One fault at a time: with a module that cannot hear and a board that is lost at once, relays open under load, as they
must.
"""

from __future__ import annotations

import random

import pytest
import trio

from jp_firmware.model.connector import ConnectorState
from tests.whole.charger import BOTH, ONE, TWO, World
from tests.whole.moving import BRIDGED, MOVER, SWITCHED, at_home, boot, relay_crimes, switching

TURNS = 60
SEEDS = (1, 2)
_RELAYS = ("plc-1-r3", "plc-1-r4", "plc-1-r16", "plc-2-r3", "plc-2-r4")
_RELAY_FAULTS = ("stuck-open", "welded", "feedback-open", "feedback-closed")
_SILENT_OFF_S = 12.0  # a module that was not heard lets go by itself


async def _day(world: World, seed: int) -> int:
    """Random turns. How many moves came to a good end."""
    process = boot(world)
    dice = random.Random(seed)
    broken: list[str] = []

    def turn() -> float:
        """Does one thing; how long to wait then."""
        what = dice.randrange(10)
        connector = dice.choice(BOTH)
        if what < 4:
            switching(process).assign(dice.choice((MOVER, BRIDGED)), dice.choice((ONE, TWO, None)))
        elif what < 6:
            outlet = world.plant.outlets[connector]
            if outlet.car is None:
                world.plug(connector)
            elif process.session(connector) is None:
                process.start(connector)
            else:
                process.stop(connector)
        elif what == 6 and process.state(connector) is ConnectorState.FINISHING:
            world.verbs.unplug(connector)
        elif what == 7 and not broken:
            name = dice.choice((*_RELAYS, *_RELAYS, "module-2", "module-4", "plc-1", "plc-2"))
            broken.append(name)
            if name in _RELAYS:
                world.verbs.fault(name, dice.choice(_RELAY_FAULTS))
            else:
                (world.verbs.freeze if name.startswith("plc") else world.verbs.silence)(name)
        elif what == 8 and broken:
            silent = any(name.startswith("module") for name in broken)
            for name in broken:
                world.verbs.clear(name)
            broken.clear()
            return _SILENT_OFF_S if silent else 0.3
        return dice.choice((0.05, 0.2, 0.7, 2.0, 5.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        nursery.start_soon(process.run)
        await at_home(world, process)
        for _ in range(TURNS):
            await trio.sleep(turn())
            assert relay_crimes(world) == [], f"{world.verbs.marks()[-30:]}"
        for name in broken:
            world.verbs.clear(name)
        await trio.sleep(_SILENT_OFF_S)
        for module in switching(process).yard.places:
            switching(process).release(module)
        await trio.sleep(5.0)
        assert not [move for move in switching(process).yard.moves if move.phase.value == "retreat"]
        assert relay_crimes(world) == []
        report = switching(process).report.signal.value
        assert report is not None
        nursery.cancel_scope.cancel(reason="the day is over")
    return report.moves


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_relay_does_what_it_must_not(autojump_clock: trio.testing.MockClock, seed: int) -> None:
    moves = await _day(World(cabinet=SWITCHED), seed)

    print(f"\n{moves} moves, seed {seed}")
    assert moves > 3
