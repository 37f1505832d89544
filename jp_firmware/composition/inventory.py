"""Which modules the charger has: as configured, as they say of themselves, and as a search of a wire has found them.

It keeps the serial number that each module was last accepted with, over restarts, and raises PM-15 while another
answers in its place. It refuses to search by itself: an operator asks, and gets the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import attrs
import trio

from jp_firmware.hw.modules.driver import ModuleDriver
from jp_firmware.hw.modules.findings import Finding, is_replaced, judge, unexpected
from jp_firmware.hw.modules.identify import Configured, Found, Search, identify, installed_drivers
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.recognition import FAMILIES
from jp_firmware.hw.serial import WireDown
from jp_firmware.journal import state
from jp_firmware.model.power import StageRating

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]

REPLACED = "PM-15"
MISPLACED = "PM-19"  # one that feeds another connector than we take it to: it would be given that one's set-points
ACCEPTED = "modules.serials"
"""Key of the journal's state: the serial number of each module that was accepted last."""

FRESH_S = 5.0
"""What a screen may still show as present (ours)."""


class SearchRefused(Exception):
    """A wire cannot be searched: why, in one line."""


@attrs.frozen
class _Searched:
    at: datetime
    found: tuple[Found, ...]
    talk: bool


@attrs.define(eq=False)
class ModuleInventory:
    """The modules of one charger. It listens to their tasks, and acts on none of them."""

    _controller: Controller
    _accepted: dict[str, str] | None = attrs.field(init=False, default=None)  # until the journal has been read
    _raised: dict[str, str] = attrs.field(init=False, factory=dict)  # the serial number that PM-15 was raised for
    _misplaced: set[str] = attrs.field(init=False, factory=set)
    _searching: dict[str, Search] = attrs.field(init=False, factory=dict)
    _searched: dict[str, _Searched] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        _drivers(self._used)  # from the disk now, not while the loop runs
        for module in self._modules:
            module.status.subscribe(partial(self._look, module))

    @property
    def _modules(self) -> Sequence[ModuleTask]:
        return tuple(self._controller.plant.modules.values())

    @property
    def _used(self) -> frozenset[str]:
        """The drivers of its own modules."""
        return frozenset(one.config.driver for one in self._modules)

    @property
    def searched(self) -> Mapping[str, Sequence[Found]]:
        """What the last search has found on each wire that was searched."""
        return {wire: one.found for wire, one in self._searched.items()}

    # --- replaced modules ---------------------------------------------------------------------------------------------

    async def recall(self) -> None:
        """Reads from the journal which modules were accepted, once. Before that nothing is judged."""
        if self._accepted is not None:
            return
        known = await self._controller.journal.read(lambda db: state.get(db, ACCEPTED)) or {}
        self._accepted = {str(key): str(value) for key, value in known.items()}
        for module in self._modules:
            self._look(module)

    def accept(self, module_id: str) -> tuple[bool, str]:
        """The module that answers now is the one that shall. Whether that changed anything, or why it did not."""
        module = next((one for one in self._modules if one.id == module_id), None)
        if module is None:
            return False, f"there is no module {module_id!r}; see jp modules"
        if self._accepted is None:
            return False, "it is not known yet which modules were accepted; try again in a moment"
        serial, accepted = module.inventory.serial, self._accepted.get(module_id, "")
        if not serial:
            return False, f"{module_id} has told no serial number, so there is nothing to accept"
        if serial == accepted:
            return False, f"{module_id} has not been replaced: its serial number is {serial}, as accepted"
        self._remember(module_id, serial)
        self._look(module)
        return True, f"serial number {serial}, was {accepted}"

    def _look(self, module: ModuleTask) -> None:
        """In the module's own task, after each of its reports. One that says nothing of itself changes nothing."""
        identity = module.identity
        if self._accepted is None or identity is None or not identity.serial:
            return
        serial, accepted = identity.serial, self._accepted.get(module.id, "")
        if not accepted:
            self._remember(module.id, serial)
            return
        self._judge_place(module, serial, accepted)
        if is_replaced(serial, accepted):
            if self._raised.get(module.id) != serial:
                self._raised[module.id] = serial
                detail = f"serial number {serial}, was {accepted}{self._whose(serial, module.id)}"
                self._controller.faults.raise_(REPLACED, module.id, detail)
        elif self._raised.pop(module.id, None) is not None:
            self._controller.faults.clear(REPLACED, module.id)

    def _whose(self, serial: str, module_id: str) -> str:
        """Modules that have changed places are worth a word."""
        others = self._accepted_with(serial, module_id)
        return f"; that is {others[0].id}'s" if others else ""

    def _accepted_with(self, serial: str, module_id: str) -> list[ModuleTask]:
        """The other modules that were accepted with this serial number. Those of the same empty memory share one."""
        known = self._accepted or {}
        return [one for one in self._modules if one.id != module_id and known.get(one.id) == serial]

    def _judge_place(self, module: ModuleTask, serial: str, accepted: str) -> None:
        """Addresses that are given out at power-up may be others after the next one; output cables stay where they are.

        Between modules that feed the same that costs nothing. Else the car at one plug would be given what another
        asks. A number that is still heard where it was accepted has not moved: two have it, and it tells nobody apart.
        """
        others = self._accepted_with(serial, module.id) if is_replaced(serial, accepted) else []
        stay = any(one.identity is not None and one.identity.serial == serial for one in others)
        if others and not stay and len({self._feeds(one) for one in (module, *others)}) > 1:
            if module.id not in self._misplaced:
                self._misplaced.add(module.id)
                self._controller.faults.raise_(MISPLACED, module.id, f"at its address answers {serial}, {others[0].id}")
        elif module.id in self._misplaced:
            self._misplaced.discard(module.id)
            self._controller.faults.clear(MISPLACED, module.id)

    def _feeds(self, module: ModuleTask) -> object:
        """Equal for those whose output cables lead to the same: a connector, or the contactors of one segment."""
        switching = self._controller.plant.switching
        place = switching.yard.places.get(module.id) if switching else None
        return place.modules if place else module.config.connector

    def _remember(self, module_id: str, serial: str) -> None:
        if self._accepted is not None:
            self._accepted[module_id] = serial
            self._controller.journal.post(state.Put(ACCEPTED, dict(self._accepted)))

    # --- searching ----------------------------------------------------------------------------------------------------

    async def search(self, wire: str) -> Json:
        """Finds out which modules are on a CAN wire, while all goes on. Raises `SearchRefused`.

        Takes a few seconds, and a tenth of one more for each module. Cancelled it sends nothing more.
        """
        bus = self._controller.plant.buses.get(wire)
        if bus is None:
            known = ", ".join(self._controller.plant.buses) or "none"
            raise SearchRefused(f"there is no CAN wire {wire!r}; there are: {known}")
        if wire in self._searching:
            raise SearchRefused(f"{wire} is being searched already; wait for it to end")
        on_wire = [one for one in self._modules if one.config.wire == wire]
        for one in on_wire:
            left_s = one.left_alone_until_s - trio.current_time()
            if left_s > 0:  # a search speaks to all, and would keep its time-out from running
                raise SearchRefused(f"{one.id} does not switch off, and is left alone: search again in {left_s:.0f} s")
        configured = [Configured(one.config.driver, one.config.address, one.profile) for one in on_wire]
        search = Search(trio.current_time(), _drivers(self._used), configured)
        self._searching[wire] = search
        try:
            await identify(bus, search)
        except WireDown as error:
            raise SearchRefused(str(error)) from error
        finally:
            del self._searching[wire]
        self._searched[wire] = _Searched(datetime.now(UTC), search.found, search.talk)
        return self._result(wire)

    def _result(self, wire: str) -> Json:
        searched, lines = self._searched[wire], self._lines(wire)
        by_place = {(one.driver, one.address): str(one.module_id) for one in lines}
        there = set(by_place) & {(one.driver, one.address) for one in searched.found}
        return {
            "wire": wire,
            "at": searched.at.isoformat(timespec="seconds"),
            "found": [_found(one, by_place.get((one.driver, one.address))) for one in searched.found],
            "missing": [name for place, name in by_place.items() if place not in there],
            "infypower_talk": searched.talk,
        }

    # --- what is told -------------------------------------------------------------------------------------------------

    def snapshot(self) -> Json:
        """The topic `modules`."""
        now_s = trio.current_time()
        return {
            "modules": {module.id: self._module(module, now_s) for module in self._modules},
            "wires": {wire: self._wire(wire) for wire in self._controller.plant.buses},
        }

    def _lines(self, wire: str) -> list[Inventory]:
        return [one.inventory for one in self._modules if one.config.wire == wire]

    def _module(self, module: ModuleTask, now_s: float) -> Json:
        line, status = module.inventory, module.status.fresh(now_s, FRESH_S)
        accepted = (self._accepted or {}).get(module.id, "")
        searched = self._searched.get(line.wire)
        finding, detail = judge(line, module.profile.rating, accepted, searched.found if searched else ())
        return {
            "wire": line.wire,
            "address": line.address,
            "driver": line.driver,
            "profile": line.profile,
            "connector": module.config.connector,
            "state": "silent" if status is None else "fault" if status.alarms else "on" if status.on else "off",
            "on": status.on if status else None,
            "voltage_v": round(status.voltage_v, 1) if status else None,
            "current_a": round(status.current_a, 1) if status else None,
            "serial": line.serial or None,
            "firmware": line.firmware or None,
            "accepted_serial": accepted or None,
            "rating": _rating(line.rating),
            "finding": finding.value,
            "as_configured": finding is Finding.AS_CONFIGURED,
            "detail": detail,
        }

    def _wire(self, wire: str) -> Json:
        searching, searched = self._searching.get(wire), self._searched.get(wire)
        found = searched.found if searched else ()
        return {
            "searching": searching is not None,
            "doing": searching.doing if searching else None,
            "progress": round(searching.progress, 2) if searching else None,
            "found_so_far": len(searching.found) if searching else None,
            "searched_at": searched.at.isoformat(timespec="seconds") if searched else None,
            "unexpected": [_found(one, None) for one in unexpected(found, self._lines(wire))],
        }


@cache
def _drivers(used: frozenset[str]) -> Mapping[str, ModuleDriver]:
    """Those of the families that can be told apart, and those in use. One that needs a profile is of no use without."""
    return installed_drivers({family.driver for family in FAMILIES if family.driver and not family.profile} | used)


def _found(one: Found, module: str | None) -> Json:
    return {
        "family": one.family,
        "driver": one.driver or None,
        "profile": one.profile or None,
        "address": one.address,
        "serial": one.serial or None,
        "firmware": one.firmware or None,
        "rating": _rating(one.rating),
        "module": module,
    }


def _rating(rating: StageRating | None) -> Json | None:
    return attrs.asdict(rating) if rating else None
