"""Random sites, for properties and for comparison with an optimum: nested groups, limits, weights, tiers, shares."""

from __future__ import annotations

import math
import random

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.tree import Group, Tree
from tests.planner.scenes import KW, limit, wants


@attrs.frozen
class Site:
    """Everything `compute` needs but a past."""

    demands: tuple[Demand, ...]
    limits: tuple[Limit, ...]
    rules: Rules


def random_site(
    dice: random.Random, connectors: int, *, tiers: int = 1, shares: bool = False, min_useful_kw: float = 0.0
) -> Site:
    """A site of so many connectors, cut into chains, with feeders over some chains and inside one of them."""
    ids = list(range(1, connectors + 1))
    chains = _cut(dice, ids, max(1, connectors // 3))
    groups = [_group(f"chain-{n}", chain) for n, chain in enumerate(chains)]
    if shares:
        groups = [attrs.evolve(one, share_w=_between(dice, 0, 120) * KW * len(one.connectors)) for one in groups]
    if len(chains) > 1:
        groups.append(_group("feeder-over", [n for chain in chains[: dice.randint(1, len(chains))] for n in chain]))
    longest = max(chains, key=len)
    if len(longest) > 1:
        groups.append(_group("feeder-in", longest[: dice.randint(1, len(longest) - 1)]))
    limits = [limit("site", _between(dice, 20, 100) * connectors)]
    limits += [limit(one.scope, _between(dice, 10, 130) * len(one.connectors)) for one in groups]
    limits += [limit(f"connector-{n}", _between(dice, 5, 120)) for n in ids if dice.random() < 0.3]
    demands = [
        wants(n, _between(dice, 0, 200), weight=dice.choice((1.0, 1.0, 0.5, 2.0, 5.0)), tier=dice.randint(1, tiers))
        for n in ids
    ]
    terms = Rules(tree=Tree(tuple(groups)), min_useful_w=min_useful_kw * KW, borrowing=dice.random() < 0.7)
    return Site(tuple(demands), tuple(limits), terms)


def caps_of(site: Site, *, guaranteed: bool) -> list[tuple[frozenset[ConnectorId], float]]:
    """Every cap of the site with the connectors below it, W: as guaranteed, or as wired."""
    least: dict[str, float] = {}
    for one in site.limits:
        least[one.scope] = min(one.value_w, least.get(one.scope, math.inf))
    everyone = frozenset(one.connector_id for one in site.demands)
    caps = [(everyone, least["site"])]
    for group in site.rules.tree.groups:
        cap_w = least.get(group.scope, math.inf)
        caps.append((group.connectors, min(cap_w, group.share_w) if guaranteed else cap_w))
    caps += [
        (frozenset({one.connector_id}), least[f"connector-{one.connector_id}"])
        for one in site.demands
        if f"connector-{one.connector_id}" in least
    ]
    return caps


def _between(dice: random.Random, low: float, high: float) -> float:
    """Often a round number, so that equal levels, full caps and zeros come up; else anything."""
    value = dice.uniform(low, high)
    return round(value, -1) if dice.random() < 0.4 else value


def _cut(dice: random.Random, ids: list[int], parts: int) -> list[list[int]]:
    at = sorted(dice.sample(range(1, len(ids)), min(parts - 1, len(ids) - 1)))
    return [ids[start:end] for start, end in zip([0, *at], [*at, len(ids)], strict=True)]


def _group(scope: str, connectors: list[int]) -> Group:
    return Group(scope=scope, connectors=frozenset(ConnectorId(n) for n in connectors))
