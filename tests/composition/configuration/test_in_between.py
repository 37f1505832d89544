"""What happens in the very moment in which something else does: two words at once, a slow disk, a charger that ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.composition.configuration.proposing import Proposing
from jp_firmware.composition.configuration.waiting import Waiting
from jp_firmware.config.draft import Draft
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.pending import WaitingChange
from jp_firmware.config.schema import ConfigError
from jp_firmware.console.calls import CallRefused
from jp_firmware.model.session import StopReason
from tests.composition.configuration.at_work import (
    DEADLINE,
    LIMIT,
    METER,
    PORT,
    URL,
    ended,
    events,
    has_url,
    idle,
    in_force,
    leave_waiting,
    next_life,
    planner_limit_w,
)
from tests.whole.charger import ONE, TWO
from tests.whole.configured import Json, Site

T = TypeVar("T")

IN_THREAD = "jp_firmware.composition.configuration.threads.in_thread"
FULL = ConfigError("the disk is full")
THE_END = Ending(StopReason.LOCAL, "the process ends")


def configuring(site: Site) -> Configuring:
    found = site.process.controller.configuring
    assert found is not None
    return found


@contextmanager
def slow(name: str, *, before_s: float = 0.0, after_s: float = 0.0) -> Iterator[None]:
    """The disk takes its time for what the store calls `name`."""

    async def in_thread(do: Callable[[], T]) -> T:
        is_slow = isinstance(do, partial) and getattr(do.func, "__name__", "") == name
        await trio.sleep(before_s if is_slow else 0)
        result = do()
        with trio.CancelScope(shield=True):
            await trio.sleep(after_s if is_slow else 0)
        return result

    with mock.patch(IN_THREAD, in_thread):
        yield


def restarts(site: Site) -> int:
    return site.process.parts()["config/changes"].restarts


async def answer_of(ask: Callable[[], Awaitable[Json]], answers: list[Json]) -> None:
    answers.append(await ask())


# --- a version that is not for good ----------------------------------------------------------------------------------


async def test_what_is_being_confirmed_is_not_undone_as_well(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.apply(URL)
        with slow("confirm", before_s=1.0):
            nursery.start_soon(partial(site.process.call, "config.confirm", version=2))
            await trio.sleep(0.5)
            for asked in ({}, {"version": 2}):
                with pytest.raises(CallRefused, match="version 2 is being confirmed"):
                    await site.process.call("config.revert", **asked)
            await trio.sleep(1.0)
        assert site.process.store.unconfirmed is None
        assert (site.process.store.current.number, has_url(site)) == (2, "ws://127.0.0.1:8/ocpp")


async def test_what_is_being_undone_is_not_confirmed_as_well(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(URL)
        assert (await site.process.call("config.revert"))["undone"] == 2
        with pytest.raises(CallRefused, match="version 2 is being undone"):
            await site.process.call("config.confirm", version=2)
        await in_force(site, 3)
        await site.world.until(lambda: has_url(site) == "ws://127.0.0.1:9/ocpp")


async def test_a_word_to_undo_it_at_the_moment_its_time_is_over_undoes_it_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(URL, confirm_s=10)
        with slow("revert", before_s=1.0):
            await trio.sleep(10.5)
            assert (await site.process.call("config.revert", version=2))["undone"] == 2
            await in_force(site, 3)
        await trio.sleep(20.0)
        assert site.process.store.current.number == 3
        assert (await site.process.apply(URL, confirm_s=10))["result"] == "applied"
        await trio.sleep(5.0)
        assert has_url(site) == "ws://127.0.0.1:8/ocpp", "it has its own time"


async def test_the_history_says_why_it_was_undone_however_often_that_took(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(URL)
        with mock.patch.object(ConfigStore, "revert", side_effect=FULL):
            await site.process.call("config.revert")
            await trio.sleep(1.0)
        await in_force(site, 3)
        assert site.process.store.current.why == "undone"


async def test_a_part_that_refuses_is_named_even_if_the_disk_refuses_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        with mock.patch.object(ConfigStore, "revert", side_effect=FULL):
            answer = await site.process.apply(PORT)
        assert (answer["result"], answer["part"]) == ("refused", "wires/can0")
        assert "not up again" in answer["why"]
        await in_force(site, 3)
        assert "not up again" in site.process.store.current.why


async def test_what_was_proposed_while_it_was_being_undone_is_not_made(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The disk has gone back and the parts have not: what is refused then must not leave them where they were."""
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        answers: list[Json] = []
        await site.process.apply(URL, confirm_s=10)
        with slow("revert", after_s=1.0):
            await site.world.until(lambda: site.process.store.current.number == 3)
            nursery.start_soon(answer_of, partial(site.process.apply, METER, PORT), answers)
            await site.world.until(lambda: bool(answers), 60.0)
        await site.world.until(site.is_settled)
        assert has_url(site) == site.process.controller.cabinet.backend.url == "ws://127.0.0.1:9/ocpp"
        assert (answers[0]["result"], "changed meanwhile" in answers[0]["why"]) == ("refused", True)


