"""The configuration's workspace on an 80 by 24 screen: looking, changing, applying, confirming, going back."""

import asyncio
from typing import Any

import pytest

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.symbols import ASCII
from tests.tui import cabinet
from tests.tui.engine import DEMO, Engine
from tests.tui.harness import Stage, on_stage

TEXT = DEMO.read_text(encoding="utf-8")


def on_configuration(play: Any, *, engine: Engine | None = None, **options: Any) -> Engine:
    """Runs `play(stage)` with the workspace in sight, over a charger with that configuration."""
    engine = engine or Engine()

    async def there(stage: Stage) -> None:
        stage.charger.answers |= engine.calls()
        await stage.press("g", "e")
        await play(stage)

    on_stage(there, **options)
    return engine


async def find(stage: Stage, words: str) -> None:
    """Goes to a key."""
    await stage.press("/", *words, "enter")


async def put(stage: Stage, key: str, value: str) -> None:
    """Changes a key that is typed."""
    await find(stage, key)
    await stage.press("enter", "ctrl+u", *value, "enter")


def under_cursor(stage: Stage) -> str:
    return next(row for row in stage.screen() if row.startswith(" ›"))


def words(stage: Stage) -> str:
    """What is on the screen, as one running text."""
    return " ".join(stage.text().replace("│", " ").split())


def told(engine: Engine, name: str) -> list[dict[str, Any]]:
    return [params for call, params in engine.asked if call == name]


# --- looking -------------------------------------------------------------------------------------------------------


def test_it_shows_tables_what_was_found_and_the_version_in_force() -> None:
    async def play(stage: Stage) -> None:
        rows = stage.screen()
        assert [len(row) for row in rows] == [80] * 24
        assert rows[2].startswith(" KEYS, no unsaved changes ─")
        assert under_cursor(stage).split()[1:3] == ["+", "charger"]
        assert next(row for row in rows if "+ backend" in row).startswith("   ▲ + backend")
        assert rows[21].startswith(" VALID 1 warning")
        assert "version 17, anna, 13:50:22" in rows[21]
        assert "Ctrl-O Apply" in rows[23]

    on_configuration(play)


def test_an_open_list_shows_its_items_by_name_and_an_item_its_keys() -> None:
    async def play(stage: Stage) -> None:
        await find(stage, "modules.module-3.address")
        row = under_cursor(stage)
        assert row.split() == ["›", "address", "2", "file", "restart", "child"]
        text = stage.text()
        assert "- module-3" in text
        assert "modules.module-3.address ─" in text
        assert "Its address on that wire" in text
        assert "whole number, 0 to 255, must be given; restart child" in text
        await stage.press("left", "left")
        assert under_cursor(stage).split()[1:] == ["+", "module-3"]
        await stage.press("left", "left")
        assert under_cursor(stage).split()[1:3] == ["+", "modules"]

    on_configuration(play)


def test_a_default_is_named_as_one_and_a_command_lines_value_is_explained() -> None:
    async def play(stage: Stage) -> None:
        await find(stage, "rotate_s")
        assert under_cursor(stage).split()[1:] == ["rotate_s", "600", "s", "command", "line", "live"]
        assert "The command line sets it" in stage.text()
        await find(stage, "reserve_w")
        assert under_cursor(stage).split()[1:] == ["reserve_w", "0", "W", "default", "live"]

    on_configuration(play, engine=Engine(overrides=("planner.rotate_s=600",)))


def test_filters_show_what_is_set_and_what_is_changed() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("c")
        text = stage.text()
        assert "KEYS THAT ARE SET" in text
        assert "identity" in text
        assert "vendor" not in text
        await stage.press("c")
        assert "no key is changed" in stage.text()
        await put(stage, "limit_w", "90000")
        await stage.press("c", "c")
        assert [row.split()[1:4] for row in stage.screen()[4:5]] == [["*", "limit_w", "90_000"]] or (
            "limit_w" in stage.screen()[4] and "90_000 W" in stage.screen()[4]
        )
        assert "charger" not in "\n".join(stage.screen()[2:15])

    on_configuration(play)


def test_what_the_charger_cannot_tell_is_said() -> None:
    async def play(stage: Stage) -> None:
        stage.charger.refusal = "this charger was not started from a file"
        await stage.press("g", "e")
        assert "not told: this charger was not started from a file" in stage.text()

    on_stage(play)


# --- changing ------------------------------------------------------------------------------------------------------


