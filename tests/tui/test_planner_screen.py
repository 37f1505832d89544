"""The planner's workspace on an 80 by 24 screen: what is on it, what opens above it, and how limits are put."""

import pytest

from tests.tui import cabinet
from tests.tui.harness import Stage, on_stage
from tests.tui.screenshot import example


def on_planner(play, **options) -> None:
    """Runs `play` with the planner's workspace in sight."""

    async def there(stage: Stage) -> None:
        await stage.tell(**example())
        await stage.press("f12")
        await play(stage)

    on_stage(there, **options)


def test_it_fits_and_shows_how_power_is_shared_and_why() -> None:
    async def play(stage: Stage) -> None:
        rows = stage.screen()

        assert [len(row) for row in rows] == [80] * 24
        assert "limit     120.0 kW requested 160.5 kW allowed   102.1 kW" in rows[4]
        assert rows[9].split() == ["›", "1", "●", "charging", "118.4", "60.0", "60.0", "60.0", "54.3", "2", "modules"]
        assert "A 1,2       102.1    60  120   98.4    +42.1" in rows[15]
        assert "module-6  → 2   match the" in rows[14]
        assert rows[19].startswith(" Connector 1 gets 60 kW because its modules")
        assert rows[21].startswith(" the car 118.4 → [modules 60] → operator 80")
        assert "Enter tells why in full" in rows[22]
        assert "Ctrl-X If lost" in rows[23]

    on_planner(play)


def test_more_room_shows_the_chain_as_a_table_and_all_limits() -> None:
    async def play(stage: Stage) -> None:
        text = stage.text()
        assert "› modules                    connector-1         60.0 kW  binds: what can be offered" in text
        assert "LIMITS IN FORCE" in text
        assert "cable works, until 14:29:22" in text
        assert "module-8  at 4  waits: has just been moved, and stays for" in text

    on_planner(play, size=(132, 43))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (132, 43), (200, 60)])
def test_every_size_shows_tiles_connectors_and_why(size: tuple[int, int]) -> None:
    async def play(stage: Stage) -> None:
        rows = stage.screen()
        text = "\n".join(rows)
        assert [len(row) for row in rows] == [size[0]] * size[1]
        for part in ("requested", "CONNECTORS", "WHY CONNECTOR 1", "Connector 1 gets 60 kW"):
            assert part in text

    on_planner(play, size=size)


def test_the_sentence_follows_the_cursor_and_the_cursor_the_choice() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("down")
        assert "Connector 2 gets 42.1 kW, all the car asks for." in stage.text()
        assert stage.app.connector == 2
        await stage.press("f4")
        assert stage.app.main.current == "connector"
        await stage.press("right", "f12")
        assert "Connector 3 gets no power" in stage.text()

    on_planner(play)


def test_enter_opens_the_whole_chain() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("enter")
        text = stage.text()
        assert "Why connector 1 gets what it gets" in text
        assert "operator at connector-1: cable works, until 14:29:22" in text
        assert "module-1    on" in text
        await stage.press("escape")
        assert stage.app.main.current == "planner"
        assert len(stage.app.screen_stack) == 1

    on_planner(play)


def test_its_topic_is_told_only_while_it_is_looked_at() -> None:
    async def play(stage: Stage) -> None:
        assert "planner" in stage.charger.watched
        await stage.press("f3")
        assert "planner" not in stage.charger.watched
        stage.clock.now_s += 20
        await stage.tell(status=cabinet.status())
        await stage.press("g", "p")
        assert "planner" in stage.charger.watched
        assert "for 118.4 kW.?" in stage.text().replace("\n ", "")
        await stage.tell(planner=cabinet.planner())
        assert "118.4 kW.?" not in stage.text()

    on_planner(play)


