"""The continuous share and the whole modules brought together.

A connector whose modules cannot carry its share is capped at what they can, and what it leaves is shared again. Each
round lowers a cap, so there are at most as many as connectors (seen: three with equal modules, five with mixed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.assignment.effort import Effort
from jp_firmware.planner.assignment.owners import Assigned, assign
from jp_firmware.planner.assignment.problem import TIER, TINY_W, Level, Situation, Wiring, compared, pose
from jp_firmware.planner.topology import Topology

Powers: TypeAlias = Mapping[ConnectorId, float]
Share: TypeAlias = Callable[[Powers], Powers]
"""The fair share (W) of every connector if none may have more than this (W)."""


@attrs.define(eq=False)
class Choice:
    """The assignment as the planner asks for it: what modules can be found for these targets. Remembers its answer."""

    situation: Situation
    wiring: Wiring
    effort: Effort | None = None
    assigned: Assigned | None = None  # the last answer

    def capacity_w(self, target_w: Powers) -> Powers:
        """What each connector's modules give once they are where `assigned` has them, W."""
        self.assigned = assign(target_w, self.situation, self.wiring, self.effort)
        return self.assigned.capacity_w


@attrs.frozen(kw_only=True)
class ModulePlan:
    """What every connector may draw once the modules are where `assigned` has them."""

    allowed_w: Powers  # the fair share, had modules no size
    target_w: Powers  # the share after what cannot be carried was shared again: never above the capacity
    assigned: Assigned
    rounds: int


def plan_modules(share: Share, high_w: Powers, situation: Situation, topology: Topology | Wiring) -> ModulePlan:
    """Shares and assigns in turn until every share can be carried. `high_w` is what each connector may have at most, W.

    If the present modules serve everybody as well as the plan would, nothing moves.
    """
    wiring = topology if isinstance(topology, Wiring) else Wiring(topology)
    allowed_w = share(high_w)
    target_w, capped_w = allowed_w, dict(high_w)
    assigned = assign(target_w, situation, wiring)
    rounds = 1
    for _ in range(len(capped_w)):
        short = {
            each: min(capped_w[each], assigned.capacity_w.get(each, 0.0))
            for each in capped_w
            if assigned.capacity_w.get(each, 0.0) < target_w[each] - TINY_W
        }
        if not short or all(capped_w[each] <= cap_w for each, cap_w in short.items()):
            break
        capped_w.update(short)
        target_w = share(capped_w)
        assigned = assign(target_w, situation, wiring)
        rounds += 1
    target_w = share(_at_most(high_w, assigned.capacity_w))
    if assigned.cost:
        stay_w = share(_at_most(high_w, _present_capacity(situation, wiring)))
        if _serves_as_well(stay_w, target_w, situation):
            target_w, assigned = stay_w, assign(stay_w, situation, wiring)
    return ModulePlan(allowed_w=allowed_w, target_w=target_w, assigned=assigned, rounds=rounds)


def _at_most(high_w: Powers, capacity_w: Powers) -> Powers:
    return {each: min(most_w, capacity_w.get(each, 0.0)) for each, most_w in high_w.items()}


def _present_capacity(situation: Situation, wiring: Wiring) -> Powers:
    """What each connector could draw if nothing moved."""
    still = pose({}, attrs.evolve(situation, locked=wiring.modules), wiring)
    return dict(zip(wiring.connectors, still.base_w, strict=True))


def _serves_as_well(one_w: Powers, other_w: Powers, situation: Situation) -> bool:
    return compared(_levels(one_w, situation), _levels(other_w, situation)) >= 0


def _levels(power_w: Powers, situation: Situation) -> Sequence[Level]:
    return sorted(
        situation.tiers.get(each, 1) * TIER + served_w / situation.weights.get(each, 1.0)
        for each, served_w in power_w.items()
    )
