"""Stalls thinned out: the worst of each task, ever more rarely while it goes on, and none is forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.nursery.stall import Stall
from jp_firmware.nursery.stall_digest import StallDigest


def stall(task: str = "planner", step_ms: float = 8.0, where: str = "planner.task:88") -> Stall:
    return Stall(task=task, step_ms=step_ms, at_s=0.0, next=where)


def test_the_first_stall_is_told_at_once_with_its_place() -> None:
    [told] = StallDigest().take(0.0, [stall()])

    assert told.worst.task == "planner"
    assert told.text == "a step took 8.0 ms, up to planner.task:88"


def test_several_at_once_are_told_by_the_worst() -> None:
    [told] = StallDigest().take(0.0, [stall(step_ms=6), stall(step_ms=9, where=""), stall(step_ms=7)])

    assert told.text == "a step took 9.0 ms, its last one; 2 shorter ones left out"


def test_one_line_in_ten_seconds_and_what_was_left_out_is_told_then_without_a_new_stall() -> None:
    digest = StallDigest()
    digest.take(0.0, [stall()])
    too_early = [digest.take(at_s, [stall(step_ms=at_s + 5)]) for at_s in (1.0, 5.0, 9.9)]
    [told] = digest.take(10.0)
    afterwards = digest.take(30.0)

    assert too_early == [[], [], []]
    assert (told.worst.step_ms, told.left_out) == (14.9, 2)
    assert afterwards == []


def test_a_task_that_goes_on_stalling_is_told_ever_more_rarely_until_it_is_quiet_for_as_long() -> None:
    digest = StallDigest()
    told_s = [now_s for now_s in range(3000) if digest.take(float(now_s), [stall()])]
    quiet_s = [now_s for now_s in range(3000, 5000) if digest.take(float(now_s))]
    again_s = [now_s for now_s in range(5000, 5031) if digest.take(float(now_s), [stall()])]

    assert told_s == [0, 10, 30, 70, 150, 310, 630, 1270, 1910, 2550]
    assert quiet_s == [3190], "what was left over"
    assert again_s == [5000, 5010, 5030]


def test_tasks_do_not_silence_each_other() -> None:
    digest = StallDigest()
    digest.take(0.0, [stall("a")])

    assert [one.worst.task for one in digest.take(1.0, [stall("a"), stall("b")])] == ["b"]


events = st.lists(st.tuples(st.floats(0.0, 4.0), st.sampled_from("abc"), st.floats(5.0, 500.0)), max_size=60)


@settings(max_examples=60)
@given(events)
def test_every_stall_is_told_or_counted_and_never_two_lines_of_a_task_within_the_time(
    happened: list[tuple[float, str, float]],
) -> None:
    digest, now_s, counted = StallDigest(), 0.0, 0
    last_s: dict[str, float] = {}
    worst: dict[str, float] = {}
    for later_s, task, step_ms in [*happened, (2 * digest.longest_s, "", 0.0)]:
        now_s += later_s
        if task:
            worst[task] = max(worst.get(task, 0.0), step_ms)
        for told in digest.take(now_s, [stall(task, step_ms)] if task else []):
            name = told.worst.task
            assert now_s - last_s.get(name, -100.0) >= digest.every_s
            assert told.worst.step_ms == worst.pop(name)
            last_s[name] = now_s
            counted += 1 + told.left_out

    assert counted == len(happened)
    assert not worst
