"""What a meter may say and what it may not: frozen, jumped, impossible."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.meters.plausibility import REBASE_S, Plausibility, Verdict
from jp_firmware.model.power import MeterReading

IDLE = MeterReading(voltage_v=0.4, current_a=0.0, power_w=0.0, import_wh=1000)
BUSY = MeterReading(voltage_v=400.0, current_a=50.0, power_w=20_000.0, import_wh=1000)


def new() -> Plausibility:
    return Plausibility(max_voltage_v=1200, max_current_a=600, max_power_w=600_000)


@given(
    st.lists(st.tuples(st.floats(0, 300_000), st.floats(0.2, 2.0)), min_size=2, max_size=60),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_an_honest_meter_is_never_accused(course: list[tuple[float, float]], modules_known: bool) -> None:
    """Whatever the power does: a register that is the floor of the power's integral is good at every poll."""
    judge, energy_wh, now_s, before_w = new(), 1234.5, 50.0, 0.0
    for power_w, step_s in course:
        energy_wh += before_w * step_s / 3600
        now_s += step_s
        before_w = power_w
        reading = MeterReading(
            voltage_v=800.0, current_a=power_w / 800, power_w=power_w, import_wh=math.floor(energy_wh)
        )

        assert judge.judge(reading, now_s, power_w if modules_known else None) is Verdict.GOOD, judge.why


@pytest.mark.parametrize(("power_w", "noticed_s"), [(200_000, 3.0), (20_000, 3.0), (3_600, 5.0), (360, 50.0)])
def test_a_register_that_stands_while_power_flows_is_frozen(power_w: float, noticed_s: float) -> None:
    """After five steps' worth of energy, and not before three seconds."""
    judge, reading = new(), attrs.evolve(BUSY, power_w=power_w)
    good_until_s = 0.0
    for tenth in range(1000):
        if judge.judge(reading, tenth / 10) is not Verdict.GOOD:
            break
        good_until_s = tenth / 10

    assert good_until_s == pytest.approx(noticed_s - 0.1, abs=0.11)
    assert "stands at 1000 Wh" in judge.why


def test_a_meter_frozen_at_nothing_is_given_away_by_the_modules() -> None:
    judge = new()
    judge.judge(IDLE, 0.0)

    verdicts = [judge.judge(IDLE, float(second), 20_000 if second >= 60 else None) for second in range(1, 66)]

    assert verdicts == [Verdict.GOOD] * 62 + [Verdict.FROZEN] * 3


def test_what_is_known_to_be_frozen_does_not_recover_by_being_left_alone() -> None:
    """The modules stop, as they should; that is no news from the meter."""
    judge = new()
    for second in range(10):
        judge.judge(IDLE, float(second), 20_000)

    assert judge.judge(IDLE, 600.0, 0.0) is Verdict.FROZEN


def test_power_that_has_just_begun_is_no_proof() -> None:
    """The first reading at 300 kW after an idle hour: the register cannot have moved yet."""
    judge = new()
    judge.judge(IDLE, 0.0)
    judge.judge(IDLE, 3600.0)

    assert judge.judge(attrs.evolve(BUSY, power_w=300_000), 3602.0) is Verdict.GOOD


def test_an_idle_register_may_stand_for_ever() -> None:
    judge = new()

    assert all(judge.judge(IDLE, hour * 3600.0) is Verdict.GOOD for hour in range(100))


def test_a_register_that_moves_again_is_good_again() -> None:
    judge = new()
    judge.judge(BUSY, 0.0)
    assert judge.judge(BUSY, 5.0) is Verdict.FROZEN

    assert judge.judge(attrs.evolve(BUSY, import_wh=1030), 6.0) is Verdict.GOOD
    assert judge.why == ""


def test_a_frozen_meter_that_shows_life_without_power_is_good_again() -> None:
    """Otherwise its connector could never charge again: no power, no movement; no movement, no power."""
    judge = new()
    judge.judge(BUSY, 0.0)
    judge.judge(BUSY, 5.0)
    assert judge.judge(BUSY, 60.0) is Verdict.FROZEN

    assert judge.judge(IDLE, 61.0) is Verdict.GOOD


def test_power_flowing_backwards_does_not_move_the_import_register() -> None:
    judge, back = new(), attrs.evolve(BUSY, current_a=-50.0, power_w=-20_000.0)

    assert all(judge.judge(back, float(second)) is Verdict.GOOD for second in range(60))


@pytest.mark.parametrize("import_wh", [999, 0, 1000 + 10_000])
def test_a_register_that_falls_or_leaps_is_a_jump(import_wh: int) -> None:
    judge = new()
    judge.judge(IDLE, 0.0)

    assert judge.judge(attrs.evolve(IDLE, import_wh=import_wh), 1.0) is Verdict.JUMPED
    assert judge.why == f"register went from 1000 Wh to {import_wh} Wh"


def test_what_flowed_while_nobody_looked_is_no_jump() -> None:
    """An hour without an answer at 100 kW."""
    judge = new()
    judge.judge(IDLE, 0.0)

    assert judge.judge(attrs.evolve(IDLE, import_wh=101_000), 3600.0) is Verdict.GOOD


def test_a_single_wrong_register_does_not_become_the_truth() -> None:
    judge = new()
    judge.judge(IDLE, 0.0)
    assert judge.judge(attrs.evolve(IDLE, import_wh=5), 1.0) is Verdict.JUMPED

    assert judge.judge(IDLE, 2.0) is Verdict.GOOD
    assert judge.judge(attrs.evolve(IDLE, import_wh=999), 2.5) is Verdict.JUMPED


def test_an_exchanged_meter_is_taken_over_after_a_while() -> None:
    judge, exchanged = new(), attrs.evolve(IDLE, import_wh=7)
    judge.judge(IDLE, 0.0)
    verdicts = [judge.judge(exchanged, float(second)) for second in range(1, int(REBASE_S) + 3)]

    assert verdicts == [Verdict.JUMPED] * int(REBASE_S) + [Verdict.GOOD] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"voltage_v": 1e30},
        {"voltage_v": math.nan},
        {"current_a": -601.0},
        {"power_w": math.inf},
        {"import_wh": -1},
    ],
)
def test_what_no_meter_can_measure_is_impossible(wrong: dict[str, float]) -> None:
    judge = new()
    judge.judge(IDLE, 0.0)

    assert judge.judge(attrs.evolve(IDLE, **wrong), 1.0) is Verdict.IMPOSSIBLE
    assert next(iter(wrong)) in judge.why
    assert judge.judge(IDLE, 2.0) is Verdict.GOOD
