"""A module's task under its supervisor: silence, a bus that goes and comes, cancellation anywhere."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.serial import WireDown
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import OFF, ON, PROFILE, Bench
from tests.hw.modules.supervised import tree


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_silence_ends_the_task_and_its_return_needs_no_operator(
    bench: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = bench.add()
    bench.add()
    supervisor = tree(bench)
    nursery.start_soon(supervisor.run)
    await trio.sleep(1)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    assert fake.on

    fake.silent = True
    await trio.sleep(5)
    assert {("PM-01", "module-1"): "no answer (for 2 s, address 0)"} == bench.faults.standing
    assert not task.wanted
    assert bench.tasks[1].usable, "its neighbour did not notice"

    fake.silent = False
    await trio.sleep(3)
    assert {} == bench.faults.standing
    assert task.usable
    assert not fake.on, "no set-point survives a restart"
    nursery.cancel_scope.cancel()


async def test_a_pulled_adapter_is_told_and_plugging_it_in_brings_everything_back_off(
    bench: Bench, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    fake, task = bench.add()
    nursery.start_soon(tree(bench).run)
    await trio.sleep(1)
    task.want(400, 50, trio.current_time() + 60)
    await trio.sleep(1)
    bench.memory.unplug()
    await trio.sleep(1)

    assert {("PM-14", "can0"): "memory: no such port", ("PM-01", "module-1"): "its bus can0 is down"} == (
        bench.faults.standing
    )
    assert not task.usable
    assert Quality.STALE is task.status.signal.quality
    task.want(400, 50, trio.current_time() + 60)
    task.want_off()

    bench.memory.plugged = True
    await trio.sleep(3)
    assert {} == bench.faults.standing
    assert task.usable
    assert not fake.on
    nursery.cancel_scope.cancel()


async def test_the_task_ends_with_a_plain_error_when_the_bus_is_down(bench: Bench, autojump_clock: MockClock) -> None:
    _, task = bench.add()
    with pytest.raises(WireDown, match="can0"):
        await task.run(pulse(task.run))


def test_wherever_the_tree_is_cancelled_off_is_the_last_word_and_the_module_is_off() -> None:
    profile = attrs.evolve(PROFILE, poll_on_s=0.4, poll_off_s=0.4, poll_status_s=0.8)  # fewer steps to sweep
    cancelled_while_on = 0

    def scenario() -> Scenario:
        bench = Bench()
        fake, task = bench.add(profile=profile)

        async def drive() -> None:
            while not task.usable:  # noqa: ASYNC110 a car that looks now and then
                await trio.sleep(0.05)
            task.want(400, 50, trio.current_time() + 0.4)

        async def run() -> None:
            with trio.move_on_after(1.1):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(tree(bench).run)
                    nursery.start_soon(drive)

        def check() -> None:
            nonlocal cancelled_while_on
            switched = [text for text in bench.memory.texts() if text in (ON, OFF)]
            cancelled_while_on += ON in switched
            assert [OFF] == switched[-1:] or (switched == [] and not fake.orders)
            assert not fake.on

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=range(2)) > 100
    assert cancelled_while_on > 20
