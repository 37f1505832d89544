"""The tree of caps: which connectors stand below which chain and feeder, and sharing a power among them under all caps.

Chains and feeders must nest: two of them are apart, or one holds the other (`NotNested` otherwise; the configuration's
checks refuse it with its place). Only then is the fair share unique and its total the largest possible. Pure.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.waterfill import TINY_W, Cap, Leaf, Share, waterfill

SITE = "site"
ABOVE_ALL: Sequence[str] = (SITE,)  # of a connector that is on no feeder and in no chain


class NotNested(ValueError):
    """Two groups of connectors overlap, and neither holds the other."""


@attrs.frozen(kw_only=True)
class Group:
    """Connectors with a limit in common. `scope` is "chain-NAME" or "feeder-NAME"."""

    scope: str
    connectors: frozenset[ConnectorId]
    share_w: float = math.inf  # theirs even when others ask for more; infinite: all their limit allows


def overlap(groups: Iterable[Group]) -> tuple[Group, Group] | None:
    """Two groups that are neither apart nor one inside the other, if there are any."""
    for one, other in itertools.combinations(groups, 2):
        shared = one.connectors & other.connectors
        if shared and shared not in (one.connectors, other.connectors):
            return one, other
    return None


@attrs.frozen
class Tree:
    """The groups, nested. Build it once: `paths` and the order of caps are worked out then. Raises NotNested."""

    groups: tuple[Group, ...] = ()
    paths: Mapping[ConnectorId, Sequence[str]] = attrs.field(init=False)  # scopes above each, innermost first
    _inner_first: Sequence[tuple[str, str]] = attrs.field(init=False)  # each group's scope and its parent's

    def __attrs_post_init__(self) -> None:
        crossing = overlap(self.groups)
        if crossing:
            raise NotNested(f"{crossing[0].scope} and {crossing[1].scope} overlap, and neither holds the other")
        # Of two groups of the same connectors a feeder stands above a chain: a chain hangs on its supply.
        inner_first = sorted(self.groups, key=lambda group: (len(group.connectors), not _is_chain(group)))
        paths: dict[ConnectorId, list[str]] = {}
        parents: dict[str, str] = {}
        for number, group in enumerate(inner_first):
            holder = next((one for one in inner_first[number + 1 :] if group.connectors <= one.connectors), None)
            parents[group.scope] = holder.scope if holder else SITE
            for connector in group.connectors:
                paths.setdefault(connector, []).append(group.scope)
        object.__setattr__(self, "paths", {key: (*scopes, SITE) for key, scopes in paths.items()})
        object.__setattr__(self, "_inner_first", [(one.scope, parents[one.scope]) for one in inner_first])

    def path(self, connector: ConnectorId) -> Sequence[str]:
        """The scopes above a connector, innermost first; the site is the last."""
        return self.paths.get(connector, ABOVE_ALL)

    def have_room(self, caps_w: Mapping[str, float], wanted_w: Mapping[ConnectorId, float]) -> bool:
        """Whether all of this fits below every cap. A scope that is not named has no cap."""
        sums_w = self.sums(wanted_w)
        return all(sum_w <= caps_w.get(scope, math.inf) + TINY_W for scope, sum_w in sums_w.items())

    def sums(self, power_w: Mapping[ConnectorId, float]) -> dict[str, float]:
        """What these connectors take together below each scope, W; a scope that is not named is not above them."""
        sums_w: defaultdict[str, float] = defaultdict(float)
        for connector, each_w in power_w.items():
            for scope in self.paths.get(connector, ABOVE_ALL):
                sums_w[scope] += each_w
        return sums_w

    def left(self, caps_w: Mapping[str, float], taken_w: Mapping[ConnectorId, float]) -> dict[str, float]:
        """What these connectors leave of each cap, W; less than nothing where they take more."""
        left_w = dict(caps_w)
        for connector, power_w in taken_w.items():
            for scope in self.path(connector):
                if scope in left_w:
                    left_w[scope] -= power_w
        return left_w

    def fill(self, caps_w: Mapping[str, float], leaves: Mapping[ConnectorId, Leaf]) -> dict[ConnectorId, Share]:
        """The fair share of each leaf under the caps of all scopes above it. A scope that is not named has no cap.

        Raises Infeasible if the leaves' floors exceed a cap.
        """
        below: defaultdict[str, list[Cap | Leaf]] = defaultdict(list)
        most_w: defaultdict[str, float] = defaultdict(float)  # of all below a scope together
        for connector, leaf in leaves.items():
            scope = self.paths.get(connector, ABOVE_ALL)[0]
            below[scope].append(leaf)
            most_w[scope] += leaf.high_w
        for scope, parent in self._inner_first:
            if scope not in below:
                continue
            held, held_w, cap_w = below.pop(scope), most_w[scope], caps_w.get(scope, math.inf)
            if held_w > cap_w:
                held, held_w = [Cap(name=scope, cap_w=cap_w, below=held)], cap_w
            below[parent] += held  # a cap above the most of all below it holds nobody back
            most_w[parent] += held_w
        shares = waterfill(Cap(name=SITE, cap_w=caps_w.get(SITE, math.inf), below=below[SITE]))
        return {connector: shares[leaf.name] for connector, leaf in leaves.items()}


def _is_chain(group: Group) -> bool:
    return group.scope.startswith("chain-")
