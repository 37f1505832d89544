"""What a plan costs and how good it is: recomputation at 4x8, 12x36 and 64x256, against a linear programme.

`recompute_ms` is one whole plan: limits, admission, guaranteed shares and borrowing, tiers, explanation data, what may
be drawn now, and which whole modules every connector is to have on a relay matrix. `continuous_ms` is the same without
the modules, as on a charger whose modules are wired to their connectors; `equal_overload_ms` is `recompute_ms` where
all cars together want more than all modules give, and `mixed_overload_ms` the same with modules of 20, 30 and 40 kW.
Each plan follows another that differs in one thing (a request, a limit, a car that comes or goes), as on a charger.
The garbage collector is set as in the daemon. `p50`, `p99` and `max` are by the clock, `own_…` by this thread's own
processor time, in which neighbours on the machine count only for the caches they empty; `calm_…` is of each plan the
least own time of three runs through the same events: what the plans differ by, and not the moments they fell into.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from typing import Any

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.nursery.pauses import GcPolicy
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.tree import Group, Tree
from tests.bench.report import distribution
from tests.planner.assignment.instances import FollowingModules
from tests.planner.optimum import fair_share_w, largest_total_w
from tests.planner.sites import random_site

SIZES = ((4, 8), (12, 36), (64, 256))  # connectors, modules
DOUBLINGS = (8, 16, 32, 64, 128)
GOALS_MS = {"12x36": 0.5, "64x256": 10.0}
FIGURES: dict[str, dict[str, bool]] = {
    "recompute_ms": {},
    "continuous_ms": {"switched": False},
    "equal_overload_ms": {"overload": True},
    "mixed_overload_ms": {"overload": True, "mixed": True},
}
A_CHAIN = 4  # connectors behind one PLC board
RUNS = 3  # through the same events


@attrs.define
class Charger:
    """A site in motion: every step changes one thing, as an event on a charger would."""

    dice: random.Random
    demands: list[Demand]
    limits: dict[tuple[str, str], Limit]
    rules: Rules
    modules: FollowingModules | None
    overload: bool
    plan: Plan = attrs.field(factory=Plan)
    now_s: float = 0.0

    @classmethod
    def of(
        cls, connectors: int, modules: int, seed: int, *, switched: bool, overload: bool = False, mixed: bool = False
    ) -> Charger:
        """Chains of four behind two feeders, with guaranteed shares and a minimum, and power for two thirds of all.

        With `overload` the limits leave power for all, and cars want up to twice what modules give.
        """
        dice = random.Random(seed)
        ids = [ConnectorId(n) for n in range(1, connectors + 1)]
        chains = [ids[at : at + A_CHAIN] for at in range(0, connectors, A_CHAIN)]
        groups = [
            Group(scope=f"chain-{n}", connectors=frozenset(chain), share_w=60_000.0 * len(chain))
            for n, chain in enumerate(chains)
        ]
        half = [key for chain in chains[: max(1, len(chains) // 2)] for key in chain]
        groups.append(Group(scope="feeder-N", connectors=frozenset(half)))
        each_w = 200_000.0 if overload else 65_000.0
        caps = [("site", each_w * connectors), ("feeder-N", (each_w + 15_000.0) * len(half))]
        caps += [(f"chain-{n}", (each_w + 35_000.0) * len(chain)) for n, chain in enumerate(chains)]
        limits = {
            ("configured", scope): Limit(owner="configured", scope=scope, value_w=cap_w, reason="configured")
            for scope, cap_w in caps
        }
        demands = [
            Demand(
                connector_id=key,
                requested_w=dice.uniform(100_000 if overload else 20_000, 200_000),
                offered_w=240_000.0,
                weight=dice.choice((1.0, 1.0, 2.0)),
                tier=1 + (key % 8 == 0),
                voltage_v=400.0,
            )
            for key in ids
        ]
        rules = Rules(tree=Tree(tuple(groups)), min_useful_w=5_000.0, ramp_a_per_s=25.0, reserve_w=5_000.0)
        following = FollowingModules.of(connectors, modules, mixed=mixed) if switched else None
        return cls(dice, demands, limits, rules, following, overload)

    def step(self) -> tuple[float, float]:
        """One event and the plan after it; milliseconds by the clock and of this thread's own processor time."""
        self._happen()
        if self.modules is not None:
            self.modules.begin()
        limits = tuple(self.limits.values())
        own_s, began_s = time.thread_time(), time.perf_counter()
        plan = compute(self.demands, limits, self.plan, self.now_s, self.rules, self.modules)
        took = (time.perf_counter() - began_s) * 1000, (time.thread_time() - own_s) * 1000
        self.plan = plan
        return took

    def _happen(self) -> None:
        dice, self.now_s = self.dice, self.now_s + self.dice.choice((0.02, 0.5))
        self.demands = [
            attrs.evolve(one, measured_w=had.assigned_w * 0.98)
            if (had := self.plan.allocations.get(one.connector_id))
            else one
            for one in self.demands
        ]
        which, what = dice.randrange(len(self.demands)), dice.random()
        one = self.demands[which]
        if what < 0.6:
            self.demands[which] = attrs.evolve(
                one, requested_w=dice.uniform(100_000 if self.overload else 2_000, 200_000)
            )
        elif what < 0.8:
            stays = self.overload and dice.random() < 0.8
            self.demands[which] = attrs.evolve(one, active=stays or not one.active, started_s=self.now_s)
        elif what < 0.9:
            scope = f"connector-{one.connector_id}"
            self.limits["central system", scope] = Limit(
                owner="central system",
                scope=scope,
                value_w=dice.uniform(3_000, 150_000),
                reason="profile 7",
                expires_at_s=self.now_s + 60,
                safe_w=240_000.0,
            )
        else:
            value_w = (dice.uniform(5_000, 80_000) + 120_000 * self.overload) * len(self.demands)
            self.limits["site meter", "site"] = Limit(
                owner="site meter", scope="site", value_w=value_w, reason="building"
            )


