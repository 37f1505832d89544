"""A search that may not take long: what it hands out meanwhile is allowed and never worse, and it gets there."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.planner.assignment import Assigned, Effort, Wiring, assign, equal
from tests.planner.assignment import brute
from tests.planner.assignment.instances import Instance, a_little_later, assignment_instance
from tests.planner.assignment.test_properties import instances, owner_list

FEW = 20  # looks


def asked(instance: Instance, effort: Effort) -> Assigned:
    effort.renew()
    return assign(instance.targets_w, instance.situation, instance.topology, effort)


def until_final(instance: Instance, effort: Effort) -> list[Assigned]:
    answers = [asked(instance, effort)]
    while not answers[-1].is_final:
        assert len(answers) < 2000
        answers.append(asked(instance, effort))
    return answers


@settings(max_examples=100, deadline=None)
@given(instances(mixed=True))
def test_each_answer_is_allowed_and_no_worse_than_staying_or_than_the_one_before(instance: Instance) -> None:
    stays = [instance.situation.present[feed.id] for feed in instance.topology.feeds]

    had = brute.levels(instance, stays)
    for made in until_final(instance, Effort(FEW)):
        owner = owner_list(instance, made)
        assert [] == brute.violations(instance, owner)
        assert had <= brute.levels(instance, owner)
        had = brute.levels(instance, owner)


@settings(max_examples=60, deadline=None)
@given(instances(mixed=True, bridges=False))
def test_asked_often_enough_it_ends_where_an_unhurried_search_does(instance: Instance) -> None:
    unhurried = assign(instance.targets_w, instance.situation, instance.topology)

    assert unhurried == until_final(instance, Effort(FEW))[-1]


def test_what_is_looked_for_between_two_plans_the_next_one_answers() -> None:
    instance, effort = assignment_instance(12, 36, 1, mixed=True, hungry=True), Effort(FEW)
    first = asked(instance, effort)
    pieces = 0
    while effort.go_on():
        pieces += 1
    answer = asked(instance, effort)

    assert not first.is_final
    assert 10 < pieces < 2000
    assert assign(instance.targets_w, instance.situation, instance.topology) == answer
    assert not effort.go_on()


def test_what_the_last_plan_did_not_ask_is_not_looked_for() -> None:
    instance, effort = assignment_instance(12, 36, 1, mixed=True, hungry=True), Effort(FEW)
    asked(instance, effort)
    asked(attrs.evolve(instance, targets_w=dict.fromkeys(instance.targets_w, 0.0)), effort)

    assert not effort.go_on()


def test_one_call_looks_no_further_than_it_may() -> None:
    """In a cabinet where a whole search takes thousands of looks. The step it is in when they are spent is finished."""
    instance = assignment_instance(12, 36, 1, mixed=True, hungry=True)
    answers = until_final(instance, Effort(100))

    assert 5 < len(answers)
    assert not answers[0].is_final
    assert answers[-1].is_final


def test_what_was_found_is_not_lost_when_wishes_change() -> None:
    """As on a charger: the modules have not moved yet, and somebody wants something else with every plan."""
    instance, effort = assignment_instance(12, 36, 3, mixed=True, hungry=True), Effort(100)
    first = assign(instance.targets_w, instance.situation, instance.topology, Effort(100))
    for seed in range(40):
        changed = a_little_later(instance, instance.situation.present, seed, changes=1)
        asked(changed, effort)

    assert brute.levels(instance, owner_list(instance, first)) < brute.levels(
        instance, owner_list(instance, asked(instance, effort))
    )


def test_a_search_for_modules_that_have_moved_begins_anew() -> None:
    """The answer belongs to where the modules are now: what fits already costs no move."""
    instance, effort = assignment_instance(6, 14, 3, mixed=True, hungry=True), Effort()
    made = until_final(instance, effort)[-1]
    moved = attrs.evolve(instance, situation=attrs.evolve(instance.situation, present=made.owner))

    assert made.cost > 0
    assert 0 == until_final(moved, effort)[-1].cost


def test_a_module_that_fails_meanwhile_is_counted_out_at_once() -> None:
    instance, effort = assignment_instance(6, 14, 3, mixed=True, hungry=True), Effort(FEW)
    before = asked(instance, effort)
    dead = next(module for module, connector in before.owner.items() if connector is not None)
    situation = attrs.evolve(instance.situation, faulty=[dead])
    after = assign(instance.targets_w, situation, Wiring(instance.topology), effort)
    still = attrs.evolve(instance, situation=situation)

    assert [] == brute.violations(still, owner_list(still, after))
    assert sum(after.capacity_w.values()) < sum(before.capacity_w.values())


@given(st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_equal_modules_serve_everybody_as_well_as_can_be_at_once_and_save_moves_later(seed: int) -> None:
    instance, effort = assignment_instance(6, 14, seed, hungry=True), Effort(1)
    unhurried = assign(instance.targets_w, instance.situation, instance.topology)
    answers = until_final(instance, effort)

    assert all(unhurried.capacity_w.keys() == one.capacity_w.keys() for one in answers)
    best = brute.levels(instance, owner_list(instance, unhurried))
    assert all(best == brute.levels(instance, owner_list(instance, one)) for one in answers)
    assert unhurried == answers[-1]
    assert [one.cost for one in answers] == sorted((one.cost for one in answers), reverse=True)


def test_the_moves_of_equal_modules_are_not_looked_for_longer_than_a_plan_may_take() -> None:
    """Cars want more than there is, and modules stand anywhere: equally good counts are tried for a long time."""
    answers = until_final(assignment_instance(64, 256, 13, hungry=True), Effort())

    assert not answers[0].is_final
    assert answers[-1].cost < answers[0].cost


@pytest.mark.parametrize("seed", [18, 23])
def test_that_every_connector_keeps_a_module_is_worked_out_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connectors share their modules with neighbours who need them: nothing is tried module by module."""
    worked_out = []

    def counted(*question: Any) -> tuple[list[int], bool]:
        worked_out.append(question)
        return served(*question)

    served = equal._served
    monkeypatch.setattr(equal, "_served", counted)
    instance = assignment_instance(64, 256, seed)
    situation = attrs.evolve(instance.situation, delivering=list(instance.targets_w))
    still = attrs.evolve(instance, situation=situation)
    made = assign(still.targets_w, situation, still.topology)

    assert [] == brute.violations(still, owner_list(still, made))
    assert len(worked_out) == 2
