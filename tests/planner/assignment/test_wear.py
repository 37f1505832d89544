"""Dwell and moves in an hour: which modules may not move now."""

from __future__ import annotations

from jp_firmware.model.ids import ModuleId
from jp_firmware.planner.assignment import locked_by_wear

A, B = ModuleId("a"), ModuleId("b")


def test_a_module_stays_for_its_dwell_time() -> None:
    moved_at_s = {A: [100.0], B: list[float]()}

    assert {A} == locked_by_wear(moved_at_s, 159.9, dwell_s=60, moves_per_hour=30)
    assert set() == locked_by_wear(moved_at_s, 160.0, dwell_s=60, moves_per_hour=30)


def test_after_its_moves_of_an_hour_a_module_waits_for_the_first_to_be_an_hour_old() -> None:
    moved_at_s = {A: [0.0, 1000.0]}

    assert {A} == locked_by_wear(moved_at_s, 3599.0, dwell_s=60, moves_per_hour=2)
    assert set() == locked_by_wear(moved_at_s, 3600.0, dwell_s=60, moves_per_hour=2)


def test_with_no_moves_allowed_every_module_is_locked() -> None:
    assert {A, B} == locked_by_wear({A: [], B: [3.0]}, 500.0, dwell_s=60, moves_per_hour=0)
