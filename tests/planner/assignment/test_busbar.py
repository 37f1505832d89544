"""Bus-bars in a row and in a ring, against every way to cut them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence

import attrs
import pytest

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.planner.assignment import Situation, assign
from jp_firmware.planner.assignment.busbar import Host, divide
from jp_firmware.planner.topology import BusBar, Carrier, Carrying, Feed, Relay, Segment, Topology
from tests.planner.assignment.instances import KW, rating


def bar_of(powers_kw: Sequence[float], wants_kw: Sequence[float], weights: Sequence[float] | None = None) -> list[Host]:
    weights = weights or [1.0] * len(powers_kw)
    return [
        Host(segment=at, gives_w=[power * KW for power in powers_kw], target_w=want * KW, weight=weight)
        for at, (want, weight) in enumerate(zip(wants_kw, weights, strict=True))
        if want
    ]


def worth(hosts: Sequence[Host], owner: Sequence[int | None]) -> tuple[float, float]:
    """The worst level of whoever is not satisfied, then the total."""
    powers_w = [
        host.base_w + sum(host.gives_w[at] for at, own in enumerate(owner) if own == number)
        for number, host in enumerate(hosts)
    ]
    short = [p / h.weight for h, p in zip(hosts, powers_w, strict=True) if p < h.target_w - 1e-3]
    total_w = sum(min(p, h.target_w) for h, p in zip(hosts, powers_w, strict=True))
    return round(min(short, default=math.inf), 3), round(total_w, 3)


def every_cut(hosts: Sequence[Host], segments: int, is_ring: bool) -> Iterator[list[int | None]]:
    for reaches in itertools.product(range(segments), repeat=2 * len(hosts)):
        owner: list[int | None] = [None] * segments
        for number, host in enumerate(hosts):
            back, ahead = reaches[2 * number : 2 * number + 2]
            piece = [host.segment + step for step in range(-back, ahead + 1)]
            if len(piece) > segments or (not is_ring and (piece[0] < 0 or piece[-1] >= segments)):
                break
            if any(owner[at % segments] is not None for at in piece):
                break
            for at in piece:
                owner[at % segments] = number
        else:
            yield owner


def pieces(owner: Sequence[int | None], number: int, is_ring: bool) -> int:
    """In how many pieces a host's segments lie."""
    is_mine = [own == number for own in owner]
    if all(is_mine):
        return 1
    before = [is_mine[-1] and is_ring, *is_mine[:-1]]
    return sum(mine and not was for mine, was in zip(is_mine, before, strict=True))


def random_bar(seed: int, longest: int) -> tuple[list[Host], int, bool]:
    rng = random.Random(seed)
    segments = rng.randint(3, longest)
    wants = [0.0] * segments
    for at in rng.sample(range(segments), rng.randint(1, 3 if segments <= 5 else 2)):
        wants[at] = rng.choice([30, 50, 80, 120, 200])
    hosts = bar_of(
        [rng.choice([20, 30, 40, 60]) for _ in range(segments)], wants, [rng.choice([1.0, 2.0]) for _ in wants]
    )
    return hosts, segments, rng.random() < 0.6


@pytest.mark.parametrize("seed", range(60))
def test_no_cut_has_a_better_worst_level_or_the_same_and_a_larger_total(seed: int) -> None:
    hosts, segments, is_ring = random_bar(seed, 6)

    owner = divide(hosts, segments, is_ring, [None] * segments)

    assert max(worth(hosts, each) for each in every_cut(hosts, segments, is_ring)) == worth(hosts, owner)
    assert all(pieces(owner, number, is_ring) == 1 for number in range(len(hosts)))
    assert [host.segment for host in hosts] == [
        host.segment for number, host in enumerate(hosts) if owner[host.segment] == number
    ]


@pytest.mark.parametrize("seed", range(60))
def test_divided_again_from_the_result_nothing_moves(seed: int) -> None:
    hosts, segments, is_ring = random_bar(seed, 14)

    owner = divide(hosts, segments, is_ring, [None] * segments)

    assert owner == divide(hosts, segments, is_ring, owner)


def test_two_on_a_ring_of_six() -> None:
    """A ring of 6 x 60 kW: 180 and 120 kW are both served with five segments, 240 and 60 next to each other too."""
    opposite = divide(bar_of([60] * 6, [180, 0, 0, 120, 0, 0]), 6, True, [None] * 6)
    beside = divide(bar_of([60] * 6, [240, 60, 0, 0, 0, 0]), 6, True, [None] * 6)

    assert (3, 2) == (opposite.count(0), opposite.count(1))
    assert (4, 1) == (beside.count(0), beside.count(1))


def test_what_is_there_stays_and_a_locked_segment_is_passed_by_nobody() -> None:
    hosts = bar_of([30] * 5, [60, 0, 0, 0, 60])

    assert [0, 0, None, 1, 1] == divide(hosts, 5, False, [0, 0, None, 1, 1])
    assert [0, None, 1, 1, 1] == divide(
        bar_of([30] * 5, [60, 0, 0, 0, 90]), 5, False, [None] * 5, [False, True, False, False, False]
    )