class TestAKey:
    def test_is_marked_counted_and_checked_at_once(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90_000")
            rows = stage.screen()
            assert rows[2].startswith(" KEYS, 1 unsaved change ─")
            assert under_cursor(stage).split() == ["›*", "limit_w", "90_000", "W", "changed", "live"]
            assert "unsaved: 150_000 → 90_000" in stage.text()
            assert rows[21].startswith(" VALID 1 warning   live")
            await stage.press("delete")
            assert under_cursor(stage).split() == ["›", "limit_w", "150_000", "W", "file", "live"]
            assert "no unsaved changes" in stage.screen()[2]

        engine = on_configuration(play)
        assert told(engine, "check")[1]["edits"] == [{"put": "site.limit_w", "value": 90_000}]
        assert told(engine, "apply") == []

    def test_what_cannot_be_right_is_refused_in_the_dialog(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "-3")
            assert "Not done: it lies between 0 and 10_000_000 W" in stage.text()
            await stage.press("escape")
            assert "no unsaved changes" in stage.screen()[2]

        assert len(told(on_configuration(play), "check")) == 1

    def test_what_only_the_charger_can_judge_is_an_error_at_the_key(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "module-3.wire", "can9")
            assert under_cursor(stage).startswith(" ›*✗")
            assert stage.screen()[21].startswith(" 1 ERROR")
            assert "can9" in "\n".join(stage.screen()[16:21])
            await stage.press("ctrl+o")
            assert len(stage.app.screen_stack) == 1
            assert "Apply the draft: not possible, the draft has an error" in stage.screen()[22]

        assert told(on_configuration(play), "apply") == []

    def test_with_choices_is_chosen_and_can_go_back_to_its_default(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "can0.bitrate")
            await stage.press("enter")
            assert "› 125000 bit/s  now" in stage.text()
            await stage.press("down", "enter")
            assert under_cursor(stage).split()[1:4] == ["bitrate", "250_000", "bit/s"]
            await find(stage, "rs485-0.baud")
            await stage.press("enter", "end", "enter")
            assert under_cursor(stage).split() == ["›*", "baud", "19_200", "Bd", "changed", "restart", "child"]

        engine = on_configuration(play)
        assert told(engine, "check")[-1]["edits"] == [
            {"put": "wires.can0.bitrate", "value": 250_000},
            {"remove": "wires.rs485-0.baud"},
        ]

    def test_that_is_a_secret_is_typed_twice_and_never_shown(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "backend.password")
            await stage.press("enter", *"hunter2", "enter", *"hunter3", "enter")
            assert "Not done: the two are not the same" in stage.text()
            await stage.press("backspace", "2")
            assert "hunter2" not in stage.text()
            await stage.press("enter")
            assert under_cursor(stage).split()[1:] == ["password", "new,", "hidden", "changed", "reconnect"]
            await stage.press("p")
            assert "backend.password" in stage.text()
            assert "hunter2" not in stage.text()

        engine = on_configuration(play)
        assert told(engine, "check")[-1]["secrets"] == {"backend.password": "hunter2"}

    def test_a_default_that_is_typed_again_is_no_change(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "reserve_w", "0")
            assert "no unsaved changes" in stage.screen()[2]

        on_configuration(play)


class TestAnItem:
    def test_is_added_with_what_must_be_given(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "chains")
            await stage.press("right", "down", "enter")
            assert "Add one: chains" in stage.text()
            await stage.press(*"A", "enter", *"1, 2", "enter", *"lots", "enter")
            assert "Not done: cap_w: a number of W is needed, not lots" in stage.text()
            await stage.press("ctrl+u", *"60000", "enter")
            text = stage.text()
            assert "KEYS, 1 unsaved change" in text
            assert "60_000 W" in text
            assert "added" in text

        engine = on_configuration(play)
        item = {"name": "A", "connectors": [1, 2], "cap_w": 60_000}
        assert told(engine, "check")[-1]["edits"] == [{"add": "chains", "item": item}]

    def test_is_removed_shown_so_and_brought_back(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "authorize.local_list.04DEADBEEF0102")
            await stage.press("delete")
            row = next(one for one in stage.screen() if "04DEADBEEF0102" in one)
            assert "removed" in row
            assert "1 unsaved change" in stage.screen()[2]
            await find(stage, "authorize.local_list")
            while "04DEADBEEF0102" not in under_cursor(stage):
                await stage.press("down")
            await stage.press("enter")
            assert "no unsaved changes" in stage.screen()[2]

        engine = on_configuration(play)
        assert {"remove": "authorize.local_list.04DEADBEEF0102"} in told(engine, "check")[1]["edits"]


class TestTheText:
    def test_has_line_numbers_and_opens_at_the_chosen_key(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "limit_w")
            await stage.press("t")
            assert under_cursor(stage).split() == ["›", "11", "limit_w", "=", "150_000"]
            assert "What may be drawn at the connection" in stage.text()
            await stage.press("t")
            assert "KEYS" in stage.screen()[2]

        on_configuration(play)

    def test_is_edited_and_what_is_wrong_stands_at_its_line(self) -> None:
        async def play(stage: Stage) -> None:
            await find(stage, "limit_w")
            await stage.press("t", "enter", "end", "backspace", "backspace", "backspace", "backspace", *"x", "ctrl+o")
            assert "TEXT, WRITTEN HERE" in stage.screen()[2]
            assert under_cursor(stage).startswith(" ›  11 ✗ limit_w = 150x")
            assert stage.screen()[21].startswith(" 1 ERROR")
            await stage.press("enter", "end", "backspace", *"_000 # mine", "ctrl+o")
            assert stage.screen()[21].startswith(" VALID")
            await stage.press("t", "enter")
            assert "The text was written by hand" in stage.screen()[22]

        engine = on_configuration(play)
        assert told(engine, "check")[-1]["text"].splitlines()[10] == "limit_w = 150_000 # mine"

    def test_that_was_edited_is_not_lost_by_one_key(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("t", "enter", "x", "escape")
            assert "Changes here would be lost" in stage.text()
            await stage.press("escape")
            assert "no unsaved changes" in stage.screen()[2]

        on_configuration(play)


# --- applying ------------------------------------------------------------------------------------------------------


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

    def test_sessions_are_waited_for_unless_force_is_typed(self) -> None:
        engine = Engine()
        engine.running = (2, 3)

        async def play(stage: Stage) -> None:
            await put(stage, "can0.port", "jp/can1")
            await stage.press("ctrl+o")
            assert "Waits until the sessions at 2, 3 have ended" in stage.text()
            await stage.press("enter", *"why", "enter", "enter", *"yes", "enter")
            assert 'Not done: type "force", or leave it empty to wait' in stage.text()
            await stage.press("ctrl+u", "enter")
            assert "force" not in told(engine, "apply")[0]
            waiting = {"state": "waiting", "who": "operator", "waits_for": [3], "steps": []}
            await stage.tell(config=cabinet.config(change=waiting))
            await stage.press("escape")
            assert "waits for the sessions at 2, 3; Ctrl-U gives it up" in stage.screen()[22]
            assert "WAITS for sessions at 3" in stage.screen()[21]
            await stage.press("ctrl+u", *"undo", "enter")
            assert stage.charger.calls[-1] == ("config.revert", {})
            await stage.tell(config=cabinet.config())
            assert "Version 17 is still in force" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]

        on_configuration(play, engine=engine)

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

    def test_leaving_does_nothing_and_says_so(self) -> None:
        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90000")
            await stage.press("ctrl+o", "enter", "escape")
            assert "left, nothing was done" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]
            await stage.press("f2", *"discard", "enter", *"discard", "enter")
            assert "no unsaved changes" in stage.screen()[2]

        assert told(on_configuration(play), "apply") == []


