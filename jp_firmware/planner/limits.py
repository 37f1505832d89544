"""The book of limits in force: one entry for each owner and scope, readable by anyone who asks why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs

from jp_firmware.model.limits import Limit


class UnknownScope(ValueError):
    """A limit on something this charger does not have: nobody would obey it."""


@attrs.define(eq=False, repr=False)
class LimitBook:
    """Holds the limits. `on_change` is called after each change, synchronously, so that a cut acts at once.

    `scopes` are those that exist; None takes any.
    """

    on_change: Callable[[], None] = lambda: None
    scopes: frozenset[str] | None = None
    _limits: dict[tuple[str, str], Limit] = attrs.field(factory=dict)

    def set(self, *limits: Limit) -> None:
        """Takes over limits, each in place of the one of the same owner and scope; several are one change.

        Raises UnknownScope, and then takes over none.
        """
        for limit in limits:
            if self.scopes is not None and limit.scope not in self.scopes:
                known = ", ".join(sorted(self.scopes))
                raise UnknownScope(f'there is no "{limit.scope}" to limit for {limit.owner}; there are: {known}')
        for limit in limits:
            self._limits[limit.owner, limit.scope] = limit
        if limits:
            self.on_change()

    def configure(self, scopes: frozenset[str], before: Sequence[Limit], after: Sequence[Limit]) -> None:
        """Other scopes, and other limits of the configuration in place of those before, as one change.

        What anybody else has set stays, as far as what it limits is still there.
        """
        gone = {(one.owner, one.scope) for one in before}
        kept = {at: one for at, one in self._limits.items() if at not in gone and one.scope in scopes}
        self.scopes, self._limits = scopes, kept | {(one.owner, one.scope): one for one in after}
        self.on_change()

    def lift(self, owner: str, *scopes: str) -> None:
        """Removes limits, as one change. Lifting one that is not there does nothing."""
        lifted = [self._limits.pop((owner, scope), None) for scope in scopes]
        if any(lifted):
            self.on_change()

    def has(self, owner: str, scope: str) -> bool:
        """Whether this owner limits this scope."""
        return (owner, scope) in self._limits

    def all(self) -> tuple[Limit, ...]:
        return tuple(self._limits.values())

    def next_expiry_s(self, now_s: float) -> float:
        """When the next limit falls to its safe value; infinite if none does."""
        return min((one.expires_at_s for one in self._limits.values() if one.expires_at_s > now_s), default=math.inf)


@attrs.frozen
class Bounds:
    """The tightest limit of each scope at one moment."""

    tightest: dict[str, tuple[float, Limit]]

    @classmethod
    def at(cls, limits: Sequence[Limit], now_s: float, efficiency: float = 1.0) -> Bounds:
        """A site without a limit may draw nothing: no limit without an owner.

        Bounds are DC power at the connectors, W. A limit at the grid leaves `efficiency` of it there, 0 to 1.
        """
        tightest: dict[str, tuple[float, Limit]] = {}
        for limit in limits:
            value_w = limit.bound_w(now_s)
            if efficiency != 1.0 and is_at_the_grid(limit.scope):
                value_w *= efficiency
            known = tightest.get(limit.scope)
            if known is None or value_w < known[0]:
                tightest[limit.scope] = (value_w, limit)
        if "site" not in tightest:
            tightest["site"] = (0.0, NO_SITE_LIMIT)
        return cls(tightest)

    def caps_w(self, reserve_w: float) -> dict[str, float]:
        """What may be shared below each scope. Of the site's bound `reserve_w` is kept for nobody."""
        caps_w = {scope: value_w for scope, (value_w, _) in self.tightest.items()}
        caps_w["site"] = max(0.0, caps_w["site"] - reserve_w)
        return caps_w

    def value_w(self, scope: str) -> float:
        known = self.tightest.get(scope)
        return known[0] if known else math.inf

    def owner(self, scope: str) -> str:
        known = self.tightest.get(scope)
        return known[1].owner if known else scope


def is_at_the_grid(scope: str) -> bool:
    """Whether limits of this scope are of AC power, before the modules: the site's and the feeders'."""
    return scope == "site" or scope.startswith("feeder-")


NO_SITE_LIMIT = Limit(owner="no limit set", scope="site", value_w=0.0, reason="nothing configured")
