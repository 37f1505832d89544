"""Finding out which modules are on a CAN bus, without a word of configuration and without changing anything on it.

Rules

1. First it listens; then it asks one question of each family; then each module that was found, who it is and what it
   can do. Nothing else is ever sent: no command, of whatever family.
2. It is heard among others: tasks that drive modules on the same bus go on, and its questions wait for room as all do.
3. What a module does not say is not guessed.

`Search` is bytes in, events out; `identify` moves the bytes.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points

import attrs
import trio

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.driver import ENTRY_POINTS, Identity, ModuleCodec, ModuleDriver, ModuleProfile
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.recognition import FAMILIES, Family, is_talk, recognise
from jp_firmware.model.power import StageRating

log = logging.getLogger(__name__)

LISTEN_S = 1.2
"""TonHe modules speak each 500 ms, InfyPower's among themselves: what speaks is heard twice."""

ASK_EVERY_S = 0.1
"""Between two questions; vendors ask for 50 to 200 ms (ours)."""

ANSWER_S = 0.6
"""What the last question is given: a public driver collects the answers of a whole bus for as long."""

PLAIN = ModuleProfile(name="not configured", max_voltage_v=1, min_voltage_v=0, max_current_a=1, max_power_w=1)
"""For asking a module of which nothing is known but its family."""


@attrs.frozen
class Configured:
    """A module that is expected on the bus: it is asked as its profile has it, and known by its driver's own word."""

    driver: str
    address: int
    profile: ModuleProfile


@attrs.frozen(kw_only=True)
class Found:
    """A module that is there. What it did not say is empty, or None."""

    family: str  # for people
    driver: str  # "" where no driver is known
    address: int
    profile: str = ""  # what describes its family, where its driver is anybody's
    serial: str = ""
    firmware: str = ""
    rating: StageRating | None = None


@attrs.define(eq=False)
class _Seen:
    family: Family
    address: int
    codec: ModuleCodec | None
    heard: Heard = attrs.field(factory=lambda: Heard(StageRating(), spontaneous=True))

    @property
    def questions(self) -> tuple[Frame, ...]:
        return (*self.codec.ask_ratings(), *self.codec.ask_identity()) if self.codec else ()

    def told(self) -> Found:
        identity = self.heard.identity or Identity()
        return Found(
            family=self.family.title,
            driver=self.family.driver,
            address=self.address,
            profile=self.family.profile,
            serial=identity.serial,
            firmware=identity.firmware,
            rating=self.heard.rating if self.heard.rated else None,
        )


