"""The configuration's workspace on terminals of every size and kind."""

import pytest

from jp_firmware.tui.symbols import ASCII
from tests.tui.configuring import find, on_configuration, put, told, under_cursor
from tests.tui.harness import Stage


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


def test_a_terminal_that_became_too_small_takes_no_answers() -> None:
    """Nobody sees what a dialog asks there; it goes on where it stood when there is room again."""

    async def play(stage: Stage) -> None:
        await put(stage, "limit_w", "90000")
        await stage.press("ctrl+o", "enter", *"tariff")
        await stage.pilot.resize_terminal(40, 12)
        await stage.settle()
        assert "too small" in stage.text()
        assert "Apply the draft" not in stage.text()
        await stage.press("enter", "enter", "x", "escape")
        await stage.pilot.resize_terminal(132, 43)
        await stage.settle()
        assert "Apply the draft" in stage.text()
        await stage.press("s", "enter", "enter")
        assert "version 18 is in force" in stage.text()

    asked = told(on_configuration(play), "apply")
    assert [one["why"] for one in asked] == ["tariffs"]


def test_keys_of_the_workspace_work_again_where_the_terminal_was_too_small() -> None:
    async def play(stage: Stage) -> None:
        await find(stage, "limit_w")
        await stage.pilot.resize_terminal(40, 12)
        await stage.settle()
        await stage.press("down", "t")
        await stage.pilot.resize_terminal(80, 24)
        await stage.settle()
        assert under_cursor(stage).split()[1] == "limit_w"
        await stage.press("t")
        assert "limit_w = 150_000" in under_cursor(stage)

    on_configuration(play)


def test_values_of_any_length_and_script_keep_every_row_whole() -> None:
    """What is typed is kept as it is; the screen has one cell a character for it."""
    typed = "日本 🚗 e\u0301 " + "x" * 300

    async def play(stage: Stage) -> None:
        await put(stage, "charger.name", typed)
        rows = stage.screen()
        assert [len(row) for row in rows] == [80] * 24
        assert "?" in under_cursor(stage)
        await stage.press("p")
        assert [len(row) for row in stage.screen()] == [80] * 24

    engine = on_configuration(play)
    assert told(engine, "check")[-1]["edits"] == [{"put": "charger.name", "value": typed}]
