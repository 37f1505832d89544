"""An emulated Huawei module: signals set and asked for, answers of several frames, and misbehaviour on purpose."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import huawei_wire as wire
from jp_firmware.hw.modules.huawei_wire import AlarmBit, Error, Identifier, Message, Signal, State, Word
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.huawei import HuaweiNode
from jp_firmware.sim.plant import rating_of

SET_400_V = "06F880FC#0100000000064000"
SET_30_A = "06F880FC#010F000100007800"
ON = "06F880FC#0132000000000000"
OFF = "06F880FC#0132000100000000"
ASK = "06F840FC#000000AA00502000"
STEP_S = 0.01


@attrs.define(eq=False)
class Desk:
    """One module at address 0x78 and its time."""

    now_s: float = 100.0
    module: Module = attrs.field(init=False)
    node: HuaweiNode = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.module = Module(id="module-1", rating=rating_of("huawei-r100040gx"), walk_in_s=0.0)
        self.node = HuaweiNode(
            module=self.module,
            bus=Bus([self.module], closed=True),
            address=0x78,
            marks=Marks(clock=lambda: self.now_s),
        )
        self.module.power_up(self.now_s)
        self.advance(1.0)

    def hear(self, text: str) -> list[Frame]:
        return self.node.hear(Frame.from_text(text), self.now_s)

    def say(self, *texts: str) -> list[str]:
        return [str(frame) for text in texts for frame in self.hear(text)]

    def advance(self, seconds: float, *, alone: bool = False) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            if not alone:
                self.module.heard(self.now_s)
            self.node.bus.step(self.now_s, STEP_S)

    def words(self, text: str = ASK) -> dict[int, Word]:
        """By signal."""
        words = [Word.decode(frame.data) for frame in self.hear(text)]
        return {word.signal: word for word in words}

    @property
    def status(self) -> wire.Status:
        return wire.Status.decode(self.words()[Signal.STATUS])

    def start(self) -> None:
        self.say(SET_400_V, SET_30_A, ON)
        self.advance(1.0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_is_emulated_by_the_name_of_its_driver() -> None:
    assert EMULATED["huawei"] is HuaweiNode


def test_orders_are_answered_by_their_own_data(desk: Desk) -> None:
    assert desk.say(SET_400_V, SET_30_A, ON) == [
        "06F8807C#0100000000064000",
        "06F8807C#010F000100007800",
        "06F8807C#0132000000000000",
    ]
    desk.advance(1.0)
    status = desk.status

    assert State.OFF not in status.state
    assert status.voltage_v == pytest.approx(400, abs=0.3)
    assert desk.say(OFF) == ["06F8807C#0132000100000000"]
    assert State.OFF in desk.status.state


def test_an_answer_of_several_frames_says_that_more_follow_in_all_but_the_last(desk: Desk) -> None:
    answers = desk.hear(ASK)

    assert [True, True, False] == [Identifier.decode(frame.can_id).more for frame in answers]
    assert {Signal.STATUS, Signal.ALARMS, Signal.AMBIENT_TEMPERATURE} == set(desk.words())
    assert ["06F8407C"] == [str(frame)[:8] for frame in desk.hear("06F840FC#000000AA00400000")]


def test_without_a_choice_a_batch_is_all_it_has(desk: Desk) -> None:
    assert set(wire.BATCH_BITS.values()) == set(desk.words("06F840FC#0000000000000000"))


def test_one_signal_is_asked_for_by_its_number(desk: Desk) -> None:
    desk.start()
    words = desk.words("06F882FC#0175000000000000")

    assert words[Signal.MEASURED_VOLTAGE].scaled == pytest.approx(400, abs=0.3)
    assert desk.words("06F882FC#0180000000000000")[Signal.AMBIENT_TEMPERATURE].scaled == pytest.approx(25, abs=1)
    assert desk.words("06F882FC#0100000000000000")[Signal.OUTPUT_VOLTAGE].scaled == 400


def test_it_says_who_it_is_in_two_frames(desk: Desk) -> None:
    answers = desk.hear("06F850FC#0000000000000000")

    assert [True, False] == [Identifier.decode(frame.can_id).more for frame in answers]
    assert 202_600_000_120 == Word.decode(answers[0].data).bits


@pytest.mark.parametrize(
    "text",
    [
        "06F880FC#0100000000190000",  # 1600 V
        "06F880FC#010F000100000000",  # 0 A
        "06F880FC#0132000700000000",  # neither on nor off
        "06F880FC#0FFF000000000000",
        "06F881FC#0118000000000000",  # no time at all
        "06F882FC#0FFF000000000000",
        "06F840FC#000000AA80000000",
        "06F8D1FC#0000000000000000",
    ],
)
def test_what_it_does_not_do_is_answered_as_invalid(desk: Desk, text: str) -> None:
    (answer,) = desk.hear(text)

    assert Word.decode(answer.data).error == Error.INVALID


def test_an_output_that_is_on_needs_both_halves_of_its_set_point(desk: Desk) -> None:
    desk.say(ON, SET_400_V)
    desk.advance(1.0)
    assert desk.status.voltage_v == 0
    desk.say(SET_30_A)
    desk.advance(1.0)
    assert desk.status.voltage_v == pytest.approx(400, abs=0.3)
    desk.say(OFF, ON, SET_30_A)
    desk.advance(3.0)
    assert desk.status.voltage_v < 1, "the set-point was forgotten at OFF"


@pytest.mark.parametrize("timeout_s", [2, 7])
def test_its_time_out_is_the_one_it_was_told_and_a_new_start_is_needed(desk: Desk, timeout_s: int) -> None:
    desk.say(f"06F881FC#01180000{timeout_s:08X}")
    desk.start()
    desk.advance(timeout_s - 0.1, alone=True)
    assert desk.module.on
    desk.advance(0.3, alone=True)
    assert not desk.module.on

    assert State.OFF in desk.status.state
    assert desk.words()[Signal.ALARMS].bits == 1 << AlarmBit.CAN_INTERRUPTED
    desk.advance(2.0)
    assert desk.words()[Signal.ALARMS].bits == 0
    assert not desk.module.on
    desk.start()
    assert desk.module.on


def test_frames_to_all_are_obeyed_and_answered_and_those_of_others_are_not(desk: Desk) -> None:
    assert desk.say("068080FC#0132000000000000") == ["06F8807C#0132000000000000"]
    desk.say(OFF)
    for text in (
        "06F980FC#0132000000000000",  # another module
        "06F8807C#0132000000000000",  # not from a controller
        "06F880E0#0132000000000000",  # a group
        "06F880FE#0132000000000000",  # by software address
        "108180FE#0132000000000000",  # a telecom rectifier
        "06F880FC#0132",
        "7FF#00",
    ):
        assert desk.say(text) == [], text

    assert not desk.module.on


@pytest.mark.parametrize("alarm", Alarm)
def test_every_fault_shows_and_holds_the_module_off(desk: Desk, alarm: Alarm) -> None:
    desk.start()
    desk.module.raise_alarm(alarm)
    status = desk.status

    assert 1 == desk.words()[Signal.ALARMS].bits.bit_count()
    assert State.OFF in status.state
    assert status.state & (State.FAULT | State.PROTECTION)
    desk.say(ON)
    assert not desk.module.on
    desk.module.clear_alarms()
    assert desk.words()[Signal.ALARMS].bits == 0


def test_while_it_finds_its_address_it_does_nothing_else(desk: Desk) -> None:
    desk.module.power_up(desk.now_s)
    (answer,) = desk.hear(ON)

    assert Word.decode(answer.data).error == Error.IDENTIFYING
    assert not desk.module.on


def test_a_silent_module_hears_and_acts(desk: Desk) -> None:
    desk.node.misbehaviour.silent = True

    assert desk.say(SET_400_V, SET_30_A, ON, ASK) == []
    assert desk.module.on


def test_a_frozen_module_repeats_itself_obeys_nothing_and_ends_by_its_own_time_out(desk: Desk) -> None:
    desk.start()
    before = desk.say(ASK)
    desk.node.misbehaviour.frozen = True

    desk.say(OFF)
    assert desk.module.on
    for _ in range(6):
        desk.advance(1.0, alone=True)
        assert desk.say(ASK) == before
    assert not desk.module.on


def test_corrupt_answers_are_of_wrong_length_or_impossible(desk: Desk) -> None:
    desk.node.misbehaviour.corrupt = True
    answers = desk.hear(ASK) + desk.hear(ASK)

    assert answers
    assert all(len(frame.data) != 8 or frame.data == b"\xff" * 8 for frame in answers)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(Message), st.sampled_from(Signal), st.booleans(), st.integers(0, 0x1FFF_FFFF), st.binary(max_size=8)
)
def test_no_frame_ever_breaks_a_module(message: Message, signal: Signal, aimed: bool, can_id: int, data: bytes) -> None:
    if aimed:
        can_id, data = Identifier(message, 0x78, True).encode(), int(signal).to_bytes(2, "big") + data[:6]
    for answer in _DESK.node.hear(Frame(can_id, data), _DESK.now_s):
        assert len(answer.data) == 8


_DESK = Desk()
