"""What feeds a watchdog, task by task: evidence does, and nothing that only looks like it."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as infy
from jp_firmware.hw.modules.driver import Condition, Measured
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.infypower_wire import Command
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Allocation, Demand, Plan, StageRating
from jp_firmware.nursery.supervisor import State
from jp_firmware.planner.planner import compute
from tests.matrix.hardware import BoardRig, BusRig, MeterRig, ModuleRig
from tests.matrix.rig import Rig
from tests.matrix.wires import Habits

Strike = Callable[[Rig], None]


# --- what a device may say -------------------------------------------------------------------------------------------


def good(_: Rig) -> None:
    """Nothing is wrong."""


def frozen_counter(rig: Rig) -> None:
    rig.device_frozen()  # type: ignore[attr-defined]


def echo(rig: Rig) -> None:
    rig.echo()  # type: ignore[attr-defined]


def module_output(measured: infy.Output) -> Strike:
    """Every answer about the output says this; all others are good."""

    def strike(rig: Rig) -> None:
        assert isinstance(rig, ModuleRig)
        rig.fakes[0].measured = measured

    return strike


def module_answers(instead: Callable[[infy.Identifier, list[Frame]], list[Frame]]) -> Strike:
    def strike(rig: Rig) -> None:
        assert isinstance(rig, ModuleRig)

        def hear(frame: Frame) -> list[Frame]:
            answers = rig.fakes[0].hear(frame)
            return instead(infy.Identifier.decode(frame.can_id), answers) if answers else []

        rig.wire.instead[0] = hear

    return strike


def without(command: Command) -> Strike:
    return module_answers(lambda asked, answers: [] if asked.command == command else answers)


def too_hot(asked: infy.Identifier, answers: list[Frame]) -> list[Frame]:
    if asked.command != Command.READ_STATUS:
        return answers
    return [infy.reply(asked, 0, infy.Status(infy.Bit.WALK_IN, 127).encode())]


def unasked(rig: Rig) -> None:
    """It does not answer, and reports by itself what nobody asked for."""
    assert isinstance(rig, ModuleRig)
    rig.fakes[0].silent = True
    asked = infy.Identifier(Command.READ_OUTPUT, 0, infy.CONTROLLER)

    async def report() -> None:
        await trio.sleep(0.6)  # the question that was open is taken up by the first of them
        while True:
            rig.wire.memory.arrive(infy.reply(asked, 0, infy.Output(400, 50).encode()))
            await trio.sleep(0.001)

    rig.nursery.start_soon(report)


def meter_says(**lies: float) -> Strike:
    def strike(rig: Rig) -> None:
        assert isinstance(rig, MeterRig)
        rig.meter.lies |= lies

    return strike


def board_says_zeros(rig: Rig) -> None:
    assert isinstance(rig, BoardRig)
    rig.board.corrupt = True


def all_too_late(rig: Rig) -> None:
    """Each answer comes when its question has been given up, and the next is due."""
    habits: Habits = rig.habits  # type: ignore[attr-defined]
    habits.delay_s = {MeterRig: 0.45, BoardRig: 0.14}[type(rig)]  # type: ignore[index]


@attrs.frozen
class Claim:
    rig: type[Rig]
    says: str
    strike: Strike
    feeds: bool = False
    after_s: float = 0.05

    def __str__(self) -> str:
        verb = "feeds" if self.feeds else "does not feed"
        return f"{self.rig.__name__.removesuffix('Rig').lower()}: {self.says} {verb}"


CLAIMS = [
    Claim(ModuleRig, "a plausible answer to a question", good, feeds=True),
    Claim(ModuleRig, "an echo", echo),
    Claim(ModuleRig, "a report nobody asked for", unasked, after_s=1.0),
    Claim(ModuleRig, "a voltage beyond its rating", module_output(infy.Output(1200, 10))),
    Claim(ModuleRig, "a current beyond its rating", module_output(infy.Output(400, 120))),
    Claim(ModuleRig, "an output of all ones", module_output(infy.Output(4_294_967.0, 4_294_967.0))),
    Claim(ModuleRig, "an output that is 127 °C cool", module_answers(too_hot), after_s=1.5),
    Claim(ModuleRig, "a condition without an output", without(Command.READ_OUTPUT), after_s=0.7),
    Claim(ModuleRig, "an output without a condition", without(Command.READ_STATUS), after_s=1.6),
    Claim(BusRig, "a frame of another node", good, feeds=True),
    Claim(MeterRig, "a plausible reading whose register moves", good, feeds=True),
    Claim(MeterRig, "a register that stands while power flows", frozen_counter, after_s=3.6),
    Claim(MeterRig, "an echo", echo),
    Claim(MeterRig, "a voltage beyond what it can measure", meter_says(voltage_v=5000.0)),
    Claim(MeterRig, "a current beyond what it can measure", meter_says(current_a=-30_000.0)),
    Claim(MeterRig, "a register that fell", meter_says(import_wh=3)),
    Claim(MeterRig, "a register that leapt", meter_says(import_wh=900_000)),
    Claim(MeterRig, "an answer older than the question", all_too_late),
    Claim(BoardRig, "an answer whose heartbeat moved", good, feeds=True),
    Claim(BoardRig, "a heartbeat that stands", frozen_counter),
    Claim(BoardRig, "an echo", echo),
    Claim(BoardRig, "an answer outside its map", board_says_zeros),
    Claim(BoardRig, "an answer older than the question", all_too_late),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_only_evidence_feeds(claim: Claim) -> None:
    fed, healthy = trio.run(_fed_after, claim, clock=MockClock(autojump_threshold=0))

    assert healthy > 0, "it was fed before"
    assert claim.feeds is (fed > 0)


async def _fed_after(claim: Claim) -> tuple[int, int]:
    """How often the task was fed in 5 s of this, and before it began."""
    async with trio.open_nursery() as nursery:
        rig = claim.rig(nursery=nursery, clock=trio.lowlevel.current_clock())
        rig.plant_tree()
        nursery.start_soon(rig.live)
        nursery.start_soon(rig.tree.run)
        await trio.sleep(rig.settle_s)
        assert rig.patient.lifeline.state is State.UP
        healthy = len(rig.patient.fed_at_s)
        claim.strike(rig)
        await trio.sleep(claim.after_s)
        before = len(rig.patient.fed_at_s)
        await trio.sleep(5)
        nursery.cancel_scope.cancel(reason="test over")
    return len(rig.patient.fed_at_s) - before, healthy


# --- what the matrix found in the firmware, each held by a claim of its own -------------------------------------------

RATING = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=100, max_power_w=30_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -10.1, 2000.0])
def test_a_measurement_outside_physics_is_no_evidence_whatever_the_vendors_wire_can_carry(value: float) -> None:
    heard = Heard(RATING)
    for report in (Measured(value, 50), Measured(400, value), Condition(on=True, ambient_c=value)):
        heard.asked(type(report), 1.0)
        assert not heard.take(report, 1.1) or report == Condition(on=True, ambient_c=-10.1)


def test_the_answer_to_a_question_of_the_last_start_is_not_heard_in_the_next() -> None:
    heard = Heard(RATING)
    heard.asked(Measured, 10.0)
    heard.forget(1.0)
    heard.asked(Measured, 10.5)

    assert not heard.take(Measured(400, 50), 10.9)
    assert not heard.take(Condition(on=True, ambient_c=20), 10.9)
    assert heard.measured is None
    assert heard.condition is None
    assert heard.take(Measured(0, 0), 11.0)


@pytest.mark.parametrize("end", ["raises", "returns"])
def test_a_delivering_module_whose_task_ends_is_switched_off_in_that_step_and_not_called_disobedient(end: str) -> None:
    rig = trio.run(_end_while_delivering, end, clock=MockClock(autojump_threshold=0))

    assert rig.off_at_its_end == [True, True]
    assert not [said for said in rig.faults.history if "PM-02" in said]


async def _end_while_delivering(end: str) -> ModuleRig:
    async with trio.open_nursery() as wires:
        rig = ModuleRig(nursery=wires, clock=trio.lowlevel.current_clock())
        rig.plant_tree()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.live)
            nursery.start_soon(rig.tree.run)
            await trio.sleep(rig.settle_s)
            assert rig.fakes[0].on
            assert rig.fakes[0].set_current_a > 0
            getattr(rig.patient, end)()
            await trio.sleep(3)
            nursery.cancel_scope.cancel(reason="test over")
    return rig


def site(value_w: float) -> Limit:
    return Limit(owner="site limit", scope="site", value_w=value_w, reason="configured")


def wish(n: int, **more: float) -> Demand:
    values = {"requested_w": 80_000.0, "offered_w": 90_000.0, **more}
    return Demand(connector_id=ConnectorId(n), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", ["requested_w", "offered_w"])
def test_a_demand_that_is_no_number_gets_nothing_and_takes_nothing_from_others(what: str) -> None:
    plan = compute([wish(1, **{what: math.nan}), wish(2)], [site(100_000)], Plan(), 0.0)

    assert [0.0, 80_000.0] == [one.assigned_w for one in plan.allocations.values()]


def test_a_measurement_that_is_no_number_leaves_no_room_to_rise_into_and_cuts_nobody() -> None:
    before = Plan(allocations={ConnectorId(2): Allocation(connector_id=ConnectorId(2), assigned_w=30_000.0)})
    plan = compute([wish(1, measured_w=math.nan), wish(2)], [site(100_000)], before, 0.0)

    assert [0.0, 30_000.0] == [one.assigned_w for one in plan.allocations.values()]


def test_a_limit_that_is_no_number_allows_nothing() -> None:
    nothing = compute([wish(1), wish(2)], [site(math.nan)], Plan(), 0.0)
    one_held = compute(
        [wish(1), wish(2)],
        [site(100_000), Limit(owner="cable", scope="connector-1", value_w=math.nan, reason="?")],
        Plan(),
        0.0,
    )

    assert 0.0 == nothing.total("assigned_w")
    assert 0.0 == nothing.site_limit_w
    assert [0.0, 80_000.0] == [one.assigned_w for one in one_held.allocations.values()]
