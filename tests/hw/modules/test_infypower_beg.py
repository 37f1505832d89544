"""Claims about the BEC/BEG driver: what it says and understands, and the direction of power, which it never changes."""

from __future__ import annotations

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower, infypower_beg
from jp_firmware.hw.modules import infypower_beg_wire as wire
from jp_firmware.hw.modules.driver import (
    Condition,
    Detail,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    RatedPart,
    Refused,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.infypower_beg import FEEDS_GRID
from jp_firmware.hw.modules.infypower_beg_wire import Command, Item, Object
from jp_firmware.hw.modules.infypower_wire import Identifier
from jp_firmware.model.signals import Quality
from jp_firmware.sim.module import Alarm
from jp_firmware.sim.modules.infypower_beg import BegNode
from tests.hw.can.test_frame import frames
from tests.hw.modules.emulated import EmulatedBench

PROFILE = load_profile("infypower-beg1k075g")
CODEC = infypower_beg.DRIVER.codec(3, PROFILE)


def heard(text: str) -> object:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    reports = CODEC.decode(frame)
    assert len(reports) <= 1
    return reports[0] if reports else None


# --- the codec --------------------------------------------------------------------------------------------------------


def test_start_is_the_set_point_on_and_the_set_point_again_to_this_module_alone() -> None:
    assert [
        "02A403F0#10010000000B71B0",
        "02A403F0#100200000000C350",
        "02A403F0#11100000000000A0",
        "02A403F0#10010000000B71B0",
        "02A403F0#100200000000C350",
    ] == [str(frame) for frame in CODEC.start(750, 50)]


def test_off_is_one_frame_and_ranges_and_walk_in_are_chosen_by_their_values() -> None:
    assert ["02A403F0#11100000000000A1"] == [str(frame) for frame in CODEC.off()]
    assert ["02A403F0#11260000000000A0"] == [str(frame) for frame in CODEC.select_range(False)]
    assert ["02A403F0#11260000000000A1"] == [str(frame) for frame in CODEC.select_range(True)]
    assert ["02A403F0#11220000000000A0"] == [str(frame) for frame in CODEC.walk_in(False)]


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("02A3F003#11010000000AAE60", MeasuredVoltage(700.0)),
        ("02A3F003#1102000000001388", MeasuredCurrent(5.0)),
        ("02A3F003#11020000FFFFB1E0", MeasuredCurrent(-20.0)),
        ("02A3F003#1106000000006978", Detail("ambient", ambient_c=27.0)),
        ("02A3F003#1110000000004000", Condition(True, None, (), ("walk-in",), walk_in=True)),
        ("02A3F003#1110000000000100", Condition(False, None, (), (), walk_in=False)),
        ("02A3F003#1111000000000001", Detail("direction", alarms=(FEEDS_GRID,))),
        ("02A3F003#1111000000000000", Detail("direction")),
        ("02A3F003#11320000000118F4", RatedPart(place=2, of=4, max_current_a=71.924)),
        ("02A4F003#11100000000000A1", SwitchedOff()),
        ("02A4F003#10010000000B71B0", SetPointTaken("set voltage")),
        ("02A4F003#100200000000C350", SetPointTaken("set current")),
        ("0EA4F003#1002000000000000", Refused("set current", "data invalid")),
        ("0AA4F003#1126000000000000", Refused("set range", "command invalid")),
        ("1EA3F003#1101000000000000", StartingUp()),
    ],
)
def test_what_a_module_says(text: str, report: object) -> None:
    assert report == heard(text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("ON acknowledged", "02A4F003#11100000000000A0"),
        ("a question refused", "0AA3F003#1111000000000000"),
        ("short", "02A3F003#1101000000"),
        ("an object not asked for", "02A3F003#2101000000000000"),
    ],
)
def test_what_says_nothing_we_use(why: str, text: str) -> None:
    assert heard(text) is None, why


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "02A3F004#1101000000000000"),
        ("another controller", "02A3F103#1101000000000000"),
        ("our own question, echoed", "02A303F0#1101000000000000"),
        ("the system's answer", "02A3F03F#10010000000AAE60"),
        ("V1.13 at this address", "0289F003#00030D4000001388"),
        ("standard", "103#0000000000000000"),
        ("remote", "02A3F003#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.decode(frame)


def everything(address: int, voltage_v: float, current_a: float) -> list[Frame]:
    """All that the driver can say to a module."""
    codec = infypower_beg.DRIVER.codec(address, PROFILE)
    questions = codec.ask_output() + codec.ask_condition() + codec.ask_ratings() + codec.ask_identity()
    commands = codec.start(voltage_v, current_a) + codec.off() + codec.on() + codec.set_point(voltage_v, current_a)
    choices = codec.walk_in(True) + codec.walk_in(False) + codec.select_range(True) + codec.select_range(False)
    return [*questions, *commands, *choices, *codec.heartbeat()]


@given(st.integers(0, wire.MAX_ADDRESS), st.floats(0, 2000), st.floats(0, 2000))
def test_nothing_it_says_changes_the_direction_of_power_or_reaches_two_modules(
    address: int, voltage_v: float, current_a: float
) -> None:
    """Written are the set-point, the switch, walk-in and range, and nothing else."""
    allowed = {Object.SYSTEM_VOLTAGE, Object.SYSTEM_CURRENT, Object.SWITCH, Object.WALK_IN, Object.RANGE}
    codec = infypower_beg.DRIVER.codec(address, PROFILE)
    for frame in everything(address, voltage_v, current_a):
        identifier, item = Identifier.decode(frame.can_id), Item.decode(frame.data)

        assert identifier.destination == address
        assert identifier.device == 0x0A
        assert identifier.command == Command.READ or item.number in allowed
        assert not codec.is_from_module(frame), "an echo of ours is no answer"


def test_the_alarms_are_those_of_v113_and_in_the_catalogue() -> None:
    condition = heard("02A3F003#1110000000FFFFFF")
    assert isinstance(condition, Condition)

    assert set(infypower.ALARMS.values()) == set(condition.alarms)
    assert FEEDS_GRID.code in catalogue.load()


def test_the_driver_is_found_by_name_and_refuses_addresses_and_options_it_does_not_know() -> None:
    assert infypower_beg.DRIVER is load_driver("infypower-beg")
    with pytest.raises(ConfigError, match="0 to 47, not 48"):
        infypower_beg.DRIVER.codec(48, PROFILE)
    with pytest.raises(ConfigError, match="inverter"):
        infypower_beg.DRIVER.codec(0, attrs.evolve(PROFILE, options={"inverter": True}))


def test_a_profile_may_leave_the_direction_unasked() -> None:
    codec = infypower_beg.DRIVER.codec(0, attrs.evolve(PROFILE, options={"watch_direction": False}))

    assert [Object.AMBIENT, Object.SWITCH] == [Item.decode(frame.data).number for frame in codec.ask_condition()]


# --- against emulated modules -----------------------------------------------------------------------------------------


def bench(*addresses: int, **options: object) -> EmulatedBench:
    def change(profile: ModuleProfile) -> ModuleProfile:
        return attrs.evolve(profile, options=dict(profile.options) | options)

    return EmulatedBench(
        driver="infypower-beg",
        profile_name="infypower-beg1k075g",
        addresses=addresses or (0,),
        change_profile=change,
    )


def beg(it: EmulatedBench) -> BegNode:
    assert isinstance(it.node, BegNode)
    return it.node


async def test_modules_start_share_and_stop(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    it = bench(0, 1, 2)
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 59.9, 3)
    await trio.sleep(1)

    assert [20.0] * 3 == pytest.approx([node.module.current_a for node in it.nodes], abs=0.1)
    assert it.status.on
    assert 20 == pytest.approx(it.status.current_a, abs=0.1)
    assert it.status.ambient_c is not None
    assert "walk-in" not in it.status.notes, "the profile has it switched off"
    it.off()
    await it.until(lambda: not it.status.on and it.bus.current_a == 0, 1.2)
    assert {} == it.faults.standing


async def test_ratings_are_the_modules_own(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    it = bench()
    it.module.rating = attrs.evolve(it.module.rating, max_voltage_v=750, max_current_a=50, min_voltage_v=50)
    await it.start(nursery)
    await trio.sleep(1)

    assert (750, 50, 50, 22_000) == (
        it.task.rating.max_voltage_v,
        it.task.rating.min_voltage_v,
        it.task.rating.max_current_a,
        it.task.rating.max_power_w,
    )


@pytest.mark.parametrize(("said", "wanted_a", "got_a"), [(1, 30.0, 10.0), (3, 10.0, 10.0)])
async def test_a_module_that_divides_among_its_system_is_given_the_total_where_its_profile_says_so(
    autojump_clock: MockClock, nursery: trio.Nursery, said: int, wanted_a: float, got_a: float
) -> None:
    it = bench(0, 1, 2, current_divided_by=said)
    for node in it.nodes:
        assert isinstance(node, BegNode)
        node.divides = True
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, wanted_a)
    await it.until(lambda: it.module.on, 1)
    await trio.sleep(1)

    assert [got_a] * 3 == pytest.approx([node.module.current_a for node in it.nodes], abs=0.1)


async def test_the_range_follows_the_cars_highest_voltage_where_the_profile_says_that_there_are_two(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    it = EmulatedBench(
        driver="infypower-beg",
        profile_name="infypower-beg1k075g",
        addresses=(0,),
        change_profile=lambda profile: attrs.evolve(profile, low_range_max_voltage_v=500.0),
    )
    it.module.rating = attrs.evolve(it.module.rating, low_range_max_voltage_v=500.0)
    it.plug(400)
    await it.start(nursery)
    it.task.choose_range(450)
    await it.until(lambda: not it.module.high_range, 6)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 19.9, 6)
    it.off()
    it.unplug()
    await it.until(lambda: not it.module.on, 1)
    it.task.choose_range(900)
    await it.until(lambda: it.module.high_range, 6)

    assert {} == it.faults.standing


async def test_a_module_that_is_set_to_feed_the_grid_is_not_used_and_tells_why(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    it = bench()
    beg(it).direction = wire.GRID_TIED
    it.plug(400)
    await it.start(nursery)
    await trio.sleep(1)
    it.deliver(450, 20)
    await trio.sleep(1)

    assert not it.task.usable
    assert not it.module.on
    assert {"PM-17"} == it.codes
    assert wire.GRID_TIED == beg(it).direction, "nothing changed it"
    beg(it).direction = wire.RECTIFIER
    await it.until(lambda: it.module.on, 2)
    await it.until(lambda: not it.codes, 2)


async def test_a_current_that_flows_out_of_the_car_is_no_measurement_to_go_on_with(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = bench()
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 19.9, 3)
    monkeypatch.setattr(BegNode, "measured", lambda self: (400.0, -20.0))
    await it.until(lambda: it.task.status.signal.quality is Quality.BAD, 2)

    assert not it.task.usable


@pytest.mark.parametrize("alarm", list(Alarm))
async def test_each_alarm_arrives_takes_the_module_out_and_goes(
    autojump_clock: MockClock, nursery: trio.Nursery, alarm: Alarm
) -> None:
    it = bench()
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 19.9, 3)
    it.module.raise_alarm(alarm)
    await it.until(lambda: it.codes, 1.5)

    assert 0 == it.bus.current_a
    it.module.clear_alarms()
    await it.until(lambda: not it.codes and it.bus.current_a > 19.9, 6)


async def test_a_silent_module_is_told_and_one_that_is_not_heard_from_is_off_by_itself(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    it = bench()
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 19.9, 3)
    it.node.misbehaviour.silent = True
    await it.until(lambda: "PM-01" in it.codes, 3)
    assert not it.task.usable
    it.node.misbehaviour.silent = False
    await it.until(lambda: it.task.usable and not it.codes, 3)

    it.off()
    it.module.set_output(400, 5, trio.current_time())
    it.memory.devices.clear()  # nothing reaches it any more
    it.module.switch_on(trio.current_time())
    await it.until(lambda: not it.module.on, 10.2)
    assert it.module.comm_lost


async def test_a_module_that_restarts_is_off_and_is_switched_on_with_its_set_point_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    it = bench()
    it.plug(400)
    await it.start(nursery)
    it.deliver(450, 20)
    await it.until(lambda: it.bus.current_a > 19.9, 3)
    it.module.power_up(trio.current_time())
    assert not it.module.on
    await it.until(lambda: it.bus.current_a > 19.9, 6)
