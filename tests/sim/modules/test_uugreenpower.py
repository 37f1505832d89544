"""An emulated UUGreenPower module on the CAN bus: what it answers and what it does not, and misbehaviour on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import uugreenpower_wire as wire
from jp_firmware.hw.modules.uugreenpower_wire import Bit, Command, Kind, Message
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.modules.node import ModuleBus
from jp_firmware.sim.modules.uugreenpower import UUGreenPowerNode
from jp_firmware.sim.plant import rating_of

STEP_S = 0.02
RATING = rating_of("uugreenpower-ur100040")


class Can:
    """Modules 1 and 2 on one wire and one bus-bar, their time moved by hand."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.marks = Marks(clock=lambda: self.now_s)
        modules = [Module(id=f"module-{n}", rating=RATING) for n in (1, 2)]
        self.dc = Bus(modules, closed=True)
        self.nodes = [
            UUGreenPowerNode(module=module, bus=self.dc, address=n, marks=self.marks)
            for n, module in enumerate(modules, start=1)
        ]
        self.wire = ModuleBus(self.nodes)
        for module in modules:
            module.power_up(self.now_s)
        self.advance(0.5)

    @property
    def module(self) -> Module:
        return self.nodes[0].module

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.dc.step(self.now_s, STEP_S)
            assert self.wire.speak(self.now_s) == []

    def hear(self, frame: Frame) -> list[Message]:
        return [Message.decode(answer.data) for answer in self.wire.hear(frame, self.now_s)]

    def say(self, text: str) -> list[str]:
        return [str(frame) for frame in self.wire.hear(Frame.from_text(text), self.now_s)]

    def set(self, command: Command, value: int) -> Message:
        (answer,) = self.hear(wire.to_module(1, 1, Message(Kind.SET, command, value)))
        return answer

    def read(self, command: Command) -> int:
        (answer,) = self.hear(wire.to_module(1, 1, Message(Kind.READ, command)))
        assert (answer.kind, answer.command) == (Kind.READ_REPLY, command)
        return answer.value

    def on(self, voltage_v: float, current_a: float) -> None:
        self.set(Command.VOLTAGE_REFERENCE, wire.to_milli(voltage_v))
        self.set(Command.CURRENT_LIMIT, wire.to_milli(current_a))
        self.set(Command.SHUT_DOWN, wire.ON)


def test_the_documents_examples_from_module_one_with_its_serial_number_in_the_identifier() -> None:
    can = Can()
    own = f"{wire.Identifier(1, 1, day=2, serial=1001 & 0x1FF).encode():08X}"

    assert can.say("02204000#100200000007419E") == [f"{own}#110200000007419E"]
    assert can.say("02204000#1003000000002904") == [f"{own}#1103000000002904"]
    assert can.say("02204000#1004000000000000") == [f"{own}#1104000000000000"]
    assert can.module.on
    assert can.say("02204000#1004000000000001") == [f"{own}#1104000000000001"]
    assert not can.module.on
    assert can.say("02204000#1200000000000000") == [f"{own}#1300000000000000"]
    assert can.say("02204000#1208000000000000") == [f"{own}#1308000002000000"]
    assert can.say("02204000#105F000000000001") == [f"{own}#115F000000000001"]
    assert can.say("02204000#103E000000000001") == [f"{own}#113E000000000001"]
    assert can.say("02204000#1B00006912611293") == [f"{own}#1C00006912611293"]
    assert (can.module.on, can.module.set_voltage_v, can.module.set_current_a) == (True, 475.5, 10.5)


def test_a_set_to_all_is_obeyed_and_not_answered_a_read_of_all_is_answered_by_each() -> None:
    can = Can()
    for text in ("02200000#100200000007419E", "02200000#1003000000002904", "02200000#1004000000000000"):
        assert can.say(text) == []

    assert all(node.module.on for node in can.nodes)
    assert [answer.kind for answer in can.hear(Frame.from_text("02200000#1200000000000000"))] == [Kind.READ_REPLY] * 2


def test_another_group_is_not_concerned() -> None:
    can = Can()

    assert can.say("02204000#2200000000000000") == []
    can.set(Command.GROUP, 2)
    assert len(can.say("02204000#2200000000000000")) == 1
    assert len(can.say("02204000#0200000000000000")) == 1


def test_it_delivers_what_it_is_told_and_says_so() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(4)

    assert wire.from_milli(can.read(Command.VOLTAGE)) == pytest.approx(400, abs=0.1)
    assert wire.from_milli(can.read(Command.VOLTAGE_FAST)) == pytest.approx(400, abs=0.1)
    assert wire.CurrentAndCapability.decode(can.read(Command.CURRENT_AND_CAPABILITY)).capability_a == 100
    assert not Bit(can.read(Command.STATUS)) & Bit.DCDC_OFF


