"""The child keeps a link up whatever becomes of it, and is never the one that fails for it."""

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.csms.central import CentralSystem
from jp_firmware.journal import state
from jp_firmware.model.session import AuthorizationStatus, IdToken, TokenSource
from jp_firmware.ocpp.transport import Kind, LinkFailure
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.tags import CACHE
from tests.ocpp.bench import TAG, Site, cabinet, error, says, settle, silent


def times(site, action):
    return [one.at_s for one in site.calls(action)]


# --- the link --------------------------------------------------------------------------------------------------------


async def test_attempts_are_doubled_up_to_the_cap_and_go_on_for_ever(autojump_clock, site):
    site.leave()
    await site.start()
    await settle(2 + 4 + 8 + 16 + 32 + 64 + 120 + 120)

    assert [0, 2, 6, 14, 30, 62, 126, 246, 366] == site.attempts_at_s


async def test_something_at_random_is_added_to_each_wait(autojump_clock, site):
    site.backend.random = lambda: 0.5
    site.leave()
    await site.start()
    await settle(10)

    assert [0, 3, 8] == site.attempts_at_s


async def test_a_link_that_lasted_ends_the_doubling_and_one_that_did_not_does_not(autojump_clock, site):
    await site.start()
    for expected in ([0, 2], [0, 2, 5 + 4]):  # cut at once, each time
        site.link.cut()
        await settle(5)
        assert expected == site.attempts_at_s
    await settle(60)
    cut_at_s = trio.current_time()
    site.link.cut()
    await settle(5)

    assert cut_at_s + 2 == site.attempts_at_s[-1]


async def test_a_day_without_a_central_system_neither_fail_the_child_nor_starve_its_watchdog(autojump_clock, site):
    site.leave()
    await site.start()
    await settle(24 * 3600)

    gaps = [b - a for a, b in zip(site.lifeline.fed_at_s, site.lifeline.fed_at_s[1:], strict=False)]
    assert site.lifeline.is_ready
    assert max(gaps) < site.backend.watchdog_s
    assert "waiting" == site.backend.snapshot()["state"]


async def test_a_dead_peer_is_noticed_by_its_missing_pong_and_dialled_again(autojump_clock, online):
    online.link.silent = True
    online.rule("Heartbeat", *[silent] * 10)
    probes = online.near
    probes.silent = True
    await settle(20 + 10 + 5)

    assert 2 == online.links
    assert online.backend.online


async def test_a_ping_that_is_switched_off_is_not_sent_and_starves_no_watchdog(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "WebSocketPingInterval", "value": "0"})
    await online.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "86400"})
    await settle(1)
    online.near.silent = True  # would be found dead by any ping
    online.lifeline.fed_at_s.clear()
    await settle(3600)

    assert 1 == online.links
    assert 59 <= len(online.lifeline.fed_at_s)


async def test_a_ping_that_is_rare_starves_no_watchdog(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "86400"})
    await online.ask("ChangeConfiguration", {"key": "WebSocketPingInterval", "value": "3000"})
    await settle(1)
    online.lifeline.fed_at_s.clear()
    probes = []
    online.near.on_probe = lambda: probes.append(trio.current_time())
    await settle(3600)

    gaps = [b - a for a, b in zip(online.lifeline.fed_at_s, online.lifeline.fed_at_s[1:], strict=False)]
    assert max(gaps) < online.backend.watchdog_s
    assert [3000.0] == [round(at_s, -1) for at_s in probes]


async def test_a_call_without_an_answer_raises_the_question_whether_anybody_is_there(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "WebSocketPingInterval", "value": "0"})
    await settle(1)
    online.near.silent = True
    await settle(300 + 30 + 10 + 5)  # the heartbeat, its time limit, the ping's, the way back

    assert 2 == online.links


async def test_the_reason_of_a_failure_is_shown_until_the_link_is_back(autojump_clock, online):
    online.away = LinkFailure(Kind.HTTP, "ws://csms/ocpp/CP1 answered HTTP 401; check backend.password", 401)
    online.link.cut()
    await settle(3)

    snapshot = online.backend.snapshot()
    assert ("waiting", "401" in snapshot["reason"]) == (snapshot["state"], True)
    online.come_back()
    await settle(60)
    assert ("online", "") == tuple(online.backend.snapshot()[key] for key in ("state", "reason"))


async def test_a_failure_is_logged_once_however_often_it_is_tried(autojump_clock, site, caplog):
    site.leave()
    await site.start()
    await settle(3600)

    assert 1 == caplog.text.count("no central system: nobody there")


async def test_changes_are_told_to_listeners(autojump_clock, site):
    states = []
    site.backend.subscribe(lambda: states.append(site.backend.snapshot()["state"]))
    await site.start()
    site.leave()
    await settle(1)

    assert ["connecting", "online", "waiting"] == list(dict.fromkeys(states))


async def test_the_snapshot_has_the_shape_of_the_console_topic(autojump_clock, online):
    await settle(5)

    assert {
        "state": "online",
        "url": "ws://csms/ocpp/CP1",
        "reason": "",
        "since_s": 5,
        "queued": 0,
        "clock_offset_s": 0.0,
    } == online.backend.snapshot()


