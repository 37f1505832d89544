"""What many profiles come to, held against the rules of the specification applied second by second."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.ocpp.v16.charging_profile import NEVER, ChargingProfile, Purpose, milliseconds
from jp_firmware.ocpp.v16.composite import InForce, lowest, of_connector, of_station, pieces, together
from tests.ocpp.profiles_rig import read, told

T0 = datetime(2026, 11, 20, tzinfo=UTC)
T0_MS = milliseconds(T0)
DAY_S = 86_400


def profile(
    number: int, level: int, purpose: str = "TxDefaultProfile", connector: int = 1, **more: Any
) -> ChargingProfile:
    limit = more.pop("limit", 1000.0 * number)
    message = told((0, limit), purpose=purpose, **more) | {"chargingProfileId": number, "stackLevel": level}
    message["chargingSchedule"].setdefault("startSchedule", stamp(0))
    return read(connector, message, T0_MS)


def stamp(seconds: int) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat()


def ids(*profiles: ChargingProfile, at_s: int = 0, connector: int = 1) -> int | None:
    found = of_connector(profiles, connector, None, T0_MS + 1000 * at_s).profile
    return found.id if found else None


# --- the rules, one by one -------------------------------------------------------------------------------------------


def test_the_highest_stack_level_that_speaks_prevails_even_if_it_allows_more():
    low, high = profile(1, 0), profile(2, 5, schedule={"duration": 60, "startSchedule": stamp(10)})

    assert [1, 2, 1] == [ids(low, high, at_s=at_s) for at_s in (9, 10, 70)]


def test_what_holds_ends_when_a_higher_profile_begins():
    low, high = profile(1, 0), profile(2, 5, schedule={"duration": 60, "startSchedule": stamp(10)})

    assert T0_MS + 10_000 == of_connector((low, high), 1, None, T0_MS).until_ms


def test_a_profile_of_the_connector_stands_in_place_of_the_stations_of_its_level_and_of_no_other():
    everywhere, here = profile(1, 3, connector=0), profile(2, 3, connector=1)

    assert [2, 1] == [ids(everywhere, here, connector=connector) for connector in (1, 2)]
    assert 3 == ids(everywhere, here, profile(3, 4, connector=0))


def test_it_stands_in_its_place_while_it_is_silent_too():
    everywhere = profile(1, 3, connector=0)
    here = profile(2, 3, connector=1, schedule={"duration": 60, "startSchedule": stamp(0)})

    assert [2, None] == [ids(everywhere, here, at_s=at_s) for at_s in (0, 60)]


def test_a_transactions_profile_overrules_and_is_not_combined():
    default, own = profile(1, 9, limit=10.0), profile(2, 0, "TxProfile", limit=99.0)

    assert 99.0 == of_connector((default, own), 1, T0_MS, T0_MS).limit_w


def test_a_transactions_profile_that_is_over_leaves_the_default():
    own = profile(2, 0, "TxProfile", schedule={"duration": 60, "startSchedule": stamp(0)})

    assert 1 == ids(profile(1, 0), own, at_s=60)


def test_nothing_installed_is_no_limit_and_not_none_of_power():
    assert InForce(math.inf, None, NEVER) == of_connector((), 1, T0_MS, T0_MS)
    assert InForce(math.inf, None, NEVER) == of_station((), T0_MS)


# --- against a naive evaluation --------------------------------------------------------------------------------------


def naive_one(message: dict[str, Any], at_s: int, began_s: int | None) -> float | None:
    """The rules for one profile, in seconds after T0, read off its message."""

    def seconds(text: str) -> int:
        return round((datetime.fromisoformat(text) - T0).total_seconds())

    if "validFrom" in message and at_s < seconds(message["validFrom"]):
        return None
    if "validTo" in message and at_s >= seconds(message["validTo"]):
        return None
    schedule, kind = message["chargingSchedule"], message["chargingProfileKind"]
    if kind != "Relative" and "startSchedule" in schedule:
        zero_s = seconds(schedule["startSchedule"])
    elif message["chargingProfilePurpose"] == "ChargePointMaxProfile":
        zero_s = seconds(message["validFrom"]) if "validFrom" in message else 0
    else:
        zero_s = at_s if began_s is None else began_s
    into_s = at_s - zero_s
    if into_s < 0:
        return None
    if kind == "Recurring":
        into_s %= DAY_S if message["recurrencyKind"] == "Daily" else 7 * DAY_S
    if into_s >= schedule.get("duration", math.inf):
        return None
    allowed = None
    for period in schedule["chargingSchedulePeriod"]:
        if period["startPeriod"] <= into_s:
            amperes = schedule["chargingRateUnit"] == "A"
            allowed = period["limit"] * (period.get("numberPhases", 3) * 230.0 if amperes else 1.0)
    return allowed


def naive(installed: list[tuple[int, dict[str, Any]]], connector: int, at_s: int, began_s: int | None) -> float:
    """The rules for many: connector 0 is the station, whose limit stands beside the connectors' own."""

    def stack(purpose: str, of: int) -> dict[int, dict[str, Any]]:
        return {m["stackLevel"]: m for c, m in installed if m["chargingProfilePurpose"] == purpose and c == of}

    def first(levels: dict[int, dict[str, Any]]) -> float | None:
        for level in sorted(levels, reverse=True):
            limit = naive_one(levels[level], at_s, began_s)
            if limit is not None:
                return limit
        return None

    if connector == 0:
        limit = first(stack("ChargePointMaxProfile", 0))
    else:
        limit = first(stack("TxProfile", connector))
        if limit is None:
            limit = first(stack("TxDefaultProfile", 0) | stack("TxDefaultProfile", connector))
    return math.inf if limit is None else limit


