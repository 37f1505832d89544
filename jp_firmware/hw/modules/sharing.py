"""How a stage's current is divided among its modules. Pure arithmetic: no module, no time.

In proportion to what each can deliver at that voltage, so that all run at the same part of their ability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from jp_firmware.model.power import StageRating

JOIN_FACTOR = 1.5
"""A module that is off joins only when its share is this many times its smallest current; so none toggles (ours)."""

HANDOVER_PART = 0.05
"""Part of its ability by which a module may be told more than it has been measured to deliver, at the cost of the
others (ours: so much of it is missing for a moment; far above what a measurement can be wrong by)."""

CORNER_STEP_V = 2.0
ROUNDING_A = 1e-6
"""Less than this is no difference between currents (ours; a set-point has 1 mA)."""


@attrs.frozen(kw_only=True)
class Member:
    """One module as `split` sees it."""

    rating: StageRating
    min_current_a: float
    on: bool  # meant to be
    starting: bool = False  # meant to be, and not yet reported on
    told_a: float = 0.0
    delivered_a: float = math.inf  # of what it is told, by measurement

    def most_a(self, voltage_v: float) -> float:
        """What it can deliver there; a module that could not even be set to its smallest current delivers nothing."""
        limit_a = self.rating.current_limit_a(voltage_v)
        return limit_a if limit_a >= self.min_current_a else 0.0

    @property
    def least_a(self) -> float:
        return self.min_current_a * (1.0 if self.on else JOIN_FACTOR)

    def ready_a(self, most_a: float) -> float:
        """What it can be relied on for next: a step more than it has shown, and never less than it is told already."""
        if self.starting or not self.on:
            return self.min_current_a
        return min(most_a, max(self.told_a, self.delivered_a + HANDOVER_PART * most_a, self.min_current_a))


def split(voltage_v: float, current_a: float, members: Sequence[Member]) -> list[float]:
    """Each member's current at `voltage_v`, in the order of `members`; 0 means off.

    No limit is exceeded and the sum never exceeds `current_a`, with one exception: below the smallest current of a
    module one of them delivers that. When the current is too small for all, fewer deliver, and those that are on
    already stay. Those that deliver carry what they can until the others have shown that they deliver it: they are cut
    by no more than a newcomer is about to be told, step by step.
    """
    shares = [0.0] * len(members)
    able = [index for index, member in enumerate(members) if member.most_a(voltage_v) > 0]
    order = sorted(able, key=lambda index: not members[index].on)
    if current_a <= 0 or not order:
        return shares
    for count in range(len(order), 0, -1):
        limits = {index: members[index].most_a(voltage_v) for index in order[:count]}
        each = min(1.0, current_a / sum(limits.values()))
        if count == 1:
            index = order[0]
            shares[index] = max(limits[index] * each, members[index].min_current_a)
            break
        if all(limit * each >= members[index].least_a for index, limit in limits.items()):
            ready = {index: members[index].ready_a(limit_a) for index, limit_a in limits.items()}
            for index, share_a in _handed_over(each * sum(limits.values()), limits, ready).items():
                shares[index] = share_a
            break
    return shares


def _handed_over(total_a: float, limits: dict[int, float], ready: dict[int, float]) -> dict[int, float]:
    """All at the same part of their limits, but nobody beyond what it is ready for while the others can carry the rest.

    What they cannot carry together is more than they have shown so far: nobody need be cut for it, and it goes to those
    at the smallest part of their limits.
    """
    enough = total_a <= sum(ready.values())
    shares: dict[int, float] = {}
    while len(shares) < len(limits):
        rest = {index: limit_a for index, limit_a in limits.items() if index not in shares}
        part = (total_a - sum(shares.values())) / sum(rest.values())
        held = {
            index: ready[index]
            for index, limit_a in rest.items()
            if (ready[index] < part * limit_a if enough else ready[index] > part * limit_a)
        }
        shares |= held or {index: part * limit_a for index, limit_a in rest.items()}
    return shares


def rises_within(room_a: float, carried_a: Sequence[float], wanted_a: Sequence[float]) -> list[float]:
    """What each may be raised to, when all rises together must fit into `room_a`; in proportion where they do not.

    `carried_a` is what each may be delivering now. What is wanted of it below that takes no room.
    """
    needs = [max(0.0, wanted - carried) for wanted, carried in zip(wanted_a, carried_a, strict=True)]
    needed_a = sum(needs)
    if needed_a <= max(0.0, room_a) + ROUNDING_A:
        return list(wanted_a)
    part = max(0.0, room_a) / needed_a
    return [wanted - need * (1.0 - part) if need else wanted for wanted, need in zip(wanted_a, needs, strict=True)]


def corner_v(set_v: float, measured_v: float) -> float:
    """The voltage at which a module's power limits its current while it flows at `measured_v`, in steps of 2 V.

    Rounded up, so that neither noise nor a slowly rising battery makes a new set-point of every measurement (ours).
    """
    return min(set_v, math.ceil(measured_v / CORNER_STEP_V) * CORNER_STEP_V)
