"""Bus-bars in a row or a ring: each connector is fed by segments in one piece around its own.

Between two neighbouring connectors lies a gap of segments; the first few go to one, the last few to the other, those
between stay idle. A dynamic programme over the gaps finds the best worst level exactly (tier by tier), then the largest
total at that level, then the fewest moves. Below the worst connector the full order is not sought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class Host:
    """A connector that wants power, on the segment it stands at. `base_w` comes from elsewhere."""

    segment: int
    gives_w: Sequence[float]  # what each segment's modules give this connector
    target_w: float
    weight: float = 1.0
    tier: int = 1
    base_w: float = 0.0
    most_before: float = math.inf  # segments in a row that the ties before its own carry, and behind it
    most_behind: float = math.inf


@attrs.frozen
class _Gap:
    """The segments between two hosts; `left` and `right` are hosts by number, None at the end of a row."""

    segments: Sequence[int]
    left: int | None
    right: int | None


@attrs.define(eq=False)
class _Bar:
    hosts: Sequence[Host]
    gaps: Sequence[_Gap]
    is_ring: bool
    present: Sequence[int | None]  # host of each segment
    locked: Sequence[bool]
    first_w: list[list[float]]  # by gap: what its first n segments give its left host
    last_w: list[list[float]]
    splits: list[list[tuple[int, int]]]  # by gap: how many of it go to the left and to the right host
    costs: list[dict[tuple[int, int], int]]


def divide(
    hosts: Sequence[Host],
    segments: int,
    is_ring: bool,
    present: Sequence[int | None],
    locked: Sequence[bool] | None = None,
) -> list[int | None]:
    """The host (by number) of each segment. Hosts in the order of their segments; a locked segment stays as it is."""
    owner: list[int | None] = [None] * segments
    if not hosts:
        return owner
    bar = _prepared(hosts, segments, is_ring, present, locked or [False] * segments)
    required = [0.0] * len(hosts)
    for tier in sorted({host.tier for host in hosts}):
        worst = _worst_level(bar, required, tier)
        required = [worst if host.tier == tier else level for host, level in zip(hosts, required, strict=True)]
    best = _largest_total(bar, required)
    for number, host in enumerate(hosts):
        owner[host.segment] = number
    for gap, (to_left, to_right) in zip(bar.gaps, best, strict=True):
        for segment in gap.segments[:to_left]:
            owner[segment] = gap.left
        for segment in gap.segments[len(gap.segments) - to_right :]:
            owner[segment] = gap.right
    return owner


def _prepared(
    hosts: Sequence[Host], segments: int, is_ring: bool, present: Sequence[int | None], locked: Sequence[bool]
) -> _Bar:
    gaps = list(_gaps(hosts, segments, is_ring))
    bar = _Bar(hosts, gaps, is_ring, present, locked, [], [], [], [])
    for gap in gaps:
        bar.first_w.append(_sums(gap.segments, None if gap.left is None else hosts[gap.left]))
        bar.last_w.append(_sums(gap.segments[::-1], None if gap.right is None else hosts[gap.right]))
        bar.splits.append(list(_splits(bar, gap)))
        bar.costs.append({split: _cost(bar, gap, split) for split in bar.splits[-1]})
    return bar


def _gaps(hosts: Sequence[Host], segments: int, is_ring: bool) -> Iterator[_Gap]:
    """In the order of the hosts: gap n lies before host n, one more behind the last. On a ring these two are one."""
    last = len(hosts) - 1
    starts = [host.segment for host in hosts]
    if is_ring:
        for number, start in enumerate(starts):
            end = starts[(number + 1) % len(starts)]
            length = (end - start - 1) % segments if last else segments - 1
            between = [(start + 1 + step) % segments for step in range(length)]
            yield _Gap(between, number, (number + 1) % len(starts))
        return
    yield _Gap(range(starts[0]), None, 0)
    for number in range(last):
        yield _Gap(range(starts[number] + 1, starts[number + 1]), number, number + 1)
    yield _Gap(range(starts[last] + 1, segments), last, None)


def _sums(segments: Sequence[int], host: Host | None) -> list[float]:
    sums = [0.0]
    for segment in segments:
        sums.append(sums[-1] + (host.gives_w[segment] if host else 0.0))
    return sums


def _splits(bar: _Bar, gap: _Gap) -> Iterator[tuple[int, int]]:
    length = len(gap.segments)
    most_left = 0 if gap.left is None else int(min(length, bar.hosts[gap.left].most_behind))
    most_right = 0 if gap.right is None else int(min(length, bar.hosts[gap.right].most_before))
    for to_left in range(most_left + 1):
        for to_right in range(min(most_right, length - to_left) + 1):
            if _leaves_locked(bar, gap, to_left, length - to_right):
                yield to_left, to_right


def _leaves_locked(bar: _Bar, gap: _Gap, end_of_left: int, start_of_right: int) -> bool:
    for at, segment in enumerate(gap.segments):
        if bar.locked[segment]:
            owner = gap.left if at < end_of_left else gap.right if at >= start_of_right else None
            was = bar.present[segment]
            if owner != (was if was in (gap.left, gap.right) else None):
                return False
    return True


def _cost(bar: _Bar, gap: _Gap, split: tuple[int, int]) -> int:
    """As for modules: 1 for a segment that was idle, 2 for one that was another's."""
    mine = [(segment, gap.left) for segment in gap.segments[: split[0]]]
    mine += [(segment, gap.right) for segment in gap.segments[len(gap.segments) - split[1] :]]
    was = bar.present
    return sum(1 if was[segment] is None else 2 for segment, owner in mine if was[segment] != owner)


