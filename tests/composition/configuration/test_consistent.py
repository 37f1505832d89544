"""The disk and the charger say the same whatever comes between: an interruption, a word too early, a defect, a race."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.configuration.configuring import INTERRUPTED, Configuring
from jp_firmware.composition.configuration.handing_over import ENDING_S
from jp_firmware.composition.configuration.takeover import Takeover
from jp_firmware.config.profiles import path_of
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.store import of_text
from jp_firmware.console.calls import CallRefused
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.supervisor import Supervisor
from tests.composition.configuration.at_work import LIMIT, METER, PORT, idle, planner_limit_w
from tests.whole.configured import Json, Site

T = TypeVar("T")

AGAIN = 7
METER_PATH = "wires/rs485-0/meter-2"


def check(site: Site) -> None:
    """One configuration: in the file, in the store, in the planner and in the part that watches the meter."""
    process = site.process
    said = of_text(process.store.text, process.store.path_in_force)
    assert site.file.decode() == process.store.text
    assert process.controller.cabinet == said
    assert planner_limit_w(site) == said.site.limit_w
    assert process.parts()[METER_PATH].child.watchdog_s == said.meters[1].watchdog_s
    assert process.controller.plant.meters[said.meters[1].id].config == said.meters[1]


# --- interrupted -----------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Interrupted(trio.abc.Instrument):
    """The engine of one charger, each life of which can be cancelled before a step of its own."""

    scope: trio.CancelScope | None = None
    task: trio.lowlevel.Task | None = None
    before: list[int] = attrs.field(factory=list)  # this many more steps, then so many again

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task and self.before:
            self.before[0] -= 1
            if self.before[0] == 0 and self.scope is not None:
                self.before.pop(0)
                self.scope.cancel(reason="interrupted")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        run = Configuring.run

        async def again_and_again(configuring: Configuring, lifeline: Lifeline) -> None:
            self.task = trio.lowlevel.current_task()
            while True:
                with trio.CancelScope() as self.scope:
                    await run(configuring, lifeline)

        trio.lowlevel.add_instrument(self)
        with mock.patch.object(Configuring, "run", again_and_again):
            yield
        trio.lowlevel.remove_instrument(self)


@pytest.mark.parametrize("edits", [[LIMIT], [METER], [LIMIT, METER]], ids=["live", "stopping", "both"])
@pytest.mark.parametrize("confirm_s", [0, 5])
async def test_interrupted_at_any_step_it_is_made_or_it_is_not(
    edits: list[Json], confirm_s: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Once, and once more while what was done is taken back."""
    engine, swept = Interrupted(), 0
    with engine.at_work():
        async with idle(tmp_path) as site:
            reached = True
            while reached:
                swept += 1
                for again in range(1, AGAIN):
                    engine.before = [swept, again]
                    await one_change(site, edits, confirm_s)
                    reached = len(engine.before) < 2
                    engine.before = []
                    await taken_back(site)
    assert swept >= 3


async def one_change(site: Site, edits: list[Json], confirm_s: float) -> None:
    """Made, and then kept; or refused, since it was interrupted."""
    began, before = site.file, site.process.store.current.number
    answer = await site.process.apply(*edits, confirm_s=confirm_s)
    if answer["result"] == "applied":
        assert answer["version"] == site.process.store.current.number == before + 1
        if confirm_s:
            await site.process.call("config.confirm", version=answer["version"])
    else:
        assert answer["why"] == INTERRUPTED
        await at_rest(site)
        assert site.file == began
    await at_rest(site)
    check(site)


async def taken_back(site: Site) -> None:
    if (
        site.process.controller.cabinet.site.limit_w != 200_000
        or site.process.parts()[METER_PATH].child.watchdog_s != 5
    ):
        assert (await site.process.call("config.rollback", version=1, confirm_s=0))["result"] == "applied"
        check(site)


async def at_rest(site: Site) -> None:
    """Nothing is left to be done, and every part is at work."""
    configuring = site.process.controller.configuring
    assert configuring is not None
    await site.world.until(lambda: configuring.store.unconfirmed is None and configuring._leaving is None)
    await site.world.until(site.is_settled)


