"""Numbers, times and words as the terminal shows them."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.tui import formatters as fmt

NOW = datetime(2026, 11, 20, 14, 3, 22, tzinfo=UTC)


@pytest.mark.parametrize("show", [fmt.power_kw, fmt.energy_kwh, fmt.voltage, fmt.current, fmt.percent, fmt.number])
def test_unknown_is_dashes_and_never_zero(show) -> None:
    for unknown in (None, math.nan, math.inf, -math.inf):
        assert show(unknown) == "---"


def test_zero_is_zero_and_never_dashes() -> None:
    assert (fmt.power_kw(0), fmt.voltage(0.0), fmt.percent(0)) == ("0.0", "0.0", "0%")


def test_units_are_those_of_the_field() -> None:
    assert fmt.power_kw(49_210) == "49.2"
    assert fmt.energy_kwh(9_424) == "9.42"
    assert fmt.with_unit("9.42", "kWh") == "9.42 kWh"
    assert fmt.with_unit("---", "kWh") == "---"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9), st.integers(0, 3))
def test_a_number_is_never_minus_zero(value: float, decimals: int) -> None:
    text = fmt.number(value, decimals)

    assert float(text) == pytest.approx(value, abs=0.51 * 10**-decimals)
    assert not (text.startswith("-") and float(text) == 0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (751, "12 m 31 s"),
        (3_720, "1 h 02 m"),
        (93_784, "1 d 02 h"),
        (None, "---"),
        (-1, "---"),
    ],
)
def test_a_duration_is_read_in_two_units(seconds: float | None, words: str) -> None:
    assert fmt.duration(seconds) == words


def test_columns_show_a_time_in_five_cells_and_ages_in_one_unit() -> None:
    assert [fmt.stopwatch(one) for one in (9, 751, 3_720, 93_784, None)] == ["0:09", "12:31", "1h02", "1d02", "---"]
    assert (fmt.age(4), fmt.age(184), fmt.age(8_000), fmt.age(200_000)) == ("4 s", "3 m", "2 h", "2 d")
    assert (fmt.short_seconds(0.351), fmt.short_seconds(1.55), fmt.short_seconds(12)) == ("0.35 s", "1.6 s", "12 s")


def test_old_values_are_marked_and_unknown_ones_are_not() -> None:
    assert fmt.marked("61.2", True) == "61.2?"
    assert fmt.marked("61.2", False) == "61.2"
    assert fmt.marked("---", True) == "---"


def test_wall_time_is_shown_in_the_terminals_zone_with_the_date_on_other_days() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert fmt.time_of_day(NOW - timedelta(minutes=3), NOW, UTC) == "14:00:22"
    assert fmt.time_of_day(NOW, NOW, east) == "19:33:22"
    assert fmt.time_of_day(NOW - timedelta(days=2), NOW, UTC) == "11-18 14:03"
    assert fmt.time_of_day(None, NOW, UTC) == "---"


def test_a_clock_that_is_a_little_ahead_gives_no_negative_age() -> None:
    assert fmt.seconds_since(NOW + timedelta(seconds=2), NOW) == 0.0
    assert fmt.seconds_since(NOW - timedelta(seconds=2), NOW) == 2.0
    assert fmt.seconds_since(None, NOW) is None
