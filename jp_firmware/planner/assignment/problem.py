"""The assignment as arithmetic sees it: connectors and modules by number, and what each module gives each connector.

`Wiring` is a topology made ready once for the life of a cabinet; `Problem` is one question about it. No decision here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.power import StageRating
from jp_firmware.planner.topology import Assignment, Topology

NOBODY = -1  # in place of a connector's or a node's number
MOST_W = 1e9  # no connector can want more
MUCH = 1 << 30  # room of a node without a bridge
TINY_W = 1e-3  # below this two powers are the same; ours

Efficiency: TypeAlias = Callable[[float, float], float]
"""Efficiency of modules, 0 to 1, at an output voltage (V) and a load (0 to 1 of what they can give there)."""

SAME = 2 * TINY_W  # levels closer than this are equal
TIER = 1e10  # above every level in W; a float still tells microwatts apart up to the last tier

Level: TypeAlias = float
"""How well a connector is served: `TIER` times its tier, plus watts for each unit of weight.

Assignments are compared by their sorted levels: the poorest connector of the first tier first.
"""


@attrs.frozen(kw_only=True)
class Situation:
    """Everything but the targets that an assignment depends on. Powers in watts, voltages in volts."""

    voltages_v: Mapping[ConnectorId, float]
    present: Assignment
    weights: Mapping[ConnectorId, float] = attrs.field(factory=dict)
    tiers: Mapping[ConnectorId, int] = attrs.field(factory=dict)  # 1 is served before 2
    locked: Collection[ModuleId] = ()  # stay where they are: dwell, moves of this hour used up, or in the middle of one
    faulty: Collection[ModuleId] = ()  # stay where they are and give nothing
    delivering: Collection[ConnectorId] = ()  # current flows: one of their present modules stays
    derating: Mapping[ModuleId, float] = attrs.field(factory=dict)  # 0 to 1 of a module's rating
    efficiency: Efficiency | None = None


class Wiring:
    """A topology by number. Make it once; it is only read."""

    def __init__(self, topology: Topology) -> None:
        feeds = topology.feeds
        on_bars = [segment.connector for bar in topology.bus_bars for segment in bar.segments]
        over_ways = [way.connector for feed in feeds for way in feed.ways]
        self.topology = topology
        self.connectors = tuple(dict.fromkeys(each for each in [*over_ways, *on_bars] if each is not None))
        self.modules = tuple(feed.id for feed in feeds)
        self.connector_number: dict[ConnectorId | None, int] = {
            each: number for number, each in enumerate(self.connectors)
        }
        self.name_of = (*self.connectors, None)  # by number: NOBODY, -1, is the last
        self.module_number = {each: number for number, each in enumerate(self.modules)}
        self.ratings: tuple[StageRating, ...] = tuple(dict.fromkeys(feed.rating for feed in feeds))
        rating_number = {rating: number for number, rating in enumerate(self.ratings)}
        self.rating_of = tuple(rating_number[feed.rating] for feed in feeds)
        self.sample = tuple(feeds[self.rating_of.index(number)] for number in range(len(self.ratings)))
        self.fixed_at = tuple(
            self.connector_number[feed.ways[0].connector] if feed.is_fixed else NOBODY for feed in feeds
        )
        self.bridges = tuple(topology.bridges.values())
        self.bridge_at = self._bridges_used()
        self.reach = tuple(
            tuple(dict.fromkeys(self.connector_number[way.connector] for way in feed.ways)) for feed in feeds
        )
        self.can_move = tuple(
            at == NOBODY and bool(reached) for at, reached in zip(self.fixed_at, self.reach, strict=True)
        )
        self.modules_of = self._specialists_first()
        self.near = self._near()
        self.neighbours = tuple(frozenset().union(*(self.near[other] for other in near)) for near in self.near)

    def _bridges_used(self) -> dict[tuple[int, int], int]:
        """The bridge that lies between a module and a connector, by their numbers."""
        bridge_number = {name: number for number, name in enumerate(self.topology.bridges)}
        used: dict[tuple[int, int], int] = {}
        for module, feed in enumerate(self.topology.feeds):
            for connector in {way.connector for way in feed.ways}:
                way = feed.way_to(connector)
                if way is not None and way.bridge:
                    used[module, self.connector_number[connector]] = bridge_number[way.bridge]
        return used

    def _near(self) -> tuple[frozenset[int], ...]:
        """For each connector those that a module reaches as well as it. `neighbours` are those near to them."""
        near = [{connector} for connector in range(len(self.connectors))]
        for reached in set(self.reach):
            for connector in reached:
                near[connector].update(reached)
        return tuple(frozenset(connectors) for connectors in near)

    def _specialists_first(self) -> tuple[tuple[int, ...], ...]:
        """For each connector the modules that reach it, those with the fewest other ways first."""
        order = sorted(range(len(self.modules)), key=lambda module: (len(self.reach[module]), module))
        modules_of: list[list[int]] = [[] for _ in self.connectors]
        for module in order:
            for connector in self.reach[module]:
                modules_of[connector].append(module)
        return tuple(tuple(modules) for modules in modules_of)


@attrs.define(eq=False)
class Net:
    """Where modules may go: a node for each connector, and one more for each bridge that is given to a connector.

    Node `n` below the number of connectors is connector `n` itself. `room` counts the modules a node can take. Nodes
    that a module may be exchanged between for nothing make a group: those of a connector, with its own number, first.
    """

    modules_at: list[Sequence[int]]
    connector_at: list[int]
    room: list[int]
    group_at: list[int]
    nodes_of: list[list[int]]  # by group, its root first
    spare_a: list[float]

    @property
    def has_bridges(self) -> bool:
        return any(len(nodes) > 1 for nodes in self.nodes_of)

    def keeping_one(self, problem: Problem) -> Net:
        """The same ways with a group of its own for the one module that each connector keeps, if it must keep one.

        Of one whose modules are all behind a bridge it is one of those, and takes a place on the bridge; of any
        other one that is on no bridge.
        """
        net = attrs.evolve(
            self,
            modules_at=list(self.modules_at),
            connector_at=list(self.connector_at),
            room=list(self.room),
            group_at=list(self.group_at),
            nodes_of=list(self.nodes_of),
        )
        for connector in problem.connectors:
            if not problem.keeps_one[connector]:
                continue
            for node in self.nodes_of[connector]:
                its = [each for each in self.modules_at[node] if problem.present[each] == connector]
                if its and self.room[node] > 0:
                    net.room[node] -= 1
                    net._add_group(connector, its)
                    break
        return net

    def _add_group(self, connector: int, modules: Sequence[int]) -> None:
        self.nodes_of.append([len(self.modules_at)])
        self.group_at.append(len(self.nodes_of) - 1)
        self.modules_at.append(modules)
        self.connector_at.append(connector)
        self.room.append(1)


@attrs.define(eq=False)
class Problem:
    """One question: who gets which module. Lists are indexed by connector or by module."""

    wiring: Wiring
    target_w: list[float]
    weight: list[float]
    tier: list[int]
    voltage_v: list[float]
    rows_w: list[list[float]]  # by size: what a module of it gives each connector
    size: list[int]  # of each module
    present: list[int]
    in_play: list[bool]
    base_w: list[float]  # from modules that are not in play
    keeps_one: list[bool]  # may not lose the last of its present modules
    users: list[int]  # of each bridge: the connector that a module not in play joins over it
    used_a: list[float]  # of each bridge, by modules not in play
    gives_w: list[list[float]] = attrs.field(init=False)  # by module: the row of its size

    def __attrs_post_init__(self) -> None:
        rows_w = self.rows_w
        self.gives_w = [rows_w[size] for size in self.size]

    @property
    def connectors(self) -> range:
        return range(len(self.target_w))

    @property
    def modules(self) -> range:
        return range(len(self.present))

    def level(self, connector: int, capacity_w: float) -> Level:
        target_w = self.target_w[connector]
        served_w = capacity_w if capacity_w < target_w else target_w
        return self.tier[connector] * TIER + served_w / self.weight[connector]

    def levels(self, capacity_w: Sequence[float]) -> list[Level]:
        """What makes one assignment better than another: the poorest connector first, tier by tier."""
        return sorted(self.level(each, capacity_w[each]) for each in self.connectors if self.target_w[each] > 0)

    def cost(self, module: int, connector: int) -> int:
        """Moves are counted as wear: an idle module joins for 1, one that feeds another connector changes for 2."""
        was = self.present[module]
        if connector in (was, NOBODY):
            return 0
        return 1 if was == NOBODY else 2

    def cost_of(self, owner: Sequence[int]) -> int:
        return sum(self.cost(module, owner[module]) for module in self.modules)

    def capacities(self, owner: Sequence[int]) -> list[float]:
        capacity_w = list(self.base_w)
        for connector, row_w, plays in zip(owner, self.gives_w, self.in_play, strict=True):
            if plays and connector != NOBODY:
                capacity_w[connector] += row_w[connector]
        return capacity_w

    def equal_w(self) -> list[float] | None:
        """What any module in play gives each connector, if all that give something give the same; else None."""
        rows = [self.rows_w[size] for size in set(itertools.compress(self.size, self.in_play))]
        if len(rows) == 1:
            return rows[0]
        same: list[float] = []
        for connector in self.connectors:
            given = {row[connector] for row in rows} - {0.0}
            if len(given) > 1:
                return None
            same.append(given.pop() if given else 0.0)
        return same

    def asks_the_same(self, other: Problem) -> bool:
        """Whether the two have the same answers. Both are of the same wiring."""
        return (
            self.target_w == other.target_w
            and self.present == other.present
            and self.in_play == other.in_play
            and self.size == other.size
            and self.rows_w == other.rows_w
            and self.base_w == other.base_w
            and self.weight == other.weight
            and self.tier == other.tier
            and self.voltage_v == other.voltage_v
            and self.keeps_one == other.keeps_one
            and self.users == other.users
            and self.used_a == other.used_a
        )

    def net(self, users: Sequence[int]) -> Net:
        """The ways that are open if each bridge is used by the connector in `users`. A useless module has no way."""
        wiring, in_play, gives_w = self.wiring, self.in_play, self.gives_w
        modules_at: list[Sequence[int]] = list(wiring.modules_of)
        if not all(in_play) or any(0.0 in row for row in self.rows_w):
            modules_at = [
                [module for module in modules if in_play[module] and gives_w[module][connector] > 0.0]
                for connector, modules in enumerate(modules_at)
            ]
        numbers = list(self.connectors)
        net = Net(modules_at, numbers, [MUCH] * len(numbers), list(numbers), [[n] for n in numbers], [])
        net.spare_a = [math.inf] * len(numbers)
        if wiring.bridge_at:
            self._divide_by_bridges(net, users)
        return net

    def _divide_by_bridges(self, net: Net, users: Sequence[int]) -> None:
        over = self.wiring.bridge_at
        for connector in self.connectors:
            modules = net.modules_at[connector]
            net.modules_at[connector] = [each for each in modules if (each, connector) not in over]
            for bridge, user in enumerate(users):
                behind = [each for each in modules if over.get((each, connector)) == bridge]
                if user == connector and behind:
                    self._add_node(net, connector, bridge, behind)

    def _add_node(self, net: Net, connector: int, bridge: int, modules: Sequence[int]) -> None:
        spare_a = self.wiring.bridges[bridge].max_current_a - self.used_a[bridge]
        each_a = max(self.gives_w[module][connector] for module in modules) / self.voltage_v[connector]
        net.nodes_of[connector].append(len(net.modules_at))
        net.modules_at.append(modules)
        net.connector_at.append(connector)
        net.group_at.append(connector)
        net.room.append(max(0, int(spare_a / each_a + 1e-9)))
        net.spare_a.append(spare_a)


def compared(levels: Sequence[Level], others: Sequence[Level]) -> int:
    """1, 0 or -1 as `levels` (sorted) are better, equal or worse, with the tolerance that sums of powers need."""
    for mine, its in zip(levels, others, strict=True):
        if not -SAME <= mine - its <= SAME:
            return 1 if mine > its else -1
    return 0


def pose(targets_w: Mapping[ConnectorId, float], situation: Situation, wiring: Wiring) -> Problem:
    """The problem by number. A connector without a target wants nothing; without a voltage no module is in range."""
    connectors = wiring.connectors
    voltage_v = [situation.voltages_v.get(each, 0.0) for each in connectors]
    rows_w, size = _rows(situation, wiring, voltage_v)
    problem = Problem(
        wiring=wiring,
        target_w=[_number(targets_w.get(each, 0.0)) for each in connectors],
        weight=[situation.weights.get(each, 1.0) for each in connectors],
        tier=[situation.tiers.get(each, 1) for each in connectors],
        voltage_v=voltage_v,
        rows_w=rows_w,
        size=size,
        present=_present(situation, wiring),
        in_play=_in_play(situation, wiring),
        base_w=[0.0] * len(connectors),
        keeps_one=[False] * len(connectors),
        users=[NOBODY] * len(wiring.bridges),
        used_a=[0.0] * len(wiring.bridges),
    )
    _count_what_is_not_in_play(problem)
    _keep_one_each(problem, situation.delivering)
    return problem


def _number(value_w: float) -> float:
    """A target that is no number, or negative, wants nothing; one without end wants what there is."""
    return min(value_w, MOST_W) if value_w > TINY_W else 0.0


def _rows(situation: Situation, wiring: Wiring, voltage_v: Sequence[float]) -> tuple[list[list[float]], list[int]]:
    """What a module of each size gives each connector, and the size of each module: its rating's number, unless it is
    derated or faulty.
    """
    rows_w = [[sample.power_at(each_v) for each_v in voltage_v] for sample in wiring.sample]
    size = list(wiring.rating_of)
    derated: dict[tuple[int, float], int] = {}
    for each, part in situation.derating.items():
        module = wiring.module_number.get(each)
        if module is None or part == 1.0:
            continue
        alike = size[module], part
        if alike not in derated:
            derated[alike] = len(rows_w)
            rows_w.append([max(0.0, part) * power_w for power_w in rows_w[size[module]]])
        size[module] = derated[alike]
    faulty = [wiring.module_number[each] for each in situation.faulty if each in wiring.module_number]
    if faulty:
        for module in faulty:
            size[module] = len(rows_w)
        rows_w.append([0.0] * len(voltage_v))
    return rows_w, size


def _in_play(situation: Situation, wiring: Wiring) -> list[bool]:
    in_play = list(wiring.can_move)
    for stuck in (situation.locked, situation.faulty):
        for each in stuck:
            if each in wiring.module_number:
                in_play[wiring.module_number[each]] = False
    return in_play


def _present(situation: Situation, wiring: Wiring) -> list[int]:
    """Where the modules are. A fixed one is where it is wired to, whatever is said."""
    where, number_of = situation.present, wiring.connector_number
    return [
        number_of.get(where.get(module), NOBODY) if fixed == NOBODY else fixed
        for module, fixed in zip(wiring.modules, wiring.fixed_at, strict=True)
    ]


def _count_what_is_not_in_play(problem: Problem) -> None:
    for module, connector in enumerate(problem.present):
        if connector == NOBODY or problem.in_play[module]:
            continue
        given_w = problem.gives_w[module][connector]
        problem.base_w[connector] += given_w
        bridge = problem.wiring.bridge_at.get((module, connector))
        if bridge is not None:
            problem.users[bridge] = connector
            problem.used_a[bridge] += given_w / problem.voltage_v[connector] if given_w else 0.0


def _keep_one_each(problem: Problem, delivering: Collection[ConnectorId]) -> None:
    """Current must not stop because the plan moves what carries it; what is not in play carries it anyway."""
    wiring = problem.wiring
    modules = zip(problem.present, problem.in_play, wiring.reach, problem.gives_w, strict=True)
    carried = {at for at, plays, reached, row_w in modules if plays and at in reached and row_w[at] > 0.0}
    for each in delivering:
        connector = wiring.connector_number.get(each)
        if connector is not None and problem.base_w[connector] <= 0.0:
            problem.keeps_one[connector] = connector in carried
