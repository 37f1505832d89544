"""The plug's temperature in the composition: its limit in the book, with an end, and the faults that go with it."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition import planning
from jp_firmware.composition.limiting import LimitCalls
from jp_firmware.composition.plug_heat import STEADY_S
from jp_firmware.config import store
from jp_firmware.console.calls import CallRefused
from jp_firmware.controller import Controller
from jp_firmware.model.connector import EvStatus
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import StageOutput
from jp_firmware.planner.derating import OWNER

ONE = ConnectorId(1)
WATCHDOG_S = 0.5  # of the demo's boards


@attrs.define
class Plug:
    """Connector 1 of the demo cabinet, with a board that says what it is told to."""

    controller: Controller

    @classmethod
    def of(cls, tmp_path: Path, *overrides: str) -> Plug:
        return cls(Controller(store.load(store.find("demo"), overrides), tmp_path, tmp_path, tmp_path / "socket"))

    async def reads(self, one_c: float | None, two_c: float | None = None, *, for_s: float = 0.05) -> None:
        ports = self.controller.charger.runners[ONE].ports
        for _ in range(round(for_s / 0.05)):
            now_s = trio.current_time()
            ports.stage.output.publish(StageOutput(voltage_v=400, current_a=50, modules_on=2), now_s)
            ports.ev_link.status.publish(EvStatus(plug_temperature_1_c=one_c, plug_temperature_2_c=two_c), now_s)
            await trio.sleep(0.05)

    @property
    def limit(self) -> Limit | None:
        return next((one for one in self.controller.planner.limits.all() if one.owner == OWNER), None)

    @property
    def faults(self) -> dict[str, str]:
        return {one.code: one.detail for one in self.controller.faults.active if one.source == "connector-1"}


async def test_a_cool_plug_leaves_no_trace(tmp_path: Path, autojump_clock: MockClock) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(79.9, 30.0, for_s=3)

    assert plug.limit is None
    assert plug.faults == {}
    assert plug.controller.planner.plan.signal.value is not None
    assert plug.controller.planner.plan.signal.value.revision == 0, "and costs no plan"


async def test_a_hot_plug_is_limited_told_why_and_lifted_when_it_has_cooled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(82.4, 30.0)
    assert plug.limit is not None
    assert 0.76 * 200 * 400 - 100 <= plug.limit.value_w <= 0.76 * 200 * 400
    assert plug.faults == {"TMP-03": "82.4 °C at the plug; full power below 80 °C"}
    links = planning.why(plug.controller, ONE)["links"]
    assert [(OWNER, "connector-1", "82.4 °C at the plug; full power below 80 °C")] == [
        (one["owner"], one["scope"], one["reason"]) for one in links if one["owner"] == OWNER
    ]

    await plug.reads(86.0, 30.0)
    assert 31_900 <= plug.limit.value_w <= 32_000
    await plug.reads(83.5, 30.0, for_s=2)
    assert 31_900 <= plug.limit.value_w <= 32_000, "2.5 K cooler is within the play"
    await plug.reads(77.1, 30.0)
    assert plug.limit is not None
    await plug.reads(77.0, 30.0)
    assert plug.limit is None
    assert plug.faults == {}


async def test_the_limit_ends_with_the_boards_watchdog_and_leaves_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(82.4, for_s=10)
    assert plug.limit is not None
    assert plug.limit.value_at(trio.current_time()) > 60_000
    await trio.sleep(WATCHDOG_S)

    assert plug.limit.value_at(trio.current_time()) == 0


async def test_while_it_is_hot_a_plan_is_made_four_times_a_second(tmp_path: Path, autojump_clock: MockClock) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(82.4, for_s=10)
    plan = plug.controller.planner.plan.signal.value

    assert plan is not None
    assert 30 <= plan.revision <= 42


async def test_a_temperature_that_is_lost_leaves_no_power_and_blocks_the_connector(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(45.2, 44.0, for_s=1)
    await plug.reads(None, 44.0, for_s=0.4)
    assert (plug.limit, plug.faults) == (None, {}), "a disturbance"

    await plug.reads(None, 44.0, for_s=0.2)
    assert plug.limit is not None
    assert plug.limit.value_w == 0
    assert plug.limit.reason == "no temperature from the plug (DC+, last 45.2 °C)"
    assert plug.faults == {"TMP-05": plug.limit.reason}

    await plug.reads(45.0, 44.0)
    assert plug.limit is None
    await plug.reads(45.0, 44.0, for_s=STEADY_S - 1)
    assert "TMP-05" in plug.faults
    await plug.reads(45.0, 44.0, for_s=2)
    assert plug.faults == {}


async def test_a_site_that_says_so_charges_on_with_less_and_is_told_what_to_mend(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    plug = Plug.of(tmp_path, "connectors.1.temperature_lost_current_a=50")
    await plug.reads(45.2, 44.0, for_s=1)
    await plug.reads(None, 44.0, for_s=WATCHDOG_S + 0.1)

    assert plug.limit is not None
    assert plug.limit.value_w == 50 * 400
    assert plug.limit.value_at(trio.current_time() + WATCHDOG_S) == 0, "it still ends with what the board says"
    assert plug.limit.reason == "no temperature from the plug (DC+, last 45.2 °C)"
    assert plug.faults == {"TMP-10": plug.limit.reason}
    assert plug.controller.faults.active[0].kind.severity is Severity.DEGRADE

    await plug.reads(None, 91.0)
    assert plug.limit.value_w == 0
    assert set(plug.faults) == {"TMP-05"}, "what blocks the connector is told as such"
    await plug.reads(45.0, 44.0, for_s=STEADY_S + 1)
    assert plug.limit is None
    assert plug.faults == {}


async def test_a_hot_plug_whose_temperature_is_lost_is_not_held_where_it_was(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    plug = Plug.of(tmp_path)
    await plug.reads(85.0, for_s=1)
    await plug.reads(None, for_s=WATCHDOG_S)

    assert plug.limit is not None
    assert plug.limit.value_at(trio.current_time()) == 0
    assert "TMP-03" in plug.faults or "TMP-05" in plug.faults


async def test_nobody_else_sets_a_limit_in_its_name(tmp_path: Path, autojump_clock: MockClock) -> None:
    calls = LimitCalls(Plug.of(tmp_path).controller)

    with pytest.raises(CallRefused, match="sets limits of its own"):
        await calls.put({"scope": "connector-1", "value_w": 1000, "owner": OWNER})
