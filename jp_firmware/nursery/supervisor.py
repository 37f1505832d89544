"""Supervisors: children started in order, stopped one by one in reverse, restarted as their strategy says.

Rules

1. Each child is one task inside a shielded scope of its own. Cancellation from outside reaches only the supervisor's
   body, which then takes its children down; Trio alone would cancel siblings in random order.
2. After every end of a child its safe state is reached, within a hard deadline, before anybody hears of the end.
3. A task that does not end when it is stopped, or when its watchdog expires, is made safe from outside. Trio has no
   kill: the supervisor can go no further than to say so (`End.STUCK`, to `on_event`, at once) and to escalate.
4. A child that could not be made safe, or was stuck, is latched: no restart of any supervisor starts it again.
5. Whatever takes all children of a supervisor down, its own end or a restart of all of them, `everything_off` comes
   first, and nothing it does can keep the stop from coming.
6. A restart that was asked for takes the way of a failure: stop, safe state, start. It costs no back-off and counts as
   no failure; what is latched must be released first.

This room refuses to know what it supervises.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio

from jp_firmware.nursery.child import (
    WITHOUT_WATCHDOG,
    AtExpiry,
    Child,
    End,
    Lifeline,
    Restart,
    State,
    describe,
)
from jp_firmware.nursery.keeper import OnEvent
from jp_firmware.nursery.requests import Requests, RestartRefused
from jp_firmware.nursery.starts import Starts
from jp_firmware.nursery.strategy import Strategy
from jp_firmware.nursery.walk import UnknownPath

__all__ = [
    "AtExpiry",
    "Child",
    "End",
    "Escalated",
    "Lifeline",
    "Restart",
    "RestartRefused",
    "State",
    "Strategy",
    "Supervisor",
    "UnknownPath",
    "describe",
]

log = logging.getLogger(__name__)

DEAF_LOOK_S = (
    0.1  # ours: looks for tasks that outlive their watchdogs are at least this far apart; deadlines move often
)


class Escalated(Exception):
    """A supervisor gave up on a child; its own parent decides what happens next. `__cause__` is the child's error."""


