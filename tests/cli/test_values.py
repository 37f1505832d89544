"""Powers, times and counts as people type them."""

from __future__ import annotations

import argparse

import pytest

from jp_firmware.cli.values import count, seconds, watts, watts_or_none


@pytest.mark.parametrize(
    ("text", "watts_"),
    [
        ("100kW", 1e5), ("100 kw", 1e5), ("0.1MW", 1e5), ("100000", 1e5), ("100_000W", 1e5), ("1e5", 1e5),
        ("0", 0), ("0kW", 0), ("500W", 500), ("1000", 1000),
    ],
)  # fmt: skip
def test_a_power_may_be_in_any_of_its_units(text: str, watts_: float) -> None:
    assert watts(text) == watts_


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("60", "'60' would be W, too little for any car; write 60kW"),
        ("999.9", "write 999.9kW"),
        ("-5kW", "not a power from 0 W"),
        ("50%", "write 100000 or 100kW"),
        ("60A", "is not a power"),
        ("nan", "is not a power"),
        ("inf", "is not a power"),
        ("", "is not a power"),
    ],
)
def test_what_is_no_power_or_most_likely_another_is_told(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as told:
        watts(text)
    assert why in str(told.value)


def test_none_is_no_limit() -> None:
    assert watts_or_none(" None ") is None
    assert watts_or_none("7kW") == 7000


@pytest.mark.parametrize(
    ("text", "seconds_"), [("90", 90), ("90s", 90), ("0.5", 0.5), ("500ms", 0.5), ("15min", 900), ("2 h", 7200)]
)
def test_a_time_may_be_in_any_of_its_units(text: str, seconds_: float) -> None:
    assert seconds(text) == seconds_


@pytest.mark.parametrize("text", ["0", "-1", "0h", "1w", "1:30", "nan", "inf", "soon", ""])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time"):
        seconds(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "1kW", "٣", "all", ""])
def test_what_is_no_count_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1"):
        count(text)
    assert count("12") == 12
