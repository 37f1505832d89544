"""Against every assignment of small instances, and against a mixed-integer optimum of larger ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean

import attrs
import pytest

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.assignment import Assigned, assign
from tests.planner.assignment import brute
from tests.planner.assignment.instances import KW, Instance, assignment_instance
from tests.planner.assignment.optimum import Unproven, worst_off


def small(seed: int, mixed: bool) -> Instance:
    """Two to four connectors and four to six modules, some locked, some faulty, some connectors delivering."""
    rng = random.Random(seed)
    connectors = rng.choice([2, 3, 4])
    instance = assignment_instance(connectors, rng.choice([4, 5, 6]), seed, mixed=mixed, fan=rng.choice([2, 2, 3]))
    modules = [feed.id for feed in instance.topology.feeds]
    round_kw = {each: rng.choice([20, 40, 60, 90]) * KW for each in instance.targets_w}
    situation = attrs.evolve(
        instance.situation,
        locked=[each for each in modules if rng.random() < 0.1],
        faulty=[each for each in modules if rng.random() < 0.05],
        delivering=[each for each in instance.targets_w if rng.random() < 0.3],
        tiers={each: rng.choice([1, 1, 2]) for each in instance.targets_w},
    )
    return attrs.evolve(instance, targets_w=round_kw if rng.random() < 0.5 else instance.targets_w, situation=situation)


def owners_of(instance: Instance) -> tuple[Assigned, list[ConnectorId | None]]:
    made = assign(instance.targets_w, instance.situation, instance.topology)
    return made, [made.owner[feed.id] for feed in instance.topology.feeds]


def test_equal_modules_have_the_lexicographically_best_levels_with_the_fewest_moves() -> None:
    for seed in range(120):
        instance = small(seed, mixed=False)
        best = brute.best(instance)
        made, owner = owners_of(instance)

        assert [] == brute.violations(instance, owner)
        assert best.levels == brute.levels(instance, owner), f"seed {seed}"
        assert brute.cost(instance, owner) == made.cost == best.cost, f"seed {seed}"


def test_mixed_modules_are_nearly_always_as_good_as_the_best() -> None:
    """Seen: 7 of 500 have other levels than the best, and 9 cost moves more."""
    worse = dearer = 0
    for seed in range(80):
        instance = small(seed, mixed=True)
        best = brute.best(instance)
        made, owner = owners_of(instance)

        assert [] == brute.violations(instance, owner)
        worse += best.levels != brute.levels(instance, owner)
        dearer += made.cost > best.cost
    assert worse <= 2
    assert dearer <= 6


def ratio(instance: Instance) -> float | None:
    """The worst-off connector's level over the best possible; None where the optimum was not proven in time."""
    try:
        best_w = worst_off(instance)
    except Unproven:
        return None
    _, owner = owners_of(instance)
    level_w = min(level for _, level in brute.levels(instance, owner))
    return level_w / best_w if best_w > 1 else 1.0


def ratios(sizes: list[tuple[int, int, int]], mixed: bool) -> list[float]:
    """Half of the instances want everything there is, in the others each wants what it wants."""
    found = []
    for connectors, modules, count in sizes:
        for seed in range(count):
            fan = min(connectors, 2 + seed % 3)
            instance = assignment_instance(connectors, modules, seed, mixed=mixed, fan=fan, hungry=seed % 2 == 0)
            if any(instance.targets_w.values()):
                found.append(ratio(instance))
    return sorted(each for each in found if each is not None)


def test_the_worst_off_connector_is_served_optimally_with_equal_modules() -> None:
    found = ratios([(3, 7, 130), (4, 8, 150), (5, 10, 60)], mixed=False)

    assert 300 <= len(found)
    assert [] == [each for each in found if abs(each - 1) > 1e-5]


def told(found: list[float]) -> str:
    fifth = found[len(found) // 20]
    return f"{len(found)} instances: mean {fmean(found):.4f}, p5 {fifth:.4f}, min {found[0]:.4f}"


def test_the_worst_off_connector_is_nearly_optimal_with_mixed_modules(
    record_property: Callable[[str, object], None],
) -> None:
    """The distribution is printed. The worst case may miss by a module."""
    found = ratios([(3, 7, 60), (4, 8, 80), (5, 10, 30)], mixed=True)

    record_property("worst_off_ratio", told(found))
    print(told(found))
    assert fmean(found) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True])
def test_larger_cabinets_too(mixed: bool) -> None:
    found = ratios([(6, 14, 150), (12, 36, 60)], mixed=mixed)

    print(told(found))
    assert fmean(found) >= (0.98 if mixed else 1 - 1e-5)
