"""The application on an 80 by 24 screen: what is on it, what keys do, and what is asked before a command."""

import pytest

from jp_firmware.tui.symbols import ASCII
from tests.tui import cabinet
from tests.tui.harness import Stage, on_stage


def test_the_overview_fits_and_shows_the_whole_charger() -> None:
    async def play(stage: Stage) -> None:
        rows = stage.screen()

        assert [len(row) for row in rows] == [80] * 24
        assert "JP-0042" in rows[0]
        assert "DANGER UNACK  SAF-01" in rows[1]
        assert "measured 91.0 kW" in rows[4]
        assert [row.split()[:3] for row in rows[8:12]] == [
            ["›", "1", "●"],
            ["2", "●", "charging"],
            ["3", "●", "preparing"],
            ["4", "✗", "faulted"],
        ]
        assert "online 2 h 03 m" in rows[13]
        assert "worst gap 1.6 s  31% rs485-0/meter-2" in rows[14]
        assert rows[17].split()[:2] == ["14:03:13", "connector-3"]
        assert "Enter opens it" in rows[22]
        assert rows[23].startswith(" F1 Help  F2 Menu")
        assert "F10 Leave" in rows[23]

    on_stage(play)


def test_a_connector_fits_and_shows_all_there_is_to_know() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("enter")
        rows = stage.screen()
        text = "\n".join(rows)

        assert [len(row) for row in rows] == [80] * 24
        for part in (
            "● CHARGING  for 12 m 02 s",
            "Power       49.2 kW",
            "Voltage    404.1 V",
            "Started    13:50:51",
            "Duration   12 m 31 s",
            "Energy     9.42 kWh",
            "Token      88C9B3793F68",
            "EVCCID     00:7D:FA:05:1B:2C",
            "ISO 15118-2",
            "47%",
            "plugged, latch engaged ✓",
            "accepted by local list",
            "limited by site limit",
            "requested   118.4 kW",
            "assigned     50.0 kW",
            "the car asks for 68.4 kW more",
        ):
            assert part in text
        assert "…" not in text

    on_stage(play)


def test_a_faulted_connector_shows_unknown_values_as_dashes_and_the_remedy() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("g", "4")
        text = stage.text()

        assert "✗ FAULTED" in text
        assert "Power        ---" in text
        assert "0.0" not in text.replace("60.0", "")
        assert "→ Find out why it was pressed" in text
        assert "plc-2 emergency stop" in text

    on_stage(play)


def test_the_fault_centre_fits_and_tells_what_to_do() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("f5")
        rows = stage.screen()
        text = "\n".join(rows)

        assert [len(row) for row in rows] == [80] * 24
        assert "active 1    not acknowledged 1    at connectors 0    recent 1" in rows[2]
        assert "› ▲ 1 DANGER  UNACK SAF-01" in text
        assert "PLC-01  plc-1         PLC board not communicating" in text
        assert "cause   plc-2 reports its emergency stop input" in text
        assert "remedy  Find out why it was pressed" in text

    on_stage(play)


def test_tab_goes_to_recent_faults_and_the_detail_follows() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("f5", "tab")
        assert "PLC-01 PLC board not communicating" in stage.text()
        assert "cleared 10:51:22" in stage.text()

    on_stage(play)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (133, 40), (200, 60)])
def test_every_workspace_fills_every_size(size: tuple[int, int]) -> None:
    async def play(stage: Stage) -> None:
        for key in ("f3", "f4", "f5", "f12"):
            await stage.press(key)
            rows = stage.screen()
            assert [len(row) for row in rows] == [size[0]] * size[1]
            assert "JP-0042" in rows[0]
            assert "F10 Leave" in rows[-1]
            assert sum(bool(row.strip()) for row in rows) >= 12

    on_stage(play, size=size)


def test_more_room_shows_more() -> None:
    async def wide(stage: Stage) -> None:
        header = next(row for row in stage.screen() if "CONNECTOR  " in row)
        for title in ("asked", "given", "VEHICLE", "TOKEN", "POWER, 5 MIN"):
            assert title in header

    on_stage(wide, size=(270, 40))