@st.composite
def messages(draw: st.DrawFn, number: int) -> tuple[int, dict[str, Any]]:
    purpose = draw(st.sampled_from([one.value for one in Purpose]))
    station = purpose == "ChargePointMaxProfile"
    connector = 0 if station else draw(st.integers(0 if purpose == "TxDefaultProfile" else 1, 2))
    kind = draw(st.sampled_from(["Absolute", "Recurring"] + ([] if station else ["Relative"])))
    starts = sorted(draw(st.sets(st.integers(1, 30), max_size=3)))
    unit = draw(st.sampled_from(["W", "A"]))
    periods = [{"startPeriod": at, "limit": float(draw(st.integers(0, 9)))} for at in (0, *starts)]
    for period in periods:
        if draw(st.booleans()):
            period["numberPhases"] = draw(st.integers(1, 3))
    schedule: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    message: dict[str, Any] = {
        "chargingProfileId": number,
        "stackLevel": draw(st.integers(0, 3)),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
    }
    if draw(st.booleans()):
        schedule["duration"] = draw(st.integers(1, 40))
    if draw(st.booleans()):
        back_s = draw(st.sampled_from([0, 1, 3, 7])) * DAY_S if kind == "Recurring" else 0
        schedule["startSchedule"] = stamp(draw(st.integers(-20, 30)) - back_s)
    if kind == "Recurring":
        message["recurrencyKind"] = draw(st.sampled_from(["Daily", "Weekly"]))
    valid_s = draw(st.integers(-10, 30))
    if draw(st.booleans()):
        message["validFrom"] = stamp(valid_s)
    if draw(st.booleans()):
        message["validTo"] = stamp(valid_s + draw(st.integers(1, 40)))
    return connector, message


@st.composite
def installations(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Up to six profiles, of which each stands in a place of its own, as replacement leaves them."""
    found = [draw(messages(number)) for number in range(draw(st.integers(1, 6)))]
    places = {(m["chargingProfilePurpose"], connector, m["stackLevel"]): (connector, m) for connector, m in found}
    return list(places.values())


@given(installations(), st.integers(0, 2), st.none() | st.integers(-20, 0))
def test_each_second_has_the_limit_that_the_rules_give_it_and_changes_come_when_they_were_foretold(
    installed: list[tuple[int, dict[str, Any]]], connector: int, began_s: int | None
) -> None:
    profiles = [read(where, message, T0_MS) for where, message in installed]
    began_ms = None if began_s is None else T0_MS + 1000 * began_s

    def look(now_ms: int) -> InForce:
        return of_connector(profiles, connector, began_ms, now_ms) if connector else of_station(profiles, now_ms)

    walked = list(pieces(look, T0_MS, T0_MS + 70_000))
    for at_s in range(70):
        expected = naive(installed, connector, at_s, began_s)
        assert expected == look(T0_MS + 1000 * at_s).limit_w
        piece = next(piece for at_ms, piece in reversed(walked) if at_ms <= T0_MS + 1000 * at_s)
        assert expected == piece.limit_w


@given(installations(), st.integers(0, 2))
def test_a_change_is_foretold_for_a_later_moment_always(
    installed: list[tuple[int, dict[str, Any]]], connector: int
) -> None:
    profiles = [read(where, message, T0_MS) for where, message in installed]
    for at_ms in (T0_MS - 500, T0_MS, T0_MS + 1, T0_MS + 10_000, NEVER - 1):
        found = of_connector(profiles, connector, T0_MS, at_ms) if connector else of_station(profiles, at_ms)
        assert found.until_ms > at_ms


def test_the_lowest_of_several_holds_until_any_of_them_changes():
    each = (InForce(5.0, None, 30), InForce(math.inf, None, 20), InForce(7.0, None, 10))

    assert InForce(5.0, None, 10) == lowest(*each)


def test_side_by_side_limits_add_up():
    assert InForce(12.0, None, 10) == together((InForce(5.0, None, 30), InForce(7.0, None, 10)))
