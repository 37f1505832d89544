"""Segments of a bus-bar that move: each step, what may not begin, and each way it can fail, on a rig of copper."""

from __future__ import annotations

import pytest

from jp_firmware.planner.orders import LOCKED_OUT, NOT_MOVED, Phase
from jp_firmware.planner.topology import Carrier, Carrying
from jp_firmware.planner.world import BarState, Terms
from tests.planner.ring_rig import A_B, B_TWO, C_ONE, DELIVERS_A, ONE_A, TWO_C, RingRig
from tests.planner.yard_rig import LEFT, ONE, RIGHT, THREE, TWO, module


def tail_at_one() -> RingRig:
    """Segments a and b hang in a row at connector 1, c is idle; both connectors deliver."""
    rig = RingRig()
    rig.put(1, ONE)
    rig.put(2, ONE)
    rig.live(ONE, 400.0)
    rig.live(TWO, 450.0)
    rig.run(1)
    return rig


def test_a_segment_moves_whole_between_two_live_connectors_step_by_step() -> None:
    rig = tail_at_one()
    assert rig.begin(2, TWO) == ""
    seen: list[Phase] = []
    while rig.yard.moves:
        (move,) = rig.yard.moves
        if move.phase not in seen:
            seen.append(move.phase)
        rig.tick()

    assert seen == [Phase.RESERVE, Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE]
    assert [rig.place(number) for number in (1, 2, 3)] == [ONE, TWO, TWO]
    assert [rig.member_of[module(number)] for number in (2, 3)] == [TWO, TWO]
    assert [rig.contacts[tie].closed for tie in (ONE_A, A_B, B_TWO)] == [True, False, True]
    assert rig.racks[module(1)].current_a == DELIVERS_A, "the segment between goes on delivering"
    assert rig.crimes == []


def test_no_module_of_it_counts_before_the_feedback_of_the_tie() -> None:
    rig = tail_at_one()
    rig.begin(2, TWO)
    rig.tick()
    assert rig.world().bars[ONE].feeding == {module(8), module(1)}
    while not rig.contacts[B_TWO].feedback:
        assert TWO not in {rig.member_of[module(2)], rig.member_of[module(3)]}
        rig.tick()
    rig.settle()

    assert rig.world().bars[TWO].feeding == {module(9), module(2), module(3)}


def test_the_segment_behind_goes_first() -> None:
    rig = tail_at_one()

    assert rig.begin(1, None) == "segment 3 of ring hangs behind segment 2 of ring"
    rig.idle(2)
    assert rig.begin(1, TWO) == "no segment beside segment 2 of ring is at connector 2 yet"
    rig.idle(1)
    assert rig.begin(2, ONE) == "no segment beside segment 3 of ring is at connector 1 yet"
    rig.put(2, TWO)
    rig.put(1, TWO)

    path = rig.yard.places[module(1)].path
    assert path is not None
    assert (path.switch, path.over) == (A_B, (B_TWO,))
    assert rig.crimes == []


def test_no_tie_closes_that_could_join_two_connectors() -> None:
    rig = RingRig()
    rig.put(1, ONE)
    rig.contacts[A_B].closed = rig.contacts[A_B].stuck = True
    rig.run(0.2)

    assert rig.begin(2, TWO) == "R4 of plc-1 of segment 3 of ring is not confirmed open"
    rig.lost |= {LEFT}
    assert rig.begin(4, TWO) == "plc-1 is not heard"


def test_a_tie_that_may_be_welded_counts_as_closed() -> None:
    """b has been locked out at the tie to a, whose feedback says open: a may go where b is not, and nowhere else."""
    rig = tail_at_one()
    rig.contacts[A_B].stuck = True
    rig.begin(2, TWO)
    rig.until(Phase.OPEN, number=2)
    rig.contacts[A_B].lies = False
    rig.settle()
    assert rig.ended[-1].phase is Phase.LOCKED_OUT
    assert "R4 of plc-1 reads open, but 400 V, the voltage of connector 1, stand at segment 3 of ring" in str(
        rig.ended[-1].problem
    )
    assert "then release module-2 or module-3" in str(rig.ended[-1].problem)

    assert "locked out" in rig.begin(3, TWO)
    assert rig.begin(1, None) == ""
    rig.settle()
    assert rig.yard.suspect(rig.yard.bus_bars[0], rig.world()) == {A_B}
    assert rig.crimes == []


def test_nothing_joins_a_piece_of_which_nobody_knows_where_it_ends() -> None:
    rig = RingRig()
    rig.put(4, TWO)
    rig.contacts[C_ONE].lies = True
    rig.run(0.2)

    assert rig.begin(1, ONE) == (
        "R3 of plc-1 could join connectors 1 and 2: not every tie between them is open for sure"
    )


