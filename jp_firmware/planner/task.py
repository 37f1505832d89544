"""The planner as a task: recomputes on every event, and at least twice a second so that no allocation expires.

A recomputation is one synchronous call: whoever lowers a limit has the lower set-points on the wire when it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from jp_firmware.model.power import Demand, Plan
from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline
from jp_firmware.planner.limits import LimitBook
from jp_firmware.planner.planner import compute

RINGS_APART_S = 0.02  # ours: a charger of 64 connectors that all stop at once rings as often; limits never wait
PERIOD_S = 0.5  # ours: a tenth of an allocation's life, and the pace at which measured room is handed out


@attrs.define(eq=False)
class Planner:
    """Publishes `plan`. Fed by plans published, which is its evidence of life."""

    demands: Callable[[], Sequence[Demand]]
    limits: LimitBook = attrs.field(factory=LimitBook)
    plan: Source[Plan] = attrs.field(factory=lambda: Source("planner"))
    _bell: Bell = attrs.field(factory=Bell)

    def __attrs_post_init__(self) -> None:
        self.plan.publish(Plan(), 0.0)
        self.limits.on_change = self.recompute

    def ring(self) -> None:
        """Something changed that may move power: recompute at the next turn of the loop."""
        self._bell.ring()

    def recompute(self) -> None:
        """Computes and publishes a plan now. Must be called inside the Trio run."""
        now_s = trio.current_time()
        previous = self.plan.signal.value or Plan()
        self.plan.publish(compute(self.demands(), self.limits.all(), previous, now_s), now_s)

    async def run(self, lifeline: Lifeline) -> None:
        """Runs until cancelled. The last plan's allocations then expire by themselves."""
        self.recompute()
        lifeline.ready()
        while True:
            await trio.sleep(RINGS_APART_S)
            with trio.move_on_after(PERIOD_S - RINGS_APART_S):
                await self._bell.wait()
            self.recompute()
            lifeline.feed()
