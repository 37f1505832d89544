"""Every assignment of a small instance, weighed: what the planner's own must not be worse than."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId
from tests.planner.assignment.instances import Instance

Levels = list[tuple[int, float]]


@attrs.frozen
class Weighed:
    """An assignment by numbers of connectors (None: idle), its sorted levels, and its moves by cost."""

    owner: tuple[ConnectorId | None, ...]
    levels: Levels
    cost: int


def levels(instance: Instance, owner: Sequence[ConnectorId | None]) -> Levels:
    """Computed from the topology alone."""
    situation = instance.situation
    capacity_w = dict.fromkeys(instance.targets_w, 0.0)
    for feed, connector in zip(instance.topology.feeds, owner, strict=True):
        if connector is not None and feed.id not in situation.faulty:
            part = situation.derating.get(feed.id, 1.0)
            capacity_w[connector] += part * feed.power_at(situation.voltages_v[connector])
    return sorted(
        (
            situation.tiers.get(each, 1),
            round(min(target_w, capacity_w[each]) / situation.weights.get(each, 1.0), 2),
        )
        for each, target_w in instance.targets_w.items()
        if target_w > 0
    )


def cost(instance: Instance, owner: Sequence[ConnectorId | None]) -> int:
    total = 0
    for feed, connector in zip(instance.topology.feeds, owner, strict=True):
        was = instance.situation.present.get(feed.id)
        if connector not in (was, None):
            total += 1 if was is None else 2
    return total


def violations(instance: Instance, owner: Sequence[ConnectorId | None]) -> list[str]:
    """What the assignment does that it must not."""
    return list(_violations(instance, owner))


def _violations(instance: Instance, owner: Sequence[ConnectorId | None]) -> Iterator[str]:
    situation = instance.situation
    stuck = {*situation.locked, *situation.faulty}
    used: dict[str, set[ConnectorId]] = {}
    amps: dict[str, float] = {}
    for feed, connector in zip(instance.topology.feeds, owner, strict=True):
        was = situation.present.get(feed.id)
        if feed.id in stuck and connector != was:
            yield f"{feed.id} is locked and moves"
        if connector is None or feed.id in stuck:
            continue
        way = feed.way_to(connector)
        if way is None:
            yield f"{feed.id} does not reach {connector}"
        elif way.bridge:
            used.setdefault(way.bridge, set()).add(connector)
            volts = situation.voltages_v[connector]
            amps[way.bridge] = amps.get(way.bridge, 0.0) + feed.power_at(volts) / volts
    for bridge, connectors in used.items():
        if len(connectors) > 1:
            yield f"{bridge} is used by {connectors}"
        if amps[bridge] > instance.topology.bridges[bridge].max_current_a + 1e-6:
            yield f"{bridge} carries {amps[bridge]} A"
    for each in situation.delivering:
        feeds = instance.topology.feeds
        had = {f.id for f in feeds if situation.present.get(f.id) == each and f.id not in situation.faulty}
        had = {f.id for f in feeds if f.id in had and f.power_at(situation.voltages_v[each]) > 0}
        has = {feed.id for feed, connector in zip(feeds, owner, strict=True) if connector == each}
        if had and not had & has:
            yield f"{each} delivers and loses its last module"


def every(instance: Instance) -> Iterator[Weighed]:
    """All allowed assignments."""
    choices: list[list[ConnectorId | None]] = []
    for feed in instance.topology.feeds:
        choices.append([None, *(way.connector for way in feed.ways)])
        if feed.id in {*instance.situation.locked, *instance.situation.faulty}:
            choices[-1] = [instance.situation.present.get(feed.id)]
    for owner in itertools.product(*choices):
        if not violations(instance, owner):
            yield Weighed(owner, levels(instance, owner), cost(instance, owner))


def best(instance: Instance) -> Weighed:
    """The best levels, and of those the fewest moves."""
    return max(every(instance), key=lambda one: (one.levels, -one.cost))
