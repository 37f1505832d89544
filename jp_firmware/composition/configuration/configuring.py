"""The configuration of a charger that runs: changes, one at a time, and the word that keeps or undoes them.

A child of the tree; it alone changes what is in force. A change is all or nothing:

    wait for sessions ─▶ commit, not yet for good ─▶ hand over to the parts ─▶ for good, or wait for a word
                                     │                        │                         │
                                     └── the disk refuses     └── a part refuses        └── none in time
                                          nothing happened         all as before             all as before

One may wait, and meanwhile others are made at once beside it (`waiting`). What is not for good has a time and needs a
word (`confirming`), or parts that come up with it in another life of the charger (`proving`).

Live keys are handed over first and committed then, so that a cut waits for no disk; until it is committed, a restart
brings the old one back. A version that is not for good when the process ends is undone at the next start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import attrs
import trio

from jp_firmware.composition.configuration import threads
from jp_firmware.composition.configuration.beginning import FILE_REFUSED, SOURCE
from jp_firmware.composition.configuration.change import Change, ChangeRefused, Resumed, Wish
from jp_firmware.composition.configuration.confirming import Confirming
from jp_firmware.composition.configuration.handing_over import HandingOver, PartRefused, SessionInTheWay, settled
from jp_firmware.composition.configuration.proposing import Proposing
from jp_firmware.composition.configuration.proving import Proving
from jp_firmware.composition.configuration.waiting import Waiting
from jp_firmware.config.draft import draft
from jp_firmware.config.kept.config_store import ConfigStore, Outdated
from jp_firmware.config.kept.versions import Version
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.uses import WHOLE
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.child import Lifeline

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

T = TypeVar("T")

SETTLE_S = 60.0  # ours: what a change gets to be handed over, before a crash in it counts against it
ANSWER_S = 0.2  # ours: for the answer to reach whoever asked, before the console is restarted too

INTERRUPTED = "it was interrupted, and what was done of it is taken back"


@attrs.define(eq=False)
class Configuring:
    """One charger's. `overrides` are those of its command line."""

    _controller: Controller
    store: ConfigStore
    overrides: tuple[str, ...] = ()
    _resumed: Resumed | None = None
    proposing: Proposing = attrs.field(init=False)
    waiting: Waiting = attrs.field(init=False)  # the change that is made once nothing is in its way
    confirming: Confirming = attrs.field(init=False)  # the version that is not for good yet
    change: Change | None = attrs.field(default=None, init=False)  # the one that is being made
    last: Change | None = attrs.field(default=None, init=False)  # the last one that was over, in this life
    _proving: Proving = attrs.field(init=False)
    _bell: Bell = attrs.field(factory=Bell, init=False)
    _anew: Resumed | None = attrs.field(default=None, init=False)  # all parts are to start anew for this version
    _leaving: Cabinet | None = attrs.field(default=None, init=False)  # parts may have what the disk does not say
    _numbers: count[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.proposing = Proposing(self._controller, self.store, self.overrides)
        self.waiting = Waiting(self.store, self.proposing, self._note, self._over)
        self.confirming = Confirming(self.store, self._note)
        self._proving = Proving(self._controller, self.confirming, self._note, self._resumed)
        self._numbers = count(self.store.waiting.number + 1 if self.store.waiting else 1)

    async def beside(self, do: Callable[[], T]) -> T:
        """What `do` returns, worked out beside the loop: for what somebody asks to see. It must only read."""
        return await threads.in_thread(do)

    # --- requests ----------------------------------------------------------------------------------------------------

    async def apply(self, wish: Wish) -> Change:
        """Carries it out; returns when it is over, or when it begins to wait for sessions. It goes on if cancelled.

        Raises Outdated if it was made to a version that is not in force any more, ChangeRefused if it cannot begin;
        what a part refused is in the result.
        """
        change = self.begin(wish)
        await change.answered.wait()
        return change

    def begin(self, wish: Wish) -> Change:
        """The same, for whoever cannot wait for it: it goes on by itself. Raises what `apply` does."""
        self.admit(wish)
        change = self.change = Change(next(self._numbers), wish)
        self._bell.ring()
        return change

    def admit(self, wish: Wish) -> None:
        """Whether it could begin now: raises what `apply` does if not."""
        one, unconfirmed = wish.draft, self.store.unconfirmed
        if self._controller.ending.is_set():
            raise ChangeRefused("the charger is ending; make the change when it runs again")
        if self._leaving is not None and self.change is None:
            raise ChangeRefused("parts still go back to what was in force before; wait for them")
        if self.change is not None:
            raise ChangeRefused(f"{self.change.id} by {self.change.wish.who} is under way; wait for it")
        if not self.proposing.is_current(one):
            raise Outdated(one.base.number, self.store.current.number)
        if one.cabinet is None:
            raise ChangeRefused(f"{len(one.examined.errors)} mistakes in it; nothing was changed")
        if unconfirmed is not None:
            raise ChangeRefused(f"version {unconfirmed.number} waits to be confirmed; confirm or revert it")
        self.waiting.admit(wish)

    async def confirm(self, number: int) -> None:
        """The version stays. Raises ConfigError if it does not wait for that, or is not in force everywhere yet."""
        if self.change is not None or self._anew is not None or self._controller.resumes is not None:
            raise ConfigError(f"version {number} is still being handed over to the parts; confirm it once it is")
        await self.confirming.keep(number)
        self._proving.stop()
        self._bell.ring()

    def undo(self) -> int | None:
        """Undoes the version that waits to be confirmed; its number. None if there is none, or it is still being made.

        Returns at once; the parts follow. Raises ConfigError if somebody has just confirmed it.
        """
        unconfirmed = self.store.unconfirmed
        if unconfirmed is None or self.change is not None:
            return None
        if self.confirming.is_being_kept:
            raise ConfigError(f"version {unconfirmed.number} is being confirmed in this moment")
        self.confirming.end_now("undone")
        self._anew = None
        self._proving.stop()
        self._bell.ring()
        return unconfirmed.number

    async def give_up(self, why: str = "given up") -> str | None:
        """Gives up the change that waits; its id, None if none does."""
        try:
            return await self.waiting.give_up(why)
        finally:
            self._bell.ring()  # what the disk still says of it is put right later

    # --- the child ---------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Carries changes out, and undoes those that nobody confirms, until cancelled."""
        lifeline.ready()
        await self.waiting.inherit()
        await self._proving.prove()
        while True:
            await self._next()

    async def _next(self) -> None:
        """What is due, the most urgent first; else waits for something."""
        if self._anew is not None:
            await trio.sleep(ANSWER_S)
            anew, self._anew = self._anew, None
            if anew is not None:  # or it was undone in that moment
                self._controller.start_anew("for another configuration", anew)
        elif self.change is not None:
            await self._carry_out(self.change)
        elif why := self.confirming.why_undone:
            await self._undo(why)
        elif self._leaving is not None:
            await self._go_back(self._leaving)
        elif trio.current_time() >= self.waiting.tell_disk_at_s:
            await self.waiting.tell_disk()
        elif self.waiting.is_outdated():
            await self.waiting.carry_over()
        elif self.waiting.is_free() and not self._must_wait():
            self.change = self.waiting.take()
        else:
            await self._something()

    def _must_wait(self) -> bool:
        """Whatever sessions do: those that end since all ends are no occasion to change anything."""
        return self.store.unconfirmed is not None or self._controller.ending.is_set()

    async def _something(self) -> None:
        """Somebody asks, a time is over, or sessions have changed that a change waits for."""
        until_s = min(self.confirming.by_s, self.waiting.tell_disk_at_s)
        with trio.move_on_at(until_s), contextlib.ExitStack() as subscriptions:
            for runner in self._controller.charger.runners.values() if self.waiting.change else ():
                subscriptions.callback(runner.report.subscribe(self._bell.ring))
            await self._bell.wait()

    # --- one change --------------------------------------------------------------------------------------------------

    async def _carry_out(self, change: Change) -> None:
        """To its end, or to where it waits."""
        refused = INTERRUPTED
        try:
            self._look_again(change)
            await self._make(change)
            refused = ""
        except SessionInTheWay as error:
            refused = str(error)
            if self.waiting.change is None:
                await self.waiting.begin(change)
        except (ConfigError, Outdated, ChangeRefused, PartRefused) as error:
            refused = str(error)
        finally:
            if self._anew is None:  # a disk that refused, or a task that was cancelled, may have left a version behind
                self.confirming.end_unless_begun(refused)
            self.change = None
            if change is not self.waiting.change and not change.over:  # or it was given up while it was written
                self._over(change, refused)

    def _look_again(self, change: Change) -> None:
        """Raises what `admit` does, and SessionInTheWay: something was inherited or undone since it was admitted."""
        if not self.proposing.is_current(change.wish.draft):
            raise Outdated(change.wish.draft.base.number, self.store.current.number)
        self.waiting.admit(change.wish)
        self._spare_sessions(change)

    def _spare_sessions(self, change: Change) -> None:
        """Raises SessionInTheWay where it would cut what it must not."""
        concerned = self.proposing.concerned(change.wish.draft)
        if concerned and not change.wish.force:
            raise SessionInTheWay(WHOLE, concerned)

    def _over(self, change: Change, refused: str) -> None:
        change.over, change.refused, self.last = True, refused, change
        if refused:
            self._note(f"{change.id} by {change.wish.who} is not made: {refused}")
        change.answered.set()

    async def _make(self, change: Change) -> None:
        one = change.wish.draft
        assert one.cabinet is not None  # or it would have been refused
        if not one.effects.whole:
            change.handing = HandingOver(
                self._controller, one.base.cabinet, one.cabinet, one.effects.steps, may_cut=change.wish.force
            )
        if change.handing is None or any(step.stops for step in one.effects.steps):
            await self._make_stopping(change)
        else:
            await self._make_live(change, change.handing)
        if change.confirm_s and self._anew is None:
            self.confirming.begin(change.confirm_s)

    async def _make_live(self, change: Change, handing: HandingOver) -> None:
        await handing.carry_out()
        try:
            await self._commit(change, change.confirm_s or None)
        except BaseException:  # refused by the disk, or cancelled before it began
            await handing.take_back()
            raise

    async def _make_stopping(self, change: Change) -> None:
        version = await self._commit(change, change.confirm_s or SETTLE_S)
        try:
            if change.handing is None:
                self._spare_sessions(change)  # that have begun while the disk was written
            else:
                self._leaving = change.wish.draft.cabinet
                await change.handing.carry_out()
            self._leaving = None
        except PartRefused as error:
            self._leaving = None
            await self.confirming.undo(str(error))
            raise
        if change.handing is None:
            self._anew = Resumed(version.number, change.confirm_s, settled(self._controller))
        elif not change.confirm_s:
            await threads.on_disk(partial(self.store.confirm, version.number))

    async def _commit(self, change: Change, confirm_within_s: float | None) -> Version:
        wish = change.wish
        change.version = await threads.on_disk(
            partial(
                self.store.commit,
                wish.draft.text,
                wish.draft.secrets,
                base=wish.draft.base.number,
                who=wish.who,
                why=wish.why,
                origin=wish.origin,
                confirm_within_s=confirm_within_s,
                keys=[one.key for one in wish.draft.changes],
                ends_waiting=self.waiting.is_kept(change),
            )
        )
        self._controller.faults.clear(FILE_REFUSED, SOURCE)  # the file says what is in force again
        self._note(
            f"version {change.version.number} by {wish.who}: {change.keys}{f' ({wish.why})' if wish.why else ''}"
        )
        return change.version

    # --- what all parts start anew for -------------------------------------------------------------------------------

    async def _undo(self, why: str) -> None:
        """The version before the one that is not for good, with all parts that this concerns."""
        if await self.confirming.undo(why) is None:
            return
        self._leaving = self._leaving or self._controller.cabinet
        await self._go_back(self._leaving)

    async def _go_back(self, leaving: Cabinet) -> None:
        """All parts, from what they may have taken, to what the disk says. Once begun it is done, even if interrupted.

        Neither drivers nor hardware are asked: this was in force, whatever they would say to it today.
        """
        in_force = attrs.evolve(self.proposing.in_force, cabinet=leaving)
        going_back = await threads.in_thread(partial(draft, in_force))
        if going_back.cabinet is None:
            why = going_back.examined.errors[0].text
            self._note(f"version {in_force.number} is no good any more, parts go on with what was undone: {why}")
        elif going_back.effects.whole:
            self._controller.start_anew("a version of the configuration is undone")
        else:
            steps = going_back.effects.steps
            await HandingOver(self._controller, going_back.cabinet, leaving, steps).go_back()
        self._leaving = None

    def _note(self, text: str) -> None:
        self._controller.note("config", SOURCE, text)
