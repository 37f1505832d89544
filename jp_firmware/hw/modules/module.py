"""One power module as a task: asked, watched, and kept at the set-point it was last given.

Any vendor's: what frames say is the driver's. A module that is not heard is of no use at once, and a set-point that is
not renewed ends with the module off. Which module gets what is the stage's decision, never taken here.

Rules

1. OFF is repeated until the module itself reports off.
2. Only a plausible answer to a question that was asked counts as evidence.
3. Voltage and current go out before ON and again after it: a module may forget its set-point when it is switched off.
4. `want`, `want_off` and the end of a set-point's lease put frames on the wire at once; nothing waits for an answer.
"""

from __future__ import annotations

import logging
import math
from collections import deque

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.capability import Shortfall, capability, derating
from jp_firmware.hw.modules.carried import OFF_CURRENT_A as OFF_CURRENT_A
from jp_firmware.hw.modules.carried import SILENT_MARGIN_S as SILENT_MARGIN_S
from jp_firmware.hw.modules.carried import Carried
from jp_firmware.hw.modules.driver import (
    Condition,
    Frames,
    Identity,
    Measured,
    ModuleCodec,
    ModuleDriver,
    ModuleProfile,
    Rated,
    Semantics,
    load_driver,
    semantics_of,
)
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.hw.modules.ranges import RangeChoice
from jp_firmware.hw.modules.sharing import corner_v
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import ModuleStatus, StageRating
from jp_firmware.model.signals import Quality, Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

SILENT = "PM-01"
REFUSED = "PM-12"  # to do what it was told, or all of it
DISOBEDIENT = "PM-02"
WRONG_RANGE = "PM-16"

MISSED_ANSWERS = 3
"""Missed answers after which the last measurement is no longer believed; well inside every watchdog (ours)."""

LATE_S = 1.0
"""How late an answer may come: CAN carries no number that ties it to its question, so that a new start must not take
the answer to a question of the last one for its own (ours: answers take 10-50 ms, an adapter may hold them back)."""

IDENTITY_TRIES = 5
"""Times a module is asked who it is after each start, if it does not say (ours)."""

UNANSWERED_OFF_S = 0.4
"""Time of unanswered OFF frames after which `safe` stops waiting (ours: answers take 10-50 ms). Where nothing can be
asked, the family's own period comes on top."""


class StillOn(Exception):
    """A module answers, was told to switch off, and reports that it still delivers."""


@attrs.frozen
class _Wanted:
    voltage_v: float
    current_a: float
    expires_at_s: float


