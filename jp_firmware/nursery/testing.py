"""A test tool for anything that can be cancelled: cancel it before every single step it takes, one run each.

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

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import attrs
import trio
import trio._core._run as trio_run  # the seed of the scheduler is not public; Hypothesis' Trio plugin uses the same
from trio.testing import MockClock


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
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = was_allowed  # type: ignore[misc]
        trio_run._r.setstate(state)
