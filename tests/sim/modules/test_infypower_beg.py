"""Emulated BEG modules: objects read and written, who answers for all, refusals, misbehaviour on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_beg_wire as wire
from jp_firmware.hw.modules.infypower_beg_wire import Item, Object
from jp_firmware.hw.modules.infypower_wire import FAULT_MASK, Bit, Error, Identifier
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module, ModuleRating
from jp_firmware.sim.modules.infypower_beg import BegNode
from jp_firmware.sim.modules.node import ModuleBus

RATING = ModuleRating(min_voltage_v=200, max_current_a=73.3, max_power_w=22_000, low_range_max_voltage_v=500)


class Can:
    """Three modules on one wire and one bus-bar."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.modules = [Module(id=f"module-{n}", rating=RATING) for n in range(3)]
        self.bar = Bus(self.modules)
        marks = Marks(clock=lambda: self.now_s)
        self.nodes = [
            BegNode(module=module, bus=self.bar, address=n, marks=marks) for n, module in enumerate(self.modules)
        ]
        self.bus = ModuleBus(self.nodes)
        for module in self.modules:
            module.power_up(self.now_s)
        self.advance(1)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.now_s += 0.02
            self.bar.step(self.now_s, 0.02)

    def say(self, text: str) -> list[str]:
        return [str(frame) for frame in self.bus.hear(Frame.from_text(text), self.now_s)]

    def item(self, number: int, address: int = 0) -> Item:
        (answer,) = self.bus.hear(wire.read(number, address), self.now_s)
        return Item.decode(answer.data)

    def error(self, item: Item, address: int = 0) -> int:
        (answer,) = self.bus.hear(wire.write(item, address), self.now_s)
        return Identifier.decode(answer.can_id).error


def test_the_documents_examples() -> None:
    can = Can()

    assert can.say("02A33FF0#1010000000000000") == ["02A3F03F#1010000000000003"]
    assert can.say("02A43FF0#10010000000B71B0") == [f"02A4F00{n}#10010000000B71B0" for n in range(3)]
    assert len(can.say("02A43FF0#10020000000249F0")) == 3  # 150 A, the total of three
    assert len(can.say("02A43FF0#11100000000000A0")) == 3
    assert [(True, 750, 50)] * 3 == [(one.on, one.set_voltage_v, one.set_current_a) for one in can.modules]
    can.say("02A43FF0#11220000000000A0")
    can.advance(2)
    (answer,) = can.say("02A33FF0#1001000000000000")
    assert answer.startswith("02A3F03F#1001")
    assert 750 == pytest.approx(Item.decode(Frame.from_text(answer).data).thousandths, abs=1)
    assert len(can.say("02A43FF0#11100000000000A1")) == 3
    assert not any(one.on for one in can.modules)


def test_each_module_answers_for_its_own() -> None:
    can = Can()

    assert 3 == len(can.say("02A33FF0#1110000000000000"))
    assert Bit.DC_OFF | Bit.WALK_IN == can.item(Object.SWITCH).bits
    assert [1000, 200, 73.3, 22_000] == [can.item(one).thousandths for one in range(0x1130, 0x1134)]
    assert 400 == can.item(Object.AC_AB_VOLTAGE).thousandths
    assert 25 == pytest.approx(can.item(Object.AMBIENT).thousandths)


@pytest.mark.parametrize(("divides", "takes_a"), [(False, 30.0), (True, 10.0)])
def test_addressed_alone_it_takes_the_current_for_its_own_or_for_its_systems(divides: bool, takes_a: float) -> None:
    can = Can()
    can.nodes[1].divides = divides
    can.error(Item.milli(Object.SYSTEM_VOLTAGE, 400), 1)
    can.error(Item.milli(Object.SYSTEM_CURRENT, 30), 1)

    assert takes_a == can.modules[1].set_current_a
    assert can.modules[0].set_current_a is None


def test_a_set_point_is_whole_when_both_halves_are_there_and_off_forgets_it() -> None:
    can = Can()
    can.error(Item.milli(Object.SYSTEM_CURRENT, 30))
    assert can.modules[0].set_current_a is None
    can.error(Item.milli(Object.SYSTEM_VOLTAGE, 400))
    can.error(Item.milli(Object.SYSTEM_VOLTAGE, 500))
    assert (500, 30) == (can.modules[0].set_voltage_v, can.modules[0].set_current_a)

    can.error(Item(Object.SWITCH, wire.OFF))
    can.error(Item.milli(Object.SYSTEM_VOLTAGE, 400))
    assert can.modules[0].set_current_a is None


