"""The rules of a site: its tree of caps and the terms on which power is shared. Fixed between two configurations."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.model.limits import Limit
from jp_firmware.planner.tree import Group, Tree

CONFIGURED = "configured"
SITE_LIMIT = "site limit"  # who owns what is configured for the site as a whole


@attrs.frozen(kw_only=True)
class Rules:
    """How power is shared. Without any of it: one cap, no minimum, no ramp."""

    tree: Tree = attrs.field(factory=Tree)
    borrowing: bool = True  # a chain may use what others leave of their shares
    min_useful_w: float = 0.0  # below it a session waits instead of dribbling
    rotate_s: float = 900.0  # who waits takes turns
    reserve_w: float = 0.0  # of what the site's limit leaves at the connectors, never shared
    efficiency: float = 1.0  # of limits at the grid so much is left at the connectors, 0 to 1
    ramp_a_per_s: float = math.inf  # how fast a connector's current can rise at most
    modest_s: float = 10.0  # ours: a car that draws less than it may for so long keeps a reserve only
    shares: tuple[Limit, ...] = attrs.field(init=False)  # without borrowing a chain's share is a limit like others

    guarantees_w: Mapping[str, float] = attrs.field(init=False)  # by chain's scope

    @guarantees_w.default
    def _guarantees_w(self) -> Mapping[str, float]:
        return {one.scope: one.share_w for one in self.tree.groups if not math.isinf(one.share_w)}

    @shares.default
    def _shares(self) -> tuple[Limit, ...]:
        if self.borrowing:
            return ()
        return tuple(
            Limit(owner=f"share of {name_of(one.scope)}", scope=one.scope, value_w=one.share_w, reason="no borrowing")
            for one in self.tree.groups
            if not math.isinf(one.share_w)
        )

    @classmethod
    def of(cls, cabinet: Cabinet) -> Rules:
        """The rules of a cabinet. Raises NotNested for chains and feeders that overlap: its checks refuse them."""
        terms = cabinet.planner
        return cls(
            tree=Tree(groups_of(cabinet)),
            borrowing=terms.borrowing,
            min_useful_w=terms.min_useful_w,
            rotate_s=terms.rotate_s,
            reserve_w=terms.reserve_w * cabinet.site.efficiency,
            efficiency=cabinet.site.efficiency,
            ramp_a_per_s=terms.ramp_a_per_s,
        )


def name_of(scope: str) -> str:
    """A scope as people say it: "chain A", "feeder NORTH", "connector 2", "the site"."""
    kind, dash, name = scope.partition("-")
    return f"{kind} {name}" if dash else "the site"


def groups_of(cabinet: Cabinet) -> tuple[Group, ...]:
    """Chains and feeders as groups of the tree."""
    chains = [
        Group(
            scope=f"chain-{one.name}",
            connectors=frozenset(one.connectors),
            share_w=math.inf if one.share_w is None else one.share_w,
        )
        for one in cabinet.chains
    ]
    feeders = [Group(scope=f"feeder-{one.name}", connectors=frozenset(one.connectors)) for one in cabinet.feeders]
    return (*chains, *feeders)


def scopes_of(cabinet: Cabinet) -> frozenset[str]:
    """All scopes a limit may have in this cabinet."""
    groups = [group.scope for group in groups_of(cabinet)]
    return frozenset({"site", *groups, *(f"connector-{one.id}" for one in cabinet.connectors)})


def configured_limits(cabinet: Cabinet) -> tuple[Limit, ...]:
    """The limits that the configuration owns: of the site's connection, the chains and the feeders."""
    site = Limit(owner=SITE_LIMIT, scope="site", value_w=cabinet.site.limit_w, reason=CONFIGURED)
    chains = [
        Limit(owner=f"chain {one.name}", scope=f"chain-{one.name}", value_w=one.cap_w, reason=CONFIGURED)
        for one in cabinet.chains
    ]
    feeders = [
        Limit(owner=f"feeder {one.name}", scope=f"feeder-{one.name}", value_w=one.limit_w, reason=CONFIGURED)
        for one in cabinet.feeders
    ]
    return (site, *chains, *feeders)
