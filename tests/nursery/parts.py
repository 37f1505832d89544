"""Small parts that the tests of the tree are built from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from jp_firmware.nursery.supervisor import Lifeline

Log = list[tuple[str, float]]


async def feeding(lifeline: Lifeline) -> None:
    """Ready at once, feeds at 20 Hz for ever."""
    lifeline.ready()
    while True:
        lifeline.feed()
        await trio.sleep(0.05)


async def starving(lifeline: Lifeline) -> None:
    """Ready at once, never feeds."""
    lifeline.ready()
    await trio.sleep_forever()


async def never_ready(lifeline: Lifeline) -> None:
    await trio.sleep_forever()


def failing_after(life_s: float, error: BaseException) -> Callable[[Lifeline], Awaitable[None]]:
    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep(life_s)
        raise error

    return run


def failing_once_after(life_s: float, error: Exception) -> Callable[[Lifeline], Awaitable[None]]:
    """Fails in its first run, is healthy in every later one."""
    runs = 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await failing_after(life_s, error)(lifeline)
        await feeding(lifeline)

    return run


def logs_safe(log: Log, name: str, take_s: float = 0.0) -> Callable[[], Awaitable[None]]:
    async def safe() -> None:
        await trio.sleep(take_s)
        log.append((name, trio.current_time()))

    return safe
