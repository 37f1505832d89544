"""A change that waits for sessions: shown, others made beside it, given up by its name, and what became of it."""

from typing import Any

from jp_firmware.console.protocol import CallFailed, ErrorCode
from tests.tui import cabinet
from tests.tui.configuring import find, on_configuration, put, told, under_cursor, words
from tests.tui.engine import Engine
from tests.tui.harness import Stage, on_stage

CAN1 = ("can0.port", "jp/can1")
UNCONFIRMED = {"version": 18, "previous": 17, "ends_in_s": 42.0, "keys": ["backend.url"]}


def charging(*connectors: int) -> Engine:
    """Somebody charges there: what stops parts waits."""
    engine = Engine()
    engine.running = connectors
    return engine


async def apply_and_wait(stage: Stage, engine: Engine) -> None:
    """A change of this terminal that waits; the topic tells of it."""
    await put(stage, *CAN1)
    await stage.press("ctrl+o", "enter", *"night", "enter", "enter", "enter")
    await stage.tell(config=engine.topic())


def theirs(engine: Engine) -> None:
    """A change of anna's waits."""
    engine.wait(engine.draft(engine.text.replace('port = "jp/can0"', 'port = "jp/can1"'), []), "anna", "new adapter")


class TestAsking:
    def test_sessions_are_waited_for_unless_force_is_typed(self) -> None:
        engine = charging(2, 3)

        async def play(stage: Stage) -> None:
            await put(stage, *CAN1)
            await stage.press("ctrl+o")
            assert "Waits until the sessions at 2, 3 have ended" in stage.text()
            await stage.press("enter", *"why", "enter", "enter", *"yes", "enter")
            assert 'Not done: type "force", or leave it empty to wait' in stage.text()
            await stage.press("ctrl+u", "enter")
            assert "force" not in told(engine, "apply")[0]
            assert "change-1 waits for sessions at 2, 3" in words(stage)
            await stage.tell(config=engine.topic())
            await stage.press("w")
            assert "change-1 by operator: why" in stage.text()
            await stage.press("escape", "escape")
            assert "change-1 waits for sessions at 2, 3; w shows it" in stage.screen()[22]
            assert "change-1 WAITS for 2, 3: w shows it" in stage.screen()[21]

        on_configuration(play, engine=engine)

    def test_it_is_no_draft_any_more_but_what_was_typed_since_is(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            async def typed_meanwhile(method: str, /, **params: Any) -> Any:
                if method == "config.apply":
                    stage.app.editing.desk.put(("site", "limit_w"), 90_000)
                return await known(method, **params)

            known, stage.charger.call = stage.charger.call, typed_meanwhile  # type: ignore[method-assign]
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            assert "1 unsaved change " in stage.screen()[2]

        on_configuration(play, engine=engine)
        assert told(engine, "check")[-1]["edits"] == [{"put": "site.limit_w", "value": 90_000}]

    def test_one_that_waits_although_its_answer_was_lost_is_this_terminals_too(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            async def cut(method: str, /, **params: Any) -> Any:
                answer = await known(method, **params)
                if method == "config.apply":
                    raise CallFailed(ErrorCode.TIMED_OUT, "no answer within 30 s")
                return answer

            known, stage.charger.call = stage.charger.call, cut  # type: ignore[method-assign]
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            assert "no unsaved changes" in stage.screen()[2]
            assert "change-1 waits for the session at 3; w shows it" in stage.screen()[22]

        on_configuration(play, engine=engine)

    def test_a_topic_that_is_older_than_the_answer_does_not_end_it(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            await put(stage, *CAN1)
            await stage.press("ctrl+o", "enter", *"night", "enter", "enter", "enter", "escape")
            await stage.tell(config=cabinet.config())
            assert "waits for the session at 3" in stage.screen()[22]
            assert "no unsaved changes" in stage.screen()[2]

        on_configuration(play, engine=engine)


class TestBeside:
    def test_another_change_is_made_beside_it(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            await put(stage, "limit_w", "90000")
            assert "VALID" in stage.screen()[21]
            await stage.press("ctrl+o")
            assert "None is disturbed." in stage.text()
            await stage.press("enter", *"fuse", "enter", "enter")
            assert "version 18 is in force" in stage.text()
            await stage.tell(config=engine.topic(who="operator"))
            await stage.press("escape")
            assert "no unsaved changes" in stage.screen()[2]
            assert "change-1 WAITS for 3" in stage.screen()[21]

        asked = told(on_configuration(play, engine=engine), "apply")
        assert [one["edits"] for one in asked][-1] == [{"put": "site.limit_w", "value": 90_000}]

    def test_a_refusal_is_shown_whole_with_the_keys_that_meet(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic())
            await find(stage, "can0.port")
            assert "change-1 changes it, and waits  w shows it" in stage.text()
            await put(stage, "can0.port", "jp/can2")
            await stage.press("ctrl+o")
            assert "and change-1 waits already: it is refused unless it is forced" in words(stage)
            await stage.press("enter", *"mine", "enter", "enter", "enter")
            refused = (
                "Apply the draft: refused, it touches wires.can0.port, and so does change-1 by anna, which waits for "
                "sessions to end; to give that up: jp config revert change-1"
            )
            assert refused in words(stage)
            await stage.press("escape")
            assert "1 unsaved change" in stage.screen()[2]

        on_configuration(play, engine=engine)

    def test_somebody_elses_version_beside_it_is_seen(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await put(stage, "reserve_w", "5000")
            engine.take(engine.text.replace("limit_w = 150_000", "limit_w = 100_000"), "peak tariff")
            await stage.tell(config=engine.topic())
            assert "OUTDATED: version 18 by anna; Ctrl-O shows it" in stage.screen()[21]
            assert "WAITS: w" in stage.screen()[21]

        on_configuration(play, engine=engine)


class TestLooking:
    def test_its_plan_is_shown_beside_the_version_to_be_confirmed(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic(unconfirmed=UNCONFIRMED))
            await stage.press("w")
            text = words(stage)
            assert "Version 18 is undone in 42 s. It changes backend.url." in text
            assert "change-1 by anna: new adapter" in text
            assert "It waits for the session at 3, and is then made by itself." in text
            assert "wires.can0.port: jp/can0 → jp/can1" in text
            assert ("config.check", {"waiting": "change-1"}) in stage.charger.calls
            stage.clock.now_s += 4
            await stage.settle()
            assert "Version 18 is undone in 38 s." in words(stage)

        on_configuration(play, engine=engine)

    def test_without_its_plan_its_keys_are_shown_and_why(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic())
            stage.charger.refusal = "change-1 does not wait; no change does"
            await stage.press("w")
            assert "It changes wires.can0.port. change-1 does not wait; no change does" in words(stage)

        on_configuration(play, engine=engine)

    def test_where_nothing_waits_that_is_said(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("w")
            assert "Nothing waits" in stage.screen()[22]

        on_configuration(play)


class TestGivingUp:
    def test_it_is_given_up_by_its_name_and_is_a_draft_again(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            assert "no unsaved changes" in stage.screen()[2]
            await stage.press("ctrl+u")
            assert "change-1 by operator: night" in stage.text()
            await stage.press(*"undo", "enter")
            assert "Not done: change-1 must be typed" in stage.text()
            await stage.press(*"change-1", "enter")
            assert stage.charger.calls[-1] == ("config.revert", {"waiting": "change-1"})
            await stage.tell(config=engine.topic())
            assert "change-1 by operator is not made, and is a draft again: given up" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]
            assert "WAITS" not in stage.screen()[21]

        on_configuration(play, engine=engine)

    def test_beside_a_version_to_be_confirmed_each_has_its_key(self) -> None:
        """Ctrl-U undoes the version; the change is given up where it is shown."""
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic(unconfirmed=UNCONFIRMED))
            await stage.press("ctrl+u")
            assert "This undoes version 18." in stage.text()
            await stage.press("escape", "w", "ctrl+u")
            assert "This undoes version 18." in stage.text()
            await stage.press("escape", "ctrl+d", *"change-1", "enter")
            assert stage.charger.calls[-1] == ("config.revert", {"waiting": "change-1"})

        on_configuration(play, engine=engine)

    def test_a_version_that_was_confirmed_meanwhile_is_not_taken_for_the_change(self) -> None:
        """Without a version to be confirmed, the charger would give up the change instead."""
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic(unconfirmed=UNCONFIRMED))
            await stage.press("ctrl+u", *"und")
            await stage.tell(config=engine.topic())
            await stage.press("o", "enter")
            assert "Not done: version 18 does not wait any more" in stage.text()

        assert told(on_configuration(play, engine=engine), "revert") == []

    def test_another_one_that_waits_meanwhile_is_not_given_up(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic())
            await stage.press("ctrl+u")
            assert engine.waiting is not None
            await stage.tell(config=engine.topic(waiting=engine.waiting | {"id": "change-2"}))
            await stage.press(*"change-1", "enter")
            assert "Not done: change-1 does not wait any more" in stage.text()

        assert told(on_configuration(play, engine=engine), "revert") == []


class TestItsFate:
    def test_that_it_is_made_is_told_and_the_draft_is_laid_over_it(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            await put(stage, "limit_w", "90000")
            assert engine.waiting is not None
            steps = [{"path": "wires/can0", "how": "restart child", "state": "under way"}]
            at_work = engine.waiting | {"state": "applying", "steps": steps}
            await stage.tell(config=engine.topic(change=at_work, waiting=None))
            assert "APPLYING 0 of 1 wires/can0" in stage.screen()[21]
            engine.make_what_waits()
            await stage.tell(config=engine.topic(who="operator"))
            assert "change-1 by operator is made: version 18 is in force" in stage.screen()[22]
            assert "1 unsaved change " in stage.screen()[2]
            assert "OUTDATED" not in stage.text()
            assert under_cursor(stage).split()[1:3] == ["limit_w", "90_000"]
            await find(stage, "can0.port")
            assert under_cursor(stage).split()[1:3] == ["port", "jp/can1"]

        on_configuration(play, engine=engine)

    def test_that_somebody_elses_is_not_made_is_told_with_the_reason(self) -> None:
        """Also to whoever looks elsewhere."""
        engine = charging(3)

        async def play(stage: Stage) -> None:
            theirs(engine)
            await stage.tell(config=engine.topic())
            await stage.press("f3")
            engine.give_up("it does not go together with version 18: no such port")
            await stage.tell(config=engine.topic())
            assert "change-1 by anna is not made: it does not go together" in stage.screen()[22]

        on_configuration(play, engine=engine)

    def test_a_charger_that_starts_anew_knows_of_it_no_more(self) -> None:
        engine = charging(3)

        async def play(stage: Stage) -> None:
            await apply_and_wait(stage, engine)
            await stage.press("escape")
            stage.charger.lose("the charger closed the link")
            await stage.settle()
            stage.charger.connect()
            await stage.tell(status=cabinet.status(), config=cabinet.config())
            assert "change-1 by operator is not made, and is a draft again: the charger" in stage.screen()[22]
            assert "1 unsaved change" in stage.screen()[2]

        on_configuration(play, engine=engine)

    def test_a_text_by_hand_that_waits_comes_back_only_where_no_draft_is(self) -> None:
        engine = charging(3)
        text = "# by hand\n" + engine.text.replace('port = "jp/can0"', 'port = "jp/can1"')

        async def play(stage: Stage) -> None:
            desk = stage.app.editing.desk
            desk.write(text)
            await stage.press("ctrl+o", "enter", *"night", "enter", "enter", "enter", "escape")
            await stage.tell(config=engine.topic())
            assert not desk.dirty
            await put(stage, "limit_w", "90000")
            engine.give_up()
            await stage.tell(config=engine.topic())
            assert "change-1 by operator is not made: given up" in stage.screen()[22]
            assert desk.by_hand is None
            assert "1 unsaved change " in stage.screen()[2]

        on_configuration(play, engine=engine)


def test_a_link_that_broke_in_the_question_gives_nothing_up() -> None:
    async def play(stage: Stage) -> None:
        waiting = {"id": "change-1", "state": "waiting", "who": "anna", "why": "", "waits_for": [3]}
        await stage.tell(config=cabinet.config(waiting=waiting))
        await stage.press("ctrl+u")
        stage.charger.lose("the charger closed the link")
        await stage.press(*"change-1", "enter")
        assert "Not done: no link to the charger" in stage.text()
        assert stage.charger.calls == []

    on_stage(play)
