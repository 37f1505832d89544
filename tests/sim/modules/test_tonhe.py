"""An emulated TonHe module: what it says by itself, what it obeys, and misbehaviour on purpose."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import tonhe_wire as wire
from jp_firmware.hw.modules.tonhe_wire import ExtendedFault, Fault, Message, Running
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Alarm, Module
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.tonhe import PERIOD_S, TonHeNode
from jp_firmware.sim.plant import rating_of

START = "080601A0#AA00A00F88130000"  # 400 V, 50 A
STOP = "080601A0#5500000000000000"
HEARTBEAT = "1805FFA0#0000000000000000"
STEP_S = 0.01


@attrs.define(eq=False)
class Desk:
    """One module at address 1 and its time."""

    now_s: float = 100.0
    said: list[tuple[float, Frame]] = attrs.field(factory=list)
    module: Module = attrs.field(init=False)
    node: TonHeNode = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.module = Module(id="module-1", rating=rating_of("tonhe-th30f10025c7"), walk_in_s=0.0)
        self.node = TonHeNode(
            module=self.module,
            bus=Bus([self.module], closed=True),
            address=1,
            marks=Marks(clock=lambda: self.now_s),
        )
        self.module.power_up(self.now_s)
        self.advance(1.0)

    def say(self, text: str) -> list[str]:
        return [str(frame) for frame in self.node.hear(Frame.from_text(text), self.now_s)]

    def advance(self, seconds: float, *, heartbeats: bool = True) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            if heartbeats:
                self.module.heard(self.now_s)
            self.node.bus.step(self.now_s, STEP_S)
            self.said += [(self.now_s, frame) for frame in self.node.speak(self.now_s)]

    def frames(self, message: Message) -> list[tuple[float, Frame]]:
        return [(at_s, one) for at_s, one in self.said if wire.Identifier.decode(one.can_id).message == message]

    @property
    def state(self) -> wire.State:
        """As it was last told."""
        return wire.State.decode(self.frames(Message.STATE)[-1][1].data)

    @property
    def extended(self) -> wire.Extended:
        return wire.Extended.decode(self.frames(Message.EXTENDED)[-1][1].data)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_is_emulated_by_the_name_of_its_driver() -> None:
    assert EMULATED["tonhe"] is TonHeNode


def test_it_tells_state_input_and_extended_state_every_half_second(desk: Desk) -> None:
    desk.said.clear()
    desk.advance(5.0)

    for message in (Message.STATE, Message.EXTENDED, Message.AC_INPUT):
        times_s = [at_s for at_s, _ in desk.frames(message)]
        gaps_s = [after - before for before, after in itertools.pairwise(times_s)]

        assert len(times_s) in (9, 10, 11)
        assert all(gap == pytest.approx(PERIOD_S, abs=0.02) for gap in gaps_s)
    assert {0x1801A001, 0x1C91A001, 0x180BA001} == {one.can_id for _, one in desk.said}


def test_start_and_stop_of_one_module_are_confirmed_and_told_before_their_turn(desk: Desk) -> None:
    assert desk.say(START) == ["0802A001#0100000000000000"]
    desk.advance(0.21)
    assert desk.state.running is Running.ON
    desk.advance(1.0)

    assert desk.state.voltage_v == pytest.approx(400, abs=0.3)
    assert desk.say(STOP) == ["0802A001#0100000000000000"]
    assert not desk.module.on
    desk.advance(0.21)
    assert desk.state.running is Running.OFF


def test_changes_that_follow_each_other_are_told_with_a_gap(desk: Desk) -> None:
    desk.said.clear()
    for turn in range(20):
        desk.say(STOP if turn % 2 else START)
        desk.advance(0.05)
    times_s = [at_s for at_s, _ in desk.frames(Message.STATE)]

    assert len(times_s) > 2
    assert all(after - before > 0.199 for before, after in itertools.pairwise(times_s))


@pytest.mark.parametrize("text", ["080601A0#AA00A00F", "080601A0#AB00A00F88130000"])
def test_a_command_it_does_not_understand_is_not_confirmed_as_received(desk: Desk, text: str) -> None:
    assert desk.say(text) == ["0802A001#0000000000000000"]
    assert not desk.module.on


def test_set_points_to_many_concern_those_whose_flag_is_set_and_switch_nothing_on(desk: Desk) -> None:
    assert desk.say("1004FFA0#06000000A00F1027") == []  # modules 2 and 3
    assert desk.module.set_voltage_v is None
    desk.say("1004FFA0#01000001A00F1027")  # module 25
    assert desk.module.set_voltage_v is None
    desk.say("1004FFA0#07000000A00F1027")

    assert (desk.module.set_voltage_v, desk.module.set_current_a) == (400, 100)
    assert not desk.module.on
    desk.say("0803FFA0#060000AA00000000")
    assert not desk.module.on
    desk.say("0803FFA0#070000AA00000000")
    assert desk.module.on
    desk.say("0803FFA0#0700005500000000")
    assert not desk.module.on


@pytest.mark.parametrize(
    ("voltage_v", "current_a", "served"),
    [(1200, 130, (1000, 120)), (10, 0, (150, 2)), (400, 50, (400, 50))],
)
def test_set_points_out_of_range_are_served_at_its_edge(
    desk: Desk, voltage_v: float, current_a: float, served: tuple[float, float]
) -> None:
    command = wire.Command(wire.Switch.ON, voltage_v, current_a)
    desk.node.hear(wire.to_module(Message.COMMAND, 1, command.encode()), desk.now_s)

    assert (desk.module.set_voltage_v, desk.module.set_current_a) == served


def test_twenty_seconds_without_the_controller_switch_it_off_and_a_new_start_is_needed(desk: Desk) -> None:
    desk.say(START)
    desk.advance(19.9, heartbeats=False)
    assert desk.module.on
    desk.advance(0.4, heartbeats=False)

    assert desk.state.running is Running.OFF
    assert ExtendedFault.CAN_TIMEOUT in desk.extended.faults
    for _ in range(4):
        desk.say(HEARTBEAT)
        desk.say("1004FFA0#01000000A00F1027")
        desk.advance(0.5, heartbeats=False)
    assert ExtendedFault.CAN_TIMEOUT not in desk.extended.faults
    assert not desk.module.on
    desk.say(START)
    assert desk.module.on


def test_the_heartbeat_alone_keeps_it_on(desk: Desk) -> None:
    desk.say(START)
    for _ in range(9):
        desk.advance(5.0, heartbeats=False)
        desk.say(HEARTBEAT)

    assert desk.module.on


def test_another_controllers_frames_and_other_modules_are_not_its_concern(desk: Desk) -> None:
    for text in ("080602A0#AA00A00F88130000", "080601A1#AA00A00F88130000", "0A0601A0#AA00A00F88130000", "7FF#00"):
        assert desk.say(text) == []
    assert desk.say("0806FFA0#AA00A00F88130000") == [], "a start to all is not in the document"

    assert not desk.module.on


@pytest.mark.parametrize("alarm", Alarm)
def test_every_fault_shows_before_its_turn_and_holds_the_module_off(desk: Desk, alarm: Alarm) -> None:
    desk.say(START)
    desk.advance(1.0)
    desk.module.raise_alarm(alarm)
    desk.advance(0.21)

    assert desk.state.running is Running.OFF_BY_FAULT
    assert desk.state.faults
    assert bool(desk.state.faults & Fault(0x3F00)) == bool(desk.state.faults & Fault.HARDWARE), "9.1.1 note 1"
    desk.say(START)
    assert not desk.module.on
    desk.module.clear_alarms()
    desk.advance(0.21)
    assert (desk.state.running, desk.state.faults) == (Running.OFF, Fault(0))


def test_it_says_nothing_while_it_starts_up_and_takes_no_start(desk: Desk) -> None:
    desk.module.power_up(desk.now_s)
    desk.said.clear()

    assert desk.say(START) == ["0802A001#0000000000000000"]
    desk.advance(0.29)
    assert desk.said == []
    assert not desk.module.on


def test_a_silent_module_hears_and_acts(desk: Desk) -> None:
    desk.node.misbehaviour.silent = True
    desk.said.clear()

    assert desk.say(START) == []
    desk.advance(2.0)
    assert desk.said == []
    assert desk.module.on


def test_a_frozen_module_repeats_itself_and_obeys_nothing(desk: Desk) -> None:
    desk.say(START)
    desk.advance(1.0)
    before = desk.frames(Message.STATE)[-1][1]
    desk.node.misbehaviour.frozen = True

    assert desk.say(STOP) == []
    desk.said.clear()
    for _ in range(21):
        desk.say(HEARTBEAT)
        desk.advance(1.0, heartbeats=False)
    assert {before} == {frame for _, frame in desk.frames(Message.STATE)}
    assert len(desk.frames(Message.STATE)) >= 41
    assert not desk.module.on, "by its own time-out"


def test_corrupt_frames_are_of_wrong_length_or_impossible(desk: Desk) -> None:
    desk.node.misbehaviour.corrupt = True
    desk.said.clear()
    desk.advance(2.0)

    assert desk.said
    for _, frame in desk.said:
        assert len(frame.data) != 8 or frame.data == b"\xff" * 8


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 0x1FFF_FFFF), st.sampled_from(Message), st.booleans(), st.binary(max_size=8))
def test_no_frame_ever_breaks_a_module(can_id: int, message: Message, aimed: bool, data: bytes) -> None:
    frame = wire.to_module(message, 1, data) if aimed else Frame(can_id, data)
    for answer in _DESK.node.hear(frame, _DESK.now_s):
        assert len(answer.data) == 8


_DESK = Desk()
