"""A bell: many may ring it, one task waits. Rings between two waits count once, and none is lost."""

from __future__ import annotations

import attrs
import trio


@attrs.define(eq=False)
class Bell:
    """Wakes the one task that waits on it. Ringing is synchronous, cheap and never fails."""

    _rung: trio.Event = attrs.field(factory=trio.Event, repr=False)

    def ring(self) -> None:
        """Wakes the waiter, now or at its next `wait`."""
        self._rung.set()

    async def wait(self) -> None:
        """Returns when the bell has rung since the last return. A cancelled wait loses no ring."""
        await self._rung.wait()
        self._rung = trio.Event()
