"""What is limited over the console is limited after a restart, too, until the same moment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.held_limits import KEY, HeldLimits
from jp_firmware.journal import state
from jp_firmware.model.limits import Limit
from jp_firmware.planner.limits import LimitBook, UnknownScope
from tests.composition.configuration.at_work import DEADLINE, idle
from tests.ocpp.bench import MemoryJournal

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPES = frozenset({"site", "connector-1", "connector-2"})
CABLE = Limit(owner="operator", scope="connector-2", value_w=30_000, reason="cable is being watched", safe_w=math.inf)


@attrs.define(eq=False)
class Charger:
    """Its lives follow each other on one disk, and beside one clock on the wall, which may be wrong."""

    journal: MemoryJournal = attrs.field(factory=MemoryJournal)
    wall_ahead_s: float = 0.0
    notes: list[str] = attrs.field(factory=list)

    def life(self, scopes: frozenset[str] = SCOPES) -> HeldLimits:
        return HeldLimits(LimitBook(scopes=scopes), self.journal, self.notes.append, self.wall)  # type: ignore[arg-type]

    async def next_life(self, scopes: frozenset[str] = SCOPES) -> HeldLimits:
        held = self.life(scopes)
        await held.recall()
        return held

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=trio.current_time() + self.wall_ahead_s)

    async def on_disk(self) -> Any:
        return await self.journal.read(lambda db: state.get(db, KEY))


@pytest.fixture
def charger() -> Iterator[Charger]:
    made = Charger()
    yield made
    made.journal.close()


def in_force(book: LimitBook) -> dict[str, float]:
    now_s = trio.current_time()
    return {f"{one.owner} at {one.scope}": one.bound_w(now_s) for one in book.all()}


def ends(for_s: float, then_w: float = math.inf) -> Limit:
    return attrs.evolve(CABLE, expires_at_s=trio.current_time() + for_s, safe_w=then_w)


async def test_one_without_an_end_stands_until_it_is_lifted(charger: Charger, autojump_clock: MockClock) -> None:
    (await charger.next_life()).set(CABLE)
    await trio.sleep(86_000)
    held = await charger.next_life()
    assert held.book.all() == (CABLE,)
    assert charger.notes == ["operator limits connector-2 as before, to 30 kW"]

    held.lift("operator", "connector-2")
    assert (await charger.next_life()).book.all() == ()


async def test_each_owner_and_place_has_one(charger: Charger, autojump_clock: MockClock) -> None:
    held = await charger.next_life()
    held.set(CABLE)
    held.set(attrs.evolve(CABLE, value_w=20_000.0))
    held.set(attrs.evolve(CABLE, owner="energy manager", scope="site", value_w=90_000.0))
    assert in_force((await charger.next_life()).book) == {
        "operator at connector-2": 20_000,
        "energy manager at site": 90_000,
    }


async def test_one_that_ends_does_so_at_its_moment(charger: Charger, autojump_clock: MockClock) -> None:
    (await charger.next_life()).set(ends(100, then_w=10_000))
    await trio.sleep(60)
    held = await charger.next_life()
    await trio.sleep(39)
    assert in_force(held.book) == {"operator at connector-2": 30_000}
    await trio.sleep(2)
    assert in_force(held.book) == {"operator at connector-2": 10_000}


async def test_what_is_safe_afterwards_holds_if_it_ends_meanwhile(charger: Charger, autojump_clock: MockClock) -> None:
    (await charger.next_life()).set(ends(100, then_w=10_000))
    await trio.sleep(200)
    held = await charger.next_life()
    assert in_force(held.book) == {"operator at connector-2": 10_000}
    held.set(attrs.evolve(CABLE, scope="site"))
    await trio.sleep(86_000)
    assert in_force((await charger.next_life()).book) == {"operator at connector-2": 10_000, "operator at site": 30_000}


async def test_one_that_ended_and_leaves_nothing_is_forgotten(charger: Charger, autojump_clock: MockClock) -> None:
    held = await charger.next_life()
    held.set(ends(100))
    await trio.sleep(101)
    assert (await charger.next_life()).book.all() == ()
    held.set(attrs.evolve(CABLE, scope="site"))
    assert len(await charger.on_disk()) == 1


@pytest.mark.parametrize("behind_s", [1e9, 3600.0])
async def test_a_clock_that_was_not_set_yet_makes_none_longer(
    behind_s: float, charger: Charger, autojump_clock: MockClock
) -> None:
    (await charger.next_life()).set(ends(100))
    charger.wall_ahead_s = -behind_s
    held = await charger.next_life()
    await trio.sleep(99)
    assert in_force(held.book) == {"operator at connector-2": 30_000}
    await trio.sleep(2)
    assert in_force(held.book) == {"operator at connector-2": math.inf}


async def test_what_is_set_before_it_was_read_stays_and_costs_no_other(
    charger: Charger, autojump_clock: MockClock
) -> None:
    first = await charger.next_life()
    first.set(CABLE)
    first.set(attrs.evolve(CABLE, scope="site", value_w=90_000.0))
    held = charger.life()
    held.set(attrs.evolve(CABLE, value_w=5_000.0))
    await held.recall()
    both = {"operator at connector-2": 5_000, "operator at site": 90_000}
    assert in_force(held.book) == both
    assert in_force((await charger.next_life()).book) == both


async def test_it_is_read_once_whoever_asks_again(charger: Charger, autojump_clock: MockClock) -> None:
    (await charger.next_life()).set(CABLE)
    held = await charger.next_life()
    held.book.lift("operator", "connector-2")
    await held.recall()
    assert held.book.all() == ()


async def test_a_place_that_is_gone_is_told_and_comes_back_with_its_limit(
    charger: Charger, autojump_clock: MockClock
) -> None:
    (await charger.next_life()).set(CABLE)
    assert (await charger.next_life(frozenset({"site"}))).book.all() == ()
    assert 'there is no "connector-2" to limit for operator' in charger.notes[0]
    assert (await charger.next_life()).book.all() == (CABLE,)


async def test_what_cannot_be_read_costs_no_start_and_no_other(
    charger: Charger, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    (await charger.next_life()).set(CABLE)
    (good,) = await charger.on_disk()
    damaged = [{}, None, good | {"value_w": "much"}, good | {"ends_at": "noon", "left_s": 1, "then_w": 0}, good]
    charger.journal.post(state.Put(KEY, damaged))
    assert (await charger.next_life()).book.all() == (CABLE,)
    assert len(caplog.records) == 4


async def test_a_limit_of_nothing_is_refused_and_not_remembered(charger: Charger, autojump_clock: MockClock) -> None:
    held = await charger.next_life()
    with pytest.raises(UnknownScope):
        held.set(attrs.evolve(CABLE, scope="connector-9"))
    assert await charger.on_disk() is None


async def test_all_parts_of_a_charger_start_anew_under_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.call("limit.set", site_w=60_000)
        await site.process.call("limit.put", scope="connector-1", value_w=10_000, owner="energy manager", for_s=3600)

        assert (await site.process.apply(DEADLINE, force=True))["result"] == "applied"
        controller = await site.next_life(nursery)
        planner = controller.planner
        await site.world.until(lambda: planner.limits.has("site limit", "site"))
        found = in_force(planner.limits)
        assert (found["operator at site"], found["energy manager at connector-1"]) == (60_000, 10_000)
        assert planner.plan.signal.value
        assert planner.plan.signal.value.site_limit_w == 60_000
        nursery.cancel_scope.cancel()