def test_a_url_that_cannot_be_used_is_a_mistake_in_the_configuration():
    with pytest.raises(ConfigError, match=r"backend\.url"):
        Backend16(cabinet(url="http://x"), *[None] * 4, settings=None, local_w=None, profiles=None)


async def test_a_child_that_runs_anew_listens_once(autojump_clock, online):
    for _ in range(3):
        online.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        await online.start()

    assert 3 == len(online.charger.reports[1]._listeners)  # the reporter's, the profiles' and the backend's own
    assert 1 == len(online.faults.listeners)


async def test_a_child_that_has_ended_is_not_online(autojump_clock, online):
    online.scope.cancel()
    await trio.testing.wait_all_tasks_blocked()

    assert not online.backend.online
    assert ("waiting", "stopped") == tuple(online.backend.snapshot()[key] for key in ("state", "reason"))
    assert AuthorizationStatus.UNREACHABLE is (await online.backend.authorize(TAG)).status


# --- its own faults --------------------------------------------------------------------------------------------------


async def test_a_central_system_that_cannot_be_reached_is_a_fault_until_it_can(autojump_clock, site):
    site.leave()
    await site.start()
    assert {"NET-01": "nobody there"} == site.trouble
    site.come_back()
    await settle(10)

    assert {} == site.trouble


async def test_a_charger_that_is_not_accepted_is_a_fault_until_it_is(autojump_clock, site):
    site.rule("BootNotification", says(status="Rejected", currentTime="2026-11-20T12:00:00Z", interval=30))
    await site.start()
    assert {"OCP-06": "BootNotification: Rejected"} == site.trouble
    await settle(40)

    assert {} == site.trouble


async def test_a_message_that_was_given_up_is_a_fault_until_one_is_taken_again(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    session = await online.begin(1)
    await settle(400)
    assert ["OCP-19"] == list(online.trouble)
    assert "StartTransaction was given up: refused with InternalError" in online.trouble["OCP-19"]
    await online.end(session)
    await settle(1)

    assert {} == online.trouble


# --- heartbeat -------------------------------------------------------------------------------------------------------


async def test_a_heartbeat_is_sent_after_its_interval_of_silence(autojump_clock, online):
    await settle(650)

    assert [300, 600] == times(online, "Heartbeat")


async def test_whatever_is_sent_puts_the_heartbeat_off(autojump_clock, online):
    await settle(200)
    await online.backend.authorize(TAG)
    await settle(299)
    assert [] == times(online, "Heartbeat")
    await settle(2)

    assert [500] == times(online, "Heartbeat")


async def test_a_changed_heartbeat_interval_counts_at_once(autojump_clock, online):
    await settle(100)
    await online.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "150"})
    await settle(200)

    assert [250] == times(online, "Heartbeat")[:1]  # the answer was sent at 100


async def test_the_answer_to_a_heartbeat_tells_the_time(autojump_clock, online):
    online.rule("Heartbeat", says(currentTime="2026-11-20T12:05:07Z"))
    await settle(301)

    assert 7.0 == online.backend.clock_offset_s


async def test_a_heartbeat_that_is_refused_is_no_reason_to_flood(autojump_clock, online):
    online.rule("Heartbeat", error)
    await settle(700)

    assert [300, 600] == times(online, "Heartbeat")


# --- authorization ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("Accepted", AuthorizationStatus.ACCEPTED),
        ("Blocked", AuthorizationStatus.BLOCKED),
        ("Expired", AuthorizationStatus.EXPIRED),
        ("Invalid", AuthorizationStatus.INVALID),
        ("ConcurrentTx", AuthorizationStatus.CONCURRENT),
    ],
)
async def test_the_central_systems_word_is_taken_and_remembered(autojump_clock, online, status, verdict):
    online.rule("Authorize", says(idTagInfo={"status": status}))
    answer = await online.backend.authorize(TAG)

    assert (verdict, "central system") == (answer.status, answer.by)
    assert (verdict, "cache") == (online.backend.cached(TAG).status, online.backend.cached(TAG).by)


async def test_nobody_is_asked_while_nobody_is_there(autojump_clock, site):
    site.leave()
    await site.start()

    assert not site.backend.online
    assert AuthorizationStatus.UNREACHABLE is (await site.backend.authorize(TAG)).status
    assert trio.current_time() == 0


async def test_no_answer_is_unreachable_after_the_time_limit(autojump_clock, online):
    online.rule("Authorize", silent)

    assert AuthorizationStatus.UNREACHABLE is (await online.backend.authorize(TAG)).status
    assert trio.current_time() == 30


async def test_the_time_limit_holds_behind_another_call_that_is_not_answered(autojump_clock, online):
    online.rule("StartTransaction", silent)
    online.rule("Authorize", silent)
    await online.begin(1)
    await settle(10)

    assert AuthorizationStatus.UNREACHABLE is (await online.backend.authorize(TAG)).status
    assert trio.current_time() == 40


