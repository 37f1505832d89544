"""Claims about what the modules are told when a session begins and when it is over: the voltage that its car bears."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import EvCommand, EvStatus
from jp_firmware.model.connector import Stage as Step
from jp_firmware.model.session import StopReason
from tests.charging.bench import Bench
from tests.charging.scenes import READY, TOKEN
from tests.charging.test_runner import charging, running


async def test_modules_are_prepared_for_the_car_before_the_cable_check_while_they_are_off(
    autojump_clock: MockClock,
) -> None:
    bench = Bench()
    seen: list[tuple[float | None, bool]] | None = None

    def on_command(command: EvCommand) -> None:
        nonlocal seen
        if command.stage is Step.CABLE_CHECK and seen is None:
            seen = list(bench.stage.prepared)

    bench.ev_link.on_command = on_command
    async with running(bench):
        await charging(bench)
        assert bench.stage.prepared == [(READY.max_voltage_v, True)], "once, and never in delivery"

    assert seen == [(READY.max_voltage_v, True)]


async def test_a_session_that_is_over_leaves_the_modules_free_and_off(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with running(bench):
        await charging(bench)
        bench.runner.end(Ending(StopReason.LOCAL))
        await bench.until(lambda: bool(bench.log.ended))
        assert [(READY.max_voltage_v, True), (None, True)] == bench.stage.prepared


async def test_so_does_one_that_is_cancelled(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with running(bench):
        await charging(bench)

    assert (None, True) == bench.stage.prepared[-1]


@pytest.mark.parametrize(("told_v", "prepared_v"), [(450.0, 450.0), (1500.0, 1000.0)])
async def test_what_the_connector_bears_bounds_what_the_car_bears(
    autojump_clock: MockClock, told_v: float, prepared_v: float
) -> None:
    bench = Bench()
    bench.runner.machine.connector = attrs.evolve(bench.runner.machine.connector, max_voltage_v=1000)
    async with running(bench):
        bench.ev_link.status.publish(EvStatus(), trio.current_time())
        bench.plug()
        bench.car = attrs.evolve(bench.car, max_voltage_v=told_v)
        bench.runner.machine.authorize(TOKEN, trio.current_time())
        await bench.until(lambda: bool(bench.stage.prepared))

    assert prepared_v == bench.stage.prepared[0][0]
