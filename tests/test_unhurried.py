"""The time of these sites: it goes as elsewhere, and stands still with its machine."""

from __future__ import annotations

import time

import pytest
import trio

from tests.unhurried import MOMENT_S, LivedClock, LivedTime


def test_of_a_pause_a_moment_counts_and_everything_shorter_in_full() -> None:
    real_s = 100.0
    lived = LivedTime(real_s=lambda: real_s)
    began_s, seen = lived(), []
    for passed_s in (0.0, MOMENT_S / 2, MOMENT_S, 3600.0):
        real_s += passed_s
        seen.append((lived() - began_s) / MOMENT_S)

    assert seen == pytest.approx([0.0, 0.5, 1.5, 2.5])


def test_a_loop_that_stood_still_misses_no_deadline_and_one_that_sleeps_sleeps_its_time() -> None:
    async def main() -> tuple[bool, float]:
        with trio.move_on_after(5 * MOMENT_S) as scope:
            time.sleep(10 * MOMENT_S)  # noqa: ASYNC251 - a loop that stands still is what this is about
            await trio.lowlevel.checkpoint()
        before_s = time.monotonic()
        await trio.sleep(5 * MOMENT_S)
        return scope.cancelled_caught, time.monotonic() - before_s

    missed, slept_s = trio.run(main, clock=LivedClock())

    assert not missed
    assert slept_s >= 5 * MOMENT_S - 0.01
