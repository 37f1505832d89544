"""The charger, drawn. Joins ports to adapters and builds the supervision tree; decides nothing about power itself.

controller
├─ journal            first up, last down
├─ config             changes of the configuration while all runs
├─ guard              a process of its own: modules off when this one stands still or is gone
├─ wires              buses, and the modules, meters, PLC boards and readers on them
├─ switching          modules that relays move from connector to connector, where there are any
├─ planner            shares the site's power
├─ connectors         connector-1 …, each with its session and its energised scope
├─ forecast           the cars that are to be expected, from the journal
├─ backend            the central system; may be away for days
└─ consoles           the Unix socket of terminals and of `jp status`
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from jp_firmware.charging.authorize import Authorizing
from jp_firmware.charging.charger import Charger
from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.ports import Ports
from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending
from jp_firmware.composition import calls, operative, picture, planning, plug_heat
from jp_firmware.composition.arrivals import ExpectedArrivals
from jp_firmware.composition.boot import boot_id
from jp_firmware.composition.central_system import CentralSystem
from jp_firmware.composition.configuration import picture as config_picture
from jp_firmware.composition.configuration.change import Resumed
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.composition.contactor_load import ContactorLoad
from jp_firmware.composition.guarding import Guarding
from jp_firmware.composition.held_limits import HeldLimits
from jp_firmware.composition.inventory import ModuleInventory
from jp_firmware.composition.logbook import Logbook
from jp_firmware.composition.module_choice import ModuleChoice
from jp_firmware.composition.narrator import Narrator
from jp_firmware.composition.plug_heat import PlugHeat
from jp_firmware.composition.restarts import Restarts
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.schema import Authorize, Cabinet, Connector
from jp_firmware.config.watchdogs import SWITCHING, Watch, watches
from jp_firmware.console.server import ConsoleServer
from jp_firmware.console.topics import Provider
from jp_firmware.faults import catalogue
from jp_firmware.faults.register import FaultRegister
from jp_firmware.hw.plant import Plant
from jp_firmware.hw.switching import Switching
from jp_firmware.journal.writer import Journal
from jp_firmware.model.faults import Fault
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import StopReason
from jp_firmware.nursery import walk
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.pauses import GcPauses
from jp_firmware.nursery.realtime import Scheduling
from jp_firmware.nursery.stall import StallDetector
from jp_firmware.nursery.supervisor import Child, End, Lifeline, Restart, Supervisor, describe
from jp_firmware.ocpp.v16.session_log import JournalledSessions
from jp_firmware.planner.limits import LimitBook
from jp_firmware.planner.rules import Rules, configured_limits, scopes_of
from jp_firmware.planner.task import Planner

FLUSH_S = 1.0  # ours: what the last events get to reach the disk when the process must be left
NOT_SAFE = "CTL-01"  # a part of the tree is latched; it stands at the part's path, since names repeat
ENDING_S = 12.0  # ours: sessions end in order, all at once, before the tree is stopped one by one
TELLING_S = 2.0  # ours: then a central system that answers is told so; it would be told twice by the next life else


@attrs.define(eq=False, repr=False)
class Controller:
    """One charger: its parts, joined. Building it opens nothing; running `tree` does."""

    cabinet: Cabinet
    device_dir: Path
    state_dir: Path
    socket: Path
    on_stuck: Callable[[str], None] = lambda _: None  # a task that cannot be ended holds the process: it must be left
    started_s: float = attrs.field(factory=trio.current_time)
    ending: trio.Event = attrs.field(factory=trio.Event)  # set when sessions are to end, and then the tree
    restart_wanted: bool = False
    stalls: StallDetector = attrs.field(factory=StallDetector)
    pauses: GcPauses = attrs.field(factory=GcPauses)
    scheduling: Scheduling = attrs.field(factory=lambda: Scheduling("normal"))
    store: ConfigStore | None = None  # of the configuration on the disk; without one it is not changed
    overrides: tuple[str, ...] = ()  # of the configuration, by the command line
    resumed: Resumed | None = None  # the version that this life was begun for
    resumes: Resumed | None = attrs.field(init=False, default=None)  # the one that the next life is wanted for
    guarded: bool = False  # by a process of its own, which switches modules off when this one no longer can
    process_parts: Callable[[Controller], Sequence[Child]] = lambda _: ()  # started last: what the process adds

    journal: Journal = attrs.field(init=False)
    logbook: Logbook = attrs.field(init=False)
    faults: FaultRegister = attrs.field(init=False)
    plant: Plant = attrs.field(init=False)
    inventory: ModuleInventory = attrs.field(init=False)
    planner: Planner = attrs.field(init=False)
    held_limits: HeldLimits = attrs.field(init=False)
    choice: ModuleChoice = attrs.field(init=False)
    arrivals: ExpectedArrivals = attrs.field(init=False)
    building: planning.Building | None = attrs.field(init=False, default=None)
    authorizing: Authorizing = attrs.field(init=False)
    sessions: JournalledSessions = attrs.field(init=False)
    charger: Charger = attrs.field(init=False)
    plugs: Sequence[PlugHeat] = attrs.field(init=False)
    central_system: CentralSystem = attrs.field(init=False)
    configuring: Configuring | None = attrs.field(init=False, default=None)
    console: ConsoleServer = attrs.field(init=False)
    watches: Mapping[str, Watch] = attrs.field(init=False)
    guarding: Guarding | None = attrs.field(init=False)
    tree: Supervisor = attrs.field(init=False)
    restarts: Restarts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        cabinet = self.cabinet
        self.journal = Journal(self.state_dir / "journal.db", on_trouble=self._journal_trouble)
        self.logbook = Logbook(self.journal)
        self.faults = FaultRegister(catalogue.load(), on_change=self._fault_changed)
        self.plant = Plant.of(cabinet, self.device_dir, self.faults, self._swiped)
        self.inventory = ModuleInventory(self)
        self.choice = ModuleChoice(cabinet, self.plant.modules, self.plant.switching)
        self.planner = Planner(
            self.choice.demands,
            LimitBook(scopes=scopes_of(cabinet)),
            rules=Rules.of(cabinet),
            modules=self.choice if self.plant.switching else None,
        )
        self.held_limits = HeldLimits(self.planner.limits, self.journal, partial(self.note, "operator", "limits"))
        self.arrivals = ExpectedArrivals(self.journal)
        self.planner.arriving = self.arrivals.arriving
        self.planner.ponder = self.choice.effort.go_on
        if self.plant.site_meter:
            self.building = planning.Building(cabinet, self.planner, self.plant.site_meter)
        self.authorizing = Authorizing(cabinet.authorize)
        self.sessions = JournalledSessions(self.journal, enabled=bool(cabinet.backend.url))
        self.charger = self._charger()
        self.choice.join(self.charger, self.planner)
        self.plugs = [
            PlugHeat(self.charger.runners[key], self.planner.limits, self.faults, board.watchdog_s)
            for board in cabinet.plc_boards
            for key in board.connectors
        ]
        if self.plant.switching:
            for key, runner in self.charger.runners.items():
                ContactorLoad(runner, self.plant.stages[key], self.plant.switching, self.planner.limits)
            self.plant.switching.seeing.state_of = lambda key: self.charger.runners[key].machine.state
            self.plant.switching.noted = lambda module, text: self.note("move", module, text)
        self.central_system = CentralSystem(self)
        self.central_system.configure(cabinet)
        if self.store:
            self.configuring = Configuring(self, self.store, self.overrides, self.resumed)
        self.console = ConsoleServer(self.socket, topics=self._topics(), calls=calls.all_calls(self))
        self.watches = watches(cabinet, self.central_system.watchdog_s)
        self.guarding = Guarding(self) if self.guarded else None
        self.tree = self._tree()
        self.restarts = Restarts(self)

    # --- the tree ----------------------------------------------------------------------------------------------------

    def _tree(self) -> Supervisor:
        parts = [
            self._watched("journal", self.journal.run, stop_within_s=5.0),
            _until_done("config", self._watched("config/changes", self._change, **UNTIL_DONE)),
            *([self.guarding.part()] if self.guarding else []),
            self.plant.supervisor().as_child(),
            *([self._switching_part(self.plant.switching)] if self.plant.switching else []),
            self._watched("planner", self._plan),
            # Connectors share nothing: one that could not be made safe is latched, and ends no other's session.
            _apart("connectors", *map(self._connector_child, self.charger.runners.values()), latch_escalates=False),
            _apart("forecast", self._watched("forecast/arrivals", self.arrivals.run)),
            self._backend_part(self.central_system),
            _apart("consoles", self._watched("consoles/socket", self.console.run)),
            *self.process_parts(self),
        ]
        return Supervisor(
            name="controller",
            children=parts,
            everything_off=self.charger.everything_off,
            on_event=self._child_ended,
        )

    def _switching_part(self, switching: Switching) -> Child:
        """Not to be moved takes no power away, so its trouble is nobody else's."""
        return _apart(
            "switching",
            self._watched(SWITCHING, switching.run, safe=switching.safe, safe_now=switching.safe_now),
        )

    def _backend_part(self, central_system: CentralSystem) -> Child:
        """What it has said of power is followed while it is away, too. Without one this part is done."""
        return _until_done(
            "backend",
            self._watched("backend/ocpp-1.6", central_system.run, stop_within_s=5.0, **UNTIL_DONE),
            self._watched("backend/charging-profiles", central_system.follow, **UNTIL_DONE),
        )

    def _connector_child(self, runner: ConnectorRunner) -> Child:
        limits = runner.machine.limits
        return self._watched(
            f"connectors/{runner.name}",
            runner.run,
            safe=runner.safe,
            safe_now=runner.safe_now,
            backoff=Backoff(first_s=1.0, cap_s=30.0),
            stop_within_s=runner.stop_within_s,
            safe_within_s=limits.power_down_s + 1.0,
        )

    def _watched(self, path: str, run: Callable[[Lifeline], Awaitable[object]], **terms: Any) -> Child:
        """A part as the configuration wants it watched (design, law 2); its other terms are its own."""
        return Child(name=path.rpartition("/")[2], run=run, **self.watches[path].terms, **terms)

    # --- the parts, joined -------------------------------------------------------------------------------------------

    def _charger(self) -> Charger:
        return Charger(
            {connector.id: self._runner(connector) for connector in self.cabinet.connectors},
            plug_timeout_s=self.cabinet.authorize.plug_timeout_s,
            restart=self._restart,
            remember_operative=partial(operative.remember, self.journal),
            idle_off=self.plant.pool.off,
        )

    def _runner(self, connector: Connector) -> ConnectorRunner:
        plant, cabinet = self.plant, self.cabinet
        limits = Timeouts(plug_s=cabinet.authorize.plug_timeout_s, ramp_a_per_s=cabinet.planner.ramp_a_per_s)
        runner = ConnectorRunner(
            ConnectorMachine(connector, limits),
            Ports(
                stage=plant.stages[connector.id],
                ev_link=plant.ev_links[connector.id],
                meter=plant.meter_of(connector.id),
                authorizer=self.authorizing,
                log=self.sessions,
                fault_sink=self.faults,
                fault_view=self.faults,
                plan=self.planner.plan,
                sources=plant.sources_within_reach_of(connector.id),
                elsewhere=plant.sources_elsewhere(connector.id),
                demand_changed=self.planner.ring,
                reach=partial(self.choice.reach_of, connector.id) if plant.switching else None,
                boot_id=boot_id(),
            ),
        )
        runner.report.subscribe(Narrator(runner, self.logbook).look)
        return runner

    def _topics(self) -> Mapping[str, Provider]:
        return {
            "status": lambda: picture.status(self),
            "tree": self.tree_picture,
            "faults": self.faults.snapshot,
            "events": self.logbook.snapshot,
            "modules": self.inventory.snapshot,
            "planner": lambda: planning.snapshot(self),
            "config": lambda: config_picture.snapshot(self),
        }

    @property
    def stop_budget_s(self) -> float:
        """Longest time from being told to end until all is down."""
        return ENDING_S + TELLING_S + self.tree.stop_budget_s

    def tree_picture(self) -> picture.Json:
        """The supervision tree as it stands."""
        return self.tree.tree()

    # --- what happens between the parts ------------------------------------------------------------------------------

    async def _plan(self, lifeline: Lifeline) -> None:
        """The planner, from the limits on that are configured, and those that others set in an earlier life."""
        await operative.recall(self.journal, self.charger.runners)
        await plug_heat.recall(self.plugs, self.journal)
        await self.inventory.recall()
        await self.held_limits.recall()
        self.planner.limits.set(*configured_limits(self.cabinet))
        if self.building:
            self.building.look()
        await self.central_system.recall()
        await self.planner.run(lifeline)

    async def _change(self, lifeline: Lifeline) -> None:
        """Changes of the configuration, where there is a place to keep them."""
        if self.configuring:
            await self.configuring.run(lifeline)

    def start_anew(self, why: str, resumes: Resumed | None = None) -> None:
        """Ends all sessions, then all parts; the process begins another life with what the disk says.

        Not where the charger ends for good: then its next start goes by what the disk says.
        """
        if self._ends_for_good:
            return
        self.note("config", "configuration", f"all parts start anew: {why}")
        self.restart_wanted, self.resumes = True, resumes
        self.end(Ending(StopReason.REBOOT, f"the controller starts anew: {why}"))

    def note(self, kind: str, source: str, text: str) -> None:
        """Records an event."""
        self.logbook.note(kind, source, text)

    def release(self, path: str) -> bool:
        """Lets a latched part start again, and ends the fault that stood for its latch. Raises UnknownPath."""
        released = self.tree.release(path)
        if released:
            part = walk.relative(self.tree, path)
            self.faults.clear(NOT_SAFE, part)
            self.faults.release(NOT_SAFE, part)
        return released

    def end(self, ending: Ending) -> None:
        """Ends all sessions in order, then the tree."""
        self.charger.end_all(ending)
        self.ending.set()

    @property
    def _ends_for_good(self) -> bool:
        return self.ending.is_set() and not self.restart_wanted

    def end_for_good(self, why: str) -> None:
        """The same for a process that is stopped: no other life is begun, whatever was asked for before."""
        self.restart_wanted, self.resumes = False, None
        self.end(Ending(StopReason.REBOOT, f"the controller was stopped ({why})"))

    async def run(self) -> None:
        """Runs the charger until `end`, or until the tree gives up (`Escalated`). Everything is off when it returns."""
        with self.stalls.watching(), self.pauses.watching():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_in_order, nursery.cancel_scope)
                nursery.start_soon(self.restarts.run)
                await self.tree.run()
                nursery.cancel_scope.cancel(reason="the tree has ended")

    async def _end_in_order(self, scope: trio.CancelScope) -> None:
        await self.ending.wait()
        with trio.move_on_after(ENDING_S):
            await self.charger.all_ended()
        with trio.move_on_after(TELLING_S):
            await self.central_system.told()
        scope.cancel(reason="the charger was told to end")

    def _restart(self, hard: bool) -> None:
        self.note("operator", "central system", "hard reset" if hard else "soft reset")
        self.restart_wanted = not self._ends_for_good
        self.ending.set()

    def apply_rules(self, rules: Authorize) -> None:
        """Other rules of who may charge, and who decides: for whoever is authorized from now on."""
        self.authorizing.rules, self.charger.plug_timeout_s = rules, rules.plug_timeout_s
        for runner in self.charger.runners.values():
            runner.machine.set_limits(attrs.evolve(runner.machine.limits, plug_s=rules.plug_timeout_s))

    def _swiped(self, uid: str, served: frozenset[ConnectorId]) -> None:
        self.note("reader", "reader", f"tag {uid}")
        self.charger.swipe(uid, served)

    def _fault_changed(self, fault: Fault, what: str) -> None:
        detail = f": {fault.detail}" if fault.detail and what == "raised" else ""
        self.note("fault", fault.source, f"{fault.code} {fault.kind.title} {what}{detail}")

    def _child_ended(self, path: str, lifeline: Lifeline, end: End) -> None:
        if end is End.STOPPED:
            return
        why = f": {describe(lifeline.last_error)}" if lifeline.last_error else ""
        self.note("tree", path, f"ended ({end.value}){why}")
        if end in (End.UNSAFE, End.STUCK):
            self.faults.raise_(NOT_SAFE, walk.relative(self.tree, path), f"{end.value}{why}")
        if end is End.STUCK:
            self.charger.everything_off()
            self.note("tree", path, f"stuck at {' > '.join(lifeline.stuck_stack) or 'an unknown place'}")
            self.journal.flush_now(FLUSH_S)
            self.on_stuck(path)

    def _journal_trouble(self, trouble: str | None) -> None:
        if trouble is None:
            self.faults.clear("CTL-02", "journal")
        else:
            self.faults.raise_("CTL-02", "journal", trouble)


def _apart(name: str, *children: Child, **terms: Any) -> Child:
    """Parts that may fail again and again without taking the charger down, nor each other; each with its back-off."""
    return Supervisor(name=name, children=children, intensity=None, stop_together=True, **terms).as_child()


UNTIL_DONE: Mapping[str, Any] = {"restart": Restart.ON_FAILURE}  # of a part that may have nothing to do


def _until_done(name: str, *children: Child) -> Child:
    """The same, of parts that may have nothing to do: one that returns is done until it is asked for again."""
    supervisor = Supervisor(name=name, children=children, intensity=None, stop_together=True)
    return supervisor.as_child(**UNTIL_DONE)
