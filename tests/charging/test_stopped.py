"""A connector's task that is stopped while its journal is slow: it ends in its time, and leaves nothing unpaid."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.accounts import CLOSING_S, STARTING_S
from jp_firmware.model.session import Session, StopReason
from jp_firmware.nursery.supervisor import Child, End, State, Supervisor
from tests.charging.bench import Bench, BenchLog
from tests.charging.scenes import TOKEN

COMMIT_S = 9.9


@attrs.define(eq=False)
class SlowLog(BenchLog):
    """A journal that takes nearly all of the time it is given for each commit."""

    commits: trio.Event = attrs.field(factory=trio.Event)

    async def started(self, session: Session) -> None:
        self.commits.set()
        await trio.sleep(COMMIT_S)
        self.begun.append(session)

    async def stopped(self, session: Session) -> None:
        await trio.sleep(COMMIT_S)
        self.ended.append(session)


@pytest.mark.parametrize("board_alive", [True, False])
async def test_stopped_in_the_commit_of_a_start_it_is_not_called_stuck(
    board_alive: bool, autojump_clock: MockClock
) -> None:
    """The longest end there is. No scope is opened for it, whose contactors a silent board would not confirm."""
    assert max(STARTING_S, CLOSING_S) < COMMIT_S + 0.2
    log = SlowLog()
    bench, closed = Bench(log=log), []
    bench.ev_link.on_command = lambda command: closed.append(command.close_contactors)
    runner, limits = bench.runner, bench.runner.machine.limits
    child = Child(
        name=runner.name,
        run=runner.run,
        safe=runner.safe,
        stop_within_s=runner.stop_within_s,
        safe_within_s=limits.power_down_s + 1.0,
    )
    tree = Supervisor(name="tree", children=[child])
    [lifeline] = tree.lifelines
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.run)
            await lifeline.up()
            bench.plug()
            runner.present(TOKEN, authorize=True)
            await log.commits.wait()
            bench.board_alive = board_alive
            told_s = trio.current_time()
            nursery.cancel_scope.cancel()
        world.cancel_scope.cancel()

    assert (lifeline.last_end, lifeline.state) == (End.STOPPED, State.DOWN)
    assert 2 * COMMIT_S <= trio.current_time() - told_s <= runner.stop_within_s + limits.power_down_s
    [begun], [ended] = log.begun, log.ended
    assert begun.id == ended.id
    assert ended.stop_reason is StopReason.REBOOT
    assert not any(closed)
    assert all(one is None for one in bench.stage.told)


async def test_stopped_while_a_commit_that_was_given_up_is_looked_for_it_says_so(autojump_clock: MockClock) -> None:
    """No fault ends that session, although it has not begun."""
    log = SlowLog()
    bench = Bench(log=log)
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.runner.run, bench.lifeline)
            await bench.lifeline.is_ready.wait()
            bench.runner._accounts.in_doubt = True
            bench.plug()
            bench.runner.present(TOKEN, authorize=True)
            await log.commits.wait()
            nursery.cancel_scope.cancel()
        world.cancel_scope.cancel()

    [ended] = log.ended
    assert (ended.stop_reason, ended.stop_detail) == (StopReason.REBOOT, "the controller was stopped")
