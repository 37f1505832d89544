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
from jp_firmware.planner.forecast import Arriving, Forecast, forecast, outlook_of
from jp_firmware.planner.limits import LimitBook
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.sharing import Modules

RINGS_APART_S = 0.02  # ours: a charger of 64 connectors that all stop at once rings as often; limits never wait
FORECAST_EVERY_S = 10.0  # ours: what cars will want in a quarter of an hour does not change faster
PIECES = 8  # ours: of a search for modules after each plan; with eight a hard one is done within a few seconds
PERIOD_S = 0.5  # ours: a tenth of an allocation's life, and the pace at which measured room is handed out


@attrs.define(eq=False, repr=False)
class Planner:
    """Publishes `plan`. Fed by plans published, which is its evidence of life."""

    demands: Callable[[], Sequence[Demand]]
    limits: LimitBook = attrs.field(factory=LimitBook)
    plan: Source[Plan] = attrs.field(factory=lambda: Source("planner"))
    rules: Rules = attrs.field(factory=Rules)
    modules: Modules | None = None
    forecast: Source[Forecast] = attrs.field(factory=lambda: Source("planner"))
    ponder: Callable[[], bool] = lambda: False  # looks on for modules a little; whether there is more to look for
    arriving: Callable[[], Arriving] = Arriving  # cars that are to be expected; nobody, unless somebody knows
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
        plan = compute(self.demands(), self.limits.all(), previous, now_s, self.rules, self.modules)
        self.plan.publish(plan, now_s)

    async def run(self, lifeline: Lifeline) -> None:
        """Runs until cancelled. The last plan's allocations then expire by themselves."""
        self.recompute()
        self._look_ahead()
        lifeline.ready()
        while True:
            await trio.sleep(RINGS_APART_S)
            with trio.move_on_at(self._next_s(trio.current_time())):
                await self._bell.wait()
            self.recompute()
            lifeline.feed()
            await self._ponder()
            if self.forecast.fresh(trio.current_time(), FORECAST_EVERY_S) is None:
                self._look_ahead()

    async def _ponder(self) -> None:
        """A choice of modules that the plan had no time for goes on, each piece in a turn of the loop of its own."""
        for _ in range(PIECES):
            await trio.lowlevel.checkpoint()
            if not self.ponder():
                return

    def _look_ahead(self) -> None:
        plan, now_s = self.plan.signal.value or Plan(), trio.current_time()
        cars = [outlook_of(demand, plan.allocations.get(demand.connector_id)) for demand in self.demands()]
        known = [car for car in cars if car is not None]
        places = len(cars) - len(known)
        self.forecast.publish(forecast(known, self.arriving(), places), now_s)

    def _next_s(self, now_s: float) -> float:
        """When to look again if nothing happens: in a period, or when a limit falls to its safe value before.

        That may have been since the last plan, which knew it as it was.
        """
        planned_s = (self.plan.signal.value or Plan()).at_s
        return min(now_s + PERIOD_S - RINGS_APART_S, self.limits.next_expiry_s(planned_s))
