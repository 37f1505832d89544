"""A configuration's text after edits by machine: it says what is wanted, and keeps what nobody asked to change."""

from __future__ import annotations

import itertools
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import written
from jp_firmware.config.text.document import edited, rewritten
from jp_firmware.config.text.edits import Add, Edit, Put, Remove, edits_between, laid_over
from jp_firmware.config.text.layout import layout
from tests.config.odd_texts import changed, texts

slow = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)

DEMO = (DATA / "profiles" / "cabinets" / "demo.toml").read_text(encoding="utf-8")


def lines_changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are gone and the lines that are new, by what stands in them."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


# --- properties ------------------------------------------------------------------------------------------------------


@slow
@given(texts(), st.data())
def test_the_difference_laid_over_any_text_is_the_target(odd: tuple[str, dict[str, Any]], more: st.DataObject) -> None:
    text, data = odd
    target = more.draw(changed(data))

    assert written.same(target, tomllib.loads(edited(text, edits_between(data, target))))


@slow
@given(texts())
def test_keys_put_to_the_values_they_have_leave_the_text_byte_for_byte(odd: tuple[str, dict[str, Any]]) -> None:
    text, data = odd

    assert text == edited(text, [Put((name,), value) for name, value in data.items()])


@slow
@given(texts(), st.data())
def test_comments_outside_of_what_is_edited_survive(odd: tuple[str, dict[str, Any]], more: st.DataObject) -> None:
    text, data = odd
    kept = "\n[kept]\n# kept within\none = 0x0A # kept behind\n# kept at the end\n"
    marked = f"# kept at the top\n\n{text}\n{kept}"

    made = rewritten(marked, tomllib.loads(marked), more.draw(changed(data)) | {"kept": {"one": 10}})

    assert made.startswith("# kept at the top\n")
    assert kept in made


@slow
@given(texts())
def test_every_line_of_any_text_belongs_to_one_key_at_most(odd: tuple[str, dict[str, Any]]) -> None:
    text, _ = odd
    pairs = sorted(layout(text).all_pairs(), key=lambda pair: pair.start)

    for pair, following in itertools.pairwise(pairs):
        assert pair.start <= pair.value_start < pair.value_end <= pair.end <= following.start
    for pair in pairs:
        tomllib.loads("value = " + text[pair.value_start : pair.value_end])


@slow
@given(st.dictionaries(st.sampled_from("abcd"), st.integers() | st.booleans() | st.text("ab '#\"\\", max_size=5)))
def test_a_value_put_and_put_back_gives_the_same_bytes_where_the_program_would_have_written_them(
    data: dict[str, Any],
) -> None:
    text = "".join(written.pair([name], value) for name, value in data.items())
    for name, value in data.items():
        for other in (17, "else", True, [1, 2], {"x": 1}):
            assert text == edited(edited(text, [Put((name,), other)]), [Put((name,), value)])


