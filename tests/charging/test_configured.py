"""A connector configured anew: how it shares counts at once, what it may carry only from its next session on."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.model.connector import ConnectorState
from tests.charging.bench import Bench
from tests.charging.scenes import TOKEN
from tests.charging.test_runner import charging, running, until_state


async def test_a_session_goes_on_as_it_began_and_the_next_one_takes_the_change(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        machine = bench.runner.machine
        await charging(bench)
        before_a = bench.current_a
        machine.configure(attrs.evolve(machine.connector, max_current_a=before_a / 2, weight=3.0, tier=2))

        await trio.sleep(10)
        assert bench.current_a == pytest.approx(before_a), "the session that runs notices nothing"
        demand = bench.runner.demand(trio.current_time())
        assert (demand.weight, demand.tier) == (3.0, 2), "how it shares counts at once"

        bench.car = attrs.evolve(bench.car, stop_request=True)
        await until_state(bench, ConnectorState.FINISHING)
        await bench.until(lambda: bench.runner.session is None)
        assert machine.connector.max_current_a == before_a / 2

        bench.unplug()
        await until_state(bench, ConnectorState.AVAILABLE)
        await charging(bench)
        assert bench.current_a == pytest.approx(before_a / 2)


def test_without_a_session_all_counts_at_once(machine: ConnectorMachine) -> None:
    machine.configure(attrs.evolve(machine.connector, max_power_w=5_000.0))
    assert machine.connector.max_power_w == 5_000.0


async def test_another_ramp_counts_in_a_session_that_runs(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        machine = bench.runner.machine
        machine.set_limits(attrs.evolve(machine.limits, ramp_a_per_s=1.0))
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await until_state(bench, ConnectorState.CHARGING)
        await trio.sleep(10)
        slow_a = bench.current_a
        assert slow_a < 20
        machine.set_limits(attrs.evolve(machine.limits, ramp_a_per_s=50.0))
        await trio.sleep(5)
        assert bench.current_a > slow_a + 50


@pytest.fixture
def machine() -> ConnectorMachine:
    return Bench().runner.machine