def test_the_first_tier_is_served_before_the_second() -> None:
    first, second = bar_of([30] * 4, [120, 0, 0, 90])

    owner = divide([attrs.evolve(first, tier=2), second], 4, False, [None] * 4)

    assert [0, 1, 1, 1] == owner


def bus(segments: int, hosts: dict[int, int], ring: bool) -> Topology:
    """One module of 30 kW on each segment; `hosts` names connectors by segment."""
    return Topology(
        feeds=[Feed(id=ModuleId(f"m{at}"), rating=rating(), ways=()) for at in range(segments)],
        bus_bars=[
            BusBar(
                name="bar",
                segments=[
                    Segment(
                        modules=[ModuleId(f"m{at}")],
                        connector=ConnectorId(hosts[at]) if at in hosts else None,
                        tie=Relay(PlcId("plc"), at) if ring or at < segments - 1 else None,
                    )
                    for at in range(segments)
                ],
            )
        ],
    )


def test_a_bus_bar_is_assigned_like_everything_else() -> None:
    one, two = ConnectorId(1), ConnectorId(2)
    topology = bus(6, {0: 1, 3: 2}, ring=True)
    situation = Situation(voltages_v={one: 400, two: 400}, present={ModuleId("m0"): one})

    made = assign({one: 90 * KW, two: 60 * KW}, situation, topology)

    assert {one: 90 * KW, two: 60 * KW} == made.capacity_w
    assert one == made.owner[ModuleId("m0")]
    assert two == made.owner[ModuleId("m3")]
    assert (4, 0) == (len(made.attached), len(made.moved))


def test_a_locked_segment_keeps_all_that_lies_between_it_and_its_connector() -> None:
    """Connector 2 gets nothing while its own segment lies within what connector 1 holds and cannot give up yet."""
    one, two = ConnectorId(1), ConnectorId(2)
    topology = bus(4, {0: 1, 1: 2}, ring=False)
    present = {ModuleId(f"m{at}"): one for at in range(3)}
    situation = Situation(voltages_v={one: 400, two: 400}, present=present, locked=[ModuleId("m2")])

    made = assign({one: 30 * KW, two: 60 * KW}, situation, topology)

    assert {one: 90 * KW, two: 0} == made.capacity_w
    assert ((), ()) == (tuple(made.attached), tuple(made.moved))


# --- what ties carry -------------------------------------------------------------------------------------------------

ONE, TWO = ConnectorId(1), ConnectorId(2)


def with_ties(topology: Topology, *carries_a: float) -> Topology:
    """The ties in their order carry so much; a module gives 75 A at 400 V."""
    carriers = {Relay(PlcId("plc"), at): Carrier(f"tie {at}", most_a) for at, most_a in enumerate(carries_a)}
    return attrs.evolve(topology, carrying=Carrying(carriers=carriers))


@pytest.mark.parametrize(
    ("carries_a", "owned"),
    [
        ((225, 150, 75), "m0 m1 m2 m3"),
        ((200, 150, 75), "m0 m1 m2"),
        ((225, 149, 75), "m0 m1 m2"),
        ((225, 150, 74), "m0 m1 m2"),
        ((70, 150, 75), "m0"),
    ],
)
def test_no_more_comes_over_a_tie_than_it_carries(carries_a: tuple[float, ...], owned: str) -> None:
    topology = with_ties(bus(4, {0: 1}, ring=False), *carries_a)
    made = assign({ONE: 200 * KW}, Situation(voltages_v={ONE: 400}, present={ModuleId("m0"): ONE}), topology)

    assert " ".join(module for module, owner in made.owner.items() if owner == ONE) == owned


def test_on_a_ring_each_side_has_ties_of_its_own() -> None:
    topology = with_ties(bus(6, {0: 1, 3: 2}, ring=True), 150, 150, 150, 150, 150, 70)
    made = assign({ONE: 200 * KW, TWO: 30 * KW}, Situation(voltages_v={ONE: 400, TWO: 400}, present={}), topology)

    assert {module for module, owner in made.owner.items() if owner == ONE} == {"m0", "m1", "m2"}


def test_what_is_there_beyond_what_a_tie_carries_may_stay() -> None:
    """The voltage has fallen since it came: modules are held back, and nothing need move for it."""
    topology = with_ties(bus(4, {0: 1}, ring=False), 70, 70, 70)
    present = {ModuleId(f"m{at}"): ONE for at in range(3)}
    made = assign({ONE: 200 * KW}, Situation(voltages_v={ONE: 400}, present=present), topology)

    assert {module for module, owner in made.owner.items() if owner == ONE} == {"m0", "m1", "m2"}
    assert made.cost == 0
