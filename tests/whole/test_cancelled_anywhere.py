"""The whole charger, cancelled before every step of a session with two cars: each time nothing is left on or unpaid.

What is swept is the whole tree at work, on real buses with wires in memory: the outermost scope is cancelled, as a
second signal does it. The cabinet goes on afterwards for as long as a contactor takes to open, and is then looked at.

The default run takes every so many steps, from another first step for each seed of the scheduler; all steps of all
seeds are swept by `python -m pytest tests/whole -m slow -s`.
"""

from __future__ import annotations

import pytest
import trio

from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.whole.charger import BOTH, OPENING_S, Process, World
from tests.whole.session import two_cars

SEEDS = (1, 2)
STRIDE = 53  # prime, so that it does not keep step with anything periodic in the charger
PARTS = 16  # of the full sweep, each a minute or two
FEWEST_STEPS = 3000  # of the session: a scenario that does nothing proves nothing


def scenario() -> Scenario:
    world = World()
    process = world.boot()
    tasks_before = 0

    async def run() -> None:
        nonlocal tasks_before
        tasks_before = trio.lowlevel.current_statistics().tasks_living
        around = trio.CancelScope(shield=True)

        async def outside() -> None:
            with around:
                await world.run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(outside)
            try:
                await _day(world, process)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(OPENING_S)
                around.cancel(reason="the day is over")

    def check() -> None:
        assert world.modules_on() == []
        assert world.contactors_closed() == []
        assert world.opened_under_load() == 0
        started, stopped = world.queued("StartTransaction"), world.queued("StopTransaction")
        assert len(set(started)) == len(started)
        assert sorted(started) == sorted(stopped), "one stop is queued for each transaction that was started"
        assert [connector for connector in BOTH if world.disk.open_at(connector)] == []
        assert world.disk.lost == []
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        world.disk.close()

    return Scenario(run=run, check=check)


async def _day(world: World, process: Process) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.run)
        await two_cars(world, process)
        nursery.cancel_scope.cancel(reason="the day is over")


@pytest.mark.parametrize("seed", SEEDS)
def test_cancelled_at_any_step_nothing_is_on_nothing_is_closed_and_each_transaction_is_stopped_once(seed: int) -> None:
    first = 1 + SEEDS.index(seed) * STRIDE // len(SEEDS)
    swept = cancel_at_every_step(scenario, seeds=[seed], first=first, stride=STRIDE, at_most=20_000)

    print(f"\n{swept} cancellation points of the whole charger, every {STRIDE}th step, seed {seed}")
    assert swept > FEWEST_STEPS // STRIDE


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_cancelled_at_every_single_step(part: int) -> None:
    swept = cancel_at_every_step(scenario, seeds=SEEDS[:1], first=1 + part, stride=PARTS, at_most=20_000)

    print(f"\n{swept} cancellation points of the whole charger, from step {1 + part} every {PARTS}th")
    assert swept > FEWEST_STEPS // PARTS
