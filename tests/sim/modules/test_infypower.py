"""Modules on the CAN bus: the protocol document's frames, refusals, and misbehaviour on purpose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.sim.modules.node import ModuleBus
from tests.sim.bench import Bench


class Can:
    """The four modules of a bench on one wire."""

    def __init__(self) -> None:
        self.bench = Bench(controller_lives=False)
        self.bus: ModuleBus = self.bench.plant.module_bus("can0")

    def say(self, text: str) -> list[str]:
        return [str(frame) for frame in self.bus.hear(Frame.from_text(text), self.bench.now_s)]

    def one(self, text: str) -> Frame:
        (answer,) = self.bus.hear(Frame.from_text(text), self.bench.now_s)
        return answer


def error_of(frame: Frame) -> int:
    return wire.Identifier.decode(frame.can_id).error


def test_the_documents_examples() -> None:
    """Ratings, status, ON, OFF and set-point in the frames of the protocol's own examples."""
    can = Can()

    assert can.say("028A00F0#0000000000000000") == ["028AF000#03E8009603E80BB8"]  # 1000/150 V, 100 A, 30 kW
    assert can.say("028401F0#0000000000000000") == ["0284F001#0000000019004100"]  # 25 C, walk-in on, DC off
    assert can.say("029C00F0#0007A1200000C350") == ["029CF000#0007A1200000C350"]  # 500 V 50 A, echoed
    assert can.say("029A00F0#0000000000000000") == ["029AF000#0000000000000000"]
    assert can.bench.plant.nodes["module-1"].module.on
    assert can.say("029A00F0#0100000000000000") == ["029AF000#0100000000000000"]
    assert not can.bench.plant.nodes["module-1"].module.on


def test_output_is_read_in_both_formats() -> None:
    can = Can()
    can.say("029300F0#0000000000000000")  # no walk-in
    can.say("029C00F0#00061A800000C350")
    can.say("029A00F0#0000000000000000")
    can.bench.advance(2)

    assert wire.Output.decode(can.one("028900F0#0000000000000000").data).voltage_v == pytest.approx(400, abs=0.3)
    assert wire.OutputFloat.decode(can.one("028300F0#0000000000000000").data).voltage_v == pytest.approx(400, abs=0.3)
    external = wire.External.decode(can.one("028C00F0#0000000000000000").data)

    assert external.voltage_v == pytest.approx(400, abs=0.3)
    assert external.available_current_a == pytest.approx(75, abs=0.1)
    assert can.one("028600F0#0000000000000000").data == wire.AcInput(400.4, 400.0, 399.4).encode()


def test_the_master_alone_answers_for_all() -> None:
    can = Can()

    assert can.say("02823FF0#0000000000000000") == ["0282F03F#0000040000000000"]
    assert len(can.say("02843FF0#0000000000000000")) == 4  # a status is each module's own
    assert len(can.say("028101F0#0000000000000000")) == 1


def test_groups_are_addressed_by_their_number() -> None:
    can = Can()
    can.say("029602F0#0700000000000000")
    can.say("029603F0#0700000000000000")

    assert can.say("02C207F0#0000000000000000") == ["02C2F007#0000020000000000"]
    # 80 A are the group's total: each takes its half.
    assert len(can.say("02DB07F0#00061A8000013880")) == 2
    module = can.bench.plant.nodes["module-3"].module

    assert (module.set_voltage_v, module.set_current_a) == (400, 40)
    assert can.bench.plant.nodes["module-1"].module.set_current_a is None


def test_a_current_of_zero_is_refused_as_invalid_data() -> None:
    can = Can()

    assert error_of(can.one("029C00F0#00061A8000000000")) == wire.Error.DATA_INVALID


def test_a_short_frame_is_refused_as_invalid_data() -> None:
    can = Can()
    (answer,) = can.bus.hear(Frame(0x028900F0, b"\0\0\0"), can.bench.now_s)

    assert error_of(answer) == wire.Error.DATA_INVALID


