"""The planner at work on cars that rise slowly and fall not at once: what is measured stays below every limit.

Ten times a second, for half an hour: cars come, go, ask for more or less, draw less than they ask for or fall silent.
A plan follows every half second and every event. Only a limit that was lowered may be exceeded, and only while what
flowed before comes down.
"""

from __future__ import annotations

import random

import attrs
import pytest

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.planner import compute
from tests.planner.scenes import KW, group, limit, rules, wants

STEP_S = 0.1
VOLTAGE_V = 400.0
UP_W = 25.0 * VOLTAGE_V * STEP_S  # a step's rise at 25 A/s
DOWN_W = 100.0 * VOLTAGE_V * STEP_S
TERMS = rules(
    group("chain-A", 1, 2, 3, share_kw=150),
    group("chain-B", 4, 5, 6, share_kw=150),
    group("feeder-N", 1, 2, 3, 4, 5, 6),
    min_useful_w=5 * KW,
    rotate_s=60.0,
    ramp_a_per_s=25.0,
)
CAPS = {"chain-A": range(1, 4), "chain-B": range(4, 7), "feeder-N": range(1, 7), "site": range(1, 9)}


@attrs.define
class Floor:
    """The chargers' floor: what every car asks for, would draw at most, and draws."""

    dice: random.Random
    demands: dict[int, Demand] = attrs.field(factory=dict)
    appetite_w: dict[int, float] = attrs.field(factory=dict)
    drawn_w: dict[int, float] = attrs.field(factory=dict)
    limits: dict[str, Limit] = attrs.field(factory=dict)
    plan: Plan = attrs.field(factory=Plan)
    cut_at_s: float = -1e9
    energy_wh: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.limits = {
            one.scope: one
            for one in (limit("site", 300), limit("chain-A", 220), limit("chain-B", 220), limit("feeder-N", 260))
        }
        for n in range(1, 9):
            self.demands[n] = wants(n, 0, active=False, voltage_v=VOLTAGE_V, tier=1 + n % 2, weight=1.0 + n % 3)
            self.appetite_w[n] = self.drawn_w[n] = 0.0

    def event(self, now_s: float) -> None:
        """Something happens at one connector, or to the site's limit."""
        dice, n = self.dice, self.dice.randint(1, 8)
        what, one = dice.random(), self.demands[n]
        if what < 0.35:
            asked_w = dice.uniform(2, 200) * KW
            self.demands[n] = attrs.evolve(one, active=True, requested_w=asked_w, started_s=now_s, stale=False)
            self.appetite_w[n] = asked_w * dice.choice((1.0, 1.0, 0.3, 0.0))
        elif what < 0.55:
            self.demands[n] = attrs.evolve(one, active=False, requested_w=0.0, stale=False)
        elif what < 0.75:
            self.appetite_w[n] = dice.uniform(0, 1) * one.requested_w
        elif what < 0.85:
            self.demands[n] = attrs.evolve(one, stale=one.active and not one.stale)
        else:
            before = self.limits["site"]
            self.limits["site"] = attrs.evolve(before, value_w=dice.uniform(20, 400) * KW)
            if self.limits["site"].value_w < before.value_w:
                self.cut_at_s = now_s

    def replan(self, now_s: float) -> None:
        demands = [attrs.evolve(one, measured_w=self.drawn_w[n]) for n, one in self.demands.items()]
        self.plan = compute(demands, tuple(self.limits.values()), self.plan, now_s, TERMS)

    def flow(self) -> None:
        """A step of physics: power follows what is assigned, up slowly, down fast, and never at once."""
        for n, one in self.plan.allocations.items():
            aim_w = min(one.assigned_w, self.appetite_w[n]) if self.demands[n].active else 0.0
            drawn_w = self.drawn_w[n]
            self.drawn_w[n] = min(aim_w, drawn_w + UP_W) if aim_w > drawn_w else max(aim_w, drawn_w - DOWN_W)
        self.energy_wh += sum(self.drawn_w.values()) * STEP_S / 3600

    def look(self, now_s: float) -> None:
        for scope, below in CAPS.items():
            if scope == "site" and now_s - self.cut_at_s < 400 * KW / DOWN_W * STEP_S:
                continue
            flowing_w = sum(self.drawn_w[n] for n in below)
            assert flowing_w <= self.limits[scope].value_w + 1e-3, f"{now_s:.1f} s: {flowing_w:.0f} W at {scope}"


@pytest.mark.parametrize("seed", range(4))
def test_what_flows_stays_below_every_limit_while_cars_come_and_go(seed: int) -> None:
    floor = Floor(random.Random(seed))
    for step in range(1800 * 10):
        now_s = step * STEP_S
        if floor.dice.random() < 0.03:
            floor.event(now_s)
            floor.replan(now_s)
        elif step % 5 == 0:
            floor.replan(now_s)
        floor.flow()
        floor.look(now_s)

    assert floor.energy_wh > 10_000, "and the cars were charged"


def test_a_lower_limit_is_met_as_fast_as_power_can_fall_and_nobody_rises_meanwhile() -> None:
    floor = Floor(random.Random(1))
    for n in (1, 4, 7):
        floor.demands[n] = attrs.evolve(floor.demands[n], active=True, requested_w=150 * KW)
        floor.appetite_w[n] = 150 * KW
    for step in range(300):
        if step % 5 == 0:
            floor.replan(step * STEP_S)
        floor.flow()
    assert sum(floor.drawn_w.values()) == pytest.approx(300 * KW)

    floor.limits["site"] = limit("site", 60)
    floor.demands[2] = attrs.evolve(floor.demands[2], active=True, requested_w=50 * KW)
    floor.appetite_w[2] = 50 * KW
    floor.replan(30.0)
    before_w, steps = sum(floor.drawn_w.values()), 0
    while before_w > 60 * KW + 1e-3:
        floor.flow()
        if steps % 5 == 4:
            floor.replan(30.1 + steps * STEP_S)
        now_w, steps = sum(floor.drawn_w.values()), steps + 1
        assert now_w < before_w
        before_w = now_w

    assert steps <= 150 * KW / DOWN_W + 1
    assert floor.plan.allocations[ConnectorId(2)].allowed_w > 0
