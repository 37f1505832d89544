"""The draft and its edits, what is typed for a key, the tree and the text: pure, held against what the charger does."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.text.edits import Add, Edit, Put, Remove, laid_over
from jp_firmware.config.told.explain import all_keys, as_json
from jp_firmware.tui.configuration.desk import Desk
from jp_firmware.tui.configuration.draft import MISSING, differences, value_at, with_item, with_value, without
from jp_firmware.tui.configuration.entry import typed_of, value_of
from jp_firmware.tui.configuration.keys import Catalogue, Declared, Kind, key_text, parts_of
from jp_firmware.tui.configuration.told import InForce
from jp_firmware.tui.configuration.toml_text import keys_by_line, pieces
from jp_firmware.tui.configuration.tree import find, rows_of
from tests.tui.engine import DEMO, Engine

TEXT = DEMO.read_text(encoding="utf-8")
CATALOGUE = Catalogue(Declared.read(as_json(one)) for one in all_keys())


def as_the_charger_takes_it(told: dict[str, Any]) -> Edit:
    if "put" in told:
        return Put(told["put"], told["value"])
    if "remove" in told:
        return Remove(told["remove"])
    return Add(told["add"], told["item"], told.get("before"))


def desk(text: str = TEXT) -> Desk:
    made = Desk(catalogue=CATALOGUE)
    made.put_in_force(InForce.read(Engine(text).values()))
    return made


@pytest.mark.parametrize("text", ["a = [", "x = " + "[" * 5000, "x = " + "1" * 5000])
def test_a_text_that_cannot_be_read_is_kept_as_it_was_written(text: str) -> None:
    one = desk()
    one.write(text)
    assert one.sent().by_hand == text


names = st.sampled_from(["a", "b", "c", "d.e"])
scalars = st.one_of(st.integers(-3, 3), st.booleans(), st.text("xy", max_size=2), st.floats(0, 1))
named_items = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from(["m1", "m2", "m3", "m4"]), "v": scalars}),
    max_size=4,
    unique_by=lambda one: one["id"],
)
plain_items = st.lists(st.fixed_dictionaries({"v": scalars, "w": scalars}), max_size=4)
values = st.one_of(scalars, st.lists(scalars, max_size=3), named_items, plain_items)
tables = st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, min_size=1, max_size=3)), max_size=4)


class TestEdits:
    @given(tables, tables)
    def test_laid_over_the_base_by_the_charger_they_give_the_draft(self, base: Any, wanted: Any) -> None:
        edits = [as_the_charger_takes_it(one.edit) for one in differences(base, wanted)]

        assert laid_over(base, edits) == wanted

    @given(tables)
    def test_nothing_changed_is_no_edit(self, base: Any) -> None:
        assert list(differences(base, base)) == []

    def test_an_item_that_goes_and_one_that_comes_are_one_edit_each(self) -> None:
        data = without(tomllib.loads(TEXT), ("modules", "module-3"))
        data = with_item(data, ("modules",), {"id": "module-9", "wire": "can0", "address": 8, "connector": 4})

        assert [one.edit for one in differences(tomllib.loads(TEXT), data)] == [
            {"remove": "modules.module-3"},
            {"add": "modules", "item": {"id": "module-9", "wire": "can0", "address": 8, "connector": 4}},
        ]

    @given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4))
    def test_a_key_is_read_as_it_is_written(self, parts: list[str]) -> None:
        assert parts_of(key_text(parts)) == tuple(parts)


class TestTakingBack:
    @pytest.mark.parametrize(
        "parts", [("site", "limit_w"), ("modules", "module-3"), ("modules", "module-3", "address")]
    )
    def test_what_was_removed_is_where_it_was(self, parts: tuple[str, ...]) -> None:
        made = desk()
        made.edit(without(made.data, parts))
        assert made.count == 1

        assert made.take_back(parts)
        assert made.data == made.base
        assert not made.dirty

    def test_an_item_that_was_added_goes(self) -> None:
        made = desk()
        made.edit(with_item(made.data, ("chains",), {"name": "A", "connectors": [1], "cap_w": 1000}))
        assert made.take_back(("chains", "A"))
        assert value_at(made.data, ("chains", "A")) is MISSING

    def test_what_was_not_changed_is_not_taken_back(self) -> None:
        made = desk()
        made.put(("site", "limit_w"), 90_000)
        assert not made.take_back(("site", "efficiency"))
        assert made.count == 1

    def test_a_value_typed_back_by_hand_is_no_change(self) -> None:
        made = desk()
        made.put(("site", "limit_w"), 90_000)
        made.put(("site", "limit_w"), 150_000)
        assert not made.dirty


class TestSomebodyElsesVersion:
    def test_the_draft_is_laid_over_it(self) -> None:
        made = desk()
        made.put(("site", "limit_w"), 90_000)
        made.edit(with_item(made.data, ("chains",), {"name": "A", "connectors": [1], "cap_w": 1000}))
        made.put_in_force(InForce.read(Engine(TEXT.replace('"Demo charger"', '"Theirs"')).values()))

        assert made.count == 2
        assert value_at(made.data, ("charger", "name")) == "Theirs"
        assert value_at(made.data, ("chains", "A", "cap_w")) == 1000

    def test_what_they_removed_is_not_brought_back_by_a_change_in_it(self) -> None:
        made = desk()
        made.put(("modules", "module-8", "watchdog_s"), 3.0)
        made.put_in_force(InForce.read(Engine(TEXT[: TEXT.rindex("[[modules]]")]).values()))

        assert not made.dirty

    def test_a_text_written_by_hand_stands(self) -> None:
        made = desk()
        made.write(TEXT + "# mine\n")
        made.put_in_force(InForce.read(Engine(TEXT.replace('"Demo charger"', '"Theirs"')).values()))

        assert made.params == {"text": TEXT + "# mine\n"}
        assert made.count >= 1


class TestTyped:
    @pytest.mark.parametrize("key", [one for one in CATALOGUE if not one.is_group], ids=lambda one: ".".join(one.path))
    def test_every_default_is_typed_as_it_is_shown(self, key: Declared) -> None:
        if key.default is not None:
            assert value_of(typed_of(key.default), key) == key.default

    @given(st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=4), max_size=4))
    def test_texts_of_a_list_survive_with_whatever_is_in_them(self, items: list[str]) -> None:
        key = Declared(path=("a",), text="", type="list of texts", kind=Kind.LIST, element=Kind.TEXT)
        assert value_of(typed_of(items), key) == items

    @pytest.mark.parametrize(
        ("name", "typed", "wrong"),
        [
            ("site.limit_w", "much", "a number of W is needed, not much"),
            ("site.limit_w", "20000000", "it lies between 0 and 10_000_000 W"),
            ("site.limit_w", "nan", "a number of W is needed"),
            ("connectors.*.tier", "1.5", "without a fraction"),
            ("wires.*.kind", "lin", "one of slcan, socketcan"),
            ("planner.borrowing", "yes", "true or false"),
            ("plc_boards.*.connectors", "1, two", "a whole number is needed, not two"),
        ],
    )
    def test_what_cannot_be_right_is_said_at_once(self, name: str, typed: str, wrong: str) -> None:
        key = next(one for one in CATALOGUE if ".".join(one.path) == name)
        with pytest.raises(ValueError, match=wrong):
            value_of(typed, key)

    def test_a_long_number_may_be_typed_in_groups(self) -> None:
        key = CATALOGUE.find(("site", "limit_w"))
        assert key is not None
        assert value_of("120_000", key) == value_of("120 000", key) == 120_000


class TestTree:
    def test_every_key_that_is_in_force_has_a_row(self) -> None:
        made = desk()
        found = {key_text(one.parts) for one in find(made, "")}
        assert {one["key"] for one in Engine().values()["values"] if one["value"] not in ([], None)} <= found

    def test_where_a_value_comes_from(self) -> None:
        made = Desk(catalogue=CATALOGUE)
        made.put_in_force(InForce.read(Engine(overrides=("planner.rotate_s=600",)).values()))
        sources = {key_text(one.parts): (one.value, one.source) for one in find(made, "")}

        assert sources["site.limit_w"] == (150_000, "file")
        assert sources["site.efficiency"] == (1.0, "default")
        assert sources["planner.rotate_s"] == (600, "command line")
        assert sources["backend.password"] == ("not set", "secret")

    def test_a_new_secret_is_never_in_a_row(self) -> None:
        made = desk()
        made.put_secret(("backend", "password"), "hunter2")
        assert "hunter2" not in repr(find(made, "")) + repr(made)
        assert made.params["secrets"] == {"backend.password": "hunter2"}

    def test_closed_it_is_short_and_open_it_shows_items_by_name(self) -> None:
        made = desk()
        closed = len(rows_of(made))
        made.fold(("modules",), True)
        assert [one.parts[-1] for one in rows_of(made) if one.shape == "item"] == [f"module-{n}" for n in range(1, 9)]
        assert len(rows_of(made)) == closed + 9


class TestText:
    @given(st.text(max_size=60))
    def test_pieces_lie_in_the_line_one_behind_the_other(self, row: str) -> None:
        at = 0
        for start, end, _ in pieces(row):
            assert at <= start < end <= len(row)
            at = end

    def test_comments_keys_and_values_are_told_apart(self) -> None:
        row = 'url = "ws://a#b" # where'
        assert [(row[start:end], kind) for start, end, kind in pieces(row)] == [
            ("url", "key"),
            ('"ws://a#b"', "value"),
            ("# where", "comment"),
        ]
        inline = '{ uid = "04A1", status = "blocked" }'
        assert [kind for _, _, kind in pieces(inline)] == ["key", "value", "key", "value"]

    def test_each_line_is_about_its_key(self) -> None:
        rows = TEXT.splitlines()
        keys = dict(zip(rows, keys_by_line(rows), strict=True))

        assert keys["limit_w = 150_000"] == ("site", "limit_w")
        at = rows.index('id = "module-3"')
        assert list(keys_by_line(rows))[at - 1 : at + 3] == [
            ("modules", "module-3"),
            ("modules", "module-3", "id"),
            ("modules", "module-3", "wire"),
            ("modules", "module-3", "address"),
        ]


def test_a_value_below_a_table_that_is_not_there_makes_the_table() -> None:
    assert with_value({}, ("planner", "rotate_s"), 600) == {"planner": {"rotate_s": 600}}


class TestHandedOver:
    """A draft that waits at the charger is none here."""

    LIMIT, PORT, RESERVE = ("site", "limit_w"), ("wires", "can0", "port"), ("planner", "reserve_w")

    def test_what_was_changed_since_it_was_sent_stays_the_same_key_too(self) -> None:
        one = desk()
        one.put(self.LIMIT, 90_000)
        one.put(self.PORT, "jp/can1")
        one.put_secret(("backend", "password"), "old")
        sent = one.sent()
        one.put(self.LIMIT, 80_000)
        one.put_secret(("backend", "password"), "new")
        one.hand_over(sent)

        assert [(each.parts, each.after) for each in one.differences] == [(self.LIMIT, 80_000)]
        assert one.secrets == {"backend.password": "new"}

    def test_one_that_was_dropped_since_stays_dropped(self) -> None:
        one = desk()
        one.put(self.LIMIT, 90_000)
        sent = one.sent()
        one.drop()
        one.hand_over(sent)
        assert not one.dirty

    def test_put_back_it_lies_below_what_is_a_draft_now_on_the_version_of_now(self) -> None:
        one = desk()
        one.put(self.LIMIT, 90_000)
        one.put(self.PORT, "jp/can1")
        sent = one.sent()
        one.hand_over(sent)
        one.put_in_force(InForce.read(Engine(TEXT.replace('"Demo charger"', '"Theirs"')).values()))
        one.put(self.LIMIT, 80_000)
        one.put(self.RESERVE, 5_000)

        assert one.put_back(sent)
        assert {each.parts: each.after for each in one.differences} == {
            self.LIMIT: 80_000,
            self.PORT: "jp/can1",
            self.RESERVE: 5_000,
        }
        assert value_at(one.data, ("charger", "name")) == "Theirs"

    def test_texts_by_hand_are_not_mixed(self) -> None:
        one = desk()
        one.write("# by hand\n" + TEXT.replace("150_000", "90_000"))
        sent = one.sent()
        one.hand_over(sent)
        assert not one.dirty
        one.put(self.RESERVE, 5_000)
        assert not one.put_back(sent)
        one.drop()
        assert one.put_back(sent)
        assert one.by_hand == sent.by_hand
