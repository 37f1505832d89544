"""Which module feeds which connector, in the composition: the assignment asked for each plan, its answer carried out.

The fast half of the planner never waits for this: set-points follow from what is confirmed to feed a connector
(`Demand.capacity_w`); what is chosen here moves modules in seconds, and raises that capacity when they have joined.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
import trio

from jp_firmware.charging.charger import Charger
from jp_firmware.config.schema import Cabinet
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.switching import Switching
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.power import Demand, Plan, StageRating
from jp_firmware.planner.assignment import Assigned, Effort, Situation, Wiring, assign, locked_by_wear, losses
from jp_firmware.planner.assignment.outlook import Loss
from jp_firmware.planner.task import Planner
from jp_firmware.planner.topology import Assignment
from jp_firmware.planner.wiring import topology_of

SETTLED_S = 2.0  # ours: a choice that holds this long is carried out; cars ramp, and relays wear
USUAL_V = 400.0  # ours: of a connector whose car has not told its voltage yet


@attrs.define(eq=False, repr=False)
class ModuleChoice:
    """Fulfils the planner's `Modules`. `switching` is None where every module is wired to its connector."""

    cabinet: Cabinet
    modules: Mapping[ModuleId, ModuleTask]
    switching: Switching | None
    charger: Charger = attrs.field(init=False)
    planner: Planner = attrs.field(init=False)
    wiring: Wiring = attrs.field(init=False)
    assigned: Assigned | None = None  # the last answer
    effort: Effort = attrs.field(factory=Effort)
    _demands: Mapping[ConnectorId, Demand] = attrs.field(factory=dict)
    _asked_in: Situation | None = None  # the situation of this plan, once it was asked for
    _reach: Mapping[ConnectorId, Sequence[ModuleTask]] = attrs.field(init=False)
    _at_hosts: Collection[ModuleId] = attrs.field(init=False)  # on segments that never leave their connectors
    _chosen: dict[ModuleId, ConnectorId] = attrs.field(factory=dict)
    _chosen_at_s: float = 0.0
    _told: dict[ModuleId, ConnectorId] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.configure(self.cabinet)

    def configure(self, cabinet: Cabinet) -> None:
        """Goes on with `cabinet`, in which other modules may be where these were: what they can do is read anew."""
        self.cabinet = cabinet
        topology = topology_of(self.cabinet, {key: one.profile.rating for key, one in self.modules.items()})
        self.wiring = Wiring(topology)
        reach = {key: topology.reach_of(key) for key in self.modules}
        self._reach = {
            connector.id: [self.modules[key] for key, reached in reach.items() if connector.id in reached]
            for connector in self.cabinet.connectors
        }
        on_bars = {key for bar in topology.bus_bars for segment in bar.segments for key in segment.modules}
        self._at_hosts = on_bars - self.cabinet.moving_modules

    def join(self, charger: Charger, planner: Planner) -> None:
        """Takes part in every plan from now on."""
        self.charger, self.planner = charger, planner
        planner.plan.subscribe(self.look)

    # --- what charging and the planner ask ---------------------------------------------------------------------------

    def demands(self) -> Sequence[Demand]:
        """What all connectors ask of the planner, remembered for the choice that belongs to it."""
        self.effort.renew()
        demands = self.charger.demands()
        self._demands = {demand.connector_id: demand for demand in demands}
        self._asked_in = None
        return demands

    def reach_of(self, connector: ConnectorId) -> StageRating:
        """What a connector could have with every usable module that can come to it."""
        return StageRating.together([one.rating for one in self._reach[connector] if one.usable or one.settling])

    def capacity_w(self, target_w: Mapping[ConnectorId, float]) -> Mapping[ConnectorId, float]:
        """What modules can be found for these targets, W. A plan may ask several times: all of it is one instant."""
        self._asked_in = self._asked_in or self.situation()
        self.assigned = assign(target_w, self._asked_in, self.wiring, self.effort)
        return self.assigned.capacity_w

    def losses(self) -> Iterator[Loss]:
        """What the loss of each module would mean, as things stand at this call; any thread may go through it later.

        It takes an assignment for each kind of module: seconds, in a large cabinet.
        """
        plan = self.planner.plan.signal.value or Plan()
        return losses({key: one.target_w for key, one in plan.allocations.items()}, self.situation(), self.wiring)

    # --- the situation -----------------------------------------------------------------------------------------------

    def situation(self) -> Situation:
        """Where everything is. A module at a connector without a session is free to go, but for the last one."""
        connectors = self.cabinet.connectors
        return Situation(
            voltages_v={one.id: self._voltage_v(one.id) for one in connectors},
            present=self._present(),
            weights={one.id: one.weight for one in connectors},
            tiers={one.id: one.tier for one in connectors},
            locked=self._locked(),
            faulty=[key for key, module in self.modules.items() if not module.usable],
            # A connector without any module could not begin a session: each keeps one, delivering or not.
            delivering=[one.id for one in connectors],
        )

    def _voltage_v(self, connector: ConnectorId) -> float:
        demand = self._demands.get(connector)
        return demand.voltage_v if demand and demand.voltage_v > 0 else USUAL_V

    def _present(self) -> Assignment:
        """Where modules are; one that is on its way counts as arrived, so that nobody sends it elsewhere meanwhile."""
        wired = {one.id: one.connector for one in self.cabinet.modules}
        if self.switching is None:
            return wired
        places = self.switching.yard.places
        return wired | {module: place.move.receiver if place.move else place.at for module, place in places.items()}

    def _locked(self) -> frozenset[ModuleId]:
        if self.switching is None:
            return frozenset(self.modules)
        now_s, terms = trio.current_time(), self.switching.yard.terms
        places = self.switching.yard.places
        worn = locked_by_wear(
            {key: list(place.moved_at_s) for key, place in places.items()},
            now_s,
            dwell_s=terms.dwell_s,
            moves_per_hour=terms.moves_per_hour,
        )
        held = {key for key, place in places.items() if place.move or place.locked_out or place.rests_until_s > now_s}
        return worn.union(held, self._at_hosts)

    # --- carrying it out ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """After each plan: what has been chosen for a while is asked of those who move modules.

        Modules that nobody needs stay where they are: the next car may want them there.
        """
        if self.switching is None or self.assigned is None:
            return
        now_s = trio.current_time()
        places = self.switching.yard.places
        chosen = {key: to for key, to in self.assigned.owner.items() if to is not None and key in places}
        if chosen != self._chosen:
            self._chosen, self._chosen_at_s = chosen, now_s
        elif chosen != self._told and now_s - self._chosen_at_s >= SETTLED_S:
            self._told = dict(chosen)
            self.switching.request(chosen)
