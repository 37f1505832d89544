"""The clock of a test that has real threads beside it."""

from __future__ import annotations

import time

import trio

from tests.matrix.unhurried import STEP_S, UnhurriedClock


def test_time_passes_as_it_does_elsewhere_but_not_while_nothing_turns() -> None:
    real_s = 100.0
    clock = UnhurriedClock(lambda: real_s)
    clock.start_clock()
    seen = []
    for passed_s in (0.0, 0.5 * STEP_S, STEP_S, 3600.0):
        real_s += passed_s
        seen.append(round(clock.current_time() / STEP_S, 6))

    assert seen == [0.0, 0.5, 1.5, 2.5]
    assert clock.deadline_to_sleep_time(clock.current_time() + 10) == STEP_S
    assert round(clock.deadline_to_sleep_time(clock.current_time() + STEP_S / 4), 6) == STEP_S / 4


def test_a_loop_that_stood_still_misses_no_deadline() -> None:
    async def main() -> tuple[bool, float]:
        with trio.move_on_after(0.1) as scope:
            time.sleep(0.5)  # noqa: ASYNC251 - a step that blocks is what this is about
            await trio.sleep(0.01)
        in_time = not scope.cancelled_caught
        before_s = time.perf_counter()
        await trio.sleep(0.1)
        return in_time, time.perf_counter() - before_s

    in_time, slept_s = trio.run(main, clock=UnhurriedClock())

    assert in_time
    assert slept_s >= 0.1 - STEP_S, "and sleeps take their time"
