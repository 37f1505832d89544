"""Dwell and moves in an hour: which modules may not move now."""

from __future__ import annotations

import math

from jp_firmware.model.ids import ModuleId
from jp_firmware.planner.assignment import Wear

A, B = ModuleId("a"), ModuleId("b")


def test_a_module_stays_for_its_dwell_time() -> None:
    wear = Wear(dwell_s=60, moves_per_hour=30)
    wear.moved(A, 100.0)

    assert {A} == wear.locked([A, B], 159.9)
    assert set() == wear.locked([A, B], 160.0)
    assert 160.0 == wear.free_at_s(A, 120.0)
    assert 120.0 == wear.free_at_s(B, 120.0)


def test_after_its_moves_of_an_hour_a_module_waits_for_the_first_to_be_an_hour_old() -> None:
    wear = Wear(dwell_s=60, moves_per_hour=2)
    wear.moved(A, 0.0)
    wear.moved(A, 1000.0)

    assert {A} == wear.locked([A], 3599.0)
    assert 3600.0 == wear.free_at_s(A, 2000.0)
    assert set() == wear.locked([A], 3600.0)


def test_with_no_moves_allowed_every_module_is_locked() -> None:
    wear = Wear(dwell_s=60, moves_per_hour=0)

    assert {A, B} == wear.locked([A, B], 5.0)
    assert math.isinf(wear.free_at_s(B, 5.0))
