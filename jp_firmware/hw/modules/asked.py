"""What one module is asked, and when: its output, its condition, and until it has said so what it can and who it is.

A question is a poll: the bus sends it when there is room. Nothing waits for an answer; whether what was heard is still
fresh is asked here too, since it is a matter of how often the questions go out.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.modules.driver import (
    BusCodec,
    BusVoltage,
    Condition,
    Frames,
    Identity,
    Measured,
    ModuleCodec,
    ModuleProfile,
    Rated,
)
from jp_firmware.hw.modules.heard import Heard

MISSED_ANSWERS = 3
"""Missed answers after which the last measurement is no longer believed; well inside every watchdog (ours)."""

IDENTITY_TRIES = 5
"""Times a module is asked who it is after each start, if it does not say (ours)."""


@attrs.define(eq=False)
class Asked:
    """The questions to one module. `resting` is a module that is off by its own word: it is asked less often."""

    _codec: ModuleCodec
    _profile: ModuleProfile
    _bus: CanBus
    _heard: Heard
    _output_at_s: float = -math.inf  # when the next question is due
    _condition_at_s: float = -math.inf
    _identity_tries: int = 0

    def begin(self, now_s: float) -> None:
        """A new start: all is asked anew."""
        self._identity_tries = 0
        self.hurry(now_s)
        self.hurry_condition(now_s)

    def hurry(self, now_s: float) -> None:
        """The output is asked for now: something has changed."""
        self._output_at_s = now_s

    def hurry_condition(self, now_s: float) -> None:
        self._condition_at_s = now_s

    @property
    def next_at_s(self) -> float:
        return min(self._output_at_s, self._condition_at_s)

    def act(self, now_s: float, *, resting: bool) -> None:
        """Asks what is due. Raises `WireDown`."""
        if now_s >= self._output_at_s:
            self.output(now_s, resting=resting)
        if now_s >= self._condition_at_s:
            self.condition(now_s)
            if resting:
                self._bus_voltage(now_s)

    def output(self, now_s: float, *, resting: bool) -> None:
        """Raises `WireDown`."""
        self._heard.asked(Measured, now_s)
        self._output_at_s = now_s + self._output_period_s(resting)
        self._poll(self._codec.ask_output())

    def condition(self, now_s: float) -> None:
        """Raises `WireDown`."""
        self._heard.asked(Condition, now_s)
        self._condition_at_s = now_s + self._profile.poll_status_s
        self._poll(self._codec.ask_condition())
        if not self._heard.rated:
            self._heard.asked(Rated, now_s)
            self._poll(self._codec.ask_ratings())
        if self._heard.identity is None and self._identity_tries < IDENTITY_TRIES:
            self._identity_tries += 1
            self._heard.asked(Identity, now_s)
            self._poll(self._codec.ask_identity())

    def _bus_voltage(self, now_s: float) -> None:
        if isinstance(self._codec, BusCodec):
            self._heard.asked(BusVoltage, now_s)
            self._poll(self._codec.ask_bus_voltage())

    def bus_voltage_v(self, now_s: float) -> float | None:
        """Behind its output diode; None where that is not known, or not known any longer."""
        told, age_s = self._heard.bus_voltage, now_s - self._heard.bus_voltage_at_s
        return told.voltage_v if told and age_s < MISSED_ANSWERS * self._profile.poll_status_s else None

    def is_informed(self, now_s: float, *, resting: bool) -> bool:
        """Whether output and condition are both known, and neither by an answer that is too old."""
        return (
            now_s - self._heard.measured_at_s < MISSED_ANSWERS * self._output_period_s(resting)
            and now_s - self._heard.condition_at_s < MISSED_ANSWERS * self._profile.poll_status_s
        )

    def _output_period_s(self, resting: bool) -> float:
        return self._profile.poll_off_s if resting else self._profile.poll_on_s

    def _poll(self, questions: Frames) -> None:
        for question in questions:
            self._bus.poll(question)
