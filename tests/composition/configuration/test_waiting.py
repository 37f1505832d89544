"""A change that waits for sessions: what is made beside it, what becomes of it then, and what gives it up."""

from __future__ import annotations

import json
import math
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.composition.configuration.beginning import begin
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.schema import ConfigError
from jp_firmware.console.calls import CallRefused
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import StopReason
from tests.composition.configuration.at_work import (
    DEADLINE,
    LIMIT,
    METER,
    all_ended,
    ended,
    events,
    idle,
    in_force,
    leave_waiting,
    meter_s,
    next_life,
    number,
    planner_limit_w,
)
from tests.config.kept.cut_disk import Steps
from tests.config.stories import WAITING
from tests.whole.charger import ONE, TWO
from tests.whole.configured import TEXT, Json, open_store

T = TypeVar("T")

SHARE = {"put": "chains.A.share_w", "value": 140_000.0}
CAP = {"put": "chains.A.cap_w", "value": 120_000.0}  # each is good, and both together are not
OTHER_METER = {"put": "meters.meter-1.watchdog_s", "value": 7.0}


async def test_it_is_made_when_its_session_has_ended(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.two_sessions()
        answer = await site.process.apply(METER)
        assert (answer["result"], answer["waits_for"]) == ("waiting", [TWO])
        told = site.process.ask("config")
        assert told["change"]["state"] == "waiting"
        assert told["waiting"] == told["change"]
        await ended(site)
        await site.world.until(lambda: number(site) == 2)
        await site.world.until(lambda: site.process.store.unconfirmed is None)
        assert meter_s(site) == 6.0
        assert site.process.session(ONE) is not None
        assert site.flows(ONE)
        told = site.process.ask("config")
        assert told["change"] is told["waiting"] is None
        assert (told["last_change"]["id"], told["last_change"]["result"]) == (answer["change"], "applied")


async def test_the_site_limit_is_lowered_beside_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        waits = await site.process.apply(METER, {"put": "site.limit_w", "value": 200_000}, who="ann")
        answer = await site.process.apply(LIMIT, who="ben")
        assert answer["result"] == "applied"
        assert planner_limit_w(site) == 110_000.0
        await site.world.until(lambda: site.process.ask("config")["waiting"]["base"] == 2)
        told = site.process.ask("config")
        assert told["change"] == told["waiting"]
        assert (told["waiting"]["id"], told["waiting"]["waits_for"]) == (waits["change"], [TWO])
        plan = await site.process.call("config.check", waiting=waits["change"])
        assert [one["key"] for one in plan["changes"]] == ["meters.meter-2.watchdog_s"]
        await ended(site)
        await in_force(site, 3)
        assert (meter_s(site), planner_limit_w(site)) == (6.0, 110_000.0)
        assert b"limit_w = 110_000 # of the contract" in site.file


async def test_a_whole_text_that_waits_keeps_its_comments(tmp_path: Path, autojump_clock: MockClock) -> None:
    text = TEXT.replace("unit = 2\n", "unit = 2 # below the roof\nwatchdog_s = 6.0\n", 1)
    async with idle(tmp_path) as site:
        await site.session(TWO)
        answer = await site.process.call("config.apply", text=text, base=1)
        assert answer["result"] == "waiting", answer
        assert (await site.process.apply(LIMIT))["result"] == "applied"
        await ended(site)
        await in_force(site, 3)
        assert site.file.decode() == text.replace("limit_w = 200_000", "limit_w = 110_000", 1)
        assert meter_s(site) == 6.0


async def test_what_meets_it_or_would_wait_too_is_refused_and_told_why(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.two_sessions()
        await site.process.apply(METER, LIMIT, who="ann")
        with pytest.raises(CallRefused, match=r"touches site\.limit_w, and so does change-1 by ann.*revert change-1"):
            await site.process.apply({"put": "site.limit_w", "value": 105_000})
        with pytest.raises(CallRefused, match="the session on connector 1, and one change waits already: change-1"):
            await site.process.apply(OTHER_METER)
        with pytest.raises(CallRefused, match="change-9 does not wait; change-1 does"):
            await site.process.call("config.revert", waiting="change-9")
        assert (await site.process.call("config.revert", waiting="change-1"))["given_up"] == "change-1"
        told = site.process.ask("config")
        assert (told["waiting"], told["last_change"]["result"], told["last_change"]["why"]) == (
            None,
            "refused",
            "given up",
        )
        assert any("change-1 by ann is not made: given up" in one for one in events(site))
        await ended(site)
        await trio.sleep(5.0)
        assert number(site) == 1


async def test_it_is_given_up_where_it_does_not_go_together_with_what_is_in_force_then(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        assert (await site.process.apply(METER, SHARE, who="ann"))["result"] == "waiting"
        assert (await site.process.apply(CAP))["result"] == "applied"
        await site.world.until(lambda: site.process.ask("config")["waiting"] is None)
        why = "does not go together with version 2: chains.A.share_w: 140000 is above cap_w"
        assert why in site.process.ask("config")["last_change"]["why"]
        assert any(why in one for one in events(site))
        await ended(site)
        await trio.sleep(5.0)
        assert (number(site), meter_s(site)) == (2, 5.0)


async def test_it_is_made_when_nobody_can_undo_the_one_beside_it_any_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER)
        assert (await site.process.apply(LIMIT, confirm_s=60))["confirm_s"] == 60
        await ended(site)
        await trio.sleep(20.0)
        assert (number(site), meter_s(site)) == (2, 5.0)
        assert (await site.process.call("config.revert", version=2))["undone"] == 2
        await in_force(site, 4)
        assert (meter_s(site), planner_limit_w(site)) == (6.0, 200_000.0)
        assert site.file.decode() == TEXT.replace(
            "unit = 2\nconnector = 2\n", "unit = 2\nconnector = 2\nwatchdog_s = 6.0\n", 1
        )


# --- another life of the charger -------------------------------------------------------------------------------------


async def test_it_outlives_the_charger_and_is_made_in_its_next_life(tmp_path: Path, autojump_clock: MockClock) -> None:
    store = await leave_waiting(tmp_path, METER, secrets={"backend.password": "hush-hush"}, confirm_s=0)
    assert (store.text, dict(store.secrets), store.current.number) == (TEXT, {}, 1)
    kept = tmp_path / "state/config/waiting.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    async with next_life(tmp_path) as site:
        await in_force(site, 2)
        assert meter_s(site) == 6.0
        assert site.process.controller.cabinet.backend.password == "hush-hush"
        assert (site.process.store.current.who, site.process.ask("config")["last_change"]["id"]) == ("ann", "change-1")
        assert any("change-1 by ann, which waited when the charger ended, waits again" in one for one in events(site))
        assert not kept.exists()
        assert (await site.process.apply(LIMIT))["result"] == "applied"
        assert site.process.ask("config")["last_change"]["id"] == "change-2"


async def test_it_outlives_all_parts_that_start_anew_with_its_name(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.session(TWO)
        waits = await site.process.apply(METER)
        assert (await site.process.apply(LIMIT))["result"] == "applied"
        assert (await site.process.apply(DEADLINE, force=True))["result"] == "applied"
        controller = await site.next_life(nursery)
        await in_force(site, 4)
        assert (controller.cabinet.process.guard_deadline_s, meter_s(site)) == (2.0, 6.0)
        assert site.process.ask("config")["last_change"]["id"] == waits["change"]
        nursery.cancel_scope.cancel()


async def test_it_is_brought_onto_what_somebody_wrote_into_the_file_meanwhile(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    await leave_waiting(tmp_path, METER)
    (tmp_path / "cabinet.toml").write_text(TEXT.replace("200_000 #", "110_000 #"))
    async with next_life(tmp_path) as site:
        await in_force(site, 3)
        assert (meter_s(site), planner_limit_w(site)) == (6.0, 110_000.0)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "cap_w = 150_000",
            "cap_w = 120_000",
            "does not go together with version 2: chains.A.share_w",
        ),
        ("share_w = 100_000", "share_w = 140000.0", "is in force already"),
    ],
)
async def test_it_is_forgotten_where_the_file_leaves_nothing_of_it(
    old: str, new: str, why: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    await leave_waiting(tmp_path, METER, SHARE)
    text = TEXT.replace(old, new)
    if "already" in why:
        text = text.replace("unit = 2\nconnector = 2\n", "unit = 2\nconnector = 2\nwatchdog_s = 6.0\n")
    (tmp_path / "cabinet.toml").write_text(text)
    async with next_life(tmp_path) as site:
        await site.world.until(lambda: site.process.store.waiting is None)
        assert any(why in one for one in events(site))
        assert (number(site), site.file.decode()) == (2, text)
    assert open_store(tmp_path).waiting is None


async def test_what_was_given_up_stays_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER)
        assert site.process.store.waiting is not None
        await site.process.call("config.revert")
        assert open_store(tmp_path).waiting is None


async def test_one_that_the_disk_does_not_take_waits_all_the_same_and_says_what_that_means(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    refuses = mock.patch.object(ConfigStore, "keep_waiting", side_effect=ConfigError("the disk is full"))
    async with idle(tmp_path) as site:
        await site.session(TWO)
        with refuses:
            assert (await site.process.apply(METER))["result"] == "waiting"
        assert any("is lost if the charger ends before it is made: the disk is full" in one for one in events(site))
        await ended(site)
        await in_force(site, 2)
        assert meter_s(site) == 6.0


async def test_one_that_the_disk_does_not_forget_is_forgotten_once_it_can(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    refuses = mock.patch.object(ConfigStore, "forget_waiting", side_effect=ConfigError("it is read-only"))
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER)
        with refuses as forget:
            await site.process.call("config.revert")
            await trio.sleep(60.0)
            assert 2 <= forget.call_count <= 8, "now and then"
            assert sum("waits again if the charger ends now: it is read-only" in one for one in events(site)) == 1
        await site.world.until(lambda: site.process.store.waiting is None, 15.0)
    assert open_store(tmp_path).waiting is None


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        '{"number": 1}',
        *(
            json.dumps(json.loads(WAITING.as_text()) | other)
            for other in (
                {"number": "1"},
                {"secrets": ["backend.password"]},
                {"secrets": {"backend.password": 7}},
                {"confirm_s": "60"},
                {"confirm_s": math.nan},
                {"who": None},
                {"is_text": 1},
            )
        ),
    ],
)
def test_a_damaged_one_costs_no_start(tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: str) -> None:
    (tmp_path / "cabinet.toml").write_text(TEXT)
    open_store(tmp_path)
    (tmp_path / "state/config/waiting.json").write_text(damaged)
    assert open_store(tmp_path).waiting is None
    assert "the change that waited is lost" in caplog.text