# --- failures --------------------------------------------------------------------------------------------------------


def test_one_module_that_does_not_let_go_keeps_its_whole_segment() -> None:
    rig = tail_at_one()
    rig.racks[module(3)].deaf = True
    rig.begin(2, TWO)
    rig.settle()

    assert rig.ended[-1].phase is Phase.KEPT
    problem = rig.ended[-1].problem
    assert problem
    assert problem.code == NOT_MOVED
    assert "module-3 did not let go of connector 1 within 2 s: 30.0 A still flow. Segment 3 of ring" in problem.text
    assert [rig.member_of[module(number)] for number in (2, 3)] == [ONE, ONE]
    assert rig.contacts[A_B].closed
    assert rig.crimes == []


def test_a_tie_that_does_not_open_locks_its_segment_out() -> None:
    rig = tail_at_one()
    rig.contacts[A_B].stuck = True
    rig.begin(2, TWO)
    rig.settle()

    problem = rig.ended[-1].problem
    assert problem
    assert problem.code == LOCKED_OUT
    assert rig.place(1) == ONE, "the one before it goes on"
    assert not rig.contacts[B_TWO].commanded
    assert "is not confirmed open" in rig.begin(1, None)
    rig.contacts[A_B].stuck = False
    rig.run(0.3)
    assert rig.yard.release(module(3), rig.world()) == ""
    assert rig.crimes == []


def test_a_tie_that_does_not_close_leaves_its_segment_idle() -> None:
    rig = tail_at_one()
    rig.contacts[B_TWO].stuck = True
    rig.begin(2, TWO)
    rig.settle()

    assert rig.ended[-1].phase is Phase.IDLE
    assert "R3 of plc-2 was told to close, and its feedback says open after 0.4 s" in str(rig.ended[-1].problem)
    assert [rig.racks[module(number)].told_v for number in (2, 3)] == [None, None]
    assert rig.crimes == []


def test_a_module_long_silent_does_not_hinder_its_segment() -> None:
    rig = tail_at_one()
    rig.racks[module(3)].silent = True
    rig.begin(2, TWO)
    rig.settle()
    assert "module-3 did not let go of connector 1 within 2 s: its current is not known" in str(rig.ended[-1].problem)
    rig.run(61)
    rig.off_for_sure |= {module(3)}
    assert rig.begin(2, TWO) == ""
    rig.settle()

    assert rig.place(2) == TWO
    assert rig.crimes == []


def test_when_the_tie_before_it_falls_open_all_that_hang_behind_go_off_and_are_idle() -> None:
    rig = tail_at_one()
    rig.contacts[ONE_A].closed = False
    rig.contacts[ONE_A].stuck = True
    rig.yard.step(rig.world())
    for number in (1, 2, 3):
        order = rig.yard.places[module(number)].order
        assert order.drain or order.member_of is None
    rig.settle()

    assert [rig.place(number) for number in (1, 2, 3)] == [None, None, None]
    assert not any(rig.contacts[tie].closed for tie in (ONE_A, A_B, B_TWO))
    assert [move.problem for move in rig.ended[-2:]] == [None, None]
    assert rig.crimes == []


def test_a_tie_opens_only_when_those_behind_it_let_go_as_well() -> None:
    rig = tail_at_one()
    rig.racks[module(3)].deaf = True
    rig.contacts[ONE_A].lies = False
    for _ in range(100):
        rig.tick()
        assert rig.contacts[ONE_A].commanded, "30 A of module 3 flow over it"
    rig.racks[module(3)].deaf = False
    rig.settle()

    assert not rig.contacts[ONE_A].closed
    assert not rig.contacts[A_B].closed
    assert rig.crimes == []


def test_a_tie_that_another_segment_still_holds_is_no_weld() -> None:
    """b is off as its board is lost; a, behind it, has a module that is not heard, under which no tie opens yet."""
    rig = RingRig()
    rig.put(2, TWO)
    rig.put(1, TWO)
    rig.live(TWO, 400.0)
    rig.run(1)
    rig.racks[module(1)].silent = True
    rig.lost |= {RIGHT}
    rig.run(1)
    rig.lost.clear()
    rig.run(3)
    assert rig.contacts[A_B].commanded
    assert not [move for move in rig.ended if move.phase is Phase.LOCKED_OUT]
    rig.off_for_sure |= {module(1)}
    rig.settle()

    assert [rig.place(number) for number in (1, 2)] == [None, None]
    assert not [move for move in rig.ended if move.phase is Phase.LOCKED_OUT]
    assert rig.crimes == []


