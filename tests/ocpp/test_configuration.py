"""GetConfiguration and ChangeConfiguration: what is told, what is taken, and how it is answered."""

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.ocpp.v16.configuration import CHECKED_AT_ONCE, Configuration
from tests.ocpp.bench import Site, settle

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


async def change(site, key, value):
    return await site.ask("ChangeConfiguration", {"key": key, "value": value})


async def told(site, *keys):
    """The entries of some keys, by name."""
    answer = await site.ask("GetConfiguration", {"key": list(keys)} if keys else {})
    return {one["key"]: one for one in answer["configurationKey"]}


# --- looking ---------------------------------------------------------------------------------------------------------


async def test_all_keys_are_listed_for_none(autojump_clock, online):
    answer = await online.ask("GetConfiguration")
    names = [one["key"] for one in answer["configurationKey"]]

    assert "unknownKey" not in answer
    assert {"HeartbeatInterval", "NumberOfConnectors", "JP.site.limit_w", "JP.connectors.2.weight"} <= set(names)
    assert len(names) == len(set(names))


async def test_some_keys_are_told_and_unknown_ones_are_named(autojump_clock, online):
    asked = ["heartbeatinterval", "NumberOfConnectors", "Colour", "jp.SITE.limit_w", "JP.site", "JP.site.colour"]
    answer = await online.ask("GetConfiguration", {"key": asked})

    assert [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
        {"key": "JP.site.limit_w", "readonly": False, "value": "100000"},
    ] == answer["configurationKey"]
    assert ["Colour", "JP.site", "JP.site.colour"] == answer["unknownKey"]


async def test_no_more_keys_are_told_than_may_be_asked_for(autojump_clock, online):
    most = int((await told(online, "GetConfigurationMaxKeys"))["GetConfigurationMaxKeys"]["value"])
    answer = await online.ask("GetConfiguration", {"key": [f"X{number}" for number in range(most + 10)]})

    assert most == len(answer["unknownKey"])


async def test_a_secret_and_what_is_too_long_for_ocpp_have_no_value(autojump_clock, nursery):
    named = schema.Charger(identity="CP1", name="x" * 501)
    site = Site(nursery, password="correct horse battery", charger=named)
    await site.start()
    answer = await site.ask("GetConfiguration")

    found = {one["key"]: one for one in answer["configurationKey"]}
    assert {"key": "JP.backend.password", "readonly": True} == found["JP.backend.password"]
    assert {"key": "JP.charger.name", "readonly": False} == found["JP.charger.name"]
    assert "correct horse" not in str(answer)
    nursery.cancel_scope.cancel()
    site.journal.close()


async def test_a_long_listing_lets_others_run_in_between(autojump_clock, online):
    turns = 0

    async def somebody():
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(somebody)
        answer = await Configuration(online.backend.keys, online.settings).get({})
        nursery.cancel_scope.cancel()

    assert answer.checked
    assert turns + 1 >= len(answer.payload["configurationKey"]) // CHECKED_AT_ONCE > 3


async def test_a_change_made_on_site_is_told_at_once(autojump_clock, online):
    before = online.settings.cabinet
    online.settings.put_in_force(
        attrs.evolve(before, site=schema.Site(limit_w=50_000.0), ocpp=schema.Ocpp(minimum_status_duration_s=7))
    )
    found = await told(online, "MinimumStatusDuration", "JP.ocpp.minimum_status_duration_s", "JP.site.limit_w")

    assert ["7", "7", "50000"] == [one["value"] for one in found.values()]


# --- changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("heartbeatinterval", "60", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "60.0", "Rejected"),
        ("HeartbeatInterval", " 60", "Rejected"),
        ("HeartbeatInterval", "99999999999999", "Rejected"),
        ("HeartbeatInterval", "\u0663", "Rejected"),  # a digit, but not one of ours
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("WebSocketPingInterval", "0", "Accepted"),
        ("AuthorizationCacheEnabled", "False", "Accepted"),
        ("AuthorizationCacheEnabled", "no", "Rejected"),
        ("LocalPreAuthorize", "false", "Accepted"),
        ("ConnectionTimeOut", "90", "Accepted"),
        ("ConnectionTimeOut", "4", "Rejected"),
        ("MeterValuesSampledData", "Voltage, energy.active.import.register", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage.L1", "Rejected"),
        ("MeterValuesSampledData", "Voltage,Frequency", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("StopTransactionOnInvalidId", "false", "Rejected"),
        ("Colour", "red", "NotSupported"),
        ("JP.site.limit_w", "80000", "Accepted"),
        ("JP.site.limit_w", "80 kW", "Rejected"),
        ("jp.connectors.2.weight", "2.5", "Accepted"),
        ("JP.connectors.2.cable_max_current_a", "150", "Accepted"),
        ("JP.charger.name", "Bay 7 – left", "Accepted"),
        ("JP.charger.name", "Bay 7\x1b[2J", "Rejected"),
        ("JP.charger.name", "Bay 7\n", "Rejected"),
        ("JP.backend.url", "ws://elsewhere", "Rejected"),
        ("JP.backend.password", "secret", "Rejected"),
        ("JP.charger.model", "Other", "Rejected"),
        ("JP.site", "1", "NotSupported"),
        ("JP.connectors.9.weight", "1", "NotSupported"),
        ("JP.", "1", "NotSupported"),
    ],
)
async def test_a_value_is_taken_only_if_it_is_permitted(autojump_clock, online, key, value, status):
    assert {"status": status} == await change(online, key, value)
    assert (status == "Accepted") == bool(online.settings.changes)


