"""The views as pure functions: whatever the charger says, every line fits, and what matters is on it."""

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.faults import Severity
from jp_firmware.tui.incidents import EventView
from jp_firmware.tui.snapshot import ConnectorView
from jp_firmware.tui.store import Store
from jp_firmware.tui.symbols import ASCII, CONSOLE, FULL, Symbols
from jp_firmware.tui.text import ROLES, Line, plain, width_of
from jp_firmware.tui.views import chrome, connector, connector_table, events, faults, overview
from jp_firmware.tui.views.scene import BANNER_ROLES, SEVERITY_ROLES, SEVERITY_WORDS, Scene
from tests.tui import cabinet
from tests.tui.test_store import damaged

strange = st.none() | st.just(1e30) | st.just(-3.5) | st.just("充\x1b[2J" * 9) | st.just(["?", 7]) | st.just("x" * 300)


def scene(
    *,
    status=None,
    told_faults=None,
    told_planner=None,
    number: int = 1,
    symbols: Symbols = FULL,
    age_s: float = 0.0,
    up: bool = True,
) -> Scene:
    store = Store()
    if up:
        store.link_up(0.0)
    store.put("status", status if status is not None else cabinet.status(), 1.0)
    store.put("faults", told_faults if told_faults is not None else cabinet.faults(), 1.0)
    store.put("events", cabinet.events(), 1.0)
    store.put("planner", told_planner if told_planner is not None else cabinet.planner(), 1.0)
    return Scene(store=store, symbols=symbols, now_s=1.0 + age_s, now=cabinet.NOW, zone=UTC, connector=number)


def everything(one: Scene, width: int, height: int) -> list[Line]:
    """All views at that size."""
    rows = [chrome.status_line(one, width), chrome.banner(one, "Overview", width)]
    rows += overview.site(one, width) + overview.backend(one, width) + overview.health(one, width)
    rows += connector_table.connectors_header(one, width)
    if one.store.status is not None:
        rows += [connector_table.connector_row(one, each, width) for each in one.store.status.connectors.values()]
    rows += events.overview_events(one, width, height) + events.connector_events(one, width, height)
    rows += connector.tabs(one, width)
    for view in (connector.live, connector.session, connector.power, connector.vehicle, connector.plug):
        rows += view(one, width, height)
    rows += connector.faults(one, width, height)
    rows += faults.counters(one, width) + faults.active_header(one, width) + faults.recent_header(one, width)
    for each in one.store.faults.active:
        rows += [faults.active_row(one, each, width), *faults.detail(one, each, width, height)]
    rows += [faults.recent_row(one, each, width) for each in one.store.faults.recent]
    return rows


@settings(max_examples=60, deadline=None)
@given(damaged(cabinet.status(), strange), st.sampled_from([38, 58, 78, 118, 198]), st.integers(1, 12), st.booleans())
def test_every_line_fits_whatever_the_charger_says(raw, width: int, height: int, up: bool) -> None:
    for row in everything(scene(status=raw, up=up), width, height):
        assert width_of(row) <= width
        assert plain(row).isprintable()
        assert all(role in ROLES for _, role in row)


@pytest.mark.parametrize("symbols", [FULL, CONSOLE, ASCII], ids=lambda one: one.name)
def test_no_view_draws_a_sign_that_its_set_does_not_have(symbols: Symbols) -> None:
    allowed = set("".join(value for value in (getattr(symbols, name) for name in symbols.__slots__ if name[0] != "_")))
    for row in everything(scene(symbols=symbols), 78, 8):
        extra = {character for character in plain(row) if not character.isascii()} - allowed
        assert extra <= {"°"}


def test_before_the_first_word_nothing_is_claimed() -> None:
    empty = Scene(store=Store(), symbols=FULL, now_s=3.0, now=cabinet.NOW, zone=UTC)

    text = "\n".join(plain(row) for row in everything(empty, 78, 8))

    assert "CONNECTING 3 s" in text
    assert "0.0" not in text
    assert "healthy" not in text


