"""What the charger tells of its configuration, read into typed values: the topic `config`, and the calls' answers.

As tolerant as `snapshot`. Values of keys stay what JSON says; texts come out fit for the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from jp_firmware.tui.configuration.entry import shown
from jp_firmware.tui.configuration.keys import Parts, parts_of
from jp_firmware.tui.text import clean
from jp_firmware.tui.told import (
    Json,
    count_of,
    flag_of,
    number_of,
    numbers_of,
    object_of,
    objects_of,
    text_of,
    texts_of,
    time_of,
)


@attrs.frozen(kw_only=True)
class VersionView:
    """Who made a version, when, why and from where."""

    number: int
    at: datetime | None
    who: str
    why: str
    origin: str
    confirmed: bool = True
    keys: tuple[str, ...] = ()  # that it changed

    @classmethod
    def read(cls, raw: Json) -> VersionView:
        return cls(
            number=count_of(raw, "version"),
            at=time_of(raw, "at"),
            who=text_of(raw, "who"),
            why=text_of(raw, "why"),
            origin=text_of(raw, "origin"),
            confirmed=flag_of(raw, "confirmed") is not False,
            keys=texts_of(raw, "keys"),
        )


@attrs.frozen(kw_only=True)
class UnconfirmedView:
    """A version that is undone at `ends_at_s` (monotonic) unless somebody confirms it; None: the end is not known."""

    version: int
    previous: int
    ends_at_s: float | None
    keys: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class StepView:
    """One part that a change touches: how, the sessions it ends or reduces, and how far it is."""

    path: str
    how: str
    state: str
    ends: tuple[int, ...]
    reduces: tuple[int, ...]

    @classmethod
    def read(cls, raw: Json) -> StepView:
        return cls(
            path=text_of(raw, "path"),
            how=text_of(raw, "how"),
            state=text_of(raw, "state"),
            ends=numbers_of(raw, "ends"),
            reduces=numbers_of(raw, "reduces"),
        )


@attrs.frozen(kw_only=True)
class ChangeView:
    """A change that is being made, or that waits. `id` is its name until the charger starts anew."""

    id: str
    state: str
    who: str
    why: str
    base: int  # the version that it is made to
    waits_for: tuple[int, ...]
    keys: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()

    @classmethod
    def read(cls, raw: Json) -> ChangeView:
        return cls(
            id=text_of(raw, "id"),
            state=text_of(raw, "state"),
            who=text_of(raw, "who"),
            why=text_of(raw, "why"),
            base=count_of(raw, "base"),
            waits_for=numbers_of(raw, "waits_for"),
            keys=texts_of(raw, "keys"),
            steps=tuple(StepView.read(one) for one in objects_of(raw, "steps")),
        )

    def is_same(self, other: ChangeView) -> bool:
        """However far it is. A charger that starts anew gives the names once more, to other changes."""
        return (self.id, self.who, self.why) == (other.id, other.who, other.why)


@attrs.frozen(kw_only=True)
class EndedView:
    """How the last change ended that was over; `why` is the reason that it was not made for."""

    id: str
    who: str
    is_made: bool
    why: str

    @classmethod
    def read(cls, raw: Json) -> EndedView:
        return cls(
            id=text_of(raw, "id"),
            who=text_of(raw, "who"),
            is_made=text_of(raw, "result") == "applied",
            why=text_of(raw, "why"),
        )

    def is_of(self, change: ChangeView) -> bool:
        return (self.id, self.who) == (change.id, change.who)


@attrs.frozen(kw_only=True)
class ConfigView:
    """The topic `config`: `change` is the one that is being made, `waiting` the one that is made later by itself."""

    version: VersionView
    unconfirmed: UnconfirmedView | None
    change: ChangeView | None
    waiting: ChangeView | None
    last_change: EndedView | None

    @classmethod
    def read(cls, raw: Json, at_s: float) -> ConfigView:
        """`at_s` is when it was heard (monotonic)."""
        unconfirmed, change, last = (object_of(raw, one) for one in ("unconfirmed", "change", "last_change"))
        waiting = object_of(raw, "waiting")
        ends_in_s = number_of(unconfirmed, "ends_in_s")
        not_for_good = UnconfirmedView(
            version=count_of(unconfirmed, "version"),
            previous=count_of(unconfirmed, "previous"),
            ends_at_s=None if ends_in_s is None else at_s + ends_in_s,
            keys=texts_of(unconfirmed, "keys"),
        )
        return cls(
            version=VersionView.read(raw),
            unconfirmed=not_for_good if unconfirmed else None,
            change=ChangeView.read(change) if change and text_of(change, "state") != "waiting" else None,
            waiting=ChangeView.read(waiting) if waiting else None,
            last_change=EndedView.read(last) if last else None,
        )

    def tells_of(self, change: ChangeView) -> bool:
        """Whether it waits, or is being made."""
        return any(one is not None and one.is_same(change) for one in (self.waiting, self.change))


@attrs.frozen(kw_only=True)
class ValueView:
    """One key in force. `source`: "file", "default", "command line" or "secret"; a secret only says if it `is_set`."""

    value: Any
    source: str
    is_set: bool


@attrs.frozen(kw_only=True)
class InForce:
    """The answer to `config.values`."""

    version: VersionView
    path: str
    text: str
    values: Mapping[Parts, ValueView]

    @classmethod
    def read(cls, raw: Json) -> InForce:
        text = raw.get("text")
        return cls(
            version=VersionView.read(raw),
            path=text_of(raw, "path"),
            text=text if isinstance(text, str) else "",
            values={
                parts_of(str(one.get("key"))): ValueView(
                    value=one.get("value"), source=text_of(one, "source"), is_set=flag_of(one, "set") is True
                )
                for one in objects_of(raw, "values")
            },
        )


@attrs.frozen(kw_only=True)
class FindingView:
    """Something wrong or doubtful in a text. `line` counts from 1; 0 is the command line."""

    is_error: bool
    line: int
    key: Parts
    text: str
    rule: str

    @classmethod
    def read(cls, raw: Json) -> FindingView:
        return cls(
            is_error=text_of(raw, "severity") == "error",
            line=count_of(raw, "line"),
            key=parts_of(text_of(raw, "key")) if text_of(raw, "key") else (),
            text=text_of(raw, "text"),
            rule=text_of(raw, "rule"),
        )


@attrs.frozen(kw_only=True)
class PlanView:
    """The answer to `config.check`: what a draft would change, and what that would take.

    `beside` is the name of another change, one that waits already.
    """

    findings: tuple[FindingView, ...]
    changes: tuple[str, ...]  # in words, one each
    steps: tuple[StepView, ...]
    waits_for: tuple[int, ...]
    role: str
    confirm_s: float
    text: str
    beside: str = ""

    @classmethod
    def read(cls, raw: Json) -> PlanView:
        text = raw.get("text")
        return cls(
            findings=tuple(FindingView.read(one) for one in objects_of(raw, "findings")),
            changes=tuple(_change(one) for one in objects_of(raw, "changes")),
            steps=tuple(StepView.read(one) for one in objects_of(raw, "steps")),
            waits_for=numbers_of(raw, "waits_for"),
            role=text_of(raw, "role"),
            confirm_s=number_of(raw, "confirm_s") or 0.0,
            text=text if isinstance(text, str) else "",
            beside=text_of(raw, "beside"),
        )

    @property
    def errors(self) -> int:
        return sum(one.is_error for one in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors

    @property
    def restarts_all(self) -> bool:
        """Whether everything starts anew, the console's own link with it."""
        return any(one.path == "controller" and one.how == "restart child" for one in self.steps)


def _change(raw: Json) -> str:
    """In this terminal's way of writing values where it is one that changes; else in the charger's words."""
    before, after = raw.get("before"), raw.get("after")
    if raw.get("what") != "value" or before == after:
        return text_of(raw, "text")
    return f"{text_of(raw, 'key')}: {shown(before)} → {shown(after)}"


@attrs.frozen(kw_only=True)
class DifferenceView:
    """The answer to `config.diff`, and what an outdated change is told: key by key, and as lines."""

    changes: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def read(cls, raw: Json) -> DifferenceView:
        difference = raw.get("difference")
        lines = difference.splitlines() if isinstance(difference, str) else []
        return cls(changes=texts_of(raw, "changes"), lines=tuple(clean(one) for one in lines))
