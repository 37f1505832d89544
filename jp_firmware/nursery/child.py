"""A child of the supervision tree: what it is (`Child`) and what it holds while it runs (`Lifeline`).

The lifeline is the watchdog. It is fed by evidence from outside, never by a loop that goes round, and it compares the
clock itself, so that a step that blocked too long cannot save itself by feeding late.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import attrs
import trio

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.history import ENDED, READY, Moment, new_history


class Restart(enum.Enum):
    """Which ends are followed by a restart."""

    ALWAYS = "always"
    ON_FAILURE = "on failure"  # not after a plain return
    NEVER = "never"


class AtExpiry(enum.StrEnum):
    """What follows a watchdog's end. Any other end is followed by what the strategy says."""

    RESTART = "restart"  # what the strategy says, as after any other failure
    RESTART_ALL = "restart all"  # it and all its siblings, as if each depended on it
    ESCALATE = "escalate"  # the supervisor gives up; its own parent decides


class End(enum.Enum):
    """How a child ended. What was asked for first names the end, whatever the task made of it."""

    EXIT = "exit"  # it returned
    CRASH = "crash"  # it raised
    WATCHDOG = "watchdog"  # it was not ready in time, or was not fed in time
    STOPPED = "stopped"  # its supervisor stopped it
    UNSAFE = "unsafe"  # its safe state failed or took too long
    STUCK = "stuck"  # it did not end when it was stopped; its safe state was reached from outside


class State(enum.StrEnum):
    """Where a child is in its life."""

    IDLE = "idle"  # not started, or waiting for its turn
    BACKOFF = "backoff"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    MAKING_SAFE = "making safe"
    DOWN = "down"
    DONE = "done"  # ended, and not to be restarted
    UNSAFE = "unsafe"  # latched
    STUCK = "stuck"  # latched

    @property
    def is_latched(self) -> bool:
        """Nothing but `Supervisor.release` leads out of this state."""
        return self in (State.UNSAFE, State.STUCK)

    @property
    def is_settled(self) -> bool:
        """It is what it should be: at work, or done."""
        return self in (State.UP, State.DONE)

    @property
    def has_task(self) -> bool:
        """Whether there is a task that an ordered stop must end."""
        return self in (State.BACKOFF, State.STARTING, State.UP, State.STOPPING, State.MAKING_SAFE)


class Branch(Protocol):
    """What has a name, and children."""

    @property
    def name(self) -> str: ...

    @property
    def lifelines(self) -> Sequence[Lifeline]: ...


class Subtree(Branch, Protocol):
    """What the tree asks of a child that is itself a supervisor."""

    def tree(self) -> dict[str, Any]: ...

    @property
    def stop_budget_s(self) -> float: ...


@attrs.frozen(kw_only=True, repr=False)
class Child:
    """One part of the tree and its terms.

    `run` raises when it loses its device. `safe` is idempotent and must not need the task's own state: it runs after
    every end of `run`, and from outside when the task cannot be ended. `safe_now` is its first word, synchronous: it is
    said as soon as the watchdog's expiry is seen, so that a task which resists its end gains no time by it.
    """

    name: str
    run: Callable[[Lifeline], Awaitable[object]]
    safe: Callable[[], Awaitable[object]] | None = None
    safe_now: Callable[[], None] | None = None
    restart: Restart = Restart.ALWAYS
    watchdog_s: float = math.inf  # longest gap between feeds, once ready
    ready_within_s: float = 10.0  # from the start to `Lifeline.ready`
    stop_within_s: float = 2.0  # from being stopped to the end of the task
    safe_within_s: float = 0.5  # for `safe`, hard
    at_expiry: AtExpiry = attrs.field(default=AtExpiry.RESTART, converter=AtExpiry)
    backoff: Backoff = attrs.field(factory=Backoff)
    subtree: Subtree | None = None  # set by `Supervisor.as_child`

    def __repr__(self) -> str:
        return f"<Child {self.name}>"

    @property
    def stop_budget_s(self) -> float:
        """Longest time an ordered stop of this child takes, its safe state included."""
        own_s = self.subtree.stop_budget_s if self.subtree else self.stop_within_s
        return own_s + (self.safe_within_s if self.safe else 0.0)


