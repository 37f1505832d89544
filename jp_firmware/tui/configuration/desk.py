"""The editor's desk: what the charger told of its configuration, the draft on it, and how it is looked at.

Pure: it calls nobody. A draft is either edits of keys, or a text that was written by hand; a hand-written text that can
be read is shown in the tree as well, but edited as text, because only there its comments and its order are kept.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable
from typing import Any

import attrs

from jp_firmware.tui.configuration.draft import (
    MISSING,
    Data,
    Difference,
    differences,
    value_at,
    with_item,
    with_old_item,
    with_value,
    without,
)
from jp_firmware.tui.configuration.keys import Catalogue, Parts, key_text, name_of
from jp_firmware.tui.configuration.told import ChangeView, FindingView, InForce, PlanView, VersionView


class Only(enum.Enum):
    """Which keys the tree shows."""

    ALL = "all keys"
    SET = "keys that are set"
    DRAFT = "unsaved changes"


@attrs.frozen
class Sent:
    """A draft as it was sent to the charger; `base` is what it was a draft of."""

    base: Data = attrs.field(repr=False)
    data: Data = attrs.field(repr=False)
    by_hand: str | None
    secrets: dict[str, str] = attrs.field(repr=False)


@attrs.define(eq=False)
class Desk:
    """One terminal's."""

    catalogue: Catalogue = attrs.field(factory=Catalogue)
    in_force: InForce | None = None
    base: Data = attrs.field(factory=dict)  # of the text in force
    data: Data = attrs.field(factory=dict)  # the same with the draft's changes
    by_hand: str | None = None  # a text that was written here
    secrets: dict[str, str] = attrs.field(factory=dict, repr=False)
    plan: PlanView | None = None  # what the charger said of the draft
    checked: int = -1  # the revision that it said it of
    trouble: str = ""  # why it could not say anything
    theirs: VersionView | None = None  # somebody else's version, made while there was a draft here
    opened: set[Parts] = attrs.field(factory=set)
    only: Only = Only.ALL
    as_text: bool = False
    revision: int = 0  # counts what changes the draft
    looks: int = 0  # counts what else changes the tree
    progress: ChangeView | None = None  # of the last change that was under way
    outcome: tuple[str, str] = ("", "text")  # how the change that was asked for here ended, and its role
    _differences: tuple[int, tuple[Difference, ...]] = (-1, ())

    # --- what is on it -----------------------------------------------------------------------------------------------

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All keys and items that the draft changes."""
        if self._differences[0] != self.revision:
            self._differences = (self.revision, tuple(differences(self.base, self.data)))
        return self._differences[1]

    @property
    def count(self) -> int:
        """How many changes wait to be applied; a text whose values are those in force is one."""
        found = len(self.differences) + len(self.secrets)
        return found or int(self.by_hand is not None)

    @property
    def dirty(self) -> bool:
        return self.count > 0

    @property
    def is_checked(self) -> bool:
        """Whether `plan` is about the draft as it is now."""
        return self.plan is not None and self.checked == self.revision

    @property
    def findings(self) -> tuple[FindingView, ...]:
        return () if self.plan is None else self.plan.findings

    @property
    def text(self) -> str:
        """The text as it would be, as far as that is known."""
        if self.by_hand is not None:
            return self.by_hand
        if self.plan is not None and self.dirty:
            return self.plan.text
        return "" if self.in_force is None else self.in_force.text

    @property
    def params(self) -> dict[str, Any]:
        """The draft as the calls `config.check` and `config.apply` take it."""
        what: dict[str, Any] = (
            {"edits": [one.edit for one in self.differences]} if self.by_hand is None else {"text": self.by_hand}
        )
        return what | {"secrets": dict(self.secrets)} if self.secrets else what

    def findings_at(self, parts: Parts) -> list[FindingView]:
        """What there is to say of a key, or of anything below it."""
        return [one for one in self.findings if one.key[: len(parts)] == parts]

    # --- what happens to it ------------------------------------------------------------------------------------------

    def put_in_force(self, told: InForce) -> None:
        """The charger's word. A draft of edits is laid over it; one by hand stands as it is."""
        edits, old = self.differences, self.base
        self.in_force, self.theirs = told, None
        self.base = _data_of(told.text) or {}
        if self.by_hand is None:
            self.data = self.base
            self._lay_all(edits, old)
        self._changed()

    def _lay_all(self, edits: Iterable[Difference], old: Data) -> None:
        for one in edits:
            self._lay(one, old)

    def _lay(self, one: Difference, old: Data) -> None:
        """A change of `old` made again; one whose place is gone is gone too."""
        if one.is_item and one.after is not MISSING:
            if value_at(self.data, one.parts) is MISSING or name_of(one.after) is None:
                self.data = with_item(self.data, one.parts[:-1], one.after)
            else:
                self.data = with_value(self.data, one.parts, one.after)
        elif one.after is MISSING:
            if value_at(self.data, one.parts) is not MISSING:
                self.data = without(self.data, one.parts)
        else:
            above = one.parts[:-1]
            while above and value_at(old, above) is MISSING:
                above = above[:-1]
            if value_at(self.data, above) is not MISSING:
                self.data = with_value(self.data, one.parts, one.after)

    def fold(self, parts: Parts, is_open: bool) -> None:
        """Opens or closes a table, a list or an item in the tree."""
        (self.opened.add if is_open else self.opened.discard)(parts)
        self.looks += 1

    def show(self, parts: Parts) -> None:
        """Opens all that a key stands below."""
        self.only, self.as_text = Only.ALL, False
        for length in range(1, len(parts)):
            self.fold(parts[:length], True)

    def show_only(self, only: Only) -> None:
        self.only = only
        self.looks += 1

    def put(self, parts: Parts, value: Any) -> None:
        self.edit(with_value(self.data, parts, value))

    def edit(self, data: Data) -> None:
        """The draft's data are `data` from now on."""
        self.data = data
        self._changed()

    def put_secret(self, parts: Parts, value: str) -> None:
        self.secrets[key_text(parts)] = value
        self._changed()

    def take_back(self, parts: Parts) -> bool:
        """Undoes what the draft changes at a key or below it. False if that is nothing."""
        if self.secrets.pop(key_text(parts), None) is not None:
            self._changed()
            return True
        concerned = [one for one in self.differences if _touches(one.parts, parts)]
        if not concerned:
            return False
        before = value_at(self.base, parts)
        if any(one.is_item and one.before is not MISSING and one.parts == parts for one in concerned):
            self.edit(with_old_item(self.data, self.base, parts))
        elif before is MISSING:
            self.edit(without(self.data, parts))
        else:
            self.edit(with_value(self.data, parts, before))
        return True

    def write(self, text: str) -> None:
        """The draft is a text from now on."""
        if self.in_force is not None and text == self.in_force.text:
            self.drop()
            return
        self.by_hand = text
        data = _data_of(text)
        if data is not None:
            self.data = data
        self._changed()

    def drop(self) -> None:
        """There is no draft any more."""
        self.by_hand, self.data = None, self.base
        self.secrets.clear()
        self.theirs = None
        self._changed()

    def sent(self) -> Sent:
        """The draft as it is now, before it is sent."""
        return Sent(self.base, self.data, self.by_hand, dict(self.secrets))

    def taken(self, sent: Sent) -> None:
        """What was sent is in force; what was changed here since is a draft on top of it."""
        if not self.dirty:
            return
        self.base, self.theirs = sent.data, None
        if self.by_hand == sent.by_hand:
            self.by_hand = None
        self.secrets = {key: value for key, value in self.secrets.items() if sent.secrets.get(key) != value}
        self._changed()

    def hand_over(self, sent: Sent) -> None:
        """What was sent waits at the charger, and is no draft here any more; what was changed here since is one."""
        if self.by_hand is not None and self.by_hand == sent.by_hand:
            self.by_hand, self.data = None, self.base
        elif self.by_hand is None and self.dirty:
            since, self.data = tuple(differences(sent.data, self.data)), self.base
            self._lay_all(since, sent.data)
        self.secrets = {key: value for key, value in self.secrets.items() if sent.secrets.get(key) != value}
        self._changed()

    def put_back(self, sent: Sent) -> bool:
        """What was handed over is a draft again, below what is one now. False where the two are texts by hand."""
        if self.dirty and (self.by_hand is not None or sent.by_hand is not None):
            return False
        if sent.by_hand is not None:
            self.write(sent.by_hand)
        else:
            mine, self.data = self.differences, self.base
            self._lay_all(differences(sent.base, sent.data), sent.base)
            self._lay_all(mine, self.base)
        self.secrets = sent.secrets | self.secrets
        self._changed()
        return True

    def take_plan(self, plan: PlanView, revision: int) -> None:
        """The charger's word about the draft of that revision."""
        self.plan, self.checked, self.trouble = plan, revision, ""

    def all_done(self) -> None:
        """The change was made: also on the parts of which nothing was heard since they were begun."""
        if self.progress is not None:
            steps = tuple(attrs.evolve(one, state="done") for one in self.progress.steps)
            self.progress = attrs.evolve(self.progress, steps=steps)

    def _changed(self) -> None:
        self.revision += 1


def _touches(changed: Parts, parts: Parts) -> bool:
    """Whether one of them stands at or below the other."""
    length = min(len(changed), len(parts))
    return changed[:length] == parts[:length] and len(changed) >= len(parts)


def _data_of(text: str) -> Data | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):  # no TOML, or a thousand brackets of it: the charger says where and why
        return None
