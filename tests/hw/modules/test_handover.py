"""What a module that joins a connector which is delivering costs it: the current that is missing, and for how long.

With emulated modules, their soft start included: others must not let go of what the newcomer cannot take over yet.
"""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules.sharing import HANDOVER_PART
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint
from tests.hw.modules.emulated import STEP_S, EmulatedBench

BATTERY_V = 380.0
SET_V = 450.0
TOLERANCE_A = 0.05  # of set-points and measurements

FAMILIES = {
    "infypower": "infypower-reg1k0100g",
    "infypower-beg": "infypower-beg1k075g",
    "huawei": "huawei-r100040gx",
    "maxwell": "maxwell-mxr100030",
    "tonhe": "tonhe-th30f10025c7",
    "uugreenpower": "uugreenpower-ur100030",
}


@attrs.define
class Dip:
    """What was missing of the set-point, from when a newcomer may join."""

    deepest_a: float = 0.0
    charge_as: float = 0.0
    below_s: float = 0.0  # by more than 1 %
    most_a: float = 0.0

    def see(self, flowing_a: float, wanted_a: float) -> None:
        missing_a = max(0.0, wanted_a - flowing_a)
        self.deepest_a = max(self.deepest_a, missing_a)
        self.charge_as += missing_a * STEP_S
        self.below_s += STEP_S * (missing_a > 0.01 * wanted_a)
        self.most_a = max(self.most_a, flowing_a)


async def deliver(bench: EmulatedBench, stage: Stage, current_a: float, for_s: float) -> Dip:
    """As a runner does it, ten times a second; looked at in each step of the physics."""
    dip = Dip()
    for step in range(round(for_s / STEP_S)):
        now_s = trio.current_time()
        if step % 5 == 0:
            stage.apply(SetPoint(voltage_v=SET_V, current_a=current_a, expires_at_s=now_s + 2))
        await trio.sleep(STEP_S)
        dip.see(bench.bus.current_a, current_a)
    return dip


async def joined(bench: EmulatedBench, nursery: trio.Nursery, current_a: float, *newcomers: int) -> Dip:
    """All modules but the newcomers deliver; then those join, one after the other."""
    bench.renewing = False
    bench.plug(BATTERY_V)
    await bench.start(nursery)
    stage = Stage(ConnectorId(1), bench.tasks)
    for number in newcomers:
        stage.drain(bench.tasks[number])
        await deliver(bench, stage, 0, 0.5)
        stage.leave(bench.tasks[number])
    await deliver(bench, stage, current_a, 15)
    for number in newcomers:
        stage.join(bench.tasks[number])
    return await deliver(bench, stage, current_a, 25)


def step_a(bench: EmulatedBench) -> float:
    """What one newcomer may be told beyond what it has shown, at the battery's voltage; and what it starts with."""
    return HANDOVER_PART * bench.task.rating.current_limit_a(BATTERY_V) + TOLERANCE_A


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_newcomer_costs_no_more_than_one_step_at_a_time(
    family: str, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Half of what flows changes hands: 30 A, of which less than 6 A are ever missing, and the sum is never above."""
    bench = EmulatedBench(driver=family, profile_name=FAMILIES[family], addresses=(1, 2))
    dip = await joined(bench, nursery, 60, 1)

    assert [30, 30] == [round(node.module.current_a) for node in bench.nodes]
    assert dip.deepest_a <= step_a(bench) < 6
    assert dip.below_s < 8
    assert dip.charge_as < 25
    assert dip.most_a <= 60 + TOLERANCE_A
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("family", FAMILIES)
async def test_two_newcomers_at_once_cost_two_steps(
    family: str, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(driver=family, profile_name=FAMILIES[family], addresses=(1, 2, 3, 4))
    dip = await joined(bench, nursery, 100, 2, 3)

    assert [25] * 4 == [round(node.module.current_a) for node in bench.nodes]
    assert dip.deepest_a <= 2 * step_a(bench)
    assert dip.most_a <= 100 + TOLERANCE_A
    nursery.cancel_scope.cancel()


async def test_what_the_others_cannot_carry_is_the_newcomers_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """At its battery one module gives 78 A; of 120 A the other 42 A are room that is nobody's, and need no steps."""
    bench = EmulatedBench(driver="infypower", profile_name=FAMILIES["infypower"], addresses=(1, 2))
    dip = await joined(bench, nursery, 120, 1)
    first = next(mark.value for mark in bench.nodes[1].marks.since() if mark.what == "set-point")

    assert first == {"voltage_v": SET_V, "current_a": pytest.approx(42, abs=1)}
    assert dip.most_a <= 120 + TOLERANCE_A
    nursery.cancel_scope.cancel()
