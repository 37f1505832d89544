"""What went wrong in a move, told: which relay or module, what was seen, and what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jp_firmware.planner.orders import LOCKED_OUT, NOT_MOVED, Problem, named
from jp_firmware.planner.topology import Relay
from jp_firmware.planner.world import Bar, GroupSeen

if TYPE_CHECKING:
    from jp_firmware.planner.moves import Move


def did_not_let_go(move: Move, seen: GroupSeen, since_s: float) -> Problem:
    """A module of it is not unloaded in time."""
    module, one = next(
        (key, one) for key, one in zip(move.modules, seen.modules, strict=True) if not one.unloaded(move.terms, since_s)
    )
    flows = "its current is not known" if one.current_a is None else f"{one.current_a:.1f} A still flow"
    return Problem(
        NOT_MOVED,
        f"{module} did not let go of connector {move.donor} within {move.terms.drain_s:g} s: {flows}. "
        f"{_it(move)} stays there; see the module's own faults",
    )


def does_not_answer(move: Move, seen: GroupSeen) -> Problem:
    """Nobody says what voltage stands at it."""
    each = zip(move.modules, seen.modules, strict=True)
    silent = next((key for key, one in each if one.voltage_v is None and not one.off), move.modules[0])
    return Problem(NOT_MOVED, f"{silent} does not answer, so its relays cannot be checked. {_it(move)} is idle")


def does_not_report_off(move: Move) -> Problem:
    """Its relay waits for a current that may still flow."""
    return Problem(
        NOT_MOVED, f"{move.name} does not report off, so its relay is not opened under it. See {_faults(move)}"
    )


def did_not_match(move: Move, bar: Bar, seen: GroupSeen) -> Problem:
    """Its voltage is not the receiver's in time."""
    wanted_v = bar.voltage_v or 0.0
    stand_v = [one.voltage_v for one in seen.matching if one.voltage_v is not None]
    worst_v = max(stand_v, key=lambda each_v: abs(each_v - wanted_v), default=None)
    stands = "is not known" if worst_v is None else f"is {worst_v:.0f} V"
    return Problem(
        NOT_MOVED,
        f"{move.name} did not come to the {wanted_v:.0f} V of connector {move.receiver}: its voltage {stands}. "
        f"It is idle; see {_faults(move)}",
    )


def did_not_close(move: Move, relay: Relay) -> Problem:
    """A relay was told to."""
    return Problem(
        NOT_MOVED,
        f"{named([relay])} was told to close, and its feedback says open after {move.terms.follow_s:g} s. "
        f"{move.name} is idle: check the relay's coil, supply and feedback contact",
    )


def did_not_open(move: Move, relay: Relay) -> Problem:
    """A relay was told to."""
    return _locked_out(move, f"{named([relay])} was told to open, and its feedback says closed")


def seems_welded(move: Move, relay: Relay | None, connector: int, voltage_v: float) -> Problem:
    """A voltage stands where none should. `relay` is None where it could be any."""
    which = named([relay]) if relay else "each of its relays"
    return _locked_out(
        move, f"{which} reads open, but {voltage_v:.0f} V, the voltage of connector {connector}, stand at {move.name}"
    )


def _locked_out(move: Move, what: str) -> Problem:
    released = "the module" if len(move.modules) == 1 else " or ".join(move.modules)
    return Problem(
        LOCKED_OUT,
        f"{what}. {move.name} is off and locked out: test the relay and its feedback contact with the charger "
        f"de-energised, then release {released}",
    )


def _it(move: Move) -> str:
    return "It" if len(move.modules) == 1 else move.name.capitalize()


def _faults(move: Move) -> str:
    return "its own faults" if len(move.modules) == 1 else "the faults of its modules"
