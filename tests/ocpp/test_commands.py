"""Each request of the central system is answered as 1.6 means it, and what follows comes after the answer."""

import json

import pytest
import trio

from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import IdToken, TokenSource
from jp_firmware.ocpp.schema import ACTIONS_16
from jp_firmware.ocpp.v16.commands import ACTIONS
from tests.ocpp.bench import error, settle

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.0}]},
}


@pytest.mark.parametrize("action", sorted(ACTIONS_16 - ACTIONS))
async def test_an_action_of_1_6_that_is_not_offered_is_not_supported(autojump_clock, online, action):
    assert "NotSupported" == await online.ask(action)


async def test_an_action_that_1_6_does_not_know_is_not_implemented(autojump_clock, online):
    assert "NotImplemented" == await online.ask("MakeCoffee")


# --- remote start and stop -------------------------------------------------------------------------------------------


async def test_a_remote_start_is_put_to_charging_without_a_second_look_at_the_tag(autojump_clock, online):
    assert ACCEPTED == await online.ask("RemoteStartTransaction", {"connectorId": 2, "idTag": "app-1"})
    assert [("start", 2, IdToken("app-1", TokenSource.REMOTE), False)] == online.charger.asked


async def test_a_remote_start_is_checked_like_a_swipe_if_the_key_says_so(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "TRUE"})
    await online.ask("RemoteStartTransaction", {"connectorId": 2, "idTag": "app-1"})

    assert [True] == [asked[3] for asked in online.charger.asked]


async def test_a_remote_start_without_a_connector_leaves_the_choice_to_charging(autojump_clock, online):
    assert ACCEPTED == await online.ask("RemoteStartTransaction", {"idTag": "app-1"})
    assert [None] == [asked[1] for asked in online.charger.asked]


@pytest.mark.parametrize("connector", [0, 3, -1])
async def test_a_remote_start_on_connector_zero_or_one_that_is_not_there_is_rejected(autojump_clock, online, connector):
    assert REJECTED == await online.ask("RemoteStartTransaction", {"connectorId": connector, "idTag": "A"})
    assert [] == online.charger.asked


async def test_a_remote_start_that_charging_will_not_do_is_rejected(autojump_clock, online):
    online.charger.answer = (False, "connector 1 already runs a session")

    assert REJECTED == await online.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": "A"})


@pytest.mark.parametrize(
    ("change", "answer"),
    [({}, ACCEPTED), ({"chargingProfilePurpose": "TxDefaultProfile"}, REJECTED), ({"transactionId": 3}, REJECTED)],
)
async def test_a_remote_start_takes_only_a_profile_for_a_transaction_that_is_not_named(
    autojump_clock, online, change, answer
):
    payload = {"connectorId": 1, "idTag": "A", "chargingProfile": PROFILE | change}

    assert answer == await online.ask("RemoteStartTransaction", payload)


async def test_a_remote_stop_ends_the_session_of_that_transaction(autojump_clock, online):
    await online.begin(1)
    await settle(1)
    await online.begin(2)
    await settle(1)

    assert ACCEPTED == await online.ask("RemoteStopTransaction", {"transactionId": 2})
    assert [("stop", 2, True)] == online.charger.asked


@pytest.mark.parametrize("number", [1, 99, -1, 0])
async def test_a_remote_stop_of_what_does_not_run_is_rejected(autojump_clock, online, number):
    session = await online.begin(1)
    await settle(1)
    await online.end(session)

    assert REJECTED == await online.ask("RemoteStopTransaction", {"transactionId": number})
    assert [] == online.charger.asked


async def test_a_transaction_that_was_never_named_cannot_be_stopped_by_minus_one(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    await online.begin(1)
    await settle(400)

    assert REJECTED == await online.ask("RemoteStopTransaction", {"transactionId": -1})


# --- availability, reset, lock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("connector", "which"), [(0, None), (1, 1)])
@pytest.mark.parametrize(("kind", "operative"), [("Operative", True), ("Inoperative", False)])
async def test_availability_is_put_to_charging(autojump_clock, online, connector, which, kind, operative):
    assert ACCEPTED == await online.ask("ChangeAvailability", {"connectorId": connector, "type": kind})
    assert [("set_operative", which, operative)] == online.charger.asked


async def test_availability_that_waits_for_a_transaction_is_scheduled(autojump_clock, online):
    online.charger.availability = "scheduled"

    assert {"status": "Scheduled"} == await online.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})


async def test_availability_of_a_connector_that_is_not_there_is_rejected(autojump_clock, online):
    assert REJECTED == await online.ask("ChangeAvailability", {"connectorId": 9, "type": "Operative"})


@pytest.mark.parametrize(("kind", "hard"), [("Soft", False), ("Hard", True)])
async def test_a_reset_is_done_after_its_answer_is_on_the_wire(autojump_clock, online, kind, hard):
    last_sent = []
    online.charger.reset = lambda *, hard: last_sent.append((hard, online.near.sent[-1]))
    await online.ask("Reset", {"type": kind})

    ((how, text),) = last_sent
    assert how is hard
    assert [3, ACCEPTED] == [json.loads(text)[0], json.loads(text)[2]]


