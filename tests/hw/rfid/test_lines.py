"""Lines of a reader: any split gives the same UIDs, and garbage gives none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.rfid.lines import MAX_LINE, SAME_CARD_S, Swipes, UidLines

uids = st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(bytes.hex)
endings = st.sampled_from([b"\r", b"\n", b"\r\n"])


@given(st.lists(st.tuples(uids, st.booleans(), endings), max_size=6), st.lists(st.integers(0, 150), max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_split_gives_the_same_uids(said: list[tuple[str, bool, bytes]], cuts: list[int]) -> None:
    """In upper case, whatever case and line ending the reader uses."""
    data = b"".join((uid.upper() if upper else uid).encode() + end for uid, upper, end in said)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    lines = UidLines()
    heard = [uid for at in range(len(edges) - 1) for uid in lines.feed(data[edges[at] : edges[at + 1]])]

    assert heard == [uid.upper() for uid, _, _ in said]
    assert lines.garbage == 0


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(max_examples=80, deadline=None)
def test_garbage_never_raises_never_piles_up_and_gives_nothing_but_uids(chunks: list[bytes]) -> None:
    lines = UidLines()
    for chunk in chunks:
        for uid in lines.feed(chunk):
            assert re.fullmatch("([0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})", uid)
        assert len(lines._line) <= MAX_LINE


@pytest.mark.parametrize(
    "line", [b"04A1B2C", b"04A1B2C3D4", b"04A1B2CZ", b"UID 04A1B2C3", b"04A1B2C3 04A1B2C3", b"0" * 500, b"\xff\x00"]
)
def test_a_line_that_is_no_uid_is_counted_and_the_next_is_read(line: bytes) -> None:
    lines = UidLines()

    assert lines.feed(line + b"\r\n04a1b2c3\r\n") == ["04A1B2C3"]
    assert lines.garbage == 1


def test_a_line_of_exactly_the_limit_is_only_no_uid() -> None:
    lines = UidLines()
    lines.feed(b"0" * MAX_LINE)
    assert lines.feed(b"\n04A1B2C3\n") == ["04A1B2C3"]


def test_the_tail_of_an_endless_line_is_not_taken_for_a_uid() -> None:
    lines = UidLines()
    lines.feed(b"7" * (MAX_LINE + 1))

    assert lines.feed(b"04A1B2C3\n") == []
    assert lines.garbage == 1


def test_spaces_around_a_uid_do_not_matter() -> None:
    assert UidLines().feed(b" 04A1B2C3 \n") == ["04A1B2C3"]


def test_a_card_that_is_held_to_the_reader_is_one_swipe() -> None:
    """However long it is held, as long as it is read again within the time."""
    swipes = Swipes()

    assert [swipes.is_new("04A1B2C3", tenth / 10) for tenth in range(50)] == [True] + [False] * 49
    assert swipes.is_new("04A1B2C3", 4.9 + SAME_CARD_S)


def test_another_card_is_another_swipe_at_once() -> None:
    swipes = Swipes()

    assert [swipes.is_new(uid, 0.0) for uid in ("04A1B2C3", "04D4E5F6", "04D4E5F6", "04A1B2C3")] == [
        True,
        True,
        False,
        True,
    ]