# --- a disk that refuses before anything is written ------------------------------------------------------------------


async def test_a_disk_that_cannot_be_read_refuses_a_change_like_any_other(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    denied = PermissionError(13, "Permission denied", "cabinet.toml")
    async with idle(tmp_path) as site:
        with mock.patch("jp_firmware.config.kept.config_store._content", side_effect=denied):
            answer = await site.process.apply(LIMIT)
            assert "Permission denied" in answer["why"]
            assert "Permission denied" in (await site.process.apply(METER))["why"]
        assert (planner_limit_w(site), restarts(site)) == (200_000.0, 0)
        await site.process.apply(URL, confirm_s=10)
        with mock.patch("jp_firmware.config.kept.config_store._content", side_effect=denied):
            await trio.sleep(12.0)
        assert site.process.store.unconfirmed is not None
        await in_force(site, 3)
        assert restarts(site) == 0


# --- a change that waits ---------------------------------------------------------------------------------------------


async def test_one_that_is_given_up_while_it_is_written_was_given_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.session(TWO)
        with slow("keep_waiting", before_s=1.0):
            nursery.start_soon(site.process.apply, METER)
            await site.world.until(lambda: site.process.ask("config")["waiting"] is not None)
            await site.process.call("config.revert", waiting="change-1")
            await trio.sleep(2.0)
        assert site.process.ask("config")["last_change"]["why"] == "given up"
        assert sum("change-1 by operator is not made" in one for one in events(site)) == 1
        assert site.process.store.waiting is None


async def test_one_that_the_disk_did_not_forget_is_forgotten_though_nothing_else_happens(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its session has ended and a version waits for a word, so that nothing wakes whoever makes changes."""
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER)
        await site.process.apply(LIMIT, confirm_s=3600)
        site.world.verbs.unplug(TWO)
        await site.world.until(lambda: site.process.session(TWO) is None)
        await trio.sleep(30.0)
        with mock.patch.object(ConfigStore, "forget_waiting", side_effect=FULL):
            await site.process.call("config.revert", waiting="change-1")
        await site.world.until(lambda: site.process.store.waiting is None, 15.0)


async def test_one_whose_writing_was_interrupted_is_written_after_all(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        with slow("keep_waiting", before_s=1.0):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(site.process.apply, METER)
                await site.world.until(lambda: site.process.ask("config")["waiting"] is not None)
                site.process.tree.restart("config/changes", "interrupted")
            await site.world.until(lambda: site.process.store.waiting is not None, 10.0)
        assert site.process.ask("config")["waiting"]["id"] == "change-1"


async def test_one_that_the_disk_did_not_take_is_written_once_it_can(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        with mock.patch.object(ConfigStore, "keep_waiting", side_effect=FULL) as keep:
            await site.process.apply(METER)
            await trio.sleep(60.0)
            assert 2 <= keep.call_count <= 8, "now and then"
            assert sum("is lost if the charger ends" in one for one in events(site)) == 1
        await site.world.until(lambda: site.process.store.waiting is not None, 15.0)
        await ended(site)
        await in_force(site, 2)
        assert site.process.store.waiting is None


async def test_what_meets_one_that_is_inherited_is_refused_however_early_it_comes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    await leave_waiting(tmp_path, METER, LIMIT)
    inherited, looked_at = Proposing.inherited, trio.Event()

    async def slowly(self: Proposing, kept: WaitingChange) -> Draft:
        proposed = await inherited(self, kept)
        await looked_at.wait()
        return proposed

    with mock.patch.object(Proposing, "inherited", slowly):
        async with next_life(tmp_path) as site, trio.open_nursery() as nursery:
            answers: list[Json] = []
            lower = {"put": "site.limit_w", "value": 105_000}
            nursery.start_soon(answer_of, partial(site.process.apply, lower), answers)
            await trio.sleep(1.0)
            looked_at.set()
            await in_force(site, 2)
            assert answers[0]["result"] == "refused"
            assert "it touches site.limit_w, and so does change-1" in answers[0]["why"]
            assert planner_limit_w(site) == 110_000.0


# --- a life with another configuration -------------------------------------------------------------------------------


async def test_it_is_undone_at_once_even_before_anybody_waits_for_its_parts(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    inherit = Waiting.inherit

    async def slowly(self: Waiting) -> None:
        await trio.sleep(2.0)
        await inherit(self)

    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.apply(DEADLINE, PORT)
        with mock.patch.object(Waiting, "inherit", slowly):
            await site.next_life(nursery)
            await trio.sleep(1.0)
            await site.process.call("config.revert")
            await site.world.until(lambda: site.process.controller.restart_wanted, 5.0)
        nursery.cancel_scope.cancel()


async def test_its_parts_are_waited_for_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What goes away later is no reason to undo it, and whoever restarts a part gives it no more time."""
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.apply(DEADLINE, confirm_s=300)
        await site.next_life(nursery)
        await site.world.until(lambda: site.process.ask("config")["unconfirmed"]["ends_in_s"] is not None, 60.0)
        await trio.sleep(100.0)
        site.world.wires["can0"].cut()
        site.process.tree.restart("config/changes", "somebody wants it")
        await trio.sleep(70.0)
        assert site.process.store.current.number == 2
        assert site.process.ask("config")["unconfirmed"]["ends_in_s"] < 150
        nursery.cancel_scope.cancel()


async def test_it_is_for_good_once_the_disk_takes_that(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.apply(DEADLINE)
        with mock.patch.object(ConfigStore, "confirm", side_effect=FULL):
            await site.next_life(nursery)
            await site.world.until(lambda: any("cannot be kept yet: the disk is full" in one for one in events(site)))
            await trio.sleep(15.0)
            assert site.process.store.unconfirmed is not None
        await in_force(site, 2)
        assert restarts(site) == 0
        nursery.cancel_scope.cancel()


async def test_it_is_not_confirmed_before_it_has_begun(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.session(ONE)
        await site.process.apply(DEADLINE, force=True, confirm_s=60)
        await site.world.until(lambda: site.process.controller.restart_wanted)
        with pytest.raises(CallRefused, match="still being handed over"):
            await site.process.call("config.confirm", version=2)
        assert site.process.store.unconfirmed is not None


# --- the charger ends ------------------------------------------------------------------------------------------------


async def test_a_charger_that_is_told_to_end_does_not_start_anew_instead(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(ONE)
        assert (await site.process.apply(DEADLINE, force=True))["result"] == "applied"
        site.process.controller.end(THE_END)
        await trio.sleep(1.0)
        assert not site.process.controller.restart_wanted
        assert site.process.store.unconfirmed is not None, "the next start undoes it"


async def test_nor_to_undo_what_another_start_undoes_as_well(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.process.apply(DEADLINE, confirm_s=30)
        await site.next_life(nursery)
        await site.world.until(lambda: site.process.ask("config")["unconfirmed"]["ends_in_s"] is not None, 60.0)
        await site.session(ONE)
        await site.process.call("config.revert")
        site.process.controller.end(THE_END)
        await site.world.until(lambda: site.process.store.unconfirmed is None, 5.0)
        await trio.sleep(0.5)
        assert not site.process.controller.restart_wanted
        nursery.cancel_scope.cancel()
