"""What a rule is: an id that is never given twice, why it matters to whoever stands before the charger, and a check.

A rule's check is pure but for the profiles that it looks up, and sound for any cabinet whose keys have their types: a
name that leads nowhere is the mistake of one rule, and nothing to the others.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from jp_firmware.config.lint.ratings_of import ModuleType, module_type
from jp_firmware.config.lint.reach import reached_from
from jp_firmware.config.schema import Cabinet, Module
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import StageRating


class Severity(enum.StrEnum):
    """What becomes of a configuration with such a finding."""

    ERROR = "error"  # it is not taken
    WARNING = "warning"  # it is taken, and whoever wrote it should look again


@attrs.frozen(kw_only=True, eq=False)
class Subject:
    """What rules look at: a cabinet, and what its text says without overrides and secrets."""

    cabinet: Cabinet
    written: Mapping[str, Any] = attrs.field(factory=dict)

    @cached_property
    def module_types(self) -> Mapping[str, ModuleType]:
        """What is known of the types of its modules, by profile. One without a file or ratings is left out."""
        found = {profile: module_type(profile) for profile in {one.profile for one in self.cabinet.modules}}
        return {profile: one for profile, one in found.items() if one}

    @cached_property
    def reach(self) -> Mapping[ConnectorId, tuple[Module, ...]]:
        """The modules that can come to feed each connector."""
        return reached_from(self.cabinet)

    def rating_of(self, connector: ConnectorId) -> StageRating | None:
        """What all modules together that can come to a connector give; None if one of them is not known, or none is."""
        known = [self.module_types.get(one.profile) for one in self.reach[connector]]
        ratings = [one.rating for one in known if one]
        return StageRating.together(ratings) if ratings and len(ratings) == len(known) else None

    def says(self, path: KeyPath) -> bool:
        """Whether the text itself gives a key, or leaves it at its default."""
        at: Any = self.written
        for step in path:
            try:
                at = at[step]
            except (LookupError, TypeError):
                return False
        return True


Check: TypeAlias = Callable[[Subject], Iterable[Mistake]]


@attrs.frozen(kw_only=True)
class Explained:
    """What is told of a rule, whatever it looks at."""

    id: str
    title: str  # what is wrong, in a few words
    reason: str  # why it matters, in a sentence or two
    fix: str
    severity: Severity = Severity.ERROR


@attrs.frozen(kw_only=True)
class Rule(Explained):
    """One that follows from the configuration alone."""

    check: Check

    def mistakes(self, subject: Subject) -> Iterator[Mistake]:
        """What breaks it, each with its id."""
        for one in self.check(subject):
            yield attrs.evolve(one, rule=self.id)


def of_cabinet(*checks: Callable[[Cabinet], Iterable[Mistake]]) -> Check:
    """The check that makes several, each of which needs the cabinet alone."""

    def check(subject: Subject) -> Iterator[Mistake]:
        for one in checks:
            yield from one(subject.cabinet)

    return check
