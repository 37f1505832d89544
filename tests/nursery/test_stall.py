"""The stall detector finds the step that blocked, on a clock that nothing else moves: a machine may block any step."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery import stall as module
from jp_firmware.nursery.stall import StallDetector

passed_ns = 1


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands still but for `block`."""
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter_ns=lambda: passed_ns))


async def block(seconds: float) -> None:
    global passed_ns
    passed_ns += round(seconds * 1e9)


async def blocks_then_waits(seconds: float) -> None:
    await trio.lowlevel.checkpoint()
    await block(seconds)
    await trio.lowlevel.checkpoint()


@pytest.mark.usefixtures("_clock")
async def test_the_worst_step_is_found_with_its_task_and_the_line_it_came_to() -> None:
    with StallDetector(threshold_ms=20).watching() as detector:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(blocks_then_waits, 0.03, name="wires/can0")
            nursery.start_soon(trio.sleep, 0.01, name="innocent")
    [stall] = detector.recent

    assert detector.worst_step_ms == 30
    assert detector.worst_task == stall.task == "wires/can0"
    assert stall.step_ms == detector.worst_step_ms
    line = blocks_then_waits.__code__.co_firstlineno + 3
    assert stall.next == f"{__name__}:{line}"


async def test_a_step_is_measured_on_the_real_clock_even_if_trios_stands_still(autojump_clock: MockClock) -> None:
    async def blocks() -> None:
        time.sleep(0.01)  # noqa: ASYNC251 - a step that blocks is what this is about
        await trio.lowlevel.checkpoint()

    with StallDetector().watching() as detector:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(blocks)

    assert detector.worst_step_ms >= 10


@pytest.mark.usefixtures("_clock")
async def test_the_step_it_was_added_in_is_skipped() -> None:
    await trio.lowlevel.checkpoint()
    await block(0.05)  # before the detector: not its business
    with StallDetector(threshold_ms=40).watching() as detector:
        await trio.lowlevel.checkpoint()

    assert detector.stalls == 0
    assert detector.steps == 0, "the step the detector was added in has no beginning"


@pytest.mark.usefixtures("_clock")
async def test_a_task_that_ends_in_its_stall_is_told_without_a_line() -> None:
    with StallDetector(threshold_ms=20).watching() as detector:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(block, 0.03, name="brief")

    assert [stall.next for stall in detector.recent if stall.task == "brief"] == [""]


async def test_only_the_latest_stalls_are_kept_but_all_are_counted() -> None:
    with StallDetector(threshold_ms=0, keep=3).watching() as detector:
        for _ in range(10):
            await trio.lowlevel.checkpoint()

    assert len(detector.recent) == 3
    assert detector.stalls == detector.steps >= 9


async def test_the_snapshot_is_json_and_reset_forgets() -> None:
    with StallDetector(threshold_ms=0).watching() as detector:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        before = json.loads(json.dumps(detector.snapshot(), allow_nan=False))
        detector.reset()

    assert before["steps"] >= 1
    assert before["recent"][0]["step_ms"] > 0
    assert detector.worst_step_ms == 0
    assert detector.snapshot()["worst_task"] is None