def test_an_unknown_command_is_refused() -> None:
    assert error_of(Can().one("028700F0#0000000000000000")) == wire.Error.COMMAND_INVALID


def test_a_module_that_starts_up_says_so_and_obeys_nothing() -> None:
    can = Can()
    module = can.bench.plant.nodes["module-1"].module
    module.power_up(can.bench.now_s)

    assert error_of(can.one("028900F0#0000000000000000")) == wire.Error.STARTING_UP
    assert error_of(can.one("029A00F0#0000000000000000")) == wire.Error.STARTING_UP
    assert not module.on
    can.bench.advance(0.5)

    assert error_of(can.one("028900F0#0000000000000000")) == wire.Error.NONE


def test_frames_for_others_and_between_modules_are_ignored() -> None:
    can = Can()

    assert can.say("028930F0#0000000000000000") == []  # no module 0x30
    assert can.say("02890000#0000000000000000") == []  # not from a controller
    assert can.say("0757F803#0000000000000000") == []
    assert can.say("7FF#00") == []


def test_only_frames_for_a_module_keep_it_alive() -> None:
    can = Can()
    for _ in range(12):
        can.say("028900F0#0000000000000000")
        can.bench.advance(1)

    assert not can.bench.plant.nodes["module-1"].module.comm_lost
    assert can.bench.plant.nodes["module-2"].module.comm_lost
    status = wire.Status.decode(can.one("028401F0#0000000000000000").data)

    assert wire.Bit.CAN_INTERRUPTED in status.bits


def test_alarms_show_in_the_status_bits() -> None:
    can = Can()
    device = can.bench.plant.nodes["module-1"].module
    from jp_firmware.sim.module import Alarm

    for alarm in Alarm:
        device.clear_alarms()
        device.raise_alarm(alarm)
        status = wire.Status.decode(can.one("028400F0#0000000000000000").data)

        assert status.bits & wire.FAULT_MASK, alarm
        assert not status.on


def test_a_silent_module_hears_and_acts() -> None:
    can = Can()
    node = can.bench.plant.nodes["module-1"]
    node.misbehaviour.silent = True

    assert can.say("029C00F0#00061A800000C350") == []
    assert can.say("029A00F0#0000000000000000") == []
    assert node.module.on


def test_a_frozen_module_repeats_itself_obeys_nothing_and_ends_by_its_own_timeout() -> None:
    can = Can()
    node = can.bench.plant.nodes["module-1"]
    can.say("029C00F0#00061A800000C350")
    can.say("029A00F0#0000000000000000")
    can.bench.advance(3)
    before = can.say("028900F0#0000000000000000")
    node.misbehaviour.frozen = True
    can.say("029A00F0#0100000000000000")

    assert node.module.on
    for _ in range(11):
        can.bench.advance(1)

        assert can.say("028900F0#0000000000000000") == before
    assert not node.module.on


def test_corrupt_answers_are_of_wrong_length_or_impossible() -> None:
    can = Can()
    can.bench.plant.nodes["module-1"].misbehaviour.corrupt = True
    answers = [can.one("028900F0#0000000000000000").data for _ in range(4)]

    assert all(len(data) != 8 or wire.Output.decode(data).voltage_v > 1e6 for data in answers)
    assert len(set(answers)) == 2


def test_marks_tell_every_off_and_changes_of_all_else() -> None:
    can = Can()
    for _ in range(3):
        can.say("029C00F0#00061A800000C350")
        can.say("029A00F0#0000000000000000")
    for _ in range(3):
        can.say("029A00F0#0100000000000000")
    what = [mark.what for mark in can.bench.plant.marks.since() if mark.device == "module-1"]

    assert what == ["set-point", "on", "off", "off", "off"]
    assert can.bench.plant.nodes["module-1"].last_off_at_s == can.bench.now_s


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 0x1FFF_FFFF), st.binary(max_size=8))
def test_no_frame_ever_breaks_a_module(can_id: int, data: bytes) -> None:
    for answer in _CAN.bus.hear(Frame(can_id, data), _CAN.bench.now_s):
        assert len(answer.data) <= 8


_CAN = Can()
