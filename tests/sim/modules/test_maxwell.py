"""An emulated Maxwell module on the CAN bus: what it answers, what it refuses, and misbehaviour on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import maxwell_wire as wire
from jp_firmware.hw.modules.maxwell_wire import Bit, Message, Register, Result
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.modules.maxwell import START_DELAY_S, MaxwellNode
from jp_firmware.sim.modules.node import ModuleBus
from jp_firmware.sim.plant import rating_of

STEP_S = 0.02
RATING = rating_of("maxwell-mxr100030")


class Can:
    """Modules 1 and 2 on one wire and one bus-bar, their time moved by hand."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.marks = Marks(clock=lambda: self.now_s)
        modules = [Module(id=f"module-{n}", rating=RATING) for n in (1, 2)]
        self.dc = Bus(modules, closed=True)
        self.nodes = [
            MaxwellNode(module=module, bus=self.dc, address=n, marks=self.marks)
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

    def say(self, text: str) -> list[str]:
        return [str(frame) for frame in self.wire.hear(Frame.from_text(text), self.now_s)]

    def tell(self, message: Message) -> Message:
        (answer,) = self.wire.hear(wire.to_module(1, message), self.now_s)
        return Message.decode(answer.data)

    def set(self, register: Register, value: int) -> int:
        """The result."""
        return self.tell(wire.write(register, value)).result

    def number(self, register: Register) -> float:
        answer = self.tell(wire.read(register))
        assert answer.function == wire.Function.FLOAT_REPLY
        return answer.number

    def bits(self) -> Bit:
        return Bit(self.tell(wire.read(Register.STATUS)).value)

    def on(self, voltage_v: float, current_a: float) -> None:
        self.set(Register.SET_VOLTAGE, wire.of_number(voltage_v))
        self.set(Register.SET_CURRENT, wire.of_current(current_a))
        self.set(Register.SWITCH, wire.ON)


def test_the_documents_examples() -> None:
    can = Can()

    assert can.say("06080F80#03000021442F0000") == ["060F8008#41F00021442F0000"]  # 700 V
    assert can.say("06080F80#0300001B00019000") == ["060F8008#42F0001B00019000"]  # 100 A
    assert can.say("06080F80#030000223F000000") == ["060F8008#41F000223F000000"]  # half of the rated current
    assert (can.module.set_voltage_v, can.module.set_current_a) == (700, 50)
    assert can.say("06080F80#0300003000000000") == ["060F8008#42F0003000000000"]
    assert can.module.on
    assert can.say("06080F80#0300003000010000") == ["060F8008#42F0003000010000"]
    assert not can.module.on
    assert can.say("06080F80#1000000100000000") == ["060F8008#41F0000100000000"]
    assert can.say("06080F80#1000004000000000") == ["060F8008#42F0004000400000"]
    assert can.say("06080F80#0300001700000BB8") == ["060F8008#42F0001700000BB8"]
    assert can.say("06080F80#0300001F00010000") == ["060F8008#42F0001F00010000"]
    assert can.say("06080F80#0300001E00000005") == ["060F800D#42F0001E00000005"]  # its identifier changes at once


def test_all_of_a_group_and_all_modules_can_be_addressed() -> None:
    can = Can()
    can.set(Register.SET_GROUP, 5)

    assert can.say("0607FF80#1000004000000000") == ["060F800D#42F0004000400000", "060F8010#42F0004000400000"]
    assert can.say("0607F785#1000004000000000") == ["060F800D#42F0004000400000"]
    assert can.say("0607C780#1000004000000000") == ["060F800D#42F0004000400000"]  # 0xF8, as an extended group


def test_it_delivers_what_it_is_told_and_says_so() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(4)

    assert can.number(Register.VOLTAGE) == pytest.approx(400, abs=0.1)
    assert can.number(Register.LIMIT_POINT) == 0.5
    assert not can.bits() & Bit.DCDC_OFF


def test_it_takes_its_time_to_start_and_reports_off_meanwhile() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(START_DELAY_S - 0.1)

    assert can.bits() & Bit.DCDC_OFF
    assert can.dc.voltage_v == 0
    can.advance(0.2)

    assert not can.bits() & Bit.DCDC_OFF


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (Register.SET_VOLTAGE, wire.of_number(79.9)),
        (Register.SET_VOLTAGE, wire.of_number(1001)),
        (Register.SET_VOLTAGE, wire.of_number(float("nan"))),
        (Register.SET_CURRENT, 0),
        (Register.SET_CURRENT, wire.of_current(101)),
        (Register.SET_CURRENT_PART, wire.of_number(float("nan"))),
        (Register.SWITCH, 1),
        (Register.SET_GROUP, 61),
        (Register.SET_ALTITUDE, 999),
        (Register.STATUS, 0),
    ],
)
def test_what_it_will_not_do_it_refuses(register: Register, value: int) -> None:
    can = Can()
    can.on(400, 50)

    assert can.set(register, value) == Result.REFUSED
    assert (can.module.set_voltage_v, can.module.set_current_a) == (400, 50)
    assert can.marks.since()[-1].what == "refused"


