"""Transaction messages arrive once, in order, under the right name, or are given up and kept aside."""

import pytest
import trio

from jp_firmware.journal import outbox as rows
from jp_firmware.journal.database import JournalError
from tests.ocpp.bench import error, says, settle, silent

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


def delivered(site):
    return [one.action for one in site.calls(*TRANSACTIONAL)]


def times(site, action):
    return [one.at_s for one in site.calls(action)]


async def test_a_session_is_told_from_start_to_stop_under_the_id_that_was_given(autojump_clock, online):
    session = await online.begin(1, 1000)
    await settle(60)
    online.sample(session, 1200)
    await settle(1)
    await online.end(session, 1500)
    await settle(1)

    start, meter, stop = (one.payload for one in online.calls(*TRANSACTIONAL))
    assert {"connectorId": 1, "idTag": "04A1B2C3", "meterStart": 1000, "timestamp": "2026-11-20T12:00:00.000Z"} == start
    assert (1, 1) == (meter["transactionId"], stop["transactionId"])
    assert (1500, "Remote") == (stop["meterStop"], stop["reason"])
    assert [] == online.journal.waiting()


async def test_what_happens_while_nobody_is_there_is_told_in_order_over_all_connectors(autojump_clock, site):
    site.leave()
    await site.start()
    first = await site.begin(1)
    second = await site.begin(2)
    await settle(60)
    site.sample(second)
    site.sample(first)
    await site.end(second)
    await site.end(first)
    site.come_back()
    await settle(600)

    assert [
        ("StartTransaction", 1),
        ("StartTransaction", 2),
        ("MeterValues", 2),
        ("MeterValues", 1),
        ("StopTransaction", 2),
        ("StopTransaction", 1),
    ] == [
        (one.action, one.payload.get("connectorId", one.payload.get("transactionId")))
        for one in site.calls(*TRANSACTIONAL)
    ]


async def test_the_queue_is_counted_while_nobody_is_there(autojump_clock, site):
    site.leave()
    await site.start()
    session = await site.begin(1)
    await site.end(session)
    await settle()

    assert 2 == site.backend.snapshot()["queued"]


async def test_a_stop_that_was_queued_before_its_start_was_answered_gets_the_id_all_the_same(autojump_clock, online):
    online.rule("StartTransaction", silent, says(transactionId=4711, idTagInfo={"status": "Accepted"}))
    session = await online.begin(1)
    await online.end(session)
    await settle(200)

    assert [4711] == [one.payload["transactionId"] for one in online.calls("StopTransaction")]


@pytest.mark.parametrize("number", [0, -5])
async def test_an_id_of_zero_or_less_is_an_id_like_any_other(autojump_clock, online, number):
    online.rule("StartTransaction", says(transactionId=number, idTagInfo={"status": "Accepted"}))
    session = await online.begin(1)
    await online.end(session)
    await settle(1)

    assert [number] == [one.payload["transactionId"] for one in online.calls("StopTransaction")]


async def test_a_transaction_whose_start_was_given_up_is_told_as_minus_one(autojump_clock, online):
    online.rule("StartTransaction", error, error, error)
    session = await online.begin(1)
    await settle(400)
    online.sample(session)
    await online.end(session)
    await settle(1)

    assert ["StartTransaction"] == online.journal.given_up()
    assert [-1, -1] == [one.payload["transactionId"] for one in online.calls("MeterValues", "StopTransaction")]


@pytest.mark.parametrize(("failure", "takes_s"), [(error, 0), (silent, 30)])
async def test_the_nth_failure_is_followed_by_n_times_the_interval(autojump_clock, online, failure, takes_s):
    online.rule("StartTransaction", failure, failure)
    await online.begin(1)
    await settle(1000)

    second_s = takes_s + 60
    assert [0, second_s, second_s + takes_s + 120] == times(online, "StartTransaction")


