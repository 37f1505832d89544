"""A limit: who set it, to what, why and until when. There is one kind, for every limit of the charger."""

from __future__ import annotations

import math

import attrs


@attrs.frozen(kw_only=True)
class Limit:
    """An upper bound on the power of a scope. After `expires_at_s` (monotonic) it falls to `safe_w`.

    `scope` is "site", "feeder-NAME", "chain-NAME" or "connector-N". Of several limits of one scope the tightest binds.
    """

    owner: str
    scope: str
    value_w: float
    reason: str
    expires_at_s: float = math.inf
    safe_w: float = 0.0

    def value_at(self, now_s: float) -> float:
        """The bound in force at `now_s`."""
        return self.value_w if now_s < self.expires_at_s else self.safe_w

    def bound_w(self, now_s: float) -> float:
        """The same as a number to reckon with: never negative, and a limit that is no number allows nothing."""
        value_w = self.value_w if now_s < self.expires_at_s else self.safe_w
        return value_w if value_w > 0 else 0.0  # false for NaN
