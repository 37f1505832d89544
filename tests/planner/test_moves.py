"""Each step of a move, and each way it can fail, on a rig whose electricity is the witness."""

from __future__ import annotations

import pytest

from jp_firmware.planner.orders import LOCKED_OUT, NOT_MOVED, Phase
from jp_firmware.planner.topology import Relay
from jp_firmware.planner.world import BarState
from tests.planner.yard_rig import BRIDGE, LEFT, ONE, RIGHT, THREE, TWO, Rig, module, two_live

R3, R4 = Relay(LEFT, 3), Relay(LEFT, 4)


def test_a_module_moves_between_two_live_connectors_step_by_step() -> None:
    rig = two_live()
    assert rig.begin(1, TWO) == ""
    seen: list[Phase] = []
    while rig.yard.moves:
        (move,) = rig.yard.moves
        if move.phase not in seen:
            seen.append(move.phase)
        rig.tick()

    assert seen == [
        Phase.RESERVE,
        Phase.DRAIN,
        Phase.OPEN,
        Phase.WELD_CHECK,
        Phase.MATCH,
        Phase.CLOSE,
    ]
    assert rig.place(1) == TWO
    assert rig.ended[-1].problem is None
    assert (rig.contacts[R3].closed, rig.contacts[R4].closed) == (False, True)
    assert rig.crimes == []


def test_the_donors_share_is_cut_first_and_the_receiver_counts_it_last() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.tick()
    assert module(1) not in rig.world().bars[ONE].feeding
    while rig.contacts[R3].commanded:
        assert module(1) in rig.draining
        rig.tick()
    while not rig.contacts[R4].feedback:
        assert rig.member_of[module(1)] != TWO
        rig.tick()
    rig.settle()

    assert rig.member_of[module(1)] == TWO


def test_an_idle_module_is_attached_to_a_live_connector_at_its_voltage() -> None:
    rig = Rig()
    rig.live(ONE, 500.0)
    rig.begin(1, ONE)
    rig.until(Phase.CLOSE)

    assert 495.0 <= rig.racks[module(1)].voltage_v <= 500.0
    rig.settle()
    assert rig.place(1) == ONE
    assert rig.crimes == []


def test_a_module_comes_to_a_dead_connector_discharged() -> None:
    rig = two_live()
    rig.bars[TWO].state = BarState.DEAD
    rig.run(3)
    rig.begin(1, TWO)
    rig.until(Phase.CLOSE)

    assert rig.racks[module(1)].voltage_v < 10.0
    rig.settle()
    assert rig.place(1) == TWO
    assert rig.crimes == []


def test_a_module_is_detached() -> None:
    rig = two_live()
    assert rig.begin(1, None) == ""
    rig.settle()

    assert rig.place(1) is None
    assert not rig.contacts[R3].closed
    assert rig.ended[-1].phase is Phase.IDLE
    assert rig.crimes == []


def test_a_way_over_a_bridge_closes_the_bridge_while_nothing_hangs_on_it_and_opens_it_after() -> None:
    rig = two_live()
    rig.live(THREE, 420.0)
    rig.begin(1, THREE)
    rig.until(Phase.MATCH)
    assert rig.contacts[BRIDGE].closed
    assert not rig.contacts[Relay(RIGHT, 3)].commanded
    rig.settle()
    assert rig.place(1) == THREE
    rig.run(61)
    rig.bars[THREE].state = BarState.DEAD
    rig.begin(1, None)
    rig.settle()
    rig.run(0.2)

    assert not rig.contacts[BRIDGE].closed
    assert rig.crimes == []


# --- each wait has an end --------------------------------------------------------------------------------------------


def test_a_module_that_does_not_let_go_stays_with_its_donor() -> None:
    rig = two_live()
    rig.racks[module(1)].deaf = True
    rig.begin(1, TWO)
    began_s = rig.now_s
    rig.settle()

    assert rig.now_s - began_s == pytest.approx(2.0, abs=0.2)
    assert rig.ended[-1].phase is Phase.KEPT
    assert (rig.place(1), rig.member_of[module(1)]) == (ONE, ONE)
    assert rig.contacts[R3].closed
    assert rig.ended[-1].problem
    assert rig.ended[-1].problem.code == NOT_MOVED
    assert "module-1 did not let go of connector 1 within 2 s: 30.0 A still flow" in rig.ended[-1].problem.text
    assert rig.crimes == []


