"""Each disturbance in each step of a move: however it ends, nothing forbidden has happened and nothing is in between.

The rig is the witness of what must not happen; here is said where everything may be once all is in order again.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jp_firmware.planner.orders import Phase
from jp_firmware.planner.world import BarState
from tests.planner.ring_rig import RingRig
from tests.planner.yard_rig import ONE, TWO, Rig, module

PHASES = [Phase.RESERVE, Phase.DRAIN, Phase.OPEN, Phase.WELD_CHECK, Phase.MATCH, Phase.CLOSE]


def switched() -> Rig:
    """Module 1 at connector 1, which module 9 feeds as well; module 2 at connector 2. Both deliver."""
    rig = Rig()
    rig.put(1, ONE)
    rig.put(2, TWO)
    return live(rig)


def ringed() -> Rig:
    """Segment b, of modules 2 and 3, behind segment a at connector 1: it is to go to connector 2. Both deliver."""
    rig = RingRig()
    rig.put(1, ONE)
    rig.put(2, ONE)
    return live(rig)


def live(rig: Rig) -> Rig:
    rig.live(ONE, 400.0)
    rig.live(TWO, 450.0)
    rig.run(1)
    return rig


RIGS = [pytest.param(switched, 1, id="module"), pytest.param(ringed, 2, id="segment")]


def falls_silent(rig: Rig, number: int) -> None:
    rig.racks[module(number)].silent = True


def falls_silent_for_good(rig: Rig, number: int) -> None:
    """Past its own switch-off time at some point of what follows."""
    falls_silent(rig, number)
    rig.run(3)
    rig.racks[module(number)].current_a = 0.0
    rig.off_for_sure.add(module(number))


def reaches_no_voltage(rig: Rig, number: int) -> None:
    rig.racks[module(number)].dead = True


def donor_ends(rig: Rig, _number: int) -> None:
    session_ends(rig, 1)


def receiver_ends(rig: Rig, _number: int) -> None:
    session_ends(rig, 2)


def both_end(rig: Rig, _number: int) -> None:
    rig.bars[ONE].state = rig.bars[TWO].state = BarState.UNSTEADY
    rig.run(2)
    rig.bars[ONE].state = rig.bars[TWO].state = BarState.DEAD


def session_ends(rig: Rig, connector: int) -> None:
    bar = rig.bars[ONE if connector == 1 else TWO]
    bar.state = BarState.UNSTEADY
    rig.run(2)
    bar.state = BarState.DEAD


def receiver_begins_anew(rig: Rig, number: int) -> None:
    receiver_ends(rig, number)
    rig.run(1)
    rig.bars[TWO].state, rig.bars[TWO].held, rig.bars[TWO].voltage_v = BarState.UNSTEADY, True, 500.0
    rig.run(5)
    rig.bars[TWO].held = False
    rig.live(TWO, 380.0)


def other_modules_lost(rig: Rig, number: int) -> None:
    """All that feed the donor but those that move."""
    moving = rig.yard.places[module(number)].modules
    for one, at in rig.member_of.items():
        if at == ONE and one not in moving:
            rig.racks[one].silent = True


def relays_do_not_move(rig: Rig, number: int) -> None:
    for relay in rig.yard.places[module(number)].own:
        rig.contacts[relay].stuck = True


DISTURBANCES = [
    falls_silent,
    falls_silent_for_good,
    reaches_no_voltage,
    donor_ends,
    receiver_ends,
    both_end,
    receiver_begins_anew,
    other_modules_lost,
    relays_do_not_move,
]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name.lower())
@pytest.mark.parametrize("disturb", DISTURBANCES, ids=lambda disturb: disturb.__name__)
@pytest.mark.parametrize(("rig_of", "number"), RIGS)
def test_no_disturbance_in_any_step_does_what_must_not_be(
    rig_of: Callable[[], Rig], number: int, disturb: Callable[[Rig, int], None], phase: Phase
) -> None:
    rig = rig_of()
    assert rig.begin(number, TWO) == ""
    rig.until(phase, number)
    disturb(rig, number)
    rig.run(20)
    put_right(rig)
    rig.settle(within_s=120.0)
    rig.run(1)

    place = rig.yard.places[module(number)]
    assert rig.crimes == []
    assert place.at in (ONE, TWO, None)
    closed = {relay for relay, contact in rig.contacts.items() if contact.closed}
    assert closed == {relay for one in rig.yard.groups if one.path for relay in one.path.relays}
    if place.at is None:
        assert {rig.racks[one].told_v for one in place.modules} == {None}
        assert {rig.racks[one].serving for one in place.modules} == {None}


def put_right(rig: Rig) -> None:
    for contact in rig.contacts.values():
        contact.stuck = False
    for rack in rig.racks.values():
        rack.silent = rack.dead = False
    rig.off_for_sure.clear()
