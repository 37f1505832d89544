"""One power module as its stage sees it: what it is known to do and able to do, and what it is ordered to do.

Any vendor's: what frames say is the driver's. All of it is synchronous: an order is on the wire before a call returns.
Which module gets what is the stage's decision, never taken here.
"""

from __future__ import annotations

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
from jp_firmware.hw.modules.carried import Carried
from jp_firmware.hw.modules.driver import (
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
from jp_firmware.hw.modules.left_alone import LeftAlone
from jp_firmware.hw.modules.shown import Shown
from jp_firmware.hw.modules.told import Order, Told
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import ModuleStatus, StageRating
from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell


@attrs.define(eq=False)
class ModuleFace:
    """A module as its stage reads and orders it. `ModuleTask` adds what the tree runs."""

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
    _left_alone: LeftAlone = attrs.field(init=False)

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
        self._left_alone = LeftAlone(self.profile, self._semantics)
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
            and not self._left_alone.why
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
    def left_alone_until_s(self) -> float:
        """Until then (monotonic) nothing may be said to it, by nobody, so that its own time-out can switch it off."""
        return self._left_alone.until_s

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
        """Off: the frame is on the wire before this returns, and repeated until the module confirms. Never raises.

        One that is left alone, after it was told so in vain, is told nothing more for that time.
        """
        now_s = trio.current_time()
        if self._left_alone.holds(now_s):
            return
        if self.wanted:
            self._carried.told(0.0, self.told_a, now_s)
            self._asked.hurry(now_s)
            self._asked.hurry_condition(now_s)
            self._ability.forget()
            self._left_alone.obeys(now_s)
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

    # --- what the bus brings ----------------------------------------------------------------------------------------

    def _receive(self, frame: Frame) -> None:
        """In the bus's task; the frame is looked at in ours."""
        self._inbox.append(frame)
        self._bell.ring()
