"""The acceptance cases of whole modules: E6 to E10 of the planner's facts, with the moves they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.assignment import ModulePlan, Situation, plan_modules
from jp_firmware.planner.assignment.module_plan import Share
from jp_firmware.planner.topology import Topology
from jp_firmware.planner.waterfill import Cap, Leaf, waterfill
from tests.planner.assignment.instances import KW, matrix, owners, rating

Powers = Mapping[ConnectorId, float]


def site(limit_kw: float, chains: Sequence[tuple[float, Sequence[int]]], share_kw: float | None = None) -> Share:
    """The fair share under a site limit and chains of (cap, connectors); with a share for each chain, borrowing is on:
    first everybody within the shares, then what is left within the caps."""

    def tree(high_w: Powers, low_w: Powers, caps_kw: Sequence[float]) -> Cap:
        return Cap(
            name="site",
            cap_w=limit_kw * KW,
            below=[
                Cap(
                    name=f"chain {number}",
                    cap_w=cap_kw * KW,
                    below=[
                        Leaf(
                            name=str(each),
                            high_w=high_w[ConnectorId(each)],
                            low_w=low_w.get(ConnectorId(each), 0.0),
                        )
                        for each in connectors
                    ],
                )
                for number, (cap_kw, (_, connectors)) in enumerate(zip(caps_kw, chains, strict=True))
            ],
        )

    def share(high_w: Powers) -> Powers:
        caps_kw = [cap_kw for cap_kw, _ in chains]
        low_w: Powers = {}
        if share_kw is not None:
            first = waterfill(tree(high_w, {}, [min(cap_kw, share_kw) for cap_kw in caps_kw]))
            low_w = {ConnectorId(int(name)): each.power_w for name, each in first.items()}
        return {ConnectorId(int(name)): each.power_w for name, each in waterfill(tree(high_w, low_w, caps_kw)).items()}

    return share


def plan(
    share: Share,
    wants_kw: Sequence[float],
    voltages_v: Sequence[float],
    topology: Topology,
    present: Sequence[int | None],
) -> ModulePlan:
    numbers = [ConnectorId(number) for number, _ in enumerate(wants_kw, start=1)]
    situation = Situation(voltages_v=dict(zip(numbers, voltages_v, strict=True)), present=owners(present))
    return plan_modules(share, {n: want * KW for n, want in zip(numbers, wants_kw, strict=True)}, situation, topology)


def kilowatts(powers: Powers) -> list[float]:
    return [round(powers[each] / KW, 3) for each in sorted(powers)]


def moves(made: ModulePlan) -> tuple[int, int, int]:
    """From connector to connector, from idle, to idle."""
    return len(made.assigned.moved), len(made.assigned.attached), len(made.assigned.released)


def test_e6_one_physical_rule_gives_every_number_of_the_overview() -> None:
    """60 kW modules of 100 A at 560, 380 and 500 V: 56/80/120 allowed, 56/76/100 assigned, and nothing moves."""
    topology = matrix([[1], [2], [2], [3], [3]], [rating(60, 100)] * 5)

    made = plan(site(300, [(136, [1, 2]), (200, [3])]), [56, 90, 120], [560, 380, 500], topology, [1, 2, 2, 3, 3])

    assert [56, 80, 120] == kilowatts(made.allowed_w)
    assert [56, 76, 100] == kilowatts(made.target_w)
    assert (0, 0, 0) == moves(made)


def two_chains(borrowing: bool) -> Topology:
    """Four 30 kW modules for each of two chains; with borrowing each module reaches both connectors."""
    home = [1] * 4 + [2] * 4
    return matrix([[1, 2] if borrowing else [each] for each in home], [rating(30, 100)] * 8)


@pytest.mark.parametrize(
    ("wants_kw", "borrowing", "present", "assigned_kw", "expected_moves"),
    [
        pytest.param([200, 0], False, [1] * 4 + [None] * 4, [120, 0], (0, 0, 0), id="E7a nothing is lent"),
        pytest.param([200, 0], True, [1] * 4 + [None] * 4, [200, 0], (0, 3, 0), id="E7b three join, one stays idle"),
        pytest.param([200, 120], True, [1] * 7 + [None], [120, 120], (3, 1, 0), id="E7c the lender takes it all back"),
        pytest.param([200, 60], True, [1] * 7 + [None], [180, 60], (1, 1, 0), id="E7d the lender takes some back"),
    ],
)
def test_e7_a_chain_lends_what_it_does_not_need(
    wants_kw: list[float],
    borrowing: bool,
    present: list[int | None],
    assigned_kw: list[float],
    expected_moves: tuple[int, int, int],
) -> None:
    cap_kw = 240 if borrowing else 120
    share = site(240, [(cap_kw, [1]), (cap_kw, [2])], share_kw=120)

    made = plan(share, wants_kw, [400, 400], two_chains(borrowing), present)

    assert assigned_kw == kilowatts(made.target_w)
    assert expected_moves == moves(made)


def test_e8_four_modules_for_three_who_want_more_than_one() -> None:
    topology = matrix([[1, 2, 3]] * 4, [rating(30, 100)] * 4)

    made = plan(site(500, [(500, [1, 2, 3])]), [40, 40, 40], [400] * 3, topology, [None] * 4)

    assert [40, 40, 40] == kilowatts(made.allowed_w)
    assert [40, 30, 30] == kilowatts(made.target_w)
    assert (0, 4, 0) == moves(made)


def test_e9_below_its_corner_a_module_gives_less() -> None:
    """30 kW modules of 100 A give 25 kW at 250 V: 60 kW takes three of them."""
    topology = matrix([[1]] * 3, [rating(30, 100)] * 3)

    made = plan(site(500, [(500, [1])]), [60], [250], topology, [1, 1, None])

    assert [60] == kilowatts(made.target_w)
    assert [75] == kilowatts(made.assigned.capacity_w)
    assert (0, 1, 0) == moves(made)


def test_e10_what_a_connector_cannot_carry_is_shared_again() -> None:
    topology = matrix([[1], [1], [2], [2], [2], [2], [2]], [rating(30, 100)] * 7)

    made = plan(site(160, [(500, [1]), (500, [2])]), [100, 150], [400, 400], topology, [1, 1, 2, 2, 2, None, None])

    assert [80, 80] == kilowatts(made.allowed_w)
    assert [60, 100] == kilowatts(made.target_w)
    assert [60, 120] == kilowatts(made.assigned.capacity_w)
    assert (0, 1, 0) == moves(made)
    assert made.assigned.owner[ModuleId("m0")] == ConnectorId(1)
