"""A draft of the configuration is applied, or an old version: what is asked, how far it is, and how it ended."""

import asyncio
from typing import Any

import pytest

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.configuration.told import PlanView
from jp_firmware.tui.text import plain, width_of
from jp_firmware.tui.views import config_pages
from tests.tui import cabinet
from tests.tui.configuring import on_configuration, put, told, words
from tests.tui.engine import Engine
from tests.tui.harness import Stage, on_stage


class TestApplying:
    def test_shows_the_plan_asks_why_and_says_how_it_ended(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90000")
            await stage.press("ctrl+o")
            text = stage.text()
            assert "site.limit_w: 150_000 → 90_000" in text
            assert "None is disturbed." in text
            assert "Changed by the installer" in text
            await stage.press("enter", "enter", "enter")
            assert "Not done: say why" in stage.text()
            await stage.press("up", *"works", "enter", "enter")
            assert "version 18 is in force" in stage.text()
            await stage.press("escape")
            assert stage.screen()[2].startswith(" KEYS, no unsaved changes")
            assert "version 18" in stage.screen()[21]

        (asked,) = told(on_configuration(play), "apply")
        assert asked == {
            "base": 17,
            "text": None,
            "edits": [{"put": "site.limit_w", "value": 90_000}],
            "secrets": None,
            "why": "works",
            "who": "operator",
            "origin": "terminal",
            "confirm_s": 0.0,
        }

    def test_a_change_of_the_link_proposes_a_time_to_confirm(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "backend.url", "wss://elsewhere/ocpp")
            await stage.press("p")
            assert "It could lock you out: it is undone after 60 s" in stage.text()
            await stage.press("escape", "ctrl+o", "enter", *"moved", "enter", "enter")
            assert "undone in 60 s unless confirmed: Ctrl-Y" in words(stage)

        assert told(on_configuration(play), "apply")[0]["confirm_s"] == 60.0

    def test_progress_is_told_by_part_and_a_refusal_names_the_part(self) -> None:
        async def play(stage: Stage) -> None:
            answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

            async def slow(method: str, /, **params: Any) -> Any:
                return await answered if method == "config.apply" else await known(method, **params)

            known, stage.charger.call = stage.charger.call, slow  # type: ignore[method-assign]
            await put(stage, "can0.port", "jp/can1")
            await stage.press("ctrl+o", "enter", *"why", "enter", "enter")
            steps = [
                {"path": "wires/can0", "how": "restart child", "state": "under way"},
                {"path": "planner", "how": "live", "state": "to do"},
            ]
            change = {"state": "applying", "who": "operator", "waits_for": [], "steps": steps}
            await stage.tell(config=cabinet.config(change=change))
            assert "wires/can0" in stage.text()
            assert "under way" in stage.text()
            answered.set_result({"result": "refused", "part": "wires/can0", "why": "no such port"})
            await stage.tell(config=cabinet.config())
            await stage.press("escape")
            assert "Apply the draft: refused by wires/can0: no such port" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]

        on_configuration(play)

    @pytest.mark.parametrize(
        ("now", "ended", "unsaved"),
        [
            ({"version": 17}, "Version 17 is still in force", "1 unsaved change"),
            ({"version": 18, "who": "operator", "why": "night"}, "In force is version 18", "no unsaved changes"),
            ({"version": 19, "who": "charger", "why": "can0 is down"}, "by charger: can0 is down", "1 unsaved change"),
        ],
    )
    def test_a_charger_that_starts_anew_meanwhile_is_asked_what_became_of_it(
        self, now: dict[str, Any], ended: str, unsaved: str
    ) -> None:
        engine = Engine()

        async def play(stage: Stage) -> None:
            async def cut(method: str, /, **params: Any) -> Any:
                if method == "config.apply":
                    raise ConsoleError("the charger closed the link")
                return await known(method, **params)

            known, stage.charger.call = stage.charger.call, cut  # type: ignore[method-assign]
            await put(stage, "limit_w", "90000")
            await stage.press("ctrl+o", "enter", *"night", "enter", "enter")
            assert "The link broke (the charger closed the link)" in words(stage)
            stage.charger.lose("the charger closed the link")
            await stage.settle()
            if now.get("who") == "operator":
                engine.take(engine.text.replace("150_000", "90_000"), "night")
            stage.charger.connect()
            await stage.tell(status=cabinet.status(), config=cabinet.config(**now))
            await stage.press("escape")
            assert ended in stage.screen()[22]
            assert unsaved in stage.screen()[2]

        on_configuration(play, engine=engine)

    def test_where_all_parts_start_anew_the_answer_is_not_the_last_word(self) -> None:
        engine = Engine()

        async def play(stage: Stage) -> None:
            await put(stage, "guard_deadline", "2")
            await stage.press("ctrl+o")
            assert "All parts start anew, this link with them" in words(stage)
            await stage.press("enter", *"guard", "enter", "enter")
            assert "how it ended is told when the charger is back" in words(stage)
            settling = {"version": 18, "previous": 17, "ends_in_s": None}
            at_work = engine.version() | {"who": "operator", "unconfirmed": settling}
            await stage.tell(config=at_work)
            stage.charger.lose("the charger closed the link")
            await stage.settle()
            stage.charger.connect()
            await stage.tell(status=cabinet.status(), config=at_work)
            assert "In force is version 18" not in words(stage)
            await stage.tell(config=engine.version() | {"who": "operator"})
            await stage.press("escape")
            assert "In force is version 18 by operator: guard" in stage.screen()[22]
            assert "no unsaved changes" in stage.screen()[2]

        on_configuration(play, engine=engine)

    def test_a_draft_whose_error_is_found_only_now_does_not_go_on(self) -> None:
        """Ctrl-O came before the charger's word on the last change."""

        async def play(stage: Stage) -> None:
            async def slow(method: str, /, **params: Any) -> Any:
                if method == "config.check":
                    stage.charger.call = known  # type: ignore[method-assign]
                    await asyncio.Event().wait()  # until the next check takes its place
                return await known(method, **params)

            known, stage.charger.call = stage.charger.call, slow  # type: ignore[method-assign]
            await put(stage, "module-3.wire", "can9")
            assert stage.screen()[21].startswith(" CHECKING")
            await stage.press("ctrl+o")
            assert "FOUND" in stage.text()
            assert "Esc closes" in stage.text()
            await stage.press("enter")
            assert "Undone unless confirmed" not in stage.text()

        on_configuration(play)

    def test_leaving_does_nothing_and_says_so(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90000")
            await stage.press("ctrl+o", "enter", "escape")
            assert "left, nothing was done" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]
            await stage.press("f2", *"discard", "enter", *"discard", "enter")
            assert "no unsaved changes" in stage.screen()[2]

        assert told(on_configuration(play), "apply") == []


