"""How each part of the charger takes a changed configuration over: at once, or while it is down.

Which part uses which keys is declared in `config.uses`, by the same paths. Everything here is synchronous: what is live
is in force, on the wire, when `take` returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.uses import BACKEND, CENTRAL_SYSTEM, CONNECTORS, CONSOLE, PLANNER, WHOLE
from jp_firmware.config.watchdogs import SWITCHING, watches
from jp_firmware.hw.reconfigure import reconfigure
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery import walk
from jp_firmware.planner.rules import Rules, configured_limits, scopes_of

if TYPE_CHECKING:
    from jp_firmware.controller import Controller


@attrs.define(eq=False)
class Takeover:
    """Hands one charger's parts another configuration."""

    _controller: Controller

    def take(self, path: str, cabinet: Cabinet, before: Cabinet) -> None:
        """The part at `path` goes on with `cabinet` after `before`; one that is restarted for it must be down now.

        Raises ConfigError for a profile or a driver that a device cannot use; it is as before then.
        """
        controller = self._controller
        if path == PLANNER:
            self._planner(cabinet, before)
        elif path == CONNECTORS:
            controller.apply_rules(cabinet.authorize)
        elif path == BACKEND:
            controller.central_system.configure(cabinet)
        elif path == CENTRAL_SYSTEM:
            controller.central_system.take(cabinet)
        elif path == SWITCHING:
            assert controller.plant.switching is not None  # or nobody would use its keys
            controller.plant.switching.configure(cabinet)
        elif path.startswith(f"{CONNECTORS}/"):
            self._connector(ConnectorId(int(path.rpartition("-")[2])), cabinet)
        elif path.startswith("wires/"):
            reconfigure(controller.plant, path, cabinet)
            if controller.guarding:  # what switches a module off in our place may be another frame now
                controller.plant.guard_with(controller.guarding.guard)
        else:
            assert path in (WHOLE, CONSOLE), f"nobody takes {path} over"  # they read the cabinet that is in force

    def put_in_force(self, cabinet: Cabinet) -> None:
        """All that read the whole configuration read `cabinet` from now on; parts are watched as it says."""
        controller = self._controller
        if (cabinet.modules, cabinet.connectors) != (controller.cabinet.modules, controller.cabinet.connectors):
            controller.choice.configure(cabinet)
        if controller.plant.switching:
            controller.plant.switching.yard.carrying = controller.choice.wiring.topology.carrying
        controller.cabinet = controller.plant.cabinet = controller.choice.cabinet = cabinet
        if controller.building:
            controller.building.cabinet = cabinet
        watchdogs_s = {key: board.watchdog_s for board in cabinet.plc_boards for key in board.connectors}
        for plug in controller.plugs:
            plug.watchdog_s = watchdogs_s[plug.runner.connector_id]
        controller.watches = controller.plant.watches = watches(cabinet, controller.central_system.watchdog_s)
        present = {path for path, _, _ in walk.parts(controller.tree)}
        for path, watch in controller.watches.items():
            if path in present:
                controller.tree.set_terms(path, **watch.terms)

    def _planner(self, cabinet: Cabinet, last: Cabinet) -> None:
        """Rules, limits and weights, as one plan. What an operator has limited stands beside them."""
        controller, planner = self._controller, self._controller.planner
        for connector in cabinet.connectors:
            machine = controller.charger.runners[connector.id].machine
            machine.configure(attrs.evolve(machine.configured, weight=connector.weight, tier=connector.tier))
            machine.set_limits(attrs.evolve(machine.limits, ramp_a_per_s=cabinet.planner.ramp_a_per_s))
        planner.rules = Rules.of(cabinet)
        planner.limits.configure(scopes_of(cabinet), configured_limits(last), configured_limits(cabinet))
        if controller.building:
            controller.building.cabinet = cabinet
            controller.building.look()

    def _connector(self, key: ConnectorId, cabinet: Cabinet) -> None:
        configured = next(one for one in cabinet.connectors if one.id == key)
        self._controller.charger.runners[key].machine.configure(configured)