async def test_to_leave_out_what_is_left_out_is_no_change_and_accepted(autojump_clock, online):
    """It is told as empty, and what is told can be said again."""
    key = "JP.connectors.1.cable_max_current_a"
    assert {"status": "Accepted"} == await change(online, key, "")
    assert [] == online.settings.changes
    await change(online, key, "150")
    await change(online, key, "")

    assert 2 == len(online.settings.changes)
    assert {key: ""} == {one["key"]: one["value"] for one in (await told(online, key)).values()}


async def test_what_is_accepted_is_told(autojump_clock, online):
    await change(online, "JP.connectors.2.weight", "2.5")
    await change(online, "MeterValuesAlignedData", "soc")
    found = await told(online, "JP.connectors.2.weight", "MeterValuesAlignedData", "JP.ocpp.meter_values_aligned_data")

    assert ["2.5", "SoC", "SoC"] == [one["value"] for one in found.values()]


async def test_a_change_says_what_it_was_made_for(autojump_clock, online):
    await change(online, "heartbeatinterval", "60")

    assert ["ChangeConfiguration of HeartbeatInterval"] == [why for _, why in online.settings.changes]


async def test_a_refused_change_is_rejected_with_its_reason_in_the_log_and_changes_nothing(
    autojump_clock, online, caplog
):
    online.settings.refusal = "the disk is full"
    with caplog.at_level("INFO"):
        assert REJECTED == await change(online, "HeartbeatInterval", "60")

    assert "the disk is full" in caplog.text
    assert 300 == online.backend.keys.number("HeartbeatInterval")


async def test_a_change_that_is_neither_made_nor_refused_in_time_is_not_called_either(autojump_clock, online):
    online.settings.undecided = True

    assert "GenericError" == await change(online, "HeartbeatInterval", "60")


async def test_a_key_that_cannot_have_an_effect_is_read_only(autojump_clock, online):
    online.settings.fixed = {"site.limit_w", "authorize.local_pre_authorize"}

    assert [REJECTED, REJECTED] == [
        await change(online, "JP.site.limit_w", "1"),
        await change(online, "LocalPreAuthorize", "false"),
    ]
    found = await told(online, "JP.site.limit_w", "LocalPreAuthorize", "LocalAuthorizeOffline")
    assert [True, True, False] == [one["readonly"] for one in found.values()]


async def test_a_changed_interval_counts_at_once(autojump_clock, online):
    await change(online, "HeartbeatInterval", "86400")
    await settle(1)
    before = len(online.calls("Heartbeat"))
    await change(online, "JP.ocpp.heartbeat_interval_s", "10")
    await settle(35)

    assert 3 == len(online.calls("Heartbeat")) - before


# --- the password ----------------------------------------------------------------------------------------------------

PASSWORD = "0123456789abcdef0123"


async def test_a_new_password_is_begun_behind_its_answer_and_never_told(autojump_clock, online):
    sent = len(online.near.sent)
    assert ACCEPTED == await change(online, "authorizationkey", PASSWORD)
    answer = await online.ask("GetConfiguration", {"key": ["AuthorizationKey"]})

    assert [(PASSWORD, sent + 1)] == online.settings.passwords
    assert {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]} == answer
    assert "AuthorizationKey" not in await told(online)


@pytest.mark.parametrize("text", ["", "short", "x" * 15, "x" * 41, "0123456789abcde f", "0123456789abcdef\n", "ä" * 16])
async def test_a_password_that_is_too_short_or_cannot_be_carried_is_rejected(autojump_clock, online, text):
    assert REJECTED == await change(online, "AuthorizationKey", text)
    assert [] == online.settings.passwords


async def test_a_password_that_cannot_be_changed_now_is_rejected(autojump_clock, online):
    online.settings.refusal = "another change is under way"
    assert REJECTED == await change(online, "AuthorizationKey", PASSWORD)
    online.settings.refusal, online.settings.undecided = "", True
    assert "GenericError" == await change(online, "AuthorizationKey", PASSWORD)
    online.settings.undecided, online.settings.fixed = False, {"backend.password"}
    assert REJECTED == await change(online, "AuthorizationKey", PASSWORD)
    assert [] == online.settings.passwords
