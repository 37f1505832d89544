"""Registration as 1.6 wants it: what may be said before it, how it is repeated, and that it happens once."""

import trio

from tests.ocpp.bench import error, says, settle, silent

NOW = "2026-11-20T12:00:00Z"


def boots(site):
    return [one.at_s for one in site.calls("BootNotification")]


async def test_after_accepted_come_the_statuses_of_the_charger_and_of_every_connector_then_the_queue(
    autojump_clock, site
):
    session = await site.begin(1)
    await site.end(session)
    await site.start()

    assert ["BootNotification", *["StatusNotification"] * 3, "StartTransaction", "StopTransaction"] == site.actions()
    assert [0, 1, 2] == [one.payload["connectorId"] for one in site.calls("StatusNotification")]


async def test_a_boot_notification_tells_who_the_charger_is(autojump_clock, online):
    (boot,) = online.calls("BootNotification")

    assert ("JP", "JP firmware", "S1") == tuple(
        boot.payload[key] for key in ("chargePointVendor", "chargePointModel", "chargePointSerialNumber")
    )


async def test_the_interval_of_an_accepted_boot_is_the_heartbeat_interval(autojump_clock, site):
    site.rule("BootNotification", says(status="Accepted", currentTime=NOW, interval=77))
    await site.start()
    await settle(77)

    assert [77.0] == [one.at_s for one in site.calls("Heartbeat")]


async def test_nothing_but_boot_notifications_before_the_first_acceptance(autojump_clock, site):
    site.rule("BootNotification", *[says(status="Pending", currentTime=NOW, interval=10)] * 3)
    await site.begin(1)
    await site.start()
    await settle(25)

    assert {"BootNotification"} == set(site.actions())
    assert "pending" == site.backend.snapshot()["state"]
    await settle(5)
    assert site.backend.online


async def test_pending_and_rejected_are_repeated_after_the_interval_that_was_told(autojump_clock, site):
    site.rule(
        "BootNotification",
        says(status="Pending", currentTime=NOW, interval=10),
        says(status="Rejected", currentTime=NOW, interval=100),
    )
    await site.start()
    await settle(200)

    assert [0, 10, 110] == boots(site)


async def test_an_interval_of_zero_is_not_a_licence_to_flood(autojump_clock, site):
    site.rule("BootNotification", says(status="Rejected", currentTime=NOW, interval=0))
    await site.start()
    await settle(100)

    assert [0, 60] == boots(site)


async def test_a_boot_that_is_not_answered_or_refused_is_repeated_after_an_interval_of_our_own(autojump_clock, site):
    site.rule("BootNotification", silent, error)
    await site.start()
    await settle(200)

    assert [0, 30 + 60, 30 + 60 + 60] == boots(site)


async def test_a_boot_is_not_repeated_on_a_mere_reconnect(autojump_clock, online):
    online.link.cut()
    await settle(60)

    assert online.links == 2
    assert online.backend.online
    assert 1 == len(boots(online))


async def test_a_boot_is_sent_again_by_a_controller_that_has_restarted(autojump_clock, online):
    await online.restart()

    assert 2 == len(boots(online))


async def test_the_interval_counts_over_reconnects_too(autojump_clock, site):
    site.rule("BootNotification", says(status="Rejected", currentTime=NOW, interval=100))
    await site.start()
    site.link.cut()
    await settle(200)

    assert [0, 100] == boots(site)


async def test_a_boot_whose_link_is_lost_is_sent_on_the_next_one(autojump_clock, site):
    site.on_link = lambda near, far: setattr(near, "after_send", lambda _: near.cut()) if site.links == 1 else None
    await site.start()
    await settle(10)

    assert site.backend.online
    assert [0, 2] == site.attempts_at_s


async def test_while_pending_the_central_systems_requests_are_answered(autojump_clock, site):
    site.rule("BootNotification", says(status="Pending", currentTime=NOW, interval=1000))
    await site.start()

    assert {"status": "Accepted"} == await site.ask(
        "ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "30"}
    )


async def test_while_pending_no_transaction_can_be_started_or_stopped_remotely(autojump_clock, site):
    site.rule("BootNotification", says(status="Pending", currentTime=NOW, interval=1000))
    await site.start()

    assert {"status": "Rejected"} == await site.ask("RemoteStartTransaction", {"idTag": "A", "connectorId": 1})
    assert {"status": "Rejected"} == await site.ask("RemoteStopTransaction", {"transactionId": 1})
    assert [] == site.charger.asked


async def test_while_pending_a_triggered_message_is_sent(autojump_clock, site):
    site.rule("BootNotification", says(status="Pending", currentTime=NOW, interval=1000))
    await site.start()
    await site.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
    await site.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    await settle()

    assert ["BootNotification", "StatusNotification", "BootNotification"] == site.actions()[:3]
    assert site.backend.online


async def test_a_rejected_charger_says_nothing_and_answers_nothing_until_its_interval_is_over(autojump_clock, site):
    site.rule("BootNotification", says(status="Rejected", currentTime=NOW, interval=100))
    await site.start()

    assert await site.ask("GetConfiguration") is None
    assert await site.ask("MakeCoffee") is None
    await site.link.send('[2,"x",7,{}]')
    await settle(100 - trio.current_time() - 1)
    assert 1 == len(site.heard)
    await settle(2)
    assert site.backend.online
    assert await site.ask("GetConfiguration") is not None


async def test_a_triggered_boot_after_acceptance_is_rejected(autojump_clock, online):
    assert {"status": "Rejected"} == await online.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    await settle(10)
    assert 1 == len(boots(online))


async def test_the_central_systems_clock_is_noted_and_never_set(autojump_clock, site):
    site.rule("BootNotification", says(status="Accepted", currentTime="2026-11-20T12:00:30Z", interval=300))
    await site.start()

    assert 30.0 == site.backend.clock_offset_s
