"""What a connector asks of the planner: the last wish of a car that is not heard, and what flows as far as is known."""

from __future__ import annotations

import math

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Demand, MeterReading, StageOutput
from jp_firmware.model.signals import Quality
from tests.charging.bench import READY, Bench


def charging() -> Bench:
    """A connector whose machine is in a session and whose task is not there to end it."""
    bench = Bench()
    now_s = trio.current_time()
    car = attrs.evolve(READY, target_voltage_v=400.0, target_current_a=90.0, soc_percent=42.0)
    bench.ev_link.status.publish(car, now_s)
    bench.stage.output.publish(StageOutput(voltage_v=398.0, current_a=80.0, modules_on=2), now_s)
    bench.runner.machine.state = ConnectorState.PREPARING
    bench.runner.machine.about_to_begin()
    bench.runner.machine.begin(now_s)
    return bench


def demand(bench: Bench) -> Demand:
    return bench.runner.demand(trio.current_time())


async def test_it_says_what_the_planner_needs_to_know(autojump_clock: MockClock) -> None:
    await trio.sleep(7)
    bench = charging()
    await trio.sleep(1)
    bench.runner.machine.connector = Connector(id=ConnectorId(1), tier=2, weight=3.0)
    one = demand(bench)

    assert (2, 3.0, 42.0, 398.0) == (one.tier, one.weight, one.soc_percent, one.voltage_v)
    assert one.active
    assert not one.stale
    assert 398.0 * 80.0 == one.measured_w
    assert one.started_s == pytest.approx(7.0)
    assert bench.stage.rating.current_limit_a(398.0) * 398.0 == one.capacity_w


async def test_a_car_that_is_not_heard_leaves_its_last_wish_marked_stale(autojump_clock: MockClock) -> None:
    bench = charging()
    heard = demand(bench)
    bench.ev_link.status.degrade(Quality.STALE)
    silent = demand(bench)

    assert silent.stale
    assert silent.soc_percent is None
    assert (heard.requested_w, heard.offered_w) == (silent.requested_w, silent.offered_w) != (0.0, 0.0)


async def test_without_a_session_there_is_no_wish_to_remember(autojump_clock: MockClock) -> None:
    bench = charging()
    demand(bench)
    bench.ev_link.status.degrade(Quality.STALE)
    bench.runner.machine.step(bench.runner.view(trio.current_time()))

    assert (0.0, False) == (demand(bench).requested_w, demand(bench).active)


@pytest.mark.parametrize(
    ("output_w", "meter_w", "in_scope", "expected_w"),
    [
        pytest.param(30_000.0, 29_000.0, True, 30_000.0, id="the larger of two that are heard"),
        pytest.param(None, 29_000.0, True, 29_000.0, id="the meter, where modules are silent"),
        pytest.param(None, None, True, math.nan, id="nobody knows, and power may flow"),
        pytest.param(None, None, False, 0.0, id="nobody knows, and none may flow"),
    ],
)
async def test_what_flows_is_known_from_modules_or_meter_or_not_at_all(
    autojump_clock: MockClock, output_w: float | None, meter_w: float | None, in_scope: bool, expected_w: float
) -> None:
    bench, now_s = Bench(), trio.current_time()
    bench.runner._in_scope = in_scope
    if output_w is not None:
        bench.stage.output.publish(StageOutput(voltage_v=400.0, current_a=output_w / 400.0, modules_on=2), now_s)
    if meter_w is not None:
        reading = MeterReading(voltage_v=400.0, current_a=meter_w / 400.0, power_w=meter_w, import_wh=1000)
        bench.meter.reading.publish(reading, now_s)

    assert expected_w == pytest.approx(demand(bench).measured_w, nan_ok=True)
