"""One connector under stories that nobody thought of: power flows in a durable session, or it does not flow."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import ConnectorState, EvStatus, PilotState
from jp_firmware.model.session import IdToken, Session, StopReason, TokenSource
from tests.charging.bench import Bench, BenchLifeline, BenchLog
from tests.charging.scenes import READY, TOKEN

S = ConnectorState
OTHER = IdToken("04FFFFFFFFFFFF", TokenSource.RFID)


@attrs.define(eq=False)
class SlowLog(BenchLog):
    """A journal whose commits take long enough for things to happen meanwhile."""

    async def started(self, session: Session) -> None:
        await trio.sleep(0.7)
        await super().started(session)


@attrs.define(eq=False)
class Story:
    """A bench, its runner as the tree would run it, and what must hold at every turn of its world."""

    bench: Bench = attrs.field(factory=lambda: Bench(log=SlowLog()))
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def play(self, acts: list[str]) -> None:
        async with trio.open_nursery() as world:
            world.start_soon(self._live)
            world.start_soon(self._tree)
            await trio.sleep(0.2)
            for act in acts:
                ACTS[act](self)
                await trio.sleep(WAITS.get(act, 0.3))
            await self._repaired()
            world.cancel_scope.cancel()

    async def _live(self) -> None:
        while True:
            self.bench.turn()
            self.look()
            self.bench.turned.set()
            self.bench.turned = trio.Event()
            await trio.sleep(0.05)

    async def _tree(self) -> None:
        while True:
            with trio.CancelScope() as self.scope:
                await self.bench.runner.run(BenchLifeline())
            await trio.sleep(0.5)

    def look(self) -> None:
        bench, log = self.bench, self.bench.log
        open_sessions = {one.id for one in log.begun} - {one.id for one in log.ended}
        point, told = bench.stage.set_point, bench.ev_link.last
        if point is not None or (told.close_contactors and not told.stop):
            assert open_sessions, "power without a session on the disk"
        if point is not None:
            assert point.voltage_v <= 500.0, "the test voltage of a car that bears 450 V"
            assert ("SAF-01", "plc-1") not in bench.faults.active
            assert bench.car.plugged
        assert len(open_sessions) <= 1

    async def _repaired(self) -> None:
        bench = self.bench
        bench.unplug()
        bench.welded = False
        bench.board_alive = bench.modules_alive = bench.meter_alive = bench.planner_alive = bench.asks = True
        bench.faults.clear("SAF-01", "plc-1")
        bench.runner.set_operative(True)
        bench.runner.end(Ending(StopReason.LOCAL))
        await bench.turned.wait()  # a weld of a moment before has not been seen by anyone yet
        await bench.until(lambda: bench.runner.machine.state is S.AVAILABLE, within_s=200)

        assert [one.id for one in bench.log.begun] == [one.id for one in bench.log.ended]
        assert bench.stage.set_point is None
        assert not bench.contactors_closed
        assert bench.faults.active == {}


def _sees(**changes: object) -> Callable[[Story], None]:
    def act(story: Story) -> None:
        story.bench.car = attrs.evolve(story.bench.car, **changes)  # type: ignore[arg-type]

    return act


def _sets(**changes: object) -> Callable[[Story], None]:
    def act(story: Story) -> None:
        for name, value in changes.items():
            setattr(story.bench, name, value)

    return act


ACTS: dict[str, Callable[[Story], None]] = {
    "plug": lambda story: story.bench.plug(),
    "plug a low car": _sets(car=attrs.evolve(READY, max_voltage_v=120.0)),
    "unplug": lambda story: story.bench.unplug(),
    "identify": lambda story: story.bench.runner.present(TOKEN, authorize=True),
    "identify another": lambda story: story.bench.runner.present(OTHER, authorize=False),
    "stop": lambda story: story.bench.runner.end(Ending(StopReason.REMOTE)) and None,
    "unlock": lambda story: story.bench.runner.unlock(),
    "out of service": lambda story: story.bench.runner.set_operative(False),
    "in service": lambda story: story.bench.runner.set_operative(True),
    "press": lambda story: story.bench.faults.raise_("SAF-01", "plc-1"),
    "release": lambda story: story.bench.faults.clear("SAF-01", "plc-1"),
    "no power": _sets(assigned_w=0.0),
    "power": _sets(assigned_w=40_000.0),
    "weld": _sets(welded=True),
    "repair": _sets(welded=False),
    "board dies": _sets(board_alive=False),
    "board lives": _sets(board_alive=True),
    "modules die": _sets(modules_alive=False),
    "modules live": _sets(modules_alive=True),
    "meter dies": _sets(meter_alive=False),
    "meter lives": _sets(meter_alive=True),
    "planner dies": _sets(planner_alive=False),
    "planner lives": _sets(planner_alive=True),
    "car is mute": _sets(asks=False),
    "car asks": _sets(asks=True),
    "car wants nothing": _sees(target_current_a=0.0),
    "car wants too much": _sees(target_voltage_v=1000.0, target_current_a=5000.0),
    "pilot shorted": _sees(pilot=PilotState.E),
    "car stops": _sees(stop_request=True),
    "restart": lambda story: story.scope.cancel(),
    "wait": lambda story: None,
    "charge": lambda story: None,
}
WAITS = {"charge": 12.0, "wait": 3.0, "restart": 0.8}
LIKELY = ["plug", "identify", "charge", "unplug", "power", "release", "in service", "wait", "stop"]
stories = st.lists(st.sampled_from(LIKELY) | st.sampled_from(sorted(ACTS)), min_size=10, max_size=60)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(stories)
def test_in_any_story_power_is_in_a_durable_session_and_every_session_is_accounted_for(acts: list[str]) -> None:
    trio.run(Story().play, acts, clock=MockClock(autojump_threshold=0))


def test_the_stories_have_sessions_in_them() -> None:
    """Else the one above could not fail."""
    story = Story()
    trio.run(
        story.play, ["plug", "identify", "charge", "no power", "power", "charge"], clock=MockClock(autojump_threshold=0)
    )

    assert len(story.bench.log.begun) == 1
    assert story.bench.energy_wh > 1050
    assert EvStatus() == story.bench.car