class TestChrome:
    def test_status_line_has_who_backend_power_and_time(self) -> None:
        text = plain(chrome.status_line(scene(), 80))

        assert len(text) == 80
        for part in ("JP-0042", "OCPP ● online", "91.0 of 150 kW", "2/4 charging", "1 fault", "14:03:22"):
            assert part in text

    @pytest.mark.parametrize("width", [60, 70, 80, 90, 120, 200])
    def test_status_line_drops_whole_parts_and_keeps_the_time(self, width: int) -> None:
        text = plain(chrome.status_line(scene(), width))

        assert len(text) == width
        assert text.endswith("14:03:22 ")
        assert "JP-0042" in text

    def test_banner_is_the_worst_unacknowledged_fault_with_its_age_and_the_number_of_others(self) -> None:
        told = {"active": [cabinet.fault("X", "y", "Small thing", 5), cabinet.EMERGENCY_STOP], "recent": []}
        text = plain(chrome.banner(scene(told_faults=told), "Overview", 80))

        assert "DANGER UNACK  SAF-01 plc-2  Emergency stop pressed" in text
        assert text.rstrip().endswith("3 m  +1  F8")

    def test_banner_is_the_title_when_everything_is_acknowledged(self) -> None:
        told = {"active": [cabinet.FROZEN_METER], "recent": []}
        text = plain(chrome.banner(scene(told_faults=told), "Overview", 80))

        assert text.startswith(" Overview")
        assert "1 active fault, acknowledged" in text

    def test_the_title_names_the_brand_and_its_version_while_all_is_well(self) -> None:
        status = cabinet.status()
        one = scene(status=status, told_faults={"active": [], "recent": []})
        assert plain(chrome.banner(one, "Overview", 80)).endswith(" 0.1.0, up 1 d 02 h ")
        status["charger"]["brand"] = {"name": "Volta Süd", "support_phone": None}
        one = scene(status=status, told_faults={"active": [], "recent": []})
        assert plain(chrome.banner(one, "Overview", 80)).endswith(" Volta Süd 0.1.0, up 1 d 02 h ")

    def test_a_lost_link_outranks_every_alarm(self) -> None:
        one = scene()
        one.store.link_down("closed", 1.0)
        row = chrome.banner(Scene(store=one.store, symbols=FULL, now_s=13.0, now=cabinet.NOW, zone=UTC), "Overview", 80)

        assert plain(row).startswith(" LINK LOST 12 s")
        assert row[0][1] == "banner-lost"

    def test_a_silent_charger_is_called_silent(self) -> None:
        assert "NO DATA 9 s" in plain(chrome.banner(scene(age_s=9.0), "Overview", 80))

    def test_every_severity_has_its_word_and_its_looks(self) -> None:
        for table in (SEVERITY_WORDS, SEVERITY_ROLES, BANNER_ROLES):
            assert set(table) == set(Severity)

    def test_footer_leaves_out_whole_keys_but_never_the_way_out(self) -> None:
        keys = [("F1", "Help", True), ("F2", "Menu", True), ("F6", "Start", False), ("F10", "Leave", True)]

        assert plain(chrome.keys_line(keys, 60)).rstrip() == " F1 Help  F2 Menu  F6 Start  F10 Leave"
        assert plain(chrome.keys_line(keys, 29)).rstrip() == " F1 Help  F2 Menu  F10 Leave"
        assert ("F6", "off") in chrome.keys_line(keys, 60)


class TestOverview:
    def test_site_power_is_measured_assigned_limit_and_headroom(self) -> None:
        text = "\n".join(plain(row) for row in overview.site(scene(), 78))

        for part in ("measured 91.0 kW", "assigned 110.0 kW", "headroom 40.0 kW", "limit 150.0 kW", "utilisation 73%"):
            assert part in text
        for part in ("charging 2 of 4", "connected 3", "requested 236.8 kW", "modules 4/8 on"):
            assert part in text

    def test_the_bar_is_in_proportion(self) -> None:
        bar = plain(overview.site(scene(), 150)[1])
        assert (bar.count("█"), bar.count("▒"), bar.count("░")) == (91, 19, 40)

    def test_a_backend_that_is_down_says_why_and_what_waits(self) -> None:
        status = cabinet.status()
        status["backend"] |= {"state": "waiting", "reason": "certificate has expired", "since_s": 192, "queued": 12}
        text = "\n".join(plain(row) for row in overview.backend(scene(status=status), 38))

        assert "down 3 m 12 s  12 queued" in text
        assert "certificate has expired" in text

    def test_health_names_the_worst_child_and_its_gap_and_who_is_down(self) -> None:
        text = "\n".join(plain(row) for row in overview.health(scene(), 60))
        assert "healthy  31 tasks, 2 restarts" in text
        assert "worst gap 1.6 s  31% rs485-0/meter-2" in text
        assert "boards 1/2" in text

        status = cabinet.status()
        status["tree"] |= {"healthy": False, "down": 1, "worst": "rs485-0/meter-2"}
        text = "\n".join(plain(row) for row in overview.health(scene(status=status), 60))
        assert "not healthy  31 tasks, 1 down" in text
        assert "down rs485-0/meter-2" in text

    def test_a_row_says_what_limits_or_what_it_waits_for_or_what_is_wrong(self) -> None:
        one = scene()
        assert one.store.status is not None
        rows = {
            number: plain(connector_table.connector_row(one, each, 78)).split()
            for number, each in one.store.status.connectors.items()
        }

        assert rows[1] == ["1", "●", "charging", "49.2", "404", "122", "9.42", "47%", "12:31", "site", "limit"]
        assert rows[2][-2:] == ["the", "car"]
        assert rows[3][3:9] == ["0.0", "0", "0", "plugged", "in,", "waits"]
        assert rows[4] == ["4", "✗", "faulted", "---", "---", "---", "SAF-01", "Emergency", "stop", "pressed"]

    def test_an_old_row_says_so_in_every_value(self) -> None:
        one = scene(age_s=9.0)
        assert one.store.status is not None
        row = plain(connector_table.connector_row(one, one.store.status.connectors[1], 78))

        for value in ("charging?", "49.2?", "404?", "122?", "9.42?", "47%?", "12:31?", "site limit?"):
            assert value in row


