"""What many charging profiles come to together: the one that prevails at a moment, and the composite schedule.

Pure; moments as in `charging_profile`. The rules (1.6 edition 2 §3.13):

1. Of one purpose the profile with the highest stack level prevails among those that are not silent.
2. A TxDefaultProfile of one connector stands in place of the station's of the same stack level, for that connector.
3. A TxProfile that is not silent overrules all TxDefaultProfiles; it is not combined with them.
4. A ChargePointMaxProfile limits all connectors together, and holds beside all of these: the lowest counts.
5. Where no profile speaks there is no limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from jp_firmware.ocpp.v16.charging_profile import NEVER, ChargingProfile, Purpose


@attrs.frozen
class InForce:
    """The limit at a moment, the profile it comes from, and until when it cannot change. Infinite: no limit."""

    limit_w: float = math.inf
    profile: ChargingProfile | None = None
    until_ms: int = NEVER


Look = Callable[[int], InForce]


def of_station(profiles: Iterable[ChargingProfile], now_ms: int) -> InForce:
    """What all connectors together may draw."""
    return _prevailing((one for one in profiles if one.purpose is Purpose.STATION), now_ms, None)


def of_connector(profiles: Sequence[ChargingProfile], connector: int, began_ms: int | None, now_ms: int) -> InForce:
    """What the transaction on a connector may draw by its own profiles; `began_ms` is its start.

    Without one: what a transaction that began now might.
    """
    own = [one for one in profiles if one.purpose is Purpose.TRANSACTION and one.connector == connector]
    overruling = _prevailing(own, now_ms, began_ms)
    if overruling.profile:
        return overruling
    default = _prevailing(_defaults(profiles, connector), now_ms, began_ms)
    return attrs.evolve(default, until_ms=min(overruling.until_ms, default.until_ms))


def _defaults(profiles: Sequence[ChargingProfile], connector: int) -> list[ChargingProfile]:
    """The stack of one connector, in which its own profiles stand in place of the station's (§3.13.1)."""
    defaults = [one for one in profiles if one.purpose is Purpose.DEFAULT and one.connector in (0, connector)]
    own_levels = {one.stack_level for one in defaults if one.connector == connector}
    return [one for one in defaults if one.connector == connector or one.stack_level not in own_levels]


def _prevailing(stack: Iterable[ChargingProfile], now_ms: int, began_ms: int | None) -> InForce:
    """Only profiles that stand above the one that speaks can change what holds before that one ends."""
    until_ms = NEVER
    for profile in sorted(stack, key=lambda one: -one.stack_level):
        stretch = profile.at(now_ms, began_ms)
        until_ms = min(until_ms, stretch.until_ms)
        if stretch.limit_w is not None:
            return InForce(stretch.limit_w, profile, until_ms)
    return InForce(until_ms=until_ms)


def lowest(*each: InForce) -> InForce:
    """All of them at once."""
    tightest = min(each, key=lambda one: one.limit_w)
    return attrs.evolve(tightest, until_ms=min(one.until_ms for one in each))


def scaled(one: InForce, factor: float) -> InForce:
    """As it is at the other side of a loss."""
    return attrs.evolve(one, limit_w=one.limit_w * factor)


def together(each: Sequence[InForce]) -> InForce:
    """Side by side: their sum."""
    return InForce(sum(one.limit_w for one in each), None, min(one.until_ms for one in each))


def pieces(look: Look, from_ms: int, to_ms: int) -> Iterator[tuple[int, InForce]]:
    """What holds from `from_ms` up to `to_ms`, piece by piece, each with its beginning."""
    at_ms = from_ms
    while at_ms < to_ms:
        piece = look(at_ms)
        yield at_ms, piece
        at_ms = piece.until_ms