def test_a_segment_on_its_way_turns_back_when_what_lies_between_is_cut_off() -> None:
    rig = tail_at_one()
    rig.idle(2)
    rig.begin(2, ONE, counts=False)
    rig.until(Phase.MATCH, number=2)
    rig.contacts[ONE_A].closed = False
    rig.contacts[ONE_A].stuck = True
    rig.settle()

    assert rig.place(2) is None
    assert any("R3 of plc-1 opened, which lies on its way to connector 1" in move.why for move in rig.ended)
    assert not rig.contacts[A_B].closed
    assert rig.crimes == []


@pytest.mark.parametrize("phase", [Phase.RESERVE, Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE])
def test_cancelled_anywhere_its_donor_has_it_or_it_is_idle_with_both_ties_open(phase: Phase) -> None:
    rig = tail_at_one()
    rig.begin(2, TWO)
    rig.until(phase, number=2).cancel("nobody wants it", rig.world())
    rig.settle()
    rig.run(0.3)

    kept = phase in (Phase.RESERVE, Phase.DRAIN)
    assert rig.place(2) == (ONE if kept else None)
    assert [rig.contacts[tie].closed for tie in (ONE_A, A_B, B_TWO)] == [True, kept, False]
    assert rig.crimes == []


@pytest.mark.parametrize("phase", [Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE])
@pytest.mark.parametrize("board", [LEFT, RIGHT])
def test_a_board_that_is_lost_or_tripped_ends_the_move_with_nothing_on(phase: Phase, board: str) -> None:
    for breaks in ("lost", "tripped"):
        rig = tail_at_one()
        rig.begin(2, TWO)
        rig.until(phase, number=2)
        getattr(rig, breaks).add(board)
        rig.run(5)
        assert rig.place(2) != TWO
        assert {rig.racks[module(number)].told_v for number in (2, 3)} == {None}
        getattr(rig, breaks).clear()
        rig.settle()
        assert rig.crimes == []


# --- wear ------------------------------------------------------------------------------------------------------------


def test_a_tie_closes_no_more_often_in_an_hour_than_it_may_whoever_closes_it() -> None:
    rig = RingRig(terms=Terms(dwell_s=0.0, min_off_s=0.0, moves_per_hour=2))
    rig.put(1, ONE)
    for _ in range(2):
        assert rig.begin(2, ONE) == ""
        rig.settle()
        rig.idle(2)
    rig.idle(1)
    rig.put(2, TWO)

    assert rig.begin(1, TWO) == "R4 of plc-1 closed 2 times within the hour, and may 2 times"


def test_a_connector_that_delivers_keeps_its_last_usable_modules() -> None:
    rig = tail_at_one()
    rig.idle(2)
    rig.racks[module(8)].silent = True

    assert rig.begin(1, None) == "segment 2 of ring is the last module of connector 1, which is delivering"
    rig.put(2, TWO)
    rig.racks[module(9)].silent = True
    rig.run(61)
    assert rig.begin(3, None) == "segment 3 of ring has the last modules of connector 2, which is delivering"


def test_a_tie_gets_no_more_behind_it_than_it_carries() -> None:
    rig = RingRig()
    rig.yard.carrying = Carrying(carriers={ONE_A: Carrier("tie R3 of plc-1", 150)})
    rig.put(1, ONE)
    too_much = "tie R3 of plc-1 carries 150 A, and 300 A could be on it"
    assert rig.begin(2, ONE) == too_much, "dead, it may come to any voltage"
    rig.live(ONE, 400.0)
    rig.run(1)
    assert rig.begin(2, ONE) == "tie R3 of plc-1 carries 150 A, and 225 A could be on it"
    rig.live(ONE, 800.0)
    rig.run(1)
    assert rig.begin(2, ONE) == ""
    rig.settle()

    assert rig.place(2) == ONE
    assert rig.crimes == []


def test_what_may_not_begin_is_refused_with_the_reason() -> None:
    rig = tail_at_one()
    assert rig.begin(8, TWO) == "module-8 stands at its connector's own segment"
    assert rig.begin(1, THREE) == "segment 2 of ring has no way to connector 3"
    rig.bars[TWO].state = BarState.UNSTEADY
    assert "connector 2 is about to start or to end" in rig.begin(4, TWO)
    rig.live(TWO, 100.0)
    assert "module-4 cannot deliver at the 100 V of connector 2" in rig.begin(4, TWO)
    assert rig.contacts[TWO_C].commanded is False
