"""A change of the configuration on a charger that runs: all of it or nothing, and undone where nobody keeps it."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.configuration.takeover import Takeover
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake
from jp_firmware.console.calls import CallRefused
from tests.composition.configuration.at_work import (
    BAUD,
    DEADLINE,
    LATER,
    LIMIT,
    METER,
    NO_URL,
    PORT,
    URL,
    events,
    has_url,
    idle,
    planner_limit_w,
    state_of,
)
from tests.whole.charger import BOTH, ONE
from tests.whole.configured import TEXT, Site

# --- one change ------------------------------------------------------------------------------------------------------


async def test_a_live_change_is_in_force_when_the_call_answers(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        answer = await site.process.apply(LIMIT, why="less", who="ann")
        assert answer["result"] == "applied", answer
        assert planner_limit_w(site) == 110_000.0
        assert (
            b"limit_w = 110_000.0 # of the contract" in site.file or b"limit_w = 110_000 # of the contract" in site.file
        )
        newest = site.process.store.current
        assert (newest.who, newest.why, str(newest.origin)) == ("ann", "less", "console")
        assert any("site.limit_w" in one and "ann" in one for one in events(site))


async def test_what_an_operator_has_limited_stands_when_the_configured_limit_moves(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.process.call("limit.set", site_w=108_000)
        for configured_w, in_force_w in ((110_000.0, 108_000.0), (105_000.0, 105_000.0), (120_000.0, 108_000.0)):
            answer = await site.process.apply({"put": "site.limit_w", "value": configured_w})
            assert answer["result"] == "applied", answer
            assert planner_limit_w(site) == in_force_w


async def test_what_the_disk_refuses_is_taken_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        began = planner_limit_w(site)
        with mock.patch.object(type(site.process.store), "commit", side_effect=ConfigError("the disk is full")):
            answer = await site.process.apply(LIMIT)
        assert (answer["result"], answer["why"]) == ("refused", "the disk is full")
        assert planner_limit_w(site) == began
        assert site.process.store.current.number == 1
        assert (await site.process.apply(LIMIT))["result"] == "applied", "the next one finds everything in order"


async def test_one_change_is_all_or_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A limit, a meter and a bus that cannot be opened: the limit and the meter go back too."""
    async with idle(tmp_path) as site:
        began = site.file
        answer = await site.process.apply(LIMIT, METER, PORT)
        assert (answer["result"], answer["part"]) == ("refused", "wires/can0")
        assert "not up again" in answer["why"]
        assert site.file == began
        assert planner_limit_w(site) == 200_000.0
        assert site.process.parts()["wires/rs485-0/meter-2"].child.watchdog_s == 5.0
        assert site.process.store.unconfirmed is None
        await site.world.until(lambda: all(one.state.is_settled for one in site.process.parts().values()))


