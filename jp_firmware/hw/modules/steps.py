"""Quantities as whole steps of what a field can say."""

from __future__ import annotations

import math

FLOAT_ERROR = 1e-6
"""Part of a step by which a quotient of floating-point numbers may miss a whole number (0.3 / 0.1 is below 3): ours."""


def steps_within(steps: float) -> int:
    """The whole steps in `steps`, a quantity over its step: a set-point is never above what was asked for."""
    return math.floor(steps + FLOAT_ERROR)
