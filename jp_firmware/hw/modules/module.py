"""One power module as a task: asked, watched, and kept at the set-point it was last given.

Any vendor's: what frames say is the driver's. A module that is not heard is of no use at once, and a set-point that is
not renewed ends with the module off. Which module gets what is the stage's decision, never taken here. What is told,
asked, heard and shown are files of their own; here they meet. Only a plausible answer to a question that was asked
counts as evidence, and no order waits for an answer: its frames are on the wire at once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.ability import Ability
from jp_firmware.hw.modules.asked import Asked
from jp_firmware.hw.modules.carried import OFF_CURRENT_A, Carried
from jp_firmware.hw.modules.driver import (
    Condition,
    Frames,
    Identity,
    Measured,
    ModuleCodec,
    ModuleDriver,
    ModuleProfile,
    Semantics,
    load_driver,
    semantics_of,
)
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.heartbeat import Heartbeat, Unattended
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.hw.modules.shown import Shown
from jp_firmware.hw.modules.told import Order, Told
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import ModuleStatus, StageRating
from jp_firmware.model.signals import Quality, Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

LATE_S = 1.0
"""How late an answer may come: CAN carries no number that ties it to its question, so that a new start must not take
the answer to a question of the last one for its own (ours: answers take 10-50 ms, an adapter may hold them back)."""

UNANSWERED_OFF_S = 0.4
"""Time of unanswered OFF frames after which `safe` stops waiting (ours: answers take 10-50 ms). Where nothing can be
asked, the family's own period comes on top."""


class StillOn(Exception):
    """A module answers, was told to switch off, and reports that it still delivers."""


