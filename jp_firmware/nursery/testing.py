"""Test tools for what runs under supervision: cancel it at every step, see that nothing is left, watch its watchdog.

`cancel_at_every_step` cancels a scenario before every single step it takes, one run each. `nothing_left` fails if a
task outlives its block, or if something stays on. `watched` runs one driver under a supervisor, in virtual time.

A scenario is run again and again, each time cancelled one task step later than before, until it outlives the
cancellation; after every run its own check says whether the world was left as promised. With seeded scheduling each
interleaving can be repeated. For tests only: it reaches into Trio's scheduler, and no production code imports it.

    def test_cancelling_the_module_anywhere_leaves_it_off() -> None:
        def scenario() -> Scenario:
            module = FakeModule()

            async def run() -> None:
                with trio.move_on_after(1):  # the scenario must end by itself
                    await drive(module)

            def check() -> None:
                assert not module.on

            return Scenario(run=run, check=check)

        assert cancel_at_every_step(scenario) > 20  # steps swept: a scenario that does nothing proves nothing
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import trio
import trio._core._run as trio_run  # the seed of the scheduler is not public; Hypothesis' Trio plugin uses the same
from trio.testing import MockClock

from jp_firmware.nursery.child import Child, End, Lifeline
from jp_firmware.nursery.supervisor import Supervisor


@attrs.frozen(kw_only=True)
class Scenario:
    """One fresh attempt. `run` may be cancelled anywhere; `check` runs after it, inside the same Trio run."""

    run: Callable[[], Awaitable[object]]
    check: Callable[[], object]


class CancelAt(trio.abc.Instrument):
    """Cancels `scope` just before the `step`-th task step from now; the first is 1."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self._scope = scope
        self._steps_left = step

    @property
    def reached(self) -> bool:
        """Whether the run got as far as the step."""
        return self._steps_left <= 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - Trio's signature
        self._steps_left -= 1
        if self._steps_left == 0:
            self._scope.cancel(reason="cancelled at every step")


def cancel_at_every_step(
    make_scenario: Callable[[], Scenario],
    *,
    seeds: Iterable[int] = range(3),
    clock: Callable[[], trio.abc.Clock] | None = lambda: MockClock(autojump_threshold=0),
    first: int = 1,
    stride: int = 1,
    at_most: int = 5000,
) -> int:
    """Sweeps a scenario and returns how many cancellation points were tried, over all seeds.

    `make_scenario` builds everything anew for each run. Whatever `run` or `check` raises passes through, with a note
    that names step and seed. Each seed is another order of tasks. `clock` None is the real clock, for scenarios with
    threads or files, which a mock clock does not wait for. With `first` and `stride` only some of the steps are tried,
    for scenarios too long to try each of them every time. Raises AssertionError past `at_most` steps of one seed.
    """
    swept = 0
    for seed in seeds:
        for step in range(first, at_most + 1, stride):
            with _seeded(seed):
                try:
                    outlived = trio.run(_attempt, make_scenario, step, clock=clock() if clock else None)
                except BaseException as error:
                    error.add_note(f"cancelled before task step {step}, seed {seed}")
                    raise
            if outlived:
                break
            swept += 1
        else:
            raise AssertionError(f"the scenario does not end within {at_most} task steps (seed {seed})")
    return swept


async def _attempt(make_scenario: Callable[[], Scenario], step: int) -> bool:
    """One run, cancelled before `step`. Whether the scenario ended without getting there."""
    scenario = make_scenario()
    with trio.CancelScope() as scope:
        instrument = CancelAt(scope, step)
        trio.lowlevel.add_instrument(instrument)
        try:
            await scenario.run()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    scenario.check()
    return not instrument.reached


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Makes the scheduler's choices repeatable for one run."""
    was_allowed, state = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc] # Final, for others
    trio_run._r.seed(seed)
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = was_allowed  # type: ignore[misc] # the same
        trio_run._r.setstate(state)


# --- nothing left --------------------------------------------------------------------------------------------------


@contextmanager
def nothing_left(*still_on: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Fails if a task that began inside the block outlives it, or if any of `still_on` names something.

    Each of `still_on` tells what has power now: `lambda: [one.id for one in modules if one.on]`. However the block
    ends, it is looked at; an AssertionError then carries the block's own error as its context. Cancellation passes.

        with nothing_left(lambda: contactors.closed):
            with trio.move_on_after(0.3):
                await tree.run()
    """
    before = set(_tasks())
    try:
        yield
    finally:
        left = sorted(task.name for task in _tasks() if task not in before)
        on = sorted(name for tells in still_on for name in tells())
        told = [f"tasks left: {', '.join(left)}"] if left else []
        told += [f"still on: {', '.join(on)}"] if on else []
        if told:
            raise AssertionError("; ".join(told))


def _tasks() -> Iterator[trio.lowlevel.Task]:
    """All tasks of the run, Trio's own included."""
    root = trio.lowlevel.current_root_task()
    assert root is not None, "inside a Trio run only"
    waiting = [root]
    while waiting:
        task = waiting.pop()
        yield task
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


# --- a watchdog in virtual time --------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Watched:
    """One driver under supervision: when it was ready, when it fed, how it ended. Times are seconds since the start."""

    lifeline: Lifeline
    began_s: float
    ready_at_s: list[float] = attrs.field(factory=list)
    fed_at_s: list[float] = attrs.field(factory=list)  # each feed, and each ready
    ends: list[tuple[End, float]] = attrs.field(factory=list)

    @property
    def now_s(self) -> float:
        """Since the start."""
        return trio.current_time() - self.began_s

    async def feeds_within(self, seconds: float) -> int:
        """Lets so much time pass; how often the watchdog was fed meanwhile. What is no evidence must answer 0."""
        before = len(self.fed_at_s)
        await trio.sleep(seconds)
        return len(self.fed_at_s) - before


@asynccontextmanager
async def watched(run: Callable[[Lifeline], Awaitable[object]], **terms: Any) -> AsyncIterator[Watched]:
    """Runs a driver as the only child of a supervisor, on a mock clock that jumps; `terms` are those of `Child`.

    Ends are recorded and followed by restarts, without limit. Left, the driver is stopped and made safe; what could not
    be made safe raises.

        async with watched(meter.run, watchdog_s=5.0) as part:
            assert await part.feeds_within(3.0) >= 2
            wire.freeze()
            assert await part.feeds_within(4.0) == 0
            await trio.sleep(2.0)
            assert part.ends[0][0] is End.WATCHDOG
    """

    async def noted(lifeline: Lifeline) -> None:
        await run(_Noted(lifeline, part))  # type: ignore[arg-type] # all that a driver uses of a lifeline

    tree = Supervisor(
        name="watched",
        children=[Child(**{"name": "part", **terms, "run": noted})],
        intensity=None,
        on_event=lambda _path, _one, end: part.ends.append((end, part.now_s)),
    )
    part = Watched(tree.lifelines[0], trio.current_time())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        yield part
        nursery.cancel_scope.cancel(reason="the test is over")


class _Noted:
    """A lifeline that notes what it is told."""

    def __init__(self, lifeline: Lifeline, part: Watched) -> None:
        self._lifeline, self._part = lifeline, part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifeline, name)

    def ready(self) -> None:
        self._part.ready_at_s.append(self._part.now_s)
        self._part.fed_at_s.append(self._part.now_s)
        self._lifeline.ready()

    def feed(self) -> None:
        self._part.fed_at_s.append(self._part.now_s)
        self._lifeline.feed()
