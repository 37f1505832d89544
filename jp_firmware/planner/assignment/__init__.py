"""The assignment of whole modules to connectors: pure, over a described topology.

`assign` answers one question, `plan_modules` brings it together with the continuous share (`Choice` where somebody else
does that), `losses` looks ahead.
"""

from jp_firmware.planner.assignment.effort import Effort
from jp_firmware.planner.assignment.module_plan import Choice, ModulePlan, plan_modules
from jp_firmware.planner.assignment.outlook import Loss, losses
from jp_firmware.planner.assignment.owners import Assigned, assign
from jp_firmware.planner.assignment.problem import Efficiency, Situation, Wiring
from jp_firmware.planner.assignment.wear import locked_by_wear

__all__ = [
    "Assigned",
    "Choice",
    "Efficiency",
    "Effort",
    "Loss",
    "ModulePlan",
    "Situation",
    "Wiring",
    "assign",
    "locked_by_wear",
    "losses",
    "plan_modules",
]
