"""Every key of a TOML file is found, on the line on which it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.profiles import DATA
from jp_firmware.config.text.lines import KeyPath, line_of, lines_of


def paths(value: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield from paths(inner, (*at, step))


names = st.text("abcXYZ_- .\"'#[]=", min_size=1, max_size=5)
scalars = st.integers(-99, 99) | st.booleans() | st.floats(-9, 9) | st.text("ab\"'\\#[]{},=\n", max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.dictionaries(names, values, max_size=4))
def test_every_path_of_any_document_has_a_line(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    lines = lines_of(text)

    assert set(paths(tomllib.loads(text))) == set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@pytest.mark.parametrize("path", sorted(DATA.glob("profiles/**/*.toml")), ids=lambda path: path.name)
def test_every_path_of_our_own_files_is_found_where_its_name_stands(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    lines = lines_of(text)
    written = text.split("\n")

    assert set(paths(tomllib.loads(text))) == set(lines)
    for key, line in lines.items():
        if key and isinstance(key[-1], str):
            assert key[-1] in written[line - 1]


def test_the_odd_corners_of_the_format() -> None:
    text = '''\
# a comment with [brackets] = "and more"
"quoted.key" = "x # y"   # comment
a.b . c = \'\'\'
[not a table]
\'\'\'
d = """one "quoted" two\\"""
three"""""
when = 1979-05-27 07:32:00
list = [
  1, # one ]
  { x = "}", y = [2, 3] },
]

[[t]]
[[t]]
u = 1
[t.v]
w = 2
[[t.n]]
k = 1
[super.deep]
'''
    lines = lines_of(text)

    assert set(paths(tomllib.loads(text))) == set(lines)
    expected: dict[KeyPath, int] = {
        ("quoted.key",): 2,
        ("a", "b", "c"): 3,
        ("d",): 6,
        ("when",): 8,
        ("list", 0): 10,
        ("list", 1, "y", 1): 11,
        ("t", 0): 14,
        ("t", 1, "u"): 16,
        ("t", 1, "v", "w"): 18,
        ("t", 1, "n", 0, "k"): 20,
        ("super", "deep"): 21,
    }
    assert expected == {path: lines[path] for path in expected}


def test_what_is_not_in_the_file_is_placed_at_what_is_around_it() -> None:
    lines = lines_of("[a]\nb = 1\n\n[[c]]\n[[c]]\n")

    assert line_of(("a", "missing"), lines) == 1
    assert line_of(("c", 1, "missing", "deeper"), lines) == 5
    assert line_of(("nowhere",), lines) == 1


def test_windows_line_ends_count_once() -> None:
    assert lines_of("a = 1\r\nb = 2\r\n")[("b",)] == 2
