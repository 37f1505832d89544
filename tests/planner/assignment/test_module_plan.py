"""The continuous share and whole modules together: nothing above a cap or a capacity, nothing for nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.assignment import ModulePlan, plan_modules
from jp_firmware.planner.assignment.module_plan import Share
from jp_firmware.planner.waterfill import Cap, Leaf, waterfill
from tests.planner.assignment.instances import KW, Instance, assignment_instance

Powers = Mapping[ConnectorId, float]


def site_share(instance: Instance, site_w: float, chain_w: float) -> Share:
    """A site limit over two chains of half the connectors each."""
    numbers = sorted(instance.targets_w)
    halves = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]

    def share(high_w: Powers) -> Powers:
        chains = [
            Cap(
                name=f"chain {at}",
                cap_w=chain_w,
                below=[
                    Leaf(name=str(n), high_w=high_w[n], weight=instance.situation.weights.get(n, 1.0)) for n in half
                ],
            )
            for at, half in enumerate(halves)
        ]
        filled = waterfill(Cap(name="site", cap_w=site_w, below=chains))
        return {ConnectorId(int(name)): each.power_w for name, each in filled.items()}

    return share


@st.composite
def sites(draw: st.DrawFn) -> tuple[Instance, Share, float, float]:
    rng = random.Random(draw(st.integers(0, 1_000_000)))
    connectors = rng.randint(2, 8)
    modules = rng.randint(connectors, 3 * connectors)
    instance = assignment_instance(
        connectors, modules, rng.randrange(10_000), mixed=rng.random() < 0.4, fan=min(connectors, 3), load=1.5
    )
    site_w = rng.uniform(0.3, 1.2) * modules * 30 * KW
    chain_w = rng.uniform(0.4, 1.0) * site_w
    return instance, site_share(instance, site_w, chain_w), site_w, chain_w


def planned(instance: Instance, share: Share) -> ModulePlan:
    return plan_modules(share, instance.targets_w, instance.situation, instance.topology)


@settings(max_examples=150, deadline=None)
@given(sites())
def test_no_target_is_above_a_cap_a_wish_or_what_its_modules_give(site: tuple[Instance, Share, float, float]) -> None:
    instance, share, site_w, chain_w = site
    made = planned(instance, share)
    numbers = sorted(instance.targets_w)

    assert sum(made.target_w.values()) <= site_w + 1e-3
    for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
        assert sum(made.target_w[each] for each in half) <= chain_w + 1e-3
    for each in numbers:
        assert made.target_w[each] <= min(instance.targets_w[each], made.assigned.capacity_w[each]) + 1e-3
    assert made.rounds <= len(numbers) + 1


@settings(max_examples=150, deadline=None)
@given(sites())
def test_planned_again_from_the_result_it_moves_only_to_serve_better(
    site: tuple[Instance, Share, float, float],
) -> None:
    instance, share, _, _ = site
    weights = instance.situation.weights
    made = planned(instance, share)
    later = attrs.evolve(instance, situation=attrs.evolve(instance.situation, present=made.assigned.owner))
    again = planned(later, share)

    if again.assigned.cost:
        before, after = (
            sorted(round(power_w / weights[n], 1) for n, power_w in each.target_w.items()) for each in (made, again)
        )
        assert before < after
    else:
        assert dict(made.target_w) == pytest.approx(dict(again.target_w), abs=1e-3)


@settings(max_examples=100, deadline=None)
@given(sites())
def test_where_no_cap_binds_everybody_draws_the_wish_or_the_capacity(
    site: tuple[Instance, Share, float, float],
) -> None:
    instance, _, _, _ = site
    made = planned(instance, dict)

    assert dict(instance.targets_w) == dict(made.allowed_w)
    for each, power_w in made.target_w.items():
        assert power_w == pytest.approx(min(instance.targets_w[each], made.assigned.capacity_w[each]))