def recompute(
    connectors: int, modules: int, plans: int, *, switched: bool = True, overload: bool = False, mixed: bool = False
) -> dict[str, Any]:
    """The distribution of one plan's time, in milliseconds; `switched`: with a choice of modules."""
    runs: list[list[tuple[float, float]]] = []
    for _ in range(RUNS):
        charger = Charger.of(connectors, modules, seed=connectors, switched=switched, overload=overload, mixed=mixed)
        for _ in range(plans // RUNS // 10):
            charger.step()
        GcPolicy().before_start()
        runs.append([charger.step() for _ in range(plans // RUNS)])
    times = [took for run in runs for took in run]
    own = distribution([own_ms for _, own_ms in times])
    calm = distribution([min(own_ms for _, own_ms in same) for same in zip(*runs, strict=True)])
    return distribution([clock_ms for clock_ms, _ in times]) | {
        "own_p50": own["p50"],
        "own_p99": own["p99"],
        "calm_p50": calm["p50"],
        "calm_p99": calm["p99"],
    }


def growth(plans: int) -> dict[str, float]:
    """How many times as long a plan takes for twice the connectors: 2 is linear."""
    medians = {n: recompute(n, 4 * n, plans)["own_p50"] for n in DOUBLINGS}
    return {f"{n} to {2 * n}": round(medians[2 * n] / medians[n], 2) for n in DOUBLINGS[:-1]}


def against_optimum(trees: int) -> dict[str, float]:
    """The worst gaps to a linear programme over random sites: of the total, of any share, of the worst-off."""
    dice = random.Random(4)
    total_gap_w, share_gap_w, worst_off = 0.0, 0.0, math.inf
    for number in range(trees):
        site = random_site(dice, dice.randint(2, 8), tiers=1 + number % 2, shares=number % 3 == 0)
        plan = compute(site.demands, site.limits, Plan(), 0.0, site.rules)
        optimum_w = fair_share_w(site)
        total_gap_w = max(total_gap_w, abs(largest_total_w(site) - plan.total("allowed_w")))
        share_gap_w = max(share_gap_w, *(abs(plan.allocations[key].allowed_w - optimum_w[key]) for key in optimum_w))
        worst_w = min(optimum_w.values())
        if worst_w > 1.0:
            worst_off = min(worst_off, min(one.allowed_w for one in plan.allocations.values()) / worst_w)
    return {
        "lp_trees": trees,
        "lp_gap_kw": total_gap_w / 1000,
        "lp_share_gap_kw": share_gap_w / 1000,
        "worst_off_ratio": round(worst_off, 9),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    plans = 1200 if quick else 6000
    results: dict[str, Any] = {}
    for figure, sort in FIGURES.items():
        results[figure] = {}
        print(f"{figure:>17} {'p50':>8} {'p99':>8} {'max':>8} {'own p50':>9} {'own p99':>9} {'calm p99':>9}")
        for connectors, modules in SIZES:
            size = f"{connectors}x{modules}"
            row = recompute(connectors, modules, plans, **sort)
            results[figure][size] = row
            print(
                f"{size:>17} {row['p50']:>8.3f} {row['p99']:>8.3f} {row['max']:>8.3f} {row['own_p50']:>9.3f} "
                f"{row['own_p99']:>9.3f} {row['calm_p99']:>9.3f}",
                flush=True,
            )
    results["growth"] = growth(plans // 10)
    print(f"growth with twice the connectors: {results['growth']}", flush=True)
    results |= against_optimum(60 if quick else 300)
    print(
        f"against a linear programme on {results['lp_trees']} sites: total off by {results['lp_gap_kw']:.2g} kW, any "
        f"share by {results['lp_share_gap_kw']:.2g} kW; worst-off at {results['worst_off_ratio']} of its optimum"
    )
    results["goals_ms"] = GOALS_MS
    for goal_met, figure in (("goal_met", "p99"), ("goal_met_own", "own_p99"), ("goal_met_calm", "calm_p99")):
        results[goal_met] = all(results["recompute_ms"][size][figure] < goal for size, goal in GOALS_MS.items())
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
