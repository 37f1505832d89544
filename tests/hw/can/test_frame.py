"""Claims about the frame value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame that a controller would send."""
    extended = draw(st.booleans())
    can_id = draw(st.integers(0, 0x1FFF_FFFF if extended else 0x7FF))
    if draw(st.booleans()):
        return Frame(can_id, bytes(draw(st.integers(0, 8))), extended=extended, remote=True)
    return Frame(can_id, draw(st.binary(max_size=8)), extended=extended)


@given(frames())
def test_text_form_is_reversible(frame: Frame) -> None:
    assert frame == Frame.from_text(str(frame))


@pytest.mark.parametrize("text", ["029A3FF0#0100000000000000", "7FF#R2", "123#", "18FF50E5#0102030405060708"])
def test_text_form_is_that_of_candump(text: str) -> None:
    assert text == str(Frame.from_text(text))


@pytest.mark.parametrize(
    "text", ["", "123", "12#00", "800#00", "20000000#00", "123#0", "123#000000000000000000", "123#R9"]
)
def test_text_that_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Frame.from_text(text)


def test_identifier_must_fit_its_kind() -> None:
    Frame(0x1FFF_FFFF)
    Frame(0x7FF, extended=False)

    with pytest.raises(ValueError, match="29 bits"):
        Frame(0x2000_0000)
    with pytest.raises(ValueError, match="11 bits"):
        Frame(0x800, extended=False)
    with pytest.raises(ValueError):
        Frame(-1)


def test_length_is_at_most_eight_and_a_remote_frame_has_no_data() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Frame(1, bytes(9))
    with pytest.raises(ValueError, match="remote"):
        Frame(1, b"\x01", remote=True)
