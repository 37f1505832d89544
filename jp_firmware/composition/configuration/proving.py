"""Whether a life of the charger that was begun with another configuration is as good as the one before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import trio

from jp_firmware.composition.configuration.change import Resumed
from jp_firmware.composition.process import VITAL
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.supervisor import UnknownPath

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

HEALTHY_WITHIN_S = 60.0  # ours: for all parts after a start with another configuration


@attrs.define(eq=False)
class Proving:
    """One charger's."""

    _controller: Controller
    _waits: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    async def parts_down(self, resumed: Resumed) -> list[str]:
        """The paths of parts that should be up, and are not so in time. Returns at once when `stop` is called."""
        awaited = [*self._parts(VITAL), *self._parts(resumed.were_up)]
        with trio.move_on_after(HEALTHY_WITHIN_S) as self._waits:
            for part in awaited:
                await part.up()
        return [part.path for part in awaited if not part.state.is_settled]

    def stop(self) -> None:
        """Nobody needs to know any more."""
        self._waits.cancel(reason="undone")

    def _parts(self, paths: Iterable[str]) -> list[Lifeline]:
        """Those that there are."""
        found = []
        for path in paths:
            with contextlib.suppress(UnknownPath):
                found.append(self._controller.tree.part(path))
        return found
