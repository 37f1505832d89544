"""Claims about modules that change hands: drained, let go, precharged and taken in, while current flows."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.pool import PRECHARGE_A, NotIdle
from jp_firmware.hw.modules.stage import NotAMember, NotDrained, Stage
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint, StageRating
from jp_firmware.model.signals import Quality
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import PROFILE, TWO_RANGES, Bench, FakeModule, RangeDriver

OFF = "029A01F0#0100000000000000"  # to module-2


@attrs.define(eq=False)
class Pair:
    """Two connectors with two modules each, and the pool between them."""

    bench: Bench
    one: Stage
    two: Stage

    def apply(self, one_a: float, two_a: float, voltage_v: float = 400) -> None:
        expires_at_s = trio.current_time() + 2
        for stage, current_a in ((self.one, one_a), (self.two, two_a)):
            stage.apply(SetPoint(voltage_v=voltage_v, current_a=current_a, expires_at_s=expires_at_s))

    async def deliver(self, one_a: float, two_a: float, for_s: float) -> None:
        """As runners do it, ten times a second."""
        for _ in range(round(10 * for_s)):
            self.apply(one_a, two_a)
            await trio.sleep(0.1)

    def current_a(self, stage: Stage) -> float:
        """What really flows."""
        return sum(fake.output().current_a for fake, task in self.pairs() if task in stage.members)

    def pairs(self) -> list[tuple[FakeModule, ModuleTask]]:
        return list(zip(self.bench.fakes, self.bench.tasks, strict=True))


@pytest.fixture
async def pair(nursery: trio.Nursery) -> AsyncIterator[Pair]:
    bench = Bench()
    for address in range(4):
        bench.add(FakeModule(address))
    yield await _up(bench, nursery)
    nursery.cancel_scope.cancel()


async def _up(bench: Bench, nursery: trio.Nursery) -> Pair:
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    for task in bench.tasks:
        nursery.start_soon(task.run, pulse(task.run))
    await trio.sleep(1)
    one = Stage(ConnectorId(1), bench.tasks[:2])
    return Pair(bench, one, Stage(ConnectorId(2), bench.tasks[2:], one.pool))


# --- drain, leave, join ---


async def test_a_drained_module_is_off_inside_the_call_and_the_others_take_over_what_it_let_go(
    pair: Pair, autojump_clock: MockClock
) -> None:
    first, second = pair.bench.fakes[:2]
    await pair.deliver(60, 0, 1)
    sent = len(pair.bench.memory.sent)
    pair.one.drain(pair.bench.tasks[1])
    assert [OFF] == pair.bench.memory.texts()[sent:]
    assert 75 == pair.one.rating.current_limit_a(400), "what is offered follows at once"
    pair.apply(60, 0)
    assert 30 == first.set_current_a, "not before it has let go"

    await pair.deliver(60, 0, 1)
    assert (60, False) == (first.set_current_a, second.on)
    assert pair.one.drained(pair.bench.tasks[1])


async def test_a_module_leaves_only_when_nothing_of_it_is_left(pair: Pair, autojump_clock: MockClock) -> None:
    module = pair.bench.tasks[1]
    await pair.deliver(60, 0, 1)
    with pytest.raises(NotDrained, match="drain it first"):
        pair.one.leave(module)
    pair.bench.fakes[1].lost = 3  # OFF frames that do not arrive
    pair.one.drain(module)
    with pytest.raises(NotDrained):
        pair.one.leave(module)
    await pair.deliver(60, 0, 1)
    pair.one.leave(module)

    assert [pair.bench.tasks[0]] == list(pair.one.members)
    assert [module] == list(pair.one.pool.members)
    with pytest.raises(NotAMember):
        pair.one.leave(module)
    with pytest.raises(NotAMember):
        pair.two.drain(module)


async def test_one_that_falls_silent_while_it_is_drained_is_kept_until_it_must_be_off(
    pair: Pair, autojump_clock: MockClock
) -> None:
    module, fake = pair.bench.tasks[1], pair.bench.fakes[1]
    await pair.deliver(60, 0, 1)
    fake.silent = True
    pair.one.drain(module)
    await pair.deliver(60, 0, PROFILE.silent_off_s)
    assert not pair.one.drained(module)
    assert 30 == pair.bench.fakes[0].set_current_a

    await pair.deliver(60, 0, 2)
    assert pair.one.drained(module)
    assert 60 == pair.bench.fakes[0].set_current_a


async def test_a_module_moves_to_another_connector_with_its_output_precharged(
    pair: Pair, autojump_clock: MockClock
) -> None:
    module, fake = pair.bench.tasks[1], pair.bench.fakes[1]
    await pair.deliver(60, 100, 1)
    pair.one.drain(module)
    await pair.deliver(60, 100, 1)
    pair.one.leave(module)
    for _ in range(5):
        pair.one.pool.precharge(module, 395, trio.current_time() + 1)
        await pair.deliver(60, 100, 0.1)
    assert (True, 395, PRECHARGE_A) == (fake.on, fake.set_voltage_v, fake.set_current_a)

    pair.two.join(module)
    assert 3 == len(pair.two.members)
    await pair.deliver(60, 100, 6)
    assert [60, 33, 33, 33] == [round(one.output().current_a) for one in pair.bench.fakes]
    assert 1 == sum(order == "on" for at_s, order in fake.orders if at_s > 2.5), "it was never off in between"


async def test_a_module_is_of_one_connector_or_of_the_pool(pair: Pair, autojump_clock: MockClock) -> None:
    module = pair.bench.tasks[1]
    with pytest.raises(NotIdle, match="belongs to a connector"):
        pair.two.join(module)
    with pytest.raises(NotIdle):
        pair.one.pool.precharge(module, 400, trio.current_time() + 1)
    pair.one.drain(module)
    pair.one.leave(module)
    pair.two.join(module)
    with pytest.raises(NotIdle):
        pair.one.join(module)

    assert [1, 3, 0] == [len(holder.members) for holder in (pair.one, pair.two, pair.one.pool)]


async def test_a_move_that_was_given_up_ends_with_the_module_back_in(pair: Pair, autojump_clock: MockClock) -> None:
    await pair.deliver(60, 0, 1)
    pair.one.drain(pair.bench.tasks[1])
    await pair.deliver(60, 0, 1)
    pair.one.join(pair.bench.tasks[1])
    await pair.deliver(60, 0, 6)

    assert [30, 30] == [round(fake.set_current_a) for fake in pair.bench.fakes[:2]]
    assert not pair.one.drained(pair.bench.tasks[1])


async def test_the_last_module_may_leave_and_then_nothing_is_offered_and_nothing_known(
    pair: Pair, autojump_clock: MockClock
) -> None:
    for module in pair.bench.tasks[:2]:
        pair.one.drain(module)
        pair.one.leave(module)
    await pair.deliver(60, 0, 1)

    assert StageRating() == pair.one.rating
    assert Quality.GOOD is not pair.one.output.signal.quality


async def test_outputs_are_those_of_the_present_members(pair: Pair, autojump_clock: MockClock) -> None:
    await pair.deliver(60, 100, 1)
    module = pair.bench.tasks[1]
    pair.one.drain(module)
    await pair.deliver(60, 100, 1)
    pair.one.leave(module)
    pair.bench.fakes[1].measured = wire.Output(700, 0)
    await pair.deliver(60, 100, 1)
    outputs = [stage.output.signal.value for stage in (pair.one, pair.two)]

    assert [(400, 60, 1), (400, 100, 2)] == [
        (round(one.voltage_v), round(one.current_a), one.modules_on) for one in outputs if one
    ]


# --- the pool ---


async def test_an_order_to_an_idle_module_is_a_lease_and_a_small_one(pair: Pair, autojump_clock: MockClock) -> None:
    module, fake = pair.bench.tasks[1], pair.bench.fakes[1]
    pair.one.drain(module)
    pair.one.leave(module)
    pair.one.pool.precharge(module, 400, trio.current_time() + 0.5, current_a=80)
    assert (True, PRECHARGE_A) == (fake.on, fake.set_current_a)
    await trio.sleep(0.6)

    assert not fake.on


async def test_the_pools_off_is_on_the_wire_inside_the_call(pair: Pair, autojump_clock: MockClock) -> None:
    module = pair.bench.tasks[1]
    pair.one.drain(module)
    pair.one.leave(module)
    pair.one.pool.precharge(module, 400, trio.current_time() + 5)
    sent = len(pair.bench.memory.sent)
    pair.one.pool.off()

    assert [OFF] == pair.bench.memory.texts()[sent:]
    assert not pair.bench.fakes[1].on


async def test_one_that_joins_off_takes_the_sessions_range_first(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bench = Bench()
    for address in range(4):
        bench.add(FakeModule(address), TWO_RANGES, RangeDriver())
    pair = await _up(bench, nursery)
    await trio.sleep(2)
    pair.two.prepare(450)
    pair.one.drain(bench.tasks[1])
    pair.one.leave(bench.tasks[1])
    assert bench.fakes[1].high
    pair.two.join(bench.tasks[1])
    await trio.sleep(1)

    assert not bench.fakes[1].high
    nursery.cancel_scope.cancel()


# --- whatever happens ---


FALL_S = 0.15


@attrs.define(eq=False)
class SlowModule(FakeModule):
    """Its current falls a while after it was told so; unheard for `silent_off_s` it switches off."""

    fall_s: float = FALL_S
    silent_since_s: float | None = None
    back_at_s: float = -math.inf
    _past: deque[tuple[float, float]] = attrs.field(factory=deque)

    def flowing_a(self, now_s: float) -> float:
        """To be called at least every 20 ms."""
        if self.silent and self.silent_since_s is not None and now_s - self.silent_since_s >= PROFILE.silent_off_s:
            self.on = False
        self._past.append((now_s, self.set_current_a if self.on else 0.0))
        while self._past[0][0] < now_s - self.fall_s:
            self._past.popleft()
        return max(current_a for _, current_a in self._past)

    def output(self) -> wire.Output:
        return wire.Output(self.set_voltage_v, self.flowing_a(trio.current_time()))


TOLD_S = PROFILE.off_repeat_s + FALL_S + 0.05
"""One that is back goes on as before until the next OFF has reached it, and its current has fallen."""


@attrs.define(eq=False)
class Story:
    """A pair of connectors to which things happen, and what must hold in each moment of it."""

    pair: Pair
    wanted_a: dict[ConnectorId, float] = attrs.field(factory=lambda: {ConnectorId(1): 0.0, ConnectorId(2): 0.0})
    lately_a: dict[ConnectorId, deque[float]] = attrs.field(factory=dict)

    def happen(self, what: str, which: int, amount_a: float) -> None:
        pair = self.pair
        module, fake = pair.bench.tasks[which], pair.bench.fakes[which]
        assert isinstance(fake, SlowModule)
        stage = pair.one if amount_a < 75 else pair.two
        holder = next((one for one in (pair.one, pair.two) if module in one.members), None)
        if what == "want":
            self.wanted_a[stage.connector_id] = amount_a
        elif what == "drain" and holder:
            holder.drain(module)
        elif what == "leave" and holder and holder.drained(module):
            assert fake.flowing_a(trio.current_time()) < OFF_CURRENT_A, "it left while it was feeding"
            holder.leave(module)
        elif what == "join" and holder in (None, stage):
            stage.join(module)
        elif what == "lose":
            fake.silent = True
            fake.silent_since_s = fake.silent_since_s or trio.current_time()
        elif what == "return":
            if fake.silent:
                fake.back_at_s = trio.current_time()
            fake.silent, fake.silent_since_s = False, None
        elif what == "heat":
            fake.bits ^= wire.Bit.OVER_TEMPERATURE

    async def go_on(self, for_s: float) -> None:
        for tick in range(round(for_s / 0.02)):
            if tick % 5 == 0:
                self.pair.apply(self.wanted_a[ConnectorId(1)], self.wanted_a[ConnectorId(2)])
            await trio.sleep(0.02)
            self.check()

    def check(self) -> None:
        now_s, pair = trio.current_time(), self.pair
        held = [task.id for holder in (pair.one, pair.two, pair.one.pool) for task in holder.members]
        assert sorted(held) == sorted(task.id for task in pair.bench.tasks)
        fakes = {task.id: fake for fake, task in pair.pairs() if isinstance(fake, SlowModule)}
        flowing = {key: fake.flowing_a(now_s) for key, fake in fakes.items()}
        lost = {key for key, fake in fakes.items() if fake.silent or now_s < fake.back_at_s + TOLD_S}
        for stage in (pair.one, pair.two):
            lately = self.lately_a.setdefault(stage.connector_id, deque(maxlen=55))  # a silent module is found out
            lately.append(self.wanted_a[stage.connector_id])
            total_a = sum(flowing[task.id] for task in stage.members)
            unheard_a = sum(flowing[task.id] for task in stage.members if task.id in lost)
            least_a = PROFILE.min_current_a if max(lately) else 0.0
            assert total_a <= max(*lately, unheard_a, least_a) + 0.02, (stage.connector_id, flowing, lost)
        for task in pair.one.pool.members:
            assert flowing[task.id] <= PRECHARGE_A


events = st.lists(
    st.tuples(
        st.sampled_from(["want", "want", "drain", "drain", "leave", "leave", "join", "join", "lose", "return", "heat"]),
        st.integers(0, 3),
        st.floats(0, 150),
        st.sampled_from([0.1, 0.4, 1.0, 3.0]),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=20, deadline=None)
@given(events)
@example([("lose", 0, 0.0, 0.1), ("want", 0, 0.0, 1.2), ("return", 0, 0.0, 0.4)])
def test_whatever_joins_leaves_and_fails_no_connector_is_given_more_than_its_set_point(
    story_of: list[tuple[str, int, float, float]],
) -> None:
    async def run() -> None:
        bench = Bench()
        for address in range(4):
            bench.add(SlowModule(address))
        async with trio.open_nursery() as nursery:
            story = Story(await _up(bench, nursery))
            story.wanted_a = {ConnectorId(1): 60.0, ConnectorId(2): 100.0}
            await story.go_on(1.0)
            for what, which, amount_a, for_s in story_of:
                story.happen(what, which, amount_a)
                await story.go_on(for_s)
            for stage in (story.pair.one, story.pair.two):
                stage.off()
            story.pair.one.pool.off()
            assert not any(fake.on for fake in bench.fakes if not fake.silent)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=MockClock(autojump_threshold=0))


async def test_a_move_costs_a_connector_no_more_than_the_modules_share_and_not_for_long(
    pair: Pair, autojump_clock: MockClock
) -> None:
    await pair.deliver(60, 0, 1)
    pair.one.drain(pair.bench.tasks[1])
    short_s = 0.0
    for _ in range(100):
        pair.apply(60, 0)
        await trio.sleep(0.02)
        flowing_a = pair.current_a(pair.one)
        assert 30 <= flowing_a <= 60
        short_s += 0.02 * (flowing_a < 60)

    assert short_s <= 0.5
