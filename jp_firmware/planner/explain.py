"""Why a connector gets what it gets: the chain of limits from the car to the grid, which one binds, and one sentence.

Reads a plan and nothing else; whoever wants to know why needs no planner, only what it published.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Allocation, Plan
from jp_firmware.planner.assigning import MODULES, RAMP, ROOM
from jp_firmware.planner.limits import NO_SITE_LIMIT, is_at_the_grid
from jp_firmware.planner.sharing import WAITING
from jp_firmware.planner.wish import DEMAND, OWN_DRAW, STALE

THE_CAR = "the car"
LEASE_S = 60.0  # ours: a limit this close to its end is one that its owner renews all the time


class UnknownConnector(LookupError):
    """The plan knows no such connector."""


@attrs.frozen(kw_only=True)
class Link:
    """One limit on the way from the car to the grid. `expires_at_s` is monotonic and infinite for never.

    `value_w` is what it leaves at the connectors; `grid_w` is given where that is not the same as it says of the grid.
    """

    owner: str
    scope: str
    value_w: float
    expires_at_s: float = math.inf
    grid_w: float | None = None
    binds: bool = False
    reason: str = ""


@attrs.frozen(kw_only=True)
class Explanation:
    """The chain of one connector, from the car (first) to the grid (last), and what it comes to in a sentence."""

    connector_id: ConnectorId
    allowed_w: float
    assigned_w: float
    links: Sequence[Link]
    sentence: str
    at_s: float
    wall_time: datetime | None = None

    @property
    def binding(self) -> Link:
        """The one link that decides."""
        return next(link for link in self.links if link.binds)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON. `expires_in_s` and `expires_at` are null for what never expires; powers in whole watts."""
        return {
            "connector": self.connector_id,
            "allowed_w": round(self.allowed_w),
            "assigned_w": round(self.assigned_w),
            "sentence": self.sentence,
            "links": [self._link(link) for link in self.links],
        }

    def _link(self, link: Link) -> dict[str, Any]:
        expires_in_s = link.expires_at_s - self.at_s
        wall = None if self.wall_time is None else _wall(link.expires_at_s, self.at_s, self.wall_time)
        return {
            "owner": link.owner,
            "scope": link.scope,
            "reason": link.reason,
            "value_w": round(link.value_w) if math.isfinite(link.value_w) else None,
            "grid_w": round(link.grid_w) if link.grid_w is not None and math.isfinite(link.grid_w) else None,
            "expires_in_s": round(expires_in_s, 1) if math.isfinite(expires_in_s) else None,
            "expires_at": wall.isoformat(timespec="seconds") if wall else None,
            "binds": link.binds,
        }


def explain(
    plan: Plan, connector_id: ConnectorId, now_s: float | None = None, wall_time: datetime | None = None
) -> Explanation:
    """The chain of `connector_id` in `plan`. Raises UnknownConnector.

    `wall_time` is the wall clock at `now_s` (by default the plan's time), in the time zone that people are to read.
    """
    share = plan.allocations.get(connector_id)
    if share is None:
        known = ", ".join(map(str, plan.allocations)) or "none"
        raise UnknownConnector(f"the plan has no connector {connector_id}; it has: {known}")
    at_s = plan.at_s if now_s is None else now_s
    links = _bound(list(_links(plan, share, at_s)), share)
    sentence = _sentence(plan, share, next(link for link in links if link.binds), _Clock(at_s, wall_time))
    return Explanation(
        connector_id=connector_id,
        allowed_w=share.allowed_w,
        assigned_w=share.assigned_w,
        links=links,
        sentence=sentence,
        at_s=at_s,
        wall_time=wall_time,
    )


# --- the chain -------------------------------------------------------------------------------------------------------


def _links(plan: Plan, share: Allocation, at_s: float) -> Iterator[Link]:
    scope = f"connector-{share.connector_id}"
    yield Link(owner=THE_CAR, scope=scope, value_w=share.requested_w, reason="what it asks for")
    if share.stale and share.active:
        yield Link(owner=STALE, scope=scope, value_w=share.allowed_w, reason="its wish is too old to raise power on")
    if share.limited_by == OWN_DRAW:
        yield Link(owner=OWN_DRAW, scope=scope, value_w=share.allowed_w, reason="it does not use what it asks for")
    yield Link(owner=share.offered_by, scope=scope, value_w=share.offered_w, reason="what can be offered")
    for at in plan.scopes_of(share.connector_id):
        limits = sorted((one for one in plan.limits if one.scope == at), key=lambda one: one.bound_w(at_s))
        if at == "site":
            limits = limits or [NO_SITE_LIMIT]
        for limit in limits:
            efficiency = plan.efficiency if is_at_the_grid(at) else 1.0
            yield _link_of(limit, at_s, plan.reserve_w / plan.efficiency if at == "site" else 0.0, efficiency)


def _link_of(limit: Limit, at_s: float, reserve_w: float, efficiency: float) -> Link:
    """A limit as a link. One that has expired stands with its safe value, for ever."""
    left_w = max(0.0, limit.bound_w(at_s) - reserve_w)
    expired = at_s >= limit.expires_at_s
    reason = f"{limit.reason}, expired" if expired else limit.reason
    return Link(
        owner=limit.owner,
        scope=limit.scope,
        value_w=left_w * efficiency,
        grid_w=left_w if efficiency < 1.0 else None,
        expires_at_s=math.inf if expired else limit.expires_at_s,
        reason=f"{reason}, less {_kw(reserve_w)} in reserve" if reserve_w else reason,
    )


