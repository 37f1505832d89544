"""The assignment's one question, answered: who gets which module, so that the poorest connector is served best.

Pure. It decides and moves nothing: the moves from the present assignment are staged elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.assignment import bridges, busbar
from jp_firmware.planner.assignment.efficiency import refine
from jp_firmware.planner.assignment.effort import Effort
from jp_firmware.planner.assignment.problem import NOBODY, Problem, Situation, Wiring, pose
from jp_firmware.planner.assignment.tie_room import most_segments
from jp_firmware.planner.topology import Assignment, BusBar, Topology


@attrs.frozen(kw_only=True)
class Assigned:
    """Who feeds whom, and what has to move for it. `capacity_w` is what each connector's modules can give.

    `owner` names every module of the topology, `capacity_w` every connector of it and of the targets.
    """

    owner: Assignment
    capacity_w: Mapping[ConnectorId, float]
    attached: Sequence[ModuleId] = ()  # idle until now
    moved: Sequence[ModuleId] = ()  # from one connector to another
    released: Sequence[ModuleId] = ()
    bridge_users: Mapping[str, ConnectorId] = attrs.field(factory=dict)
    is_final: bool = True  # False: there was no time to look further; asked again with the same effort, it goes on

    @property
    def cost(self) -> int:
        """Moves as they are counted when plans are compared: 1 for each attached module, 2 for each moved one."""
        return len(self.attached) + 2 * len(self.moved)


def assign(
    targets_w: Mapping[ConnectorId, float],
    situation: Situation,
    topology: Topology | Wiring,
    effort: Effort | None = None,
) -> Assigned:
    """The best whole-module assignment for `targets_w` (W for each connector; none is 0).

    In this order: nothing locked moves and no delivering connector loses its last present module; the levels
    (min(target, capacity) / weight), sorted, are as large as they can be, tier by tier; the fewest moves; the best
    efficiency among plans with equally few. The first is exact for equal modules and near the optimum for mixed ones.
    Pass a `Wiring` where it is asked often, and an `effort` where an answer must not take long: what has been found by
    then is never worse than the present assignment, and asked again with the same effort it goes on from there.
    """
    wiring = topology if isinstance(topology, Wiring) else Wiring(topology)
    before = situation.present
    if wiring.topology.bus_bars:
        situation = _with_bars_divided(targets_w, situation, wiring)
    problem = pose(targets_w, situation, wiring)
    solver = _Solver(problem, situation, effort or Effort(math.inf))
    if wiring.bridges:
        users, owner = bridges.best_users(problem, solver.owners)
        used = {wiring.bridges[n].name: wiring.connectors[user] for n, user in enumerate(users) if user != NOBODY}
    else:
        used, owner = {}, solver.owners(())
    capacity_w = problem.capacities(owner)
    names = [wiring.name_of[number] for number in owner]
    changes = [
        (module, was, now)
        for module, now, fixed in zip(wiring.modules, names, wiring.fixed_at, strict=True)
        if (was := before.get(module)) != now and fixed == NOBODY
    ]
    return Assigned(
        owner=dict(zip(wiring.modules, names, strict=True)),
        capacity_w=dict.fromkeys(targets_w, 0.0) | dict(zip(wiring.connectors, capacity_w, strict=True)),
        attached=tuple(module for module, was, _ in changes if was is None),
        moved=tuple(module for module, was, now in changes if was is not None and now is not None),
        released=tuple(module for module, _, now in changes if now is None),
        bridge_users=used,
        is_final=solver.is_final,
    )


@attrs.define
class _Solver:
    problem: Problem
    situation: Situation
    effort: Effort
    is_final: bool = True

    def owners(self, users: Sequence[int]) -> list[int]:
        """The owner of every module if the bridges are used like this."""
        problem = self.problem
        search = self.effort.search(problem, users)
        owner, self.is_final = search.owner, self.is_final and search.finished
        if self.situation.efficiency is not None:
            owner = refine(problem, search.net, owner, self.situation.efficiency)
        return [now if plays else was for now, plays, was in zip(owner, problem.in_play, problem.present, strict=True)]


def _with_bars_divided(targets_w: Mapping[ConnectorId, float], situation: Situation, wiring: Wiring) -> Situation:
    """The situation once the segments of every bus-bar are where they should be: constants for everything else."""
    on_bars = {m for bar in wiring.topology.bus_bars for segment in bar.segments for m in segment.modules}
    elsewhere = {m: c for m, c in situation.present.items() if m not in on_bars}
    problem = pose(targets_w, attrs.evolve(situation, present=elsewhere), wiring)
    present = dict(situation.present)
    for bar in wiring.topology.bus_bars:
        present.update(_bar_divided(bar, problem, situation))
    return attrs.evolve(situation, present=present)


def _bar_divided(bar: BusBar, problem: Problem, situation: Situation) -> dict[ModuleId, ConnectorId | None]:
    had = [situation.present.get(segment.modules[0]) if segment.modules else None for segment in bar.segments]
    locked = _locked_segments(bar, had, frozenset(situation.locked))
    wanting: dict[ConnectorId, busbar.Host] = {}
    for at, segment in enumerate(bar.segments):
        connector = segment.connector
        if connector is None or (locked[at] and had[at] != connector):
            continue  # while a locked segment stays with another, the connector it hosts is cut off
        if problem.target_w[problem.wiring.connector_number[connector]] > 0:
            wanting[connector] = _host(bar, at, connector, problem, had)
    names = list(wanting)
    owners = busbar.divide(
        list(wanting.values()),
        len(bar.segments),
        bar.is_ring,
        present=[names.index(each) if each in wanting else None for each in had],
        locked=locked,
    )
    division: dict[ModuleId, ConnectorId | None] = {}
    for at, segment in enumerate(bar.segments):
        owner = owners[at]
        stays_with = had[at] if locked[at] else None if owner is None else names[owner]
        division.update(dict.fromkeys(segment.modules, stays_with))
    return division


def _host(
    bar: BusBar, at: int, connector: ConnectorId, problem: Problem, had: Sequence[ConnectorId | None]
) -> busbar.Host:
    wiring, number = problem.wiring, problem.wiring.connector_number[connector]
    gives_w = [
        sum(problem.gives_w[wiring.module_number[module]][number] for module in segment.modules)
        for segment in bar.segments
    ]
    gives_a = [power_w / problem.voltage_v[number] if power_w else 0.0 for power_w in gives_w]
    carrying = wiring.topology.carrying
    return busbar.Host(
        segment=at,
        gives_w=gives_w,
        most_before=most_segments(bar, at, -1, gives_a, had, carrying),
        most_behind=most_segments(bar, at, 1, gives_a, had, carrying),
        target_w=problem.target_w[number],
        weight=problem.weight[number],
        tier=problem.tier[number],
        base_w=problem.base_w[number],
    )


def _locked_segments(bar: BusBar, had: Sequence[ConnectorId | None], stuck: frozenset[ModuleId]) -> list[bool]:
    """Segments with a locked module, and with them those through which its connector reaches it."""
    count = len(bar.segments)
    own = {segment.connector: at for at, segment in enumerate(bar.segments) if segment.connector is not None}
    locked = [any(module in stuck for module in segment.modules) for segment in bar.segments]
    for at, owner in [(at, owner) for at, owner in enumerate(had) if locked[at] and owner is not None]:
        end = own.get(owner, at)
        for step in (1, -1):
            path = [at]
            while path[-1] != end and 0 <= path[-1] + step < count + bar.is_ring and had[path[-1]] == owner:
                path.append((path[-1] + step) % count)
                if len(path) > count:
                    break
            if path[-1] == end and all(had[each] == owner for each in path):
                for each in path:
                    locked[each] = True
    return locked
