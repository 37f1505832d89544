"""One kind of signal: a value with its age and quality, one owner, any number of readers.

Stale is a value of its own: a reader asks for `fresh()` and gets `None` when the value is too old or bad.
Zero never stands for "unknown", and the last good number is never dressed as fresh.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


class Quality(enum.Enum):
    """How much a signal's value may be trusted."""

    GOOD = "good"
    STALE = "stale"  # the source went quiet: the value is the last one known
    BAD = "bad"  # the source speaks, but what it says is outside physics
    MISSING = "missing"  # nothing was ever heard


@attrs.frozen
class Signal(Generic[T]):
    """A value as its owner last knew it. `at_s` is monotonic time of the evidence, not of the publishing."""

    value: T | None = None
    at_s: float = -math.inf
    quality: Quality = Quality.MISSING

    def age_s(self, now_s: float) -> float:
        """Seconds since the evidence; infinite if there never was any."""
        return now_s - self.at_s

    def fresh(self, now_s: float, within_s: float) -> T | None:
        """The value if it is good and no older than `within_s`, else None."""
        if self.quality is Quality.GOOD and self.age_s(now_s) <= within_s:
            return self.value
        return None


@attrs.define(eq=False)
class Source(Generic[T]):
    """The one place a signal is written. Readers take `signal`; those who must act at once subscribe.

    Listeners are called inside `publish`, synchronously, in the order of their subscription. They must return
    quickly, must not raise, and must not publish to the same source.
    """

    owner: str
    signal: Signal[T] = attrs.field(factory=Signal)
    _listeners: list[Callable[[], None]] = attrs.field(factory=list, repr=False)

    def publish(self, value: T, at_s: float) -> None:
        """A fresh and plausible value was seen at `at_s`."""
        self._set(Signal(value, at_s, Quality.GOOD))

    def degrade(self, quality: Quality) -> None:
        """The value may no longer be trusted. Its time stays that of the last evidence."""
        if self.signal.quality is not quality:
            self._set(attrs.evolve(self.signal, quality=quality))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each change; returns the function that ends the subscription."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def fresh(self, now_s: float, within_s: float) -> T | None:
        """Shorthand for `signal.fresh`."""
        return self.signal.fresh(now_s, within_s)

    def _set(self, signal: Signal[T]) -> None:
        self.signal = signal
        for listener in tuple(self._listeners):
            listener()
