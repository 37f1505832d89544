"""A cabinet in memory for the tests of the runner: stage, board, car and meter that obey a little physics.

Everything moves in steps of 50 ms of Trio's clock, so that a mock clock runs a whole session in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.ports import Ports
from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.config.schema import Connector
from jp_firmware.faults import catalogue
from jp_firmware.model.connector import EvCommand, EvStatus, Insulation, PilotState, Stage
from jp_firmware.model.faults import Fault, FaultKind, Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Allocation, MeterReading, Plan, SetPoint, StageOutput, StageRating
from jp_firmware.model.session import Authorization, AuthorizationStatus, IdToken, Sample, Session
from jp_firmware.model.signals import Source
from tests.charging.scenes import RATING, READY, fault

STEP_S = 0.05
BATTERY_V = 395.0


@attrs.define(eq=False)
class BenchStage:
    """Modules that follow their set-point at once, and remember what they were told."""

    output: Source[StageOutput] = attrs.field(factory=lambda: Source("stage"))
    rating: StageRating = RATING
    set_point: SetPoint | None = None
    told: list[SetPoint | None] = attrs.field(factory=list)
    prepared: list[tuple[float | None, bool]] = attrs.field(factory=list)  # and whether it was off

    def prepare(self, max_voltage_v: float | None) -> None:
        self.prepared.append((max_voltage_v, self.set_point is None))

    def apply(self, set_point: SetPoint) -> None:
        self.set_point = set_point
        self.told.append(set_point)

    def off(self) -> None:
        self.set_point = None
        self.told.append(None)


@attrs.define(eq=False)
class BenchEvLink:
    status: Source[EvStatus] = attrs.field(factory=lambda: Source("plc"))
    last: EvCommand = attrs.field(factory=EvCommand)
    on_command: Callable[[EvCommand], None] = lambda _: None

    def command(self, command: EvCommand) -> None:
        self.last = command
        self.on_command(command)


@attrs.define(eq=False)
class BenchMeter:
    reading: Source[MeterReading] = attrs.field(factory=lambda: Source("meter"))


@attrs.define(eq=False)
class BenchAuthorizer:
    verdict: Authorization = attrs.field(factory=lambda: Authorization(AuthorizationStatus.ACCEPTED, "local list"))

    async def authorize(self, token: IdToken, connector_id: ConnectorId) -> Authorization:
        await trio.sleep(0.01)
        return self.verdict


@attrs.define(eq=False)
class BenchLog:
    """A journal whose commits take a while."""

    begun: list[Session] = attrs.field(factory=list)
    ended: list[Session] = attrs.field(factory=list)
    checkpoints: list[Session] = attrs.field(factory=list)
    samples: list[Sample] = attrs.field(factory=list)
    left_open: list[Session] = attrs.field(factory=list)

    async def started(self, session: Session) -> None:
        await trio.sleep(0.01)
        self.begun.append(session)

    async def stopped(self, session: Session) -> None:
        await trio.sleep(0.01)
        self.ended.append(session)

    async def unfinished(self, connector_id: ConnectorId) -> Sequence[Session]:
        await trio.lowlevel.checkpoint()
        return list(self.left_open)

    async def checkpoint(self, session: Session) -> None:
        await trio.sleep(0.002)
        self.checkpoints.append(session)

    def sampled(self, session: Session, sample: Sample) -> None:
        self.samples.append(sample)


_KINDS = catalogue.load()
_KNOWN = {"SAF-01": Severity.DANGER, "CON-01": Severity.DANGER, "EV-11": Severity.DEGRADE}


@attrs.define(eq=False)
class BenchFaults:
    """A register of faults by code and source."""

    active: dict[tuple[str, str], Fault] = attrs.field(factory=dict)
    history: list[str] = attrs.field(factory=list)
    severity: Severity = Severity.STOP_SESSION
    listeners: list[Callable[[], None]] = attrs.field(factory=list)

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        severity = _KNOWN.get(code, self.severity)
        kind = FaultKind(code=code, title=code, severity=severity, remedy="-", blocks=_KINDS[code].blocks)
        self.active[code, source] = attrs.evolve(fault(code, severity, source), kind=kind)
        self.history.append(code)
        self.tell()

    def clear(self, code: str, source: str) -> None:
        self.active.pop((code, source), None)
        self.tell()

    def tell(self) -> None:
        for listener in list(self.listeners):
            listener()

    def active_at(self, sources: frozenset[str]) -> tuple[Fault, ...]:
        return tuple(one for (_, source), one in self.active.items() if source in sources)

    def subscribe(self, listener: Callable[[], None], sources: frozenset[str] | None = None) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


class BenchLifeline:
    """Stands where the supervision tree's record stands."""

    def __init__(self) -> None:
        self.is_ready = trio.Event()

    def ready(self) -> None:
        self.is_ready.set()

    def feed(self) -> None:
        pass