class TestLosses:
    def test_they_are_asked_when_somebody_looks(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.answers["plan.losses"] = cabinet.losses()
            await stage.press("ctrl+x")
            rows = [row for row in stage.screen() if "module-" in row and "covered" in row]
            assert stage.charger.calls == [("plan.losses", {})]
            assert ["module-1" in rows[0], "not covered" in rows[0], "module-3" in rows[1]] == [True] * 3
            await stage.press("escape", "g", "x")
            assert len(stage.charger.calls) == 2

        on_planner(play)

    def test_a_refusal_is_shown(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.refusal = "the planner has not run yet"
            await stage.press("ctrl+x")
            assert "Not told: the planner has not run yet" in stage.text()

        on_planner(play)


class TestPuttingALimit:
    def test_it_asks_where_how_much_how_long_and_why(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"put a", "enter")
            assert "Put a limit: where" in stage.text()
            await stage.press("down", "enter")
            text = stage.text()
            assert "Put a limit: chain-A" in text
            assert "120.0 kW, chain A" in text
            assert "A cut" in text
            await stage.press(*"50", "enter", *"30", "enter", *"works", "enter")
            assert stage.charger.calls == [
                ("limit.put", {"scope": "chain-A", "value_w": 50_000.0, "for_s": 1800.0, "reason": "works"})
            ]
            assert "14:03:22 Put a limit: chain-A to 50.0 kW: accepted" in stage.screen()[22]

        on_planner(play)

    def test_what_is_typed_wrong_is_named_and_nothing_is_done(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"put a", "enter", "enter", *"much", "enter", "enter", *"works", "enter")
            assert "Not done: the limit is a number of kW, not much" in stage.text()
            assert stage.charger.calls == []
            await stage.press("up", "up", "backspace", "backspace", "backspace", "backspace", *"82.5")
            await stage.press("down", "tab", "enter")
            assert stage.charger.calls == [("limit.put", {"scope": "site", "value_w": 82_500.0, "reason": "works"})]

        on_planner(play)

    def test_a_refusal_is_told_with_its_reason(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.refusal = "a limit lies between 0 and 10 MW"
            await stage.press("f2", *"put a", "enter", "enter", *"9", "enter", "enter", *"x", "enter")
            assert "Put a limit: site to 9.0 kW: refused, a limit lies between" in stage.screen()[22]

        on_planner(play)

    def test_leaving_does_nothing_and_says_so(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"put a", "enter", "escape")
            assert "Put a limit: left, nothing was done" in stage.screen()[22]
            await stage.press("f2", *"put a", "enter", "enter", *"50", "escape")
            assert stage.charger.calls == []
            assert "left, nothing was done" in stage.screen()[22]

        on_planner(play)

    def test_from_elsewhere_it_goes_to_the_planner_first(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f3", "f2", *"put a", "enter")
            assert stage.app.main.current == "planner"
            assert "Put a limit: where" in stage.text()

        on_planner(play)

    def test_a_link_that_is_lost_meanwhile_is_named(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"put a", "enter", "enter", *"50", "enter", "enter", *"works")
            stage.charger.lose("the charger closed the link")
            await stage.press("enter")
            assert "Not done: no link to the charger" in stage.text()
            assert stage.charger.calls == []

        on_planner(play)


class TestLiftingALimit:
    def test_only_the_operators_are_offered_and_the_place_is_typed(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"lift", "enter")
            text = stage.text()
            assert "connector-1            80.0   cable works, until 14:29:22" in text
            assert "site limit  " not in "\n".join(stage.screen()[10:16])
            await stage.press("enter", *"site", "enter")
            assert "Not done: connector-1 must be typed, that was site" in stage.text()
            await stage.press(*"connector-1", "enter")
            assert stage.charger.calls == [("limit.lift", {"scope": "connector-1"})]
            assert "Lift a limit: connector-1: accepted" in stage.screen()[22]

        on_planner(play)

    def test_one_that_ended_meanwhile_is_not_lifted(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"lift", "enter", "enter", *"connector-1")
            told = cabinet.planner()
            told["limits"] = [one for one in told["limits"] if one["owner"] != "operator"]
            told["limits"].append(cabinet.limit("operator", "site", 90_000, "works"))
            await stage.tell(planner=told)
            await stage.press("enter")
            assert "Not done: it is lifted already" in stage.text()
            assert stage.charger.calls == []

        on_planner(play)

    def test_where_there_is_none_it_is_not_possible(self) -> None:
        async def play(stage: Stage) -> None:
            told = cabinet.planner()
            told["limits"] = [one for one in told["limits"] if one["owner"] != "operator"]
            await stage.tell(planner=told)
            await stage.press("f2", *"lift")
            assert "no limit of the operator's is in force" in stage.text()
            await stage.press("enter")
            assert "Lift a limit: not possible" in stage.screen()[22]

        on_planner(play)
