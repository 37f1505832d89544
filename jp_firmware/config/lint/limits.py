"""Rules about power: limits in their order from the connection to the connector, shares, and what stays when the site's
meter is lost.

All is compared as DC power at the connectors: of a limit at the grid `site.efficiency` is left there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from jp_firmware.config.lint.rule import Rule, Severity, Subject, of_cabinet
from jp_firmware.config.lint.sharing import groups
from jp_firmware.config.schema import Cabinet, Chain, Connector
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.model.ids import ConnectorId

_UNLIMITED_W = attrs.fields(Connector).max_power_w.default


@attrs.frozen
class _Limit:
    """One limit of power, and the connectors below it."""

    path: KeyPath
    name: str
    most_w: float  # DC
    connectors: frozenset[ConnectorId]


def _site(cabinet: Cabinet) -> _Limit:
    every = frozenset(one.id for one in cabinet.connectors)
    return _Limit(("site", "limit_w"), "site", _site_w(cabinet), every)


def _groups(cabinet: Cabinet) -> Iterator[_Limit]:
    for path, what, one in groups(cabinet):
        key, most_w = (
            ("cap_w", one.cap_w) if isinstance(one, Chain) else ("limit_w", one.limit_w * cabinet.site.efficiency)
        )
        yield _Limit((*path, key), f"{what} {one.name}", most_w, frozenset(one.connectors))


def _connectors(cabinet: Cabinet) -> Iterator[_Limit]:
    """Those that say a limit of their own."""
    for at, one in enumerate(cabinet.connectors):
        if one.max_power_w != _UNLIMITED_W:
            yield _Limit(
                ("connectors", at, "max_power_w"), f"connector {one.id}", one.max_power_w, frozenset((one.id,))
            )


def _most(limit: _Limit) -> float:
    return limit.most_w


def _site_w(cabinet: Cabinet) -> float:
    return cabinet.site.limit_w * cabinet.site.efficiency


def _shares(cabinet: Cabinet) -> Iterator[Mistake]:
    own = {at: one.share_w for at, one in enumerate(cabinet.chains) if one.share_w}
    together_w, most_w = sum(own.values()), _site_w(cabinet) - cabinet.planner.reserve_w
    if own and cabinet.site.limit_w and together_w > most_w:
        yield Mistake(
            ("chains", max(own), "share_w"),
            f"the chains' shares are {together_w:.12g} W together, and the site has {most_w:.12g} W to give; "
            "lower shares, or raise site.limit_w",
        )


def _never_binding(cabinet: Cabinet) -> Iterator[Mistake]:
    above = [_site(cabinet), *_groups(cabinet)]
    for inner in (*_groups(cabinet), *_connectors(cabinet)):
        outer = min(
            (one for one in above if one.path != inner.path and one.connectors >= inner.connectors),
            key=_most,
            default=None,
        )
        if outer and 0 < outer.most_w < inner.most_w:
            yield Mistake(
                inner.path,
                f"{inner.name} may carry {inner.most_w:.12g} W, but {outer.name} lets no more than "
                f"{outer.most_w:.12g} W through to it; lower it, or correct the other",
            )


def _never_reached(cabinet: Cabinet) -> Iterator[Mistake]:
    """What stands below a limit may be too little to ever reach it. Of two for the same connectors the lower counts."""
    found = [_site(cabinet), *_groups(cabinet)]
    below = [*_groups(cabinet), *_connectors(cabinet)]
    for outer in found:
        lowest = {one.connectors: one for one in sorted(below, key=_most, reverse=True)}
        inner = [one for one in lowest.values() if one.connectors < outer.connectors]
        widest = [one for one in inner if not any(one.connectors < other.connectors for other in inner)]
        together_w = sum(one.most_w for one in widest)
        covered = frozenset[ConnectorId]().union(*(one.connectors for one in widest))
        if widest and covered == outer.connectors and together_w < outer.most_w:
            names = ", ".join(sorted(one.name for one in widest))
            yield Mistake(
                outer.path,
                f"{outer.most_w:.12g} W are never drawn at {outer.name}: what is below it ({names}) may carry "
                f"{together_w:.12g} W together; lower it, or correct the others",
            )


def _shares_never_reached(subject: Subject) -> Iterator[Mistake]:
    most = {one.id: _can_have_w(subject, one) for one in subject.cabinet.connectors}
    for at, chain in enumerate(subject.cabinet.chains):
        together_w = sum(most.get(one, math.inf) for one in chain.connectors)
        if chain.share_w is not None and chain.connectors and chain.share_w > together_w:
            yield Mistake(
                ("chains", at, "share_w"),
                f"{chain.share_w:.12g} W are never used: the connectors of {chain.name} can have {together_w:.12g} W "
                "together; lower it",
            )


def _below_useful(subject: Subject) -> Iterator[Mistake]:
    cabinet = subject.cabinet
    useful_w = cabinet.planner.min_useful_w
    site_w = _site_w(cabinet) - cabinet.planner.reserve_w
    if 0 < site_w < useful_w:
        yield Mistake(
            ("site", "limit_w"),
            f"leaves {site_w:.12g} W to share, less than planner.min_useful_w ({useful_w:.12g}): sessions wait for "
            "ever; raise one or lower the other",
        )
    for at, connector in enumerate(cabinet.connectors):
        most_w = _can_have_w(subject, connector)
        if 0 < most_w < useful_w:
            yield Mistake(
                ("connectors", at, "max_power_w"),
                f"connector {connector.id} can have {most_w:.12g} W, less than planner.min_useful_w "
                f"({useful_w:.12g}), which means nothing there; lower that, or raise what the connector may have",
            )


def _can_have_w(subject: Subject, connector: Connector) -> float:
    """By cable, plug, and the modules that can come to it."""
    rating = subject.rating_of(connector.id)
    by_modules_w = rating.max_power_w if rating else math.inf
    return min(connector.max_power_w, connector.current_limit_a * connector.max_voltage_v, by_modules_w)


def _in_no_chain(cabinet: Cabinet) -> Iterator[Mistake]:
    chained = {connector for one in cabinet.chains for connector in one.connectors}
    for at, connector in enumerate(cabinet.connectors):
        if cabinet.chains and connector.id not in chained:
            yield Mistake(
                ("connectors", at),
                f"connector {connector.id} is in no chain, the others are; name it at the chain that it is wired to",
            )


def _nothing_left(cabinet: Cabinet) -> Iterator[Mistake]:
    meter, limit_w = cabinet.site_meter, cabinet.site.limit_w
    if meter and limit_w and meter.fallback_w >= limit_w:
        yield Mistake(
            ("site_meter", "fallback_w"),
            f"{meter.fallback_w:.12g} leaves nothing of site.limit_w ({limit_w:.12g}): charging stops whenever the "
            "meter is lost; lower it unless that is meant",
        )


def _all_left(cabinet: Cabinet) -> Iterator[Mistake]:
    meter = cabinet.site_meter
    if meter and not meter.fallback_w:
        yield Mistake(
            ("site_meter", "fallback_w"),
            "is 0: while the meter is lost the chargers take the whole connection, whatever the building draws; write "
            "the most that the building draws",
        )


LIMITS = (
    Rule(
        id="RULE-26",
        title="Guaranteed shares that are more than the site has",
        reason="What is guaranteed to every chain at once cannot be kept when all of them ask for it.",
        fix="Lower chains.*.share_w until their sum, and planner.reserve_w, fit into site.limit_w.",
        check=of_cabinet(_shares),
    ),
    Rule(
        id="RULE-27",
        title="A limit that can never bind",
        reason="A limit above it is lower. One of the two is probably a slip, as a zero too many.",
        fix="Keep the order: site, feeder, chain, connector, each at most what the one above it lets through.",
        severity=Severity.WARNING,
        check=of_cabinet(_never_binding),
    ),
    Rule(
        id="RULE-28",
        title="A limit that is never reached",
        reason="The limits below it are lower in sum, so less is drawn than whoever wrote it may expect.",
        fix="Lower it to what those below it carry together, or correct them.",
        severity=Severity.WARNING,
        check=of_cabinet(_never_reached),
    ),
    Rule(
        id="RULE-29",
        title="A share that its connectors cannot use",
        reason="Cables, plugs and modules of the chain's connectors give less than what is guaranteed to it.",
        fix="Lower chains.*.share_w to what the connectors can have.",
        severity=Severity.WARNING,
        check=_shares_never_reached,
    ),
    Rule(
        id="RULE-30",
        title="A useful minimum above what there is",
        reason="A session waits for planner.min_useful_w. Where the site has less, nobody charges; where a connector "
        "has less, the minimum does not hold for it.",
        fix="Lower planner.min_useful_w, or raise the limit.",
        severity=Severity.WARNING,
        check=_below_useful,
    ),
    Rule(
        id="RULE-31",
        title="A connector in no chain, where there are chains",
        reason="Nothing limits it but the site, and it has no share of its own when power is scarce.",
        fix="Name it at the chain whose wiring feeds it.",
        severity=Severity.WARNING,
        check=of_cabinet(_in_no_chain),
    ),
    Rule(
        id="RULE-32",
        title="A fallback of the site's meter that leaves nothing",
        reason="While the meter is lost the building is assumed to draw the whole connection: a loose wire stops all "
        "charging.",
        fix="Write what the building draws at most, unless charging shall stop then.",
        severity=Severity.WARNING,
        check=of_cabinet(_nothing_left),
    ),
    Rule(
        id="RULE-33",
        title="A site's meter without a fallback",
        reason="While the meter is lost nothing is assumed of the building, and building and chargers together may "
        "overload the connection.",
        fix="Write site_meter.fallback_w: the most that the building draws.",
        severity=Severity.WARNING,
        check=of_cabinet(_all_left),
    ),
)
