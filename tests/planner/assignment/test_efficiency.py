"""Among plans with equally few moves, the one whose modules work at an efficient load."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.assignment import Situation, assign
from tests.planner.assignment.instances import KW, matrix, owners, rating

ONE = ConnectorId(1)


def curve(_voltage_v: float, load: float) -> float:
    """Best at 65 % load; ours, in the shape of the makers' curves."""
    return 0.965 - 0.12 * (load - 0.65) ** 2


def flat(_voltage_v: float, load: float) -> float:
    return 0.965 - 0.01 * (load - 0.65) ** 2


SITUATION = Situation(voltages_v={ONE: 400}, present={}, efficiency=curve)


def test_a_module_that_is_there_stays_if_the_load_suits_it() -> None:
    """60 kW from two modules is full load; the third, which is there, brings them to 67 %."""
    topology = matrix([[1]] * 3, [rating(30, 100)] * 3)
    situation = attrs.evolve(SITUATION, present=owners([1, 1, 1]))

    made = assign({ONE: 60 * KW}, situation, topology)
    without = assign({ONE: 60 * KW}, attrs.evolve(situation, efficiency=None), topology)

    assert (90 * KW, 0) == (made.capacity_w[ONE], len(made.released))
    assert (60 * KW, 1) == (without.capacity_w[ONE], len(without.released))


def test_few_modules_at_good_load_rather_than_many_at_little() -> None:
    """20 kW over six modules is 11 %: they are released down to one at 67 %."""
    topology = matrix([[1]] * 6, [rating(30, 100)] * 6)

    made = assign({ONE: 20 * KW}, attrs.evolve(SITUATION, present=owners([1] * 6)), topology)

    assert (30 * KW, 5) == (made.capacity_w[ONE], len(made.released))


def test_a_gain_of_less_than_half_a_percent_changes_nothing() -> None:
    topology = matrix([[1]] * 3, [rating(30, 100)] * 3)
    situation = attrs.evolve(SITUATION, present=owners([1, 1, 1]), efficiency=flat)

    assert 60 * KW == assign({ONE: 60 * KW}, situation, topology).capacity_w[ONE]


def test_no_idle_module_joins_for_efficiency_alone() -> None:
    topology = matrix([[1]] * 3, [rating(30, 100)] * 3)

    made = assign({ONE: 60 * KW}, attrs.evolve(SITUATION, present=owners([1, 1, None])), topology)

    assert 0 == made.cost


def test_of_two_idle_modules_the_one_whose_size_suits_the_load_joins() -> None:
    """28 kW are 93 % of a module of 30 kW and 70 % of one of 40 kW."""
    topology = matrix([[1], [1]], [rating(30, 100), rating(40, 133)])

    made = assign({ONE: 28 * KW}, SITUATION, topology)

    assert (ModuleId("m1"),) == made.attached


@pytest.mark.parametrize("present", [[1, 1, 1, None], [None] * 4, [1, None, None, None]])
def test_refined_again_from_the_result_nothing_moves(present: list[int | None]) -> None:
    topology = matrix([[1]] * 4, [rating(30, 100), rating(40, 133), rating(20, 67), rating(30, 100)])
    situation = attrs.evolve(SITUATION, present=owners(present))

    made = assign({ONE: 55 * KW}, situation, topology)
    again = assign({ONE: 55 * KW}, attrs.evolve(situation, present=made.owner), topology)

    assert made.owner == again.owner
