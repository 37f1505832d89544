"""The lives of children: how each is run, how it ends, and how it is made safe and given up on.

The lower half of a supervisor. It decides nothing: who is started, stopped or restarted, and when, is the upper half's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import attrs
import trio

from jp_firmware.nursery.child import End, Lifeline, State
from jp_firmware.nursery.history import STARTED
from jp_firmware.nursery.stuck import stack_of

log = logging.getLogger(__name__)

OnEvent = Callable[[str, Lifeline, End], None]


@attrs.define(eq=False, kw_only=True)
class Keeper:
    """Holds the nursery in which children live, and the mailbox that their ends go to."""

    _report: OnEvent = attrs.field(init=False, default=lambda *_: None, repr=False)
    _nursery: trio.Nursery = attrs.field(init=False, repr=False)
    _send: trio.MemorySendChannel[Lifeline] = attrs.field(init=False, repr=False)

    def _spawn(self, one: Lifeline, delay_s: float) -> None:
        one._begin(delay_s)
        self._nursery.start_soon(self._life, one, name=one.path)

    # --- one life of one child -------------------------------------------------------------------------------------

    async def _life(self, one: Lifeline) -> None:
        end, error = End.CRASH, None
        one._task = trio.lowlevel.current_task()
        try:
            with one._stop:  # shielded: only this supervisor ends a child
                await trio.sleep_until(one._resume_at_s)
                one._enter(State.STARTING)
                one.note(STARTED)
                one._watchdog.deadline = one.since_s + one.child.ready_within_s
                with one._watchdog:
                    await one.child.run(one)
                end = End.EXIT
        except Exception as raised:  # noqa: BLE001 - recorded in the tree, told to `on_event`, and acted upon
            error = raised
        finally:
            if one._stop.cancel_called:
                end = End.STOPPED
            elif one._watchdog.cancel_called:
                end = End.WATCHDOG
            await self._bury(one, end, error)

    async def _bury(self, one: Lifeline, end: End, error: BaseException | None) -> None:
        one.up_for_s = one._was_up_s()
        if end is End.WATCHDOG and one.up_for_s:
            one.worst_gap_s = max(one.worst_gap_s, trio.current_time() - one.fed_at_s)
        was_stuck = one.state is State.STUCK
        safe = False
        try:
            if not was_stuck:
                one._enter(State.MAKING_SAFE)
                one.last_error = error
            safe = await self._make_safe(one)
        finally:
            if not was_stuck and one.state is not State.STUCK:
                told = end if safe else End.UNSAFE
                one._ended_by(told)
                one._enter(State.DOWN if safe else State.UNSAFE)
                self._say(one, told)
            one._ended.set()
            self._send.send_nowait(one)

    def _make_safe_now(self, one: Lifeline) -> None:
        """The first word of its safe state, whatever its task does about its end."""
        if one.child.safe_now is None:
            return
        try:
            one.child.safe_now()
        except Exception as error:
            log.exception("%s: the first word of its safe state failed", one.path)
            one.last_error = error

    async def _make_safe(self, one: Lifeline) -> bool:
        """Whether the child's safe state was reached in time. Works with and without the child's task."""
        if one.child.safe is None:
            return True
        with trio.move_on_after(one.child.safe_within_s, shield=True):
            try:
                await one.child.safe()
                return True
            except Exception as error:
                log.exception("%s: its safe state failed", one.path)
                one.last_error = error
                return False
        one.last_error = TimeoutError(f"safe state not reached within {one.child.safe_within_s:g} s")
        return False

    # --- stopping --------------------------------------------------------------------------------------------------

    async def _stop_in_turns(self, turns: Iterable[Sequence[Lifeline]], why: str) -> list[Lifeline]:
        """Stops these, each with its deadline. Returns those that turned out unsafe or stuck."""
        in_trouble = []
        for turn in turns:
            # Each with the end of its present run: by the time we look, one that was asked for may have begun another.
            stopping = [(one, one._ended) for one in turn if one.state.has_task]
            began_s = trio.current_time()
            for one, _ in stopping:
                one._end(why)
            for one, ended in stopping:
                within_s = one.child.stop_within_s + (one.child.safe_within_s if one.child.safe else 0.0)
                with trio.move_on_at(began_s + within_s):
                    await ended.wait()
            for one, ended in stopping:  # only now, when all had their time: a stuck one may end the process
                if not ended.is_set() and one.state is not State.STUCK:
                    await self._give_up_on(one)
                if one.state.is_latched:
                    in_trouble.append(one)
        return in_trouble

    async def _give_up_on(self, one: Lifeline) -> None:
        one._enter(State.STUCK)
        one._ended_by(End.STUCK)
        await self._make_safe_from_outside(one)
        self._take_stack(one)
        self._say(one, End.STUCK)

    async def _make_safe_from_outside(self, one: Lifeline) -> None:
        """In a task of its own: a safe state that resists cancellation must not keep the rest from being done."""
        done = trio.Event()

        async def run() -> None:
            try:
                await self._make_safe(one)
            finally:
                done.set()

        self._nursery.start_soon(run, name=f"{one.path} made safe")
        with trio.move_on_after(one.child.safe_within_s, shield=True):
            await done.wait()

    def _take_stack(self, one: Lifeline) -> None:
        try:
            one.stuck_stack = stack_of(one._task) if one._task else ()
        except Exception:
            log.exception("%s: its stack cannot be taken", one.path)

    def _say(self, one: Lifeline, end: End) -> None:
        try:
            self._report(one.path, one, end)
        except Exception:
            log.exception("%s: whoever listens to its ends failed", one.path)
