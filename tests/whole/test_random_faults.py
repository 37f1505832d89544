"""The whole charger under stories that nobody thought of: plug, break, repair, cancel, kill, and the same laws hold.

Hypothesis tells the stories, some to each part. `WHOLE_SEED` is a number, or `random`; `WHOLE_STORIES` is how many to a
part. A story that breaks a law is printed as a list of steps with its seed; `WHOLE_SHRINK=1` has it shortened first,
which takes minutes.
"""

from __future__ import annotations

import os
import random

import pytest
import trio
from hypothesis import HealthCheck, Phase, given, seed, settings
from trio.testing import MockClock

from tests.whole.charger import STEP_S
from tests.whole.rules import Step, stories
from tests.whole.story import Story

SEED = int(os.environ.get("WHOLE_SEED", "1").replace("random", str(random.SystemRandom().randrange(1 << 32))))
STORIES = int(os.environ.get("WHOLE_STORIES", "6"))
STEPS = (80, 150)
PARTS = 3
SHRINK = (Phase.shrink,) if os.environ.get("WHOLE_SHRINK") else ()


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_power_stays_within_its_laws_and_every_session_is_accounted_for_once(part: int) -> None:
    told: list[Story] = []
    steps_taken = 0

    @seed(SEED + part)
    @settings(
        max_examples=STORIES,
        deadline=None,
        database=None,
        phases=(Phase.generate, *SHRINK),
        suppress_health_check=list(HealthCheck),
    )
    @given(stories(*STEPS))
    def tell(steps: list[Step]) -> None:
        nonlocal steps_taken
        steps_taken += len(steps)
        trio.run(_tell, steps, told, clock=MockClock(autojump_threshold=0))

    try:
        tell()
    except BaseException as error:
        error.add_note(f"WHOLE_SEED={SEED} WHOLE_STORIES={STORIES}, part {part}")
        raise

    sessions = sum(len(story.world.queued("StartTransaction")) for story in told)
    escalations = [why for story in told for why in story.escalations]
    moments = round(STEP_S * sum(story.charged for story in told))
    print(
        f"\n{len(told)} stories, {steps_taken} steps, {sessions} sessions, "
        f"{moments} s of charging; {len(escalations)} times the tree gave up; WHOLE_SEED={SEED}, part {part}"
    )
    for why in escalations:
        print("  ", why)
    assert steps_taken > STORIES * STEPS[0] / 2
    assert sessions > STORIES


async def _tell(steps: list[Step], told: list[Story]) -> None:
    async with trio.open_nursery() as nursery:
        story = Story(nursery)
        told.append(story)
        await story.play(steps)
        nursery.cancel_scope.cancel(reason="the story is told")