async def test_a_reset_that_fails_is_logged_and_the_next_request_is_answered(autojump_clock, online, caplog):
    def fail(*, hard):
        raise RuntimeError("no restart today")

    online.charger.reset = fail

    assert ACCEPTED == await online.ask("Reset", {"type": "Soft"})
    assert ACCEPTED == await online.ask("ClearCache")
    assert "no restart today" in caplog.text


async def test_a_reset_whose_answer_never_got_onto_the_wire_is_not_done(autojump_clock, online):
    online.near.before_send = lambda _: online.near.cut()

    assert await online.ask("Reset", {"type": "Soft"}) is None
    assert [] == online.charger.asked


@pytest.mark.parametrize(
    ("connector", "accepted", "answer"),
    [(1, True, "Unlocked"), (1, False, "UnlockFailed"), (0, True, "NotSupported"), (9, True, "NotSupported")],
)
async def test_unlock_answers_in_its_own_words(autojump_clock, online, connector, accepted, answer):
    online.charger.answer = (accepted, "")

    assert {"status": answer} == await online.ask("UnlockConnector", {"connectorId": connector})


async def test_data_of_a_vendor_that_is_not_known_is_not_taken(autojump_clock, online):
    assert {"status": "UnknownVendorId"} == await online.ask("DataTransfer", {"vendorId": "com.example", "data": "x"})


async def test_a_cleared_cache_remembers_nothing_after_a_restart_either(autojump_clock, online):
    await online.backend.authorize(IdToken("A1", TokenSource.RFID))
    assert ACCEPTED == await online.ask("ClearCache")
    await online.restart()

    assert online.backend.cached(IdToken("A1", TokenSource.RFID)) is None


# --- triggers --------------------------------------------------------------------------------------------------------


async def heard_after(site, message, **more):
    before = len(site.heard)
    answer = await site.ask("TriggerMessage", {"requestedMessage": message, **more})
    await settle(1)
    first, *rest = [one.frame for one in site.heard[before:]]
    assert first[0] == 3, "the answer comes first"
    return answer, [(frame[2], frame[3]) for frame in rest if frame[0] == 2]


async def test_a_triggered_heartbeat_comes_after_the_answer(autojump_clock, online):
    assert (ACCEPTED, [("Heartbeat", {})]) == await heard_after(online, "Heartbeat")


async def test_a_triggered_status_is_that_of_one_connector_or_of_all(autojump_clock, online):
    _, one = await heard_after(online, "StatusNotification", connectorId=2)
    _, zero = await heard_after(online, "StatusNotification", connectorId=0)
    _, every = await heard_after(online, "StatusNotification")

    assert [[2], [0], [0, 1, 2]] == [
        sorted(payload["connectorId"] for _, payload in some) for some in (one, zero, every)
    ]


async def test_triggered_meter_values_carry_their_context_and_the_transaction_that_runs(autojump_clock, online):
    await online.begin(1)
    await settle(1)
    online.charger.read_meter(1, 1234)
    answer, ((_, payload),) = await heard_after(online, "MeterValues", connectorId=1)

    (energy, *_) = payload["meterValue"][0]["sampledValue"]
    assert (ACCEPTED, 1, "1234", "Trigger") == (answer, payload["transactionId"], energy["value"], energy["context"])


async def test_triggered_meter_values_of_an_idle_connector_have_no_transaction(autojump_clock, online):
    online.charger.read_meter(1, 1234)
    online.charger.read_meter(2, 5678)
    _, sent = await heard_after(online, "MeterValues")

    assert [1, 2] == [payload["connectorId"] for _, payload in sent]
    assert all("transactionId" not in payload for _, payload in sent)


async def test_triggered_meter_values_of_a_transaction_that_was_never_named_say_minus_one(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    await online.begin(1)
    await settle(400)
    online.charger.read_meter(1, 1234)
    _, ((_, payload),) = await heard_after(online, "MeterValues", connectorId=1)

    assert -1 == payload["transactionId"]


@pytest.mark.parametrize("connector", [0, 1])
async def test_meter_values_of_a_meter_that_is_silent_are_not_invented(autojump_clock, online, connector):
    online.charger.read_meter(1, 1234)
    await trio.sleep(60)

    assert (REJECTED, []) == await heard_after(online, "MeterValues", connectorId=connector)


async def test_a_trigger_for_a_connector_that_is_not_there_is_rejected(autojump_clock, online):
    assert REJECTED == await online.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 7})


@pytest.mark.parametrize("message", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
async def test_a_message_that_is_never_sent_cannot_be_triggered(autojump_clock, online, message):
    assert {"status": "NotImplemented"} == await online.ask("TriggerMessage", {"requestedMessage": message})


async def test_requests_are_answered_while_a_call_of_ours_is_under_way(autojump_clock, online):
    online.rule("StatusNotification", lambda frame: False)
    online.charger.show(1, ConnectorState.PREPARING)
    await settle(1)

    assert ACCEPTED == await online.ask("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    assert trio.current_time() < 5
