"""A limit: who set it, to what, why and until when. There is one kind, for every limit of the charger."""

from __future__ import annotations

import math

import attrs


@attrs.frozen(kw_only=True)
class Limit:
    """An upper bound on power. `scope` is "site" or "connector-N". After `expires_at_s` it falls to `safe_w`."""

    owner: str
    scope: str
    value_w: float
    reason: str
    expires_at_s: float = math.inf
    safe_w: float = 0.0

    def value_at(self, now_s: float) -> float:
        """The bound in force at `now_s`."""
        return self.value_w if now_s < self.expires_at_s else self.safe_w
