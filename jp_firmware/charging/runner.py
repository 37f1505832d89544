"""Runs one connector: takes views for its machine, carries out what the machine wants, and brackets sessions.

`scan` is the whole fast path and is synchronous: a listener of any input may call it, so that a stop condition reported
by the PLC board is an OFF frame on the wire before the task that read it goes on. Everything that must wait (commits,
the energised scope, authorization) happens in the runner's own task.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import attrs
import trio

from jp_firmware.charging.accounts import CLOSING_S, STARTING_S, Accounts
from jp_firmware.charging.commanding import command_of
from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.demanding import Demanding
from jp_firmware.charging.energised import Power, energised
from jp_firmware.charging.identifying import Identifying
from jp_firmware.charging.inputs import Inputs
from jp_firmware.charging.ports import Ports
from jp_firmware.charging.reporting import report_of
from jp_firmware.charging.view import Ending, View
from jp_firmware.model.connector import ConnectorReport
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Demand
from jp_firmware.model.session import IdToken, Session, StopReason
from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

SCAN_PERIOD_S = 0.1  # ours: set-point leases, ramps and time-outs advance at least this often
STOPPED = Ending(StopReason.REBOOT, "the controller was stopped")


class NotSafe(Exception):
    """A connector whose contactors were told to open, and are reported closed."""


@attrs.define(eq=False, repr=False)
class ConnectorRunner:
    """One connector at work. Owns its machine, its report and, while a session runs, the power scope."""

    machine: ConnectorMachine
    ports: Ports
    report: Source[ConnectorReport] = attrs.field(init=False)
    _bell: Bell = attrs.field(factory=Bell)
    _power: Power | None = None
    _in_scope: bool = False
    _up: bool = False  # its own task is running
    _scanning: bool = False
    _defect: Exception | None = None
    _raised: list[str] = attrs.field(factory=list)  # those of its faults that the register knows of
    _identifying: Identifying = attrs.field(factory=Identifying)
    _demanding: Demanding = attrs.field(factory=Demanding)
    _inputs: Inputs = attrs.field(init=False)
    _accounts: Accounts = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.report = Source(self.name)
        self._inputs = Inputs(self.ports)
        self._accounts = Accounts(self.connector_id, self.ports)
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
        return self._accounts.session

    @property
    def last_session(self) -> Session | None:
        """Whole, once it is accounted for."""
        return self._accounts.last_session

    @property
    def in_session(self) -> bool:
        """From when its start is being made durable until it is accounted for: longer than there is a `session`."""
        return self.machine.in_session

    @property
    def up(self) -> bool:
        """Whether its task is at work; while it is not, requests lead to nothing."""
        return self._up

    @property
    def stop_within_s(self) -> float:
        """Longest time from being cancelled to the end of `run`: in the commit of a start, or else in the scope."""
        return max(STARTING_S, self.machine.limits.power_down_s) + CLOSING_S

    @property
    def identifying(self) -> Sequence[IdToken]:
        """What was presented for it and has no answer yet."""
        return self._identifying.waiting

    @property
    def authorization(self) -> str:
        """The verdict on the last identification, for people."""
        return self._identifying.verdict

    # --- requests ----------------------------------------------------------------------------------------------------

    def present(self, token: IdToken, *, authorize: bool) -> None:
        """An identification for this connector; without `authorize` it counts as accepted already."""
        self._identifying.present(token, authorize=authorize)
        self._bell.ring()

    def end(self, ending: Ending) -> bool:
        """Asks for an orderly end, of an identification without an answer too; False when there is nothing to end."""
        taken_back = self._identifying.take_back()
        asked = self.machine.ask_to_end(ending)
        self.scan()
        return asked or taken_back

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
            self.ports.ev_link.command(command_of(machine, view))
        self._sync_faults()
        self._accounts.observe(view, now_s)
        if self._demanding.has_changed(machine, view):
            self.ports.demand_changed()
        if machine.state is not state_before or machine.wants_session:
            self._bell.ring()
        self._publish_report(view, now_s)

    def _look_at_plan(self) -> None:
        """A plan that gives what the last one gave can wait for the next turn."""
        if self._inputs.share_has_changed(self.connector_id):
            self.scan()

    def view(self, now_s: float) -> View:
        """The inputs as they stand."""
        return self._inputs.view(now_s, self.connector_id, self.machine.limits)

    def demand(self, now_s: float) -> Demand:
        """What this connector asks of the planner."""
        return self._demanding.demand(self.machine, self.view(now_s), in_scope=self._in_scope)

    def _sync_faults(self) -> None:
        wanted = self.machine.faults
        for code in [code for code in self._raised if code not in wanted]:
            self._raised.remove(code)
            self.ports.fault_sink.clear(code, self.name)
        for code, detail in wanted.items():
            if code not in self._raised:
                self._raised.append(code)
                self.ports.fault_sink.raise_(code, self.name, detail)

    def _publish_report(self, view: View | None, now_s: float) -> None:
        before = self.report.signal.value
        report = report_of(
            self.machine, view, before, up=self._up, authorization=self.authorization, session=self.session
        )
        if report != before:
            self.report.publish(report, now_s)

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
                await self._accounts.recover(self.machine.connector)
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
        self._identifying.take_back()
        self._publish_report(None, trio.current_time())

    async def _turn(self, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        with trio.move_on_after(SCAN_PERIOD_S):
            await self._bell.wait()
        for token, ask in self._identifying.take():
            nursery.start_soon(self._identify, token, ask)
        self.scan()
        if self._defect:
            defect, self._defect = self._defect, None
            raise defect
        lifeline.feed()

    async def _identify(self, token: IdToken, ask: bool) -> None:
        await self._identifying.decide(token, self.ports.authorizer if ask else None, self.machine)
        self.scan()

    async def _session(self, nursery: trio.Nursery, lifeline: Lifeline) -> None:
        """One session: durable, then energised, then accounted for, whatever happens in between."""
        if not await self._start_is_durable():
            return
        try:
            await self._accounts.settle_doubt(self.machine.connector)
            await trio.lowlevel.checkpoint_if_cancelled()  # nothing is switched on for a session that is to end
            await self._energise(nursery, lifeline)
        except trio.Cancelled:
            self.machine.interrupt(STOPPED, trio.current_time())
            raise
        finally:
            try:
                await self._accounts.close(self.machine.ending or Ending(StopReason.FAULT), self.machine.limits)
            finally:  # whatever the journal said: the connector can be used again
                self._identifying.verdict = ""
                self.machine.session_over()
                self.scan()

    async def _start_is_durable(self) -> bool:
        """Whether a session may begin. What happens to the connector meanwhile is the machine's to remember."""
        reading, token = self.ports.meter.reading.signal.value, self.machine.token
        if reading is None or token is None:
            return False
        ev = self.ports.ev_link.status.signal.value
        self.machine.about_to_begin()
        try:
            return await self._accounts.open(token, reading.import_wh, ev.evccid if ev else "")
        finally:
            if self.session is None:
                self.machine.not_begun()

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
        self._power = power
        self.machine.begin(trio.current_time())
        try:
            while self.machine.state.is_energised:
                await self._turn(nursery, lifeline)
                await self._accounts.checkpoint_if_due(trio.current_time())
        except Exception as error:
            self.machine.interrupt(Ending(StopReason.FAULT, f"CTL-01 {error!r}"), trio.current_time())
            raise
        finally:
            self._power = None
            self.machine.interrupt(STOPPED, trio.current_time())

    def _session_max_voltage_v(self) -> float:
        """What car and connector bear together; a car that has not told counts as one that bears all."""
        ev, most_v = self.ports.ev_link.status.signal.value, self.machine.connector.max_voltage_v
        return min(ev.max_voltage_v, most_v) if ev and ev.max_voltage_v else most_v

    # --- the safe state, without the task ----------------------------------------------------------------------------

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
        self.safe_now()
        async with energised(self.ports.stage, self.ports.ev_link, self.ports.meter, self.machine.limits) as power:
            pass
        if power.failure:
            self.machine.fail(power.failure, trio.current_time())
            self.scan()
            raise NotSafe(f"{self.name}: {power.failure.code} {power.failure.detail}")