def _bound(links: list[Link], share: Allocation) -> list[Link]:
    """The same links, the one that decides marked."""
    scope = share.limited_at or f"connector-{share.connector_id}"
    owner = THE_CAR if share.limited_by in (DEMAND, WAITING) else share.limited_by
    at = next((n for n, link in enumerate(links) if link.owner == owner and link.scope == scope), 0)
    links[at] = attrs.evolve(links[at], binds=True)
    return links


# --- the sentence ----------------------------------------------------------------------------------------------------


@attrs.frozen
class _Clock:
    at_s: float
    wall_time: datetime | None

    def until(self, expires_at_s: float) -> str:
        """ " until 18:00", with the day if it is not today's; " for 90 s more" where nobody knows the wall clock."""
        if math.isinf(expires_at_s) or expires_at_s - self.at_s < LEASE_S:
            return ""
        if self.wall_time is None:
            return f" for {expires_at_s - self.at_s:.0f} s more"
        wall = _wall(expires_at_s, self.at_s, self.wall_time)
        assert wall is not None
        return f" until {wall:%H:%M}" if wall.date() == self.wall_time.date() else f" until {wall:%d.%m. %H:%M}"


def _sentence(plan: Plan, share: Allocation, link: Link, clock: _Clock) -> str:
    name = f"Connector {share.connector_id}"
    if not share.active:
        return f"{name} gets no power because no session on it may take any."
    asks = f"; the car asks for {_kw(share.requested_w)}"
    if not math.isinf(share.standing.waiting_since_s):
        return f"{name} waits for its turn because {_why_waiting(plan, share, link)}{asks}."
    if link.owner == STALE:
        return (
            f"{name} is held at {_kw(share.assigned_w)} because the car has stopped saying what it wants, and no power "
            f"is raised on an old wish; it last asked for {_kw(share.requested_w)}."
        )
    gets = f"{name} gets {_kw(share.allowed_w)}"
    if link.owner == THE_CAR:
        return f"{gets}, all the car asks for{_so_far(share)}."
    return f"{gets} because {_because(plan, share, link, clock)}{asks}{_so_far(share)}."


def _because(plan: Plan, share: Allocation, link: Link, clock: _Clock) -> str:
    if link.owner == OWN_DRAW:
        return f"the car draws only {_kw(share.measured_w)}, and more than a reserve is not kept for it"
    if not share.limited_at:
        what = {"modules": "its modules", "cable": "its cable", "connector": "the connector"}.get(
            link.owner, link.owner
        )
        return f"{what} can deliver no more than {_kw(link.value_w)}"
    until = clock.until(link.expires_at_s)
    whose = f"{_with_article(link.owner)}{f' ({link.reason})' if link.reason else ''}"
    if link.scope.startswith("connector-"):
        return f"{whose} limits it to {_amount(link)}{until}"
    first = ", and who is of a lower tier number comes first" if _comes_after(plan, share, link.scope) else ""
    return f"{whose} limits {_everyone_below(plan, share, link.scope)} to {_amount(link)}{until}{first}"


def _why_waiting(plan: Plan, share: Allocation, link: Link) -> str:
    if not share.limited_at:
        return "there is not enough power for it to be useful"
    room = (
        f"{_with_article(link.owner)} ({link.reason}) leaves" if link.reason else f"{_with_article(link.owner)} leaves"
    )
    if link.scope.startswith("connector-"):
        return f"{room} it {_kw(link.value_w)}, too little to be useful"
    return f"{room} too little of {_amount(link)} for {_everyone_below(plan, share, link.scope)}"


def _amount(link: Link) -> str:
    """What a limit leaves at the connectors, and what that is at the grid where it is something else."""
    left = _kw(link.value_w)
    return left if link.grid_w is None else f"{_kw(link.grid_w)} at the grid ({left} at the connectors)"


def _everyone_below(plan: Plan, share: Allocation, scope: str) -> str:
    """Who shares a limit: those with a session, by number while there are few of them."""
    others = [one.connector_id for one in _beside(plan, share, scope)]
    if not others:
        return "it"
    if len(others) > 3:
        return f"it and {len(others)} other connectors together"
    names = ", ".join(map(str, others[:-1])) + (" and " if others[:-1] else "") + str(others[-1])
    return f"it and connector{'s' if len(others) > 1 else ''} {names} together"


def _beside(plan: Plan, share: Allocation, scope: str) -> list[Allocation]:
    return [
        one
        for key, one in plan.allocations.items()
        if key != share.connector_id and one.active and (scope == "site" or scope in plan.scopes_of(key))
    ]


def _comes_after(plan: Plan, share: Allocation, scope: str) -> bool:
    return any(one.tier < share.tier for one in _beside(plan, share, scope))


def _so_far(share: Allocation) -> str:
    """What of its share may be drawn now, if that is not all."""
    if not share.held_by:
        return ""
    now = f" (now {_kw(share.assigned_w)}"
    return {
        ROOM: f"{now}: the others have not come down yet)",
        RAMP: f"{now}: it is ramping up)",
        MODULES: f"{now}: the modules attached to it deliver no more)",
        STALE: f"{now}: not raised on an old wish)",
    }.get(share.held_by, f"{now})")


def _with_article(owner: str) -> str:
    """ "the site limit", "the central system"; what has a name of its own, as in "chain A", stands as it is."""
    first = owner.split(" ", 1)[0]
    return owner if first in ("the", "chain", "feeder", "no") or not owner[:1].islower() else f"the {owner}"


def _wall(expires_at_s: float, at_s: float, wall_time: datetime) -> datetime | None:
    return None if math.isinf(expires_at_s) else wall_time + timedelta(seconds=expires_at_s - at_s)


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.1f}".removesuffix(".0") + " kW"