class TestConnector:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "the car asks for 68.4 kW more"),
            ({"limited_by": "demand"}, "the car gets all it asks for"),
            ({"assigned_w": 20_000.0}, "rising as others make room"),
            ({"requested_w": None}, "the car has not said what it wants"),
            ({"session_id": None}, "no session"),
        ],
    )
    def test_why_it_gets_no_more(self, changes, words: str) -> None:
        assert connector.why(ConnectorView.read(1, cabinet.charging(**changes))) == words

    def test_faults_of_a_connector_are_its_own_and_those_of_its_devices(self) -> None:
        told = {
            "active": [
                cabinet.fault("A", "connector-1", "", 3),
                cabinet.fault("B", "module-2", "", 4),
                cabinet.fault("C", "meter-1", "", 4),
                cabinet.fault("D", "plc-1", "", 4),
                cabinet.fault("E", "module-3", "", 4),
                cabinet.fault("F", "connector-2", "", 4),
                cabinet.fault("G", "connectors/connector-1", "", 1),
                cabinet.fault("H", "wires/can0/module-2", "", 1),
                cabinet.fault("I", "wires/can0/module-3", "", 1),
            ],
            "recent": [],
        }
        found = connector.faults_of(scene(told_faults=told, number=1))
        assert sorted(one.code for one in found) == ["A", "B", "C", "D", "G", "H"]

    def test_a_fault_stands_with_its_remedy_even_in_three_rows(self) -> None:
        rows = [plain(row) for row in connector.faults(scene(number=4), 78, 3)]

        assert rows[1].startswith("▲ DANGER SAF-01 Emergency stop pressed")
        assert rows[2].startswith("→ Find out why it was pressed")

    def test_faults_that_find_no_room_are_counted(self) -> None:
        told = {"active": [cabinet.fault(f"A{n}", "connector-4", "Thing", 3) for n in range(5)], "recent": []}
        assert "4 more: F5 fault centre" in plain(connector.faults(scene(told_faults=told, number=4), 78, 3)[0])

    def test_a_meter_that_is_not_good_casts_doubt_on_the_energy(self) -> None:
        status = cabinet.status()
        status["meters"]["meter-1"]["quality"] = "stale"
        text = "\n".join(plain(row) for row in connector.session(scene(status=status), 40, 7))

        assert "9.42 kWh?" in text
        assert "stale" in text

    def test_a_transaction_number_is_shown_where_the_charger_tells_it(self) -> None:
        status = cabinet.status()
        assert "ransaction" not in "".join(plain(row) for row in connector.session(scene(status=status), 40, 7))
        status["connectors"]["1"]["transaction_id"] = 4711
        assert "transaction 4711" in "".join(plain(row) for row in connector.session(scene(status=status), 60, 7))


class TestFaults:
    def test_a_row_has_severity_acknowledgement_code_source_age_and_title(self) -> None:
        one = scene()
        row = plain(faults.active_row(one, one.store.faults.active[0], 78)).split()
        assert row[1:9] == ["1", "DANGER", "UNACK", "SAF-01", "plc-2", "3", "m", "Emergency"]

    def test_detail_has_cause_and_remedy_even_when_it_must_cut(self) -> None:
        one = scene()
        rows = [plain(row) for row in faults.detail(one, one.store.faults.active[0], 78, 8)]

        assert any(row.startswith("cause   plc-2 reports") for row in rows)
        assert any(row.startswith("remedy  Find out why") for row in rows)

    def test_a_latched_fault_whose_cause_is_gone_says_what_it_waits_for(self) -> None:
        told = {"active": [cabinet.EMERGENCY_STOP | {"cause_present": False}], "recent": []}
        one = scene(told_faults=told)
        assert "cause gone, waits to be cleared" in plain(faults.detail(one, one.store.faults.active[0], 78, 8)[2])


def test_the_pace_of_the_event_loop_leaves_the_overview_to_what_happens_at_the_charger() -> None:
    one = scene()
    slow = EventView(at=cabinet.NOW, kind="loop", source="planner", text="a step took 7.0 ms")
    one.store.events = (*one.store.events, *[slow] * 20)
    told = [plain(row) for row in events.overview_events(one, 78, 6)]

    assert told[1].split()[1:] == ["connector-3", "plugged", "in"]
    assert not any("a step took" in row for row in told)
