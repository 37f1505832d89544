"""StatusNotification: each change, at its own time, never a flicker, and never a fault held back."""

import attrs
import pytest

from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.faults import Severity
from jp_firmware.ocpp.v16.status import MAX_QUEUED, Status, Track
from jp_firmware.ocpp.v16.translate import STATUSES
from tests.ocpp.bench import START, error, fault, settle

AVAILABLE = Status(1, "Available", (("errorCode", "NoError"),), START)
PREPARING = Status(1, "Preparing", (("errorCode", "NoError"),), START)
CHARGING = Status(1, "Charging", (("errorCode", "NoError"),), START)
FAULTED = Status(1, "Faulted", (("errorCode", "OtherError"),), START)
WARNED = Status(1, "Available", (("errorCode", "WeakSignal"),), START)


def taken(track, now_s, minimum_s):
    statuses = []
    while status := track.take(now_s, minimum_s):
        statuses.append(status)
    return statuses


# --- the track, sans-IO ----------------------------------------------------------------------------------------------


def test_each_change_is_told_in_order():
    track = Track()
    for status in (AVAILABLE, PREPARING, CHARGING):
        track.observe(status, 0, 0)

    assert [AVAILABLE, PREPARING, CHARGING] == taken(track, 0, 0)


def test_the_same_status_is_told_once():
    track = Track()
    track.observe(AVAILABLE, 0, 0)
    track.observe(attrs.evolve(AVAILABLE, at=START.replace(year=2027)), 1, 0)

    assert [AVAILABLE] == taken(track, 1, 0)


def test_a_status_is_told_once_it_has_lasted_the_minimum():
    track = Track()
    track.observe(AVAILABLE, 0, 5)
    assert [AVAILABLE] == taken(track, 0, 5)  # the first is told at once
    track.observe(PREPARING, 10, 5)

    assert [] == taken(track, 14.9, 5)
    assert track.due_at_s(5) == 15
    assert [PREPARING] == taken(track, 15, 5)
    assert track.due_at_s(5) is None


def test_a_status_that_reverts_within_the_minimum_is_never_told():
    track = Track()
    track.observe(AVAILABLE, 0, 5)
    taken(track, 0, 5)
    track.observe(PREPARING, 10, 5)
    track.observe(AVAILABLE, 14, 5)

    assert [] == taken(track, 100, 5)


def test_a_status_that_changes_on_within_the_minimum_begins_anew():
    track = Track()
    track.observe(AVAILABLE, 0, 5)
    taken(track, 0, 5)
    track.observe(PREPARING, 10, 5)
    track.observe(CHARGING, 14, 5)
    track.observe(CHARGING, 18, 5)  # the same once more does not begin anew

    assert [] == taken(track, 18.9, 5)
    assert [CHARGING] == taken(track, 19, 5)


@pytest.mark.parametrize("status", [FAULTED, WARNED])
def test_a_fault_is_never_held_back_nor_is_its_end(status):
    track = Track()
    track.observe(AVAILABLE, 0, 5)
    track.observe(status, 1, 5)
    track.observe(AVAILABLE, 2, 5)

    assert [AVAILABLE, status, AVAILABLE] == taken(track, 2, 5)


def test_a_slow_central_system_costs_the_oldest_changes_and_no_memory():
    track = Track()
    for n in range(100):
        track.observe(PREPARING if n % 2 else AVAILABLE, n, 0)

    statuses = taken(track, 100, 0)
    assert len(statuses) == MAX_QUEUED
    assert statuses[-1] == PREPARING


# --- on the link -----------------------------------------------------------------------------------------------------


def told(site, n=1):
    return [one.payload for one in site.calls("StatusNotification") if one.payload["connectorId"] == n]


async def test_each_change_is_told_with_the_time_of_the_change(autojump_clock, online):
    await settle(10)
    online.charger.show(1, ConnectorState.PREPARING)
    online.charger.show(1, ConnectorState.CHARGING)
    await settle(5)

    assert [
        ("Available", "2026-11-20T12:00:00.000Z"),
        ("Preparing", "2026-11-20T12:00:10.000Z"),
        ("Charging", "2026-11-20T12:00:10.000Z"),
    ] == [(one["status"], one["timestamp"]) for one in told(online)]


async def test_the_time_is_that_of_the_change_and_not_that_of_sending(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "30"})
    online.charger.show(1, ConnectorState.PREPARING)
    await settle(60)

    (sent,) = [one for one in online.calls("StatusNotification") if one.payload["status"] == "Preparing"]
    assert (30.0, "2026-11-20T12:00:00.000Z") == (sent.at_s, sent.payload["timestamp"])