def test_off_is_reported_until_the_first_volt() -> None:
    can = Can()
    can.on(400, 50)
    assert Bit(can.read(Command.STATUS)) & Bit.DCDC_OFF
    can.advance(0.6)

    assert not Bit(can.read(Command.STATUS)) & Bit.DCDC_OFF


def test_off_forgets_the_set_point() -> None:
    can = Can()
    can.on(400, 50)
    can.set(Command.SHUT_DOWN, wire.OFF)

    assert can.read(Command.VOLTAGE_REFERENCE) == can.read(Command.CURRENT_LIMIT) == 0


def test_what_it_does_not_take_is_answered_with_what_is_in_force() -> None:
    can = Can()
    can.on(400, 50)

    assert can.set(Command.VOLTAGE_REFERENCE, wire.to_milli(1200)).value == wire.to_milli(400)
    assert can.set(Command.CURRENT_LIMIT, 0).value == wire.to_milli(50)
    assert can.set(Command.SELECT_RANGE, wire.Range.LOW).value == wire.Range.HIGH
    assert [mark.what for mark in can.marks.since()].count("refused") == 3


def test_the_range_changes_with_the_output_off_only_and_bounds_the_voltage() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(4)
    can.set(Command.SHUT_DOWN, wire.OFF)
    assert can.set(Command.SELECT_RANGE, wire.Range.LOW).value == wire.Range.HIGH
    can.advance(1)

    assert can.set(Command.SELECT_RANGE, wire.Range.LOW).value == wire.Range.LOW
    assert can.read(Command.PRESENT_RANGE) == can.read(Command.SELECTED_RANGE) == wire.Range.LOW
    assert can.set(Command.VOLTAGE_REFERENCE, wire.to_milli(600)).value == 0


def test_all_set_changes_the_range_and_starts_again_by_itself() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(4)
    order = wire.AllSet(wire.OnOff.ON, 20, 0, 450, high_range=False)
    can.hear(wire.to_module(1, 1, order.message()))

    assert not can.module.on
    can.advance(5)

    assert can.module.on
    assert not can.module.high_range
    assert can.dc.voltage_v == pytest.approx(450, abs=0.1)


@pytest.mark.parametrize("alarm", list(Alarm))
def test_every_alarm_shows_as_a_fault_bit(alarm: Alarm) -> None:
    can = Can()
    can.module.raise_alarm(alarm)
    bits = Bit(can.read(Command.STATUS))

    assert bits & wire.FAULT_MASK
    assert bits & Bit.DCDC_OFF


def test_a_module_that_starts_up_says_nothing() -> None:
    can = Can()
    can.module.power_up(can.now_s)

    assert can.say("02204000#1200000000000000") == []


def test_silence_ends_in_off_after_its_own_time_out_and_it_stays_off() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(RATING.comm_timeout_s - 1)
    assert can.module.on
    can.advance(1.5)
    assert not can.module.on
    can.read(Command.STATUS)
    can.advance(2)

    assert not can.module.on


def test_a_silent_module_hears_and_acts_a_frozen_one_repeats_itself_and_does_not() -> None:
    can = Can()
    can.nodes[0].misbehaviour.silent = True
    assert can.say("02204000#1004000000000000") == []
    assert can.module.on
    can.nodes[0].misbehaviour.clear()
    before = can.say("02204000#1208000000000000")
    can.set(Command.SHUT_DOWN, wire.OFF)
    can.nodes[0].misbehaviour.frozen = True
    can.say("02204000#1004000000000000")

    assert not can.module.on
    assert can.say("02204000#1208000000000000") == before
    assert can.say("02204000#1214000000000000") == []


def test_corrupt_answers_are_of_wrong_length_or_impossible() -> None:
    can = Can()
    can.nodes[0].misbehaviour.corrupt = True
    answers = {can.wire.hear(wire.to_module(1, 1, Message(Kind.READ, 0)), can.now_s)[0].data for _ in range(4)}

    assert {5, 8} == {len(data) for data in answers}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 0x1FFF_FFFF) | st.sampled_from([0x02204000, 0x02200000]), st.binary(max_size=8))
def test_no_frame_ever_breaks_a_module(can_id: int, data: bytes) -> None:
    _CAN.advance(STEP_S)
    for answer in _CAN.wire.hear(Frame(can_id, data), _CAN.now_s):
        assert len(answer.data) == 8


_CAN = Can()
