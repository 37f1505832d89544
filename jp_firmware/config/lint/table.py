"""All rules, in the order of their ids."""

from __future__ import annotations

from collections.abc import Mapping

from jp_firmware.config.lint.central import CENTRAL
from jp_firmware.config.lint.contactors import CONTACTORS
from jp_firmware.config.lint.fit import FIT
from jp_firmware.config.lint.groups import GROUPS
from jp_firmware.config.lint.hardware import HARDWARE_RULES
from jp_firmware.config.lint.limits import LIMITS
from jp_firmware.config.lint.maker import MAKER
from jp_firmware.config.lint.people import PEOPLE
from jp_firmware.config.lint.ratings import RATINGS
from jp_firmware.config.lint.rule import Explained, Rule, Severity, Subject
from jp_firmware.config.structure import Mistake

RULES: tuple[Rule, ...] = (*FIT, *GROUPS, *LIMITS, *RATINGS, *CONTACTORS, *PEOPLE, *CENTRAL, *MAKER)
EXPLAINED: Mapping[str, Explained] = {one.id: one for one in (*RULES, *HARDWARE_RULES)}


def broken(subject: Subject) -> list[Mistake]:
    """What breaks a rule, each with the rule's id."""
    return [mistake for rule in RULES for mistake in rule.mistakes(subject)]


def severity_of(mistake: Mistake) -> Severity:
    """Its rule's; what has no rule is an error."""
    rule = EXPLAINED.get(mistake.rule)
    return rule.severity if rule else Severity.ERROR