def test_history_shows_what_differs_and_leads_back() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("h", "down", "enter")
        text = stage.text()
        assert "Version 16" in text
        assert "site.limit_w: 120000 → 150000" in text
        assert "-limit_w = 120_000" in text
        await stage.press("enter")
        assert "site.limit_w: 150_000 → 120_000" in stage.text()
        await stage.press("enter", *"as before", "enter", "enter")
        assert "Go back to version 16: version 18 is in force" in stage.text()

    asked = told(on_configuration(play), "rollback")
    assert asked == [{"version": 16, "why": "as before", "who": "operator", "confirm_s": 0.0}]


def test_history_says_what_was_changed_where_nobody_said_why() -> None:
    engine = Engine()
    engine.take(engine.text.replace("limit_w = 150_000", "limit_w = 90_000"), "")

    async def play(stage: Stage) -> None:
        await stage.press("h")
        assert "cli, site.limit_w" in stage.text()
        assert "cli, commissioning" in stage.text()

    on_configuration(play, engine=engine)


def test_going_back_to_a_version_leaves_the_draft() -> None:
    async def play(stage: Stage) -> None:
        await put(stage, "reserve_w", "5000")
        await stage.press("h", "down", "enter", "enter", "enter", *"as before", "enter", "enter")
        assert "Go back to version 16: version 18 is in force" in stage.text()
        await stage.press("escape")
        assert "1 unsaved change" in stage.screen()[2]
        assert "version 18" in stage.screen()[21]

    on_configuration(play)


def test_a_second_change_is_not_asked_for_while_one_is_being_made() -> None:
    async def play(stage: Stage) -> None:
        await put(stage, "limit_w", "90000")
        await stage.tell(config=cabinet.config(change={"id": "change-1", "state": "applying", "who": "anna"}))
        await stage.press("ctrl+o")
        assert "not possible, another change is being made" in stage.screen()[22]

    assert told(on_configuration(play), "apply") == []


@pytest.mark.parametrize("width", [52, 70, 110])
def test_the_plan_names_every_session_that_a_part_ends_or_reduces(width: int) -> None:
    step = {"path": "wires/can0", "how": "restart child", "ends": [1, 2, 3], "reduces": [10, 11, 12]}
    told = PlanView.read({"steps": [step], "waits_for": [1, 2, 3], "role": "installer"})

    async def play(stage: Stage) -> None:
        rows = config_pages.plan(stage.app.scene(), told, (), width)
        assert all(width_of(row) <= width for row in rows)
        running = " ".join(" ".join(map(plain, rows)).split())
        assert "wires/can0 restart child ends the session at 1, 2, 3; takes modules from 10, 11, 12" in running

    on_stage(play)


def test_a_draft_is_not_lost_by_leaving_with_one_key() -> None:
    async def play(stage: Stage) -> None:
        left: list[int] = []
        stage.app.exit = lambda code=0, *_: left.append(code)  # type: ignore[method-assign, assignment]
        await put(stage, "limit_w", "90000")
        await stage.press("f10")
        assert "would be lost: the same key again leaves" in stage.screen()[22]
        stage.clock.now_s += 11
        await stage.press("f10")
        assert left == []
        await stage.press("f10")
        assert left == [0]

    on_configuration(play)


def test_a_text_in_the_editor_is_not_lost_by_leaving_with_one_key() -> None:
    async def play(stage: Stage) -> None:
        left: list[int] = []
        stage.app.exit = lambda code=0, *_: left.append(code)  # type: ignore[method-assign, assignment]
        await stage.press("t", "enter", "ctrl+q")
        assert left == [0]
        await stage.press("x", "ctrl+q")
        assert left == [0]
        assert "would be lost" in stage.screen()[22]

    on_configuration(play)
