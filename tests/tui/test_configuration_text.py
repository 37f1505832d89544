"""The configuration's text on the screen: shown, edited, and never lost by one key."""

from tests.tui.configuring import find, on_configuration, told, under_cursor
from tests.tui.engine import DEMO
from tests.tui.harness import Stage

TEXT = DEMO.read_text(encoding="utf-8")


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