def test_a_register_it_does_not_have_is_refused() -> None:
    assert Can().tell(Message(wire.Function.READ, 0x1234)).result == Result.REFUSED


def test_frames_of_other_makes_with_the_same_protocol_number_are_ignored() -> None:
    assert Can().say("06080F83#01F0000100000000") == []


@pytest.mark.parametrize("alarm", list(Alarm))
def test_every_alarm_shows_as_a_fault_bit(alarm: Alarm) -> None:
    can = Can()
    can.module.raise_alarm(alarm)

    assert can.bits() & ~(wire.INFO_MASK | Bit.PROTECTION)
    assert can.bits() & Bit.DCDC_OFF


def test_a_lost_phase_shows_in_the_input() -> None:
    can = Can()
    can.module.raise_alarm(Alarm.AC_PHASE_LOSS)

    assert can.number(Register.PHASE_C_VOLTAGE) == 0
    assert can.tell(wire.read(Register.INPUT_MODE)).value == 5


def test_a_module_that_starts_up_says_nothing_and_obeys_nothing() -> None:
    can = Can()
    can.module.power_up(can.now_s)

    assert can.say("06080F80#1000004000000000") == []
    assert can.say("06080F80#0300003000000000") == []
    assert not can.module.on


def test_silence_ends_in_off_after_its_own_time_out_and_it_stays_off() -> None:
    can = Can()
    can.on(400, 50)
    can.advance(RATING.comm_timeout_s - 1)
    assert can.module.on
    can.advance(1.5)

    assert not can.module.on
    assert can.bits() & Bit.CAN_FAILURE
    can.advance(2)

    assert not can.module.on
    assert not can.bits() & Bit.CAN_FAILURE


def test_a_silent_module_hears_and_acts_a_frozen_one_repeats_itself_and_does_not() -> None:
    can = Can()
    can.nodes[0].misbehaviour.silent = True
    assert can.say("06080F80#0300003000000000") == []
    assert can.module.on
    can.nodes[0].misbehaviour.clear()
    can.set(Register.SWITCH, wire.OFF)
    before = can.say("06080F80#1000004000000000")
    can.nodes[0].misbehaviour.frozen = True
    can.say("06080F80#0300003000000000")

    assert not can.module.on
    assert can.say("06080F80#1000004000000000") == before
    assert can.say("06080F80#1000000C00000000") == []


def test_corrupt_answers_are_of_wrong_length_or_impossible() -> None:
    can = Can()
    can.nodes[0].misbehaviour.corrupt = True
    question = wire.to_module(1, wire.read(Register.VOLTAGE))
    answers = [can.wire.hear(question, can.now_s)[0].data for _ in range(4)]

    assert {5, 8} == {len(data) for data in answers}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 0x1FFF_FFFF) | st.sampled_from([0x06080F80, 0x0607FF80]), st.binary(max_size=8))
def test_no_frame_ever_breaks_a_module(can_id: int, data: bytes) -> None:
    _CAN.advance(STEP_S)
    for answer in _CAN.wire.hear(Frame(can_id, data), _CAN.now_s):
        assert len(answer.data) == 8


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([wire.Function.SET, wire.Function.READ]), st.sampled_from(Register), st.integers(0, 0xFFFF_FFFF))
def test_no_value_ever_breaks_a_module(function: int, register: int, value: int) -> None:
    _CAN.advance(STEP_S)

    assert _CAN.tell(Message(function, register, value)).result in set(Result)


_CAN = Can()
