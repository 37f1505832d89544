"""Claims about what one module can deliver now, and about finding out that it delivers less than it was told."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.modules.capability import PATIENCE_S, SHORT_S, Shortfall, capability, derating
from jp_firmware.hw.modules.driver import Measured
from tests.hw.modules.fake import PROFILE, TWO_RANGES

HOT = attrs.evolve(PROFILE, derate_from_c=55, derate_to_c=75)
RATED = PROFILE.rating


def test_nothing_known_takes_nothing_away() -> None:
    assert capability(RATED, HOT) is RATED
    assert capability(RATED, PROFILE, ambient_c=90) is RATED, "a profile without a curve trusts the module"


def test_the_range_bounds_voltage_or_current() -> None:
    low = capability(RATED, TWO_RANGES, high_range=False)
    high = capability(RATED, TWO_RANGES, high_range=True)

    assert (500, 100) == (low.max_voltage_v, low.max_current_a)
    assert (1000, 50) == (high.max_voltage_v, high.max_current_a)
    assert capability(RATED, TWO_RANGES) is RATED
    assert capability(RATED, PROFILE, high_range=False) is RATED, "a profile with one range knows no other"


def test_heat_takes_current_and_power_away_in_a_straight_line() -> None:
    half = capability(RATED, HOT, ambient_c=65)

    assert (50, 15_000) == (half.max_current_a, half.max_power_w)
    assert [1, 1, 0.75, 0, 0] == [derating(HOT, ambient_c) for ambient_c in (-20, 55, 60, 75, 110)]


def test_the_modules_own_word_bounds_current() -> None:
    assert 30 == capability(RATED, PROFILE, available_a=30).max_current_a
    assert capability(RATED, PROFILE, available_a=130) is RATED


@given(st.floats(-40, 120), st.floats(0, 300), st.sampled_from([None, True, False]))
def test_a_capability_never_exceeds_the_rating(ambient_c: float, available_a: float, high: bool | None) -> None:
    profile = attrs.evolve(TWO_RANGES, derate_from_c=50, derate_to_c=70)
    now = capability(RATED, profile, high_range=high, ambient_c=ambient_c, available_a=available_a)

    for name in ("max_voltage_v", "max_current_a", "max_power_w"):
        assert 0 <= getattr(now, name) <= getattr(RATED, name)


# --- shortfall ---


@attrs.define
class Watched:
    """A module told 400 V on a battery of 380 V, measured five times a second."""

    shortfall: Shortfall = attrs.field(factory=Shortfall)
    now_s: float = 0.0

    def see(self, told_a: float, current_a: float, for_s: float, voltage_v: float = 380) -> float | None:
        for _ in range(round(for_s * 5)):
            self.now_s += 0.2
            self.shortfall.observe(400, told_a, Measured(voltage_v, current_a), self.now_s)
        return self.shortfall.limit_a


def test_a_module_that_stays_short_for_seconds_is_held_to_what_it_delivers() -> None:
    watched = Watched()

    assert watched.see(60, 40, SHORT_S - 0.4) is None
    assert 40 == watched.see(60, 40, 1)
    assert "delivers 40.0 A of the 60.0 A it was told" == watched.shortfall.text


@pytest.mark.parametrize(
    ("told_a", "current_a", "voltage_v", "why"),
    [
        (60, 55, 380, "regulation is not that exact"),
        (60, 40, 399, "at its voltage, the load decides"),
        (3, 0, 380, "small currents are not judged"),
    ],
)
def test_what_is_no_shortfall(told_a: float, current_a: float, voltage_v: float, why: str) -> None:
    assert Watched().see(told_a, current_a, 30, voltage_v) is None, why


def test_a_module_on_its_way_up_is_not_short() -> None:
    watched = Watched()
    for current_a in range(0, 54, 1):
        assert watched.see(60, current_a, 0.6) is None, "a soft start takes longer than a judgement"


def test_a_module_whose_voltage_still_comes_up_to_the_loads_is_not_short() -> None:
    watched = Watched()
    for voltage_v in range(0, 380, 10):
        assert watched.see(60, 0, 0.2, voltage_v) is None, "no current flows before"
    assert 0 == watched.see(60, 0, SHORT_S + 0.4), "it is up, and nothing comes of it"


def test_one_that_keeps_up_is_tried_with_more_each_failure_doubling_the_wait() -> None:
    watched = Watched()
    watched.see(60, 40, 4)
    waits = []
    for _ in range(7):
        started_s = watched.now_s
        while watched.shortfall.limit_a == 40:
            watched.see(40, 40, 0.2)
        waits.append(round(watched.now_s - started_s, 3))
        assert 45 == watched.shortfall.limit_a
        watched.see(46, 40, 4)
        assert 40 == watched.shortfall.limit_a

    assert waits[1] == pytest.approx(2 * waits[0], abs=0.5)
    assert waits == sorted(waits)
    assert waits[-1] <= PATIENCE_S + 0.5


def test_switched_off_it_is_forgiven() -> None:
    watched = Watched()
    watched.see(60, 40, 4)
    watched.shortfall.forget()

    assert watched.shortfall.limit_a is None
    assert "" == watched.shortfall.text
