"""Runs one connector: takes views for its machine, carries out what the machine wants, and brackets sessions.

`scan` is the whole fast path and is synchronous: a listener of any input may call it, so that a stop condition reported
by the PLC board is an OFF frame on the wire before the task that read it goes on. Everything that must wait (commits,
the energised scope, authorization) happens in the runner's own task.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import attrs
import trio

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.energised import Power, energised
from jp_firmware.charging.ports import Authorizer, EvLink, FaultSink, FaultView, Meter, PowerStage, SessionLog
from jp_firmware.charging.recovery import after_restart
from jp_firmware.charging.session_book import SessionBook
from jp_firmware.charging.view import Ending, View
from jp_firmware.charging.waiting import until
from jp_firmware.model.connector import ConnectorReport, ConnectorState, EvStatus
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Allocation, Demand, MeterReading, Plan, StageRating
from jp_firmware.model.session import IdToken, Session, StopReason
from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

logger = logging.getLogger(__name__)

SCAN_PERIOD_S = 0.1  # ours: set-point leases, ramps and time-outs advance at least this often
METER_FRESH_S = 5.0  # ours: five polls of a meter at its usual second
RECOVERY_PATIENCE_S = 8.0  # ours: a meter that has not answered by then leaves the last committed register
CLOSING_S = 10.0  # ours: longest time to read the last register and commit the stop


class NotSafe(Exception):
    """A connector whose contactors were told to open, and are reported closed."""


@attrs.define(eq=False, kw_only=True, repr=False)
class Ports:
    """What one connector is joined to. `sources` are the names whose faults concern it."""

    stage: PowerStage
    ev_link: EvLink
    meter: Meter
    authorizer: Authorizer
    log: SessionLog
    fault_sink: FaultSink
    fault_view: FaultView
    plan: Source[Plan]
    sources: frozenset[str]
    demand_changed: Callable[[], None]
    reach: Callable[[], StageRating] | None = None  # what it could have with every module that can come to it
    boot_id: str
    elsewhere: Callable[[], frozenset[str]] = frozenset  # those of `sources` that do not concern it now


@attrs.define(eq=False, repr=False)
class ConnectorRunner:
    """One connector at work. Owns its machine, its report and, while a session runs, the power scope."""

    machine: ConnectorMachine
    ports: Ports
    report: Source[ConnectorReport] = attrs.field(init=False)
    authorization: str = ""
    last_session: Session | None = None  # whole, once it is accounted for
    _bell: Bell = attrs.field(factory=Bell)
    _power: Power | None = None
    _book: SessionBook | None = None
    _in_scope: bool = False
    _up: bool = False  # its own task is running
    _scanning: bool = False
    _defect: Exception | None = None
    _in_doubt: bool = False  # a commit was given up that the disk may yet carry out
    _raised: dict[str, str] = attrs.field(factory=dict)
    _presented: list[tuple[IdToken, bool]] = attrs.field(factory=list)
    _asking: list[IdToken] = attrs.field(factory=list)  # what `_authorize` is at work on
    _last_demand: tuple[float, float, bool, bool] = (0.0, 0.0, False, False)
    _wish: tuple[float, float, str] = (0.0, 0.0, "connector")  # the last one that the car was heard to have
    _began_s: float = 0.0  # when the session began
    _seen_w: float = 0.0  # what the plan gave when it was last looked at

    def __attrs_post_init__(self) -> None:
        self.report = Source(self.name)
        self._publish_report(None, 0.0)

    def __repr__(self) -> str:
        return f"<ConnectorRunner {self.name}: {self.machine.state.value}>"

    @property
    def connector_id(self) -> ConnectorId:
        return self.machine.connector.id

    @property
    def name(self) -> str:
        return f"connector-{self.connector_id}"

    @property
    def session(self) -> Session | None:
        return self._book.session if self._book else None

    @property
    def up(self) -> bool:
        """Whether its task is at work; while it is not, requests lead to nothing."""
        return self._up

    @property
    def identifying(self) -> Sequence[IdToken]:
        """What was presented for it and has no answer yet."""
        return [*(token for token, _ in self._presented), *self._asking]

    # --- requests ----------------------------------------------------------------------------------------------------

    def present(self, token: IdToken, *, authorize: bool) -> None:
        """An identification for this connector; without `authorize` it counts as accepted already."""
        self._presented.append((token, authorize))
        self._bell.ring()

    def end(self, ending: Ending) -> bool:
        """Asks for an orderly end, of an identification without an answer too; False when there is nothing to end."""
        asked = self.machine.ask_to_end(ending) or bool(self.identifying)
        self._presented.clear()
        self._asking.clear()
        self.scan()
        return asked

    def unlock(self) -> None:
        self.machine.ask_to_unlock()
        self.scan()

    def set_operative(self, operative: bool) -> None:
        self.machine.operative = operative
        self.scan()

    # --- the fast path -----------------------------------------------------------------------------------------------

    def scan(self) -> None:
        """One step of the machine and everything that follows from it at once. Safe to call from any listener.

        A defect in it is this connector's and not the caller's: modules go off, and the runner's own task raises it.
        """
        if self._scanning or self._defect:  # an output of this very scan came back as an input: the task looks again
            self._bell.ring()
            return
        self._scanning = True
        try:
            self._scan(trio.current_time())
        except Exception as error:  # noqa: BLE001 - raised by `_turn`, in the task that the tree watches
            self.ports.stage.off()
            self._defect = error
            self._bell.ring()
        finally:
            self._scanning = False

    def _scan(self, now_s: float) -> None:
        machine, view = self.machine, self.view(now_s)
        state_before = machine.state
        machine.step(view)
        if self._power:
            if machine.state.is_energised:
                self._power.deliver(machine.wish, now_s)
            else:
                self._power.revoke()
                self._power = None
        if not self._in_scope or self._power:  # a scope that is closing commands the contactors itself
            self.ports.ev_link.command(machine.command(view))
        self._sync_faults()
        if self._book:
            self._book.observe(view, now_s)
        self._tell_planner(view)
        if machine.state is not state_before or machine.wants_session:
            self._bell.ring()
        self._publish_report(view, now_s)

    def _look_at_plan(self) -> None:
        """A plan that gives what the last one gave can wait for the next turn: most plans move one connector."""
        share = self._share()
        if share is None or share.assigned_w != self._seen_w:
            self.scan()

    def _share(self) -> Allocation | None:
        plan = self.ports.plan.signal.value
        return plan.allocations.get(self.connector_id) if plan else None

    def view(self, now_s: float) -> View:
        """The inputs as they stand."""
        ports, limits = self.ports, self.machine.limits
        share, ev = self._share(), ports.ev_link.status.fresh(now_s, limits.measurement_s)
        self._seen_w = share.assigned_w if share else 0.0
        return View(
            now_s=now_s,
            ev=ev,
            asked_at_s=_asked_at_s(ev, ports.ev_link.status.signal.at_s),
            output=ports.stage.output.fresh(now_s, limits.measurement_s),
            rating=ports.stage.rating,
            reach=ports.reach() if ports.reach else None,
            meter=ports.meter.reading.fresh(now_s, METER_FRESH_S),
            assigned_w=share.assigned_w if share and now_s < share.valid_until_s else 0.0,
            faults=ports.fault_view.active_at(ports.sources - ports.elsewhere()),
        )

    def demand(self, now_s: float) -> Demand:
        """What this connector asks of the planner; of a car that is not heard, its last wish, marked stale."""
        view, active = self.view(now_s), self.machine.state.is_energised
        stale = self.machine.demand_is_stale(view)
        if not stale or not active:
            self._wish = self.machine.demand_w(view)
        requested_w, offered_w, bound = self._wish
        connector, voltage_v = self.machine.connector, self._voltage_v(view)
        return Demand(
            connector_id=self.connector_id,
            requested_w=requested_w,
            offered_w=offered_w,
            offered_by=bound,
            measured_w=self._measured_w(view),
            active=active,
            weight=connector.weight,
            tier=connector.tier,
            stale=stale,
            capacity_w=view.rating.current_limit_a(voltage_v) * voltage_v if voltage_v else view.rating.max_power_w,
            voltage_v=voltage_v,
            started_s=self._began_s,
            soc_percent=view.ev.soc_percent if view.ev else None,
        )

    def _voltage_v(self, view: View) -> float:
        """What stands at the output, or will; 0 if nobody knows."""
        if view.output and view.output.voltage_v > self.machine.limits.safe_voltage_v:
            return view.output.voltage_v
        return (view.ev.target_voltage_v or 0.0) if view.ev else 0.0

    def _measured_w(self, view: View) -> float:
        """What flows, by modules or meter. Where power may flow and neither is heard, nobody knows: not-a-number."""
        heard = [one.power_w for one in (view.output, view.meter) if one is not None]
        if heard:
            return max(0.0, *heard)
        return math.nan if self._in_scope else 0.0

    def _tell_planner(self, view: View) -> None:
        requested_w, offered_w, _ = self.machine.demand_w(view)
        demand = (
            round(requested_w, -2),
            round(offered_w, -2),
            self.machine.state.is_energised,
            self.machine.demand_is_stale(view),
        )
        if demand != self._last_demand:
            self._last_demand = demand
            self.ports.demand_changed()

    def _sync_faults(self) -> None:
        wanted = self.machine.faults
        for code in [code for code in self._raised if code not in wanted]:
            del self._raised[code]
            self.ports.fault_sink.clear(code, self.name)
        for code, detail in wanted.items():
            if code not in self._raised:
                self._raised[code] = detail
                self.ports.fault_sink.raise_(code, self.name, detail)

    # --- the task ----------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Runs until cancelled. A session in progress is first ended, made safe and accounted for."""
        ports = self.ports
        with ExitStack() as subscriptions:
            for source in (ports.ev_link.status, ports.stage.output, ports.meter.reading):
                subscriptions.callback(source.subscribe(self.scan))
            subscriptions.callback(ports.plan.subscribe(self._look_at_plan))
            subscriptions.callback(ports.fault_view.subscribe(self.scan, ports.sources))
            subscriptions.callback(self._is_down)
            async with trio.open_nursery() as nursery:
                await self._recover()
                self._up = True
                self.scan()
                lifeline.ready()
                while True:
                    await self._turn(nursery, lifeline)
                    if self.machine.wants_session:
                        await self._session(nursery, lifeline)

    def _is_down(self) -> None:
        """Nobody is to read of a connector that works while its task does not, or to be charged for when it is back."""
        self._up, self.machine.token = False, None
        self._presented.clear()
        self._asking.clear()
        self._publish_report(None, trio.current_time())

    async def _recover(self) -> None:
        """Accounts for sessions that a crash, or a disk that was too slow, left open, before power may flow again."""
        for session in await self.ports.log.unfinished(self.connector_id):
            if self._book and session.id == self._book.session.id:
                continue
            with trio.move_on_after(RECOVERY_PATIENCE_S):
                await until(lambda: self._meter_reading() is not None, self.ports.meter.reading)
            recovered = after_restart(session, self._meter_reading(), self.machine.connector, self.ports.boot_id)
            logger.warning(
                "session %s recovered: %s at %s Wh", session.id, recovered.stop_detail, recovered.meter_stop_wh
            )
            await self.ports.log.stopped(recovered)

    def _meter_reading(self) -> MeterReading | None:
        return self.ports.meter.reading.fresh(trio.current_time(), METER_FRESH_S)

    def safe_now(self) -> None:
        """Power ends, whatever the connector's own task is doing: the first word of `safe`."""
        if self._power:
            self._power.revoke()
            self._power = None
        silent = Ending(StopReason.FAULT, "CTL-01 the connector's task gave no sign")
        self.machine.interrupt(silent, trio.current_time())

    async def safe(self) -> None:
        """Safe state from outside: modules off and contactors open, without the help of the connector's own task.

        Both are repeated by those who carry them out, until they are measured or `power_down_s` is over. Raises
        `NotSafe` for contactors that a board reports closed; then the connector is locked out, and the tree latches
        it. A silent board reports nothing: it opens by itself, and its own fault locks the connector out.
        """
        if self._power:
            self._power.revoke()
        async with energised(self.ports.stage, self.ports.ev_link, self.ports.meter, self.machine.limits) as power:
            pass
        if power.failure:
            self.machine.fail(power.failure, trio.current_time())
            self.scan()
            raise NotSafe(f"{self.name}: {power.failure.code} {power.failure.detail}")

    async def _turn(self, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        with trio.move_on_after(SCAN_PERIOD_S):
            await self._bell.wait()
        while self._presented:
            token, ask = self._presented.pop(0)
            self._asking.append(token)
            nursery.start_soon(self._authorize, token, ask)
        self.scan()
        if self._defect:
            defect, self._defect = self._defect, None
            raise defect
        lifeline.feed()

    async def _authorize(self, token: IdToken, ask: bool) -> None:
        """An identification that was presented for one car counts for no other."""
        stay, verdict, text = self._stay(), True, f"accepted ({token.source.value})"
        if ask:
            if not self.machine.in_session:
                self.authorization = "pending"
            answer = await self.ports.authorizer.authorize(token, self.connector_id)
            verdict, text = answer.accepted, f"{answer.status.value} by {answer.by}"
        if not verdict:
            logger.info("connector %s: %s refused: %s", self.connector_id, token.uid, text)
        elif (
            token not in self._asking  # taken back
            or stay not in (None, self._stay())
            or not self.machine.authorize(token, trio.current_time())
        ):
            text += ", too late"
        if token in self._asking:
            self._asking.remove(token)
        if not self.machine.in_session:
            self.authorization = text
        self.scan()

    def _stay(self) -> float | None:
        """Since when the present car has been waiting for an identification; None if there is none."""
        return self.machine.since_s if self.machine.state is ConnectorState.PREPARING else None

    async def _session(self, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        """One session: durable, then energised, then accounted for, whatever happens in between."""
        reading, token = self.ports.meter.reading.signal.value, self.machine.token
        if reading is None or token is None:
            return
        ev = self.ports.ev_link.status.signal.value
        book = SessionBook.open(
            self.connector_id, token, reading.import_wh, self.ports.boot_id, ev.evccid if ev else "", self.ports.log
        )
        if not await self._commit_start(book):
            return
        self._book = book
        try:
            if self._in_doubt:  # commits keep their order: what was given up before this one is on the disk, or never
                await self._recover()
                self._in_doubt = False
            await self._energise(nursery, lifeline)
        finally:
            try:
                await self._close(book)
            finally:  # whatever the journal said: the session is over, and a restart accounts for what is left open
                self._book, self.last_session = None, book.session
                self.authorization = ""
                self.machine.session_over()
                self.scan()

    async def _commit_start(self, book: SessionBook) -> bool:
        """Whether the start is on the disk. Raises what the journal raises; cannot be cancelled."""
        committed = False
        self.machine.about_to_begin()
        try:
            with trio.move_on_after(CLOSING_S, shield=True):
                await self.ports.log.started(book.session)
                committed = True
        finally:
            if not committed:
                logger.error("connector %s: the start of a session was not committed, so no power", self.connector_id)
                self._in_doubt = True
                self.machine.not_begun()
        return committed

    async def _close(self, book: SessionBook) -> None:
        ending = self.machine.ending or Ending(StopReason.FAULT)
        with trio.move_on_after(CLOSING_S, shield=True) as patience:
            await book.close(self.ports.meter, ending, self.machine.limits)
        if patience.cancelled_caught:
            logger.error("session %s: stop not committed; it is recovered at the next start", book.session.id)
            self._in_doubt = True

    async def _energise(self, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        ports = self.ports
        self._in_scope = True
        scope = energised(ports.stage, ports.ev_link, ports.meter, self.machine.limits)
        try:
            async with scope as power:
                await self._deliver(power, nursery, lifeline)
        finally:
            self._in_scope = False
            ports.stage.prepare(None)
            if power.failure:
                self.machine.fail(power.failure, trio.current_time())

    async def _deliver(self, power: Power, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        """The energised states, from first to last. Left by an error or a cancellation, the machine is told so too."""
        self.ports.stage.prepare(self._session_max_voltage_v())
        self._power, self._began_s = power, trio.current_time()
        self.machine.begin(trio.current_time())
        try:
            while self.machine.state.is_energised:
                await self._turn(nursery, lifeline)
                await self._keep_book()
        except Exception as error:
            self.machine.interrupt(Ending(StopReason.FAULT, f"CTL-01 {error!r}"), trio.current_time())
            raise
        finally:
            self._power = None
            self.machine.interrupt(Ending(StopReason.REBOOT, "the controller was stopped"), trio.current_time())

    def _session_max_voltage_v(self) -> float:
        """What car and connector bear together; a car that has not told counts as one that bears all."""
        ev, most_v = self.ports.ev_link.status.signal.value, self.machine.connector.max_voltage_v
        return min(ev.max_voltage_v, most_v) if ev and ev.max_voltage_v else most_v

    async def _keep_book(self) -> None:
        if self._book:
            await self._book.checkpoint_if_due(trio.current_time())

    # --- what others see ---------------------------------------------------------------------------------------------

    def _publish_report(self, view: View | None, now_s: float) -> None:
        machine, before = self.machine, self.report.signal.value
        state = machine.state if self._up or machine.in_session else ConnectorState.UNAVAILABLE
        changed = before is None or before.state is not state
        report = ConnectorReport(
            connector_id=self.connector_id,
            state=state,
            since=datetime.now(UTC) if changed or before is None else before.since,
            operative=machine.operative,
            plugged=bool(view and view.ev and view.ev.plugged),
            authorization=self.authorization,
            token=machine.token,
            session=self.session,
            fault_codes=tuple(fault.code for fault in view.faults) if view else (),
            text=machine.text if self._up else "its task is not running; it starts again by itself",
        )
        if report != before:
            self.report.publish(report, now_s)


def _asked_at_s(ev: EvStatus | None, read_at_s: float) -> float | None:
    """When the car's last demand came: the age that the board tells lies before its status was read."""
    return None if ev is None or ev.target_age_ms is None else read_at_s - ev.target_age_ms / 1000