def test_too_small_a_terminal_says_so_and_takes_no_commands() -> None:
    async def play(stage: Stage) -> None:
        assert "too small" in stage.text()
        await stage.press("f7", "f2", "g")
        assert len(stage.app.screen_stack) == 1
        assert stage.charger.calls == []
        await stage.press("f10")
        assert stage.app.return_value == 0

    on_stage(play, size=(50, 18))


def test_no_letter_or_digit_does_more_than_look() -> None:
    """A terminal's reply that was split on its way arrives as such keys."""

    async def play(stage: Stage) -> None:
        await stage.press(*"abcdefhijklmnopqrstuvwxyz0123456789?$;[]")
        assert stage.charger.calls == []
        assert len(stage.app.screen_stack) == 1
        assert stage.app.main.current == "overview"

    on_stage(play)


def test_routes_reach_what_function_keys_reach() -> None:
    async def play(stage: Stage) -> None:
        for letter, workspace in (
            ("c", "connector"),
            ("p", "planner"),
            ("f", "faults"),
            ("o", "overview"),
            ("3", "connector"),
        ):
            await stage.press("g")
            assert "o Overview" in stage.screen()[22]
            await stage.press(letter)
            assert stage.app.main.current == workspace
        assert stage.app.connector == 3
        await stage.press("escape")
        assert stage.app.main.current == "overview"
        await stage.press("g", "9")
        assert "There is no connector 9" in stage.screen()[22]

    on_stage(play)


def test_arrows_choose_connectors_in_the_list_and_in_the_workspace() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("down", "down")
        assert stage.screen()[10].startswith(" › 3")
        await stage.press("f4", "right")
        assert stage.app.connector == 4
        await stage.press("right")
        assert stage.app.connector == 1
        await stage.press("left", "escape")
        assert stage.screen()[11].startswith(" › 4")

    on_stage(play)


def test_help_is_about_the_screen_it_was_called_from() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("f5", "f1")
        assert "Acknowledging says that" in stage.text()
        assert "DANGER UNACK" in stage.screen()[1]
        await stage.press(*["pagedown"] * 5)
        assert "Emergency stop is a button on the charger" in stage.text()
        await stage.press("escape")
        assert stage.app.main.current == "faults"

    on_stage(play)


def test_the_menu_finds_by_typing_and_says_why_something_is_not_possible() -> None:
    async def play(stage: Stage) -> None:
        await stage.press("f2", *"start")
        assert "a session is running" in stage.text()
        for _ in range(5):
            await stage.press("backspace")
        await stage.press(*"fault c")
        assert "Fault centre" in stage.text()
        assert "Stop charging" not in stage.text()
        await stage.press("enter")
        assert stage.app.main.current == "faults"

    on_stage(play)