@pytest.mark.parametrize("name", ["demo", "matrix"])
def test_an_item_taken_away_and_all_put_back_says_the_same(name: str) -> None:
    text = (DATA / "profiles" / "cabinets" / f"{name}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    for key, value in data.items():
        less = edited(text, [Remove((key,))])
        assert key not in tomllib.loads(less)
        assert written.same(data, tomllib.loads(edited(less, [Put((key,), value)])))


# --- what people would expect ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "gone", "new"),
    [
        (Put("site.limit_w", 120_000), ["limit_w = 150_000"], ["limit_w = 120_000"]),
        (Put("connectors.2.weight", 2.5), [], ["weight = 2.5"]),
        (Put("wires.can0.port", "jp/can1"), ['port = "jp/can0"'], ['port = "jp/can1"']),
        (Put("planner.borrowing", False), [], ["[planner]", "borrowing = false"]),
        (Remove("charger.serial"), ['serial = "DEMO-0001"'], []),
        (Put("plc_boards.plc-2.connectors", [3]), ["connectors = [3, 4]"], ["connectors = [3]"]),
        (
            Add("authorize.local_list", {"uid": "01", "name": "New"}),
            [],
            ['    { uid = "01", name = "New" },'],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_edit_of_the_example_cabinet_touches_its_own_lines_only(edit: Edit, gone: list[str], new: list[str]) -> None:
    assert (gone, new) == lines_changed(DEMO, edited(DEMO, [edit]))


@pytest.mark.parametrize(
    ("edit", "back"),
    [
        (Put("site.limit_w", 1_200_000), Put("site.limit_w", 150_000)),
        (Put("charger.name", "Else"), Put("charger.name", "Demo charger")),
        (Put("connectors.4.weight", 2.5), Remove("connectors.4.weight")),
        (Put("planner.borrowing", False), Remove("planner")),
        (Put("profile", "x"), Remove("profile")),
        (Add("modules", {"id": "module-9"}), Remove("modules.module-9")),
        (Add("wires", {"name": "can1"}, before="rs485-0"), Remove("wires.can1")),
        (Add("authorize.local_list", {"uid": "01"}), Remove("authorize.local_list.01")),
        (Remove("charger.serial"), Put("charger.serial", "DEMO-0001")),
        (Put("plc_boards.plc-1.connectors", [1, 2, 7]), Put("plc_boards.plc-1.connectors", [1, 2])),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_edit_and_its_opposite_give_the_same_bytes(edit: Edit, back: Edit, newline: str) -> None:
    text = DEMO.replace("\n", newline)
    once = edited(text, [edit])

    assert once != text
    assert once.count("\n") == once.count(newline)
    assert once.count("\r") == (once.count("\n") if newline == "\r\n" else 0)
    assert text == edited(once, [back])


ODD = """\
# the file's own words

title = 'its'
[a]      # about a
x = 1    # one
  b.c = 0x10   # sixteen
  b . "d e" = 2
# limit = 5

# about list
[[list]]
name = "p"
[list.sub]
k = 1
# about q
[[list]]
name = "q"

# about z
[z]
deep.er = { x = 1, y = [1, 2] }
when = 1979-05-27 07:32:00
many = [
    1, # one
    # about two
    2, # two
    3  # three
]
[a.late]
text = \"\"\"
# no comment
[no.table]\"\"\"
"""


@pytest.mark.parametrize(
    ("edits", "old", "new"),
    [
        ([Put("a.new", "x")], '"d e" = 2\n', '"d e" = 2\n  new = "x"\n'),
        ([Put("a.b.f", 3)], '"d e" = 2\n', '"d e" = 2\n  b.f = 3\n'),
        ([Remove("a.x")], "x = 1    # one\n", ""),
        ([Remove("a.b")], '  b.c = 0x10   # sixteen\n  b . "d e" = 2\n', ""),
        ([Put("a.late.n", 1)], '[no.table]"""\n', '[no.table]"""\nn = 1\n'),
        ([Put("a.b.c", 17)], "0x10   #", "0x11   #"),
        ([Put("title", "that")], "'its'", "'that'"),
        ([Put("title", "it's")], "'its'", '"it\'s"'),
        ([Put("z.deep.er.x", 2)], "{ x = 1,", "{ x = 2,"),
        ([Put("z.deep.er.z", 2)], "[1, 2] }", "[1, 2], z = 2 }"),
        ([Remove("z.deep.er.x")], "{ x = 1, y", "{ y"),
        ([Put("z.many", [1, 2])], "    2, # two\n    3  # three\n", "    2 # two\n"),
        ([Put("z.many", [1, 3])], "    2, # two\n", ""),
        ([Put("z.many", [1, 2, 3, 4])], "    3  # three\n", "    3,  # three\n    4\n"),
        ([Put("z.many", [5, 1, 2, 3])], "[\n", "[\n    5,\n"),
        ([Remove("list.q")], '# about q\n[[list]]\nname = "q"\n', ""),
        ([Remove("list.p")], '# about list\n[[list]]\nname = "p"\n[list.sub]\nk = 1\n', ""),
        ([Put("list.p.new", 1)], 'name = "p"\n', 'name = "p"\nnew = 1\n'),
        ([Put("list.p.sub.new", 1)], "k = 1\n", "k = 1\nnew = 1\n"),
        ([Add("list", {"name": "r"})], 'name = "q"\n', 'name = "q"\n[[list]]\nname = "r"\n'),
        ([Put("list.q.sub", {"k": 2})], 'name = "q"\n', 'name = "q"\n\n[list.sub]\nk = 2\n'),
        ([Put("first", 1)], "'its'\n", "'its'\nfirst = 1\n"),
        ([Put("a.late", 5)], '  b . "d e" = 2\n', '  b . "d e" = 2\n  late = 5\n'),
    ],
    ids=lambda value: str(value)[:50],
)
def test_an_edit_of_an_oddly_written_text(edits: list[Edit], old: str, new: str) -> None:
    assert ODD.count(old) >= 1
    expected = ODD.replace(old, new, 1)
    if edits == [Put("a.late", 5)]:
        expected = expected[: expected.index("[a.late]")]

    assert expected == edited(ODD, edits)


def test_a_key_of_a_table_that_only_its_tables_name_gives_it_a_header() -> None:
    text = "[one]\n\n# about the sub-table\n[a.b]\nx = 1\n"

    assert "[one]\n\n[a]\ny = 2\n\n# about the sub-table\n[a.b]\nx = 1\n" == edited(text, [Put("a.y", 2)])


def test_a_table_that_loses_all_its_keys_is_still_there() -> None:
    assert {"a": {"b": {}}} == tomllib.loads(edited("[a]\nb.c = 1\n", [Remove("a.b.c")]))
    assert {"a": {}, "z": 1} == tomllib.loads(edited("z = 1\n[a.b]\nx = 1\n", [Remove("a.b")]))


def test_the_last_line_needs_no_line_end() -> None:
    assert "a = 1\nb = 2\n" == edited("a = 1", [Put("b", 2)])
    assert "[a]\nx = 1 # one\n\n[b]\ny = 2\n" == edited("[a]\nx = 1 # one", [Put("b.y", 2)])


def test_a_long_list_of_cards_keeps_every_line_but_the_edited() -> None:
    cards = [f'    {{ uid = "{number:08X}", name = "Card {number}" }}, # no. {number}\n' for number in range(2000)]
    text = f"local_list = [\n{''.join(cards)}]\n"

    made = edited(text, [Remove("local_list.000003E8"), Put("local_list.000005DC.status", "blocked")])

    gone, new = lines_changed(text, made)
    assert [cards[1000].rstrip("\n"), cards[1500].rstrip("\n")] == gone
    assert ['    { uid = "000005DC", name = "Card 1500", status = "blocked" }, # no. 1500'] == new


# --- edits that cannot be made ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: edited(DEMO, [Put("connectors.9.weight", 1)]),
            ("connectors.9.weight", "there is no 9", "known: 1, 2"),
        ),
        (lambda: edited(DEMO, [Remove("wires.can1")]), ("there is no can1", "did you mean can0?")),
        (lambda: edited(DEMO, [Remove("site.limitw")]), ("there is no limitw", "did you mean limit_w?")),
        (lambda: edited(DEMO, [Put("site.limit_w.x", 1)]), ("site.limit_w holds a value",)),
        (lambda: edited(DEMO, [Add("site.limit_w", 1)]), ("site.limit_w is not a list",)),
        (lambda: edited("a = = 1", [Put("b", 1)]), ("is not TOML", "by hand")),
        (lambda: Put("a..b", 1), ("'a..b' is not a key",)),
        (lambda: Put("a.", 1), ("is not a key",)),
        (lambda: Put("", 1), ("is not a key",)),
        (lambda: Put("a", None), ("None cannot be written",)),
        (lambda: Put("a", "\ud800"), ("half of a character",)),
        (lambda: edited("a = 1", [Remove(())]), ("the key is empty",)),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(make: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as told:
        make()

    for word in words:
        assert word in str(told.value)


def test_laying_edits_over_data_leaves_the_data_alone() -> None:
    data = {"a": {"b": [1]}}
    made = laid_over(data, [Put("a.c", {"d": 1}), Put("a.b", [2])])

    assert {"a": {"b": [1]}} == data
    assert {"a": {"b": [2], "c": {"d": 1}}} == made


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("0x10", 17, "0x11"),
        ("0x0a", 11, "0x0b"),
        ("0x0A", 11, "0x0B"),
        ("0xff", 256, "0x100"),
        ("0o17", 8, "0o10"),
        ("0b0101", 3, "0b0011"),
        ("0x10", -1, "-1"),
        ("0x10", "a", '"a"'),
        ("1_000", 2000, "2_000"),
    ],
)
def test_a_number_keeps_its_manner(before: str, value: Any, after: str) -> None:
    assert edited(f"a = {before}  # told\n", [Put("a", value)]) == f"a = {after}  # told\n"


def test_a_text_that_cannot_be_written_is_told_to_nobody() -> None:
    """It may be a secret, and what is told of a change is kept with it."""
    with pytest.raises(ConfigError) as caught:
        written.plain("hunter\udcfftwo")

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "other"), [("a = 0x10", 17), ("a = 0x0A", 11), ("a = 0b0101", 1), ("a = 1_000", 2000)]
)
def test_a_number_that_is_put_back_is_spelt_as_before(text: str, other: int) -> None:
    made = edited(text, [Put("a", other)])

    assert made != text
    assert edited(made, [Put("a", tomllib.loads(text)["a"])]) == text
