"""The emulated modules are driven by their own family's driver, whichever it is."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.hw.modules.emulated import EmulatedBench


@pytest.fixture
def bench() -> EmulatedBench:
    return EmulatedBench(driver="infypower", profile_name="infypower-reg1k0100g", addresses=(1, 2))


async def test_modules_start_deliver_and_stop_under_their_tasks(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench.plug(400)
    await bench.start(nursery)
    bench.deliver(450, 30)
    await bench.until(lambda: bench.bus.current_a > 59.9, 5)
    await trio.sleep(1)

    assert bench.status.on
    assert 30 == pytest.approx(bench.status.current_a, abs=0.1)
    bench.off()
    await bench.until(lambda: not bench.status.on and bench.bus.current_a == 0, 1)
    assert {} == bench.faults.standing


async def test_an_order_that_is_no_longer_renewed_ends_with_the_module_off(
    bench: EmulatedBench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench.plug(400)
    await bench.start(nursery)
    bench.deliver(450, 30)
    await bench.until(lambda: bench.bus.current_a > 59.9, 5)
    bench.renewing = False
    await bench.until(lambda: not bench.module.on, 2.1)