_Worth: TypeAlias = tuple[float, ...]
_Splits: TypeAlias = tuple[tuple[int, int], ...]
_Found: TypeAlias = tuple[_Worth, _Splits]


@attrs.frozen
class _Aim:
    """What a division is worth: each host's part by its power (None: not allowed), each gap's part, and their union."""

    of_host: Callable[[int, float], _Worth | None]
    of_gap: Callable[[int, tuple[int, int]], _Worth]
    union: Callable[[_Worth, _Worth], _Worth]


def _worst_level(bar: _Bar, required: Sequence[float], tier: int) -> float:
    """The best that the worst unsatisfied host of `tier` can have while `required` levels hold; infinite if none is."""

    def of_host(number: int, power_w: float) -> _Worth | None:
        level = _level(bar.hosts[number], power_w)
        if level < required[number] - 1e-6:
            return None
        return (level if bar.hosts[number].tier == tier else math.inf,)

    return _best(bar, _Aim(of_host, lambda _gap, _split: (math.inf,), min))[0][0]


def _largest_total(bar: _Bar, required: Sequence[float]) -> _Splits:
    """Among divisions that hold the required levels: the largest total, fewest moves, fewest segments."""

    def of_host(number: int, power_w: float) -> _Worth | None:
        host = bar.hosts[number]
        if _level(host, power_w) < required[number] - 1e-6:
            return None
        return round(min(power_w, host.target_w) * 1000), 0, 0

    def of_gap(gap: int, split: tuple[int, int]) -> _Worth:
        return 0, -bar.costs[gap][split], -sum(split)

    def union(one: _Worth, other: _Worth) -> _Worth:
        return one[0] + other[0], one[1] + other[1], one[2] + other[2]

    return _best(bar, _Aim(of_host, of_gap, union))[1]


def _level(host: Host, power_w: float) -> float:
    return math.inf if power_w >= host.target_w - 1e-3 else power_w / host.weight


def _best(bar: _Bar, aim: _Aim) -> _Found:
    """The division that is worth most. There is one: the required levels came from one."""
    found: list[_Found] = []
    if bar.is_ring:
        closing = len(bar.gaps) - 1
        for to_first in sorted({right for _, right in bar.splits[closing]}):
            found += _through(bar, aim, {to_first: None}, closing_with=to_first)
    else:
        start: dict[int, _Found | None] = {split[1]: (aim.of_gap(0, split), (split,)) for split in bar.splits[0]}
        found = _through(bar, aim, start, closing_with=None)
    return max(found, key=lambda each: each[0])


def _through(bar: _Bar, aim: _Aim, start: dict[int, _Found | None], closing_with: int | None) -> list[_Found]:
    """Host by host; all that matters of the past is how many segments of the gap behind go to the next host."""
    table = start
    for number, host in enumerate(bar.hosts):
        behind = (number - 1) % len(bar.gaps) if bar.is_ring else number
        ahead = number if bar.is_ring else number + 1
        is_last = number == len(bar.hosts) - 1
        own_w = host.base_w + host.gives_w[host.segment]
        onward: dict[int, _Found | None] = {}
        for from_behind, so_far in table.items():
            for split in bar.splits[ahead]:
                if is_last and closing_with is not None and split[1] != closing_with:
                    continue
                power_w = own_w + bar.last_w[behind][from_behind] + bar.first_w[ahead][split[0]]
                worth = aim.of_host(number, power_w)
                if worth is None:
                    continue
                worth = aim.union(worth, aim.of_gap(ahead, split))
                if so_far is not None:
                    worth = aim.union(so_far[0], worth)
                best = onward.get(split[1])
                if best is None or worth > best[0]:
                    onward[split[1]] = (worth, (*(so_far[1] if so_far else ()), split))
        table = onward
    return [each for each in table.values() if each is not None]
