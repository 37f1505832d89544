"""What the central system's charging profiles come to, as limits of the planner: one for each scope.

A ChargePointMaxProfile limits the site, the others their connector. Each limit names its profile, ends when that can
say something else, and falls to what comes then: the planner follows a schedule in time by itself, and this only puts
the next piece in place. The monotonic clock decides when; the wall clock is read anew every second, so that one that
was set is followed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs
import trio

from jp_firmware.composition.limiting import CENTRAL_SYSTEM
from jp_firmware.config.schema import Cabinet, Connector
from jp_firmware.model.limits import Limit
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.child import Lifeline
from jp_firmware.ocpp.v16.charging_profile import NEVER
from jp_firmware.ocpp.v16.composite import InForce
from jp_firmware.ocpp.v16.profile_book import STATION, ProfileBook
from jp_firmware.planner.limits import LimitBook

LOOK_EVERY_S: Final = 1.0  # ours: how late a step of the wall clock may be noticed
SAME_S: Final = 0.01  # ours: ends this close are one, and clocks that have drifted apart by no more have not been set
PIECES: Final = 8  # ours: a schedule that repeats itself does so for ever
HORIZON_S: Final = 366 * 86_400.0  # ours: what ends later has no end worth telling, and is looked at again by then


@attrs.define(eq=False)
class ProfileLimits:
    """Keeps the limits that follow from `profiles`. All set-points that follow are on the wire when `look` returns."""

    profiles: ProfileBook
    limits: LimitBook
    _next_s: float = attrs.field(default=-math.inf, init=False)  # when something else may hold, if no clock is set
    _apart_s: float = attrs.field(default=0.0, init=False)  # wall clock less monotonic clock, at the last look
    _changed: Bell = attrs.field(factory=Bell, init=False)

    def __attrs_post_init__(self) -> None:
        self.profiles.subscribe(self._profiles_changed)

    async def recall(self) -> None:
        """Puts in force what an earlier run kept, before any power flows. Raises JournalError."""
        await self.profiles.recall()
        self.look()

    async def run(self, lifeline: Lifeline) -> None:
        """Follows the schedules for ever. Fed by each look."""
        lifeline.ready()
        while True:
            if self._is_due():
                self.look()
            lifeline.feed()
            with trio.move_on_at(min(self._next_s, trio.current_time() + LOOK_EVERY_S)):
                await self._changed.wait()

    def look(self) -> None:
        """Puts in force what the profiles say now."""
        now_s, now_ms = trio.current_time(), self.profiles.now_ms
        self._next_s, self._apart_s = math.inf, now_ms / 1000 - now_s
        wanted: dict[str, Limit | None] = {}
        for connector in (STATION, *self.profiles.connector_ids):
            began_ms = self.profiles.began_ms(connector, now_ms)
            present, following = self._present_and_following(connector, now_ms, began_ms)
            ends_s = now_s + (present.until_ms - now_ms) / 1000
            self._next_s = min(self._next_s, ends_s)
            scope = _scope(connector)
            wanted[scope] = _limit(scope, present, following, ends_s if ends_s < now_s + HORIZON_S else math.inf)
        self._put(wanted)

    def _is_due(self) -> bool:
        now_s = trio.current_time()
        return now_s >= self._next_s or abs(self.profiles.now_ms / 1000 - now_s - self._apart_s) > SAME_S

    def _present_and_following(self, connector: int, now_ms: int, began_ms: int | None) -> tuple[InForce, InForce]:
        """What holds now, and what after it. A piece that only goes on is no new one, as far as that is looked for."""
        present = self.profiles.in_force(connector, now_ms, began_ms)
        for _ in range(PIECES):
            following = self.profiles.in_force(connector, present.until_ms, began_ms)
            if following.profile is not present.profile or following.limit_w != present.limit_w:
                break
            present = attrs.evolve(present, until_ms=following.until_ms)
            if present.until_ms == NEVER:
                break
        return present, following

    def _profiles_changed(self) -> None:
        self.look()
        self._changed.ring()

    def _put(self, wanted: Mapping[str, Limit | None]) -> None:
        """All that is new as one change: the plan of a large charger is not computed once for each connector."""
        standing = {one.scope: one for one in self.limits.all() if one.owner == CENTRAL_SYSTEM}
        news = [one for scope, one in wanted.items() if one and not _same(standing.get(scope), one)]
        self.limits.set(*news)
        self.limits.lift(CENTRAL_SYSTEM, *(scope for scope, one in wanted.items() if one is None))


def local_w(cabinet: Cabinet, limits: LimitBook, connector: int) -> float:
    """What a connector, or the site for 0, can draw at most, by its rating and by everybody's limits but these."""
    now_s, scope = trio.current_time(), _scope(connector)
    rated_w = [_rated_w(one) for one in cabinet.connectors if one.id == connector]
    others = (one for one in limits.all() if one.scope == scope and one.owner != CENTRAL_SYSTEM)
    return min((*rated_w, *(one.bound_w(now_s) for one in others)), default=0.0)  # a site without a limit draws nothing


def _rated_w(connector: Connector) -> float:
    return min(connector.max_power_w, connector.max_voltage_v * connector.current_limit_a)


def _scope(connector: int) -> str:
    return "site" if connector == STATION else f"connector-{connector}"


def _limit(scope: str, present: InForce, following: InForce, ends_s: float) -> Limit | None:
    if present.profile is None:
        return None
    return Limit(
        owner=CENTRAL_SYSTEM,
        scope=scope,
        value_w=present.limit_w,
        reason=present.profile.text,
        expires_at_s=ends_s,
        safe_w=following.limit_w,
    )


def _same(one: Limit | None, other: Limit) -> bool:
    if one is None:
        return False
    if math.isinf(one.expires_at_s) or math.isinf(other.expires_at_s):
        return one == other
    return attrs.evolve(one, expires_at_s=other.expires_at_s) == other and (
        abs(one.expires_at_s - other.expires_at_s) <= SAME_S
    )
