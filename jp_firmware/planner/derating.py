"""A plug that gets hot, as an input of the planner: how much of its current it may carry. Pure.

Full current up to one temperature, none from another on, and a straight line in between, by the hotter contact. A rise
counts at once; a fall only once the plug is `PLAY_K` cooler than what it is held to, so that power does not hunt. A
contact whose temperature was ever known, or is said to have a sensor, must be known: one that nobody watches carries
what is configured for it, which is nothing by default, and never more than at the temperature that it told last.
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import EvStatus
from jp_firmware.model.limits import Limit

OWNER = "plug temperature"
CONTACTS = ("DC+", "DC-")
PLAY_K = 3.0  # ours: above a sensor's noise, and below what a plug cools by within a minute of less current
COLDEST_C = -60.0  # ours: no site is colder, so that a sensor that says so is broken
STEP_W = 100.0  # ours: powers are rounded down to it
WORTH_A_RISE = 0.02  # ours: what a voltage that moves makes of the same current is no news


@attrs.frozen(kw_only=True)
class Heat:
    """What a plug's temperatures mean for it. `share` of its current is left; 1 is all."""

    share: float = 1.0
    reason: str = ""
    lost: str = ""  # which contacts' temperatures should be known and are not


@attrs.define
class Derating:
    """One plug, with the memory of its hysteresis and of what was ever known of it.

    `watched`: the contacts that have told a temperature, in this life of the controller or in one before it.
    """

    watched: frozenset[str] = frozenset()
    _held_c: float = -math.inf  # what its power is reckoned by
    _last_c: dict[str, float] = attrs.field(factory=dict)  # by contact, as far as told in this life

    def look(self, ev: EvStatus, connector: Connector) -> Heat:
        """Takes the temperatures of one status."""
        lost = []
        if connector.temperature_sensors == "none":
            self._forget()
        else:
            lost = [
                f"{contact}, {self._last(contact)}"
                for contact, celsius in zip(CONTACTS, ev.plug_temperatures_c, strict=True)
                if not self._take(contact, celsius, fitted=connector.temperature_sensors == "fitted")
            ]
        if lost:
            return self._unwatched(" and ".join(lost), connector)
        if ev.hottest_c is None:
            return Heat()
        return self._by(ev.hottest_c, connector)

    @property
    def has_begun(self) -> bool:
        """Whether any contact has told a temperature in this life."""
        return bool(self._last_c)

    def _forget(self) -> None:
        """Whoever says that there are no sensors, or has exchanged them, wants no word of those there were."""
        self.watched = frozenset()
        self._last_c.clear()

    def _take(self, contact: str, celsius: float | None, *, fitted: bool) -> bool:
        """Whether all is well with this contact: known, or never meant to be."""
        if celsius is not None and celsius > COLDEST_C:
            self._last_c[contact] = celsius
            self.watched |= {contact}
            return True
        return celsius is None and contact not in self.watched and not fitted

    def _last(self, contact: str) -> str:
        if contact in self._last_c:
            return f"last {self._last_c[contact]:.1f} °C"
        return "not since the start" if contact in self.watched else "never"

    def _unwatched(self, lost: str, connector: Connector) -> Heat:
        """What is left of it follows the hottest that is known, or was known last."""
        left = min(1.0, connector.temperature_lost_current_a / connector.current_limit_a)
        last = self._by(max(self._last_c.values(), default=-math.inf), connector)
        return Heat(share=min(left, last.share), reason=f"no temperature from the plug ({lost})", lost=lost)

    def _by(self, celsius: float, connector: Connector) -> Heat:
        from_c, to_c = connector.derate_from_c, connector.derate_to_c
        self._held_c = max(celsius, min(self._held_c, celsius + PLAY_K))
        share = min(1.0, max(0.0, (to_c - self._held_c) / (to_c - from_c)))
        if share == 1.0:
            return Heat()
        when = f"below {from_c:g} °C" if celsius == self._held_c else f"again below {from_c - PLAY_K:g} °C"
        return Heat(share=share, reason=f"{celsius:.1f} °C at the plug; full power {when}")


def plug_limit(scope: str, heat: Heat, full_w: float, expires_at_s: float) -> Limit:
    """The limit that follows. `full_w` is what the plug carries while it is cool, at the present voltage.

    Where nobody renews it, nobody watches the plug: it then falls to nothing.
    """
    return Limit(
        owner=OWNER,
        scope=scope,
        value_w=math.floor(heat.share * full_w / STEP_W) * STEP_W,
        reason=heat.reason,
        expires_at_s=expires_at_s,
    )


def is_news(limit: Limit, before: Limit, now_s: float) -> bool:
    """Whether a limit is worth a new plan: any cut is, a rise worth its while, and one that ends soon is renewed."""
    rise = limit.value_w > before.value_w * (1 + WORTH_A_RISE)
    return limit.value_w < before.value_w or rise or before.expires_at_s - now_s < (limit.expires_at_s - now_s) / 2
