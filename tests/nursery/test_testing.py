"""The test tools themselves: they find what was left, and they pass what was not."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.supervisor import End, Lifeline
from jp_firmware.nursery.testing import nothing_left, watched
from tests.nursery.parts import feeding


async def test_a_task_that_outlives_its_block_is_named(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as outside:
        with pytest.raises(AssertionError, match="tasks left: forgotten"), nothing_left():
            outside.start_soon(trio.sleep_forever, name="forgotten")
        with nothing_left():
            await trio.sleep(1)  # what was there before is not ours
        outside.cancel_scope.cancel()


async def test_a_task_below_a_task_that_is_left_is_named_too(autojump_clock: MockClock) -> None:
    async def parent(task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="child")
            task_status.started()

    async with trio.open_nursery() as outside:
        with pytest.raises(AssertionError, match="tasks left: child, parent"), nothing_left():
            await outside.start(parent, name="parent")
        outside.cancel_scope.cancel()


async def test_what_ends_with_its_block_is_nothing_left(autojump_clock: MockClock) -> None:
    with nothing_left(list):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)


async def test_what_stays_on_is_named_however_the_block_ends(autojump_clock: MockClock) -> None:
    on = {"module-2", "module-1"}
    with pytest.raises(AssertionError, match="still on: module-1, module-2") as caught, nothing_left(lambda: on):
        raise OSError("wire")
    assert isinstance(caught.value.__context__, OSError)

    on.clear()
    with trio.move_on_after(1) as scope, nothing_left(lambda: on):
        await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_driver_is_watched_in_virtual_time(autojump_clock: MockClock) -> None:
    frozen = False

    async def driver(lifeline: Lifeline) -> None:
        lifeline.ready()
        while True:
            await trio.sleep(0.5)
            if not frozen:
                lifeline.feed()

    async with watched(driver, watchdog_s=2.0) as part:
        assert await part.feeds_within(3.2) == 7
        frozen = True
        assert await part.feeds_within(1.5) == 0
        assert part.lifeline.worst_gap_s == pytest.approx(0.5)
        await trio.sleep(1.0)
        assert part.ends == [(End.WATCHDOG, pytest.approx(5.0))]
        assert part.ready_at_s == [0.0, pytest.approx(5.1)], "restarted after its back-off"


async def test_what_is_watched_is_stopped_and_safe_when_the_block_is_left(autojump_clock: MockClock) -> None:
    safe: list[float] = []

    async def make_safe() -> None:
        safe.append(trio.current_time())

    with nothing_left():
        async with watched(feeding, safe=make_safe) as part:
            await trio.sleep(1)
    assert len(safe) == 1
    assert [end for end, _ in part.ends] == [End.STOPPED]
