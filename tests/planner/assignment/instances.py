"""Random assignments of a given size: for the tests, and for the planner's benchmark."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.model.power import StageRating
from jp_firmware.planner.assignment import Choice, Effort, Situation, Wiring
from jp_firmware.planner.task import PIECES
from jp_firmware.planner.topology import Assignment, Bridge, Feed, Relay, Topology, Way

KW = 1000.0


def rating(power_kw: float = 30, current_a: float = 100, low_v: float = 150, high_v: float = 1000) -> StageRating:
    return StageRating(min_voltage_v=low_v, max_voltage_v=high_v, max_current_a=current_a, max_power_w=power_kw * KW)


def matrix(
    reach: Sequence[Sequence[int]], ratings: Sequence[StageRating], over: dict[tuple[int, int], str] | None = None
) -> Topology:
    """Modules m0, m1, ... over one relay for each connector they reach; `over` names bridges by module, connector."""
    over = over or {}
    feeds = [
        Feed(
            id=ModuleId(f"m{number}"),
            rating=ratings[number],
            ways=[
                Way(
                    connector=ConnectorId(each),
                    relays=frozenset({Relay(PlcId("plc"), number * 100 + each)}),
                    bridge=over.get((number, each), ""),
                )
                for each in reached
            ],
        )
        for number, reached in enumerate(reach)
    ]
    bridges = {
        name: Bridge(name=name, relay=Relay(PlcId("plc"), 9000 + number), max_current_a=250)
        for number, name in enumerate(sorted(set(over.values())))
    }
    return Topology(feeds=feeds, bridges=bridges)


def owners(numbers: Sequence[int | None]) -> Assignment:
    return {
        ModuleId(f"m{module}"): None if owner is None else ConnectorId(owner) for module, owner in enumerate(numbers)
    }


@attrs.frozen(kw_only=True)
class Instance:
    """One question to the assignment."""

    targets_w: dict[ConnectorId, float]
    situation: Situation
    topology: Topology


def assignment_instance(
    connectors: int,
    modules: int,
    seed: int,
    *,
    mixed: bool = False,
    fan: int | None = None,
    start: str = "random",
    load: float = 1.0,
    hungry: bool = False,
) -> Instance:
    """A relay matrix in which each module reaches `fan` neighbouring connectors (all, up to 8, unless said).

    `start` is where the modules are: "random" (anywhere in reach) or "idle". Everybody together wants about `load`
    times 0.8 of what the modules give; one connector in four wants nothing. If `hungry`, all want more than there is.
    """
    rng = random.Random(seed)
    fan = fan or min(8, connectors)
    reach = []
    for module in range(modules):
        home = module * connectors // modules
        near = [(home + step) % connectors + 1 for step in range(fan)]
        reach.append(near if rng.random() < 0.8 else rng.sample(near, max(1, fan // 2)))
    sizes = [20, 30, 40] if mixed else [30]
    ratings = {size: rating(size, size * 10 / 3) for size in sizes}
    topology = matrix(reach, [ratings[rng.choice(sizes)] for _ in range(modules)])
    numbers: list[int | None] = [
        None if start == "idle" or rng.random() < 0.3 else rng.choice(reach[module]) for module in range(modules)
    ]
    average_w = modules * 30 * KW / connectors
    situation = Situation(
        voltages_v={ConnectorId(n): rng.choice([350.0, 400.0, 650.0, 800.0]) for n in range(1, connectors + 1)},
        present=owners(numbers),
        weights={ConnectorId(n): rng.choice([1.0, 1.0, 1.0, 2.0]) for n in range(1, connectors + 1)},
    )
    targets_w = {
        ConnectorId(n): 0.0 if rng.random() < 0.25 else rng.uniform(0.2, 2.0) * average_w * load
        for n in range(1, connectors + 1)
    }
    if hungry:
        targets_w = {each: rng.uniform(1.0, 2.0) * average_w * load for each in targets_w}
    return Instance(targets_w=targets_w, situation=situation, topology=topology)


def a_little_later(instance: Instance, present: Assignment, seed: int, changes: int = 2) -> Instance:
    """The same cabinet with `changes` other wishes, from the assignment it had: what the planner really meets."""
    rng = random.Random(seed)
    targets_w = dict(instance.targets_w)
    average_w = len(instance.topology.feeds) * 30 * KW / len(targets_w)
    for each in rng.sample(sorted(targets_w), min(changes, len(targets_w))):
        targets_w[each] = 0.0 if rng.random() < 0.3 else rng.uniform(0.2, 2.0) * average_w
    return attrs.evolve(instance, targets_w=targets_w, situation=attrs.evolve(instance.situation, present=present))


@attrs.define(eq=False)
class FollowingModules:
    """The planner's `Modules` for benchmarks: with the next plan, modules are where the last answer has them."""

    choice: Choice
    effort: Effort

    @classmethod
    def of(cls, connectors: int, modules: int, seed: int = 0, *, mixed: bool = False) -> FollowingModules:
        """A cabinet of this size, every connector at 400 V, all modules idle; each keeps one, as in the charger."""
        instance = assignment_instance(connectors, modules, seed, mixed=mixed, start="idle")
        volts = dict.fromkeys(instance.targets_w, 400.0)
        situation = attrs.evolve(instance.situation, voltages_v=volts, delivering=list(volts))
        effort = Effort()
        return cls(Choice(situation, Wiring(instance.topology), effort), effort)

    def begin(self) -> None:
        """Another plan begins; since the last one the search went on as in the charger."""
        for _ in range(PIECES):
            if not self.effort.go_on():
                break
        self.effort.renew()
        if self.choice.assigned is not None:
            self.choice.situation = attrs.evolve(self.choice.situation, present=self.choice.assigned.owner)

    def capacity_w(self, target_w: Mapping[ConnectorId, float]) -> Mapping[ConnectorId, float]:
        return self.choice.capacity_w(target_w)
