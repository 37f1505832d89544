"""What the terminal knows: the latest snapshots, the link's state, and the course of a few values.

Pure: it is told the time, does no I/O and knows no widget. It keeps no opinion of its own about the charger; when the
link is gone, everything it holds is old, and `stale` says so until fresh words arrive.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from jp_firmware.tui.configuration.told import ConfigView
from jp_firmware.tui.incidents import EventView, FaultsView, read_events
from jp_firmware.tui.plan import PlanView
from jp_firmware.tui.snapshot import StatusView
from jp_firmware.tui.trend import Trend

TOPICS: Final = ("status", "faults", "events", "config")
PLANNER: Final = "planner"  # only while somebody looks at it

# The charger confirms an unchanged topic every 2 s; three of them missing is silence, whatever the socket says.
QUIET_LIMIT_S: Final = 6.0


class Link(enum.Enum):
    """The link to the charger."""

    CONNECTING = "connecting"  # never up yet
    UP = "up"
    LOST = "lost"


@attrs.define(eq=False)
class Store:
    """Latest value wins; history is kept only for the trends.

    `link_since_s` is when `link` was entered, `heard_at_s` when the charger last told its state (monotonic).
    """

    link: Link = Link.CONNECTING
    link_reason: str = ""
    link_since_s: float = 0.0
    heard_at_s: float = -math.inf
    silent_reason: str = ""  # why the charger cannot tell its state, if it said so
    status: StatusView | None = None
    plan: PlanView | None = None
    plan_heard_at_s: float = -math.inf
    config: ConfigView | None = None
    faults: FaultsView = attrs.field(factory=FaultsView)
    events: tuple[EventView, ...] = ()
    trends: dict[tuple[int, str], Trend] = attrs.field(factory=dict)
    _raw: dict[str, Mapping[str, Any]] = attrs.field(factory=dict, repr=False)

    # --- what comes in ---------------------------------------------------------------------------------------------

    def put(self, topic: str, snapshot: Mapping[str, Any], at_s: float) -> bool:
        """Takes a whole snapshot. True if anything in it differs from the last one."""
        changed = self._raw.get(topic) != snapshot
        if changed:
            self._raw[topic] = snapshot
            self._read(topic, snapshot, at_s)
        if topic == "status":
            self.heard_at_s, self.silent_reason = at_s, ""
            self._record(at_s)
        elif topic == PLANNER:
            self.plan_heard_at_s = at_s
        return changed

    def unavailable(self, topic: str, why: str) -> None:
        """The charger answers but cannot tell a topic: what was told of its state grows old."""
        if topic == "status":
            self.silent_reason = why

    def link_up(self, at_s: float) -> None:
        if self.link is not Link.UP:
            self.link, self.link_reason, self.link_since_s = Link.UP, "", at_s

    def link_down(self, reason: str, at_s: float) -> None:
        """The link is gone, or could not be made: the time counts from the first loss, the reason is the latest."""
        if self.link is Link.UP:
            self.link, self.link_since_s = Link.LOST, at_s
        self.link_reason = reason

    # --- what views ask --------------------------------------------------------------------------------------------

    def stale(self, now_s: float) -> bool:
        """Whether what is held may no longer be taken for the charger's present state."""
        return self.link is not Link.UP or now_s - self.heard_at_s > QUIET_LIMIT_S

    def plan_stale(self, now_s: float) -> bool:
        """Whether what is held of the planner is old: it is heard only while somebody looks at it."""
        return self.stale(now_s) or now_s - self.plan_heard_at_s > QUIET_LIMIT_S

    def silent_for_s(self, now_s: float) -> float:
        """How long the charger has told nothing of its state."""
        return now_s - (self.heard_at_s if math.isfinite(self.heard_at_s) else self.link_since_s)

    def trend(self, connector: int, name: str) -> Trend:
        """The course of a connector's `name` ("power_w", "voltage_v", "current_a"); empty if it has none."""
        return self.trends.get((connector, name)) or Trend()

    def _read(self, topic: str, snapshot: Mapping[str, Any], at_s: float) -> None:
        if topic == "status":
            self.status = StatusView.read(snapshot)
        elif topic == "faults":
            self.faults = FaultsView.read(snapshot)
        elif topic == "events":
            self.events = read_events(snapshot)
        elif topic == PLANNER:
            self.plan = PlanView.read(snapshot)
        elif topic == "config":
            self.config = ConfigView.read(snapshot, at_s) if snapshot.get("version") else None

    def _record(self, at_s: float) -> None:
        if self.status is None:
            return
        for number, one in self.status.connectors.items():
            for name, value in (("power_w", one.power_w), ("voltage_v", one.voltage_v), ("current_a", one.current_a)):
                self.trends.setdefault((number, name), Trend()).add(at_s, value)
