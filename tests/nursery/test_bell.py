"""The bell: no ring is lost, many rings count once."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from jp_firmware.nursery.bell import Bell


async def test_rings_between_two_waits_count_once(autojump_clock: MockClock) -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.wait()
    with trio.move_on_after(1) as second:
        await bell.wait()

    assert second.cancelled_caught


async def test_a_cancelled_wait_loses_no_ring(autojump_clock: MockClock) -> None:
    bell = Bell()
    with trio.CancelScope() as scope:
        scope.cancel()
        bell.ring()
        await bell.wait()
    with trio.fail_after(1):
        await bell.wait()

    assert scope.cancelled_caught