async def test_a_message_is_given_up_after_the_attempts_and_the_next_one_goes(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    await online.begin(1)
    await online.begin(2)
    await settle(1000)

    assert ["StartTransaction"] == online.journal.given_up()
    assert [1, 1, 1, 2] == [one.payload["connectorId"] for one in online.calls("StartTransaction")]


async def test_a_central_system_that_never_answers_cannot_block_for_ever(autojump_clock, online):
    online.rule("StartTransaction", *[silent] * 100)
    online.rule("StopTransaction", *[silent] * 100)
    session = await online.begin(1)
    await online.end(session)
    await settle(3600)

    assert [] == online.journal.waiting()
    assert ["StartTransaction", "StopTransaction"] == online.journal.given_up()


async def sampled_and_ended(site, samples=20):
    """A session whose meter values go out every minute, and the time of its end."""
    session = await site.begin(1)
    for _ in range(samples):
        await settle(60)
        site.sample(session)
    await site.end(session)
    ended_at_s = trio.current_time()
    await settle(600)
    return ended_at_s


async def test_meter_values_that_are_refused_for_good_do_not_keep_the_bill_from_arriving(autojump_clock, online):
    online.rule("MeterValues", *[error] * 1000)
    ended_at_s = await sampled_and_ended(online)

    assert [ended_at_s] == times(online, "StopTransaction")
    assert ["MeterValues"] * 20 == online.journal.given_up()
    assert 3 + 19 == len(online.calls("MeterValues"))


async def test_meter_values_have_all_their_attempts_again_once_one_was_taken(autojump_clock, online):
    taken = says()
    online.rule("MeterValues", error, error, error, error, taken, error, error, taken)
    await sampled_and_ended(online)

    assert ["MeterValues"] * 2 == online.journal.given_up()


async def test_what_the_bill_is_made_of_has_all_its_attempts_always(autojump_clock, online):
    online.rule("MeterValues", *[error] * 1000)
    online.rule("StopTransaction", error, error)
    await sampled_and_ended(online)

    assert 3 == len(online.calls("StopTransaction"))
    assert "StopTransaction" not in online.journal.given_up()


async def test_meter_values_that_are_only_not_answered_have_all_their_attempts(autojump_clock, online):
    online.rule("MeterValues", *[silent] * 6)
    await sampled_and_ended(online, samples=2)

    assert 6 == len(online.calls("MeterValues"))


async def test_attempts_and_interval_are_the_keys_as_they_are_now(autojump_clock, online):
    for key, value in (("TransactionMessageAttempts", "2"), ("TransactionMessageRetryInterval", "7")):
        assert {"status": "Accepted"} == await online.ask("ChangeConfiguration", {"key": key, "value": value})
    online.rule("StartTransaction", error, error)
    await online.begin(1)
    await settle(100)

    assert [0, 7] == times(online, "StartTransaction")
    assert ["StartTransaction"] == online.journal.given_up()


async def test_no_attempts_at_all_means_one(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "0"})
    online.rule("StartTransaction", error)
    await online.begin(1)
    await settle(100)

    assert [0] == times(online, "StartTransaction")


async def test_a_retry_has_a_new_message_id(autojump_clock, online):
    online.rule("StartTransaction", error, silent)
    await online.begin(1)
    await settle(1000)

    ids = [one.frame[1] for one in online.calls("StartTransaction")]
    assert (3, 3) == (len(ids), len(set(ids)))


async def test_a_late_answer_to_an_earlier_try_counts_for_nothing(autojump_clock, online):
    """The central system may have acted on it: that a start may be told twice lies in the protocol."""
    late = []
    online.rule("StartTransaction", lambda frame: late.append(frame[1]) or False)
    await online.begin(1)
    await settle(60)
    await online.link.send(f'[3,"{late[0]}",{{"transactionId":99,"idTagInfo":{{"status":"Accepted"}}}}]')
    await settle(60)

    assert 2 == len(times(online, "StartTransaction"))
    assert 1 == rows.transaction_id_of(
        online.journal.db, next(iter(online.journal.db.execute("SELECT id FROM sessions")))[0]
    )


async def test_a_link_that_goes_while_a_message_is_under_way_is_no_attempt(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "1"})
    online.rule("StartTransaction", lambda frame: online.link.cut() or False)
    await online.begin(1)
    await settle(60)

    assert [0, 2] == times(online, "StartTransaction")  # the link was back after two seconds
    assert [] == online.journal.given_up()


async def test_a_wait_between_attempts_outlives_the_link(autojump_clock, online):
    online.rule("StartTransaction", error)
    await online.begin(1)
    await settle(10)
    online.link.cut()
    await settle(100)

    assert [0, 60] == times(online, "StartTransaction")


async def test_other_messages_overtake_one_that_waits_for_its_retry(autojump_clock, online):
    online.rule("StartTransaction", error)
    await online.begin(1)
    await settle(10)

    assert 1 == len(times(online, "StartTransaction"))
    assert "Charging" in [one.payload["status"] for one in online.calls("StatusNotification")]


async def test_attempts_are_counted_over_a_restart(autojump_clock, online):
    online.rule("StartTransaction", error, error, error)
    await online.begin(1)
    await settle(10)
    await online.restart()
    await settle(1000)

    assert ["StartTransaction"] == online.journal.given_up()
    assert 3 == len(times(online, "StartTransaction"))


