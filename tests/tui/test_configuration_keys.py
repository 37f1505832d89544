"""The tree of the configuration's keys on an 80 by 24 screen: looked at, found, and changed."""

from tests.tui.configuring import find, on_configuration, put, told, under_cursor
from tests.tui.engine import Engine
from tests.tui.harness import Stage, on_stage


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