async def test_a_shorter_minimum_counts_at_once_for_a_status_that_waits(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "300"})
    online.charger.show(1, ConnectorState.PREPARING)
    await settle(10)
    await online.ask("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "20"})
    await settle(20)

    assert [20.0] == [one.at_s for one in online.calls("StatusNotification") if one.payload["status"] == "Preparing"]


async def test_reports_that_change_nothing_that_is_told_are_not_told(autojump_clock, online):
    for text in ("a", "b", "c"):
        online.charger.show(1, ConnectorState.AVAILABLE, text=text)
    await settle(5)

    assert 1 == len(told(online))


@pytest.mark.parametrize("state", list(ConnectorState))
async def test_every_state_has_a_word(autojump_clock, online, state):
    online.charger.show(1, ConnectorState.FINISHING)
    online.charger.show(1, state)
    await settle(1)

    assert STATUSES[state] == told(online)[-1]["status"]


async def test_a_fault_is_told_with_its_code_its_vendor_and_its_info(autojump_clock, online):
    online.faults.set("connector-1", fault(mrec="CX016"))
    online.charger.show(1, ConnectorState.FAULTED, fault_codes=("CBL-02",))
    await settle(1)

    assert {
        "status": "Faulted",
        "errorCode": "HighTemperature",
        "vendorErrorCode": "CX016",
        "vendorId": "https://chargex.inl.gov",
        "info": "CBL-02 plug too hot",
    }.items() <= told(online)[-1].items()


async def test_a_fault_without_a_minimum_required_error_code_tells_our_own(autojump_clock, online):
    online.faults.set("connector-1", fault(code="CBL-99", ocpp_code="NoSuchCode"))
    await settle(1)

    sent = told(online)[-1]
    assert ("OtherError", "CBL-99", "JP") == (sent["errorCode"], sent["vendorErrorCode"], sent["vendorId"])


async def test_a_warning_is_told_without_faulted_and_its_end_is_told_too(autojump_clock, online):
    await settle(10)
    online.faults.set("connector-1", fault(severity=Severity.DEGRADE))
    await settle(10)
    online.faults.set("connector-1")
    await settle(10)

    assert [("Available", "NoError", "00"), ("Available", "HighTemperature", "10"), ("Available", "NoError", "20")] == [
        (one["status"], one["errorCode"], one["timestamp"][17:19]) for one in told(online)
    ]


async def test_a_notice_is_not_told(autojump_clock, online):
    online.faults.set("connector-1", fault(severity=Severity.NOTICE))
    await settle(10)

    assert 1 == len(told(online))


async def test_a_connector_that_is_faulted_without_a_known_fault_says_other_error(autojump_clock, online):
    online.charger.show(1, ConnectorState.FAULTED, fault_codes=("PLC-01",), text="no word from plc-1")
    await settle(1)

    assert ("OtherError", "PLC-01 no word from plc-1") == tuple(told(online)[-1][key] for key in ("errorCode", "info"))


async def test_connector_zero_is_unavailable_when_no_connector_is_in_service(autojump_clock, online):
    online.charger.show(1, ConnectorState.UNAVAILABLE, operative=False)
    await settle(1)
    assert "Available" == told(online, 0)[-1]["status"]
    online.charger.show(2, ConnectorState.UNAVAILABLE, operative=False)
    await settle(1)

    assert "Unavailable" == told(online, 0)[-1]["status"]


async def test_on_return_the_present_status_is_told_and_not_what_happened_meanwhile(autojump_clock, online):
    online.leave()
    await settle(1)
    online.charger.show(1, ConnectorState.PREPARING)
    online.charger.show(1, ConnectorState.CHARGING)
    online.come_back()
    await settle(60)

    assert ["Available", "Charging"] == [one["status"] for one in told(online)]


async def test_a_status_that_was_refused_is_told_again(autojump_clock, online):
    online.rule("StatusNotification", error)
    online.charger.show(1, ConnectorState.PREPARING)
    await settle(60)

    assert ["Available", "Preparing", "Preparing"] == [one["status"] for one in told(online)]


async def test_a_status_that_is_always_refused_is_given_up(autojump_clock, online):
    online.rule("StatusNotification", *[error] * 3)
    online.charger.show(1, ConnectorState.PREPARING)
    await settle(100)
    online.charger.show(1, ConnectorState.CHARGING)
    await settle(1)

    assert ["Available", *["Preparing"] * 3, "Charging"] == [one["status"] for one in told(online)]