async def test_undoing_a_version_that_is_kept_by_now_does_not_give_it_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER)
        await site.process.apply(LIMIT, confirm_s=60)
        await site.process.call("config.confirm", version=2)
        with pytest.raises(
            CallRefused, match="version 2 does not wait to be confirmed; to go back: jp config rollback"
        ):
            await site.process.call("config.revert", version=2)
        assert site.process.ask("config")["waiting"] is not None


async def test_sessions_that_end_since_all_ends_are_no_occasion_for_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(TWO)
        await site.process.apply(METER, who="ann")
        site.process.controller.end(Ending(StopReason.LOCAL, "the process ends"))
        with pytest.raises(CallRefused, match="the charger is ending"):
            await site.process.apply(LIMIT)
        await all_ended(site)
        assert number(site) == 1
        assert site.process.store.waiting is not None


@pytest.mark.parametrize("edit", [METER, DEADLINE], ids=["part", "whole"])
async def test_a_session_that_begins_while_the_disk_is_written_is_not_cut(
    edit: Json, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def slowly(do: Callable[[], T]) -> T:
        await trio.sleep(3.0)
        return do()

    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        site.world.plug(TWO)
        await site.world.until(lambda: site.process.state(TWO) is ConnectorState.PREPARING)
        with mock.patch("jp_firmware.composition.configuration.threads.in_thread", slowly):
            nursery.start_soon(site.process.apply, edit)
            await site.world.until(lambda: site.process.controller.configuring.change is not None)  # type: ignore[union-attr]
            await trio.sleep(0.5)
            assert site.process.start(TWO) == (True, "")
            await site.world.until(lambda: site.process.session(TWO) is not None)
            session = site.process.session(TWO)
            assert session is not None
            await site.world.until(lambda: site.process.ask("config")["waiting"] is not None)
            await site.world.until(lambda: site.process.ask("config")["waiting"]["base"] == 3)
        assert site.process.ask("config")["waiting"]["waits_for"] == [TWO]
        now = site.process.session(TWO)
        assert now is not None
        assert (now.id, meter_s(site)) == (session.id, 5.0)
        assert site.file.decode() == TEXT
        if edit == METER:
            await ended(site)
            await in_force(site, 4)
            assert meter_s(site) == 6.0


async def test_a_power_cut_anywhere_leaves_what_was_made_beside_it_or_all_of_it_or_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The state directory and the file as they are before each step of the disk, and what a start makes of them."""
    (charger := tmp_path / "charger").mkdir()
    cut: list[dict[str, bytes]] = []

    def remember(_: int) -> None:
        files = [one for one in charger.rglob("*") if one.is_file()]
        cut.append({str(one.relative_to(charger)): one.read_bytes() for one in files})

    async with idle(charger) as site:
        site.process.store._disk = Steps(remember)
        await site.session(TWO)
        await site.process.apply(METER)
        await site.process.apply(LIMIT)
        await ended(site)
        await in_force(site, 3)
        remember(0)
        both = site.file.decode()
    beside = TEXT.replace("limit_w = 200_000", "limit_w = 110_000", 1)
    found, left = [], []
    for at, files in enumerate(cut):
        shutil.rmtree(charger)
        for name, content in files.items():
            (charger / name).parent.mkdir(parents=True, exist_ok=True)
            (charger / name).write_bytes(content)
        begun = begin(charger / "cabinet.toml", charger / "state", (), attended=False)
        found.append(begun.store.text)
        assert begun.store.text in (TEXT, beside, both), at
        assert begun.store.unconfirmed is None
        assert (charger / "cabinet.toml").read_text() == begun.store.text
        is_undone = begun.store.current.origin.kind == "revert"  # and told: it may be why the charger ended
        left.append(begun.store.text == both or begun.store.waiting is not None or is_undone)
    assert len(set(found)) == 3
    assert left == sorted(left), "once it is on the disk it is not lost any more"
    assert len(set(left)) == 2