@attrs.define(eq=False)
class Search:
    """One search of one bus. Times are handed in; `act` says what to send, `due_at_s` when to call it next."""

    started_at_s: float
    drivers: Mapping[str, ModuleDriver]
    configured: Sequence[Configured] = ()
    doing: str = "listening"
    due_at_s: float = attrs.field(init=False)
    done: bool = attrs.field(init=False, default=False)
    talk: bool = attrs.field(init=False, default=False)  # InfyPower modules were heard among themselves
    _families: deque[Family] = attrs.field(init=False, factory=lambda: deque(FAMILIES))
    _unasked: deque[_Seen] | None = attrs.field(init=False, default=None)
    _seen: dict[tuple[str, int], _Seen] = attrs.field(init=False, factory=dict)
    _own: list[_Seen] = attrs.field(init=False, factory=list)  # that only their configured driver can tell
    _steps: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.due_at_s = self.started_at_s + LISTEN_S
        described = {family.driver for family in FAMILIES if not family.profile}
        for one in self.configured:
            if one.driver not in described:
                family = Family(one.profile.name, one.driver, None, _nobody)
                self._own.append(_Seen(family, one.address, self._codec(family, one.address)))

    @property
    def found(self) -> tuple[Found, ...]:
        """What is known so far, by family and address."""
        known = self._seen.values()
        # In group 3 a Maxwell's numbers look like a DPM1000's; one that has shown to be the one is not the other.
        maxwell = {one.address for one in known if one.family.driver == "maxwell"}
        clear = (one for one in known if one.family.driver or one.address not in maxwell)
        return tuple(one.told() for one in sorted(clear, key=_place))

    @property
    def progress(self) -> float:
        """From 0 to 1. What is left to do is known only when all families have been asked."""
        if self.done:
            return 1.0
        left = len(self._families) + (len(self._unasked) if self._unasked is not None else len(self._seen)) + 2
        return self._steps / (self._steps + left)

    def hear(self, frame: Frame, now_s: float) -> None:
        """A frame came in, whoever sent it."""
        if is_talk(frame):
            self.talk = True
            return
        seen = self._sighted(frame)
        if seen is not None and seen.codec is not None and seen.codec.is_from_module(frame):
            for report in seen.codec.decode(frame):
                seen.heard.take(report, now_s)

    def act(self, now_s: float) -> tuple[Frame, ...]:
        """What to send now. To be called at `due_at_s`; earlier it does nothing."""
        if self.done or now_s < self.due_at_s:
            return ()
        self._steps += 1
        while self._families:
            family = self._families.popleft()
            if family.question is not None:
                return self._ask(f"asking {family.title}", (family.question,), now_s, last=not self._families)
        if self._unasked is None:
            self._unasked = deque(one for one in sorted(self._seen.values(), key=_place) if one.questions)
        if self._unasked:
            one = self._unasked.popleft()
            what = f"asking {one.family.title} {one.address} who it is"
            return self._ask(what, one.questions, now_s, last=not self._unasked)
        self.done, self.doing, self.due_at_s = True, "", math.inf
        return ()

    def _sighted(self, frame: Frame) -> _Seen | None:
        """The module that sent this. What is configured as it speaks is that, whatever else it looks like."""
        for one in self._own:
            if one.codec is not None and one.codec.is_from_module(frame):
                return self._seen.setdefault((one.family.title, one.address), one)
        sighting = recognise(frame)
        if sighting is None:
            return None
        key = (sighting.family.title, sighting.address)
        if key not in self._seen:
            self._seen[key] = _Seen(sighting.family, sighting.address, self._codec(sighting.family, sighting.address))
        return self._seen[key]

    def _ask(self, what: str, frames: tuple[Frame, ...], now_s: float, *, last: bool) -> tuple[Frame, ...]:
        self.doing = what
        self.due_at_s = now_s + (ANSWER_S if last else ASK_EVERY_S)
        return frames

    def _codec(self, family: Family, address: int) -> ModuleCodec | None:
        """None where it cannot be asked more: no driver, or one that cannot be without its options."""
        driver = self.drivers.get(family.driver)
        if driver is None:
            return None
        same = [one for one in self.configured if one.driver == family.driver]
        here = [one for one in same if one.address == address]
        profile = next((one.profile for one in (*here, *same)), PLAIN)
        try:
            return driver.codec(address, profile)
        except ConfigError as error:
            log.info("%s at address %d is not asked more: %s", family.title, address, error)
            return None


def _nobody(_frame: Frame) -> None:
    """Told by its driver, not by its frames alone."""


def _place(seen: _Seen) -> tuple[int, str, int]:
    known = seen.family in FAMILIES
    return FAMILIES.index(seen.family) if known else len(FAMILIES), seen.family.title, seen.address


async def identify(bus: CanBus, search: Search) -> None:
    """Carries out `search` on `bus`, from now on; a few seconds. Raises `WireDown` when the bus is down.

    Cancelled it has sent what it had sent, which changes nothing, and listens no longer.
    """
    unsubscribe = bus.subscribe(lambda _frame: True, lambda frame: search.hear(frame, trio.current_time()))
    try:
        while not search.done:
            for frame in search.act(trio.current_time()):
                bus.poll(frame)
            if not search.done:
                await trio.sleep_until(search.due_at_s)
    finally:
        unsubscribe()
        bus.settle()  # families that are not there do not answer; that is no silence of the bus


def installed_drivers(names: Iterable[str] | None = None) -> Mapping[str, ModuleDriver]:
    """All drivers that are installed, or those of `names` that are. One that cannot be loaded is told and left out."""
    found: dict[str, ModuleDriver] = {}
    wanted = None if names is None else set(names)
    for entry in entry_points(group=ENTRY_POINTS):
        if wanted is not None and entry.name not in wanted:
            continue
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:  # another vendor's package may be broken, or gone
            log.warning("module driver %s cannot be loaded: %s", entry.name, error)
    return found
