"""Claims about answers that come in parts: condition, identity, and a set-point of which one half was refused."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.hw.modules.driver import (
    Condition,
    Detail,
    Identity,
    IdentityPart,
    RatedPart,
    Refused,
    Report,
    SetPointTaken,
)
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.model.power import StageRating


def heard(*reports: Report) -> Heard:
    it = Heard(StageRating(max_voltage_v=1000, max_current_a=100, max_power_w=30_000))
    for at_s, report in enumerate(reports):
        it.take(report, float(at_s))
    return it


ON = Condition(on=True, ambient_c=None)


def test_a_range_told_apart_from_the_condition_is_part_of_it_whichever_came_first() -> None:
    low, high = Detail("range", high_range=False), Detail("range", high_range=True)

    assert attrs.evolve(ON, high_range=False) == heard(low, ON).condition
    assert attrs.evolve(ON, high_range=False) == heard(ON, low).condition
    assert attrs.evolve(ON, high_range=True) == heard(low, ON, high).condition


def test_a_new_start_forgets_the_parts() -> None:
    it = heard(Detail("range", high_range=True), IdentityPart(0, 2, Identity(serial="A")), Refused("set voltage", "no"))
    it.forget(0.0)
    it.take(ON, 10.0)
    it.take(IdentityPart(1, 2, Identity(serial="B")), 10.0)

    assert it.condition == ON
    assert it.identity is None
    assert it.refusal == ""


def test_an_identity_is_told_when_it_is_whole_in_the_order_of_its_places() -> None:
    late = heard(
        IdentityPart(2, 3, Identity(firmware="DCDC 102")),
        IdentityPart(1, 3, Identity(serial="0457")),
    )
    assert late.identity is None
    late.take(IdentityPart(0, 3, Identity(serial="0123", firmware="PFC 7")), 9.0)

    assert late.identity == Identity(serial="01230457", firmware="PFC 7, DCDC 102")


@pytest.mark.parametrize("taken", ["set current", "set voltage", ""])
def test_a_refused_half_is_forgotten_when_it_is_taken_not_when_the_other_is(taken: str) -> None:
    it = heard(Refused("set voltage", "out of range"), SetPointTaken(taken))

    assert it.refusal == ("refused to set voltage: out of range" if taken == "set current" else "")


def test_ratings_told_one_by_one_hold_when_all_of_them_are_there() -> None:
    it = heard(RatedPart(place=0, of=2, max_voltage_v=750), RatedPart(place=0, of=2, max_voltage_v=750))
    assert not it.rated
    assert it.rating.max_voltage_v == 1000
    it.take(RatedPart(place=1, of=2, max_current_a=50), 9.0)

    assert it.rated
    assert StageRating(max_voltage_v=750, max_current_a=50, max_power_w=30_000) == it.rating


def test_a_rating_of_zero_among_them_is_a_module_that_does_not_know_yet() -> None:
    it = heard(RatedPart(place=0, of=2, max_voltage_v=750), RatedPart(place=1, of=2, max_current_a=0))

    assert not it.rated
    assert it.rating.max_voltage_v == 1000
