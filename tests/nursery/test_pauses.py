"""The garbage collector under a policy: young generations by themselves, the old one by hand in idle moments."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.pauses import BY_HAND, GcPauses, GcPolicy


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_each_collection_is_timed_by_its_generation() -> None:
    with GcPauses().watching() as pauses:
        gc.collect(0)
        gc.collect(1)
        gc.collect()
        gc.collect()
    gc.collect()

    assert pauses.collections == [1, 1, 2]
    assert all(one > 0 for one in pauses.worst_ms)
    assert pauses.worst_pause_ms == max(pauses.worst_ms)


def test_reset_forgets_the_start() -> None:
    with GcPauses().watching() as pauses:
        gc.collect()
        pauses.reset()

    assert pauses.worst_pause_ms == 0.0


def test_the_old_generation_is_left_alone_but_the_young_ones_are_not() -> None:
    GcPolicy().before_start()
    with GcPauses().watching() as pauses:
        kept = [[] for _ in range(200_000)]
    del kept

    assert gc.get_threshold()[2] == BY_HAND
    assert pauses.collections[0] > 0
    assert pauses.collections[1] > 0
    assert pauses.collections[2] == 0


async def test_what_was_built_is_set_aside_and_not_looked_at_again(autojump_clock: MockClock) -> None:
    policy = GcPolicy()
    policy.before_start()
    before = gc.get_freeze_count()
    built = [[] for _ in range(50_000)]
    policy.after_start()
    after = gc.get_freeze_count()

    assert after - before >= len(built)
    assert len(gc.get_objects()) < len(built)


def test_a_second_start_gives_back_what_the_first_had_set_aside() -> None:
    class Part:
        me: Part

    policy, part = GcPolicy(), Part()
    part.me, gone = part, weakref.ref(part)
    policy.before_start()
    del part
    gc.collect()
    kept = gone() is not None
    policy.before_start()

    assert kept, "set aside, it is not looked at"
    assert gone() is None


async def test_a_look_waits_for_a_moment_as_long_as_it_takes(autojump_clock: MockClock) -> None:
    policy = GcPolicy(every_s=60.0, patience_s=10.0)
    gaps_s = iter([0.0, 0.0005, 0.002])
    zero_s = trio.current_time()
    looked = await policy.look(lambda: next(gaps_s))

    assert looked
    assert (policy.looks, policy.put_off) == (1, 0)
    assert trio.current_time() - zero_s == pytest.approx(0.04)
    assert not policy.is_due()
    await trio.sleep(60.0)
    assert policy.is_due()


async def test_without_such_a_moment_a_long_look_is_put_off_and_a_short_one_is_not(autojump_clock: MockClock) -> None:
    policy = GcPolicy(patience_s=1.0, looks=1, last_ms=20.0)
    zero_s = trio.current_time()
    long_one = await policy.look(lambda: 0.0)
    waited_s = trio.current_time() - zero_s
    policy.last_ms = 0.5
    short_one = await policy.look(lambda: 0.0)

    assert (long_one, short_one, policy.put_off) == (False, True, 1)
    assert waited_s == pytest.approx(1.0, abs=0.05)


async def test_a_busy_loop_is_no_idle_moment() -> None:
    """The real measure: a task that is always ready keeps the look waiting, and it comes once that task sleeps."""
    policy = GcPolicy(patience_s=600.0)
    busy = trio.CancelScope()

    async def always_ready() -> None:
        with busy:
            while True:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(always_ready)
        nursery.start_soon(policy.look)
        await trio.sleep(0.1)
        looks_while_busy = policy.looks
        busy.cancel()

    assert looks_while_busy == 0
    assert policy.looks == 1
    assert policy.put_off == 0
