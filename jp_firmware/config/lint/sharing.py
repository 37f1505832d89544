"""Whether a cabinet's chains, feeders and terms of sharing fit together: they must nest, and leave something to share.

Pure; each check is a rule's, or a part of one (`lint.groups`). Power is shared exactly only under limits that nest, so
groups that overlap halfway are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from jp_firmware.config.schema import Cabinet, Chain, Feeder
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def groups(cabinet: Cabinet) -> Iterator[tuple[KeyPath, str, Chain | Feeder]]:
    yield from ((("chains", at), "chain", one) for at, one in enumerate(cabinet.chains))
    yield from ((("feeders", at), "feeder", one) for at, one in enumerate(cabinet.feeders))


def names(cabinet: Cabinet) -> Iterator[Mistake]:
    seen: set[tuple[str, str]] = set()
    for path, what, group in groups(cabinet):
        if not _NAME.fullmatch(group.name):
            yield Mistake((*path, "name"), f'"{group.name}" is no name; use letters, digits, "-" and "_"')
        if (what, group.name) in seen:
            yield Mistake((*path, "name"), f'"{group.name}" is used twice; give each {what} a name of its own')
        seen.add((what, group.name))


def members(cabinet: Cabinet) -> Iterator[Mistake]:
    known = [one.id for one in cabinet.connectors]
    for path, what, group in groups(cabinet):
        at: KeyPath = (*path, "connectors")
        if not group.connectors:
            yield Mistake(at, f"is empty; name the connectors of the {what}")
        for nth, connector in enumerate(group.connectors):
            if connector not in known:
                there = f"known: {', '.join(map(str, known))}" if known else "add one under [[connectors]]"
                yield Mistake((*at, nth), f"there is no connector {connector}; {there}")
            elif connector in group.connectors[:nth]:
                yield Mistake((*at, nth), f"{connector} is named twice; remove one")


def chains_apart(cabinet: Cabinet) -> Iterator[Mistake]:
    """A connector stands behind one PLC board, so in one chain; its share is then nobody else's."""
    for (_, one), (at, other) in combinations(enumerate(cabinet.chains), 2):
        for connector in sorted(set(one.connectors) & set(other.connectors)):
            nth = other.connectors.index(connector)
            yield Mistake(
                ("chains", at, "connectors", nth),
                f"connector {connector} is in chain {one.name} already; a connector belongs to one chain",
            )


def nested(cabinet: Cabinet) -> Iterator[Mistake]:
    for (_, what, one), (path, other_what, other) in combinations(groups(cabinet), 2):
        if what == other_what == "chain":
            continue  # told already
        here, there = set(other.connectors), set(one.connectors)
        shared = here & there
        if shared and shared not in (here, there):
            numbers = ", ".join(map(str, sorted(shared)))
            yield Mistake(
                (*path, "connectors"),
                f"{other_what} {other.name} shares connector {numbers} with {what} {one.name}, but neither holds all "
                "of the other; put all connectors of one into the other, or keep them apart",
            )


def shares_and_caps(cabinet: Cabinet) -> Iterator[Mistake]:
    for at, chain in enumerate(cabinet.chains):
        if chain.share_w is not None and chain.share_w > chain.cap_w:
            yield Mistake(
                ("chains", at, "share_w"),
                f"{chain.share_w:g} is above cap_w ({chain.cap_w:g}), which its wiring can carry; lower one",
            )


def reserve(cabinet: Cabinet) -> Iterator[Mistake]:
    terms, limit_w = cabinet.planner, cabinet.site.limit_w
    if limit_w and terms.reserve_w >= limit_w:
        yield Mistake(
            ("planner", "reserve_w"),
            f"{terms.reserve_w:g} leaves nothing of site.limit_w ({limit_w:g}) to share; lower it",
        )


def useful_minimum(cabinet: Cabinet) -> Iterator[Mistake]:
    """Whoever may not have the useful minimum waits for ever."""
    terms = cabinet.planner
    for path, what, group in groups(cabinet):
        most_w = group.cap_w if isinstance(group, Chain) else group.limit_w * cabinet.site.efficiency
        if 0 < most_w < terms.min_useful_w:
            yield Mistake(
                path,
                f"{what} {group.name} may carry {most_w:g} W to its connectors, less than planner.min_useful_w "
                f"({terms.min_useful_w:g}): "
                "nobody on it could ever charge; raise one or lower the other",
            )
