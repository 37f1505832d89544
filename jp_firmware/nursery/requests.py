"""What people and other parts ask of a running tree, by the paths of its parts: restarts, releases, its past.

The outer third of a supervisor. A request is taken down and found again in the mailbox: it changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from jp_firmware.nursery import walk
from jp_firmware.nursery.child import Lifeline, State
from jp_firmware.nursery.history import ASKED, RELEASED
from jp_firmware.nursery.keeper import Keeper
from jp_firmware.nursery.starts import Starts
from jp_firmware.nursery.strategy import Strategy


class RestartRefused(Exception):
    """A part that cannot be restarted as it stands; the message says what to do instead."""


@attrs.define(eq=False, kw_only=True)
class Requests(Keeper):
    """The children by their names, and what may be asked of them. Raises UnknownPath for a path that is none."""

    name: str
    strategy: Strategy = Strategy.ONE
    lifelines: list[Lifeline] = attrs.field(init=False)
    _running: bool = attrs.field(init=False, default=False, repr=False)
    _starts: Starts = attrs.field(init=False, repr=False)

    def restart(self, path: str, reason: str, meanwhile: Callable[[], None] | None = None) -> None:
        """Asks for a restart of one part below: a child, the hub with its spokes, a supervisor with its subtree.

        Returns at once; what follows shows in the tree and its history. `reason` is a person's words. `meanwhile` is
        called while it, and all that is restarted with it, is down and safe: it must not raise. Raises UnknownPath,
        and RestartRefused for the root, for what is latched, and for what is not running or not yet due.
        """
        above, one = self._may_restart(path)
        if meanwhile is not None and one.meanwhile is not None:
            raise RestartRefused(f"{one.path} is being changed already; wait until it has started again")
        one.asked, one.meanwhile = reason, meanwhile or one.meanwhile
        one.note(ASKED, reason)
        above._send.send_nowait(one)

    def restarted_with(self, path: str) -> list[str]:
        """The paths of all parts without children that `restart(path)` would restart. Raises what `restart` raises."""
        above, one = self._may_restart(path)
        group = above.strategy.group_of(one, above.lifelines)
        below = [each.child.subtree for each in group if each.child.subtree]
        leaves = [each for each in group if not each.child.subtree]
        leaves += [leaf for tree in below for _, _, leaf in walk.parts(tree) if not leaf.child.subtree]
        known = {id(leaf): at for at, _, leaf in walk.parts(self)}
        return sorted(known[id(leaf)] for leaf in leaves)

    def set_terms(self, path: str, **terms: Any) -> None:
        """Other terms of `Child` for one part below; a watchdog's counts from the next feed. Raises UnknownPath."""
        _, one = self._find(path)
        one.child = attrs.evolve(one.child, **terms)

    def part(self, path: str) -> Lifeline:
        """The record of one part below. Raises UnknownPath."""
        return self._find(path)[1]

    def release(self, path: str) -> bool:
        """Lets a latched part start again, with those that wait for it. False if it is not latched, or is still stuck.

        Raises UnknownPath.
        """
        above, one = self._find(path)
        if not one.state.is_latched or not one._ended.is_set():
            return False
        one._enter(State.IDLE)
        one.note(RELEASED)
        if above._running:
            above._starts.plan(other for other in above.lifelines if other.state is State.IDLE)
            above._send.send_nowait(one)
        return True

    def history(self, path: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """What happened to one part and those below it, or to all: JSON-ready, newest last. Raises UnknownPath."""
        return walk.history(self, path, limit)

    def _find(self, path: str) -> tuple[Requests, Lifeline]:
        above, one = walk.find(self, path)
        assert isinstance(above, Requests), "a subtree of another kind has no parts of ours"
        return above, one

    def _may_restart(self, path: str) -> tuple[Requests, Lifeline]:
        if not walk.relative(self, path):
            raise RestartRefused(f"{self.name} is the whole tree; restart the process instead")
        above, one = self._find(path)
        if one.state.is_latched:
            raise RestartRefused(f"{one.path} is latched ({one.state.value}); release it first")
        if not above._running:
            raise RestartRefused(f"{one.path} is not running, since {above.name} is not; it starts with it")
        if one.state is State.IDLE:
            raise RestartRefused(f"{one.path} waits for its turn to start; look at those before it")
        return above, one
