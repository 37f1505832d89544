"""An exchange cancelled before any step it takes leaves the line clean for the next one."""

from __future__ import annotations

import pytest
import trio

from jp_firmware.hw.modbus.master import ModbusMaster, ModbusTimeout
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.hw.modbus.slave import Slave, connected, values_at


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.6], ids=["prompt", "slow", "later than its timeout"])
@pytest.mark.parametrize("rtu", [True, False], ids=["rtu", "tcp"])
def test_the_next_exchange_gets_its_own_answer_at_the_first_attempt(rtu: bool, delay_s: float) -> None:
    """Cancelled anywhere, or timed out: what is asked next, alike in all but its address, is answered rightly."""

    def scenario() -> Scenario:
        answers: list[tuple[int, ...]] = []
        masters: list[tuple[ModbusMaster, Slave]] = []
        done = trio.Event()

        async def run() -> None:
            async with trio.open_nursery() as wire:
                with trio.CancelScope(shield=True):
                    await wire.start(serve)
                (master, _) = masters[0]
                try:
                    await master.read_holding(1, 0, 2, timeout_s=0.5, attempts=1)
                except ModbusTimeout:
                    assert delay_s > 0.5
                finally:
                    try:
                        with trio.CancelScope(shield=True):
                            answers.append(await master.read_holding(1, 700, 2, timeout_s=0.5, attempts=1))
                    finally:
                        done.set()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope(shield=True):
                async with connected(rtu=rtu, delay_of=lambda one: 0.001 if one.address else delay_s) as both:
                    masters.append(both)
                    task_status.started()
                    await done.wait()

        def check() -> None:
            assert answers in ([], [values_at(1, 700, 2)])

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=range(2)) > 10


def test_who_is_cancelled_in_the_queue_costs_the_others_nothing() -> None:
    """Three wait for the line; the sweep cancels the one in the middle anywhere, the others get their answers."""

    def scenario() -> Scenario:
        answers: dict[int, tuple[int, ...]] = {}
        masters: list[tuple[ModbusMaster, Slave]] = []
        finished = [trio.Event(), trio.Event()]

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope(shield=True):
                    await nursery.start(serve)
                nursery.start_soon(others, 100, finished[0])
                nursery.start_soon(others, 200, finished[1])
                await masters[0][0].read_holding(1, 0, 2)

        async def others(address: int, event: trio.Event) -> None:
            with trio.CancelScope(shield=True):
                for turn in range(2):
                    asked = address + 10 * turn
                    answers[asked] = await masters[0][0].read_holding(1, asked, 2, attempts=1)
            event.set()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope(shield=True):
                async with connected(delay_s=lambda _: 0.01) as both:
                    masters.append(both)
                    task_status.started()
                    for event in finished:
                        await event.wait()

        def check() -> None:
            assert answers == {address: values_at(1, address, 2) for address in answers}

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=range(2)) > 20
