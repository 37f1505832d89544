"""One child of the tree with its real task, and the ways in which a task itself may fail.

The illness comes from inside: what is done at the next sign of life is done in the task's own step, by its own call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from jp_firmware.nursery.supervisor import Child, Lifeline


class Bug(Exception):
    """A mistake in the task's code, as far as anybody can tell."""


class Pulse:
    """The real lifeline, and a note of every sign of life that went to it."""

    def __init__(self, lifeline: Lifeline, told: Callable[[], bool]) -> None:
        self._lifeline, self._told = lifeline, told

    def ready(self) -> None:
        if self._told():
            self._lifeline.ready()

    def feed(self) -> None:
        if self._told():
            self._lifeline.feed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifeline, name)


@attrs.define(eq=False)
class Patient:
    """Takes the place of a child's `run` and `safe`, and runs them."""

    lifeline: Lifeline
    fed_at_s: list[float] = attrs.field(factory=list)
    started_at_s: list[float] = attrs.field(factory=list)
    made_safe_at_s: list[float] = attrs.field(factory=list)
    at_next_feed: Callable[[], None] | None = None
    mute: bool = False
    instead_of_safe: Callable[[], Awaitable[object]] | None = None
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _run: Callable[[Any], Awaitable[object]] = attrs.field(init=False)
    _safe: Callable[[], Awaitable[object]] | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        child = self.lifeline.child
        self._run, self._safe = child.run, child.safe
        self.lifeline.child = attrs.evolve(child, run=self.run, safe=self.safe if child.safe else None)

    @property
    def child(self) -> Child:
        return self.lifeline.child

    async def run(self, lifeline: Lifeline) -> None:
        self.started_at_s.append(trio.current_time())
        self._scope = trio.CancelScope()
        with self._scope:
            await self._run(Pulse(lifeline, self._told))

    async def safe(self) -> None:
        if self.instead_of_safe is not None:
            await self.instead_of_safe()
        assert self._safe is not None
        await self._safe()
        self.made_safe_at_s.append(trio.current_time())

    # --- illnesses ---

    def raises(self) -> None:
        def bug() -> None:
            raise Bug("a mistake in the code")

        self.at_next_feed = bug

    def returns(self) -> None:
        self._scope.cancel(reason="the task returns")

    def shields_itself(self) -> None:
        self._scope.shield = True

    def falls_mute(self) -> None:
        """Its evidence does not reach its lifeline any more."""
        self.mute = True

    def lets_go(self) -> None:
        """A shield comes down."""
        self._scope.shield = False

    def safe_state_hangs(self) -> None:
        self.instead_of_safe = trio.sleep_forever
        self.raises()

    def safe_state_raises(self) -> None:
        async def bug() -> None:
            raise Bug("a mistake in the safe state")

        self.instead_of_safe = bug
        self.raises()

    def _told(self) -> bool:
        """Notes a sign of life. Whether it shall be heard."""
        if self.mute:
            return False
        self.fed_at_s.append(trio.current_time())
        illness, self.at_next_feed = self.at_next_feed, None
        if illness:
            illness()
        return True


def find(lifelines: list[Lifeline], path: str) -> Lifeline:
    """The lifeline at `path`, below these."""
    name, _, rest = path.partition("/")
    one = next(one for one in lifelines if one.name == name)
    return find(one.child.subtree.lifelines, rest) if rest else one  # type: ignore[union-attr]
