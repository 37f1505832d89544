"""What may not begin, and moves that wait for their time."""

from __future__ import annotations

from jp_firmware.planner.orders import Phase
from jp_firmware.planner.topology import Carrier, Carrying, Relay
from jp_firmware.planner.world import BarState, Terms
from tests.planner.yard_rig import BRIDGE, LEFT, ONE, RIGHT, THREE, TWO, Rig, module, two_live

R3, R4 = Relay(LEFT, 3), Relay(LEFT, 4)


def test_what_may_not_begin_is_refused_with_the_reason() -> None:
    rig = two_live()
    assert "it is wired to its connector" in rig.begin(9, TWO)
    assert "has no way to connector 2" in rig.begin(3, TWO)
    assert "is at connector 1 already" in rig.begin(1, ONE)
    assert "module-2 is the last module of connector 2, which is delivering" in rig.begin(2, ONE)
    rig.bars[THREE].state = BarState.UNSTEADY
    assert "connector 3 is about to start or to end" in rig.begin(1, THREE)
    rig.live(THREE, 100.0)
    assert "cannot deliver at the 100 V of connector 3" in rig.begin(1, THREE)
    rig.racks[module(1)].silent = True
    assert "module-1 is not usable" in rig.begin(1, TWO)
    rig.tripped |= {RIGHT}
    assert "plc-2 does not let relays close now" in rig.begin(1, THREE)
    rig.lost |= {RIGHT}
    assert "plc-2 is not heard" in rig.begin(1, THREE)
    assert rig.yard.moves == []


def test_one_move_at_a_time_touches_a_connector_and_others_go_on_beside_it() -> None:
    rig = two_live()
    assert rig.begin(1, TWO) == ""
    assert rig.begin(3, THREE) == ""
    assert "module-1 is being moved" in rig.begin(2, ONE)
    rig.settle()

    assert (rig.place(1), rig.place(3)) == (TWO, THREE)
    assert rig.crimes == []


def test_a_bridge_is_one_connectors_at_a_time_and_carries_no_more_than_it_can() -> None:
    rig = Rig()
    rig.put(1, THREE)
    assert "bridge bridge is used by connector 3" in rig.begin(3, ONE)
    rig.put(2, THREE)
    rig.yard.carrying = Carrying(carriers={BRIDGE: Carrier("bridge bridge", 150)})
    rig.begin(1, None, counts=False)
    rig.settle()

    assert rig.begin(1, THREE, counts=False) == "bridge bridge carries 150 A, and 200 A could be on it"
    rig.live(THREE, 400.0)
    rig.run(1)
    assert rig.begin(1, THREE, counts=False) == "", "at 400 V they give 75 A each"
    rig.settle()
    assert rig.crimes == []


def test_a_bridge_on_which_a_module_may_hang_by_any_of_its_relays_is_nobody_elses() -> None:
    rig = Rig()
    rig.put(1, THREE)
    over = Relay(RIGHT, 5)
    rig.contacts[over].closed = rig.contacts[over].stuck = True
    rig.contacts[over].lies = False
    rig.live(THREE, 400.0)
    rig.run(0.2)
    assert rig.begin(2, ONE) == ""
    rig.settle()
    assert rig.ended[-1].phase is Phase.LOCKED_OUT, "nobody can say which relay of it is welded"
    rig.bars[THREE].state = BarState.DEAD
    rig.run(2)
    assert rig.begin(1, None, counts=False) == ""
    rig.settle()

    assert "module-2 is locked out at bridge bridge" in rig.begin(3, ONE, counts=False)


def test_a_module_stays_for_its_dwell_and_its_relay_open_for_its_time() -> None:
    rig = two_live()
    rig.begin(1, TWO)
    rig.settle()
    assert "module-1 has just been moved, and stays for" in rig.begin(1, ONE)
    rig.run(61)
    rig.begin(1, None)
    rig.settle()
    rig.yard.terms = Terms(dwell_s=0.0)
    assert "R4 of plc-1 has just opened, and stays open for" in rig.begin(1, TWO)
    rig.run(11)

    assert rig.begin(1, TWO) == ""


def test_a_module_moves_no_more_often_in_an_hour_than_it_may() -> None:
    rig = Rig(terms=Terms(dwell_s=0.0, min_off_s=0.0, moves_per_hour=2))
    for to in (ONE, TWO):
        assert rig.begin(1, to) == ""
        rig.settle()
    assert "module-1 was moved 2 times within the hour, and may be 2 times" in rig.begin(1, ONE)
    rig.now_s += 3600.0
    rig.run(0.1)

    assert rig.begin(1, ONE) == ""


def test_a_board_without_that_relay_is_told_by_the_map_it_speaks() -> None:
    rig = Rig()
    world = rig.world()
    old = {
        board: type(seen)(heard=True, may_close=True, relays=frozenset({3, 4})) for board, seen in world.boards.items()
    }
    world = type(world)(now_s=world.now_s, modules=world.modules, bars=world.bars, boards=old)

    assert rig.yard.refusal(module(2), ONE, world).startswith("plc-1 has no R5: update the board")


def test_a_module_that_was_locked_out_is_released_when_its_relays_read_open() -> None:
    rig = two_live()
    rig.contacts[R3].stuck = True
    rig.begin(1, TWO)
    rig.settle()
    assert rig.yard.release(module(1), rig.world()) == "R3 of plc-1 does not read open"
    rig.contacts[R3].stuck = False
    rig.run(0.2)

    assert rig.yard.release(module(1), rig.world()) == ""
    assert rig.yard.release(module(1), rig.world()) == "module-1 is not locked out"


def test_a_relay_that_joins_no_two_connectors_costs_no_more_than_its_module() -> None:
    rig = Rig()
    rig.put(1, ONE)
    elsewhere = Relay(LEFT, 5)
    assert {R3, R4, elsewhere, BRIDGE} <= rig.yard.contained(rig.world())

    rig.contacts[elsewhere].lies = True  # of an idle module
    rig.contacts[R4].lies = True
    contained = rig.yard.contained(rig.world())
    assert elsewhere in contained
    assert not {R3, R4} & contained, "both connectors hang on module 1"

    rig.contacts[R3].lies = False  # as if it fell open: what is left joins nothing
    rig.tick()
    rig.settle()
    assert {R3, R4} <= rig.yard.contained(rig.world())
