"""The differences that are sent: the terminal ends with exactly what was wanted, and nothing is sent twice."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.tui.cells import Shown

WIDTH, HEIGHT = 12, 4
STYLES = ("", "1", "31", "7", "4;33", "30;46")

cell = st.tuples(st.sampled_from("ab  █"), st.sampled_from(STYLES))
picture = st.dictionaries(
    st.integers(0, HEIGHT - 1), st.dictionaries(st.integers(0, WIDTH - 1), cell, max_size=WIDTH), max_size=HEIGHT
)
whole = st.lists(st.lists(cell, min_size=WIDTH, max_size=WIDTH), min_size=HEIGHT, max_size=HEIGHT).map(
    lambda rows: {y: dict(enumerate(row)) for y, row in enumerate(rows)}
)


class Terminal:
    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # as the application has it: no wrap

    def feed(self, data: str) -> None:
        self.stream.feed(data)

    def cells(self):
        return [[self.screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]


def drawn_plainly(cells) -> list[list[object]]:
    """What a terminal shows when each cell is written by itself."""
    terminal = Terminal()
    for y, row in cells.items():
        for x, (character, style) in row.items():
            terminal.feed(f"\x1b[{y + 1};{x + 1}H\x1b[0;{style}m{character}\x1b[m")
    return terminal.cells()


@settings(max_examples=30, deadline=None)
@given(whole, st.lists(picture, max_size=4), st.booleans())
def test_after_any_changes_the_terminal_shows_what_is_wanted(first, changes, erases: bool) -> None:
    shown, terminal = Shown(WIDTH, HEIGHT, erases=erases), Terminal()
    wanted = {y: dict(row) for y, row in first.items()}
    terminal.feed(shown.draw(first))
    for change in changes:
        terminal.feed(shown.draw(change))
        for y, row in change.items():
            wanted[y].update(row)

    assert terminal.cells() == drawn_plainly(wanted)


@settings(max_examples=30, deadline=None)
@given(whole)
def test_the_same_picture_again_sends_nothing(cells) -> None:
    shown = Shown(WIDTH, HEIGHT, erases=True)
    shown.draw(cells)
    assert shown.draw(cells) == ""


def test_one_changed_digit_costs_the_cursor_and_the_digit() -> None:
    shown = Shown(80, 24, erases=True)
    shown.draw({5: {x: (character, "") for x, character in enumerate("  61.2 kW")}})
    assert shown.draw({5: {5: ("3", "")}}) == "\x1b[6;6H3"


def test_cells_outside_the_terminal_are_ignored() -> None:
    shown = Shown(4, 1, erases=True)
    assert shown.draw({0: {9: ("x", ""), -1: ("x", "")}, 7: {0: ("x", "")}}) == ""


@pytest.mark.parametrize(("erases", "sent"), [(True, "\x1b[1Ha\x1b[K"), (False, "\x1b[1Ha" + " " * 11)])
def test_blanks_are_erased_only_where_the_terminal_is_known_to_fill_them(erases: bool, sent: str) -> None:
    row = dict(enumerate([("a", ""), *[(" ", "")] * 11]))
    assert Shown(12, 1, erases=erases).draw({0: row}) == sent