# --- a word too early ------------------------------------------------------------------------------------------------


async def test_what_is_still_handed_over_cannot_be_confirmed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        answers: list[Json] = []

        async def ask() -> None:
            answers.append(await site.process.apply(METER, PORT))

        nursery.start_soon(ask)
        await trio.sleep(5.0)
        assert site.process.store.unconfirmed is not None
        with pytest.raises(CallRefused, match="still being handed over"):
            await site.process.call("config.confirm", version=2)
        await site.world.until(lambda: bool(answers), 60.0)
        assert answers[0]["part"] == "wires/can0"
        await site.world.until(site.is_settled)
        check(site)


# --- what was looked at in another moment ----------------------------------------------------------------------------


async def test_what_was_proposed_while_the_disk_was_written_is_not_what_is_made(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The limit is live before the disk refuses it: somebody who looked then saw nothing to change."""
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        store = site.process.store

        async def slowly(do: Callable[[], T]) -> T:
            await trio.sleep(1.0)
            return do()

        async def refused() -> None:
            answer = await site.process.apply(LIMIT)
            assert answer["why"] == "the disk is full"

        with (
            mock.patch.object(type(store), "commit", side_effect=ConfigError("the disk is full")),
            mock.patch("jp_firmware.composition.configuration.threads.in_thread", slowly),
        ):
            nursery.start_soon(refused)
            await site.world.until(lambda: planner_limit_w(site) == 110_000.0)
            plan = await site.process.call("config.check", edits=[LIMIT])
            assert plan["changes"] == []
            await site.world.until(lambda: planner_limit_w(site) == 200_000.0)
        answer = await site.process.apply(LIMIT)
        assert (answer["result"], [one["key"] for one in answer["changes"]]) == ("applied", ["site.limit_w"])
        check(site)


async def test_a_mistake_that_was_mended_elsewhere_is_not_told_again(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a profile's file, say, which is no part of the configuration's text."""
    profile = {"put": "meters.meter-2.profile", "value": "own"}
    meters = tmp_path / "profiles" / "meters"
    meters.mkdir(parents=True)
    monkeypatch.setenv("JP_PROFILES", str(tmp_path / "profiles"))
    (charger := tmp_path / "charger").mkdir()
    async with idle(charger) as site:
        assert (await site.process.call("config.check", edits=[profile]))["errors"] > 0
        shipped = path_of("meters", site.process.controller.cabinet.meters[1].profile)
        (meters / "own.toml").write_bytes(shipped.read_bytes())
        assert (await site.process.call("config.check", edits=[profile]))["errors"] == 0


# --- defects and parts that do not go down ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["_planner", "put_in_force"])
async def test_a_defect_in_what_is_live_is_a_refusal_too(
    name: str, tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    whole = getattr(Takeover, name)

    def defective(self: Takeover, cabinet: Cabinet, *more: Any) -> None:
        whole(self, cabinet, *more)
        if cabinet.site.limit_w == 110_000:
            raise KeyError("site")

    async with idle(tmp_path) as site:
        with mock.patch.object(Takeover, name, defective):
            answer = await site.process.apply(LIMIT)
        assert (answer["result"], site.process.parts()["config/changes"].restarts) == ("refused", 0)
        assert "KeyError" in answer["why"]
        assert "failed to take its configuration" in caplog.text
        check(site)


async def test_a_part_that_goes_down_too_late_is_not_changed_any_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    restart, late = Supervisor.restart, []

    def deaf(self: Supervisor, path: str, reason: str, meanwhile: Callable[[], None] | None = None) -> None:
        if path == METER_PATH:
            late.append(meanwhile)
        else:
            restart(self, path, reason, meanwhile)

    async with idle(tmp_path) as site:
        with mock.patch.object(Supervisor, "restart", deaf):
            answer = await site.process.apply(METER, LIMIT)
        assert "was not stopped within" in answer["why"]
        assert [one is not None for one in late] == [True], "nothing to take back where nothing was handed over"
        site.process.tree.restart(METER_PATH, "at last", late[0])
        await trio.sleep(ENDING_S)
        check(site)
