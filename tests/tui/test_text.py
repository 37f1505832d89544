"""Lines of spans: every character one cell, every line within its width."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from jp_firmware.tui.text import (
    cell,
    clean,
    cut,
    ends,
    fit,
    heading,
    in_ascii,
    in_cells,
    line,
    plain,
    span,
    width_of,
    wrap,
)

lines = st.lists(st.tuples(st.text(alphabet="abc de", max_size=12), st.sampled_from(["text", "label"])), max_size=5)


@given(st.text(max_size=40))
def test_cleaned_text_has_one_cell_a_character_and_no_control(text: str) -> None:
    cleaned = clean(text)

    assert len(cleaned) == len(text)
    assert all(cell_len(character) == 1 for character in cleaned)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cleaned)


@given(st.text(max_size=40))
def test_what_is_typed_is_drawn_with_a_character_for_each_of_its_cells(text: str) -> None:
    for drawn in (in_cells(text), in_ascii(text)):
        assert len(drawn) == cell_len(text)
        assert drawn == clean(drawn)
    assert in_ascii(text).isascii()


def test_a_terminal_that_knows_ascii_only_is_given_the_nearest_of_it() -> None:
    assert in_ascii("┌─ Größe 33 °C → 日 ─┐") == "+- Gro?e 33 oC > ?? -+"
    assert in_cells("Größe 33 °C → 日") == "Größe 33 °C → ??"


def test_letters_of_the_consoles_alphabets_stay_as_they_are() -> None:
    for text in ("Öffnen, naïve, ąęł", "Ελληνικά", "Кириллица", "±5 °C µΩ"):
        assert clean(text) == text


def test_an_escape_sequence_in_a_text_reaches_no_terminal() -> None:
    assert clean("door\x1b[2Jopen\r\n") == "door [2Jopen  "
    assert clean("充電 é") == "?? é"


@given(lines, st.integers(1, 60))
def test_fit_is_exact_and_cut_is_a_prefix(parts, width: int) -> None:
    row = line(*parts)

    assert width_of(fit(row, width)) == width
    shorter = plain(cut(row, width))
    assert len(shorter) <= width
    assert plain(row).startswith(shorter.removesuffix("…"))


@given(lines, lines, st.integers(8, 60))
def test_ends_keeps_the_right_edge(left, right, width: int) -> None:
    joined = plain(ends(line(*left), line(*right), width))

    assert len(joined) <= width
    if width_of(line(*right)) < width:
        assert joined.endswith(plain(line(*right)))


def test_a_heading_fills_its_row() -> None:
    row = heading("LIVE", 20, "─", right=line(span("5 m", "label")))
    assert plain(row) == "LIVE ─────────── 5 m"


def test_a_field_is_exactly_as_wide_as_its_column() -> None:
    assert cell("61.2", 7, right=True) == ("   61.2", "text")
    assert cell("connector-12", 8) == ("connect…", "text")


@given(st.text(max_size=200), st.integers(8, 60), st.integers(1, 4))
def test_wrapping_stays_within_width_and_rows(text: str, width: int, most: int) -> None:
    rows = wrap(text, width, most=most)

    assert 1 <= len(rows) <= most
    assert all(width_of(row) <= width for row in rows)


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    (row,) = wrap("find out why it was pressed and make the place safe", 20, most=1)
    assert plain(row).endswith("…")
    assert len(plain(row)) <= 20
