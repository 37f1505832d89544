"""The N-1 view: what is left at once, and what help can come."""

from __future__ import annotations

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.assignment import Situation, assign, losses
from jp_firmware.planner.topology import Topology
from tests.planner.assignment.instances import KW, assignment_instance, matrix, owners, rating

ONE, TWO = ConnectorId(1), ConnectorId(2)


def cabinet(present: list[int | None]) -> tuple[Topology, Situation]:
    """Six modules of 30 kW: four reach connector 1 only, two reach both."""
    topology = matrix([[1]] * 4 + [[1, 2]] * 2, [rating(30, 100)] * 6)
    return topology, Situation(voltages_v={ONE: 400, TWO: 400}, present=owners(present))


def test_if_a_module_dies_now_its_connector_keeps_the_rest() -> None:
    topology, situation = cabinet([1, 1, 1, 1, 2, 2])

    by_module = {loss.module: loss for loss in losses({ONE: 120 * KW, TWO: 30 * KW}, situation, topology)}

    loss = by_module[ModuleId("m2")]
    assert (ONE, 120 * KW, 90 * KW) == (loss.connector, loss.had_w, loss.keeps_w)
    assert 120 * KW == loss.regains_w  # connector 2 has one more than it needs
    assert loss.is_covered
    assert 1 == loss.moves
    assert "If m2 dies now, connector 1 keeps 90 of 120 kW, and has 120 kW after 1 move." == loss.sentence()
    spare = by_module[ModuleId("m4")]
    assert "If m4 dies now, connector 2 keeps all its 30 kW." == spare.sentence()


def test_where_no_help_is_in_reach_nothing_comes_back() -> None:
    topology, situation = cabinet([1, 1, 1, 1, 2, 2])

    by_module = {loss.module: loss for loss in losses({ONE: 120 * KW, TWO: 60 * KW}, situation, topology)}

    assert not by_module[ModuleId("m4")].is_covered
    assert 30 * KW == by_module[ModuleId("m4")].regains_w
    assert {ONE: 120 * KW, TWO: 30 * KW} == by_module[ModuleId("m4")].after_w
    sentence = by_module[ModuleId("m4")].sentence()
    assert "If m4 dies now, connector 2 keeps 30 of 60 kW; no other module can help." == sentence


def test_an_idle_module_costs_nobody_anything() -> None:
    topology, situation = cabinet([1, 1, None, None, 2, None])

    loss = next(each for each in losses({ONE: 60 * KW}, situation, topology) if each.module == ModuleId("m3"))

    assert (None, 0, 60 * KW) == (loss.connector, loss.moves, loss.after_w[ONE])
    assert "If m3 dies now, no connector loses power: it is idle." == loss.sentence()


def test_each_module_is_told_what_an_assignment_without_it_gives() -> None:
    """Modules that are alike are worked out once; the numbers are those of working out each."""
    instance = assignment_instance(6, 14, 5)
    present = assign(instance.targets_w, instance.situation, instance.topology).owner
    situation = attrs.evolve(instance.situation, present=present)

    for loss in losses(instance.targets_w, situation, instance.topology):
        without = attrs.evolve(situation, faulty=[loss.module])
        alone = assign(instance.targets_w, without, instance.topology).capacity_w
        levels = sorted(min(instance.targets_w[n], alone[n]) / situation.weights[n] for n in alone)
        assert levels == sorted(power_w / situation.weights[n] for n, power_w in loss.after_w.items())
