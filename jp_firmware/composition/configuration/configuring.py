"""The configuration of a charger that runs: proposals, changes, and the word that keeps or undoes them.

A child of the tree; it alone changes what is in force. A change is all or nothing, one at a time:

    wait for sessions ─▶ commit, not yet for good ─▶ hand over to the parts ─▶ for good, or wait for a word
                                     │                        │                         │
                                     └── the disk refuses     └── a part refuses        └── none in time
                                          nothing happened         all as before             all as before

Live keys are handed over first and committed then, so that a cut waits for no disk; until it is committed, a restart
brings the old one back. A version that is not for good when the process ends is undone at the next start.

Texts are read, checked and written in a worker thread: tens of milliseconds, which no control path may wait for.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import attrs
import trio

from jp_firmware.charging.waiting import until
from jp_firmware.composition.configuration.beginning import FILE_REFUSED, SOURCE
from jp_firmware.composition.configuration.handing_over import HandingOver, PartRefused, settled
from jp_firmware.composition.configuration.hardware_found import found, new_mistakes, with_ports
from jp_firmware.composition.process import VITAL
from jp_firmware.composition.restarts import Effect
from jp_firmware.config.draft import Draft, InForce, Secrets, draft
from jp_firmware.config.effects import Step
from jp_firmware.config.kept.config_store import ConfigStore, Outdated
from jp_firmware.config.kept.versions import Origin, Version
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.edits import Edit
from jp_firmware.config.uses import WHOLE
from jp_firmware.hw.modules import usable
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.supervisor import RestartRefused, UnknownPath

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

T = TypeVar("T")

CONFIRM_S = 60.0  # unless whoever changes it says another time; for what could lock them out
SETTLE_S = 60.0  # ours: what a change gets to be handed over, before a crash in it counts against it
HEALTHY_WITHIN_S = 60.0  # ours: for all parts after a start with another configuration
AGAIN_S = 10.0  # ours: from a disk that refused to take a version back to the next try
ANSWER_S = 0.2  # ours: for the answer to reach whoever asked, before the console is restarted too


@attrs.frozen
class Resumed:
    """A version for which all parts of this process have just started anew; `confirm_s` 0: nobody needs to confirm.

    `were_up` are the parts that were up before, by their paths: those that there still are must come up again.
    """

    number: int
    confirm_s: float
    were_up: tuple[str, ...] = ()


class ChangeRefused(Exception):
    """A change that is not made. The message says why, in one line."""


@attrs.frozen(kw_only=True)
class Wish:
    """A change that somebody wants. `confirm_s` None: as is usual for its keys; 0: for good at once."""

    draft: Draft = attrs.field(repr=False)
    who: str
    why: str
    origin: Origin
    confirm_s: float | None = None
    force: bool = False  # sessions that it concerns are ended, in order, instead of waited for


@attrs.define(eq=False)
class Change:
    """A wish that is being carried out."""

    wish: Wish
    waits_for: tuple[ConnectorId, ...] = ()
    handing: HandingOver | None = None
    version: Version | None = None
    refused: str = ""
    answered: trio.Event = attrs.field(factory=trio.Event)  # it is over, or waits for sessions
    over: bool = False
    given_up: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def confirm_s(self) -> float:
        """How long it is to wait for a word; 0: for none."""
        return self.wish.confirm_s if self.wish.confirm_s is not None else usual_confirm_s(self.wish.draft)


def usual_confirm_s(proposed: Draft) -> float:
    """How long a change of these keys waits for a word, unless whoever makes it says another time; 0: for none."""
    return CONFIRM_S if proposed.effects.confirm else 0.0


@attrs.define(eq=False)
class Configuring:
    """One charger's. `overrides` are those of its command line."""

    _controller: Controller
    store: ConfigStore
    overrides: tuple[str, ...] = ()
    resumed: Resumed | None = None
    change: Change | None = attrs.field(default=None, init=False)
    confirm_by_s: float = attrs.field(default=math.inf, init=False)  # monotonic; when an unconfirmed version is undone
    _bell: Bell = attrs.field(factory=Bell, init=False)
    _anew: Resumed | None = attrs.field(default=None, init=False)  # all parts are to start anew for this version
    _proving: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)  # waits for parts after a start
    _drafts: dict[object, Draft] = attrs.field(factory=dict, init=False)  # the last one, so that it is not made twice

    # --- proposals ---------------------------------------------------------------------------------------------------

    @property
    def in_force(self) -> InForce:
        store = self.store
        return InForce(
            number=store.current.number,
            text=store.text,
            cabinet=self._controller.cabinet,
            secrets=store.secrets,
            overrides=self.overrides,
        )

    async def draft(
        self, *, text: str | None = None, edits: Sequence[Edit] = (), secrets: Secrets | None = None
    ) -> Draft:
        """What a change would be. Raises ConfigError for edits that cannot be made. Nothing is done."""
        key = (self.store.current.number, text, tuple(map(repr, edits)), tuple(sorted((secrets or {}).items())))
        if key not in self._drafts:
            make = partial(draft, self.in_force, text=text, edits=edits, secrets=secrets, further=self._further())
            made = await in_thread(make)
            self._drafts.clear()
            self._drafts[key] = made
        return self._drafts[key]

    def _further(self) -> Callable[[Cabinet], Iterable[Mistake]]:
        """What drivers and the hardware that was found have to say to a configuration; for a worker thread."""
        controller = self._controller
        before, hardware, device_dir = controller.cabinet, found(controller), controller.device_dir

        def mistakes(cabinet: Cabinet) -> Iterable[Mistake]:
            yield from usable.mistakes(cabinet)
            yield from new_mistakes(before, cabinet, with_ports(hardware, cabinet, device_dir))

        return mistakes

    async def beside(self, do: Callable[[], T]) -> T:
        """What `do` returns, worked out beside the loop: for what somebody asks to see. It must only read."""
        return await in_thread(do)

    def effect(self, step: Step) -> Effect:
        """The sessions that a step would end, or take modules from, if it were taken now."""
        if not step.stops:
            return Effect((), (), ())
        if step.path == WHOLE:
            running = tuple(key for key, one in self._controller.charger.runners.items() if one.session is not None)
            return Effect((WHOLE,), running, ())
        try:
            return self._controller.restarts.effect(step.path)
        except RestartRefused:  # it does not run: no session goes on with it
            return Effect((step.path,), (), ())

    def concerned(self, one: Draft) -> tuple[ConnectorId, ...]:
        """The connectors whose sessions a change would not leave alone now."""
        effects = [self.effect(step) for step in one.effects.steps]
        return tuple(sorted({key for effect in effects for key in (*effect.ends, *effect.reduces)}))

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
        one = wish.draft
        if one.base.number != self.store.current.number:
            raise Outdated(one.base.number, self.store.current.number)
        if one.cabinet is None:
            raise ChangeRefused(f"{len(one.examined.errors)} mistakes in it; nothing was changed")
        if self.change is not None:
            raise ChangeRefused(f"a change by {self.change.wish.who} is under way; wait for it, or undo it")
        if self.store.unconfirmed is not None:
            raise ChangeRefused(f"version {self.store.unconfirmed.number} waits to be confirmed; confirm or revert it")
        change = self.change = Change(wish)
        self._bell.ring()
        return change

    async def confirm(self, number: int) -> None:
        """The version stays. Raises ConfigError if it does not wait for that."""
        await in_thread(partial(self.store.confirm, number))
        self.confirm_by_s = math.inf
        self._note(f"version {number} is confirmed")
        self._bell.ring()

    def revert(self) -> bool:
        """Gives a waiting change up, or undoes a version that is not confirmed. False if there is neither."""
        if self.change is not None and self.change.waits_for:
            self.change.refused = "given up"
            self.change.given_up.cancel(reason="given up")
            return True
        if self.store.unconfirmed is None or self.change is not None:
            return False
        self.confirm_by_s = -math.inf
        self._proving.cancel(reason="undone")
        self._bell.ring()
        return True

    # --- the child ---------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Carries changes out, and undoes those that nobody confirms, until cancelled."""
        lifeline.ready()
        await self._after_start()
        while True:
            with trio.move_on_at(self.confirm_by_s):
                await self._bell.wait()
            if self.change is not None:
                await self._carry_out(self.change)
                if self._anew is not None:
                    await trio.sleep(ANSWER_S)
                    self._controller.start_anew("for another configuration", self._anew)
            elif self.store.unconfirmed is not None and trio.current_time() >= self.confirm_by_s:
                await self._undo("nobody confirmed it in time" if math.isfinite(self.confirm_by_s) else "undone")

    async def _carry_out(self, change: Change) -> None:
        try:
            with change.given_up:
                await self._wait_for_sessions(change)
            if not change.refused:
                await self._make(change)
        except (ConfigError, Outdated) as error:
            change.refused = str(error)
        finally:
            if self.store.unconfirmed is not None and not math.isfinite(self.confirm_by_s) and self._anew is None:
                self.confirm_by_s = -math.inf  # a disk that refused, or a task that was cancelled, has left it behind
            self.change, change.over = None, True
            if change.refused:
                self._note(f"a change by {change.wish.who} was refused: {change.refused}")
            change.answered.set()

    async def _wait_for_sessions(self, change: Change) -> None:
        if change.wish.force:
            return
        one, runners = change.wish.draft, self._controller.charger.runners
        while waits_for := self.concerned(one):
            change.waits_for = waits_for
            change.answered.set()
            reports = [runners[key].report for key in waits_for]
            await until(lambda: self.concerned(one) != change.waits_for, *reports)
        change.waits_for = ()

    async def _make(self, change: Change) -> None:
        one = change.wish.draft
        if one.effects.whole:
            await self._commit(change, change.confirm_s or SETTLE_S)
            assert change.version is not None
            self._anew = Resumed(change.version.number, change.confirm_s, settled(self._controller))
            return
        assert one.cabinet is not None  # or it would have been refused
        change.handing = HandingOver(self._controller, one.base.cabinet, one.cabinet, one.effects.steps)
        stops = any(step.stops for step in one.effects.steps)
        if stops:
            await self._commit(change, change.confirm_s or SETTLE_S)
        try:
            await change.handing.carry_out()
        except PartRefused as error:
            change.refused = str(error)
            if stops:
                await in_thread(partial(self.store.revert, who="charger", why=str(error)))
            return
        if not stops:
            try:
                await self._commit(change, change.confirm_s or None)
            except (ConfigError, Outdated):
                await change.handing.take_back()
                raise
        elif not change.confirm_s and change.version is not None:
            await in_thread(partial(self.store.confirm, change.version.number))
        if change.confirm_s:
            self.confirm_by_s = trio.current_time() + change.confirm_s

    async def _commit(self, change: Change, confirm_within_s: float | None) -> None:
        wish = change.wish
        change.version = await in_thread(
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
            )
        )
        self._drafts.clear()
        self._controller.faults.clear(FILE_REFUSED, SOURCE)  # the file says what is in force again
        keys = ", ".join(str(one) for one in wish.draft.changes) or "its text only"
        self._note(f"version {change.version.number} by {wish.who}: {keys}{f' ({wish.why})' if wish.why else ''}")

    # --- what all parts start anew for -------------------------------------------------------------------------------

    async def _after_start(self) -> None:
        """A life that began with a version not for good: its parts must come up, and then somebody may confirm it."""
        waiting, resumed = self.store.unconfirmed, self.resumed
        if waiting is None or resumed is None or waiting.number != resumed.number:
            return
        awaited = [*self._parts(VITAL), *self._parts(resumed.were_up)]
        with trio.move_on_after(HEALTHY_WITHIN_S) as self._proving:
            for part in awaited:
                await part.up()
        if self.store.unconfirmed is None or self.confirm_by_s == -math.inf:
            return  # somebody has decided meanwhile
        down = [part.path for part in awaited if not part.state.is_settled]
        if down:
            await self._undo(f"with it, {' and '.join(down)} did not come up within {HEALTHY_WITHIN_S:.0f} s")
        elif resumed.confirm_s:
            self.confirm_by_s = trio.current_time() + resumed.confirm_s
        else:
            await self.confirm(waiting.number)

    def _parts(self, paths: Iterable[str]) -> list[Lifeline]:
        """Those that there are."""
        found = []
        for path in paths:
            with contextlib.suppress(UnknownPath):
                found.append(self._controller.tree.part(path))
        return found

    async def _undo(self, why: str) -> None:
        """The version before the one that is not for good, with all parts that this concerns."""
        waiting = self.store.unconfirmed
        assert waiting is not None
        last = self._controller.cabinet
        try:
            version = await in_thread(partial(self.store.revert, why=why))
        except ConfigError as error:  # somebody has confirmed it in this moment, or the disk refuses
            self.confirm_by_s = trio.current_time() + AGAIN_S if self.store.unconfirmed else math.inf
            self._note(f"version {waiting.number} cannot be undone: {error}")
            return
        self.confirm_by_s = math.inf
        self._drafts.clear()
        self._note(f"version {waiting.number} is undone: {why}; version {version.number} is as {waiting.previous}")
        # Neither drivers nor hardware are asked: this was in force, whatever they would say to it today.
        going_back = await in_thread(partial(draft, self.in_force))
        cabinet = going_back.cabinet
        if cabinet is None:
            raise ConfigError(f"version {waiting.previous} is no good any more: {going_back.examined.errors[0].text}")
        if going_back.effects.whole:
            self._controller.start_anew(f"version {waiting.number} of the configuration is undone")
            return
        await HandingOver(self._controller, cabinet, last, going_back.effects.steps).go_back()

    def _note(self, text: str) -> None:
        self._controller.note("config", SOURCE, text)


async def in_thread(do: Callable[[], T]) -> T:
    """No control path: whoever changes a configuration waits for the disk, and nobody else does."""
    return await trio.to_thread.run_sync(do)
