"""The process as a part of the charger: the tree's last child, which tells systemd and feeds what guards the process.

It looks at the tree once a second. Only what it sees there feeds the watchdogs of systemd and of the hardware: as a
child of that tree it ends with it, and nothing goes on telling that all is well when nobody looks any more.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.watchdogs import PROCESS
from jp_firmware.nursery import walk
from jp_firmware.nursery.hardware_watchdog import HardwareWatchdog
from jp_firmware.nursery.pauses import GcPolicy
from jp_firmware.nursery.realtime import Scheduling, enter
from jp_firmware.nursery.stall_digest import StallDigest
from jp_firmware.nursery.supervisor import Child, Lifeline, State, Supervisor
from jp_firmware.nursery.systemd import ServiceManager, microseconds, stop_timeout_s

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

log = logging.getLogger("jp")

LOOK_S = 1.0  # ours: between two looks at the tree; at least twice in the shortest of the watchdogs that are fed
STATUS_S = 5.0  # ours: between two lines for `systemctl status`
SLACK_S = 5.0  # ours: what a process needs for the last steps after its tree has ended
START_S = 60.0  # ours: what a start needs at most, when the same process starts anew

VITAL = ("journal", "wires", "planner", "connectors")
"""Without these the charger does not do its work, and a restart of the process is worth its price."""


def sickness(tree: Supervisor) -> str | None:
    """Why the process should not be believed to do its work; None if the tree is healthy.

    Healthy: each of `VITAL` is up, and nothing is stuck. A supervisor among them that is starting counts as up, since
    it starts its children in order and answers for them itself. A part that fails has the period of the watchdog to
    come back. What never counts: an absent meter, module or board, a central system or a console that is away, one
    connector that is out: killing the others would mend nothing. Nor a part that is latched as unsafe: it is latched
    until a person has looked, and a new process would not know of it.
    """
    for one in tree.lifelines:
        starting = one.state is State.STARTING and one.child.subtree is not None
        if one.name in VITAL and one.state is not State.UP and not starting:
            return f"{one.name} is {one.state.value}"
    for path, _, one in walk.parts(tree):
        if one.state is State.STUCK:
            return f"{path} is stuck"
    return None


def worst_part(tree: Supervisor) -> str:
    """The tree in one line: what is down, or else who came closest to its watchdog."""
    leaves = [(path, one) for path, _, one in walk.parts(tree) if one.child.subtree is None]
    down = [f"{path} {one.state.value}" for path, one in leaves if one.state not in (State.UP, State.DONE)]
    if down:
        more = f" and {len(down) - 1} more" if len(down) > 1 else ""
        return f"{len(leaves) - len(down)} of {len(leaves)} parts up; {down[0]}{more}"
    watched = [(one.worst_gap_s / one.child.watchdog_s, path) for path, one in leaves]
    share, path = max(watched, default=(0.0, ""))
    return f"all {len(leaves)} parts up" + (f"; worst {path} ({share:.0%} of its watchdog)" if share else "")


def check_stop_budget(budget_s: float, allowed_s: float | None, *, invoked: bool) -> None:
    """Compares the longest ordered stop with what the service manager allows. Raises ConfigError in one line.

    What it allows may be unknown; then a service is warned.
    """
    enough_s = math.ceil(budget_s + SLACK_S)
    if allowed_s is None:
        if invoked:
            log.warning(
                "cannot learn TimeoutStopSec of this service; it must be at least %d s, and can be named as "
                "process.stop_timeout_s",
                enough_s,
            )
    elif allowed_s < budget_s + SLACK_S:
        raise ConfigError(
            f"an ordered stop may take {enough_s} s, but this process is killed after {allowed_s:g} s; "
            f"set TimeoutStopSec={enough_s} in the unit, or process.stop_timeout_s where that is what allows it"
        )


@attrs.define(eq=False)
class Process:
    """What outlives one run of the controller: who is told, what is fed, how garbage is collected."""

    settings: schema.Process
    manager: ServiceManager = attrs.field(factory=ServiceManager)
    scheduling: Scheduling = attrs.field(factory=lambda: Scheduling("normal"))
    garbage: GcPolicy = attrs.field(factory=GcPolicy)
    hardware: HardwareWatchdog | None = None
    _announced: bool = False  # this run of the controller was told ready
    _sick: str | None = None
    _told: str = ""
    _told_at_s: float = -math.inf
    _stalls_seen: int = 0
    _digest: StallDigest = attrs.field(factory=StallDigest)

    @property
    def look_s(self) -> float:
        """Between two looks: a watchdog is fed at least every half of its period."""
        fed = [self.manager.watchdog_s]
        if self.settings.hardware_watchdog:
            fed.append(self.settings.hardware_watchdog_timeout_s)
        return min(LOOK_S, *(period_s / 2 for period_s in fed))

    def parts(self, controller: Controller) -> Sequence[Child]:
        """The process's own part of a tree that is about to run, for its last place.

        It may fail again and again: that it feeds nothing then says enough, and is no reason for the tree to give up.
        """
        self._announced, self._sick, self._told, self._stalls_seen = False, None, "", 0
        self._told_at_s = -math.inf

        async def run(lifeline: Lifeline) -> None:
            await self._run(controller, lifeline)

        name, _, part = PROCESS.partition("/")
        look = Child(name=part, run=run, stop_within_s=1.0, **controller.watches[PROCESS].terms)
        return [Supervisor(name=name, children=[look], intensity=None).as_child()]

    @property
    def stop_allowed_s(self) -> float | None:
        """When the service manager kills a process that it has told to stop; None if that is not known."""
        return self.settings.stop_timeout_s or (stop_timeout_s() if self.manager.invoked else None)

    def configure(self, settings: schema.Process) -> None:
        """For the next life of the controller: between two of them."""
        if self.hardware and settings.hardware_watchdog != self.settings.hardware_watchdog:
            self._unless_it_fails("stopping", self.hardware.close)
            self.hardware = None
        if settings.realtime_priority != self.settings.realtime_priority:
            self.scheduling = enter(settings.realtime_priority)
        self.settings = settings

    def left(self, *, in_order: bool) -> None:
        """The tree has ended, and the process is about to. Only an ordered end stops the hardware's watchdog."""
        if self.hardware and in_order:
            self._unless_it_fails("stopping", self.hardware.close)

    # --- the part ----------------------------------------------------------------------------------------------------

    async def _run(self, controller: Controller, lifeline: Lifeline) -> None:
        lifeline.ready()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._collect_garbage)
                while True:
                    self._look(controller)
                    lifeline.feed()
                    if controller.ending.is_set():
                        await trio.sleep(self.look_s)
                    else:
                        with trio.move_on_after(self.look_s):
                            await controller.ending.wait()
        finally:
            if lifeline.state is State.STOPPING:
                self._say_stopping(controller)

    def _look(self, controller: Controller) -> None:
        sick = sickness(controller.tree)
        if sick is None:
            if not self._announced:
                self._announce(controller)
            self.manager.tell("WATCHDOG=1")
            if self.hardware:
                self._unless_it_fails("feeding", self.hardware.feed)
        if sick != self._sick:
            controller.note("process", "tree", f"not healthy, no watchdog is fed: {sick}" if sick else "healthy again")
        self._tell_status(controller, sick)
        self._note_stalls(controller)
        if controller.ending.is_set():
            self._say_ending(controller)

    def _announce(self, controller: Controller) -> None:
        """All parts that were to be started before this one are, as far as they can be."""
        self.garbage.after_start()
        log.info("started; setting aside what the start made took %.1f ms", controller.pauses.last_ms)
        controller.pauses.reset()
        if self.settings.hardware_watchdog:
            self._open_hardware(controller)
        ready = ["READY=1", f"MAINPID={os.getpid()}"]
        if math.isfinite(self.manager.watchdog_s):
            ready.append(f"WATCHDOG_USEC={microseconds(self.manager.watchdog_s)}")
        self._announced = self.manager.tell(*ready)  # else at the next look

    def _tell_status(self, controller: Controller, sick: str | None) -> None:
        now_s = trio.current_time()
        if sick == self._sick and now_s < self._told_at_s + STATUS_S:
            return
        self._sick = sick
        text = f"not healthy: {sick}" if sick else worst_part(controller.tree)
        if text == self._told or self.manager.tell(f"STATUS={text}"):
            self._told, self._told_at_s = text, now_s

    def _note_stalls(self, controller: Controller) -> None:
        stalls = controller.stalls
        new = stalls.stalls - self._stalls_seen if stalls.stalls >= self._stalls_seen else stalls.stalls
        self._stalls_seen = stalls.stalls
        recent = list(stalls.recent)[-new:] if new else []
        for told in self._digest.take(trio.current_time(), recent):
            controller.note("loop", told.worst.task, told.text)

    async def _collect_garbage(self) -> None:
        while True:
            await trio.sleep(LOOK_S)
            if self.garbage.is_due() and not await self.garbage.look():
                log.info("no idle moment for the garbage collector; next try in %.0f s", self.garbage.every_s)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _say_ending(self, controller: Controller) -> None:
        """While sessions end in order, look by look: each buys the time until the next, and the tree's own stop."""
        if controller.restart_wanted:
            return  # systemd sees one run of one service
        more_s = 2 * self.look_s + controller.tree.stop_budget_s
        self.manager.tell(
            "STOPPING=1", "STATUS=sessions are ending in order", f"EXTEND_TIMEOUT_USEC={microseconds(more_s)}"
        )

    def _say_stopping(self, controller: Controller) -> None:
        """The tree goes down, this part first: nothing is fed from here on."""
        budget_s = controller.tree.stop_budget_s + SLACK_S
        if controller.restart_wanted:
            if math.isfinite(self.manager.watchdog_s):
                self.manager.tell(f"WATCHDOG_USEC={microseconds(budget_s + START_S)}", "WATCHDOG=1")
            self.manager.tell("STATUS=starting anew, as asked")
        else:
            more = f"EXTEND_TIMEOUT_USEC={microseconds(budget_s)}"
            self.manager.tell("STOPPING=1", "STATUS=everything is off, parts are stopped in order", more)
        if self.hardware and not self.hardware.set_timeout(math.ceil(budget_s + START_S)):
            self._unless_it_fails("stopping", self.hardware.close)  # its longest time is too short for a stop

    # --- the hardware's watchdog -------------------------------------------------------------------------------------

    def _open_hardware(self, controller: Controller) -> None:
        path, timeout_s = self.settings.hardware_watchdog, self.settings.hardware_watchdog_timeout_s
        hardware = self.hardware or HardwareWatchdog(path)
        try:
            hardware.open(timeout_s)
        except OSError as error:
            controller.note("process", path, f"the hardware's watchdog cannot be had: {error.strerror}")
            if not hardware.is_open:
                return
        self.hardware = hardware
        within = f" within {hardware.timeout_s} s" if hardware.timeout_s else ""
        how = "" if hardware.can_be_stopped else "; nothing but a reset stops it"
        controller.note("process", path, f"{hardware.identity or 'a watchdog'} waits to be fed{within}{how}")

    def _unless_it_fails(self, what: str, do: Callable[[], None]) -> None:
        try:
            do()
        except OSError as error:
            log.error("%s the hardware's watchdog: %s", what, error.strerror)