@attrs.define(eq=False)
class Bench:
    """One connector with everything it needs, and the world that answers it."""

    stage: BenchStage = attrs.field(factory=BenchStage)
    ev_link: BenchEvLink = attrs.field(factory=BenchEvLink)
    meter: BenchMeter = attrs.field(factory=BenchMeter)
    authorizer: BenchAuthorizer = attrs.field(factory=BenchAuthorizer)
    log: BenchLog = attrs.field(factory=BenchLog)
    faults: BenchFaults = attrs.field(factory=BenchFaults)
    plan: Source[Plan] = attrs.field(factory=lambda: Source("planner"))
    lifeline: BenchLifeline = attrs.field(factory=BenchLifeline)
    car: EvStatus = attrs.field(factory=EvStatus)
    contactors_closed: bool = False
    welded: bool = False
    board_alive: bool = True
    asks: bool = True  # its car sends demand messages; or the last one stands, and ages
    asked_at_s: float | None = None
    tells_age: bool = True  # its board has a map of 1.2
    modules_alive: bool = True
    meter_alive: bool = True
    planner_alive: bool = True
    assigned_w: float = 40_000.0
    voltage_v: float = 0.0
    current_a: float = 0.0
    energy_wh: float = 1000.4
    opened_under_load: int = 0
    turned: trio.Event = attrs.field(factory=trio.Event)
    runner: ConnectorRunner = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.runner = ConnectorRunner(
            ConnectorMachine(Connector(id=ConnectorId(1))),
            Ports(
                stage=self.stage,
                ev_link=self.ev_link,
                meter=self.meter,
                authorizer=self.authorizer,
                log=self.log,
                fault_sink=self.faults,
                fault_view=self.faults,
                plan=self.plan,
                sources=frozenset({"connector-1", "plc-1", "meter-1"}),
                demand_changed=lambda: None,
                boot_id="boot-1",
            ),
        )

    def plug(self) -> None:
        self.car = READY

    def unplug(self) -> None:
        self.car = EvStatus()

    async def until(self, condition: Callable[[], bool], within_s: float = 60.0) -> None:
        """Lets the world turn until `condition` holds, which is looked at after each of its steps."""
        with trio.fail_after(within_s):
            while not condition():
                await self.turned.wait()

    async def live(self) -> None:
        """The world, until cancelled."""
        while True:
            self.turn()
            self.turned.set()
            self.turned = trio.Event()
            await trio.sleep(STEP_S)

    def turn(self) -> None:
        """One step of physics, then what each device would report."""
        now_s, command, point = trio.current_time(), self.ev_link.last, self.stage.set_point
        if point and now_s >= point.expires_at_s:
            point = self.stage.set_point = None
        close = (command.close_contactors and self.board_alive) or self.welded
        if self.contactors_closed and not close and self.current_a > 1:
            self.opened_under_load += 1
        self.contactors_closed = close
        connected = close and self.car.ready and self.car.plugged
        self.voltage_v = BATTERY_V if connected else point.voltage_v if point else self.voltage_v * 0.5
        self.current_a = point.current_a if connected and point else 0.0
        self.energy_wh += self.voltage_v * self.current_a * STEP_S / 3600
        self._car(command)
        self._report(now_s)

    def _car(self, command: EvCommand) -> None:
        if not self.car.plugged:
            return
        changes: dict[str, object] = {}
        if command.stage is Stage.CABLE_CHECK and self.voltage_v > 400:
            changes["insulation"] = Insulation.VALID
        if command.stage is Stage.PRECHARGE and abs(self.voltage_v - 400) < 5:
            changes |= {"ready": True, "target_current_a": 90.0}
        if command.stop:
            changes |= {"ready": False, "target_current_a": 0.0, "pilot": PilotState.B}
        self.car = attrs.evolve(self.car, **changes)  # type: ignore[arg-type]

    def _report(self, now_s: float) -> None:
        if self.planner_alive:
            number = self.runner.connector_id
            share = Allocation(connector_id=number, assigned_w=self.assigned_w, valid_until_s=now_s + 5)
            self.plan.publish(Plan(allocations={number: share}), now_s)
        if self.modules_alive:
            on = 2 if self.stage.set_point else 0
            output = StageOutput(voltage_v=self.voltage_v, current_a=self.current_a, modules_on=on)
            self.stage.output.publish(output, now_s)
        if self.meter_alive:
            power_w = self.voltage_v * self.current_a
            register = MeterReading(
                voltage_v=self.voltage_v, current_a=self.current_a, power_w=power_w, import_wh=int(self.energy_wh)
            )
            self.meter.reading.publish(register, now_s)
        if self.board_alive:
            self.ev_link.status.publish(
                attrs.evolve(self.car, contactors_closed=self.contactors_closed, target_age_ms=self._age_ms(now_s)),
                now_s,
            )

    def _age_ms(self, now_s: float) -> float | None:
        if not self.car.ready or not self.tells_age:
            self.asked_at_s = None
        elif self.asks:
            self.asked_at_s = now_s
        return None if self.asked_at_s is None else (now_s - self.asked_at_s) * 1000
