"""Against an optimum found in another way: the shares are those of a linear programme, and so is their total."""

from __future__ import annotations

import random

import pytest

from jp_firmware.model.power import Plan
from jp_firmware.planner.planner import compute
from tests.planner.optimum import fair_share_w, largest_total_w
from tests.planner.sites import random_site

TREES = 320
BATCH = 40


def compare(seed: int, trees: int, most: int) -> None:
    dice = random.Random(seed)
    for number in range(trees):
        site = random_site(dice, dice.randint(2, most), tiers=1 + number % 3 // 2, shares=number % 2 == 1)
        plan = compute(site.demands, site.limits, Plan(), 0.0, site.rules)
        wanted_w = fair_share_w(site)

        for key, one in plan.allocations.items():
            assert one.allowed_w == pytest.approx(wanted_w[key], rel=1e-6, abs=1e-3), f"{seed=} {number=}: {site}"
        assert plan.total("allowed_w") == pytest.approx(largest_total_w(site), rel=1e-6, abs=1e-3), f"{seed=} {number=}"


@pytest.mark.parametrize("seed", range(TREES // BATCH))
def test_every_share_is_the_lexicographic_optimum_and_the_total_the_largest_there_is(seed: int) -> None:
    compare(seed, BATCH, most=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_the_same_on_many_more_and_larger_sites(seed: int) -> None:
    compare(seed, 100, most=14)