def test_groups_are_addressed_by_their_number() -> None:
    can = Can()
    for address in (1, 2):
        can.error(Item(Object.AC_AB_VOLTAGE, 7), address)

    assert 7 == can.item(Object.LED, 1).value
    assert can.say("02E307F0#1010000000000000") == ["02E3F007#1010000000000002"]
    assert 2 == len(can.say("02E407F0#11100000000000A0"))
    assert [False, True, True] == [one.on for one in can.modules]


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (Item.milli(Object.SYSTEM_CURRENT, 0), Error.DATA_INVALID),
        (Item.milli(Object.SYSTEM_CURRENT, 74), Error.DATA_INVALID),
        (Item.milli(Object.SYSTEM_VOLTAGE, 150), Error.DATA_INVALID),
        (Item(Object.SWITCH, 1), Error.DATA_INVALID),
        (Item(0x2222, 0), Error.COMMAND_INVALID),
        (Item(Object.WALK_IN, wire.WALK_IN_DISABLED), Error.NONE),
    ],
)
def test_what_is_refused(item: Item, error: int) -> None:
    assert Can().error(item) == error


def test_what_it_does_not_have_is_told_as_such() -> None:
    can = Can()

    assert can.say("02A300F0#2222000000000000") == ["0AA3F000#2222000000000000"]
    assert can.say("028900F0#0000000000000000") == ["0A89F000#0000000000000000"]  # V1.13
    assert can.say("02A300F0#1101") == ["0EA3F000#0000000000000000"]
    assert can.say("02A30000#1101000000000000") == []  # not from a controller
    assert can.say("02A309F0#1101000000000000") == []  # nobody there
    assert can.say("7FF#00") == []


def test_a_module_that_starts_up_says_so_and_obeys_nothing() -> None:
    can = Can()
    can.modules[0].power_up(can.now_s)

    assert can.error(Item(Object.SWITCH, wire.ON)) == Error.STARTING_UP
    assert not can.modules[0].on
    assert can.say("02A300F0#1110000000000000")[0].startswith("1EA3")


def test_the_range_is_changed_with_the_output_off_only() -> None:
    can = Can()
    assert can.error(Item(Object.RANGE, wire.RANGE_LOW)) == Error.NONE
    assert can.error(Item.milli(Object.SYSTEM_VOLTAGE, 600)) == Error.DATA_INVALID
    assert can.error(Item(Object.SWITCH, wire.ON)) == Error.NONE
    assert can.error(Item(Object.RANGE, wire.RANGE_HIGH)) == Error.DATA_INVALID
    assert not can.modules[0].high_range


def test_a_module_that_is_set_to_feed_the_grid_says_so_and_switches_nothing_on() -> None:
    can = Can()
    assert 0 == can.item(Object.DIRECTION).value
    assert can.error(Item(Object.WORKING_MODE, wire.GRID_TIED)) == Error.NONE

    assert wire.INVERTER == can.item(Object.DIRECTION).value
    assert can.error(Item(Object.SWITCH, wire.ON)) == Error.DATA_INVALID
    assert not can.modules[0].on


@pytest.mark.parametrize("alarm", list(Alarm))
def test_alarms_show_in_the_status_bits(alarm: Alarm) -> None:
    can = Can()
    can.modules[0].raise_alarm(alarm)

    assert can.item(Object.SWITCH).bits & FAULT_MASK


def test_misbehaviour() -> None:
    can = Can()
    node = can.nodes[0]
    before = can.say("02A300F0#1110000000000000")
    node.misbehaviour.frozen = True
    can.modules[0].walk_in_enabled = False
    assert can.say("02A300F0#1110000000000000") == before
    assert can.say("02A400F0#11100000000000A0") == []
    assert not can.modules[0].on

    node.misbehaviour.clear()
    node.misbehaviour.silent = True
    assert can.say("02A400F0#11220000000000A1") == []
    assert can.modules[0].walk_in_enabled, "it hears and obeys"
    node.misbehaviour.clear()
    node.misbehaviour.corrupt = True
    answers = {can.say("02A300F0#1110000000000000")[0] for _ in range(4)}
    assert {len(Frame.from_text(one).data) for one in answers} == {5, 8}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 0x1FFF_FFFF), st.binary(max_size=8))
def test_no_frame_ever_breaks_a_module(can_id: int, data: bytes) -> None:
    for answer in _CAN.bus.hear(Frame(can_id, data), _CAN.now_s):
        assert len(answer.data) <= 8


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([0x23, 0x24]), st.sampled_from(list(Object)), st.integers(0, 0xFFFF_FFFF))
def test_no_object_and_value_ever_breaks_a_module(command: int, number: int, value: int) -> None:
    for address in (0, 0x3F):
        can_id = Identifier(command, address, 0xF0).encode()
        assert _CAN.bus.hear(Frame(can_id, Item(number, value).encode()), _CAN.now_s)


_CAN = Can()