async def test_a_text_with_mistakes_changes_nothing_and_names_their_lines(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        text = TEXT.replace("limit_w = 200_000", "limit_kw = 200")
        answer = await site.process.call("config.apply", text=text, base=1)
        assert answer["result"] == "refused"
        lines = [one["line"] for one in answer["findings"] if one["severity"] == "error"]
        assert any(text.splitlines()[line - 1].startswith("limit_kw") for line in lines)
        assert site.process.store.current.number == 1


async def test_the_second_of_two_editors_is_shown_the_difference(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(LIMIT, who="ann")
        answer = await site.process.call("config.apply", edits=[BAUD], base=1)
        assert (answer["result"], answer["base"], answer["version"], answer["who"]) == ("outdated", 1, 2, "ann")
        assert ["site.limit_w" in one for one in answer["changes"]] == [True]
        assert "+limit_w" in answer["difference"]


async def test_what_a_change_would_be_can_be_asked_while_the_charger_starts(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    site = Site.of(tmp_path)
    async with site.running():
        await trio.sleep(0.01)
        assert state_of(site, "backend/ocpp-1.6") == "idle"
        plan = await site.process.call("config.check", edits=[URL])
        assert [(step["path"], step["ends"]) for step in plan["steps"]] == [("backend", [])]
        await site.world.until(site.is_settled)


async def test_a_device_whose_wire_is_away_starts_with_the_change(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        site.world.wires["can0"].cut()
        await site.world.until(lambda: state_of(site, "wires/can0/module-3") == "idle")
        answer = await site.process.apply({"put": "modules.module-3.address", "value": 9})
        assert answer["result"] == "applied"
        modules = site.process.controller.plant.modules
        assert [one.config.address for one in modules.values()] == [0, 1, 9]


async def test_what_the_disk_does_not_keep_for_good_is_undone(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        began = site.file
        with mock.patch.object(type(site.process.store), "confirm", side_effect=ConfigError("the disk is full")):
            answer = await site.process.apply(METER)
        assert (answer["result"], answer["why"]) == ("refused", "the disk is full")
        await site.world.until(lambda: site.file == began, 30.0)
        await site.world.until(lambda: site.process.parts()["wires/rs485-0/meter-2"].child.watchdog_s == 5.0)
        assert site.process.store.unconfirmed is None


async def test_a_disk_that_refuses_to_go_back_is_asked_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        began = site.file
        await site.process.apply(URL, confirm_s=10)
        with mock.patch.object(type(site.process.store), "revert", side_effect=ConfigError("the disk is full")):
            await trio.sleep(12)
        assert site.process.store.unconfirmed is not None
        assert any("cannot be undone: the disk is full" in one for one in events(site))
        await site.world.until(lambda: site.file == began, 15.0)
        await site.world.until(lambda: has_url(site) == "ws://127.0.0.1:9/ocpp")


# --- the next session -----------------------------------------------------------------------------------------------


async def test_a_session_that_runs_keeps_its_limits_and_the_next_has_the_new(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site:
        await site.session(ONE)
        await site.world.until(lambda: site.world.plant.buses[ONE].current_a > 70.0)
        await site.process.apply(LATER)
        await trio.sleep(5.0)
        assert site.world.plant.buses[ONE].current_a > 70.0
        assert site.process.stop(ONE) == (True, "")
        await site.world.until(lambda: site.process.session(ONE) is None)
        await site.session(ONE)
        await site.world.until(lambda: site.world.plant.buses[ONE].current_a > 45.0)
        await trio.sleep(5.0)
        assert site.world.plant.buses[ONE].current_a < 51.0


# --- a word that keeps or undoes it ----------------------------------------------------------------------------------


async def test_what_nobody_confirms_is_undone_by_itself(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        began = site.file
        answer = await site.process.apply(URL)
        assert (answer["result"], answer["confirm_s"]) == ("applied", 60.0)
        assert has_url(site) == "ws://127.0.0.1:8/ocpp"
        told = site.process.ask("config")
        assert told["unconfirmed"]["version"] == 2
        assert 55 < told["unconfirmed"]["ends_in_s"] <= 60
        await trio.sleep(61)
        assert site.file == began
        assert has_url(site) == "ws://127.0.0.1:9/ocpp"
        assert str(site.process.store.current.origin) == "revert of 2"
        assert any("nobody confirmed" in one for one in events(site))


async def test_it_is_undone_even_to_what_the_hardware_speaks_against(tmp_path: Path, autojump_clock: MockClock) -> None:
    wrong = Mistake(("modules", 0, "driver"), "another family answers", rule="RULE-80")
    async with idle(tmp_path) as site:
        began = site.file
        assert (await site.process.apply(URL))["result"] == "applied"
        with mock.patch("jp_firmware.composition.configuration.proposing.new_mistakes", return_value=[wrong]):
            await trio.sleep(61)
        assert site.file == began
        assert has_url(site) == "ws://127.0.0.1:9/ocpp"
        assert site.process.parts()["config/changes"].restarts == 0


async def test_a_defect_in_a_part_that_is_changed_is_a_refusal_like_any_other(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    take = Takeover.take

    def defective(self: Takeover, path: str, cabinet: Cabinet, before: Cabinet) -> None:
        if path.endswith("/meter-2") and cabinet.meters[1].watchdog_s == 6.0:
            raise KeyError("meter-2")
        take(self, path, cabinet, before)

    async with idle(tmp_path) as site:
        began = site.file
        with mock.patch.object(Takeover, "take", defective):
            answer = await site.process.apply(METER)
        assert (answer["result"], answer["part"]) == ("refused", "wires/rs485-0/meter-2")
        assert "KeyError" in answer["why"]
        assert "failed to take its configuration" in caplog.text
        assert site.file == began
        await site.world.until(lambda: all(one.state.is_settled for one in site.process.parts().values()))
        assert site.process.parts()["wires/can0/module-1"].restarts == 0


async def test_the_watch_over_a_plug_follows_its_boards_watchdog(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        answer = await site.process.apply({"put": "plc_boards.plc-1.watchdog_s", "value": 0.4})
        assert answer["result"] == "applied"
        watched = {one.runner.connector_id: one.watchdog_s for one in site.process.controller.plugs}
        assert watched[ONE] == 0.4


async def test_what_is_confirmed_stays(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(URL)
        await trio.sleep(30)
        with pytest.raises(CallRefused):
            await site.process.call("config.confirm", version=1)
        await site.process.call("config.confirm", version=2)
        await trio.sleep(120)
        assert has_url(site) == "ws://127.0.0.1:8/ocpp"
        assert site.process.store.unconfirmed is None


async def test_a_live_change_may_be_held_until_it_is_confirmed_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(LIMIT, confirm_s=10)
        assert planner_limit_w(site) == 110_000.0
        await trio.sleep(11)
        assert planner_limit_w(site) == 200_000.0


async def test_it_can_be_undone_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        with pytest.raises(CallRefused):
            await site.process.call("config.revert")
        await site.process.apply(URL)
        await site.process.call("config.revert")
        await site.world.until(lambda: has_url(site) == "ws://127.0.0.1:9/ocpp", 5.0)


async def test_a_secret_goes_back_with_its_version_and_is_never_told(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        answer = await site.process.apply(secrets={"backend.password": "hush-hush"})
        assert answer["result"] == "applied"
        assert site.process.controller.cabinet.backend.password == "hush-hush"
        told = await site.process.call("config.values")
        assert "hush" not in str(answer) + str(told) + site.file.decode()
        (one,) = [one for one in told["values"] if one["key"] == "backend.password"]
        assert (one["value"], one["set"]) == (None, True)
        await trio.sleep(61)
        assert site.process.controller.cabinet.backend.password == ""
        assert dict(site.process.store.secrets) == {}


# --- with and without a central system -------------------------------------------------------------------------------


async def test_the_central_system_goes_and_comes(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.session(ONE)
        assert (await site.process.apply(NO_URL, confirm_s=0))["result"] == "applied"
        assert state_of(site, "backend/ocpp-1.6") == "done"
        assert has_url(site) == ""
        assert site.process.faults() == []
        assert (await site.process.apply(URL, confirm_s=0))["result"] == "applied"
        assert state_of(site, "backend/ocpp-1.6") == "up"
        assert state_of(site, "backend/charging-profiles") == "up"
        assert has_url(site) == "ws://127.0.0.1:8/ocpp"
        assert site.process.session(ONE) is not None
        await site.world.until(lambda: "NET-01 backend" in site.process.faults())


# --- all parts anew --------------------------------------------------------------------------------------------------


async def test_forced_all_sessions_end_in_order_and_the_next_life_has_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        await site.two_sessions()
        answer = await site.process.apply(DEADLINE, force=True)
        assert (answer["result"], answer["version"]) == ("applied", 2)
        assert answer["steps"][0]["ends"] == list(BOTH)
        controller = await site.next_life(nursery)
        assert site.world.opened_under_load() == 0
        assert site.world.modules_on() == []
        assert [site.world.disk.open_at(one) for one in BOTH] == [[], []]
        assert controller.cabinet.process.guard_deadline_s == 2.0
        await site.world.until(lambda: site.process.store.unconfirmed is None)
        assert site.process.store.current.number == 2
        nursery.cancel_scope.cancel()


async def test_it_can_be_undone_before_anything_has_ended_for_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        began = site.file
        await site.process.apply(DEADLINE)
        with pytest.raises(CallRefused, match="still being handed over"):
            await site.process.call("config.confirm", version=2)
        assert (await site.process.call("config.revert"))["undone"] == 2
        await site.world.until(lambda: site.file == began)
        await trio.sleep(1.0)
        assert not site.process.controller.restart_wanted
        assert (await site.process.apply(LIMIT))["result"] == "applied"


async def test_a_life_in_which_a_part_does_not_come_up_again_is_undone(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        began = site.file
        answer = await site.process.apply(DEADLINE, PORT)
        assert answer["result"] == "applied"
        await site.next_life(nursery)
        assert site.process.store.unconfirmed is not None
        await site.world.until(lambda: site.process.controller.restart_wanted, 90.0)
        assert site.file == began
        controller = await site.next_life(nursery)
        assert controller.cabinet.process.guard_deadline_s == 1.0
        await site.world.until(lambda: all(one.state.is_settled for one in site.process.parts().values()))
        nursery.cancel_scope.cancel()


async def test_a_life_that_nobody_confirms_is_undone_by_another_one(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        began = site.file
        await site.process.apply(DEADLINE, confirm_s=30)
        controller = await site.next_life(nursery)
        assert controller.resumed is not None
        assert (controller.resumed.number, controller.resumed.confirm_s) == (2, 30)
        await site.world.until(lambda: controller.restart_wanted, 60.0)
        assert site.file == began
        assert controller.resumes is None
        nursery.cancel_scope.cancel()


async def test_a_life_can_be_undone_before_its_parts_are_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site, trio.open_nursery() as nursery:
        began = site.file
        await site.process.apply(DEADLINE, PORT)
        await site.next_life(nursery)
        await trio.sleep(5.0)
        await site.process.call("config.revert")
        await site.world.until(lambda: site.process.controller.restart_wanted, 5.0)
        assert site.file == began
        nursery.cancel_scope.cancel()
