"""Exact weighted max-min fair sharing under nested caps.

A leaf takes between `low_w` and `high_w` with a weight; a cap bounds the sum of all leaves below it. Raise one water
level: every leaf rises in proportion to its weight until it has what it wants or until a cap above it is full. The
result is the unique weighted max-min point, and for nested caps it also has the largest total (Megiddo 1974,
Fujishige 1980). Cost is O(n · depth · log n); there is no iteration count and no slice size to tune.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs

TINY_W = 1e-6  # below this two powers are the same; ours, a millionth of a watt


class Infeasible(ValueError):
    """The floors below a cap add up to more than the cap."""


@attrs.frozen(kw_only=True)
class Leaf:
    """One taker of power."""

    name: str
    high_w: float
    weight: float = 1.0
    low_w: float = 0.0

    @property
    def floor_w(self) -> float:
        return min(self.low_w, self.high_w)


@attrs.frozen(kw_only=True)
class Cap:
    """An upper bound on the sum of everything below it. `name` is what a limited leaf is told."""

    name: str
    cap_w: float
    below: Sequence[Cap | Leaf]


@attrs.frozen
class Share:
    """What a leaf gets, and the cap that held it back ("demand" if none did)."""

    power_w: float
    limited_by: str


@attrs.frozen
class _Bend:
    """The supply of a subtree against the water level is piecewise linear: here its slope changes."""

    level: float
    slope: float


@attrs.frozen
class _Supply:
    """A subtree's supply: its value at level 0, its bends, and the level at which its own cap is full."""

    base_w: float
    bends: Sequence[_Bend]
    full_at: float = math.inf


def waterfill(root: Cap) -> dict[str, Share]:
    """The fair share of every leaf below `root`, by name. Raises Infeasible if floors exceed a cap."""
    full_at: dict[int, float] = {}
    _supply(root, full_at)
    return {leaf.name: _share(leaf, level, cap) for leaf, level, cap in _levels(root, math.inf, "demand", full_at)}


def _supply(node: Cap | Leaf, full_at: dict[int, float]) -> _Supply:
    if isinstance(node, Leaf):
        return _leaf_supply(node)
    parts = [_supply(child, full_at) for child in node.below]
    supply = _capped(node, sum(part.base_w for part in parts), sorted(_bends(parts), key=lambda bend: bend.level))
    full_at[id(node)] = supply.full_at
    return supply


def _leaf_supply(leaf: Leaf) -> _Supply:
    if leaf.high_w <= leaf.floor_w + TINY_W:
        return _Supply(leaf.floor_w, ())
    rise = _Bend(leaf.floor_w / leaf.weight, leaf.weight)
    stop = _Bend(leaf.high_w / leaf.weight, -leaf.weight)
    return _Supply(leaf.floor_w, (rise, stop))


def _bends(parts: Sequence[_Supply]) -> Iterator[_Bend]:
    for part in parts:
        yield from part.bends


def _capped(node: Cap, base_w: float, bends: Sequence[_Bend]) -> _Supply:
    """The sum of the parts, cut off where it reaches the cap."""
    if base_w > node.cap_w + TINY_W:
        raise Infeasible(f"the floors below {node.name} need {base_w:.0f} W, its cap is {node.cap_w:.0f} W")
    supply_w, slope, level = base_w, 0.0, 0.0
    kept: list[_Bend] = []
    for bend in bends:
        next_w = supply_w + slope * (bend.level - level)
        if next_w > node.cap_w + TINY_W:
            full_at = level + max(0.0, node.cap_w - supply_w) / slope
            return _Supply(base_w, (*kept, _Bend(full_at, -slope)), full_at)
        supply_w, level, slope = next_w, bend.level, slope + bend.slope
        kept.append(bend)
    return _Supply(base_w, kept)


def _levels(
    node: Cap | Leaf, level: float, binding: str, full_at: dict[int, float]
) -> Iterator[tuple[Leaf, float, str]]:
    """Each leaf with the lowest level at which a cap above it is full, and that cap's name."""
    if isinstance(node, Leaf):
        yield node, level, binding
        return
    if full_at[id(node)] < level:
        level, binding = full_at[id(node)], node.name
    for child in node.below:
        yield from _levels(child, level, binding, full_at)


def _share(leaf: Leaf, level: float, binding: str) -> Share:
    wanted_w = leaf.high_w if math.isinf(level) else leaf.weight * level
    power_w = min(leaf.high_w, max(leaf.floor_w, wanted_w))
    return Share(power_w, "demand" if power_w >= leaf.high_w - TINY_W else binding)