async def test_the_id_is_on_the_disk_in_the_same_commit_that_takes_the_start_away(autojump_clock, online):
    commits = []
    online.journal.before_commit = commits.append
    await online.begin(1)
    await settle(1)

    (commit,) = [records for records in commits if any(isinstance(one, rows.Sent) for one in records)]
    assert [rows.TransactionIdGiven, rows.Sent] == [type(one) for one in commit]


async def test_a_disk_that_refuses_is_waited_for_and_nothing_is_sent_twice(autojump_clock, online):
    refusals = [JournalError("disk full", storage=True)] * 3

    def refuse(records):
        if any(isinstance(one, rows.Sent) for one in records) and refusals:
            raise refusals.pop()

    online.journal.before_commit = refuse
    session = await online.begin(1)
    await online.end(session)
    await settle(60)

    assert ["StartTransaction", "StopTransaction"] == delivered(online)
    assert [] == online.journal.waiting()


async def test_a_message_for_another_version_is_kept_aside_and_blocks_nothing(autojump_clock, online):
    online.journal.post(
        rows.Put(
            session_id=None,
            action="TransactionEvent",
            payload={},
            created_at=rows.from_text("2026-01-01T00:00:00+00:00"),
            version="2.0.1",
        )
    )
    await online.begin(1)
    await settle(1)

    assert ["TransactionEvent"] == online.journal.given_up()
    assert ["StartTransaction"] == delivered(online)


# --- a start that is refused -----------------------------------------------------------------------------------------


async def test_a_start_whose_tag_is_refused_ends_its_session(autojump_clock, online):
    online.rule("StartTransaction", says(transactionId=7, idTagInfo={"status": "Blocked"}))
    await online.begin(2)
    await settle(1)

    assert [("deauthorize", 2)] == online.charger.asked


async def test_a_start_that_is_refused_only_after_the_session_has_ended_ends_nothing(autojump_clock, site):
    site.rule("StartTransaction", says(transactionId=7, idTagInfo={"status": "Invalid"}))
    site.leave()
    await site.start()
    session = await site.begin(1)
    await site.end(session)
    site.come_back()
    await settle(600)

    assert [] == site.charger.asked
    assert [7] == [one.payload["transactionId"] for one in site.calls("StopTransaction")]


async def test_a_session_that_cannot_be_ended_yet_is_ended_at_its_next_report(autojump_clock, online):
    online.rule("StartTransaction", says(transactionId=7, idTagInfo={"status": "Expired"}))
    online.charger.answer = (False, "just starting")
    session = await online.begin(1)
    await settle(1)
    online.charger.answer = (True, "")
    online.charger.show(1, online.charger.reports[1].signal.value.state, session=session, text="anew")
    await settle(1)

    assert [("deauthorize", 1)] * 2 == online.charger.asked


async def test_the_refusal_is_remembered_for_the_next_time(autojump_clock, online):
    online.rule("StartTransaction", says(transactionId=7, idTagInfo={"status": "Blocked"}))
    session = await online.begin(1)
    await settle(1)

    assert "blocked" == online.backend.cached(session.token).status.value


async def test_cancellation_leaves_everything_that_was_not_answered(autojump_clock, online):
    online.rule("StartTransaction", silent)
    await online.begin(1)
    await settle(1)
    online.scope.cancel()
    await trio.testing.wait_all_tasks_blocked()

    assert ["StartTransaction"] == online.journal.waiting()


async def emptied_at_s(site, within_s: float) -> float:
    """When the outbox says that it is empty, or that nobody would take more; infinite if not within that time."""
    with trio.move_on_after(within_s):
        await site.backend.outbox.emptied()
        return trio.current_time()
    return float("inf")


async def test_it_is_emptied_when_the_last_answer_is_on_the_disk(autojump_clock, online):
    online.rule("StartTransaction", silent)
    asked_at_s = trio.current_time()
    await online.begin(1)

    assert await emptied_at_s(online, 600) == pytest.approx(asked_at_s + 90, abs=1)  # 30 s, and a retry after 60 s
    assert [] == online.journal.waiting()
    assert await emptied_at_s(online, 1) == trio.current_time()


async def test_nobody_waits_for_it_to_be_emptied_without_a_link(autojump_clock, online):
    online.rule("StartTransaction", silent)
    await online.begin(1)
    await settle(1)
    async with trio.open_nursery() as nursery:
        left_at_s = trio.current_time() + 2
        nursery.start_soon(leave_at, online, left_at_s)

        assert await emptied_at_s(online, 600) == pytest.approx(left_at_s, abs=1)
    assert ["StartTransaction"] == online.journal.waiting()
    assert await emptied_at_s(online, 1) == trio.current_time()


async def leave_at(site, at_s: float) -> None:
    await trio.sleep_until(at_s)
    site.leave()