def test_a_silent_module_is_not_opened_under() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.racks[module(1)].silent = True
    rig.settle()

    assert rig.ended[-1].phase is Phase.KEPT
    assert "its current is not known" in str(rig.ended[-1].problem)
    assert rig.contacts[R3].closed


def test_a_relay_that_does_not_open_locks_its_module_out_and_is_named() -> None:
    rig = two_live()
    rig.contacts[R3].stuck = True
    rig.begin(1, TWO)
    rig.settle()

    assert rig.ended[-1].phase is Phase.LOCKED_OUT
    assert rig.place(1) is None
    assert rig.member_of[module(1)] is None
    problem = rig.ended[-1].problem
    assert problem
    assert problem.code == LOCKED_OUT
    assert "R3 of plc-1 was told to open, and its feedback says closed" in problem.text
    assert "release the module" in problem.text
    assert "locked out" in rig.begin(1, TWO)
    assert not rig.contacts[R4].commanded
    assert rig.crimes == []


def test_a_welded_relay_whose_feedback_lies_is_found_by_the_voltage_that_stays() -> None:
    rig = two_live()
    rig.contacts[R3].stuck = True
    rig.begin(1, TWO)
    rig.until(Phase.OPEN)
    rig.contacts[R3].lies = False
    rig.settle()

    assert rig.ended[-1].phase is Phase.LOCKED_OUT
    assert "R3 of plc-1 reads open, but 400 V, the voltage of connector 1, stand at module-1" in str(
        rig.ended[-1].problem
    )
    assert not rig.contacts[R4].commanded


def test_a_voltage_that_nobody_knows_clears_no_relay_of_a_weld() -> None:
    """The donor's session begins anew while its welded relay is looked at: its bus-bar stands at who knows what."""
    rig = two_live()
    rig.contacts[R3].stuck = True
    rig.begin(1, TWO)
    rig.until(Phase.OPEN)
    rig.contacts[R3].lies = False
    rig.bars[ONE].state, rig.bars[ONE].held = BarState.UNSTEADY, True
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert rig.ended[-1].why == "400 V stand at it, and connector 1 does not hold still"
    assert not rig.contacts[R4].commanded
    assert rig.crimes == []


def test_a_module_that_discharges_beside_a_connector_about_to_start_goes_on() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.OPEN)
    rig.bars[ONE].state, rig.bars[ONE].held = BarState.UNSTEADY, True
    rig.settle()

    assert rig.place(1) == TWO
    assert rig.crimes == []


def test_an_idle_module_that_hangs_on_a_live_connector_is_locked_out_before_anything_closes() -> None:
    rig = Rig()
    rig.live(ONE, 400.0)
    rig.contacts[R3].closed = rig.contacts[R3].stuck = True
    rig.contacts[R3].lies = False
    rig.run(0.2)
    assert rig.begin(1, TWO) == ""
    rig.settle()

    assert rig.ended[-1].phase is Phase.LOCKED_OUT
    assert "400 V, the voltage of connector 1" in str(rig.ended[-1].problem)
    assert not rig.contacts[R4].commanded


def test_a_relay_that_does_not_close_leaves_its_module_idle_and_off() -> None:
    rig = two_live()
    rig.contacts[R4].stuck = True
    rig.begin(1, TWO)
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert rig.place(1) is None
    assert rig.racks[module(1)].told_v is None
    assert not rig.contacts[R4].commanded
    assert "R4 of plc-1 was told to close, and its feedback says open after 0.4 s" in str(rig.ended[-1].problem)
    assert rig.crimes == []


def test_a_bridge_that_does_not_close_leaves_the_module_idle() -> None:
    rig = two_live()
    rig.contacts[BRIDGE].stuck = True
    rig.begin(1, THREE)
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert "R9 of plc-1 was told to close" in str(rig.ended[-1].problem)


def test_a_module_that_reaches_no_voltage_is_idle_after_three_seconds() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.WELD_CHECK)
    rig.racks[module(1)].dead = True
    move = rig.until(Phase.MATCH)
    began_s = rig.now_s
    rig.settle()

    assert move.phase is Phase.IDLE
    assert rig.now_s - began_s == pytest.approx(3.0, abs=0.3)
    assert "did not come to the 450 V of connector 2" in str(move.problem)
    assert not rig.contacts[R4].closed


