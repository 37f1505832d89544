"""The N-1 view: what each connector keeps if one module dies now, and what it has once others have come to help.

Costs one assignment for each kind of module, so it is asked when somebody looks, not at every recomputation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.assignment.owners import Assigned, assign
from jp_firmware.planner.assignment.problem import NOBODY, Situation, Wiring, pose
from jp_firmware.planner.topology import Topology


@attrs.frozen(kw_only=True)
class Loss:
    """What the loss of one module would mean. Powers are what can be served: the target, or less."""

    module: ModuleId
    connector: ConnectorId | None  # whose module it is
    had_w: float  # what that connector has now,
    keeps_w: float  # at once after the loss,
    regains_w: float  # and when modules in reach have moved
    moves: int
    after_w: Mapping[ConnectorId, float]  # every connector then: help may come from others

    @property
    def is_covered(self) -> bool:
        """Whether the connector has everything back after the moves."""
        return self.regains_w >= self.had_w - 1.0

    def sentence(self) -> str:
        """The same for a person."""
        if self.connector is None:
            return f"If {self.module} dies now, no connector loses power: it is idle."
        keeps = f"If {self.module} dies now, connector {self.connector} keeps"
        if self.keeps_w >= self.had_w - 1.0:
            return f"{keeps} all its {_kilowatts(self.had_w)} kW."
        keeps = f"{keeps} {_kilowatts(self.keeps_w)} of {_kilowatts(self.had_w)} kW"
        if self.regains_w <= self.keeps_w + 1.0:
            return f"{keeps}; no other module can help."
        moves = "1 move" if self.moves == 1 else f"{self.moves} moves"
        return f"{keeps}, and has {_kilowatts(self.regains_w)} kW after {moves}."


def _kilowatts(power_w: float) -> str:
    return f"{power_w / 1000:.1f}".removesuffix(".0")


_Kind: TypeAlias = tuple[object, ...]


def losses(targets_w: Mapping[ConnectorId, float], situation: Situation, topology: Topology | Wiring) -> Iterator[Loss]:
    """For each module in turn. Modules of the same size, place and ways are worked out once."""
    wiring = topology if isinstance(topology, Wiring) else Wiring(topology)
    problem = pose(targets_w, attrs.evolve(situation, locked=wiring.modules), wiring)
    stuck = frozenset(situation.locked).union(situation.faulty)
    known: dict[_Kind, Assigned] = {}
    for number, module in enumerate(wiring.modules):
        owner = problem.present[number]
        bridges = tuple(wiring.bridge_at.get((number, connector)) for connector in wiring.reach[number])
        place = None if wiring.reach[number] else module  # on a bus-bar every place is another
        kind: _Kind = (problem.size[number], owner, wiring.reach[number], bridges, module in stuck, place)
        if kind not in known:
            without = attrs.evolve(situation, faulty=frozenset(situation.faulty).union({module}))
            known[kind] = assign(targets_w, without, wiring)
        after = known[kind]
        after_w = {each: min(targets_w.get(each, 0.0), capacity_w) for each, capacity_w in after.capacity_w.items()}
        if owner == NOBODY:
            yield Loss(module=module, connector=None, had_w=0, keeps_w=0, regains_w=0, moves=0, after_w=after_w)
            continue
        connector = wiring.connectors[owner]
        target_w, capacity_w = problem.target_w[owner], problem.base_w[owner]
        yield Loss(
            module=module,
            connector=connector,
            had_w=min(target_w, capacity_w),
            keeps_w=min(target_w, capacity_w - problem.gives_w[number][owner]),
            regains_w=after_w[connector],
            moves=len(after.attached) + len(after.moved),
            after_w=after_w,
        )
