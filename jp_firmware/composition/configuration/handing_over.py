"""One change of the configuration handed to the parts of a charger that runs: to all of them, or to none.

What is live is taken first, and is on the wire at once. Then each part that must start anew is stopped, with the
courtesy of any restart; it is changed while it is down, and has to come up as far as it was up before. The first one
that refuses ends it: all that was handed over is taken back, what is live first and the others in reverse.
"""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from jp_firmware.composition.configuration.takeover import Takeover
from jp_firmware.composition.restarts import ENDING_S
from jp_firmware.config.effects import Step
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.uses import WHOLE
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery import walk
from jp_firmware.nursery.child import Lifeline, State, describe
from jp_firmware.nursery.supervisor import RestartRefused, UnknownPath

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

log = logging.getLogger("jp")

UP_WITHIN_S = 15.0  # ours: parts have 10 s from their start to the first evidence, and a bus carries several
STOP_SLACK_S = 5.0  # ours: beyond what an ordered stop of the part may take


class PartRefused(Exception):
    """A part did not take the change, or did not come up with it: `path`. The message says so, and why."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class SessionInTheWay(PartRefused):
    """A part was not stopped, since that would cut these sessions, which the change may not do."""

    def __init__(self, path: str, connectors: Sequence[ConnectorId]) -> None:
        super().__init__(path, f"would cut the session on {', '.join(map(str, connectors))}")


class Progress(enum.StrEnum):
    """How far a part is."""

    TODO = "to do"
    UNDER_WAY = "under way"
    DONE = "done"
    REFUSED = "refused"
    TAKEN_BACK = "taken back"


@attrs.define(eq=False)
class HandingOver:
    """The way of one change from `before` to `after`."""

    _controller: Controller
    before: Cabinet
    after: Cabinet
    steps: tuple[Step, ...]
    may_cut: bool = False  # sessions that have begun since anybody looked
    progress: dict[str, Progress] = attrs.field(init=False)
    refused_by: str | None = attrs.field(default=None, init=False)  # the path of the part that ended it
    _withdrawn: set[str] = attrs.field(factory=set, init=False)  # parts that were never down for it
    _takeover: Takeover = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.steps = tuple(sorted(self.steps, key=lambda step: step.stops))  # live ones first, else as in the tree
        self.progress = {step.path: Progress.TODO for step in self.steps}
        self._takeover = Takeover(self._controller)

    async def carry_out(self) -> None:
        """Hands it over. Raises PartRefused once all is as it was before, as far as the parts take that.

        Cancelled, it leaves what was handed over so far: the charger is going down, and what starts next is decided by
        what the disk says.
        """
        try:
            for step in self.steps:
                if not step.stops:
                    await self._hand(step, self.after, self.before)
            self._put_in_force(self.after)
            for step in self.steps:
                if step.stops:
                    self._spare_sessions(step.path)
                    await self._hand(step, self.after, self.before)
        except PartRefused as refusal:
            self.refused_by = refusal.path
            await self.take_back()
            raise

    async def take_back(self) -> None:
        """The configuration before it, for all that has taken the other one; a part that refuses keeps no other."""
        untouched = {path for path, state in self.progress.items() if state is Progress.TODO} | self._withdrawn
        touched = [step for step in reversed(self.steps) if step.path not in untouched]
        try:
            self._put_in_force(self.before)
        except PartRefused as error:
            self._controller.note("config", error.path, f"cannot go back: {error}")
        for step in sorted(touched, key=lambda step: step.stops):
            try:
                await self._hand(step, self.before, self.after)
                self.progress[step.path] = Progress.TAKEN_BACK
            except PartRefused as error:
                self._controller.note("config", step.path, f"cannot go back: {error}")

    async def go_back(self) -> None:
        """The same after all has been handed over, by an engine that need not be this one."""
        self.progress = dict.fromkeys(self.progress, Progress.DONE)
        await self.take_back()

    async def _hand(self, step: Step, cabinet: Cabinet, last: Cabinet) -> None:
        self.progress[step.path] = Progress.UNDER_WAY
        try:
            if step.stops:
                await self._restart_with(step.path, cabinet, last)
            else:
                with _no_defects(step.path):
                    self._takeover.take(step.path, cabinet, last)
        except PartRefused:
            self.progress[step.path] = Progress.REFUSED
            raise
        except (ConfigError, RestartRefused, UnknownPath) as error:
            self.progress[step.path] = Progress.REFUSED
            raise PartRefused(step.path, str(error)) from error
        self.progress[step.path] = Progress.DONE

    def _put_in_force(self, cabinet: Cabinet) -> None:
        try:
            with _no_defects(WHOLE):
                self._takeover.put_in_force(cabinet)
        except ConfigError as error:
            raise PartRefused(WHOLE, str(error)) from error

    def _spare_sessions(self, path: str) -> None:
        """Those that have begun while other parts were changed are not cut for this one."""
        if self.may_cut:
            return
        with contextlib.suppress(RestartRefused, UnknownPath):  # no session goes on with it
            effect = self._controller.restarts.effect(path)
            if cut := sorted({*effect.ends, *effect.reduces}):
                raise SessionInTheWay(path, cut)

    # --- a part that starts anew -------------------------------------------------------------------------------------

    async def _restart_with(self, path: str, cabinet: Cabinet, last: Cabinet) -> None:
        if self._controller.tree.part(path).state is State.IDLE:  # its wire is not there: it starts with this, then
            with _no_defects(path):
                self._takeover.take(path, cabinet, last)
            return
        # A branch first: once it is up, it has begun all its parts anew, those too that had nothing to do.
        parts = [self._controller.tree.part(path), *self._parts(path)]
        were_up = [one for one in parts if one.state.is_settled]
        taken, errors = trio.Event(), list[ConfigError]()

        def take() -> None:
            """Called by the tree; perhaps late, when what it would hand over is not in force any more."""
            if path in self._withdrawn:
                return
            try:
                with _no_defects(path):
                    self._takeover.take(path, cabinet, last)
            except ConfigError as error:
                errors.append(error)
            taken.set()

        self._controller.restarts.ask(path, "its configuration changes", take)
        stop_s = self._controller.tree.part(path).child.stop_budget_s
        try:
            with trio.move_on_after(ENDING_S + stop_s + STOP_SLACK_S):
                await taken.wait()
        finally:
            if cabinet is self.after and not taken.is_set():
                self._withdrawn.add(path)
        if not taken.is_set():
            raise PartRefused(path, f"was not stopped within {ENDING_S + stop_s + STOP_SLACK_S:.0f} s")
        if errors:
            raise errors[0]
        await self._come_up(path, were_up)

    async def _come_up(self, path: str, were_up: list[Lifeline]) -> None:
        """What was up before has to be up again; what was absent need not be there now."""
        with trio.move_on_after(UP_WITHIN_S):
            for one in were_up:
                await one.up()
            return
        down = [one for one in were_up if not one.state.is_settled]
        why = "; ".join(f"{one.path} is {one.state}, {describe(one.last_error) or 'silent'}" for one in down)
        raise PartRefused(path, f"not up again within {UP_WITHIN_S:.0f} s: {why}")

    def _parts(self, path: str) -> list[Lifeline]:
        """The parts without children that start anew with the one at `path`."""
        return [self._controller.tree.part(one) for one in self._controller.tree.restarted_with(path)]


@contextlib.contextmanager
def _no_defects(path: str) -> Iterator[None]:
    """A defect in a part is a refusal like any other: it takes neither the tree down nor the change with it."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        log.exception("%s: failed to take its configuration", path)
        raise ConfigError(f"failed to take it ({describe(error)}); see the log") from error


def settled(controller: Controller) -> tuple[str, ...]:
    """The paths of all parts without children that are what they should be."""
    parts = walk.parts(controller.tree)
    return tuple(path for path, _, one in parts if one.child.subtree is None and one.state.is_settled)
