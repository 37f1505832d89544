"""Safety inputs and health as faults."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.hw.plc.inputs import OVERLOADED_S, RELAXED_S, BoardFaults
from jp_firmware.hw.plc.protocol import relays_closed
from jp_firmware.model.plc import PlcMode, PlcStatus
from tests.hw.faults import Faults

GOOD = PlcStatus(mode=PlcMode.RUN, cpu_load_percent=15.0, last_scan_ms=1.5)
BUSY = attrs.evolve(GOOD, cpu_load_percent=95.0)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("emergency_stop", "SAF-01"),
        ("door_open", "SAF-02"),
        ("rcd_tripped", "SAF-03"),
        ("spd_tripped", "SAF-05"),
        ("over_temperature", "SAF-08"),
    ],
)
def test_each_input_is_its_own_fault_for_as_long_as_it_is_tripped(name: str, code: str) -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    for tripped in (False, True, True, False):
        board.look(attrs.evolve(GOOD, **{name: tripped}), 0.0)
        assert faults.codes == ({code} if tripped else set())

    assert faults.history == [f"+{code} plc-1", f"-{code} plc-1"]


@pytest.mark.parametrize("mode", list(PlcMode))
def test_a_board_that_does_not_run_says_so_but_for_booting(mode: PlcMode) -> None:
    faults = Faults()
    BoardFaults("plc-1", faults).look(attrs.evolve(GOOD, mode=mode), 0.0)

    assert faults.codes == (set() if mode in (PlcMode.RUN, PlcMode.BOOT) else {"SAF-11"})


@pytest.mark.parametrize("busy", [BUSY, attrs.evolve(GOOD, last_scan_ms=14.0)])
def test_a_busy_board_is_worth_a_fault_after_a_while_and_forgiven_after_longer(busy: PlcStatus) -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    seconds = range(int(3 + OVERLOADED_S + 10 + RELAXED_S + 10))
    raised = []
    for second in seconds:
        overloaded = 3 <= second < 3 + OVERLOADED_S + 10
        board.look(busy if overloaded else GOOD, float(second))
        if "PLC-03" in faults.codes:
            raised.append(second)

    first, last_busy = 2 + OVERLOADED_S, 2 + OVERLOADED_S + 10
    assert raised == list(range(int(first), int(last_busy + RELAXED_S)))


def test_a_free_relay_that_does_not_follow_is_told_after_a_second() -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    for eighth in range(25):
        board.look(GOOD, eighth / 8, [5] if eighth >= 5 else [])
        assert faults.codes == ({"PLC-04"} if eighth >= 4 + 8 else set())
    assert faults.active["PLC-04", "plc-1"] == "R5 not as commanded for 1 s"

    board.look(attrs.evolve(GOOD, relays=relays_closed([1, 5])), 4.0, [5])
    assert faults.codes == set()


def test_a_relay_that_moves_is_not_called_late_beside_one_that_is() -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    welded = attrs.evolve(GOOD, relays=relays_closed([3]))
    for eighth in range(20):
        moving = 4 + eighth % 4  # another one each time, on its way for an eighth of a second
        board.look(welded, eighth / 8, [moving], [3])
        assert faults.codes == ({"PLC-06"} if eighth >= 8 else set()), "many that move one after the other are no fault"
        if eighth >= 8:
            assert faults.active["PLC-06", "plc-1"] == "R3 not as commanded for 1 s"

    board.look(welded, 2.5, [], [])
    assert faults.codes == {"PLC-04"}, "what has been welded for long, and now joins connectors, waits no second more"


def test_after_a_silence_a_relay_has_its_time_again() -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    board.look(attrs.evolve(GOOD, relays=relays_closed([3])), 1.0, [3])
    board.look(attrs.evolve(GOOD, relays=relays_closed([3])), 5.0, [])
    assert faults.codes == set()


def test_a_relay_that_costs_no_more_than_its_module_has_a_fault_of_its_own() -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    welded = attrs.evolve(GOOD, relays=relays_closed([3, 6]))
    for eighth in range(9):
        board.look(welded, eighth / 8, [], [3, 4])
    assert faults.active["PLC-04", "plc-1"] == "R6 not as commanded for 1 s"
    assert faults.active["PLC-06", "plc-1"] == "R3 not as commanded for 1 s"

    board.look(welded, 2.0, [], [3, 6])
    assert faults.codes == {"PLC-06"}
    board.look(attrs.evolve(welded, mode=PlcMode.STOP), 9.0, [], [3, 6])
    assert faults.codes == {"SAF-11"}, "in another mode relays fall open, and follow nothing"


def test_a_short_burst_of_load_is_nothing() -> None:
    faults = Faults()
    board = BoardFaults("plc-1", faults)
    for second in range(100):
        board.look(BUSY if second % 4 else GOOD, float(second))

    assert faults.history == []
