"""The last refinement: of plans with equally many moves, the one whose modules work where they are efficient.

A module that would be released may stay where it is, and an idle module may join in place of another one: neither is a
move more. Both only for a gain that is worth it, so that the plan does not follow the last tenth of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence

from jp_firmware.planner.assignment.division import Division
from jp_firmware.planner.assignment.problem import NOBODY, TINY_W, Efficiency, Net, Problem

WORTH_IT = 0.005  # of the power delivered (facts: gain above 0.5 %)


def refine(problem: Problem, net: Net, owner: Sequence[int], curve: Efficiency) -> list[int]:
    """The owners after the refinement. Nobody is served worse, nothing moves that did not, none moves more."""
    division = Division.of(problem, net, owner)
    for connector in problem.connectors:
        if problem.target_w[connector] > 0 and not division.is_short(connector):
            _choose_among_idle(division, connector, curve)
            _hold_what_is_there(division, connector, curve)
    return division.owner


def _efficiency(division: Division, connector: int, curve: Efficiency, change_w: float = 0.0) -> float:
    capacity_w = division.capacity_w[connector] + change_w
    load = min(1.0, division.problem.target_w[connector] / capacity_w)
    return curve(division.problem.voltage_v[connector], load)


def _hold_what_is_there(division: Division, connector: int, curve: Efficiency) -> None:
    """Keeps all that is there, then releases one after the other while keeping it is not worth it."""
    problem = division.problem
    there = [
        module
        for module in sorted(division.reaches[connector])
        if problem.present[module] == connector and division.owner[module] == NOBODY
    ]
    held = [module for module in there if division.fits(module, connector)]
    for module in held:
        division.put(module, connector)
    for module in sorted(held, key=lambda each: (-problem.gives_w[each][connector], each)):
        without = _efficiency(division, connector, curve, -problem.gives_w[module][connector])
        if _efficiency(division, connector, curve) - without <= WORTH_IT:
            division.put(module, NOBODY)


def _choose_among_idle(division: Division, connector: int, curve: Efficiency) -> None:
    """Replaces a module that joins from idle by another idle one, once each, if the load suits that one better."""
    problem = division.problem
    joining = [
        module
        for module in sorted(division.reaches[connector])
        if division.owner[module] == connector and problem.present[module] == NOBODY
    ]
    for module in joining:
        now = _efficiency(division, connector, curve)
        best, best_gain = NOBODY, WORTH_IT
        for instead in sorted(division.reaches[connector]):
            change_w = problem.gives_w[instead][connector] - problem.gives_w[module][connector]
            is_idle = division.owner[instead] == NOBODY and problem.present[instead] == NOBODY
            still_served = division.capacity_w[connector] + change_w >= problem.target_w[connector] - TINY_W
            if is_idle and still_served and division.fits(instead, connector):
                gain = _efficiency(division, connector, curve, change_w) - now
                if gain > best_gain:
                    best, best_gain = instead, gain
        if best != NOBODY:
            division.put(module, NOBODY)
            division.put(best, connector)