@attrs.define(eq=False)
class ModuleTask:
    """A module. `run` and `safe` are for the tree; all else is for the stage, and synchronous."""

    config: schema.Module
    profile: ModuleProfile
    bus: CanBus
    _faults: FaultSink
    _driver: ModuleDriver = attrs.field()
    _codec: ModuleCodec = attrs.field(init=False)
    _semantics: Semantics = attrs.field(init=False)
    status: Source[ModuleStatus] = attrs.field(init=False)

    _heard: Heard = attrs.field(init=False)
    _carried: Carried = attrs.field(init=False)
    _range: RangeChoice = attrs.field(init=False)
    _shortfall: Shortfall = attrs.field(init=False, factory=Shortfall)
    _inbox: deque[Frame] = attrs.field(init=False, factory=lambda: deque(maxlen=64))
    _bell: Bell = attrs.field(init=False, factory=Bell)
    _running: bool = attrs.field(init=False, default=False)
    _started_at_s: float = attrs.field(init=False, default=-math.inf)
    _informed_at_s: float = attrs.field(init=False, default=-math.inf)  # last evidence: output and condition known
    _wanted: _Wanted | None = attrs.field(init=False, default=None)
    _switched_at_s: float = attrs.field(init=False, default=-math.inf)  # last change between on and off
    _output_due_s: float = attrs.field(init=False, default=-math.inf)
    _condition_due_s: float = attrs.field(init=False, default=-math.inf)
    _command_due_s: float = attrs.field(init=False, default=-math.inf)
    _heartbeat_due_s: float = attrs.field(init=False, default=math.inf)
    _paced: deque[Frame] = attrs.field(init=False, factory=deque)  # the rest of a command that goes out frame by frame
    _paced_due_s: float = attrs.field(init=False, default=math.inf)
    _identity_tries: int = attrs.field(init=False, default=0)
    _raised: dict[str, str] = attrs.field(init=False, factory=dict)

    @_driver.default
    def _find_driver(self) -> ModuleDriver:
        return load_driver(self.config.driver)

    def __attrs_post_init__(self) -> None:
        self.status = Source(owner=self.config.id)
        self._codec = self._driver.codec(self.config.address, self.profile)
        self._semantics = semantics_of(self._driver, self.profile)
        self._heard = Heard(self.profile.rating, spontaneous=self._semantics.spontaneous)
        self._carried = Carried(self.profile)
        self._range = RangeChoice(self.profile, self._semantics)
        self.bus.subscribe(self._codec.is_from_module, self._receive)

    # --- what the stage reads ---------------------------------------------------------------------------------------

    @property
    def id(self) -> ModuleId:
        return self.config.id

    @property
    def usable(self) -> bool:
        """Whether it answers, obeys, and reports nothing that keeps it from delivering. False as soon as unheard.

        A module whose output range is being changed, or ends below the car's voltage, is of no use either.
        """
        return (
            self._is_sound
            and not self._range.is_unfit(self._reported_high)
            and not self._range.is_settling(self._reported_high, trio.current_time())
        )

    @property
    def settling(self) -> bool:
        """Whether nothing keeps it from delivering but its output range, which will be the right one in a moment."""
        return self._is_sound and self._range.is_settling(self._reported_high, trio.current_time())

    @property
    def _is_sound(self) -> bool:
        return (
            self._running
            and self.status.signal.quality is Quality.GOOD
            and not self._carried.disobeys
            and self._heard.condition is not None
            and all(alarm.usable for alarm in self._heard.condition.alarms)
        )

    @property
    def wanted(self) -> bool:
        """Whether it is meant to be on."""
        return self._wanted is not None

    @property
    def started(self) -> bool:
        """Whether it is meant to be on, and has reported that it is."""
        condition = self._heard.condition
        return (
            self._wanted is not None
            and condition is not None
            and condition.on
            and self._heard.condition_at_s > self._switched_at_s
        )

    @property
    def told_a(self) -> float:
        """The current it is set to; 0 while it is meant to be off."""
        return self._wanted.current_a if self._wanted is not None else 0.0

    @property
    def rating(self) -> StageRating:
        """What it can deliver now: its rating by its own word, or by the profile until it has spoken, less what its
        range, its temperature, its own word and its shown shortfall take away.

        While no session has chosen a range, the one it happens to be in bounds nothing that is offered.
        """
        chosen = self._range.wanted_high
        if chosen is not None and not self._range.is_settling(self._reported_high, trio.current_time()):
            chosen = self._range.present_high(self._reported_high)
        return self._capability(chosen)

    def _capability(self, high_range: bool | None) -> StageRating:
        heard = self._heard
        bounds = [self._shortfall.limit_a] if self._shortfall.limit_a is not None else []
        if heard.available is not None and heard.available_at_s > self._switched_at_s:
            bounds.append(heard.available.current_a)
        return capability(
            heard.rating,
            self.profile,
            high_range=high_range,
            ambient_c=heard.condition.ambient_c if heard.condition else None,
            available_a=min(bounds, default=None),
        )

    @property
    def _reported_high(self) -> bool | None:
        return self._heard.condition.high_range if self._heard.condition else None

    @property
    def identity(self) -> Identity | None:
        """Who it says it is; None until it has, or where its family does not say."""
        return self._heard.identity

    @property
    def inventory(self) -> Inventory:
        """What was found where the configuration expects this module."""
        identity = self.identity or Identity()
        return Inventory(
            module_id=self.id,
            wire=self.config.wire,
            address=self.config.address,
            driver=self.config.driver,
            profile=self.profile.name,
            found=self._running and self.status.signal.quality is Quality.GOOD,
            serial=identity.serial,
            firmware=identity.firmware,
            rating=self._heard.rating if self._heard.rated else None,
        )

    @property
    def off_frames(self) -> Frames:
        """What switches it off, for one who must send it in our place."""
        return self._codec.off()

    def stray_current_a(self, now_s: float) -> float:
        """Current that flows, or may flow, from it without our leave, and that nobody else may be given meanwhile.

        From a module that does not obey, what it measures. From one that is not heard, what it was last told to
        deliver, until its own switch-off time is over: believed gone, yet feeding, it would be an over-current.
        """
        return self._carried.stray_a(self._trusted, self._heard.answered_at_s, now_s)

    def carried_current_a(self, now_s: float) -> float:
        """Current that it may be delivering now, by our leave or not: room that nobody else may be given.

        After a cut it counts with what it was told before, until a measurement shows that it has fallen.
        """
        return self._carried.all_a(self._trusted, self._heard.answered_at_s, self.told_a, now_s)

    @property
    def _trusted(self) -> Measured | None:
        return self._heard.measured if self.status.signal.quality is Quality.GOOD else None

    # --- what the stage orders --------------------------------------------------------------------------------------

    def want(self, voltage_v: float, current_a: float, expires_at_s: float) -> None:
        """Delivers this until it expires. Frames are on the wire before this returns, where something changed.

        A module that is not usable, or a set-point that has expired, means off. The limits of the range it reports
        and of its present ability hold, and so does the smallest current that the module takes while on.
        """
        now_s = trio.current_time()
        if not self.usable or expires_at_s <= now_s:
            self.want_off()
            return
        limits = self._capability(self._range.present_high(self._reported_high))
        voltage_v = min(voltage_v, limits.max_voltage_v)
        flowing_v = self._flowing_v(voltage_v)
        current_a = max(min(current_a, limits.current_limit_a(flowing_v)), self.profile.min_current_a)
        before, self._wanted = self._wanted, _Wanted(voltage_v, current_a, expires_at_s)
        self._carried.told(current_a, before.current_a if before else 0.0, now_s)
        if before is None:
            self._range.switched_on()
            self._switched_at_s = self._output_due_s = now_s
            self._switch_on(self._wanted)
        elif (before.voltage_v, before.current_a) != (voltage_v, current_a):
            self._change_set_point(self._wanted)
        self._bell.ring()

    def _flowing_v(self, set_v: float) -> float:
        """The voltage at which its current flows, where its power has a corner; above it the module limits itself."""
        measured = self._trusted
        return corner_v(set_v, measured.voltage_v) if measured and measured.current_a >= OFF_CURRENT_A else set_v

    def want_off(self) -> None:
        """Off: the frame is on the wire before this returns, and repeated until the module confirms. Never raises."""
        if self._wanted is not None:
            before, self._wanted = self._wanted, None
            self._switched_at_s = self._output_due_s = self._condition_due_s = trio.current_time()
            self._carried.told(0.0, before.current_a, self._switched_at_s)
            self._shortfall.forget()
        self._send(self._codec.off(), self.profile.off_repeat_s)
        self._bell.ring()

    def choose_range(self, max_voltage_v: float | None) -> bool:
        """Has a module with two output ranges take the one for a car that bears `max_voltage_v`, while it is off.

        It is `settling` meanwhile. None: no car, any range will do. False, and nothing happens, while it is on: a
        change of range is never a gap in delivery.
        """
        if self._wanted is not None:
            return False
        self._range.choose(max_voltage_v)
        self._bell.ring()
        return True

    # --- what the tree runs -----------------------------------------------------------------------------------------

    @property
    def safe_within_s(self) -> float:
        """The deadline that `safe` needs."""
        return self.profile.off_within_s + 0.5

    async def run(self, lifeline: Lifeline) -> None:
        """Off first, then asks and obeys for ever. Ready when output and condition have been answered plausibly.

        Raises `WireDown` when the bus is down. However it ends, OFF goes out in that step and no set-point survives it.
        """
        self._running = True
        self._started_at_s = trio.current_time()
        self._switched_at_s = self._output_due_s = self._condition_due_s = self._started_at_s
        self._carried.begin(self._started_at_s)
        self._heard.forget(LATE_S)
        self._range.begin_again()
        self._shortfall.forget()
        self._inbox.clear()
        self._identity_tries = 0
        self._heartbeat_due_s = self._started_at_s if self._semantics.heartbeat_s else math.inf
        try:
            self.want_off()
            while True:
                self._take_answers(lifeline)
                next_due_s = self._act(trio.current_time())
                with trio.move_on_at(next_due_s):
                    await self._bell.wait()
        finally:
            self.want_off()  # noted as an order too: what still flows in a moment is no disobedience
            self._running = False
            self._distrust(Quality.STALE)
            self._judge_silence(trio.current_time())

    def safe_now(self) -> None:
        """OFF, and nobody switches it on before its next start; also not for a task that is stuck and goes on."""
        self._running = False
        self.want_off()

    async def safe(self) -> None:
        """Sends OFF until the module reports off, or acknowledges it and measures less than 1 A.

        Returns as well when nobody listens: with the bus down, or the module silent for `_unanswered_off_s`, nothing
        more can be done from here, and the module's own time-out and the PLC board's contactors are the guard. That
        must not latch, or each dead module would need an operator. Raises `StillOn` for a module that answers and
        delivers.
        """
        self.safe_now()
        told_at_s = next_s = trio.current_time()
        while True:
            self._take_answers(None)
            if self._heard.is_off_since(told_at_s) or self._heard.is_idle_since(told_at_s, OFF_CURRENT_A):
                return
            now_s = trio.current_time()
            if not self.bus.up:
                log.warning("%s: %s is down; the module's own time-out must switch it off", self.id, self.bus.name)
                return
            if now_s - max(told_at_s, self._heard.answered_at_s) >= self._unanswered_off_s:
                log.warning("%s: does not answer OFF; its own time-out must switch it off", self.id)
                return
            if now_s - told_at_s >= self.profile.off_within_s:
                raise StillOn(f"{self.id}: told to switch off, and still reports {self.status.signal.value}")
            if now_s >= next_s:
                next_s = now_s + self.profile.off_repeat_s
                self._send(self._codec.off(), self.profile.off_repeat_s)
                self._ask_output(now_s)
                self._ask_condition(now_s)
            with trio.move_on_at(next_s):
                await self._bell.wait()

    @property
    def _unanswered_off_s(self) -> float:
        """A family that cannot be asked says what it delivers once in its own period."""
        return UNANSWERED_OFF_S + (self.profile.poll_status_s if self._semantics.spontaneous else 0.0)

    # --- asking and telling -----------------------------------------------------------------------------------------

    def _act(self, now_s: float) -> float:
        """Sends what is due; when the next is. Raises `WireDown`."""
        if self._wanted is not None and now_s >= self._wanted.expires_at_s:
            log.warning("%s: its set-point was not renewed in time; switching off", self.id)
            self.want_off()
        if now_s >= self._command_due_s:
            self._repeat_command()
        if now_s >= self._paced_due_s:
            self._send_paced(now_s)
        if now_s >= self._heartbeat_due_s:
            self.bus.send_now(*self._codec.heartbeat())
            self._heartbeat_due_s = now_s + (self._semantics.heartbeat_s or math.inf)
        self._select_range(now_s)
        if now_s >= self._output_due_s:
            self._ask_output(now_s)
        if now_s >= self._condition_due_s:
            self._ask_condition(now_s)
        if not self._is_informed(now_s):
            self._distrust(Quality.BAD if self._heard.nonsense else Quality.STALE)
        self._judge_silence(now_s)
        lease_s = self._wanted.expires_at_s if self._wanted else math.inf
        return min(
            lease_s,
            self._command_due_s,
            self._paced_due_s,
            self._heartbeat_due_s,
            self._output_due_s,
            self._condition_due_s,
        )

    def _repeat_command(self) -> None:
        """The set-point while it is wanted, and OFF until it is off."""
        heard = self._heard
        if self._wanted is None:
            if heard.is_off_since(self._switched_at_s):
                self._command_due_s = math.inf  # until it says otherwise
            else:
                self._send(self._codec.off(), self.profile.off_repeat_s)
        elif heard.is_off_since(self._switched_at_s + self.profile.start_within_s):
            log.info("%s: reports off while it is wanted; switching on again", self.id)
            self._switch_on(self._wanted)
        else:
            self._send(self._codec.set_point(self._wanted.voltage_v, self._wanted.current_a), self.profile.refresh_s)

    def _select_range(self, now_s: float) -> None:
        """With the output off by the module's own word, and at rest for as long as its profile asks."""
        if self._wanted is not None or not self._heard.is_off_since(self._switched_at_s):
            return
        high = self._range.to_select(self._reported_high, self._switched_at_s, now_s)
        if high is not None:
            self.bus.send_now(*self._codec.select_range(high))
            self._range.selected(high, now_s)

    def _switch_on(self, wanted: _Wanted) -> None:
        self._send(self._codec.start(wanted.voltage_v, wanted.current_a), self.profile.refresh_s)

    def _change_set_point(self, wanted: _Wanted) -> None:
        """At once. A start that is still going out, frame by frame, goes on with the new values: ON is not put off."""
        if any(frame in self._paced for frame in self._codec.on()):
            start = self._codec.start(wanted.voltage_v, wanted.current_a)
            self._paced = deque(start[-len(self._paced) :])
        else:
            self._send(self._codec.set_point(wanted.voltage_v, wanted.current_a), self.profile.refresh_s)

    def _send(self, command: Frames, again_s: float) -> None:
        """A new command takes the place of what is left of the one before it: nothing old follows OFF.

        Its second frame goes out when that of the one before was due: a value that changes all the time keeps no other
        from the module.
        """
        now_s, due_s = trio.current_time(), self._paced_due_s
        self._paced.clear()
        self._paced_due_s = math.inf
        if self.profile.pace_s and len(command) > 1:
            self._paced.extend(command)
            self._send_paced(now_s)
            self._paced_due_s = min(self._paced_due_s, due_s)
        else:
            self.bus.send_now(*command)
        self._command_due_s = now_s + max(again_s, len(command) * self.profile.pace_s)

    def _send_paced(self, now_s: float) -> None:
        self.bus.send_now(self._paced.popleft())
        self._paced_due_s = now_s + self.profile.pace_s if self._paced else math.inf

    @property
    def _output_period_s(self) -> float:
        return self.profile.poll_off_s if self._command_due_s == math.inf else self.profile.poll_on_s

    def _ask_output(self, now_s: float) -> None:
        self._heard.asked(Measured, now_s)
        self._output_due_s = now_s + self._output_period_s
        self._poll(self._codec.ask_output())

    def _ask_condition(self, now_s: float) -> None:
        self._heard.asked(Condition, now_s)
        self._condition_due_s = now_s + self.profile.poll_status_s
        self._poll(self._codec.ask_condition())
        if not self._heard.rated:
            self._heard.asked(Rated, now_s)
            self._poll(self._codec.ask_ratings())
        if self._heard.identity is None and self._identity_tries < IDENTITY_TRIES:
            self._identity_tries += 1
            self._heard.asked(Identity, now_s)
            self._poll(self._codec.ask_identity())

    def _poll(self, questions: Frames) -> None:
        for question in questions:
            self.bus.poll(question)

    # --- listening --------------------------------------------------------------------------------------------------

    def _receive(self, frame: Frame) -> None:
        """In the bus's task; the frame is looked at in ours."""
        self._inbox.append(frame)
        self._bell.ring()

    def _take_answers(self, lifeline: Lifeline | None) -> None:
        while self._inbox:
            for report in self._codec.decode(self._inbox.popleft()):
                now_s = trio.current_time()
                evidence = self._heard.take(report, now_s)
                if isinstance(report, Condition):
                    self._react_to(report, now_s)
                self._look_at_output(now_s)
                self._show_faults()
                if evidence and self._publish(now_s) and lifeline is not None:
                    lifeline.ready()

    def _react_to(self, condition: Condition, now_s: float) -> None:
        if self._wanted is None and not condition.on:
            if now_s > self._switched_at_s and self._carried.is_off():
                self._output_due_s = now_s  # its word; the measurement makes room for others
        elif self._wanted is None and self._command_due_s == math.inf:
            self._switched_at_s = self._command_due_s = now_s  # it was off and is on again: nobody wants that
        enable = self.profile.walk_in == "enable"
        change = self.profile.walk_in != "leave" and condition.walk_in is (not enable)
        if change:
            self.bus.send_now(*self._codec.walk_in(enable))

    def _look_at_output(self, now_s: float) -> None:
        """Whether it obeys, and delivers its share."""
        measured, wanted = self._heard.measured, self._wanted
        if measured is None:
            return
        self._carried.measured(measured, self._heard.measured_at_s, self.told_a)
        if wanted is None or self._heard.measured_at_s < now_s:
            return
        if not self.started:  # still starting, or restarted: off is not short
            self._shortfall.forget()
            return
        self._shortfall.observe(wanted.voltage_v, wanted.current_a, measured, now_s)
        regained_a = self._heard.rating.current_limit_a(wanted.voltage_v)
        if self._shortfall.limit_a is not None and self._shortfall.limit_a >= regained_a:
            self._shortfall.forget()

    def _is_informed(self, now_s: float) -> bool:
        """Whether output and condition are both known, and neither by an answer that is too old."""
        return (
            now_s - self._heard.measured_at_s < MISSED_ANSWERS * self._output_period_s
            and now_s - self._heard.condition_at_s < MISSED_ANSWERS * self.profile.poll_status_s
        )

    def _publish(self, now_s: float) -> bool:
        """Tells what was heard, once there is enough of it to tell. One half of the truth is no evidence."""
        measured, condition = self._heard.measured, self._heard.condition
        if measured is None or condition is None or self._heard.nonsense or not self._is_informed(now_s):
            return False
        status = ModuleStatus(
            module_id=self.id,
            on=condition.on,
            voltage_v=measured.voltage_v,
            current_a=measured.current_a,
            ambient_c=condition.ambient_c,
            alarms=tuple(alarm.text for alarm in condition.alarms),
            notes=(*condition.notes, *self._own_notes(condition)),
        )
        self._informed_at_s = now_s
        self.status.publish(status, self._heard.measured_at_s)
        return True

    def _own_notes(self, condition: Condition) -> tuple[str, ...]:
        part = derating(self.profile, condition.ambient_c)
        return (f"held to {part:.0%} for its temperature",) if part < 1.0 else ()

    def _distrust(self, quality: Quality) -> None:
        """What is not there cannot go stale."""
        if self.status.signal.quality is Quality.GOOD:
            self.status.degrade(quality)

    # --- faults -----------------------------------------------------------------------------------------------------

    def _show_faults(self) -> None:
        """Raises and clears what the module reports. While it reports nothing, what it reported last stands."""
        if self._heard.condition is None:
            return
        self._range.judge(self._reported_high, trio.current_time())
        less = ", ".join(filter(None, (self._heard.refusal, self._shortfall.text)))
        present = {REFUSED: less} if less else {}
        if self._range.stuck:
            present[WRONG_RANGE] = self._range.stuck
        if self._carried.disobeys:
            present[DISOBEDIENT] = self._carried.disobeys
        for alarm in self._heard.condition.alarms:
            present[alarm.code] = ", ".join(filter(None, (present.get(alarm.code), alarm.text)))
        for code in [code for code in self._raised if code != SILENT and code not in present]:
            self._clear_fault(code)
        for code, detail in present.items():
            self._raise_fault(code, detail)

    def _judge_silence(self, now_s: float) -> None:
        heard = self._heard
        silent_s = now_s - max(self._informed_at_s, self._started_at_s)
        if not self.bus.up:
            self._raise_fault(SILENT, f"its bus {self.bus.name} is down")
        elif silent_s >= self.config.watchdog_s:
            why = heard.nonsense or ("is still starting up" if heard.starting_up else "no answer")
            self._raise_fault(SILENT, f"{why} (for {self.config.watchdog_s:g} s, address {self.config.address})")
        elif self._informed_at_s >= self._started_at_s:
            self._clear_fault(SILENT)

    def _raise_fault(self, code: str, detail: str) -> None:
        if self._raised.get(code) != detail:
            self._raised[code] = detail
            self._faults.raise_(code, self.id, detail)

    def _clear_fault(self, code: str) -> None:
        if self._raised.pop(code, None) is not None:
            self._faults.clear(code, self.id)
