"""The assignment of whole modules to connectors: pure, over a described topology.

`assign` answers one question, `plan_modules` brings it together with the continuous share, `losses` looks ahead.
"""

from jp_firmware.planner.assignment.assigning import Assigned, assign
from jp_firmware.planner.assignment.outlook import Loss, losses
from jp_firmware.planner.assignment.problem import Efficiency, Situation, Wiring
from jp_firmware.planner.assignment.sharing import ModulePlan, plan_modules
from jp_firmware.planner.assignment.wear import Wear

__all__ = [
    "Assigned",
    "Efficiency",
    "Loss",
    "ModulePlan",
    "Situation",
    "Wear",
    "Wiring",
    "assign",
    "losses",
    "plan_modules",
]
