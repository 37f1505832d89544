"""Somebody else at the configuration, and versions that wait for a word."""

import pytest

from tests.tui import cabinet
from tests.tui.configuring import find, on_configuration, put, told, under_cursor
from tests.tui.engine import DEMO, Engine
from tests.tui.harness import Stage, on_stage

TEXT = DEMO.read_text(encoding="utf-8")


WAITS = {"version": 18, "previous": 17, "ends_in_s": 42.0}


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
            assert stage.charger.calls == [("config.revert", {"version": 18})]

        on_stage(play)

    def test_where_nothing_waits_neither_is_possible(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("ctrl+y")
            assert "not possible, no version waits" in stage.screen()[22]
            await stage.press("ctrl+u")
            assert "not possible, no change waits" in stage.screen()[22]
            assert stage.charger.calls == []

        on_stage(play)

    def test_on_a_narrow_terminal_the_key_that_undoes_it_is_not_cut(self) -> None:
        async def play(stage: Stage) -> None:
            waits = {"version": 18, "previous": 17, "ends_in_s": 113.0}
            await stage.tell(config=cabinet.config(version=18, unconfirmed=waits), faults={"active": [], "recent": []})
            assert "UNCONFIRMED 113 s: Ctrl-Y" in stage.screen()[0]
            assert stage.screen()[1].rstrip() == " Configuration 18 is undone in 113 s   Ctrl-U undoes it now"

        on_stage(play, size=(60, 20))


class TestAVersionThatWaits:
    @pytest.mark.parametrize("keys", [("/",), ("f1",), ("enter",), ("h",), ("f2",), ("t", "enter")])
    def test_is_kept_from_any_dialog_too(self, keys: tuple[str, ...]) -> None:
        async def play(stage: Stage) -> None:
            await stage.tell(config=cabinet.config(version=18, unconfirmed=WAITS))
            await stage.settle()
            await find(stage, "limit_w")
            await stage.press(*keys)
            assert len(stage.app.screen_stack) > 1
            assert "UNCONFIRMED 42 s: Ctrl-Y" in stage.screen()[0]
            await stage.press("ctrl+y")
            assert ("config.confirm", {"version": 18}) in stage.charger.calls

        on_configuration(play)

    @pytest.mark.parametrize(
        ("why", "told"), [("nobody confirmed it in time", ": nobody confirmed it in time"), ("undone", "")]
    )
    def test_that_nobody_confirmed_is_told_to_whoever_looks_elsewhere(self, why: str, told: str) -> None:
        async def play(stage: Stage) -> None:
            await stage.tell(config=cabinet.config(version=18, unconfirmed=WAITS))
            await stage.press("f12")
            await stage.tell(config=cabinet.config(version=19, who="charger", why=why))
            assert f"Configuration 18 was undone{told}; in force is" in stage.screen()[22]

        on_configuration(play)

    def test_that_somebody_else_confirmed_is_told(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.tell(config=cabinet.config(version=18, unconfirmed=WAITS))
            await stage.tell(config=cabinet.config(version=18, unconfirmed=WAITS | {"ends_in_s": 41.0}))
            assert "confirmed" not in stage.screen()[22]
            await stage.tell(config=cabinet.config(version=18))
            assert "Configuration 18 is confirmed" in stage.screen()[22]

        on_configuration(play)

    def test_counts_on_over_a_lost_link_and_says_that_it_is_old(self) -> None:
        """Ctrl-Y is not offered: it would be refused."""

        async def play(stage: Stage) -> None:
            await stage.tell(config=cabinet.config(version=18, unconfirmed=WAITS))
            stage.charger.lose("the charger closed the link")
            stage.clock.now_s += 12
            await stage.settle()
            assert "UNCONFIRMED 30 s? " in stage.screen()[0]
            assert "Ctrl-Y" not in stage.screen()[0]
            assert "LINK LOST" in stage.screen()[1]
            stage.charger.connect()
            waits = WAITS | {"ends_in_s": 29.0}
            await stage.tell(status=cabinet.status(), config=cabinet.config(version=18, unconfirmed=waits))
            assert "UNCONFIRMED 29 s: Ctrl-Y" in stage.screen()[0]

        on_configuration(play)


class TestALinkThatWasLost:
    def test_what_could_not_be_told_without_it_is_told_when_it_is_back(self) -> None:
        """The workspace was opened before the charger was there."""

        async def play(stage: Stage) -> None:
            answers = Engine().calls()
            stage.charger.refusal = "no link to the charger"
            await stage.press("g", "e")
            assert "not told: no link to the charger" in stage.text()
            stage.charger.refusal = ""
            stage.charger.answers |= answers
            stage.charger.connect()
            await stage.tell(**cabinet.topics())
            assert "KEYS, no unsaved changes" in stage.screen()[2]
            assert "VALID" in stage.screen()[21]

        on_stage(play, told=False)

    def test_a_draft_that_could_not_be_checked_is_not_said_to_be_in_check_and_is_checked_later(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.lose("the charger closed the link")
            stage.charger.refusal = "no link to the charger"
            await put(stage, "limit_w", "90000")
            assert stage.screen()[21].startswith(" NOT CHECKED   no link to the charger")
            stage.charger.refusal = ""
            stage.charger.connect()
            await stage.tell(status=cabinet.status(), config=cabinet.config())
            assert stage.screen()[21].startswith(" VALID 1 warning   live")

        on_configuration(play)


def test_somebody_elses_version_is_shown_also_while_it_waits_for_their_word() -> None:
    """The last row says that Ctrl-O shows it."""
    engine = Engine()

    async def play(stage: Stage) -> None:
        await put(stage, "limit_w", "90000")
        engine.take(TEXT.replace('"Demo charger"', '"Theirs"'), "renamed")
        await stage.tell(config=engine.version() | {"unconfirmed": WAITS})
        assert "OUTDATED: version 18 by anna; Ctrl-O shows it" in stage.screen()[21]
        await stage.press("ctrl+o")
        assert "Somebody else changed the configuration" in stage.text()
        await stage.press("enter", "ctrl+o")
        assert "not possible, version 18 waits to be confirmed" in stage.screen()[22]

    assert told(on_configuration(play, engine=engine), "apply") == []
