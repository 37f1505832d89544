"""Chains, feeders and the planner's terms: what does not nest or leaves nothing to share is told, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from jp_firmware.config.lint.groups import GROUPS
from jp_firmware.config.lint.rule import Subject
from jp_firmware.config.schema import Cabinet, Chain, Charger, Connector, Feeder, Planner, Site
from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.rules import Rules


def ids(*numbers: int) -> tuple[ConnectorId, ...]:
    return tuple(ConnectorId(n) for n in numbers)


def cabinet(**parts: Any) -> Cabinet:
    return Cabinet(
        charger=Charger(identity="JP-1"),
        site=Site(limit_w=300_000),
        connectors=tuple(Connector(id=ConnectorId(n)) for n in (1, 2, 3, 4)),
        **parts,
    )


def chain(name: str, *connectors: int, cap_w: float = 150_000, share_w: float | None = None) -> Chain:
    return Chain(name=name, connectors=ids(*connectors), cap_w=cap_w, share_w=share_w)


def feeder(name: str, *connectors: int, limit_w: float = 200_000) -> Feeder:
    return Feeder(name=name, connectors=ids(*connectors), limit_w=limit_w)


def told(one: Cabinet) -> list[str]:
    found = [mistake for rule in GROUPS for mistake in rule.mistakes(Subject(cabinet=one))]
    return [f"{'.'.join(map(str, mistake.path))}: {mistake.text}" for mistake in found]


def test_groups_that_nest_are_right_and_make_a_tree() -> None:
    one = cabinet(
        chains=(chain("A", 1, 2, share_w=100_000), chain("B", 3)),
        feeders=(feeder("NORTH", 1, 2, 3), feeder("ALL", 1, 2, 3, 4), feeder("A-TOO", 1, 2)),
    )

    assert [] == told(one)
    assert Rules.of(one).tree.path(ConnectorId(1)) == ("chain-A", "feeder-A-TOO", "feeder-NORTH", "feeder-ALL", "site")
    assert Rules.of(one).tree.path(ConnectorId(4)) == ("feeder-ALL", "site")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"chains": (chain("A", 1, 2),), "feeders": (feeder("NORTH", 2, 3),)},
            "feeders.0.connectors: feeder NORTH shares connector 2 with chain A, but neither holds all of the other; "
            "put all connectors of one into the other, or keep them apart",
        ),
        (
            {"chains": (chain("A", 1, 2), chain("B", 2, 3))},
            "chains.1.connectors.0: connector 2 is in chain A already; a connector belongs to one chain",
        ),
        (
            {"chains": (chain("A", 1), chain("A", 2))},
            'chains.1.name: "A" is used twice; give each chain a name of its own',
        ),
        ({"feeders": (feeder("N 1", 1),)}, 'feeders.0.name: "N 1" is no name; use letters, digits, "-" and "_"'),
        ({"chains": (chain("A", 7),)}, "chains.0.connectors.0: there is no connector 7; known: 1, 2, 3, 4"),
        ({"chains": (chain("A", 1, 1),)}, "chains.0.connectors.1: 1 is named twice; remove one"),
        ({"feeders": (feeder("N"),)}, "feeders.0.connectors: is empty; name the connectors of the feeder"),
        (
            {"chains": (chain("A", 1, cap_w=100_000, share_w=120_000),)},
            "chains.0.share_w: 120000 is above cap_w (100000), which its wiring can carry; lower one",
        ),
        (
            {"planner": Planner(reserve_w=300_000)},
            "planner.reserve_w: 300000 leaves nothing of site.limit_w (300000) to share; lower it",
        ),
        (
            {"chains": (chain("A", 1, cap_w=4000),)},
            "chains.0: chain A may carry 4000 W to its connectors, less than planner.min_useful_w (5000): "
            "nobody on it could ever charge; raise one or lower the other",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(parts: dict[str, Any], expected: str) -> None:
    assert [expected] == told(cabinet(**parts))
