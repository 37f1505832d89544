"""The temperature of each connector's plug in the composition: a limit while it is hot, and the faults that say so.

Looks at every status that a PLC board gives of the connector. A status that does not come renews nothing: the limit
ends with the board's watchdog and leaves no power. What ends a session is charging's to judge and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.journal import state
from jp_firmware.journal.writer import Journal
from jp_firmware.model.connector import EvStatus
from jp_firmware.model.limits import Limit
from jp_firmware.planner.derating import OWNER, Derating, Heat, is_news, plug_limit
from jp_firmware.planner.limits import LimitBook

HOT, UNWATCHED, REDUCED = "TMP-03", "TMP-05", "TMP-10"
WATCHED = "connectors.watched_contacts"  # key of the journal's state: contacts that have told a temperature
STARTING_S = 10.0  # ours: for a board that starts together with us to read its sensors; no car is charged so early
STEADY_S = 60.0  # facts: TMP-05 clears when temperatures have been valid for so long; ours: TMP-10 likewise


@attrs.define(eq=False, repr=False)
class PlugHeat:
    """One connector's plug. `watchdog_s` is how long its board may be silent."""

    runner: ConnectorRunner
    limits: LimitBook
    faults: FaultSink
    watchdog_s: float
    on_watched: Callable[[], None] = lambda: None  # other contacts than before have told a temperature
    _derating: Derating = attrs.field(factory=Derating)
    _limit: Limit | None = None  # in the book
    _lost_since_s: float | None = None
    _unwatched: str = ""  # the code that stands for it
    _known_since_s: float | None = None

    def __attrs_post_init__(self) -> None:
        self.runner.ports.ev_link.status.subscribe(self.look)

    def look(self) -> None:
        """A cut is in force, with the set-points that follow from it, when this returns."""
        now_s, signal = trio.current_time(), self.runner.ports.ev_link.status.signal
        ev = signal.fresh(now_s, self.watchdog_s)
        if ev is None:
            return
        heat = self._look_at(ev)
        if not heat.lost:
            self._lost_since_s = None
        elif self._lost_since_s is None:
            self._lost_since_s = now_s
        patience_s = self.watchdog_s if self._derating.has_begun else STARTING_S
        if heat.lost and now_s - (self._lost_since_s or 0.0) < patience_s:
            return  # one answer without it is a disturbance: what stands goes on until it ends by itself
        self._set(heat, signal.at_s, now_s)
        self._tell(heat, now_s)

    @property
    def watched(self) -> frozenset[str]:
        """The contacts that have told a temperature, in this life or in one before it."""
        return self._derating.watched

    def recall(self, watched: Iterable[str]) -> None:
        """These contacts told a temperature in a life before this one."""
        self._derating.watched |= frozenset(watched)

    def _look_at(self, ev: EvStatus) -> Heat:
        before = self.watched
        heat = self._derating.look(ev, self.runner.machine.connector)
        if self.watched != before:
            self.on_watched()
        return heat

    def _set(self, heat: Heat, seen_at_s: float, now_s: float) -> None:
        if heat.share == 1.0:
            if self._limit:
                self._limit = None
                self.limits.lift(OWNER, self.runner.name)
            return
        limit = plug_limit(self.runner.name, heat, self._full_w(now_s), seen_at_s + self.watchdog_s)
        if self._limit is None or is_news(limit, self._limit, now_s):
            self._limit = limit
            self.limits.set(limit)

    def _full_w(self, now_s: float) -> float:
        """What the plug carries while it is cool, at the voltage of its output."""
        machine, output = self.runner.machine, self.runner.ports.stage.output
        measured = output.fresh(now_s, machine.limits.measurement_s)
        energised = measured is not None and measured.voltage_v > machine.limits.safe_voltage_v
        voltage_v = measured.voltage_v if measured and energised else machine.connector.max_voltage_v
        return machine.connector.current_limit_a * voltage_v

    def _tell(self, heat: Heat, now_s: float) -> None:
        name = self.runner.name
        if heat.lost:
            code = REDUCED if heat.share > 0.0 else UNWATCHED
            if self._unwatched and self._unwatched != code:
                self.faults.clear(self._unwatched, name)
            self._unwatched, self._known_since_s = code, None
            self.faults.raise_(code, name, heat.reason)
        elif self._unwatched:
            self._known_since_s = now_s if self._known_since_s is None else self._known_since_s
            if now_s - self._known_since_s >= STEADY_S:
                self.faults.clear(self._unwatched, name)
                self._unwatched = ""
        if heat.share < 1.0 and not heat.lost:
            self.faults.raise_(HOT, name, heat.reason)
        else:
            self.faults.clear(HOT, name)


async def recall(plugs: Sequence[PlugHeat], journal: Journal) -> None:
    """What is remembered of their sensors; from then on what becomes known of them is remembered, too."""
    remembered = await journal.read(lambda db: state.get(db, WATCHED)) or {}

    def watched() -> dict[str, list[str]]:
        return {plug.runner.name: sorted(plug.watched) for plug in plugs}

    def remember() -> None:
        journal.post(state.Put(WATCHED, watched()))

    for plug in plugs:
        plug.recall(remembered.get(plug.runner.name, ()))
        plug.on_watched = remember
    if watched() != remembered:  # a board was heard first
        remember()
