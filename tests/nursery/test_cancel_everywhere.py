"""The sweep: a tree cancelled before any of its steps opens everything in order; and the sweep finds what does not."""

from __future__ import annotations

import pytest
import trio

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, Lifeline, State, Strategy, Supervisor
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.nursery.parts import feeding


class Plant:
    """Contactors that depend on each other; remembers in which order they were opened."""

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.opened: list[str] = []

    def part(self, name: str, needs: frozenset[str] = frozenset()) -> Child:
        async def run(lifeline: Lifeline) -> None:
            await trio.sleep(0.01)
            assert needs <= self.closed, f"{name} closes, but only {self.closed} are closed"
            self.closed.add(name)
            await feeding(lifeline)

        async def safe() -> None:
            await trio.sleep(0.001)
            self.opened.append(name)
            self.closed.discard(name)

        return Child(name=name, run=run, safe=safe)


def supervised_plant() -> Scenario:
    plant = Plant()
    off: list[tuple[str, ...]] = []
    power = Supervisor(
        name="power",
        children=[plant.part("ac"), plant.part("module", frozenset({"ac"}))],
        strategy=Strategy.REST,
    )
    outlet = Supervisor(name="outlet", children=[plant.part("dc", frozenset({"ac", "module"}))])
    root = Supervisor(
        name="root",
        children=[power.as_child(), outlet.as_child()],
        strategy=Strategy.REST,
        everything_off=lambda: off.append(tuple(plant.opened)),
    )

    async def run() -> None:
        with trio.move_on_after(0.5):
            await root.run()

    def check() -> None:
        assert not plant.closed
        assert plant.opened == [name for name in ("dc", "module", "ac") if name in plant.opened]
        assert all(opened_before == () for opened_before in off), "everything off comes first"
        if plant.opened:
            assert len(off) == 1

    return Scenario(run=run, check=check)


def test_cancelled_at_any_step_a_tree_opens_everything_in_order() -> None:
    swept = cancel_at_every_step(supervised_plant, seeds=range(5))

    assert swept > 5 * 40


def restart_storm() -> Scenario:
    """Three parts that keep failing in different ways, restarted as a group."""
    closed: set[str] = set()

    def part(name: str, life_s: float | None) -> Child:
        async def run(lifeline: Lifeline) -> None:
            await trio.sleep(0.003)
            closed.add(name)
            lifeline.ready()
            if life_s is None:
                await trio.sleep_forever()  # ends by its watchdog
            else:
                await trio.sleep(life_s)
            raise OSError

        async def safe() -> None:
            await trio.sleep(0.001)
            closed.discard(name)

        return Child(name=name, run=run, safe=safe, watchdog_s=0.05, backoff=Backoff(first_s=0.01, cap_s=0.02))

    supervisor = Supervisor(
        name="s",
        children=[part("a", 0.02), part("b", None), part("c", 0.013)],
        strategy=Strategy.REST,
        intensity=1000,
    )

    async def run() -> None:
        with trio.move_on_after(0.5):
            await supervisor.run()

    def check() -> None:
        assert not closed
        assert {one.state for one in supervisor.lifelines} <= {State.DOWN, State.IDLE}

    return Scenario(run=run, check=check)


def test_cancelled_at_any_step_of_a_restart_storm_nothing_stays_closed_or_running() -> None:
    swept = cancel_at_every_step(restart_storm, seeds=[7])

    assert swept > 200


def test_the_sweep_finds_the_one_step_at_which_clean_up_is_missing_and_names_it() -> None:
    def forgetful() -> Scenario:
        closed: set[str] = set()

        async def run() -> None:
            closed.add("dc")
            await trio.sleep(1)  # cancelled here, nobody opens
            try:
                await trio.sleep(1)
            finally:
                closed.discard("dc")

        def check() -> None:
            assert not closed

        return Scenario(run=run, check=check)

    with pytest.raises(AssertionError) as caught:
        cancel_at_every_step(forgetful)

    assert any("cancelled before task step" in note for note in caught.value.__notes__)


def test_the_same_seed_gives_the_same_order_of_tasks() -> None:
    def orders(seed: int) -> list[tuple[int, ...]]:
        seen: list[tuple[int, ...]] = []

        def scenario() -> Scenario:
            order: list[int] = []

            async def note(number: int) -> None:
                await trio.lowlevel.checkpoint()
                order.append(number)

            async def run() -> None:
                async with trio.open_nursery() as nursery:
                    for number in range(8):
                        nursery.start_soon(note, number)

            return Scenario(run=run, check=lambda: seen.append(tuple(order)))

        cancel_at_every_step(scenario, seeds=[seed])
        return seen

    assert orders(1) == orders(1)
    assert any(orders(1) != orders(seed) for seed in range(2, 6))


def test_a_scenario_that_never_ends_is_refused() -> None:
    async def run() -> None:
        while True:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.1)
            if trio.current_effective_deadline() == float("-inf"):
                return

    with pytest.raises(AssertionError, match="does not end"):
        cancel_at_every_step(lambda: Scenario(run=run, check=lambda: None), seeds=[0], at_most=20)