@attrs.define(eq=False)
class ModuleTask:
    """A module. `run` and `safe` are for the tree; all else is for the stage, and synchronous."""

    config: schema.Module
    profile: ModuleProfile
    bus: CanBus
    _faults: FaultSink
    _driver: ModuleDriver = attrs.field()
    _unattended: Unattended = attrs.field(factory=Unattended)  # of all on this bus
    _codec: ModuleCodec = attrs.field(init=False)
    _semantics: Semantics = attrs.field(init=False)
    status: Source[ModuleStatus] = attrs.field(init=False)

    _heard: Heard = attrs.field(init=False)
    _told: Told = attrs.field(init=False)
    _asked: Asked = attrs.field(init=False)
    _shown: Shown = attrs.field(init=False)
    _carried: Carried = attrs.field(init=False)
    _ability: Ability = attrs.field(init=False)
    _leave_bus: Callable[[], None] = attrs.field(init=False)
    _inbox: deque[Frame] = attrs.field(init=False, factory=lambda: deque(maxlen=64))
    _bell: Bell = attrs.field(init=False, factory=Bell)
    _running: bool = attrs.field(init=False, default=False)
    _heartbeat: Heartbeat = attrs.field(init=False)

    @_driver.default
    def _find_driver(self) -> ModuleDriver:
        return load_driver(self.config.driver)

    def __attrs_post_init__(self) -> None:
        self._shown = Shown(self.config, self.profile, self.bus, self._faults)
        self.status = self._shown.status
        self._assemble(self._driver.codec(self.config.address, self.profile))

    def configure(self, config: schema.Module, profile: ModuleProfile) -> None:
        """Another address, driver, profile or watchdog, from its next start on: to be called while it is down.

        Raises ConfigError, and changes nothing, for what the driver cannot use, and for a module that may still be on:
        another one's word that it is off would be taken for its.
        """
        if self.carried_current_a(trio.current_time()) > 0.0:
            raise ConfigError(
                f"{self.id}: has not said that it is off; wait {self.profile.silent_off_s:g} s, when it must be"
            )
        driver = load_driver(config.driver)
        codec = driver.codec(config.address, profile)
        self.config, self.profile, self._driver = config, profile, driver
        self._shown.configure(config, profile)
        self._leave_bus()
        self._assemble(codec)

    def _assemble(self, codec: ModuleCodec) -> None:
        """All that is for one address, driver and profile: nothing of it is known yet."""
        self._codec = codec
        self._semantics = semantics_of(self._driver, self.profile)
        self._heard = Heard(self.profile.rating, spontaneous=self._semantics.spontaneous)
        self._told = Told(self.config.id, self._codec, self.profile, self.bus)
        self._asked = Asked(self._codec, self.profile, self.bus, self._heard)
        self._carried = Carried(self.profile)
        self._ability = Ability(self.profile, self._semantics, self._heard, self._told)
        self._heartbeat = Heartbeat(self.id, self._codec, self._semantics, self.profile, self.bus, self._unattended)
        self._leave_bus = self.bus.subscribe(self._codec.is_from_module, self._receive)

    # --- what the stage reads ---------------------------------------------------------------------------------------

    @property
    def id(self) -> ModuleId:
        return self.config.id

    @property
    def usable(self) -> bool:
        """Whether it answers, obeys, and reports nothing that keeps it from delivering. False as soon as unheard.

        A module whose output range is being changed, or ends below the car's voltage, is of no use either.
        """
        return self._is_sound and not self._ability.is_unfit() and not self._ability.is_settling(trio.current_time())

    @property
    def settling(self) -> bool:
        """Whether nothing keeps it from delivering but its output range, which will be the right one in a moment."""
        return self._is_sound and self._ability.is_settling(trio.current_time())

    @property
    def _is_sound(self) -> bool:
        return (
            self._running
            and self._shown.trusted
            and not self._carried.disobeys
            and self._heard.condition is not None
            and all(alarm.usable for alarm in self._heard.condition.alarms)
        )

    @property
    def wanted(self) -> bool:
        """Whether it is meant to be on."""
        return self._told.order is not None

    @property
    def started(self) -> bool:
        """Whether it is meant to be on, and has reported that it is."""
        return self._told.is_started(self._heard)

    @property
    def told_a(self) -> float:
        """The current it is set to; 0 while it is meant to be off."""
        return self._told.current_a

    @property
    def delivered_a(self) -> float:
        """How much of it it has been measured to deliver; 0 while it is not heard."""
        return min(self._trusted.current_a, self.told_a) if self._trusted else 0.0

    @property
    def rating(self) -> StageRating:
        """What it can deliver now, by all that is known of it."""
        return self._ability.rating(trio.current_time())

    @property
    def identity(self) -> Identity | None:
        """Who it says it is; None until it has, or where its family does not say."""
        return self._heard.identity

    @property
    def inventory(self) -> Inventory:
        """What was found where the configuration expects this module."""
        return Inventory.of(self.config, self.profile, self._heard, found=self._running and self._shown.trusted)

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
        return self._heard.measured if self._shown.trusted else None

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
        voltage_v, current_a = self._ability.bounded(voltage_v, current_a, self._trusted)
        starts = not self.wanted
        self._carried.told(current_a, self.told_a, now_s)
        self._told.deliver(Order(voltage_v, current_a, expires_at_s), now_s)
        if starts:
            self._ability.range.switched_on()
            self._asked.hurry(now_s)
        self._bell.ring()

    def want_off(self) -> None:
        """Off: the frame is on the wire before this returns, and repeated until the module confirms. Never raises."""
        now_s = trio.current_time()
        if self.wanted:
            self._carried.told(0.0, self.told_a, now_s)
            self._asked.hurry(now_s)
            self._asked.hurry_condition(now_s)
            self._ability.forget()
        self._told.off(now_s)
        self._bell.ring()

    def choose_range(self, max_voltage_v: float | None) -> bool:
        """Has a module with two output ranges take the one for a car that bears `max_voltage_v`, while it is off.

        It is `settling` meanwhile. None: no car, any range will do. False, and nothing happens, while it is on: a
        change of range is never a gap in delivery.
        """
        if self.wanted:
            return False
        self._ability.range.choose(max_voltage_v)
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
        self._begin(trio.current_time())
        try:
            self.want_off()
            while True:
                self._take_answers(lifeline)
                next_due_s = self._act(trio.current_time())
                with trio.move_on_at(next_due_s):
                    await self._bell.wait()
        finally:
            self.safe_now()  # noted as an order too: what still flows in a moment is no disobedience
            self._shown.distrust(Quality.STALE)
            self._shown.judge_silence(self._heard, trio.current_time())

    def _begin(self, now_s: float) -> None:
        """Nothing of a former start holds."""
        self._running = True
        self._told.switched_at_s = now_s
        self._asked.begin(now_s)
        self._shown.begin(now_s)
        self._carried.begin(now_s)
        self._heard.forget(LATE_S)
        self._ability.range.begin_again()
        self._ability.forget()
        self._inbox.clear()
        self._heartbeat.begin(now_s)

    def safe_now(self) -> None:
        """OFF, and nobody switches it on before its next start; also not for a task that is stuck and goes on."""
        self._running = False
        self.want_off()
        self._abandon(trio.current_time())

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
                self._told.repeat_off(now_s)
                self._abandon(now_s)
                self._asked.output(now_s, resting=False)
                self._asked.condition(now_s)
            with trio.move_on_at(next_s):
                await self._bell.wait()

    @property
    def _unanswered_off_s(self) -> float:
        """A family that cannot be asked says what it delivers once in its own period."""
        return UNANSWERED_OFF_S + (self.profile.poll_status_s if self._semantics.spontaneous else 0.0)

    # --- asking and telling -----------------------------------------------------------------------------------------

    def _act(self, now_s: float) -> float:
        """Sends what is due; when the next is. Raises `WireDown`."""
        if self._told.is_expired(now_s):
            log.warning("%s: its set-point was not renewed in time; switching off", self.id)
            self.want_off()
        self._told.act(self._heard, now_s)
        self._heartbeat.act(now_s)
        self._select_range(now_s)
        self._asked.act(now_s, resting=self._told.at_rest)
        if not self._asked.is_informed(now_s, resting=self._told.at_rest):
            self._shown.distrust(Quality.BAD if self._heard.nonsense else Quality.STALE)
        self._shown.judge_silence(self._heard, now_s)
        return min(self._told.next_at_s, self._heartbeat.next_at_s, self._asked.next_at_s)

    def _select_range(self, now_s: float) -> None:
        """With the output off by the module's own word, and at rest for as long as its profile asks."""
        if self.wanted or not self._heard.is_off_since(self._told.switched_at_s):
            return
        choice = self._ability.range
        high = choice.to_select(self._ability.reported_high, self._told.switched_at_s, now_s)
        if high is not None:
            self.bus.send_now(*self._codec.select_range(high))
            choice.selected(high, now_s)

    def _abandon(self, now_s: float) -> None:
        """OFF was said, and nobody drives it. One that was not heard in this start is not waited for once more."""
        if self._carried.may_be_on and self._shown.heard_since_start:
            self._heartbeat.abandon(now_s)

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
                self._show_faults(now_s)
                informed = evidence and self._asked.is_informed(now_s, resting=self._told.at_rest)
                if informed and self._publish(now_s) and lifeline is not None:
                    self._heartbeat.attend()
                    lifeline.ready()

    def _publish(self, now_s: float) -> bool:
        return self._shown.publish(self._heard, self._asked.bus_voltage_v(now_s), now_s)

    def _react_to(self, condition: Condition, now_s: float) -> None:
        if not self.wanted and not condition.on:
            if now_s > self._told.switched_at_s and self._carried.is_off():
                self._heartbeat.attend()
                self._asked.hurry(now_s)  # its word; the measurement makes room for others
        elif not self.wanted and self._told.at_rest:
            self._told.off_again(now_s)
        self._told.correct_walk_in(condition)

    def _look_at_output(self, now_s: float) -> None:
        """Whether it obeys, and delivers its share."""
        measured, order = self._heard.measured, self._told.order
        if measured is None:
            return
        self._carried.measured(measured, self._heard.measured_at_s, self.told_a)
        if order is None or self._heard.measured_at_s < now_s:
            return
        if self.started:
            self._ability.observe(order, measured, now_s)
        else:
            self._ability.forget()

    def _show_faults(self, now_s: float) -> None:
        if self._heard.condition is not None:
            self._ability.range.judge(self._ability.reported_high, now_s)
        short, wrong_range = self._ability.short, self._ability.range.stuck
        self._shown.show_faults(self._heard, short=short, wrong_range=wrong_range, disobeys=self._carried.disobeys)
