"""Rules about what a charger is made as: the board that the controller runs on, and the brand it stands under."""

from __future__ import annotations

from jp_firmware.config.brought import board, brand
from jp_firmware.config.lint.rule import Rule, Severity, of_cabinet

MAKER = (
    Rule(
        id="RULE-75",
        title="A board that nobody has described",
        reason="What the cabinet asks of its board is compared with the board's profile; without it nothing is.",
        fix="Name one of the boards' profiles, or leave board.profile empty.",
        check=of_cabinet(board.known),
    ),
    Rule(
        id="RULE-76",
        title="More serial wires than the board has RS-485 ports",
        reason="A wire without a port of the board can never be opened, unless an adapter carries it.",
        fix="Count the adapters in board.added_rs485, or take another board.",
        severity=Severity.WARNING,  # counts of boards are in part inferred, and adapters come and go
        check=of_cabinet(board.rs485_ports),
    ),
    Rule(
        id="RULE-77",
        title="More CAN wires than the board has interfaces",
        reason="A wire without an interface of the board can never be opened, unless an adapter carries it.",
        fix="Count the adapters in board.added_can, or take another board.",
        severity=Severity.WARNING,
        check=of_cabinet(board.can_interfaces),
    ),
    Rule(
        id="RULE-78",
        title="A brand that cannot be shown",
        reason="Screens show the brand's name, logo and colours; one that is not there would leave them empty.",
        fix="Name one of the brands' profiles, a logo that stands beside it, and colours as #rrggbb.",
        check=of_cabinet(brand.mistakes),
    ),
)