@attrs.define(eq=False, repr=False)
class Lifeline:
    """A running child's sign of life, and the tree's record of the child over all its runs."""

    child: Child
    path: str = ""  # names from the root, joined by "/"
    state: State = State.IDLE
    since_s: float = 0.0  # when `state` was entered
    restarts: int = 0
    failures: int = 0  # in a row, for the back-off
    last_end: End | None = None
    last_end_at_s: float | None = None  # monotonic
    last_error: BaseException | None = None
    asked: str | None = None  # why somebody wants it restarted, until it is
    meanwhile: Callable[[], None] | None = None  # what is to be done then, while it is down
    fed_at_s: float = 0.0
    worst_gap_s: float = 0.0  # longest gap between feeds in the present, or last, run
    up_for_s: float = 0.0  # how long the last run was ready, known when it has ended
    stuck_stack: tuple[str, ...] = ()  # where its task stood when it was given up on, outermost first
    history: deque[Moment] = attrs.field(factory=new_history, repr=False)

    _worst_before_s: float = attrs.field(default=0.0, init=False, repr=False)  # over the runs before this one
    _why: str | None = attrs.field(default=None, init=False, repr=False)  # why it was told to end
    _ready_at_s: float | None = attrs.field(default=None, init=False, repr=False)
    _resume_at_s: float = attrs.field(default=0.0, init=False, repr=False)
    _expired_at_s: float | None = attrs.field(default=None, init=False, repr=False)  # its watchdog, as it was noticed
    _task: trio.lowlevel.Task | None = attrs.field(default=None, init=False, repr=False)
    _stop: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False, repr=False)
    _watchdog: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False, repr=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False, repr=False)
    _is_settled: trio.Event = attrs.field(factory=trio.Event, init=False, repr=False)  # another one for each time
    _tell: Callable[[Lifeline], None] = attrs.field(default=lambda _: None, init=False, repr=False)
    _report: Callable[[str, Lifeline, End], None] = attrs.field(default=lambda *_: None, init=False, repr=False)

    def __repr__(self) -> str:
        return f"<Lifeline {self.path or self.name}: {self.state}>"

    @property
    def name(self) -> str:
        return self.child.name

    @property
    def worst_gap_ever_s(self) -> float:
        """Longest gap between feeds over all runs."""
        return max(self._worst_before_s, self.worst_gap_s)

    def ready(self) -> None:
        """The device has answered plausibly for the first time: from now on feeds are due. Later calls only feed."""
        if self.state is not State.STARTING:
            self.feed()
        elif not self._is_late():
            self._enter(State.UP)
            self._worst_before_s, self.worst_gap_s = self.worst_gap_ever_s, 0.0
            self.fed_at_s = self._ready_at_s = self.since_s
            self._watchdog.deadline = self.since_s + self.child.watchdog_s
            self.note(READY)
            self._tell(self)

    def feed(self) -> None:
        """Fresh, plausible evidence has come in. Before `ready` it buys no time; too late it saves nobody."""
        if self.state is not State.UP:
            return
        now_s = trio.current_time()
        self.worst_gap_s = max(self.worst_gap_s, now_s - self.fed_at_s)
        self.fed_at_s = now_s
        if not self._is_late():
            self._watchdog.deadline = now_s + self.child.watchdog_s

    async def up(self) -> None:
        """Waits until it is ready, or has nothing to do; returns at once while that is so."""
        while not self.state.is_settled:
            await self._is_settled.wait()

    def note(self, what: str, why: str | None = None) -> None:
        """Adds to the history of this part: one of its words, and the reason there was."""
        end = self.last_end.value if what == ENDED and self.last_end else None
        self.history.append(Moment(trio.current_time(), self.path, what, end, why))

    def tree(self) -> dict[str, Any]:
        """This child, and what hangs on it, as a plain JSON-ready dictionary."""
        now_s = trio.current_time()
        up = self.state is State.UP
        gap_s = now_s - self.fed_at_s if up else 0.0
        node = {
            "name": self.name,
            "kind": "child",
            "state": self.state.value,
            "up_for_s": now_s - self.since_s if up else None,
            "restarts": self.restarts,
            "last_end": self.last_end.value if self.last_end else None,
            "last_end_age_s": now_s - self.last_end_at_s if self.last_end_at_s is not None else None,
            "error": describe(self.last_error),
            "watchdog_s": _finite(self.child.watchdog_s),
            "ready_within_s": _finite(self.child.ready_within_s),
            "at_expiry": self.child.at_expiry.value,
            "gap_s": gap_s if up else None,
            "worst_gap_s": max(self.worst_gap_s, gap_s),
            "worst_gap_ever_s": max(self.worst_gap_ever_s, gap_s),
            "backoff_s": max(0.0, self._resume_at_s - now_s) if self.state is State.BACKOFF else None,
        }
        if self.child.subtree:
            # The sub-supervisor tells what it is made of; how it fares is what its parent has recorded here.
            node = {**self.child.subtree.tree(), **node, **WITHOUT_WATCHDOG, "kind": "supervisor"}
        return node

    def _begin(self, delay_s: float) -> None:
        """A new run is about to start, after `delay_s` of back-off."""
        self._stop, self._watchdog, self._ended = trio.CancelScope(shield=True), trio.CancelScope(), trio.Event()
        self._ready_at_s = self.asked = self._why = self._expired_at_s = None
        self._resume_at_s = trio.current_time() + delay_s
        self._enter(State.BACKOFF if delay_s else State.STARTING)

    def _do_meanwhile(self) -> None:
        """It is down, and about to start as it was asked to."""
        do, self.meanwhile = self.meanwhile, None
        if do is not None:
            do()

    def _end(self, why: str) -> None:
        """Asks the run to end. Once it is making safe it is ending already."""
        if self.state is not State.MAKING_SAFE:
            self._enter(State.STOPPING)
            self._why = why
            self._stop.cancel(reason=why)

    @property
    def _is_watched(self) -> bool:
        return not self.child.subtree and self.state in (State.STARTING, State.UP, State.MAKING_SAFE)

    def _notice_expiry(self) -> bool:
        """Whether the watchdog has expired since this was last asked."""
        if not self._is_watched or self._expired_at_s is not None or not self._watchdog.cancel_called:
            return False
        self._expired_at_s = trio.current_time()
        return True

    def _given_up_at_s(self) -> float:
        """When a task is given up on whose watchdog has expired and that does not end; before that, when to ask again.

        Its time counts from when the expiry was noticed: a loop that stood still gave it no chance to end.
        """
        if not self._is_watched:
            return math.inf
        if self._expired_at_s is None:
            return self._watchdog.deadline
        return self._expired_at_s + self.child.stop_budget_s

    def _was_up_s(self) -> float:
        """For how long this run has been ready."""
        return trio.current_time() - self._ready_at_s if self._ready_at_s is not None else 0.0

    def _is_late(self) -> bool:
        """Whether the deadline has passed unnoticed, in a step that blocked; then this is a watchdog end."""
        late = trio.current_time() > self._watchdog.deadline
        if late:
            self._watchdog.cancel(reason="fed too late")
        return late

    def _ended_by(self, end: End) -> None:
        """Records an end; why is what was asked for, or else the error."""
        self.last_end, self.last_end_at_s = end, trio.current_time()
        self.note(ENDED, (self._why if end in (End.STOPPED, End.STUCK) else None) or describe(self.last_error))

    def _enter(self, state: State) -> None:
        self.state, self.since_s = state, trio.current_time()
        if state.is_settled:
            self._is_settled.set()
        elif self._is_settled.is_set():
            self._is_settled = trio.Event()


WITHOUT_WATCHDOG: dict[str, None] = dict.fromkeys(
    ("watchdog_s", "ready_within_s", "at_expiry", "gap_s", "worst_gap_s", "worst_gap_ever_s")
)
"""What a supervisor has not: it is watched through its children."""


def describe(error: BaseException | None) -> str | None:
    """An error in one line: a group is told by what it holds, so that "Exceptions from Trio nursery" tells nothing."""
    if error is None:
        return None
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(text for text in map(describe, error.exceptions) if text)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
