"""Every installed driver keeps the contract with every profile that ships; and each claim can be broken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import attrs
import pytest
from trio.testing import MockClock

from jp_firmware.cli.conformance import profiles_of
from jp_firmware.config import profiles
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import conformance, conformance_run
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.conformance import check_codec
from jp_firmware.hw.modules.conformance_run import check_behaviour
from jp_firmware.hw.modules.dbc import DbcDriver
from jp_firmware.hw.modules.driver import (
    ENTRY_POINTS,
    Frames,
    Measured,
    ModuleDriver,
    ModuleProfile,
    Ranges,
    Report,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.infypower import SEMANTICS, InfyPowerCodec, InfyPowerDriver
from jp_firmware.sim.modules.stand_in import StandIn

DRIVERS = sorted(entry_points(group=ENTRY_POINTS).names)
EVERY = [(driver, profile) for driver in DRIVERS for profile in profiles_of(driver)]
NAME = "infypower-reg1k0100g"
PROFILE = load_profile(NAME)


def driver_of(name: str) -> ModuleDriver:
    """Also for templates: no wire is driven here."""
    driver = load_driver(name)
    return attrs.evolve(driver, templates=True) if isinstance(driver, DbcDriver) else driver


def test_every_profile_that_ships_is_some_drivers() -> None:
    assert set(profiles.names_of("modules")) == {profile for _, profile in EVERY}


@pytest.mark.parametrize(("driver", "profile"), EVERY)
def test_every_driver_says_what_the_contract_allows(driver: str, profile: str) -> None:
    wrong = [one for one in check_codec(driver, driver_of(driver), load_profile(profile)) if not one.held]

    assert [] == wrong


@pytest.mark.parametrize(("driver", "profile"), EVERY)
async def test_modules_of_every_family_behave_under_its_driver(
    autojump_clock: MockClock, driver: str, profile: str
) -> None:
    cabinet_of = partial(StandIn, driver, profile)
    claims = await check_behaviour(driver_of(driver), load_profile(profile), cabinet_of)

    assert [] == [one for one in claims if not one.held]
    assert {"starts", "off", "left-alone", "faults"} <= {one.name for one in claims}


# --- each claim can be broken -----------------------------------------------------------------------------------------


@attrs.frozen
class Broken:
    """InfyPower's driver with something changed: methods of its codec, or what it declares."""

    methods: dict[str, Callable[..., Any]] = attrs.field(factory=dict)
    name: str = "infypower"
    semantics: Any = SEMANTICS
    takes_anything: bool = False

    def codec(self, address: int, profile: ModuleProfile) -> InfyPowerCodec:
        if not self.takes_anything:
            InfyPowerDriver().codec(address, profile)
        return type("BrokenCodec", (InfyPowerCodec,), self.methods)(max(address, 0))


def echoing(self: InfyPowerCodec, frame: Frame) -> bool:
    return frame.can_id & 0xFF in (self.address, wire.CONTROLLER)


def raising(self: InfyPowerCodec, frame: Frame) -> tuple[Report, ...]:
    return (Measured(float(frame.data[7]), 0.0),)


def to_all(self: InfyPowerCodec) -> Frames:
    return (wire.request(wire.Command.SET_SWITCH, wire.BROADCAST, wire.OFF.encode()),)


def short(self: InfyPowerCodec) -> Frames:
    return (Frame(self.on()[0].can_id, b"\1"),)


def switching(self: InfyPowerCodec, voltage_v: float, current_a: float) -> Frames:
    return (*InfyPowerCodec.set_point(self, voltage_v, current_a), *self.on())


def coarse(self: InfyPowerCodec, voltage_v: float, current_a: float) -> Frames:
    return InfyPowerCodec.set_point(self, round(voltage_v, -1), current_a)


def at_once(self: InfyPowerCodec, voltage_v: float, current_a: float) -> Frames:
    return (*self.on(), *self.set_point(voltage_v, current_a))


BROKEN: list[tuple[str, Broken]] = [
    ("declared", Broken(semantics=attrs.evolve(SEMANTICS, ranges=Ranges.NONE))),
    ("declared", Broken(semantics=attrs.evolve(SEMANTICS, heartbeat_s=1.0))),
    ("declared", Broken(name="acme")),
    ("declared", Broken({"ask_output": lambda self: ()})),
    ("addresses", Broken(takes_anything=True)),
    ("options", Broken(takes_anything=True)),
    ("bus-load", Broken({"ask_output": lambda self: InfyPowerCodec.ask_output(self) * 9})),
    ("off-is-one-frame", Broken({"off": lambda self: InfyPowerCodec.off(self) * 2})),
    ("alone", Broken({"off": to_all})),
    ("full-length", Broken({"off": short})),
    ("echo", Broken({"is_from_module": echoing})),
    ("garbage", Broken({"decode": raising})),
    ("set-point-is-no-switch", Broken({"set_point": switching})),
    ("start", Broken({"start": at_once})),
    ("resolution", Broken({"set_point": coarse})),
    ("questions", Broken({"ask_condition": lambda self: self.on()})),
]


