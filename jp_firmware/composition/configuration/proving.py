"""Whether a life of the charger that was begun with another configuration is as good as the one before it.

All that was up before must come up again. Then the version waits for a word, or is for good if it needs none; else its
time is over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs
import trio

from jp_firmware.composition.configuration.change import Resumed
from jp_firmware.composition.configuration.confirming import Confirming
from jp_firmware.composition.configuration.threads import AGAIN_S
from jp_firmware.composition.process import VITAL
from jp_firmware.config.schema import ConfigError
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.supervisor import UnknownPath

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

HEALTHY_WITHIN_S = 60.0  # ours: for all parts after a start with another configuration


@attrs.define(eq=False)
class Proving:
    """One life's; `resumed` is what it was begun for. `note` records a sentence."""

    _controller: Controller
    _confirming: Confirming
    _note: Callable[[str], None]
    resumed: Resumed | None
    _waits: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    async def prove(self) -> None:
        """Once in a life: what goes down later is another matter. Cancelled, it is to be called again."""
        resumed, unconfirmed = self.resumed, self._confirming.unconfirmed
        if resumed is not None and unconfirmed is not None and unconfirmed.number == resumed.number:
            down = [] if self._confirming.has_ended else await self._parts_down(resumed)
            if not self._confirming.has_ended:  # or somebody has decided meanwhile
                await self._decide(resumed, down)
        self.resumed = None

    def stop(self) -> None:
        """Somebody has decided: nobody needs to know any more."""
        self._waits.cancel(reason="somebody has decided")

    async def _decide(self, resumed: Resumed, down: list[str]) -> None:
        if down:
            why = f"with it, {' and '.join(down)} did not come up within {HEALTHY_WITHIN_S:.0f} s"
            self._confirming.end_now(why)
        elif resumed.confirm_s:
            self._confirming.begin(resumed.confirm_s)
        else:
            while not self._confirming.has_ended:
                await self._keep(resumed.number)

    async def _keep(self, number: int) -> None:
        """A disk that refuses is asked again."""
        try:
            await self._confirming.keep(number)
        except ConfigError as error:
            self._note(f"version {number} cannot be kept yet: {error}")
            with trio.move_on_after(AGAIN_S) as self._waits:
                await trio.sleep_forever()

    async def _parts_down(self, resumed: Resumed) -> list[str]:
        """The paths of parts that should be up, and are not so in time."""
        awaited = [*self._parts(VITAL), *self._parts(resumed.were_up)]
        with trio.move_on_after(HEALTHY_WITHIN_S) as self._waits:
            for part in awaited:
                await part.up()
        return [part.path for part in awaited if not part.state.is_settled]

    def _parts(self, paths: Iterable[str]) -> list[Lifeline]:
        """Those that there are."""
        found = []
        for path in paths:
            with contextlib.suppress(UnknownPath):
                found.append(self._controller.tree.part(path))
        return found
