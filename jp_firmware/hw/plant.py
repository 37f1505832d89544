"""The hardware of one cabinet, built from its configuration: wires, the devices on them, and who feeds which connector.

Building opens nothing. `supervisor` gives the branch of the tree that runs it all: each wire carries its devices, a
device's end restarts that device, a wire's end restarts what hangs on it, and either may be gone for days.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from jp_firmware.charging.ports import EvLink, FaultSink
from jp_firmware.config import schema
from jp_firmware.config.schema import Cabinet, Wire
from jp_firmware.config.watchdogs import LINK, SITE_METER, Watch, watches
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.meters import driver as meter_drivers
from jp_firmware.hw.meters import site_profile as site_meters
from jp_firmware.hw.meters.driver import MeterTask
from jp_firmware.hw.meters.register_map import SILENT as METER_SILENT
from jp_firmware.hw.meters.site_meter import SILENT as SITE_METER_SILENT
from jp_firmware.hw.meters.site_meter import SiteMeter
from jp_firmware.hw.modbus.master import ModbusFault, ModbusMaster, master_for
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.hw.modules.heartbeat import Unattended
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.pool import Pool
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.plc import driver as plc_drivers
from jp_firmware.hw.plc.board import LOST as BOARD_LOST
from jp_firmware.hw.plc.driver import BoardTask
from jp_firmware.hw.rfid.reader import RfidReader
from jp_firmware.hw.separation import Separation
from jp_firmware.hw.switching import Switching
from jp_firmware.model.ids import ConnectorId, MeterId, ModuleId, PlcId
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.guard import Guard
from jp_firmware.nursery.supervisor import Child, Lifeline, Strategy, Supervisor
from jp_firmware.planner.wiring import topology_of

FIRST_RETRY_S, RETRY_CAP_S = 0.5, 5.0  # ours: a cable that is plugged in again should be noticed within seconds
FRESH_S = 2.0  # ours: the age at which another device's current is no longer a witness

Swiped = Callable[[str, frozenset[ConnectorId]], None]


@attrs.define(eq=False, kw_only=True, repr=False)
class Plant:
    """The devices by their names, and the ports of charging that they fulfil by connector."""

    cabinet: Cabinet
    device_dir: Path
    swiped: Swiped = attrs.field(repr=False)
    faults: FaultSink
    buses: Mapping[str, CanBus]
    masters: Mapping[str, ModbusMaster]
    modules: Mapping[ModuleId, ModuleTask]
    meters: Mapping[MeterId, MeterTask]
    boards: Mapping[PlcId, BoardTask]
    readers: Mapping[str, RfidReader]
    stages: Mapping[ConnectorId, Stage]
    pool: Pool  # of the modules that feed nobody
    switching: Switching | None  # moves those that hang on relays; None where all are wired
    ev_links: Mapping[ConnectorId, EvLink]
    watches: Mapping[str, Watch]
    site_meter: SiteMeter | None = None

    @classmethod
    def of(cls, cabinet: Cabinet, device_dir: Path, faults: FaultSink, swiped: Swiped) -> Plant:
        """Builds all of it. Raises ConfigError for a driver or a profile that is not there."""
        buses = {wire.name: CanBus.of_wire(wire, device_dir, faults) for wire in cabinet.wires if wire.is_can}
        masters = {wire.name: master_for(wire, device_dir) for wire in cabinet.wires if not wire.is_can}
        unattended = {wire: Unattended() for wire in buses}
        modules = {
            one.id: ModuleTask(one, load_profile(one.profile), buses[one.wire], faults, unattended=unattended[one.wire])
            for one in cabinet.modules
        }
        pool, switched = Pool(), cabinet.moving_modules
        for one in cabinet.modules:
            if one.id in switched:
                pool.put(modules[one.id])
        stages = {
            connector.id: Stage(
                connector.id,
                tuple(
                    modules[one.id]
                    for one in cabinet.modules
                    if one.connector == connector.id and one.id not in switched
                ),
                pool,
            )
            for connector in cabinet.connectors
        }
        boards = {
            one.id: plc_drivers.load_driver(one.driver).board(one, masters[one.wire], faults)
            for one in cabinet.plc_boards
        }
        if switched:
            ratings = {key: module.profile.rating for key, module in modules.items()}
            Separation(topology=topology_of(cabinet, ratings), boards=boards, stages=stages, faults=faults)
        plant = cls(
            cabinet=cabinet,
            device_dir=device_dir,
            swiped=swiped,
            faults=faults,
            buses=buses,
            masters=masters,
            modules=modules,
            meters={
                one.id: meter_drivers.load_driver(one.driver).meter(
                    one, masters[one.wire], faults, _witness(stages[one.connector])
                )
                for one in cabinet.meters
            },
            boards=boards,
            readers={
                one.id: RfidReader(one, device_dir, swipe_of(frozenset(one.connectors), swiped), faults)
                for one in cabinet.readers
            },
            stages=stages,
            pool=pool,
            switching=Switching.of(cabinet, modules, stages, pool, boards, faults) if switched else None,
            ev_links={key: link for board in boards.values() for key, link in board.connectors.items()},
            watches=watches(cabinet),
            site_meter=_site_meter(cabinet.site_meter, masters, faults),
        )
        for key, board in boards.items():
            board.behind = partial(plant._modules_behind, {key})
        return plant

    def meter_of(self, connector_id: ConnectorId) -> MeterTask:
        """The meter that bills a connector."""
        return next(self.meters[one.id] for one in self.cabinet.meters if one.connector == connector_id)

    def sources_of(self, connector_id: ConnectorId) -> frozenset[str]:
        """Names whose faults concern a connector: its own, and those of the devices and wires it depends on."""
        return self._names(connector_id, [one for one in self.cabinet.modules if one.connector == connector_id])

    def sources_within_reach_of(self, connector_id: ConnectorId) -> frozenset[str]:
        """The same, with all modules that could feed it over relays."""
        places = self.switching.yard.places if self.switching else {}
        near = [
            one
            for one in self.cabinet.modules
            if one.connector == connector_id or (one.id in places and connector_id in places[one.id].reaches)
        ]
        return self._names(connector_id, near)

    def sources_elsewhere(self, connector_id: ConnectorId) -> Callable[[], frozenset[str]]:
        """Those within reach that do not concern the connector at present: of modules that feed it not."""
        within_reach, stage = self.sources_within_reach_of(connector_id), self.stages[connector_id]
        if self.switching is None:
            return frozenset
        return lambda: within_reach - self._names(connector_id, [module.config for module in stage.members])

    def _names(self, connector_id: ConnectorId, modules: Iterable[schema.Module]) -> frozenset[str]:
        cabinet = self.cabinet
        devices: list[schema.Module | schema.Meter | schema.PlcBoard] = [
            *modules,
            *(one for one in cabinet.meters if one.connector == connector_id),
            *(one for one in cabinet.plc_boards if connector_id in one.connectors),
        ]
        names = {name for device in devices for name in (device.id, device.wire)}
        parts = {f"wires/{device.wire}/{name}" for device in devices for name in (device.id, LINK)}
        own = f"connector-{connector_id}"
        return frozenset({own, f"connectors/{own}", *names, *parts})

    def guard_with(self, guard: Guard) -> None:
        """Gives `guard` the CAN wires while they are up, and OFF to each module on them as last words."""
        for name, bus in self.buses.items():
            mine = [self.modules[one.id] for one in self.cabinet.modules if one.wire == name]
            bus.guard_with(guard, [frame for module in mine for frame in module.off_frames])

    def supervisor(self) -> Supervisor:
        """The branch `wires` of the tree: PLC boards first up and last down, since they open the contactors."""
        on_boards = {one.wire for one in self.cabinet.plc_boards}
        wires = sorted(self.cabinet.wires, key=lambda wire: wire.name not in on_boards)
        return Supervisor(
            name="wires",
            children=[
                *(self._wire(wire).as_child(backoff=_RETRY) for wire in wires),
                *(self._device(name, reader.run) for name, reader in self.readers.items()),
            ],
            intensity=None,
            everything_off=_all_off(self.modules.values),
        )

    def _wire(self, wire: Wire) -> Supervisor:
        link = self.buses[wire.name].run if wire.is_can else self._modbus_link(wire.name)
        off = _all_off(partial(self._modules_depending_on, wire.name))
        return Supervisor(
            name=wire.name,
            children=[self._device(f"{wire.name}/{LINK}", link, safe_now=off), *self._devices_on(wire.name)],
            strategy=Strategy.HUB,
            intensity=None,
            stop_together=True,
            latch_escalates=False,  # a module that could not be made safe takes none of the bus's others down
            everything_off=off,
        )

    def _modules_depending_on(self, wire: str) -> list[ModuleTask]:
        """Those on the wire, and those behind a board on it: as of now."""
        behind = self._modules_behind({board.id for board in self.cabinet.plc_boards if board.wire == wire})
        return [module for module in self.modules.values() if module.config.wire == wire or module in behind]

    def _modules_behind(self, boards: Collection[PlcId]) -> list[ModuleTask]:
        """Those that feed contactors, or are connected by relays, of one of these boards: as of now.

        An idle module may be on its way to any connector it has a relay to.
        """
        opened = {one for board in self.cabinet.plc_boards if board.id in boards for one in board.connectors}
        fed = {module.id: connector_id for connector_id, stage in self.stages.items() for module in stage.members}
        over_relays = self.switching.depending_on(boards) if self.switching else frozenset()
        return [module for key, module in self.modules.items() if fed.get(key) in opened or key in over_relays]

    def _modbus_link(self, wire: str) -> Callable[[Lifeline], Awaitable[None]]:
        """Holds a wire's connection. Without it the devices on it do not even start: their loss is told here."""

        async def run(lifeline: Lifeline) -> None:
            try:
                await self.masters[wire].run(lifeline)
            except ModbusFault as error:
                for board in (one for one in self.cabinet.plc_boards if one.wire == wire):
                    self.faults.raise_(BOARD_LOST, board.id, str(error))
                for meter in (one for one in self.cabinet.meters if one.wire == wire):
                    self.faults.raise_(METER_SILENT, meter.id, str(error))
                if self.site_meter and self.site_meter.config.wire == wire:
                    self.faults.raise_(SITE_METER_SILENT, SITE_METER, str(error))
                raise

        return run

    def _devices_on(self, wire: str) -> Iterable[Child]:
        for board in self.cabinet.plc_boards:
            if board.wire == wire:
                task = self.boards[board.id]
                yield self._device(f"{wire}/{board.id}", task.run, safe=task.safe, safe_within_s=task.safe_within_s)
        for meter in self.cabinet.meters:
            if meter.wire == wire:
                yield self._device(f"{wire}/{meter.id}", self.meters[meter.id].run)
        if self.site_meter and self.site_meter.config.wire == wire:
            yield self._device(f"{wire}/{SITE_METER}", self.site_meter.run)
        for one in self.cabinet.modules:
            if one.wire == wire:
                module = self.modules[one.id]
                yield self._device(
                    f"{wire}/{one.id}",
                    module.run,
                    safe=module.safe,
                    safe_now=module.safe_now,
                    safe_within_s=module.safe_within_s,
                )

    def _device(self, path: str, run: Callable[..., Any], **terms: Any) -> Child:
        watch = self.watches[f"wires/{path}"]
        return Child(name=path.rpartition("/")[2], run=run, backoff=_RETRY, **watch.terms, **terms)


_RETRY = Backoff(first_s=FIRST_RETRY_S, cap_s=RETRY_CAP_S)


def _all_off(modules: Callable[[], Iterable[ModuleTask]]) -> Callable[[], None]:
    """All of these off, as they are when it is called: synchronous, in the order of the configuration."""

    def everything_off() -> None:
        for module in modules():
            module.want_off()

    return everything_off


def _witness(stage: Stage) -> Callable[[], float | None]:
    """What the modules say flows where a meter measures, so that a frozen meter can be told from an idle one."""

    def flowing_w() -> float | None:
        output = stage.output.fresh(trio.current_time(), FRESH_S)
        return output.power_w if output else None

    return flowing_w


def _site_meter(
    config: schema.SiteMeter | None, masters: Mapping[str, ModbusMaster], faults: FaultSink
) -> SiteMeter | None:
    if config is None:
        return None
    return SiteMeter(config, site_meters.load(config.profile), masters[config.wire], faults)


def swipe_of(served: frozenset[ConnectorId], swiped: Swiped) -> Callable[[str], None]:
    """What a reader calls that serves these connectors."""
    return lambda uid: swiped(uid, served)
