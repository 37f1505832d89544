"""The book of limits in force: one entry for each owner and scope, readable by anyone who asks why."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.model.limits import Limit


@attrs.define(eq=False)
class LimitBook:
    """Holds the limits. `on_change` is called after each change, synchronously, so that a cut acts at once."""

    on_change: Callable[[], None] = lambda: None
    _limits: dict[tuple[str, str], Limit] = attrs.field(factory=dict)

    def set(self, limit: Limit) -> None:
        """Takes over a limit, in place of the one of the same owner and scope."""
        self._limits[limit.owner, limit.scope] = limit
        self.on_change()

    def lift(self, owner: str, scope: str) -> None:
        """Removes a limit. Lifting one that is not there does nothing."""
        if self._limits.pop((owner, scope), None):
            self.on_change()

    def all(self) -> tuple[Limit, ...]:
        return tuple(self._limits.values())
