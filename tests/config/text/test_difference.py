"""Differences between configurations: complete, told by names, and without secrets."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.profiles import DATA
from jp_firmware.config.text import written
from jp_firmware.config.text.difference import SECRET, changes, merged, redacted, text_difference
from jp_firmware.config.text.document import edited
from jp_firmware.config.text.edits import Add, Edit, Key, Put, Remove, edits_between, laid_over
from tests.config.odd_texts import changed, documents

some = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)

DEMO = (DATA / "profiles" / "cabinets" / "demo.toml").read_text(encoding="utf-8")
DATA_OF_DEMO = tomllib.loads(DEMO)


def is_password(key: Key) -> bool:
    return key[-1] == "password"


# --- changes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([Put("site.limit_w", 120_000)], ["site.limit_w: 150000 → 120000"]),
        ([Put("connectors.2.weight", 2.5)], ["connectors.2.weight: (none) → 2.5"]),
        ([Remove("charger.serial")], ['charger.serial: "DEMO-0001" → (none)']),
        ([Add("modules", {"id": "module-9"})], ["modules.module-9 added"]),
        ([Remove("modules.module-1")], ["modules.module-1 removed"]),
        ([Put("planner.borrowing", False)], ["planner.borrowing: (none) → false"]),
        ([Put("plc_boards.plc-1.connectors", [2, 1])], ["plc_boards.plc-1.connectors: [1, 2] → [2, 1]"]),
        ([Put("authorize.local_list.04DEADBEEF0102.status", "accepted")],
         ['authorize.local_list.04DEADBEEF0102.status: "blocked" → "accepted"']),
        ([Put("modules.module-1.id", "module-x")], ["modules.module-x added", "modules.module-1 removed"]),
        ([Put("switches", [{"relay": 3}, {"relay": 4}])], ["switches.0 added", "switches.1 added"]),
        ([Put("wires", [*DATA_OF_DEMO["wires"][1:], DATA_OF_DEMO["wires"][0]])],
         ["wires: order can0, rs485-0, plc-1-wire, plc-2-wire → rs485-0, plc-1-wire, plc-2-wire, can0"]),
        ([Put("switches", [])], ["switches: (none) → []"]),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_change_is_told_by_the_name_of_what_it_is_about(edits: list[Edit], told: list[str]) -> None:
    assert told == [str(one) for one in changes(DATA_OF_DEMO, laid_over(DATA_OF_DEMO, edits))]


def test_an_item_without_a_name_is_told_by_its_place() -> None:
    before = {"switches": [{"relay": 3}, {"relay": 4}, {"relay": 5}]}

    assert ["switches.1.relay: 4 → 9"] == [
        str(one) for one in changes(before, {"switches": [{"relay": 3}, {"relay": 9}, {"relay": 5}]})
    ]
    assert ["switches.0 removed"] == [str(one) for one in changes(before, {"switches": [{"relay": 4}, {"relay": 5}]})]


@some
@given(documents, st.data())
def test_there_are_changes_exactly_where_there_is_a_difference(data: dict[str, Any], more: st.DataObject) -> None:
    after = more.draw(changed(data))
    told = changes(data, after)

    assert bool(told) == (not written.same(data, after))
    assert all(str(one).isprintable() for one in told)
    assert all(one.before is not None or one.after is not None for one in told)


@some
@given(documents, st.data())
def test_no_secret_is_in_what_is_told(data: dict[str, Any], more: st.DataObject) -> None:
    def is_secret(key: Key) -> bool:
        return key[-1] in ("a", "x")

    def hidden(value: Any) -> Any:
        """The data with a value of its own in each secret key."""
        match value:
            case dict():
                return {name: {"s": "SECRET"} if name in ("a", "x") else hidden(inner) for name, inner in value.items()}
            case list():
                return [hidden(item) for item in value]
        return value

    before, after = hidden(data), hidden(more.draw(changed(data)))

    assert "SECRET" not in repr(changes(before, after, is_secret))
    assert "SECRET" not in repr(redacted(before, is_secret))


def test_a_secret_that_changed_is_told_without_its_values() -> None:
    before = {"backend": {"url": "ws://a", "password": "old"}}
    after = {"backend": {"url": "ws://a", "password": "new"}}
    (change,) = changes(before, after, is_password)

    assert ("backend.password", SECRET, SECRET) == (change.key, change.before, change.after)
    assert "backend.password: changed (secret)" == str(change)
    assert 'backend.password: (none) → "(secret)"' == str(changes({"backend": {}}, after, is_password)[-1])


# --- texts -----------------------------------------------------------------------------------------------------------


def test_the_difference_of_texts_is_what_diff_writes() -> None:
    told = text_difference(DEMO, edited(DEMO, [Put("site.limit_w", 120_000)]), ("16", "17"))

    assert told.startswith("--- 16\n+++ 17\n@@ -8,7 +8,7 @@\n")
    assert "\n [site]\n-limit_w = 150_000\n+limit_w = 120_000\n" in told
    assert 11 == told.count("\n")


def test_no_secret_is_in_the_difference_of_texts() -> None:
    before = '[backend]\nurl = "a"\npassword = "secret-1" # mine\n'
    after = '[backend]\nurl = "b"\npassword = "secret-2" # mine\n'

    told = text_difference(before, after, is_secret=is_password)

    assert ' password = "(secret)" # mine\n' in told
    assert '-url = "a"\n+url = "b"\n' in told
    assert "secret-" not in told


# --- two at once -----------------------------------------------------------------------------------------------------


@some
@given(documents, st.data())
def test_who_alone_changed_something_gets_it(data: dict[str, Any], more: st.DataObject) -> None:
    mine = more.draw(changed(data))

    for one in (merged(data, mine, data), merged(data, data, mine), merged(data, mine, mine)):
        assert ((), True) == (one.conflicts, written.same(mine, one.data))


@some
@given(documents, st.data())
def test_without_a_conflict_both_changes_are_in(data: dict[str, Any], more: st.DataObject) -> None:
    mine = {**data, "mine": more.draw(st.integers())}
    theirs = more.draw(changed(data))
    if "mine" in data or "mine" in theirs:
        return

    assert written.same({**theirs, "mine": mine["mine"]}, merged(data, mine, theirs).data)


def test_two_who_edit_different_keys_and_items_do_not_meet() -> None:
    mine = laid_over(
        DATA_OF_DEMO,
        [Put("site.limit_w", 1), Put("connectors.1.weight", 2.0), Remove("modules.module-2"),
         Add("wires", {"name": "mine"})],
    )  # fmt: skip
    theirs = laid_over(
        DATA_OF_DEMO,
        [Put("charger.name", "x"), Put("connectors.1.tier", 2), Remove("modules.module-3"),
         Add("wires", {"name": "theirs"}, before="can0")],
    )  # fmt: skip
    one = merged(DATA_OF_DEMO, mine, theirs)

    assert () == one.conflicts
    assert ("x", 1) == (one.data["charger"]["name"], one.data["site"]["limit_w"])
    assert {"id": 1, "max_current_a": 200, "tier": 2, "weight": 2.0} == one.data["connectors"][0]
    assert ["module-1", "module-4"] == [module["id"] for module in one.data["modules"]][:2]
    assert ["theirs", "can0", "rs485-0", "plc-1-wire", "plc-2-wire", "mine"] == [
        wire["name"] for wire in one.data["wires"]
    ]
    assert one.data == laid_over(theirs, edits_between(theirs, one.data))


@pytest.mark.parametrize(
    ("mine", "theirs", "key"),
    [
        (Put("site.limit_w", 1), Put("site.limit_w", 2), "site.limit_w"),
        (Remove("site.limit_w"), Put("site.limit_w", 2), "site.limit_w"),
        (Remove("modules.module-1"), Put("modules.module-1.address", 9), "modules.module-1"),
        (Add("wires", {"name": "w", "port": "a"}), Add("wires", {"name": "w", "port": "b"}), "wires.w.port"),
        (
            Put("plc_boards.plc-1.connectors", [1]),
            Put("plc_boards.plc-1.connectors", [2]),
            "plc_boards.plc-1.connectors",
        ),
    ],
    ids=str,
)
def test_two_who_want_different_things_of_one_key_are_told(mine: Edit, theirs: Edit, key: str) -> None:
    their_data = laid_over(DATA_OF_DEMO, [theirs])
    one = merged(DATA_OF_DEMO, laid_over(DATA_OF_DEMO, [mine]), their_data)

    assert [key] == [conflict.key for conflict in one.conflicts]
    assert written.same(their_data, one.data)


def test_two_who_order_a_list_differently_are_told() -> None:
    base, mine, theirs = ({"w": [{"name": name} for name in names]} for names in ("abc", "bca", "cab"))
    one = merged(base, mine, theirs)

    assert [("w", ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"])] == [
        (conflict.key, conflict.base, conflict.mine, conflict.theirs) for conflict in one.conflicts
    ]
    assert theirs == one.data
