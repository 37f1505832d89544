"""The whole charger, cancelled before any step of a move between two cars that charge: each time nothing is left on.

Steps are counted from the moment that the move is asked for; what comes before it is swept elsewhere. The default run
takes some of them, spread over the whole move; every one is swept by `python -m pytest tests/whole -m slow -s`.
"""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.config.schema import Cabinet
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.nursery.testing import CancelAt
from jp_firmware.planner.wiring import homes_of
from tests.whole.charger import ONE, OPENING_S, TWO, World
from tests.whole.moving import BRIDGED, MOVER, RING, SEGMENT, SWITCHED, boot, both_charge, crimes, places, switching

STRIDE = 307  # prime, so that it does not keep step with anything periodic in the charger
FEWEST_STEPS = 1000  # of a move: one that does nothing proves nothing
AT_MOST = 20_000


async def attempt(step: int, cabinet: Cabinet, module: ModuleId, to: ConnectorId) -> tuple[bool, World]:
    """One move, cancelled before `step`. Whether the move was over before that."""
    world = World(cabinet=cabinet)
    process = boot(world)
    around = trio.CancelScope(shield=True)

    async def outside() -> None:
        with around:
            await world.run()

    async def day() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.run)
            await world.until(lambda: places(process) == homes_of(cabinet))
            await both_charge(world, process)
            assert switching(process).assign(module, to) == ""
            trio.lowlevel.add_instrument(cancel)
            await world.until(lambda: not switching(process).yard.moves)
            nursery.cancel_scope.cancel(reason="the move is over")

    with trio.CancelScope() as scope:
        cancel = CancelAt(scope, step)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outside)
            try:
                await day()
            finally:
                trio.lowlevel.remove_instrument(cancel)
                with trio.CancelScope(shield=True):
                    await trio.sleep(OPENING_S + 0.1)
                around.cancel(reason="the day is over")
    return not cancel.reached, world


def sweep(cabinet: Cabinet, module: ModuleId, to: ConnectorId, first: int, stride: int) -> int:
    """How many points were tried until the move outlived its cancellation."""
    for count, step in enumerate(range(first, AT_MOST, stride)):
        over, world = trio.run(attempt, step, cabinet, module, to, clock=MockClock(autojump_threshold=0))
        told = f"cancelled before step {step} of the move"
        assert world.modules_on() == [], told
        assert world.contactors_closed() == [], told
        relays = {
            name: [one.number for one in board.relays.values() if one.closed]
            for name, board in world.plant.boards.items()
        }
        assert relays == {"plc-1": [], "plc-2": []}, told
        assert crimes(world) == [], told
        world.disk.close()
        if over:
            return count
    raise AssertionError(f"the move does not end within {AT_MOST} steps")


@pytest.mark.parametrize(
    ("cabinet", "module", "to"), [(SWITCHED, MOVER, TWO), (SWITCHED, BRIDGED, ONE), (RING, SEGMENT, ONE)]
)
def test_cancelled_anywhere_in_a_move_no_module_is_on_and_no_relay_closed(
    cabinet: Cabinet, module: ModuleId, to: ConnectorId
) -> None:
    swept = sweep(cabinet, module, to, 1 if module is MOVER else 1 + STRIDE // 2, STRIDE)

    print(f"\n{swept} cancellation points of a move, every {STRIDE}th step")
    assert swept > FEWEST_STEPS // STRIDE


@pytest.mark.slow
@pytest.mark.parametrize("part", range(16))
def test_cancelled_at_every_single_step_of_a_move(part: int) -> None:
    assert sweep(SWITCHED, MOVER, TWO, 1 + part, 16) > FEWEST_STEPS // 16
