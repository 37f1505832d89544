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

    def most_a(self, voltage_v: float) -> float:
        """What it can deliver there; a module that could not even be set to its smallest current delivers nothing."""
        limit_a = self.rating.current_limit_a(voltage_v)
        return limit_a if limit_a >= self.min_current_a else 0.0

    @property
    def least_a(self) -> float:
        return self.min_current_a * (1.0 if self.on else JOIN_FACTOR)


def split(voltage_v: float, current_a: float, members: Sequence[Member]) -> list[float]:
    """Each member's current at `voltage_v`, in the order of `members`; 0 means off.

    No limit is exceeded and the sum never exceeds `current_a`, with one exception: below the smallest current of a
    module one of them delivers that. When the current is too small for all, fewer deliver, and those that are on
    already stay. Those that deliver already carry what they can while others start: what a starting module would be
    given is not delivered yet.
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
            for index, share_a in _starters_last(limits, each, members).items():
                shares[index] = share_a
            break
    return shares


def _starters_last(limits: dict[int, float], each: float, members: Sequence[Member]) -> dict[int, float]:
    """All at the same part `each` of their limits, or, while some are starting, those that deliver up to theirs."""
    starters = [index for index in limits if members[index].starting or not members[index].on]
    if not starters or len(starters) == len(limits):
        return {index: limit * each for index, limit in limits.items()}
    total_a = each * sum(limits.values())
    least_a = sum(members[index].min_current_a for index in starters)
    carrying_a = sum(limit for index, limit in limits.items() if index not in starters)
    carried = min(1.0, (total_a - least_a) / carrying_a)
    left_a = total_a - least_a - carried * carrying_a
    spare_a = sum(limits[index] - members[index].min_current_a for index in starters)
    each_starter = left_a / spare_a if left_a > ROUNDING_A and spare_a > 0 else 0.0
    return {
        index: members[index].min_current_a + each_starter * (limit - members[index].min_current_a)
        if index in starters
        else carried * limit
        for index, limit in limits.items()
    }


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
