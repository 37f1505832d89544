"""Exact weighted max-min fair sharing under nested caps.

A leaf takes between `low_w` and `high_w` with a weight; a cap bounds the sum of all leaves below it. Raise one water
level: every leaf rises in proportion to its weight until it has what it wants or until a cap above it is full. The
result is the unique weighted max-min point, and for nested caps it also has the largest total (Megiddo 1974,
Fujishige 1980). Cost is O(n · depth · log n); there is no iteration count and no slice size to tune.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import attrs

TINY_W = 1e-6  # below this two powers are the same; ours, a millionth of a watt
SLACK_W = 1e-3  # ours: floors that are results themselves may exceed their cap by what sums of floats lose


class Infeasible(ValueError):
    """The floors below a cap add up to more than the cap."""


# These three are made by the dozen for each plan, and a frozen one takes twice as long to make. Nobody changes them.


@attrs.define(kw_only=True)
class Leaf:
    """One taker of power."""

    name: str
    high_w: float
    weight: float = 1.0
    low_w: float = 0.0


@attrs.define(kw_only=True)
class Cap:
    """An upper bound on the sum of everything below it. `name` is what a limited leaf is told."""

    name: str
    cap_w: float
    below: Sequence[Cap | Leaf]


@attrs.define
class Share:
    """What a leaf gets, and the cap that held it back ("demand" if none did)."""

    power_w: float
    limited_by: str


_Bend: TypeAlias = tuple[float, float]
"""The supply of a subtree against the water level is piecewise linear: a level, and how the slope changes there."""


def waterfill(root: Cap) -> dict[str, Share]:
    """The fair share of every leaf below `root`, by name. Raises Infeasible if floors exceed a cap."""
    full_at: dict[int, float] = {}
    _supply(root, full_at)
    shares: dict[str, Share] = {}
    _share_out(root, math.inf, "demand", full_at, shares)
    return shares


def _supply(node: Cap, full_at: dict[int, float]) -> tuple[float, Sequence[_Bend]]:
    """A subtree's supply at level 0, and its bends. Notes for each cap the level at which it is full."""
    base_w = 0.0
    bends: list[_Bend] = []
    for child in node.below:
        if isinstance(child, Cap):
            part_w, part = _supply(child, full_at)
            base_w += part_w
            bends += part
            continue
        low_w, high_w, weight = child.low_w, child.high_w, child.weight
        if high_w <= low_w + TINY_W:
            base_w += low_w if low_w < high_w else high_w
        else:
            base_w += low_w
            bends += ((low_w / weight, weight), (high_w / weight, -weight))
    bends.sort()
    bends, full_at[id(node)] = _capped(node, base_w, bends)
    return base_w, bends


def _capped(node: Cap, base_w: float, bends: list[_Bend]) -> tuple[list[_Bend], float]:
    """The bends of the sum of the parts, cut off where it reaches the cap, and the level at which it does."""
    most_w = node.cap_w + TINY_W
    if base_w > node.cap_w + SLACK_W:
        raise Infeasible(f"the floors below {node.name} need {base_w:.0f} W, its cap is {node.cap_w:.0f} W")
    supply_w, slope, level = base_w, 0.0, 0.0
    for number, (at, change) in enumerate(bends):
        next_w = supply_w + slope * (at - level)
        if next_w > most_w:
            full_at = level + (max(0.0, node.cap_w - supply_w) / slope if slope > 0 else 0.0)
            return [*bends[:number], (full_at, -slope)], full_at
        supply_w, level, slope = next_w, at, slope + change
    return bends, math.inf


def _share_out(node: Cap, level: float, binding: str, full_at: dict[int, float], shares: dict[str, Share]) -> None:
    """Gives each leaf the lowest level at which a cap above it is full, and that cap's name."""
    full = full_at[id(node)]
    if full < level:
        level, binding = full, node.name
    for child in node.below:
        if isinstance(child, Cap):
            _share_out(child, level, binding, full_at, shares)
        else:
            shares[child.name] = _share(child, level, binding)


def _share(leaf: Leaf, level: float, binding: str) -> Share:
    high_w, low_w = leaf.high_w, leaf.low_w
    power_w = leaf.weight * level
    if power_w < low_w:
        power_w = low_w
    if power_w >= high_w - TINY_W:
        return Share(power_w if power_w < high_w else high_w, "demand")
    return Share(power_w, binding)
