"""Which of its two output ranges a module is in, and shall be in for a session. Pure: no I/O, no clock of its own.

A range is selected with the output off and rests before and after (profile). It is chosen once, by the car's maximum
voltage, and never while the module is on: a change in delivery would be a gap of seconds. What the module reports
decides what it can do, never what it was told.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.modules.driver import ModuleProfile, Ranges, Semantics

TRIES = 3
"""Times a range is selected before the module counts as stuck in the other one (ours)."""


def _word(high: bool) -> str:
    return "high" if high else "low"


@attrs.define(eq=False)
class RangeChoice:
    """One module's ranges. `reported` is the module's own word on its present one, None where it says nothing."""

    profile: ModuleProfile
    semantics: Semantics
    wanted_high: bool | None = None  # for the session; None: either will do
    stuck: str = ""  # what a person should read, until the module has followed
    _selected_high: bool | None = None  # last told, for families that do not report
    _tries: int = 0
    _settled_at_s: float = -math.inf
    _kept: bool = False  # it was on since the choice: no change any more

    @property
    def is_switchable(self) -> bool:
        return self.semantics.ranges is Ranges.WHILE_OFF and self.profile.low_range_max_voltage_v > 0

    def choose(self, max_voltage_v: float | None) -> None:
        """For a car that bears `max_voltage_v`; None for no car."""
        if not self.is_switchable or max_voltage_v is None:
            self.wanted_high = None
        else:
            self.wanted_high = max_voltage_v > self.profile.low_range_max_voltage_v
        self.begin_again()

    def begin_again(self) -> None:
        """The module is off and may have forgotten its range."""
        self._tries, self._kept = 0, False

    def switched_on(self) -> None:
        """What it has now, it keeps for this session."""
        self._kept = True

    def present_high(self, reported: bool | None) -> bool | None:
        return self._selected_high if reported is None else reported

    def to_select(self, reported: bool | None, off_since_s: float, now_s: float) -> bool | None:
        """The range to select now (True is high), or None. To be told with `selected`."""
        if not self._must_change(reported) or self._tries >= TRIES:
            return None
        return self.wanted_high if now_s >= self.next_at_s(off_since_s) else None

    def next_at_s(self, off_since_s: float) -> float:
        """When something may change next."""
        return max(self._settled_at_s, off_since_s + self.profile.range_settle_s)

    def selected(self, high: bool, now_s: float) -> None:
        seen_s = 2 * self.profile.poll_status_s  # nothing is judged before it could report the change
        self._selected_high, self._settled_at_s = high, now_s + max(self.profile.range_settle_s, seen_s)
        self._tries += 1

    def is_settling(self, reported: bool | None, now_s: float) -> bool:
        """Whether it waits for its range, so that it must not be switched on, and is not to blame for it."""
        if self.wanted_high is None or self._kept:
            return False
        waiting = now_s < self._settled_at_s
        return waiting or (self._must_change(reported) and self._tries < TRIES)

    def is_unfit(self, reported: bool | None) -> bool:
        """Whether it cannot serve this session: its range ends below the car's voltage."""
        return self.wanted_high is True and self.present_high(reported) is False

    def judge(self, reported: bool | None, now_s: float) -> None:
        """Notes a mismatch that no further selecting will end, until the module has followed once."""
        if self.wanted_high is None or now_s < self._settled_at_s:
            return
        present = self.present_high(reported)
        if present is self.wanted_high:
            self.stuck = ""
        elif present is not None and (self._tries >= TRIES or self._kept):
            self.stuck = (
                f"stays in its {_word(present)} range, the {_word(self.wanted_high)} one was chosen while it was off"
            )

    def _must_change(self, reported: bool | None) -> bool:
        return self.wanted_high is not None and not self._kept and self.present_high(reported) is not self.wanted_high