class TestCommands:
    def test_stop_names_the_object_and_the_effect_and_needs_the_number(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f7")
            text = stage.text()
            assert "Stop charging: connector 1" in text
            assert "49.2 kW, 9.42 kWh so far" in text
            assert "88C9B3793F68" in text
            assert "Ends the session in order" in text

            await stage.press("enter")
            assert "Not done: 1 must be typed, that was nothing" in stage.text()
            await stage.press("2", "enter")
            assert "Not done: 1 must be typed, that was 2" in stage.text()
            assert stage.charger.calls == []

            await stage.press("1", "enter")
            assert stage.charger.calls == [("connector.stop", {"connector": 1})]
            assert "14:03:22 Stop charging at connector 1: accepted" in stage.screen()[22]

        on_stage(play)

    def test_start_is_for_the_chosen_connector(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("down", "down", "f6")
            assert "Start charging: connector 3" in stage.text()
            await stage.press("3", "enter")
            assert stage.charger.calls == [("connector.start", {"connector": 3})]

        on_stage(play)

    def test_what_the_charger_refuses_is_told_with_its_reason(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.refusal = "insulation is being tested"
            await stage.press("g", "3", "f6", "3", "enter")
            assert "refused, insulation is being tested" in stage.screen()[22]

        on_stage(play)

    def test_leaving_the_question_does_nothing_and_says_so(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f7", "1", "escape")
            assert stage.charger.calls == []
            assert "Stop charging: left, nothing was done" in stage.screen()[22]

        on_stage(play)

    def test_what_is_not_possible_is_not_asked(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f6")
            assert len(stage.app.screen_stack) == 1
            assert "Start charging: not possible, a session is running" in stage.screen()[22]

        on_stage(play)

    def test_what_became_impossible_while_asked_is_not_done(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f7")
            status = cabinet.status()
            status["connectors"]["1"] = cabinet.connector(state="finishing", plugged=True)
            await stage.tell(status=status)
            await stage.press("1", "enter")
            assert "Not done: no session is running" in stage.text()
            assert stage.charger.calls == []

        on_stage(play)

    def test_the_question_stays_about_the_connector_it_named(self) -> None:
        """If the charger forgets connector 1 while stopping it is asked, nothing else is stopped in its place."""

        async def play(stage: Stage) -> None:
            await stage.press("f7")
            status = cabinet.status()
            del status["connectors"]["1"]
            await stage.tell(status=status)
            await stage.press("1", "enter")
            assert stage.charger.calls == []

        on_stage(play)

    def test_the_site_limit_is_typed_in_kilowatts(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f2", *"limit", "enter")
            assert "Limit now" in stage.text()
            await stage.press(*"lots", "enter")
            assert "Not done: a number of kW is needed" in stage.text()
            await stage.press(*"nan", "enter")
            assert "Not done: between 0 and" in stage.text()
            await stage.press(*"82.5", "enter")
            assert stage.charger.calls == [("limit.set", {"site_w": 82_500.0})]

        on_stage(play)

    def test_a_limit_that_does_nothing_says_what_keeps_its_place_lower(self) -> None:
        async def play(stage: Stage) -> None:
            answer = {"result": "accepted", "kept_at": "150 kW by site limit"}
            stage.charger.answers["limit.set"] = answer
            await stage.press("f2", *"limit", "enter", *"200", "enter")
            assert "Set the site limit to 200.0 kW: kept at 150 kW by site limit" in stage.screen()[22]

        on_stage(play)

    def test_unlock_and_service_are_in_the_menu_and_ask(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("g", "3", "f2", *"unlock", "enter", "3", "enter")
            await stage.press("f2", *"out of", "enter", "3", "enter")
            assert stage.charger.calls == [
                ("connector.unlock", {"connector": 3}),
                ("connector.operative", {"operative": False, "connector": 3}),
            ]

        on_stage(play)


class TestAlarms:
    def test_f8_goes_to_the_worst_alarm_and_f9_acknowledges_it(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("f8")
            assert stage.app.main.current == "faults"
            await stage.press("f9")
            assert stage.charger.calls == [("fault.acknowledge", {"code": "SAF-01", "source": "plc-2"})]
            assert "Acknowledge the chosen fault SAF-01 at plc-2: accepted" in stage.screen()[22]

        on_stage(play)

    def test_f8_again_goes_on_to_the_next(self) -> None:
        async def play(stage: Stage) -> None:
            more = [cabinet.EMERGENCY_STOP, cabinet.fault("PM-01", "module-3", "Module does not answer", 4)]
            await stage.tell(faults={"active": more, "recent": []})
            await stage.press("f8", "f8")
            assert "PM-01 Module does not answer" in stage.text()
            await stage.press("f8")
            assert "SAF-01 Emergency stop pressed  " in stage.text()

        on_stage(play)

    def test_the_cursor_stays_on_its_fault_when_others_come_above_it(self) -> None:
        async def play(stage: Stage) -> None:
            low = cabinet.fault("PM-01", "module-3", "Module does not answer", 4)
            await stage.tell(faults={"active": [low], "recent": []})
            await stage.press("f5")
            await stage.tell(faults={"active": [cabinet.EMERGENCY_STOP, low], "recent": []})
            assert next(row for row in stage.screen() if "›" in row).split()[5] == "PM-01"
            await stage.press("f9")
            assert stage.charger.calls == [("fault.acknowledge", {"code": "PM-01", "source": "module-3"})]

        on_stage(play)

    def test_enter_on_a_fault_opens_what_can_be_done_with_it(self) -> None:
        async def play(stage: Stage) -> None:
            gone = cabinet.EMERGENCY_STOP | {"cause_present": False}
            await stage.tell(faults={"active": [gone], "recent": []})
            await stage.press("f5", "enter", *"clear", "enter")
            assert "Type the fault's code, SAF-01:" in stage.text()
            await stage.press(*"saf-01", "enter")
            assert stage.charger.calls == [("fault.clear", {"code": "SAF-01", "source": "plc-2"})]

        on_stage(play)

    def test_without_alarms_the_second_row_is_the_title(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.tell(faults={"active": [], "recent": []})
            assert stage.screen()[1].split() == ["Overview", "0.1.0,", "up", "1", "d", "02", "h"]
            await stage.press("g", "2")
            assert stage.screen()[1].startswith(" Connector 2 ")
            await stage.press("f8")
            assert "No fault waits to be acknowledged" in stage.screen()[22]

        on_stage(play)


class TestLostLink:
    def test_values_are_old_and_controls_are_off_until_it_is_back(self) -> None:
        async def play(stage: Stage) -> None:
            stage.charger.lose("the charger closed the link")
            stage.clock.now_s += 12
            await stage.settle()
            rows = stage.screen()

            assert rows[1].startswith(" LINK LOST 12 s")
            assert "measured 91.0? kW" in rows[4]
            assert "49.2?" in rows[8]
            assert rows[22].strip() == "the charger closed the link"

            await stage.press("f7")
            assert len(stage.app.screen_stack) == 1
            assert "not possible, no link to the charger" in stage.screen()[22]

            stage.charger.connect()
            await stage.tell(status=cabinet.status())
            assert "49.2?" not in stage.text()
            assert "DANGER" in stage.screen()[1]
            await stage.press("f7", "1", "enter")
            assert stage.charger.calls == [("connector.stop", {"connector": 1})]

        on_stage(play)

    def test_before_the_first_word_nothing_is_shown_as_known(self) -> None:
        async def play(stage: Stage) -> None:
            stage.clock.now_s += 3
            stage.charger.lose("no charger is running here")
            await stage.settle()
            text = stage.text()

            assert "CONNECTING 3 s" in text
            assert "no charger is running here" in text
            assert "0.0" not in text

        on_stage(play, told=False)

    def test_a_connector_that_is_gone_is_no_longer_the_chosen_one(self) -> None:
        async def play(stage: Stage) -> None:
            await stage.press("g", "4")
            status = cabinet.status()
            del status["connectors"]["4"]
            await stage.tell(status=status)
            assert stage.app.connector == 1

        on_stage(play)


@pytest.mark.parametrize("theme", ["grey", "16", "mono"])
def test_every_theme_draws_the_same_words(theme: str) -> None:
    words: list[str] = []

    async def play(stage: Stage) -> None:
        words.extend(stage.screen())

    on_stage(play, theme=theme)
    assert "measured 91.0 kW" in words[4]


def test_the_colourless_theme_uses_no_colour() -> None:
    async def play(stage: Stage) -> None:
        for key in ("f3", "f5", "f12", "f4", "f7"):
            await stage.press(key)
            for strip in stage.app.screen._compositor.render_strips():
                for segment in strip:
                    for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                        assert colour is None or colour.is_default, segment
            await stage.press("escape")

    on_stage(play, theme="mono")


def test_plain_ascii_is_plain_ascii() -> None:
    async def play(stage: Stage) -> None:
        for key in ("f3", "f4", "f5", "f12", "enter", "escape", "f1", "escape", "f2", "escape"):
            await stage.press(key)
            extra = {character for character in stage.text() if not character.isascii()}
            assert extra <= {"°", "│", "─", "┌", "┐", "└", "┘"}

    on_stage(play, theme="mono", symbols=ASCII)


def test_a_click_chooses_a_row_and_another_opens_it() -> None:
    async def play(stage: Stage) -> None:
        await stage.pilot.click("#connectors", offset=(10, 4))
        await stage.settle()
        assert stage.screen()[10].startswith(" › 3")
        await stage.pilot.click("#connectors", offset=(10, 4))
        await stage.settle()
        assert stage.app.main.current == "connector"
        assert stage.app.connector == 3

    on_stage(play)


def test_more_connectors_than_rows_scroll_and_leave_room_for_the_rest() -> None:
    async def play(stage: Stage) -> None:
        status = cabinet.status()
        status["connectors"] = {str(number): cabinet.connector() for number in range(1, 31)}
        await stage.tell(status=status)
        assert "1-8 of 30" in stage.text()
        assert "EVENTS" in stage.text()
        await stage.press("end")
        assert "23-30 of 30" in stage.text()
        assert "›30 ○ available" in stage.text()

    on_stage(play)