@attrs.define(eq=False, kw_only=True, repr=False)
class Supervisor(Requests):
    """Runs `children` under one strategy.

    More than `intensity` restarts within `period_s` escalate; with None none ever does, for devices whose cable may be
    out for days. The first start waits for a child that carries no other no longer than `start_patience_s`, then goes
    on with the next; those that depend on a child (all under REST and ALL, the spokes on the hub) wait for its ready.

    A child that is latched escalates too, unless `latch_escalates` is False: then it stays behind alone, for children
    that share nothing.

    With `stop_together` children that carry no other are stopped at once instead of one by one: for equals that do not
    depend on each other, so that many of them need no more time than one. Those that carry others follow, in order.

    `on_event(path, lifeline, end)` hears of every end, after the safe state; without one, the parent's hears of it.
    """

    children: Sequence[Child]
    intensity: int | None = 3
    period_s: float = 60.0
    start_patience_s: float = 1.0
    stop_together: bool = False
    latch_escalates: bool = True
    on_event: OnEvent | None = None
    everything_off: Callable[[], None] | None = None
    off_error: BaseException | None = attrs.field(init=False, default=None)  # what `everything_off` raised last

    _path: str = attrs.field(init=False, default="", repr=False)
    _since_s: float = attrs.field(init=False, default=0.0, repr=False)
    _falls: deque[float] = attrs.field(init=False, factory=deque, repr=False)
    _news: trio.MemoryReceiveChannel[Lifeline] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        names = [child.name for child in self.children]
        if len(set(names)) != len(names):
            raise ValueError(f"supervisor {self.name!r}: two children share a name in {names}")
        self.lifelines = [Lifeline(child=child, path=f"{self.name}/{child.name}") for child in self.children]

    def __repr__(self) -> str:
        return f"<Supervisor {self._path or self.name}>"

    def as_child(self, **terms: Any) -> Child:
        """This supervisor as a child of another. It starts and stops as its children do; `terms` are `Child`'s."""
        return Child(
            **{
                "name": self.name,
                "run": self.run,
                "subtree": self,
                "ready_within_s": math.inf,
                "stop_within_s": math.inf,
                **terms,
            }
        )

    @property
    def stop_budget_s(self) -> float:
        """Longest time an ordered stop takes: the sum over all turns, of each the longest of those stopped at once."""
        return sum(max((one.child.stop_budget_s for one in turn), default=0.0) for turn in self._turns(self.lifelines))

    async def run(self, lifeline: Lifeline | None = None) -> None:
        """Runs until all children are done, or until cancelled; the whole tree below is down and safe when it returns.

        Raises `Escalated`, bare, after the last child has ended. Cancelled, it stops its children in reverse order,
        shielded, within `stop_budget_s`; a stuck task holds it longer, after `on_event` was told. KeyboardInterrupt
        and its like pass through once the children are safe.
        """
        self._prepare(lifeline)
        gave_up: Escalated | None = None
        in_trouble: list[Lifeline] = []
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    await self._supervise(lifeline)
                except Escalated as error:
                    gave_up = error  # raised below, outside the nursery, so that it is not wrapped in a group
                finally:
                    try:
                        self._all_off()
                    finally:
                        with trio.CancelScope(shield=True):
                            in_trouble = await self._stop(self.lifelines, f"{self._path} goes down")
        finally:
            self._running = False
        if in_trouble:
            raise Escalated(f"{self._path}: {_names(in_trouble)} could not be stopped safely") from gave_up
        if gave_up:
            raise gave_up

    # --- the picture -----------------------------------------------------------------------------------------------

    def tree(self) -> dict[str, Any]:
        """The tree as it stands: plain, JSON-ready, never an infinity. Times are seconds."""
        up_for_s = trio.current_time() - self._since_s if self._running else None
        return {
            "name": self.name,
            "kind": "supervisor",
            "state": (State.UP if self._running else State.IDLE).value,
            "up_for_s": up_for_s,
            "restarts": 0,
            "last_end": None,
            "last_end_age_s": None,
            "error": None,
            **WITHOUT_WATCHDOG,
            "backoff_s": None,
            "strategy": self.strategy.value,
            "falls": len(self._falls),  # ends within `period_s` that count towards `intensity`
            "intensity": self.intensity,
            "period_s": self.period_s if math.isfinite(self.period_s) else None,
            "off_error": describe(self.off_error),
            "children": [one.tree() for one in self.lifelines],
        }

    # --- the body --------------------------------------------------------------------------------------------------

    def _prepare(self, lifeline: Lifeline | None) -> None:
        if self._running:
            raise RuntimeError(f"supervisor {self.name!r} is already running")
        self._running, self._since_s = True, trio.current_time()
        self._path = lifeline.path if lifeline else self.name
        self._report = self.on_event or (lifeline._report if lifeline else self._report)
        # Unbounded, because a child's end must never wait; at most two entries a run of a child are on their way.
        self._send, self._news = trio.open_memory_channel[Lifeline](math.inf)
        self._falls.clear()
        for one in self.lifelines:
            one.path = f"{self._path}/{one.name}"
            one._tell, one._report = self._send.send_nowait, self._report
            if not one.state.is_latched:
                one._enter(State.IDLE)
        self._starts = Starts(self._carries, self.start_patience_s)
        self._starts.begin(self.lifelines)

    async def _supervise(self, lifeline: Lifeline | None) -> None:
        """Starts, and reacts to ends, until all children are done. News may be old: only a child's state counts."""
        while True:
            await self._give_up_on_deaf()
            self._start_next()
            if lifeline and self._starts.is_over:
                lifeline.ready()
            if not self._starts.waiting and all(
                one.state in (State.IDLE, State.DONE) and one.asked is None for one in self.lifelines
            ):
                return
            news: Lifeline | None = None
            with trio.move_on_at(min(self._starts.patience_ends_s, self._ask_again_s())):
                news = await self._news.receive()
            if news:
                await self._react(news)

    async def _give_up_on_deaf(self) -> None:
        """A task that does not end when its watchdog expires is no better than one that does not end when stopped."""
        for one in self.lifelines:
            if one._notice_expiry():
                self._make_safe_now(one)
            if one._given_up_at_s() <= trio.current_time():
                one._why = "its watchdog expired, and its task did not end"
                await self._give_up_on(one)
                await self._react(one)

    def _ask_again_s(self) -> float:
        due_s = min((one._given_up_at_s() for one in self.lifelines), default=math.inf)
        return max(due_s, trio.current_time() + DEAF_LOOK_S)

    async def _react(self, one: Lifeline) -> None:
        if one.state.is_latched:
            if self.latch_escalates:
                raise Escalated(f"{one.path} could not be made safe") from one.last_error
            return
        if one.asked is not None:
            await self._restart_as_asked(one, one.asked)
            return
        if one.state is not State.DOWN:
            return
        failed = one.last_end is not End.EXIT
        if one.child.restart is Restart.NEVER or (one.child.restart is Restart.ON_FAILURE and not failed):
            one._enter(State.DONE)
            if failed and self._carries(one):
                self._starts.waiting.clear()  # those that depend on it must not start
            return
        expired = one.last_end is End.WATCHDOG
        if expired and one.child.at_expiry is AtExpiry.ESCALATE:
            raise Escalated(f"{one.path}: its watchdog expired") from one.last_error
        self._count_fall(one)
        healthy = one.up_for_s > one.child.backoff.healthy_after_s
        one.failures = 1 if healthy else one.failures + 1
        everyone = expired and one.child.at_expiry is AtExpiry.RESTART_ALL
        await self._restart(one, one.child.backoff.delay_s(one.failures), everyone=everyone)

    async def _restart_as_asked(self, one: Lifeline, why: str) -> None:
        """At once, and forgetting its back-off. Siblings that do not depend on it wait for none of it."""
        one.failures = 0
        if one.state is State.IDLE:
            one.asked = None  # it is about to start anyway
            one._do_meanwhile()
        elif self._carries(one):
            one.asked = None
            await self._restart(one, 0.0, why)
        elif one.state in (State.DOWN, State.DONE):
            one._do_meanwhile()
            await self._restart(one, 0.0)
        elif one.state in (State.BACKOFF, State.STARTING, State.UP):
            self._nursery.start_soon(self._stop_apart, one, one._ended, why)  # its end brings it here again

    async def _stop_apart(self, one: Lifeline, run: trio.Event, why: str) -> None:
        if one._ended is not run:
            return  # it ended by itself before this task's turn came, and has begun anew
        await self._stop([one], why)
        if one.state is State.STUCK:
            self._send.send_nowait(one)

    def _count_fall(self, one: Lifeline) -> None:
        now_s = trio.current_time()
        self._falls.append(now_s)
        while self._falls[0] < now_s - self.period_s:
            self._falls.popleft()
        if self.intensity is not None and len(self._falls) > self.intensity:
            end = one.last_end.value if one.last_end else "end"
            raise Escalated(
                f"{one.path}: {end}, after {len(self._falls) - 1} restarts within {self.period_s:g} s"
            ) from one.last_error

    async def _restart(self, one: Lifeline, delay_s: float, why: str = "", *, everyone: bool = False) -> None:
        if not self._carries(one) and not everyone:
            one.restarts += 1
            self._spawn(one, delay_s)  # siblings never wait for this back-off
            return
        group = self.lifelines if everyone else self.strategy.group_of(one, self.lifelines)
        if len(group) == len(self.lifelines):
            self._all_off()
        in_trouble = await self._stop(group, why or f"{one.path} ended")
        if in_trouble:
            raise Escalated(f"{self._path}: {_names(in_trouble)} could not be stopped safely") from one.last_error
        one._do_meanwhile()
        for member in group:
            if member.state is State.DOWN:
                member.restarts += 1
                member._enter(State.IDLE)
        self._starts.begin(member for member in group if member.state is not State.DONE)
        self._start_next(delay_s)

    def _start_next(self, delay_s: float = 0.0) -> None:
        while one := self._starts.take():
            self._spawn(one, delay_s)
            delay_s = 0.0

    def _carries(self, one: Lifeline) -> bool:
        """Whether other children depend on this one."""
        return self.strategy.carries(one, self.lifelines)

    # --- stopping --------------------------------------------------------------------------------------------------

    async def _stop(self, lifelines: Sequence[Lifeline], why: str) -> list[Lifeline]:
        """Stops these in their turns. Returns those that turned out unsafe or stuck."""
        return await self._stop_in_turns(self._turns(lifelines), why)

    def _turns(self, lifelines: Sequence[Lifeline]) -> list[list[Lifeline]]:
        """Who is stopped after whom: in reverse order of their start, one by one or, where it is allowed, at once."""
        if not self.stop_together:
            return [[one] for one in reversed(lifelines)]
        free = [one for one in reversed(lifelines) if not self._carries(one)]
        return [free, *([one] for one in reversed(lifelines) if self._carries(one))]

    def _all_off(self) -> None:
        if self.everything_off is None:
            return
        try:
            self.everything_off()
        except Exception as error:
            log.exception("%s: everything-off failed; the ordered stop goes on", self._path)
            self.off_error = error


def _names(lifelines: Sequence[Lifeline]) -> str:
    return ", ".join(one.name for one in lifelines)
