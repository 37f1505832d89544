"""Plays a list of steps on a whole charger, and holds it against what must be true at every moment and in the end.

The physics is the witness, never what the charger believes of itself. What is not in the charger's power is left out,
by name: a module that cannot hear is given its own time-out, a welded contactor cannot be opened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import trio

from jp_firmware.journal import sessions
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.session import Session
from jp_firmware.nursery.supervisor import Escalated, Supervisor
from jp_firmware.sim.outlet import OutletAlarm
from tests.whole.charger import BOTH, CABINET, OPENING_S, SITE_LIMIT_W, Process, World
from tests.whole.rules import Step

FLOWING_A = 1.0
SLEW_S = 1.0  # the modules' own: from full current to none, and a question's way
MODULE_ALONE_S = 10.5  # a module that hears nothing switches itself off after 10 s
BOARD_ALONE_S = 1.2  # a board that hears nothing opens its contactors after 1 s
TOLERANCE_W = 1500.0  # a module's smallest current on each connector, noise and droop
CHARGING_WITHIN_S = 5.0
ON_THE_WAY = (
    ConnectorState.AVAILABLE,
    ConnectorState.PREPARING,
    ConnectorState.CABLE_CHECK,
    ConnectorState.PRECHARGE,
)
SETTLED_WITHIN_S = 90.0
LATCHED = ("CON-01", "CON-03", "SAF-08", "PLC-04", "CTL-01")  # released by a person, once their cause is gone


@attrs.define(eq=False)
class Story:
    """One story. `play` raises AssertionError at the first moment at which something is not as it must be."""

    nursery: trio.Nursery
    world: World = attrs.field(factory=World)
    process: Process = attrs.field(init=False)
    escalations: list[str] = attrs.field(factory=list)
    charged: int = 0  # connector-steps at which current flowed
    limit_w: float = SITE_LIMIT_W
    _limits: list[tuple[float, float]] = attrs.field(factory=list)  # what was in force, until when
    _deaf_until_s: dict[str, float] = attrs.field(factory=dict)  # modules that cannot hear
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _over: trio.Event = attrs.field(factory=trio.Event)
    _session_seen_s: dict[ConnectorId, float] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.process = self.world.boot()
        self.world.watchers.append(self.look)

    # --- the story -----------------------------------------------------------------------------------------------

    async def play(self, steps: Sequence[Step]) -> None:
        """All steps, then the end: everything repaired, everybody gone, the charger stopped."""
        self.nursery.start_soon(self.world.run)
        self._start()
        for step in steps:
            await self._do(step)
            self._look_at_the_plan()
            await trio.sleep(step.then_s)
        await self._settle()
        await self._stop()
        await trio.sleep(OPENING_S)
        self._look_at_the_end()

    async def _do(self, step: Step) -> None:
        world, process, verbs = self.world, self.process, self.world.verbs
        connector = ConnectorId(int(step.what[-1])) if step.what.startswith("connector-") else None
        runner = process.controller.charger.runners.get(connector) if connector else None
        outlet = world.plant.outlets.get(connector) if connector else None
        match step.word:
            case "plug" if connector and outlet and outlet.car is None:
                world.plug(connector)
            case "unplug" if connector and outlet and outlet.car is not None:
                verbs.unplug(connector)
            case "charge" if connector and outlet:
                await self._charge(connector)
            case "swipe":
                process.swipe(step.what)
            case "start" if connector:
                process.start(connector)
            case "stop" if connector:
                process.stop(connector)
            case "unlock" if connector:
                process.controller.charger.unlock(connector)
            case "pause" | "resume" if outlet and outlet.car is not None:
                outlet.car.paused = step.word == "pause"
            case "operative" if runner:
                process.controller.charger.set_operative(connector, bool(step.value))
            case "limit":
                self._set_limit(float(step.value))
            case "fault":
                verbs.fault(step.what, str(step.value))
            case "clear":
                verbs.clear(step.what)
            case "heal":
                await self._heal()
            case "emergency stop":
                verbs.emergency_stop(step.what)
            case "silence" | "freeze" | "corrupt":
                getattr(verbs, step.word)(step.what)
            case "cut":
                verbs.cut(step.what)
            case "restore":
                await world.wires[step.what].restore()
            case "disk":
                world.disk.full = step.what == "full"
            case "cancel":
                self._cancel(step.what)
            case "stop and start":
                await self._stop()
                self._start_anew()
            case "kill and start":
                await self._kill(float(step.value))

    async def _charge(self, connector: ConnectorId) -> None:
        """A car comes and is started; what is broken may keep it from charging."""
        world, process, outlet = self.world, self.process, self.world.plant.outlets[connector]
        if outlet.car is not None and process.session(connector) is None:
            world.verbs.unplug(connector)
            await trio.sleep(0.3)
        if outlet.car is None:
            world.plug(connector)
            await trio.sleep(0.3)
        process.start(connector)
        with trio.move_on_after(CHARGING_WITHIN_S):
            await world.until(lambda: process.state(connector) not in ON_THE_WAY, math.inf)

    def _set_limit(self, limit_w: float) -> None:
        self._limits.append((self.limit_w, trio.current_time() + SLEW_S))
        self.limit_w = min(limit_w, SITE_LIMIT_W)
        limit = Limit(owner="operator", scope="site", value_w=limit_w, reason="by the story")
        self.process.controller.planner.limits.set(limit)

    def _cancel(self, name: str) -> None:
        """A part's watchdog bites, whatever it is at."""
        for path, lifeline in self.process.lifelines().items():
            if path.endswith(f"/{name}"):
                lifeline._watchdog.cancel(reason="by the story")

    async def _heal(self) -> None:
        world = self.world
        for board in world.plant.boards:
            world.verbs.clear(board)
        for device in (*world.plant.nodes, *world.plant.meters):
            world.verbs.clear(device)
        for wire in world.wires.values():
            await wire.restore()
        for outlet in world.plant.outlets.values():
            outlet.alarms.clear()
        world.disk.full = False

    # --- the process ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._scope, self._over = trio.CancelScope(), trio.Event()
        self.nursery.start_soon(self._run, self.process, self._scope, self._over)

    def _start_anew(self) -> None:
        self._limits.append((self.limit_w, trio.current_time() + MODULE_ALONE_S))
        self.limit_w = SITE_LIMIT_W
        self.process = self.world.boot()
        self._start()

    async def _run(self, process: Process, scope: trio.CancelScope, over: trio.Event) -> None:
        try:
            with scope:
                await process.run()
        except Escalated as error:
            self.escalations.append(str(error))
        over.set()
        if not scope.cancel_called and process is self.process:  # it gave up: the service manager starts it anew
            await trio.sleep(1.0)
            if process is self.process:
                self._start_anew()

    async def _stop(self) -> None:
        self._scope.cancel(reason="stopped by the story")
        await self._over.wait()

    async def _kill(self, down_s: float) -> None:
        self.process.kill()
        self._scope.cancel(reason="killed by the story")
        await trio.sleep(down_s)
        self._start_anew()

    # --- at every moment -----------------------------------------------------------------------------------------

    def look(self) -> None:
        """After each step of the physics."""
        now_s, world = trio.current_time(), self.world
        for one in CABINET.modules:
            node = world.plant.nodes[one.id]
            hears = world.wires[one.wire].is_open and not node.misbehaviour.frozen
            if not hears:
                self._deaf_until_s[one.id] = now_s + MODULE_ALONE_S
        for connector in BOTH:
            self._look_at(connector, now_s)
        self._limits = [(limit_w, until_s) for limit_w, until_s in self._limits if now_s < until_s]
        if not self._deaf(CABINET.modules, now_s):
            in_force_w = max([self.limit_w, *(limit_w for limit_w, _ in self._limits)])
            assert world.power_w() <= in_force_w + TOLERANCE_W, (
                f"{now_s:.2f} s: {world.power_w():.0f} W at a site limit of {in_force_w:.0f} W"
            )

    def _look_at(self, connector: ConnectorId, now_s: float) -> None:
        world, bus = self.world, self.world.plant.buses[connector]
        outlet = world.plant.outlets[connector]
        modules = [one for one in CABINET.modules if one.connector == connector]
        if bus.current_a > FLOWING_A:
            self.charged += 1
            assert bus.closed, f"{now_s:.2f} s: current at connector {connector} with its contactors open"
        on = [one.id for one in modules if world.plant.nodes[one.id].module.on]
        if not on:
            return
        if world.disk.open_at(connector):
            return
        welded = OutletAlarm.WELDED_CONTACTOR in outlet.alarms
        if bus.current_a > FLOWING_A and not welded:
            raise AssertionError(f"{now_s:.2f} s: {bus.current_a:.1f} A at connector {connector} without a session")
        if not self._deaf(modules, now_s):
            raise AssertionError(f"{now_s:.2f} s: {', '.join(on)} on without a session at connector {connector}")

    def _deaf(self, modules: Sequence[object], now_s: float) -> bool:
        return any(now_s < self._deaf_until_s.get(one.id, 0.0) for one in modules)  # type: ignore[attr-defined]

    def _look_at_the_plan(self) -> None:
        assigned_w = sum(self.process.assigned_w().values())
        limit_w = self.limit_w if self.process.controller.planner.limits.all() else math.inf
        assert assigned_w <= limit_w + 1e-6, f"{assigned_w:.0f} W assigned at a site limit of {limit_w:.0f} W"

    # --- the end -------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Everything is repaired and everybody has gone: the charger finds back by itself, but for what latches."""
        await self._heal()
        for connector, outlet in self.world.plant.outlets.items():
            if outlet.car is not None:
                self.world.verbs.unplug(connector)
        with trio.move_on_after(SETTLED_WITHIN_S):
            while not self._is_settled():
                self.process.controller.charger.set_operative(None, True)
                self._release()
                await trio.sleep(0.5)
            return
        states = {connector: self.process.state(connector).value for connector in BOTH}
        texts = [runner.machine.text for runner in self.process.controller.charger.runners.values()]
        raise AssertionError(
            f"not settled {SETTLED_WITHIN_S:.0f} s after all is repaired: {states}, {texts}, "
            f"{self.process.faults()}, {self._latched(self.process.tree)}"
        )

    def _is_settled(self) -> bool:
        process = self.process
        return (
            not process.faults()
            and all(one.state.is_settled for one in process.lifelines().values())
            and all(process.state(one) is ConnectorState.AVAILABLE for one in BOTH)
        )

    def _release(self) -> None:
        faults = self.process.controller.faults
        for fault in faults.active:
            if fault.code == "CTL-01":
                faults.clear(fault.code, fault.source)
            if fault.code in LATCHED:
                faults.release(fault.code, fault.source)
        for supervisor, name in self._latched(self.process.tree):
            supervisor.release(name)

    def _latched(self, supervisor: Supervisor) -> list[tuple[Supervisor, str]]:
        found = []
        for one in supervisor.lifelines:
            if one.state.is_latched:
                found.append((supervisor, one.name))
            if isinstance(one.child.subtree, Supervisor):
                found += self._latched(one.child.subtree)
        return found

    def _look_at_the_end(self) -> None:
        world = self.world
        assert world.modules_on() == []
        assert world.contactors_closed() == []
        assert all(not outlet.command.close_contactors for outlet in world.plant.outlets.values())
        started, stopped = world.queued("StartTransaction"), world.queued("StopTransaction")
        assert len(set(started)) == len(started)
        assert sorted(started) == sorted(stopped), "one stop for each transaction that was started"
        all_sessions = sessions.newest(world.disk.db, 10_000)
        assert {one.id for one in all_sessions} == set(started)
        assert world.disk.lost == []
        for meter in CABINET.meters:
            own = [one for one in all_sessions if one.connector_id == meter.connector]
            _look_at_the_energy(own, world.plant.meters[meter.id].start_wh, world.plant.meters[meter.id].register_wh)


def _look_at_the_energy(own: Sequence[Session], from_wh: int, to_wh: int) -> None:
    """No watt-hour is billed twice, none that was not delivered."""
    at_wh = from_wh
    for session in sorted(own, key=lambda one: one.started_at):
        assert session.meter_stop_wh is not None
        assert at_wh <= session.meter_start_wh <= session.meter_stop_wh <= to_wh, (session, at_wh, to_wh)
        at_wh = session.meter_stop_wh