def test_a_module_that_falls_silent_in_between_is_idle_and_nothing_closes() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.WELD_CHECK)
    rig.racks[module(1)].silent = True
    rig.run(20)
    rig.racks[module(1)].silent = False
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert "does not answer" in str(rig.ended[-1].problem)
    assert not rig.contacts[R4].closed


def test_a_receiver_that_does_not_hold_still_is_nobodys_fault() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.MATCH)
    rig.bars[TWO].state = BarState.UNSTEADY
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert rig.ended[-1].problem is None
    assert rig.ended[-1].why == "connector 2 did not hold still"
    assert rig.crimes == []


def test_a_receiver_that_stops_meanwhile_gets_the_module_discharged() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.MATCH)
    rig.bars[TWO].state = BarState.DEAD
    rig.settle()

    assert rig.place(1) == TWO
    assert rig.crimes == []


def test_a_receiver_that_changes_while_the_relay_closes_gets_nothing() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(Phase.CLOSE)
    rig.bars[TWO].state = BarState.UNSTEADY
    rig.tick()
    assert not rig.contacts[R4].commanded
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE


# --- others' troubles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.RESERVE, Phase.DRAIN])
def test_cancelled_before_its_relay_opens_the_donor_has_it_back(phase: Phase) -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(phase).cancel("nobody wants it", rig.world())
    rig.settle()

    assert rig.place(1) == ONE
    assert rig.member_of[module(1)] == ONE
    assert module(1) not in rig.draining
    assert rig.contacts[R3].closed


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE])
def test_cancelled_later_the_module_is_idle_with_all_relays_open(phase: Phase) -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(phase).cancel("nobody wants it", rig.world())
    rig.settle()
    rig.run(0.3)

    assert rig.place(1) is None
    assert not any(rig.contacts[relay].closed for relay in rig.yard.places[module(1)].own)
    assert rig.racks[module(1)].told_v is None
    assert rig.crimes == []


@pytest.mark.parametrize("phase", [Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE])
def test_an_emergency_stop_ends_a_move_with_nothing_on(phase: Phase) -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(phase)
    rig.tripped |= {LEFT}
    rig.settle()
    rig.run(0.2)

    assert rig.racks[module(1)].told_v is None
    assert rig.place(1) == (ONE if phase is Phase.DRAIN else None)
    assert [relay for relay in rig.yard.places[module(1)].own if rig.contacts[relay].closed] == (
        [R3] if phase is Phase.DRAIN else []
    )
    assert rig.crimes == []
    assert rig.ended[-1].why == "plc-1 does not let relays close"


@pytest.mark.parametrize("phase", [Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE])
def test_a_board_that_is_lost_leaves_the_module_off_and_idle_when_it_is_heard_again(phase: Phase) -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.until(phase)
    rig.lost |= {LEFT}
    rig.run(5)
    assert rig.racks[module(1)].serving is None
    assert rig.racks[module(1)].told_v is None
    assert rig.place(1) != TWO
    assert [move.phase for move in rig.yard.moves if move.modules == (module(1),)] == [Phase.RETREAT]
    rig.lost.clear()
    rig.settle()

    assert rig.place(1) is None


def test_modules_behind_a_lost_board_go_off_in_that_step() -> None:
    rig = two_live()
    rig.lost |= {LEFT}
    rig.yard.step(rig.world())

    for number in (1, 2):
        order = rig.yard.places[module(number)].order
        assert order.drain or order.member_of is None


def test_a_module_whose_relay_falls_open_is_idle() -> None:
    rig = two_live()
    rig.contacts[R3].closed = False
    rig.contacts[R3].stuck = True
    rig.settle()
    rig.tick()
    rig.settle()

    assert rig.place(1) is None
    assert rig.ended[-1].why == "R3 of plc-1 fell open"


def test_a_donor_that_loses_its_other_modules_keeps_this_one() -> None:
    rig = Rig()
    rig.put(1, TWO)
    rig.put(2, TWO)
    rig.live(TWO, 400.0)
    rig.run(1)
    rig.begin(1, ONE)
    rig.until(Phase.DRAIN)
    rig.racks[module(2)].silent = True
    rig.settle()

    assert rig.place(1) == TWO
    assert "it has become the last module of connector 2" in rig.ended[-1].why
