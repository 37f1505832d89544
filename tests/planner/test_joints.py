"""Connectors that closed relays join, over each kind of way; and those that they do not."""

from __future__ import annotations

import pytest

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.joints import joints
from jp_firmware.planner.topology import Bridge, Relay, Topology
from tests.planner.ring_rig import A_B, B_TWO, C_ONE, ONE_A, TWO_C
from tests.planner.ring_rig import RING as BAR
from tests.planner.yard_rig import BRIDGE, LEFT, ONE, RIGHT, THREE, TWO, feeds

MATRIX = Topology(
    feeds=list(feeds().values()), bridges={"bridge": Bridge(name="bridge", relay=BRIDGE, max_current_a=200.0)}
)
RING = Topology(feeds=(), bus_bars=(BAR,))


def left(*numbers: int) -> set[Relay]:
    return {Relay(LEFT, number) for number in numbers}


def right(*numbers: int) -> set[Relay]:
    return {Relay(RIGHT, number) for number in numbers}


def joined(topology: Topology, closed: set[Relay]) -> list[set[ConnectorId]]:
    return [set(one.connectors) for one in joints(topology, closed)]


@pytest.mark.parametrize(
    "closed",
    [set(), left(3), left(3, 6), left(3, 5, 9), left(3) | right(3), right(7, 3, 5), left(9) | right(3, 5)],
)
def test_a_module_at_one_connector_joins_none(closed: set[Relay]) -> None:
    """Nor does one whose second way is closed but for its bridge, nor two that use a bridge for the same connector."""
    assert joined(MATRIX, closed) == []


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        (left(3, 4), [{ONE, TWO}]),
        (left(3, 9) | right(3), [{ONE, THREE}]),
        (left(3, 4, 9) | right(3), [{ONE, TWO, THREE}]),
        (left(3, 4, 5, 6), [{ONE, TWO}, {ONE, TWO}]),
    ],
)
def test_a_module_with_two_closed_ways_joins_their_connectors(
    closed: set[Relay], expected: list[set[ConnectorId]]
) -> None:
    assert joined(MATRIX, closed) == expected


def test_two_modules_over_one_bridge_join_their_connectors() -> None:
    """Module 1 goes over it to connector 3, module 3 to connector 1."""
    assert joined(MATRIX, left(7, 9) | right(3)) == [{ONE, THREE}]


@pytest.mark.parametrize("closed", [{ONE_A, A_B, C_ONE}, {TWO_C}, {ONE_A, TWO_C}, set()], ids=len)
def test_ties_around_one_connector_join_none(closed: set[Relay]) -> None:
    assert joined(RING, closed) == []


@pytest.mark.parametrize("closed", [{ONE_A, A_B, B_TWO}, {TWO_C, C_ONE}, {ONE_A, A_B, B_TWO, TWO_C, C_ONE}], ids=len)
def test_ties_in_a_row_from_one_connector_to_the_next_join_them(closed: set[Relay]) -> None:
    assert joined(RING, closed) == [{ONE, TWO}]


def test_the_relays_between_are_named_and_no_others() -> None:
    (joint,) = joints(MATRIX, left(3, 4, 6) | right(7))

    assert joint.relays == left(3, 4)
