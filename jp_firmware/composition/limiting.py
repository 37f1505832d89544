"""Limits that an operator or an energy manager sets over the console: anywhere in the tree, with an end if it has one.

Limits of the wiring, of the site's meter and of the central system have owners of their own, and are nobody else's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import trio

from jp_firmware.console.calls import CallRefused, only, parameter
from jp_firmware.model.limits import Limit
from jp_firmware.planner.building import OWNER as SITE_METER
from jp_firmware.planner.derating import OWNER as PLUG
from jp_firmware.planner.explain import THE_CAR
from jp_firmware.planner.limits import Bounds, UnknownScope
from jp_firmware.planner.rules import configured_limits
from jp_firmware.planner.sharing import WAITING
from jp_firmware.planner.wiring import carrying_of
from jp_firmware.planner.wish import DEMAND, OWN_DRAW, STALE

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]

OPERATOR = "operator"  # who sets a limit and gives no name
CENTRAL_SYSTEM = "central system"
WORDS_OF_EXPLANATIONS = {THE_CAR, DEMAND, STALE, OWN_DRAW, WAITING, "modules", "cable", "connector"}
MOST_W = 10_000_000.0  # of any site (the range of site.limit_w)


@attrs.frozen
class LimitCalls:
    """The calls `limit.set`, `limit.put`, `limit.lift`. They only ever lower: of a place the tightest limit counts."""

    _controller: Controller

    async def set(self, params: Json) -> object:
        """`site_w`: the operator's limit of the site, in short."""
        only(params, "site_w")
        return await self.put({"scope": "site", "value_w": parameter(params, "site_w", float)})

    async def put(self, params: Json) -> object:
        """`scope`, `value_w`, `owner?`, `reason?`, `for_s?`, `then_w?`: a limit in place of this owner's last one.

        After `for_s` it falls to `then_w`, or is no limit any more without one: an energy manager that repeats its
        set-point names what is safe without it. The set-points that follow are on the wire when this returns. It
        outlives a restart.
        """
        only(params, "scope", "value_w", "owner", "reason", "for_s", "then_w")
        owner = self._owner(params)
        limit = Limit(
            owner=owner,
            scope=parameter(params, "scope", str),
            value_w=_power(parameter(params, "value_w", float)),
            reason=parameter(params, "reason", str, "") or "set over the console",
            expires_at_s=trio.current_time() + _time(parameter(params, "for_s", float, math.inf)),
            safe_w=_power(parameter(params, "then_w", float)) if params.get("then_w") is not None else math.inf,
        )
        try:
            self._controller.held_limits.set(limit)
        except UnknownScope as error:
            raise CallRefused(str(error)) from error
        self._note(f"{owner} limits {limit.scope} to {limit.value_w / 1000:g} kW")
        told = {"result": "accepted", "owner": owner, "scope": limit.scope, "value_w": limit.value_w}
        return told | self._kept_at(limit)

    def _kept_at(self, limit: Limit) -> Json:
        """Whoever keeps the place of `limit` lower still, so that it does nothing."""
        bound_w, tightest = Bounds.at(self._controller.planner.limits.all(), trio.current_time()).tightest[limit.scope]
        if bound_w >= limit.value_w:
            return {}
        return {"kept_at": f"{bound_w / 1000:g} kW by {tightest.owner}"}

    async def lift(self, params: Json) -> object:
        """`scope`, `owner?`: this owner limits this place no longer."""
        only(params, "scope", "owner")
        scope, owner = parameter(params, "scope", str), self._owner(params)
        book = self._controller.planner.limits
        if not book.has(owner, scope):
            theirs = sorted({one.scope for one in book.all() if one.owner == owner}) or ["nothing"]
            raise CallRefused(f'{owner} does not limit "{scope}"; it limits: {", ".join(theirs)}')
        self._controller.held_limits.lift(owner, scope)
        self._note(f"{owner} limits {scope} no longer")
        return {"result": "accepted", "owner": owner, "scope": scope}

    def _owner(self, params: Json) -> str:
        owner = parameter(params, "owner", str, OPERATOR).strip()
        taken = {
            SITE_METER,
            PLUG,
            CENTRAL_SYSTEM,
            *WORDS_OF_EXPLANATIONS,
            *(one.owner for one in configured_limits(self._controller.cabinet)),
            *(one.name for one in carrying_of(self._controller.cabinet).carriers.values()),
        }
        if not owner or owner in taken:
            raise CallRefused(f'"{owner}" sets limits of its own; choose another name, or none for "{OPERATOR}"')
        return owner

    def _note(self, text: str) -> None:
        self._controller.note("operator", "console", text)


def _power(value_w: float) -> float:
    if not 0 <= value_w <= MOST_W:
        raise CallRefused(f"a limit lies between 0 and 10 MW, not at {value_w:.0f} W")
    return value_w


def _time(for_s: float) -> float:
    if not for_s > 0:
        raise CallRefused(f"a limit holds for a time above 0 s, not for {for_s:g} s")
    return for_s
