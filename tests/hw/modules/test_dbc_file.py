"""Claims about reading DBC files: our bits are those of cantools, whatever the layout."""

from __future__ import annotations

import math
from pathlib import Path

import cantools.database
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modules import dbc_file
from jp_firmware.hw.modules.dbc_file import Field

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: C M\nBO_ 2147483649 Message: 8 C\n'

LAYOUTS = [
    ' SG_ A : 7|16@0+ (0.1,0) [0|0] "" M\n SG_ B : 23|16@0- (0.01,-5) [0|0] "" M\n SG_ C : 60|3@0+ (1,0) [0|0] "" M\n',
    ' SG_ A : 0|12@1+ (0.1,0) [0|0] "" M\n SG_ B : 12|20@1- (0.5,7) [0|0] "" M\n SG_ C : 40|24@1+ (1,0) [0|0] "" M\n',
    ' SG_ A : 3|9@0+ (2,0) [0|0] "" M\n SG_ B : 24|7@1- (1,0) [0|0] "" M\n SG_ C : 32|32@1+ (0.001,0) [0|0] "" M\n',
]


def read(tmp_path: Path, text: str) -> dbc_file.DbcFile:
    path = tmp_path / "some.dbc"
    path.write_text(text)
    return dbc_file.read(path)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(min_size=8, max_size=8))
def test_reading_and_writing_agree_with_cantools_on_every_payload(tmp_path: Path, layout: str, data: bytes) -> None:
    message = read(tmp_path, HEAD + layout).message("Message")
    theirs = cantools.database.load_string(HEAD + layout, "dbc").get_message_by_name("Message")  # type: ignore[union-attr]

    assert theirs.decode(data) == pytest.approx({name: one.value_in(data) for name, one in message.fields.items()})
    raws = theirs.decode(data, scaling=False)
    assert raws == {name: one.raw_in(data) for name, one in message.fields.items()}
    ours = message.payload((message.field(name), int(raw)) for name, raw in raws.items())  # type: ignore[arg-type]
    assert theirs.encode(raws, scaling=False) == ours


@given(st.floats(-1e6, 1e6), st.booleans())
def test_what_does_not_fit_is_served_at_the_edge_and_never_wraps(value: float, signed: bool) -> None:
    field = Field(name="A", shift=8, bits=16, little=False, signed=signed, scale=0.1)
    low, high = (-3276.8, 3276.7) if signed else (0.0, 6553.5)

    assert field.fits(field.raw_of(value))
    assert min(max(value, low), high) == pytest.approx(field.raw_of(value) * 0.1, abs=0.051)


def test_a_value_is_kept_in_the_range_that_the_file_gives_and_no_number_is_zero() -> None:
    field = Field(name="A", shift=0, bits=16, little=False, scale=0.1, minimum=15, maximum=100)

    assert [150, 1000, 1000, 0] == [field.raw_of(value) for value in (0, 5000, math.inf, math.nan)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floating_point_signals_are_read_as_written(tmp_path: Path, value: float) -> None:
    text = HEAD + ' SG_ A : 7|32@0+ (1,0) [0|0] "V" M\nSIG_VALTYPE_ 2147483649 A : 1;\n'
    message = read(tmp_path, text).message("Message")
    field = message.field("A")

    assert field.floating
    data = message.payload([(field, field.raw_of(value))])
    assert value == field.value_in(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no DBC at all", "is not a DBC file"),
        (HEAD + ' SG_ A : 7|16@0+ (0,0) [0|0] "V" M\n', "signal A of message Message has a scale of 0"),
        (
            HEAD + ' SG_ A : 0|16@1+ (1,0) [0|0] "V" M\n SG_ B : 8|8@1+ (1,0) [0|0] "" M\n',
            "is not a DBC file: .*overlap",
        ),
        (HEAD.replace(": 8 C", ": 64 C") + ' SG_ A : 0|8@1+ (1,0) [0|0] "" M\n', "Message has 64 bytes"),
    ],
)
def test_a_file_that_is_wrong_is_one_line_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)
    assert "some.dbc" in str(raised.value)


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    read(tmp_path, HEAD + LAYOUTS[0]).message("Message").field("C")
    later = read(tmp_path, HEAD + ' SG_ D : 7|8@0+ (1,0) [0|0] "" M\n').message("Message")

    with pytest.raises(ConfigError, match=r"Message of some\.dbc has no signal C; known: D"):
        later.field("C")