class TestTwoEditors:
    def test_the_second_is_told_who_changed_what_and_keeps_its_draft(self) -> None:
        engine = Engine()

        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90000")
            engine.take(TEXT.replace("limit_w = 150_000", "limit_w = 100_000"), "peak tariff")
            await stage.tell(config=engine.version())
            assert "OUTDATED: version 18 by anna" in stage.screen()[21]
            await stage.press("ctrl+o")
            text = stage.text()
            assert "peak tariff" in text
            assert "site.limit_w: 150000 → 100000" in text
            assert "You changed site.limit_w too" in text
            await stage.press("enter")
            assert "version 18" in stage.screen()[21]
            assert under_cursor(stage).split()[1:3] == ["limit_w", "90_000"]
            await stage.press("ctrl+o", "enter", *"mine", "enter", "enter")
            assert "version 19 is in force" in stage.text()

        assert [one["base"] for one in told(on_configuration(play, engine=engine), "apply")] == [18]

    def test_one_that_was_overtaken_while_it_applied_is_told_too(self) -> None:
        engine = Engine()

        async def play(stage: Stage) -> None:
            await put(stage, "limit_w", "90000")
            await stage.press("ctrl+o", "enter", *"mine", "enter")
            engine.take(TEXT.replace('"Demo charger"', '"Theirs"'), "renamed")
            await stage.press("enter")
            assert "Somebody else changed the configuration" in stage.text()
            assert "renamed" in stage.text()
            await stage.press("ctrl+d")
            assert "no unsaved changes" in stage.screen()[2]
            assert "version 18" in stage.screen()[21]

        on_configuration(play, engine=engine)

    def test_without_a_draft_the_new_version_is_just_shown(self) -> None:
        engine = Engine()

        async def play(stage: Stage) -> None:
            await find(stage, "limit_w")
            engine.take(TEXT.replace("limit_w = 150_000", "limit_w = 100_000"), "peak tariff")
            await stage.tell(config=engine.version())
            await stage.settle()
            assert under_cursor(stage).split()[1:4] == ["limit_w", "100_000", "W"]

        on_configuration(play, engine=engine)


