"""Whether a driver keeps the contract of `driver`: each clause as a claim of its own, held or not, and what is wrong.

Here are the claims that need nothing but the codec, for any address and any set-point; how modules behave under it is
`conformance_run`'s. Nothing is sent anywhere. Conformant is a driver that does what the firmware relies on: not one
that says what its vendor's modules understand, which only examples from the manual can show.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.bus import FRAME_BITS, MAX_LOAD
from jp_firmware.hw.can.frame import EXTENDED_MASK, STANDARD_MASK, Frame
from jp_firmware.hw.modules.driver import (
    BusCodec,
    Frames,
    ModuleCodec,
    ModuleDriver,
    ModuleProfile,
    Ranges,
    Semantics,
    semantics_of,
)

BITRATE = 125_000
MODULES_ON_A_BUS = 8
GARBAGE = 4000
"""Frames of garbage that a codec is given, the same at each run."""


@attrs.frozen
class Claim:
    """One clause of the contract. `wrong` is empty where it is kept."""

    name: str
    says: str
    wrong: str = ""

    @property
    def held(self) -> bool:
        return not self.wrong


@attrs.frozen(kw_only=True)
class Verdict:
    """All claims on one driver with one profile. `tried` tells whether emulated modules were driven by it."""

    driver: str
    profile: str
    claims: tuple[Claim, ...]
    tried: bool

    @property
    def conformant(self) -> bool:
        return all(claim.held for claim in self.claims)


@attrs.frozen(kw_only=True)
class Subject:
    """What is examined, and the codecs of some of its addresses."""

    name: str  # under which the driver is installed
    driver: ModuleDriver
    profile: ModuleProfile
    semantics: Semantics
    codecs: tuple[ModuleCodec, ...]

    @classmethod
    def of(cls, name: str, driver: ModuleDriver, profile: ModuleProfile) -> Subject:
        """Raises `ConfigError` for a profile that the driver does not take."""
        semantics = semantics_of(driver, profile)
        known = semantics.addresses
        some = sorted({known[0], known[min(1, len(known) - 1)], known[len(known) // 2], known[-1]})
        codecs = tuple(driver.codec(address, profile) for address in some if not _is_refused(driver, address, profile))
        return cls(name=name, driver=driver, profile=profile, semantics=semantics, codecs=codecs)

    @property
    def set_points(self) -> list[tuple[float, float]]:
        """From nothing to twice its rating."""
        rating, parts = self.profile.rating, (0.0, 0.01, 0.3, 0.5, 0.999, 1.0, 2.0)
        return [(v * rating.max_voltage_v, a * rating.max_current_a) for v, a in itertools.product(parts, parts)]


def _is_refused(driver: ModuleDriver, address: int, profile: ModuleProfile) -> bool:
    try:
        driver.codec(address, profile)
    except ConfigError:
        return True
    return False


def questions(codec: ModuleCodec) -> Frames:
    return (*codec.ask_output(), *codec.ask_condition(), *codec.ask_ratings(), *codec.ask_identity())


def commands(codec: ModuleCodec, set_points: Sequence[tuple[float, float]]) -> Frames:
    """All that it can tell a module to do."""
    told = [*codec.on(), *codec.off(), *codec.walk_in(True), *codec.walk_in(False)]
    told += [*codec.select_range(True), *codec.select_range(False)]
    for voltage_v, current_a in set_points:
        told += [*codec.set_point(voltage_v, current_a), *codec.start(voltage_v, current_a)]
    return tuple(told)


def check_codec(name: str, driver: ModuleDriver, profile: ModuleProfile) -> tuple[Claim, ...]:
    """Every claim on the codec. Raises `ConfigError` for a profile that the driver does not take."""
    subject = Subject.of(name, driver, profile)
    return tuple(_claim(clause, says, subject) for clause, says, _ in CLAIMS)


def _claim(name: str, says: str, subject: Subject) -> Claim:
    check = next(check for clause, _, check in CLAIMS if clause == name)
    try:
        wrong = list(itertools.islice(check(subject), 2))
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is a finding about it
        wrong = [f"raises {type(error).__name__}: {error}"]
    more = " (and more)" if len(wrong) > 1 else ""
    return Claim(name, says, wrong[0] + more if wrong else "")


# --- what is claimed --------------------------------------------------------------------------------------------------
# Each yields what is wrong.


def _declared(subject: Subject) -> Iterator[str]:
    semantics = subject.semantics
    if subject.driver.name != subject.name:
        yield f"is installed as {subject.name}, and calls itself {subject.driver.name}"
    if not len(semantics.addresses) or not subject.codecs:
        yield "has no address"
    if not semantics.addressing.strip() or not semantics.on_sense.strip():
        yield "does not say, for people, how addresses come about and what says ON"
    for codec in subject.codecs:
        ranges = codec.select_range(True), codec.select_range(False)
        if (semantics.ranges is Ranges.WHILE_OFF) != (ranges[0] != ranges[1]):
            yield f'says "{semantics.ranges}" of ranges, and select_range gives {_shown(*ranges[0], *ranges[1])}'
        if (semantics.heartbeat_s is not None) != bool(codec.heartbeat()):
            yield f"has a heartbeat each {semantics.heartbeat_s} s, and {len(codec.heartbeat())} frames for it"
        if semantics.bus_voltage != isinstance(codec, BusCodec):
            yield f"says {semantics.bus_voltage} of telling the bus voltage, and its codec does not agree"
        if not semantics.spontaneous and not (codec.ask_output() and codec.ask_condition()):
            yield "is not spontaneous, and has no question for output or condition"
    if subject.profile.low_range_max_voltage_v and semantics.ranges is Ranges.NONE:
        yield "has a low range by its profile, and no command for it"


def _addresses(subject: Subject) -> Iterator[str]:
    known = subject.semantics.addresses
    for address in (known[0] - 1, known[-1] + 1):
        if not _is_refused(subject.driver, address, subject.profile):
            yield f"takes address {address}; its addresses are {known[0]} to {known[-1]}"


def _options(subject: Subject) -> Iterator[str]:
    strange = attrs.evolve(subject.profile, options={**subject.profile.options, "no_such_option": 1})
    if not _is_refused(subject.driver, subject.semantics.addresses[-1], strange):
        yield "takes the option no_such_option"


def _profile(subject: Subject) -> Iterator[str]:
    profile, heartbeat_s = subject.profile, subject.semantics.heartbeat_s
    if not 0 < profile.min_current_a <= profile.max_current_a:
        yield f"min_current_a {profile.min_current_a:g} is not between 0 and max_current_a"
    if profile.low_range_max_voltage_v >= profile.max_voltage_v:
        yield "low_range_max_voltage_v is not below max_voltage_v"
    slowest_s = max(profile.poll_off_s, profile.poll_on_s)
    said_s = min(slowest_s, heartbeat_s or math.inf)
    speaks = not subject.semantics.spontaneous or heartbeat_s is not None
    if speaks and 3 * said_s > profile.silent_off_s:
        yield f"speaks each {said_s:g} s to a module that switches off after {profile.silent_off_s:g} s of silence"
    if profile.off_repeat_s > profile.off_within_s / 2:
        yield "repeats OFF too seldom: off_repeat_s is above half of off_within_s"


def _bus_load(subject: Subject) -> Iterator[str]:
    codec, profile, semantics = subject.codecs[0], subject.profile, subject.semantics
    asked = len(codec.ask_output()) / profile.poll_on_s + len(codec.ask_condition()) / profile.poll_status_s
    set_point = len(codec.set_point(profile.max_voltage_v, profile.max_current_a)) / profile.refresh_s
    told = set_point * (2 if semantics.acknowledges else 1)
    beats = len(codec.heartbeat()) / (semantics.heartbeat_s or math.inf)
    unasked = 3 / profile.poll_on_s if semantics.spontaneous else 0.0  # three messages are usual (ours)
    frames = MODULES_ON_A_BUS * (2 * asked + told + beats + unasked)
    load = frames * FRAME_BITS / BITRATE
    if load > MAX_LOAD:
        kbit_s = BITRATE // 1000
        yield f"{MODULES_ON_A_BUS} modules take {load:.0%} of {kbit_s} kbit/s, {frames:.0f} frames/s; poll slower"


def _off(subject: Subject) -> Iterator[str]:
    for codec in subject.codecs:
        off = codec.off()
        if len(off) != 1:
            yield f"OFF takes {len(off)} frames"
        codec.start(subject.profile.max_voltage_v, subject.profile.max_current_a)
        if codec.off() != off:
            yield f"OFF is {_shown(*off)} first and {_shown(*codec.off())} later"


def _full_length(subject: Subject) -> Iterator[str]:
    for codec in subject.codecs:
        for frame in (*questions(codec), *commands(codec, subject.set_points), *codec.heartbeat()):
            if len(frame.data) != 8:
                yield f"{frame} has {len(frame.data)} bytes"
            if frame.remote:
                yield f"{frame} is a remote frame"


def _alone(subject: Subject) -> Iterator[str]:
    heard: dict[Frame, int] = {}
    for place, codec in enumerate(subject.codecs):
        for frame in {*commands(codec, subject.set_points), *questions(codec)}:
            if heard.setdefault(frame, place) != place:
                yield f"{frame} is told to two modules alike"


def _echo(subject: Subject) -> Iterator[str]:
    for codec, other in itertools.product(subject.codecs, subject.codecs):
        for frame in (*questions(other), *commands(other, subject.set_points), *other.heartbeat()):
            if codec.is_from_module(frame):
                yield f"{frame} is ours, and taken for an answer"


def _garbage(subject: Subject) -> Iterator[str]:
    chance = random.Random(0)
    for codec in subject.codecs:
        near = [frame.can_id for frame in (*questions(codec), *commands(codec, subject.set_points[:2]))]
        for _ in range(GARBAGE // len(subject.codecs)):
            frame = _noise(chance, near)
            try:
                codec.is_from_module(frame)
                codec.decode(frame)
            except Exception as error:  # noqa: BLE001 - whatever it raises is a finding
                yield f"{frame} makes it raise {type(error).__name__}: {error}"


def _noise(chance: random.Random, near: Sequence[int]) -> Frame:
    """Identifiers of all kinds, among them such as differ in few bits from those that are ours."""
    extended = chance.random() < 0.9
    mask = EXTENDED_MASK if extended else STANDARD_MASK
    can_id = chance.getrandbits(29)
    if chance.random() < 0.7:
        can_id = chance.choice(near)
        for _ in range(chance.randrange(4)):
            can_id ^= 1 << chance.randrange(29)
    if chance.random() < 0.05:
        return Frame(can_id & mask, bytes(chance.randrange(9)), extended=extended, remote=True)
    length = 8 if chance.random() < 0.8 else chance.randrange(9)
    fill = chance.choice((chance.randbytes(length), b"\xff" * length, bytes(length)))
    return Frame(can_id & mask, fill, extended=extended)


def _set_point_is_no_switch(subject: Subject) -> Iterator[str]:
    for codec in subject.codecs:
        switches = {*codec.on(), *codec.off()}
        for voltage_v, current_a in subject.set_points:
            for frame in codec.set_point(voltage_v, current_a):
                if frame in switches:
                    yield f"{voltage_v:g} V and {current_a:g} A is {frame}, which switches"


def _start(subject: Subject) -> Iterator[str]:
    rating = subject.profile.rating
    for codec in subject.codecs:
        voltage_v, current_a = rating.max_voltage_v / 2, rating.max_current_a / 2
        start, set_point, on = codec.start(voltage_v, current_a), codec.set_point(voltage_v, current_a), codec.on()
        if len(start) > 1 and not _is_between(on, set_point, start):
            yield f"starts with {_shown(*start)}: not with the set-point before ON and after it"
        if not start or start == codec.start(voltage_v, current_a / 2):
            yield "starts alike with different set-points"


def _is_between(on: Frames, set_point: Frames, start: Frames) -> bool:
    """Whether all of ON is there, and all of the set-point before it and after it."""
    if not on or not set(on) <= set(start):
        return False
    places = [place for place, frame in enumerate(start) if frame in on]
    return set(set_point) <= set(start[: places[0]]) and set(set_point) <= set(start[places[-1] + 1 :])


def _resolution(subject: Subject) -> Iterator[str]:
    rating, codec = subject.profile.rating, subject.codecs[0]
    voltage_v, current_a = rating.max_voltage_v / 2, rating.max_current_a / 2
    base = codec.set_point(voltage_v, current_a)
    if base == codec.set_point(voltage_v + 1, current_a):
        yield f"{voltage_v:g} V and {voltage_v + 1:g} V are the same"
    if base == codec.set_point(voltage_v, current_a + 1):
        yield f"{current_a:g} A and {current_a + 1:g} A are the same"


def _questions(subject: Subject) -> Iterator[str]:
    for codec in subject.codecs:
        told = set(commands(codec, subject.set_points))
        for frame in questions(codec):
            if frame in told:
                yield f"{frame} asks, and is a command too"


def _pure(subject: Subject) -> Iterator[str]:
    for codec in subject.codecs:
        for voltage_v, current_a in subject.set_points:
            if codec.start(voltage_v, current_a) != codec.start(voltage_v, current_a):
                yield "start gives other frames the second time"
        if questions(codec) != questions(codec):
            yield "a question is another one the second time"


def _shown(*frames: Frame) -> str:
    return ", ".join(str(frame) for frame in frames) or "nothing"


CLAIMS: tuple[tuple[str, str, Callable[[Subject], Iterator[str]]], ...] = (
    ("declared", "what the family is like is declared, and its frames agree with it", _declared),
    ("addresses", "an address that the family does not have is refused", _addresses),
    ("options", "an option that the driver does not know is refused", _options),
    ("profile", "the times and limits of the profile fit together", _profile),
    ("bus-load", f"{MODULES_ON_A_BUS} modules leave a bus of 125 kbit/s the room it needs", _bus_load),
    ("off-is-one-frame", "OFF is one frame that needs no other, and always the same", _off),
    ("full-length", "every frame is of full length", _full_length),
    ("alone", "what is said to one module says nothing to another", _alone),
    ("echo", "nothing of ours is taken for an answer", _echo),
    ("garbage", "no frame on the bus makes the driver raise", _garbage),
    ("set-point-is-no-switch", "a set-point is never the frame that switches on or off", _set_point_is_no_switch),
    ("start", "a start says the set-point before ON and after it, or all in one frame", _start),
    ("resolution", "a volt and an ampere can be told apart", _resolution),
    ("questions", "a question is never a command", _questions),
    ("pure", "the same call gives the same frames", _pure),
)
