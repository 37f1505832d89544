"""A stage over emulated modules of each family, their bytes and their physics: share, ramp, move and silence."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules.stage import Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint
from tests.hw.modules.emulated import EmulatedBench

FAMILIES = {
    "huawei": "huawei-r100040gx",
    "infypower": "infypower-reg1k0100g",
    "infypower-beg": "infypower-beg1k075g",
    "maxwell": "maxwell-mxr100030",
    "tonhe": "tonhe-th30f10025c7",
    "uugreenpower": "uugreenpower-ur100030",
}
TOLERANCE_A = 1.0  # of three modules' regulation and of what their words are rounded to


@attrs.define(eq=False)
class Delivering:
    """Three modules behind one set-point, on a battery of 380 V."""

    bench: EmulatedBench
    stage: Stage
    most_a: float = 0.0  # that was ever seen

    async def deliver(self, current_a: float, for_s: float) -> None:
        """As a runner does it: ten times a second, while what flows is looked at fifty times."""
        for tick in range(round(50 * for_s)):
            if tick % 5 == 0:
                expires_at_s = trio.current_time() + 2
                self.stage.apply(SetPoint(voltage_v=450, current_a=current_a, expires_at_s=expires_at_s))
            await trio.sleep(0.02)
            self.most_a = max(self.most_a, self.current_a)

    @property
    def current_a(self) -> float:
        return sum(node.module.current_a for node in self.bench.nodes)

    @property
    def shares_a(self) -> list[float]:
        return [node.module.current_a for node in self.bench.nodes]


@pytest.fixture(params=FAMILIES)
async def up(request: pytest.FixtureRequest, nursery: trio.Nursery) -> AsyncIterator[Delivering]:
    bench = EmulatedBench(driver=request.param, profile_name=FAMILIES[request.param], addresses=(1, 2, 3))
    await bench.start(nursery)
    stage = Stage(ConnectorId(1), bench.tasks)
    stage.prepare(450)
    await bench.until(lambda: all(task.usable for task in bench.tasks), 10)
    bench.plug(380)
    yield Delivering(bench, stage)
    nursery.cancel_scope.cancel()


async def test_a_set_point_is_delivered_in_equal_shares_and_never_exceeded(
    up: Delivering, autojump_clock: MockClock
) -> None:
    for current_a in (6, 30, 90):
        await up.deliver(current_a, 1)
        assert up.most_a <= current_a + TOLERANCE_A
    await up.deliver(90, 8)

    assert up.current_a == pytest.approx(90, abs=TOLERANCE_A)
    assert up.shares_a == pytest.approx([30, 30, 30], abs=TOLERANCE_A)
    assert up.most_a <= 90 + TOLERANCE_A
    up.stage.off()
    await up.bench.until(lambda: up.current_a < 1, 1.5)


async def test_a_module_drained_and_taken_back_costs_its_share_for_a_moment_and_never_more(
    up: Delivering, autojump_clock: MockClock
) -> None:
    await up.deliver(60, 9)
    up.stage.drain(up.bench.tasks[1])
    await up.deliver(60, 4)
    assert up.shares_a == pytest.approx([30, 0, 30], abs=TOLERANCE_A)
    assert up.stage.drained(up.bench.tasks[1])

    up.stage.leave(up.bench.tasks[1])
    up.stage.join(up.bench.tasks[1])
    await up.deliver(60, 15)
    assert up.shares_a == pytest.approx([20, 20, 20], abs=TOLERANCE_A)
    assert up.most_a <= 60 + TOLERANCE_A


async def test_a_silent_modules_share_is_held_back_and_the_rest_goes_on(
    up: Delivering, autojump_clock: MockClock
) -> None:
    await up.deliver(60, 9)
    silent = up.bench.nodes[0]
    silent.misbehaviour.frozen = True  # goes on with what it was told, and hears nothing
    silent.misbehaviour.silent = True
    silent_s = trio.current_time()
    await up.deliver(60, 1.5)
    assert up.current_a == pytest.approx(60, abs=TOLERANCE_A)
    await up.deliver(40, 0.5)
    assert up.current_a == pytest.approx(40, abs=TOLERANCE_A), "all of a lower limit is cut from the others"
    await up.deliver(40, silent_s + up.bench.task.profile.silent_off_s - trio.current_time())
    assert sum(up.shares_a[1:]) <= 20 + TOLERANCE_A, "nothing of its share was given to them"

    await up.deliver(40, 6)
    assert up.current_a == pytest.approx(40, abs=TOLERANCE_A)
    assert up.shares_a[0] == 0, "unheard, it has switched off by itself"
    assert up.most_a <= 60 + TOLERANCE_A