@pytest.mark.parametrize(("claim", "driver"), BROKEN)
def test_a_driver_that_breaks_a_claim_is_found_by_that_claim(claim: str, driver: Broken) -> None:
    wrong = {one.name: one.wrong for one in check_codec("infypower", driver, PROFILE) if not one.held}

    assert claim in wrong
    assert wrong[claim]


@pytest.mark.parametrize(
    "changes",
    [
        {"min_current_a": 0.0},
        {"low_range_max_voltage_v": 1000.0},
        {"poll_off_s": 4.0},
        {"off_repeat_s": 0.6},
    ],
)
def test_a_profile_that_does_not_fit_is_found(changes: dict[str, float]) -> None:
    claims = check_codec("infypower", load_driver("infypower"), attrs.evolve(PROFILE, **changes))

    assert ["profile"] == [one.name for one in claims if not one.held]


def test_no_claim_on_frames_goes_untested() -> None:
    tested = {claim for claim, _ in BROKEN} | {"profile", "pure"}

    assert {name for name, _, _ in conformance.CLAIMS} == tested


def test_a_driver_with_a_mood_is_not_pure() -> None:
    calls = iter(range(10_000))

    def moody(self: InfyPowerCodec, voltage_v: float, current_a: float) -> Frames:
        return InfyPowerCodec.set_point(self, voltage_v + next(calls), current_a)

    claims = check_codec("infypower", Broken({"set_point": moody}), PROFILE)

    assert "pure" in {one.name for one in claims if not one.held}


# --- and so can each claim on behaviour -------------------------------------------------------------------------------


class Stubborn(StandIn):
    """Modules with something wrong about them."""

    def __init__(self, how: str, addresses: Sequence[int]) -> None:
        super().__init__("infypower", NAME, addresses)
        self.how = how
        self.first_powered_at_s = math.inf
        first = self.modules[0].node
        if how == "starts late":
            first.module.start_delay_s = 60.0
        elif how == "delivers too little":
            first.module.rating = attrs.evolve(first.module.rating, max_power_w=100.0)
        elif how == "never gives up":
            first.module.rating = attrs.evolve(first.module.rating, comm_timeout_s=1e9)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        switch = wire.Identifier.decode(frame.can_id).command == wire.Command.SET_SWITCH
        off = switch and frame.data == wire.OFF.encode()
        sets = wire.Identifier.decode(frame.can_id).command == wire.Command.SET_OUTPUT
        if self.how == "ignores off" and off:
            return []
        answers = super().hear(frame, now_s)
        if self.how == "starts by a set-point" and sets:
            self.modules[0].node.module.switch_on(now_s)
        if self.how == "moves its neighbour" and switch:
            for one in self.modules:
                one.node.module.on = self.modules[0].node.module.on
        if self.how == "measures nonsense" and self.modules[0].on:
            return [Frame(one.can_id, bytes(8)) for one in answers]
        return answers

    def step(self, now_s: float, dt_s: float) -> None:
        super().step(now_s, dt_s)
        self.first_powered_at_s = min(self.first_powered_at_s, self.modules[0].node.module.powered_at_s)
        module = self.modules[0].node.module
        if self.how == "hides its faults":
            module.alarms.clear()
        if self.how == "never starts again":
            module.sleeping = module.powered_at_s > self.first_powered_at_s


@pytest.mark.parametrize(
    ("how", "claim"),
    [
        ("starts late", "starts"),
        ("delivers too little", "starts"),
        ("never gives up", "left-alone"),
        ("ignores off", "off"),
        ("ignores off", "lost-off"),
        ("starts by a set-point", "no-start-by-set-point"),
        ("moves its neighbour", "leaves-neighbours"),
        ("measures nonsense", "exact"),
        ("hides its faults", "faults"),
        ("never starts again", "restarted"),
    ],
)
async def test_modules_that_break_a_claim_are_found_by_it(autojump_clock: MockClock, how: str, claim: str) -> None:
    only = tuple(one for one in conformance_run.SCENARIOS if one[0] == claim)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conformance_run, "SCENARIOS", only)
        claims = await check_behaviour(load_driver("infypower"), PROFILE, partial(Stubborn, how))

    assert [claim] == [one.name for one in claims if not one.held]


async def test_a_driver_that_raises_is_a_finding_and_not_the_end(autojump_clock: MockClock) -> None:
    def raising_start(self: InfyPowerCodec, voltage_v: float, current_a: float) -> Frames:
        raise ZeroDivisionError("no current")

    driver = Broken({"start": raising_start})
    claims = await check_behaviour(driver, PROFILE, partial(StandIn, "infypower", NAME))

    wrong = {one.name: one.wrong for one in claims if not one.held}
    assert "raises ZeroDivisionError: no current" == wrong["starts"]
    assert len(claims) == 12
