"""One charging profile of OCPP 1.6: read from its message, and asked what it allows at a moment.

Pure. Moments are whole milliseconds since 1970, UTC, so that reckoning with them is exact. The rules (1.6 edition 2
§3.13, §7.8 to §7.15, errata 3.7, 3.34):

1. A profile speaks from validFrom up to validTo, and inside that for as long as its schedule covers: from the
   schedule's zero on, for its duration if it has one, every day or week anew if it recurs. Before and after it is
   silent, which is no limit at all; a limit of 0 is a limit.
2. A schedule's zero is its startSchedule. Without one, and for kind Relative, it is the start of the transaction. A
   ChargePointMaxProfile has no transaction: its zero is then validFrom, or the moment it was accepted.
   At a clock that stands before that acceptance, and so is wrong, it begins where its schedule does.
3. Amperes are those of the supply, per phase (§7.10). On a charger that gives direct current they mean
   A x phases x phase voltage at its mains, with three phases unless numberPhases says otherwise, and no more than it
   has (errata 3.34). What `Mains` loses on the way to a connector is taken off.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import attrs

from jp_firmware.config.schema import Site
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16.translate import parse_timestamp

MAX_STACK_LEVEL: Final = 99  # ours: central systems that own the charger take the highest they are told
MAX_PERIODS: Final = 96  # ours: a day in quarters of an hour
MAX_INSTALLED: Final = 40  # ours: what 64 connectors are still looked after with in few milliseconds
MAX_SECONDS: Final = 2**31 - 1  # ours, of a duration or to a period: 68 years
PHASES: Final = 3  # when numberPhases is left out (1.6 §7.14), and at most
DAY_MS: Final = 86_400_000
NEVER: Final = 1 << 62  # later than any timestamp; comparable with all of them
_MAX_LIMIT: Final = 100_000_000.0  # ours: W or A; beyond it a number is a mistake


class Purpose(enum.Enum):
    """What a profile limits."""

    STATION = "ChargePointMaxProfile"
    DEFAULT = "TxDefaultProfile"
    TRANSACTION = "TxProfile"


class NotAcceptable(Exception):
    """Why a profile is rejected."""


@attrs.frozen(kw_only=True)
class Mains:
    """What the charger is connected to. Of the power there, `efficiency` is left at the connectors, 0 to 1.

    The voltage is the nominal one of a phase to neutral (IEC 60038: 230/400 V), never that of the moment: the same
    profile is the same limit all day.
    """

    phase_voltage_v: float = 230.0
    phases: int = PHASES
    efficiency: float = 1.0

    @classmethod
    def of(cls, site: Site) -> Mains:
        """As the configuration has it."""
        return cls(phase_voltage_v=site.phase_voltage_v, phases=site.phases, efficiency=site.efficiency)

    def ampere_w(self, phases: int = PHASES) -> float:
        """What one ampere on each of so many phases is at the mains, in W."""
        return min(phases, self.phases) * self.phase_voltage_v


@attrs.frozen
class Stretch:
    """What a profile allows from a moment up to `until_ms`: `limit_w`, or None while it is silent."""

    limit_w: float | None
    until_ms: int


@attrs.frozen(kw_only=True)
class ChargingProfile:
    """One profile as it is installed on `connector`, 0 for the station. `told` is its message, as it came.

    `limits_w` of a ChargePointMaxProfile are power at the mains, those of all others power at their connector.
    """

    id: int
    connector: int
    purpose: Purpose
    stack_level: int
    starts_ms: tuple[int, ...]  # of its periods, from its zero on
    limits_w: tuple[float, ...]
    zero_ms: int | None = None  # None: the transaction's start
    duration_ms: int = NEVER  # at most `cycle_ms`
    cycle_ms: int | None = None
    valid_from_ms: int = -NEVER
    valid_to_ms: int = NEVER
    transaction_id: int | None = None
    in_amperes: bool = False
    accepted_ms: int = 0
    since_accepted: bool = False  # its zero is its acceptance
    told: Payload = attrs.field(factory=dict, repr=False)

    def at(self, now_ms: int, began_ms: int | None) -> Stretch:
        """What holds at `now_ms`, and until when. `began_ms` is the transaction's start.

        Without a transaction, one that began this very moment is assumed, at every moment.
        """
        if now_ms < self.valid_from_ms:
            return Stretch(None, self.valid_from_ms)
        if now_ms >= self.valid_to_ms:
            return Stretch(None, NEVER)
        zero_ms = self.zero_ms if self.zero_ms is not None else began_ms
        if zero_ms is None:
            return Stretch(self.limits_w[0], self.valid_to_ms)
        if now_ms < zero_ms:
            return Stretch(self.limits_w[0] if self.since_accepted else None, min(zero_ms, self.valid_to_ms))
        cycle_ms = self.cycle_ms or NEVER
        into_ms = (now_ms - zero_ms) % cycle_ms
        if into_ms >= self.duration_ms:
            return self._until(None, now_ms - into_ms, cycle_ms)
        number = bisect_right(self.starts_ms, into_ms)
        next_ms = self.starts_ms[number] if number < len(self.starts_ms) else NEVER
        return self._until(self.limits_w[number - 1], now_ms - into_ms, min(next_ms, self.duration_ms))

    def _until(self, limit_w: float | None, first_ms: int, ends_ms: int) -> Stretch:
        """`ends_ms` is counted from `first_ms`, where this turn of the schedule began."""
        until_ms = first_ms + ends_ms if ends_ms < NEVER else NEVER
        return Stretch(limit_w, min(until_ms, self.valid_to_ms))

    def is_over(self, now_ms: int) -> bool:
        """Whether it will never speak again, unless the clock is set back."""
        ends_ms = self.valid_to_ms
        if self.zero_ms is not None and self.cycle_ms is None:
            ends_ms = min(ends_ms, self.zero_ms + self.duration_ms)
        return now_ms >= ends_ms

    @property
    def text(self) -> str:
        """As people say it."""
        return f"profile {self.id}, stack level {self.stack_level}{', told in amperes' if self.in_amperes else ''}"

    def replaces(self, other: ChargingProfile) -> bool:
        """Whether `other` goes when this one comes: the same id, or the same place in the same stack (§3.13.2)."""
        place = (self.purpose, self.connector, self.stack_level)
        return self.id == other.id or place == (other.purpose, other.connector, other.stack_level)

    def to_json(self) -> dict[str, Any]:
        """To be kept; `from_json` reads it."""
        return {"connectorId": self.connector, "accepted_ms": self.accepted_ms, "profile": self.told}


def from_json(kept: object, mains: Mains) -> ChargingProfile:
    """A profile that `to_json` wrote. Raises NotAcceptable for what is none, whatever it is."""
    if not isinstance(kept, dict):
        raise NotAcceptable("it is no record of a profile")
    try:
        return read(kept["connectorId"], kept["profile"], kept["accepted_ms"], mains)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAcceptable(f"it cannot be read: {error!r}") from None


def read(connector: int, told: Payload, now_ms: int, mains: Mains) -> ChargingProfile:
    """The profile of a message whose payload fits its schema. Raises NotAcceptable, with the reason."""
    schedule = told["chargingSchedule"]
    purpose, kind = Purpose(told["chargingProfilePurpose"]), told["chargingProfileKind"]
    _need(0 <= told["stackLevel"] <= MAX_STACK_LEVEL, f"stack level {told['stackLevel']}: 0 to {MAX_STACK_LEVEL}")
    _need(connector == 0 or purpose is not Purpose.STATION, "a ChargePointMaxProfile is for connector 0")
    _need(
        kind != "Relative" or purpose is not Purpose.STATION,
        "the station has no transaction that a schedule could be relative to",
    )
    _need("transactionId" not in told or purpose is Purpose.TRANSACTION, "only a TxProfile has a transaction")
    valid_from_ms = _moment(told, "validFrom", -NEVER)
    valid_to_ms = _moment(told, "validTo", NEVER)
    _need(valid_from_ms < valid_to_ms, "it ends before it begins")
    cycle_ms = _cycle_ms(told) if kind == "Recurring" else None
    starts_ms, limits_w = _periods(schedule, mains.ampere_w, 1.0 if purpose is Purpose.STATION else mains.efficiency)
    since_accepted = purpose is Purpose.STATION and "startSchedule" not in schedule and valid_from_ms == -NEVER
    return ChargingProfile(
        id=told["chargingProfileId"],
        connector=connector,
        purpose=purpose,
        stack_level=told["stackLevel"],
        starts_ms=starts_ms,
        limits_w=limits_w,
        zero_ms=now_ms if since_accepted else _zero_ms(purpose, kind, schedule, valid_from_ms),
        duration_ms=min(_duration_ms(schedule), cycle_ms or NEVER),
        cycle_ms=cycle_ms,
        valid_from_ms=valid_from_ms,
        valid_to_ms=valid_to_ms,
        transaction_id=told.get("transactionId"),
        in_amperes=schedule["chargingRateUnit"] == "A",
        accepted_ms=now_ms,
        since_accepted=since_accepted,
        told=told,
    )


def milliseconds(at: datetime) -> int:
    """A moment as this file reckons with it."""
    return round(at.timestamp() * 1000)


def _need(condition: bool, why: str) -> None:
    if not condition:
        raise NotAcceptable(why)


def _moment(payload: Payload, name: str, default_ms: int) -> int:
    if name not in payload:
        return default_ms
    at = parse_timestamp(payload[name])
    if at is None:
        raise NotAcceptable(f"{name} is no time")
    return milliseconds(at)


def _zero_ms(purpose: Purpose, kind: str, schedule: Payload, valid_from_ms: int) -> int | None:
    if kind == "Relative":
        return None
    if "startSchedule" in schedule:
        return _moment(schedule, "startSchedule", 0)
    return valid_from_ms if purpose is Purpose.STATION else None


def _cycle_ms(told: Payload) -> int:
    _need("recurrencyKind" in told, "a recurring profile says how often: recurrencyKind is missing")
    return DAY_MS if told["recurrencyKind"] == "Daily" else 7 * DAY_MS


def _duration_ms(schedule: Payload) -> int:
    if "duration" not in schedule:
        return NEVER
    _need(0 < schedule["duration"] <= MAX_SECONDS, "a duration is a number of seconds above 0")
    return int(schedule["duration"]) * 1000


def _periods(
    schedule: Payload, ampere_w: Callable[[int], float], left: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The periods' starts and limits; of those in amperes, so much is `left` where they hold."""
    periods = schedule["chargingSchedulePeriod"]
    _need(0 < len(periods) <= MAX_PERIODS, f"{len(periods)} periods: 1 to {MAX_PERIODS}")
    starts = [one["startPeriod"] for one in periods]
    _need(starts[0] == 0, "the first period begins at 0")
    _need(all(one < other for one, other in pairwise(starts)), "each period begins after the one before")
    _need(starts[-1] <= MAX_SECONDS, "a period begins too late")
    limits = [float(one["limit"]) for one in periods]
    _need(all(0 <= one <= _MAX_LIMIT for one in limits), "a limit is 0 or more")
    if schedule["chargingRateUnit"] == "A":
        phases = [one.get("numberPhases", PHASES) for one in periods]
        _need(all(1 <= one <= PHASES for one in phases), f"numberPhases: 1 to {PHASES}")
        limits = [limit * ampere_w(number) * left for limit, number in zip(limits, phases, strict=True)]
    return tuple(int(one) * 1000 for one in starts), tuple(limits)