async def test_a_refused_question_refuses_the_token(autojump_clock, online):
    """Some central systems refuse a tag they cannot parse instead of calling it invalid."""
    online.rule("Authorize", error)

    assert AuthorizationStatus.INVALID is (await online.backend.authorize(TAG)).status


async def test_a_token_that_1_6_cannot_carry_is_refused_with_the_reason(autojump_clock, online):
    answer = await online.backend.authorize(IdToken("X" * 21, TokenSource.OPERATOR))

    assert AuthorizationStatus.INVALID is answer.status
    assert "20 characters" in answer.by


async def test_the_cache_survives_a_restart(autojump_clock, online):
    await online.backend.authorize(TAG)
    assert state.get(online.journal.db, CACHE)
    await online.restart()

    assert online.backend.cached(TAG).accepted


async def test_without_the_cache_nothing_is_remembered(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "AuthorizationCacheEnabled", "value": "false"})
    await online.backend.authorize(TAG)

    assert online.backend.cached(TAG) is None
    assert {"status": "Rejected"} == await online.ask("ClearCache")


async def test_ids_of_the_local_list_stay_out_of_the_cache(autojump_clock, nursery):
    site = Site(nursery, authorize=schema.Authorize(local_list=(schema.LocalTag(uid=TAG.uid),)))
    await site.start()
    await site.backend.authorize(TAG)

    assert site.backend.cached(TAG) is None
    nursery.cancel_scope.cancel()
    site.journal.close()


async def test_a_tag_that_comes_onto_the_local_list_is_forgotten_by_the_cache(autojump_clock, online):
    await online.backend.authorize(TAG)
    listed = schema.Authorize(local_list=(schema.LocalTag(uid=TAG.uid, status="blocked"),))
    online.settings.put_in_force(attrs.evolve(online.settings.cabinet, authorize=listed))

    assert online.backend.cached(TAG) is None


# --- the configuration, while the link is up -------------------------------------------------------------------------


def in_force(site, **ocpp):
    """Somebody on site changes what is agreed with the central system."""
    before = site.settings.cabinet
    site.settings.put_in_force(attrs.evolve(before, ocpp=attrs.evolve(before.ocpp, **ocpp)))


async def test_another_configuration_counts_at_once_and_costs_no_link(autojump_clock, online):
    in_force(online, heartbeat_interval_s=100)
    await settle(250)

    assert 2 == len(online.calls("Heartbeat"))
    assert 1 == online.links


async def test_the_interval_of_the_registration_counts_until_the_key_changes(autojump_clock, nursery):
    site = Site(nursery, central=CentralSystem(heartbeat_s=40), ocpp=schema.Ocpp(heartbeat_interval_s=100))
    await site.start()
    told = [site.backend.keys.number("HeartbeatInterval")]
    in_force(site, minimum_status_duration_s=5)
    told.append(site.backend.keys.number("HeartbeatInterval"))
    in_force(site, heartbeat_interval_s=70)
    told.append(site.backend.keys.number("HeartbeatInterval"))

    assert [40, 40, 70] == told
    nursery.cancel_scope.cancel()
    site.journal.close()


async def test_to_say_what_is_configured_anyway_overrules_the_interval_of_the_registration(autojump_clock, nursery):
    site = Site(nursery, central=CentralSystem(heartbeat_s=40), ocpp=schema.Ocpp(heartbeat_interval_s=100))
    await site.start()
    answer = await site.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "100"})

    assert {"status": "Accepted"} == answer
    assert 100 == site.backend.keys.number("HeartbeatInterval")
    nursery.cancel_scope.cancel()
    site.journal.close()


async def test_pings_go_at_the_configured_interval_from_the_change_on(autojump_clock, online):
    probed = []
    online.near.on_probe = lambda: probed.append(trio.current_time())
    before = online.settings.cabinet
    start_s = trio.current_time()
    online.settings.put_in_force(attrs.evolve(before, backend=attrs.evolve(before.backend, ping_interval_s=200.0)))
    await settle(450)

    assert [0, 200, 400] == [round(at_s - start_s) for at_s in probed]
    assert 2 * 210 <= online.backend.watchdog_s
    assert 1 == online.links


# --- in place of another client --------------------------------------------------------------------------------------


async def test_a_client_in_place_of_one_that_was_accepted_tells_its_statuses_and_of_no_start(autojump_clock, nursery):
    site = Site(nursery, central=CentralSystem(heartbeat_s=77))
    await site.start()
    former, before = site.backend, len(site.calls())
    site.scope.cancel()
    await settle()
    site.backend = site.sessions.courier = site.new_backend()
    site.backend.go_on_as(former)
    await site.start()

    assert site.backend.online
    assert ["StatusNotification"] * 3 == [one.action for one in site.calls()[before:]]
    assert 77 == site.backend.keys.number("HeartbeatInterval")
    in_force(site, heartbeat_interval_s=60)
    assert 60 == site.backend.keys.number("HeartbeatInterval")
    nursery.cancel_scope.cancel()
    site.journal.close()
