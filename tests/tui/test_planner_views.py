"""The planner's views as pure functions: what is shared, who lends, what moves, and why somebody gets no more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.tui.plan import LossView, PlanView
from jp_firmware.tui.screens.limits import limit_params, limit_row, place_row, places
from jp_firmware.tui.symbols import ASCII
from jp_firmware.tui.text import ROLES, Line, plain, width_of
from jp_firmware.tui.views import overview, planner, sharing, why
from jp_firmware.tui.views.scene import Scene
from tests.tui import cabinet
from tests.tui.screenshot import example
from tests.tui.test_store import damaged, json_values
from tests.tui.test_views import scene, strange


def shared(status=None, **options) -> Scene:
    """The example of the documentation."""
    return scene(status=status or example()["status"], **options)


def text(rows: list[Line]) -> str:
    return "\n".join(plain(row) for row in rows)


def everything(one: Scene, width: int, height: int) -> list[Line]:
    rows = planner.site(one, width, height) + planner.connectors_header(one, width)
    if one.store.status is not None:
        rows += [planner.connector_row(one, each, width) for each in one.store.status.connectors.values()]
    for view in (sharing.chains, sharing.modules, why.why, why.limits):
        rows += view(one, width, height)
    rows += why.whole(one, one.connector, width)
    rows += why.losses(one, [LossView.read(each) for each in cabinet.losses()], width)
    rows += [place_row(one, each, width) for each in places(one)]
    if one.store.plan is not None:
        rows += [limit_row(one, each, width) for each in one.store.plan.limits]
    return rows


@settings(max_examples=60, deadline=None)
@given(
    damaged(cabinet.status(), strange),
    damaged(cabinet.planner(), strange),
    st.sampled_from([28, 46, 58, 78, 118, 198]),
    st.integers(1, 12),
    st.booleans(),
)
def test_every_line_fits_whatever_the_charger_says(raw, told, width: int, height: int, up: bool) -> None:
    for row in everything(scene(status=raw, told_planner=told, up=up), width, height):
        assert width_of(row) <= width
        assert plain(row).isprintable()
        assert all(role in ROLES for _, role in row)


@given(damaged(cabinet.planner(), json_values))
def test_no_topic_however_damaged_is_an_error(raw) -> None:
    PlanView.read(raw)


@pytest.mark.parametrize("height", range(1, 12))
@pytest.mark.parametrize("view", [planner.site, sharing.chains, sharing.modules, why.why, why.limits])
def test_a_panel_has_exactly_its_rows(view, height: int) -> None:
    assert len(view(shared(), 78, height)) == height


class TestSite:
    def test_the_tiles_are_limit_and_powers_and_what_is_left_and_missing(self) -> None:
        rows = text(planner.site(shared(), 78, 5))

        for part in (
            "utilisation 85%",
            "limit     120.0 kW",
            "requested 160.5 kW",
            "allowed   102.1 kW",
            "headroom   17.9 kW",
            "measured   96.1 kW",
            "offered   240.0 kW",
            "assigned  102.1 kW",
            "short by    0.0 kW",
            "in 15 min          likely     96.4 kW high      118.8 kW",
        ):
            assert part in rows

    def test_what_is_not_known_is_dashes_and_what_is_old_is_marked(self) -> None:
        status = example()["status"]
        status["site"] |= {"forecast": None, "headroom_w": None}
        rows = text(planner.site(shared(status, age_s=9.0), 78, 5))

        assert "ahead      ---" in rows
        assert "headroom    ---" in rows
        assert "requested 160.5?kW" in rows

    def test_in_a_narrow_terminal_what_limits_and_what_is_missing_stay(self) -> None:
        rows = text(planner.site(shared(), 58, 5))

        assert "limit     120.0 kW requested 160.5 kW headroom   17.9 kW" in rows
        assert "measured   96.1 kW assigned  102.1 kW short by    0.0 kW" in rows

    def test_a_limit_at_the_grid_is_told_where_it_is_another(self) -> None:
        status = example()["status"]
        assert "at the grid" not in text(planner.site(shared(status), 78, 5))
        status["site"]["grid_limit_w"] = 125_000.0
        told = cabinet.planner()
        told["connectors"]["1"]["links"][-1]["grid_w"] = 125_000

        assert "at the grid 125.0 kW" in text(planner.site(shared(status), 78, 5))
        assert "configured, 125.0 kW at the grid" in text(why.why(shared(told_planner=told), 110, 9))
        assert "configured, 125.0 kW at the grid" in text(why.whole(shared(told_planner=told), 1, 70))

    def test_a_reserve_is_told_where_there_is_one(self) -> None:
        status = example()["status"]
        assert "reserve" not in text(planner.site(shared(status), 78, 5))
        status["site"]["reserve_w"] = 10_000.0
        assert "reserve 10.0 kW" in text(planner.site(shared(status), 78, 5))

    @pytest.mark.parametrize("view", [lambda one: planner.site(one, 78, 5), lambda one: overview.site(one, 78)])
    def test_more_than_the_limit_is_told_in_words_not_only_by_colour(self, view) -> None:
        status = example()["status"]
        status["site"] |= {"measured_w": 121_000.0, "utilisation": 1.008}
        assert "OVER" not in text(view(shared(status)))
        status["site"] |= {"measured_w": 132_400.0, "utilisation": 1.103}
        assert "OVER THE LIMIT by 12.4 kW  utilisation 110%" in text(view(shared(status)))
        status["site"]["limit_w"] = None
        assert "OVER" not in text(view(shared(status)))


class TestConnectors:
    def row(self, one: Scene, number: int, width: int = 78) -> str:
        assert one.store.status is not None
        return plain(planner.connector_row(one, one.store.status.connectors[number], width))

    def test_a_row_goes_from_the_wish_to_what_flows_and_names_what_binds(self) -> None:
        one = shared()
        assert self.row(one, 1).split() == [
            "1", "●", "charging", "118.4", "60.0", "60.0", "60.0", "54.3", "2", "modules",
        ]  # fmt: skip
        assert self.row(one, 2).split()[-3:] == ["2+1", "the", "car"]

    @pytest.mark.parametrize("width", [58, 78, 118])
    def test_modules_that_do_not_deliver_are_named_not_only_coloured(self, width: int) -> None:
        status = example()["status"]
        status["modules"]["module-1"]["state"] = "silent"
        assert "  1 silent" in self.row(shared(status), 1, width)
        status["modules"]["module-2"]["state"] = "fault"
        assert width < 78 or "  1 silent, 1" in self.row(shared(status), 1, width)
        assert "silent" not in self.row(shared(status), 2, width)
        status["modules"]["module-5"]["state"] = "silent"
        assert "  1 silent" in self.row(shared(status), 3, width)

    def test_a_module_on_its_way_feeds_nobody(self) -> None:
        assert self.row(shared(), 3).split()[5] == "1"

    def test_a_wish_that_is_old_is_marked_and_named(self) -> None:
        status = example()["status"]
        status["connectors"]["1"] |= {"stale": True, "limited_by": "stale demand"}
        row = self.row(shared(status), 1, 100)

        assert "118.4?" in row
        assert "old wish,  stale demand" in row
        assert "60.0?" not in row

    def test_the_place_of_the_limit_stands_where_there_is_room(self) -> None:
        status = example()["status"]
        status["connectors"]["1"]["limited_by"] = "operator"
        told = cabinet.planner()
        for link in told["connectors"]["1"]["links"]:
            link["binds"] = link["owner"] == "operator"
        one = shared(status, told_planner=told)

        assert self.row(one, 1, 110).rstrip().endswith("operator at connector-1")
        assert self.row(one, 1, 78).rstrip().endswith("operator")


class TestSharing:
    def test_a_chain_has_share_cap_contribution_and_what_is_borrowed_or_left(self) -> None:
        rows = sharing.chains(shared(), 46, 5)

        assert plain(rows[0]).endswith("1 of 2 borrows, kW")
        assert plain(rows[2]).split() == ["A", "1,2", "102.1", "60", "120", "98.4", "+42.1"]
        assert plain(rows[3]).split() == ["B", "3,4", "0.0", "60", "120", "0.0", "-60.0"]

    def test_nothing_is_lent_where_nobody_borrows(self) -> None:
        status = example()["status"]
        status["chains"]["A"]["allowed_w"] = 59_000.0
        rows = sharing.chains(shared(status), 46, 5)

        assert plain(rows[0]).endswith("none of 2 borrows, kW")
        assert plain(rows[3]).split() == ["B", "3,4", "0.0", "60", "120", "0.0"]

    def test_without_borrowing_it_says_so(self) -> None:
        told = cabinet.planner() | {"borrowing": False}
        assert "no borrowing" in plain(sharing.chains(shared(told_planner=told), 46, 5)[0])

    def test_boards_stand_for_chains_where_none_is_configured(self) -> None:
        status = example()["status"]
        del status["chains"]["A"]
        rows = text(sharing.chains(shared(status), 46, 5))
        assert "plc-1 1,2" in rows
        assert "plc-2" not in rows

        status["chains"] = {}
        rows = text(sharing.chains(shared(status), 46, 5))
        assert "plc-1 1,2   102.1              98.4" in rows
        assert "plc-2 3,4" in rows

    def test_a_module_that_is_not_heard_leaves_the_contribution_unknown(self) -> None:
        status = example()["status"]
        status["modules"]["module-1"] |= {"voltage_v": None, "current_a": None, "state": "silent"}
        assert plain(sharing.chains(shared(status), 46, 5)[2]).split()[5] == "---"

    def test_modules_of_another_chain_are_counted_where_there_is_room(self) -> None:
        status = example()["status"]
        status["modules"]["module-8"] |= {"place": 1, "waits_for": None}
        rows = text(sharing.chains(shared(status), 90, 5))

        assert plain(sharing.chains(shared(status), 90, 5)[2]).rstrip().endswith("+1 module")
        assert "-1 module" in rows

    def test_what_happens_comes_first_and_what_rests_is_counted(self) -> None:
        rows = [plain(row).rstrip() for row in sharing.modules(shared(), 44, 5)]

        assert rows[1] == "module-6  → 2   match the voltage"
        assert rows[2] == "module-8  at 4  waits: has just been moved,"
        assert rows[3] == "  and stays for 41 s more"
        assert rows[4] == "2 at rest: 1 at 1, 1 at 2"

    def test_with_room_each_module_has_its_row(self) -> None:
        rows = [plain(row).split() for row in sharing.modules(shared(), 78, 8)]
        assert [row[0] for row in rows[1:5]] == ["module-6", "module-8", "module-2", "module-4"]

    def test_a_module_that_is_locked_out_says_why(self) -> None:
        status = example()["status"]
        status["modules"]["module-2"]["locked_out"] = "relay R3 reads closed"
        assert "locked out: relay R3 reads closed" in text(sharing.modules(shared(status), 60, 8))

    def test_a_move_stands_before_those_that_wait(self) -> None:
        status = example()["status"]
        status["modules"]["module-2"]["waits_for"] = "module-2 has been at its connector for 3 s only"
        rows = [plain(row) for row in sharing.modules(shared(status), 60, 5)]
        assert [row.split()[0] for row in rows[1:4]] == ["module-6", "module-2", "module-8"]

    def test_more_news_than_rows_are_counted(self) -> None:
        status = example()["status"]
        for number in (2, 4):
            status["modules"][f"module-{number}"]["waits_for"] = "the bridge is in use"
        assert "2 more" in plain(sharing.modules(shared(status), 40, 3)[0])

    def test_where_no_module_moves_it_says_so(self) -> None:
        status = example()["status"]
        for one in status["modules"].values():
            one.pop("place", None)
        assert "none: each is wired" in text(sharing.modules(shared(status), 40, 4))


class TestWhy:
    def test_in_a_few_rows_the_chain_is_one_line_with_what_binds_in_brackets(self) -> None:
        rows = [plain(row) for row in why.why(shared(), 78, 4)]

        assert rows[0].startswith("WHY CONNECTOR 1 GETS THIS")
        assert rows[1].startswith("Connector 1 gets 60 kW because its modules")
        assert rows[3] == "the car 118.4 → [modules 60] → operator 80 → chain A 120 → site limit 120"

    def test_a_looser_limit_of_the_same_place_is_left_out_of_the_line_only(self) -> None:
        told = cabinet.planner()
        told["connectors"]["1"]["links"].append(cabinet.limit("site meter", "site", 300_000, "the building"))
        one = shared(told_planner=told)

        assert "site meter" not in text(why.why(one, 78, 4))
        assert "site meter" in text(why.why(one, 78, 12))
        assert "site meter" in text(why.whole(one, 1, 70))

    def test_with_room_the_chain_is_a_table_from_the_car_to_the_grid(self) -> None:
        rows = [plain(row).split() for row in why.why(shared(), 110, 9)]

        assert [row[0] for row in rows[2:7]] == ["the", "›", "operator", "chain", "site"]
        assert "binds:" in rows[3]
        assert " ".join(rows[4]).endswith("80.0 kW cable works, until 14:29:22")

    def test_what_the_planner_said_a_while_ago_is_marked(self) -> None:
        one = shared()
        one.store.plan_heard_at_s = -20.0
        rows = text(why.why(one, 78, 5))

        assert "for 118.4 kW.?" in rows
        assert "[modules 60?]" in rows

    def test_the_page_has_every_limit_with_its_reason_and_the_modules(self) -> None:
        rows = text(why.whole(shared(number=2), 2, 70))

        assert "42.1 kW  the car at connector-2: what it asks for; this one binds" in rows
        assert "module-6    comes, match the voltage" in rows
        assert "module-3    on" in rows
        assert "17.9 kW free; nobody is short." in rows
        assert "module-1 " not in rows
        assert "operator at connector-1: cable works, until 14:29:22" in text(why.whole(shared(), 1, 70))

    def test_limits_in_force_are_all_there_or_counted(self) -> None:
        assert "F2 puts and lifts them" in text(why.limits(shared(), 110, 6))
        assert "2 more" in plain(why.limits(shared(), 110, 3)[0])

    def test_a_loss_that_nothing_makes_good_stands_on_top(self) -> None:
        rows = [plain(row) for row in why.losses(shared(), [LossView.read(one) for one in cabinet.losses()], 70)]

        assert rows[1].split() == ["module-1", "1", "60.0", "30.0", "30.0", "not", "covered"]
        assert rows[2].split()[-3:] == ["covered,", "1", "move"]
        assert "nobody loses power" in rows[3]

    def test_plain_signs_are_plain(self) -> None:
        assert "the car 118.4 > [modules 60]" in text(why.why(shared(symbols=ASCII), 78, 4))


class TestPuttingALimit:
    def test_what_was_typed_becomes_the_call(self) -> None:
        typed = {"power": "82.5", "minutes": " 30 ", "reason": " cable works "}
        assert limit_params("chain-A", typed) == {
            "scope": "chain-A",
            "value_w": 82_500.0,
            "for_s": 1800.0,
            "reason": "cable works",
        }

    def test_without_minutes_it_has_no_end(self) -> None:
        assert "for_s" not in limit_params("site", {"power": "0", "minutes": "", "reason": "works"})

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"power": ""}, "the limit is a number of kW, not nothing"),
            ({"power": "lots"}, "the limit is a number of kW, not lots"),
            ({"power": "nan"}, "the limit lies between 0 and 10000 kW"),
            ({"power": "-1"}, "the limit lies between 0 and 10000 kW"),
            ({"minutes": "0"}, "the time lies between 0.1 and 10080 minutes"),
            ({"minutes": "inf"}, "the time lies between"),
            ({"reason": "  "}, "say why"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            limit_params("site", {"power": "50", "minutes": "5", "reason": "works"} | changes)

    def test_every_place_is_named_with_its_tightest_limit(self) -> None:
        told = cabinet.planner()
        told["limits"].append(cabinet.limit("feeder NORTH", "feeder-NORTH", 90_000, "configured"))
        told["limits"].append(cabinet.limit("site meter", "site", 70_000, "the building"))
        one = shared(told_planner=told)
        rows = {place.scope: plain(place_row(one, place, 70)).split() for place in places(one)}

        assert list(rows) == ["site", "feeder-NORTH", "chain-A", "chain-B", *(f"connector-{n}" for n in (1, 2, 3, 4))]
        assert rows["site"] == ["site", "102.1", "70.0", "site", "meter"]
        assert rows["feeder-NORTH"] == ["feeder-NORTH", "90.0", "feeder", "NORTH"]
        assert rows["connector-2"] == ["connector-2", "42.1", "none"]