class TestUnconfirmed:
    def test_every_workspace_counts_down_and_names_the_keys(self) -> None:
        async def play(stage: Stage) -> None:
            waits = {"version": 18, "previous": 17, "ends_in_s": 42.0}
            await stage.tell(config=cabinet.config(version=18, unconfirmed=waits), faults={"active": [], "recent": []})
            for key in ("f3", "f4", "f5", "f12", "ctrl+e"):
                await stage.press(key)
                assert "UNCONFIRMED 42 s: Ctrl-Y" in stage.screen()[0]
                assert [len(stage.screen()[row]) for row in (0, 1)] == [80, 80]
                assert "Configuration 18 is undone in 42 s" in stage.screen()[1]
            stage.clock.now_s += 2
            await stage.tell(faults=cabinet.faults())
            assert "UNCONFIRMED 40 s" in stage.screen()[0]
            assert "DANGER UNACK" in stage.screen()[1]
            await stage.press("ctrl+y")
            assert stage.charger.calls[-1] == ("config.confirm", {"version": 18})
            assert "Keep configuration 18: accepted" in stage.screen()[22]

        on_configuration(play)

    def test_undoing_it_is_asked_first(self) -> None:
        async def play(stage: Stage) -> None:
            waits = {"version": 18, "previous": 17, "ends_in_s": 42.0}
            await stage.tell(config=cabinet.config(version=18, unconfirmed=waits))
            await stage.press("ctrl+u")
            assert "This undoes version 18." in stage.text()
            await stage.press("enter")
            assert "Not done: undo must be typed" in stage.text()
            await stage.press(*"undo", "enter")
            assert stage.charger.calls == [("config.revert", {})]

        on_stage(play)

    def test_where_nothing_waits_neither_is_possible(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("ctrl+y")
            assert "not possible, no version waits" in stage.screen()[22]
            await stage.press("ctrl+u")
            assert "not possible, no change waits" in stage.screen()[22]
            assert stage.charger.calls == []

        on_stage(play)


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


# --- the terminal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (132, 43), (200, 60)])
def test_every_size_shows_keys_the_chosen_one_and_the_verdict(size: tuple[int, int]) -> None:
    async def play(stage: Stage) -> None:
        await put(stage, "limit_w", "90000")
        rows = stage.screen()
        assert [len(row) for row in rows] == [size[0]] * size[1]
        text = "\n".join(rows)
        for part in ("KEYS, 1 unsaved change", "site.limit_w", "90_000", "VALID"):
            assert part in text
        await stage.press("t")
        assert "limit_w = 90_000" in stage.text()

    on_configuration(play, size=size)


def test_letters_look_and_change_nothing_not_even_the_draft() -> None:
    """A terminal's reply that was split on its way arrives as such keys."""

    async def play(stage: Stage) -> None:
        await find(stage, "limit_w")
        for key in "abcdefijklmnoqrsuvwxyz0123456789?$;[]":
            await stage.press(key)
        while len(stage.app.screen_stack) > 1:
            await stage.press("escape")
        assert not stage.app.editing.desk.dirty

    assert told(on_configuration(play), "apply") == []


def test_without_colour_nothing_is_coloured_and_in_ascii_all_is() -> None:
    async def play(stage: Stage) -> None:
        await put(stage, "limit_w", "90000")
        for keys in (("p",), ("escape", "t"), ("enter",), ("x",), ("escape", "escape", "h"), ("escape",)):
            await stage.press(*keys)
            for strip in stage.app.screen._compositor.render_strips():
                for segment in strip:
                    for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                        assert colour is None or colour.is_default, (keys, segment)
            assert {one for one in stage.text() if not one.isascii()} <= set("│─┌┐└┘°")

    on_configuration(play, theme="mono", symbols=ASCII)
