"""Meter values: in a session at their interval, at the beat of the clock everywhere, never invented."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.journal import sessions
from jp_firmware.ocpp.v16.metering import ClockBeat
from tests.ocpp.bench import START, settle


def meter_values(site):
    return [one.payload for one in site.calls("MeterValues")]


def instants(site):
    return [one["meterValue"][0]["timestamp"][11:19] for one in meter_values(site)]


# --- in a session ----------------------------------------------------------------------------------------------------


async def sampling(site, session, seconds, every_s=2.0):
    for n in range(int(seconds / every_s)):
        site.sample(session, 1000 + n)
        await settle(every_s)


async def test_samples_are_told_at_the_interval_counted_from_the_start(autojump_clock, online):
    session = await online.begin(1)
    await sampling(online, session, 200)

    assert ["12:01:00", "12:02:00", "12:03:00"] == instants(online)


async def test_every_sample_is_kept_whether_it_is_told_or_not(autojump_clock, online):
    session = await online.begin(1)
    await sampling(online, session, 100)

    assert 50 == len(sessions.samples_of(online.journal.db, session.id))


async def test_a_sample_that_comes_a_moment_too_early_counts(autojump_clock, online):
    session = await online.begin(1)
    await settle(59.6)
    online.sample(session)
    await settle(60)
    online.sample(session)
    await settle(1)

    assert 2 == len(meter_values(online))


async def test_a_gap_is_not_made_up_for(autojump_clock, online):
    session = await online.begin(1)
    await settle(605)
    online.sample(session)
    await settle(5)
    online.sample(session)
    await settle(1)

    assert 1 == len(meter_values(online))


async def test_a_changed_interval_counts_in_the_session_that_runs(autojump_clock, online):
    session = await online.begin(1)
    await online.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"})
    await sampling(online, session, 31)

    assert ["12:00:10", "12:00:20"] == instants(online)[:2]


async def test_an_interval_of_zero_tells_none(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "0"})
    session = await online.begin(1)
    await sampling(online, session, 200)

    assert [] == meter_values(online)


async def test_the_measurands_are_those_of_the_key(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "SoC,Voltage"})
    session = await online.begin(1)
    await settle(60)
    online.sample(session)
    await settle(1)

    ((payload,),) = (meter_values(online),)
    assert ["SoC", "Voltage"] == [one["measurand"] for one in payload["meterValue"][0]["sampledValue"]]


async def test_no_message_is_made_of_nothing(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "SoC"})
    session = await online.begin(1)
    await settle(60)
    online.sample(session, soc_percent=None)
    await settle(1)

    assert [] == meter_values(online)


# --- at the beat of the clock ----------------------------------------------------------------------------------------


async def test_clock_aligned_values_come_at_the_beat_and_not_after_the_start(autojump_clock, online):
    await settle(100)
    await online.ask("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "900"})
    session = await online.begin(1)
    for _ in range(200):
        online.charger.read_meter(1, 1200)
        online.charger.read_meter(2, 700)
        await settle(10)

    told = [(one["connectorId"], one.get("transactionId"), one["meterValue"][0]) for one in meter_values(online)]
    beats = [(n, number, value["timestamp"][11:19]) for n, number, value in told]
    assert [(1, 1, "12:15:00"), (2, None, "12:15:00"), (1, 1, "12:30:00"), (2, None, "12:30:00")] == beats
    assert {"Sample.Clock"} == {one["context"] for _, _, value in told for one in value["sampledValue"]}
    assert session.id


async def test_clock_aligned_values_are_queued_while_nobody_is_there(autojump_clock, online):
    await online.ask("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "60"})
    online.leave()
    await settle(59)
    online.charger.read_meter(1, 1200)
    await settle(1.5)
    assert ["MeterValues"] == online.journal.waiting()
    online.come_back()
    await settle(600)

    assert ["12:01:00"] == instants(online)


def test_a_clock_that_is_set_back_repeats_no_beat():
    beat = ClockBeat()
    for minutes in (0, 15, 30):
        beat.due(START + timedelta(minutes=minutes), 900)

    assert beat.due(START + timedelta(minutes=15), 900) is None
    assert beat.due(START + timedelta(minutes=30), 900) is None
    assert START + timedelta(minutes=45) == beat.due(START + timedelta(minutes=45), 900)


def test_a_clock_that_was_wrong_by_more_than_a_day_begins_anew():
    beat = ClockBeat()
    beat.due(START + timedelta(days=400), 900)
    assert beat.due(START + timedelta(seconds=1), 900) is None

    assert START + timedelta(minutes=15) == beat.due(START + timedelta(minutes=15, seconds=1), 900)


def test_a_clock_that_is_set_forward_skips_to_the_present():
    beat = ClockBeat()
    beat.due(START, 900)

    assert START + timedelta(hours=5) == beat.due(START + timedelta(hours=5, seconds=7), 900)


def test_a_clock_that_was_never_set_has_no_beat():
    beat = ClockBeat()
    early = START.replace(year=1970)

    assert [None, None] == [beat.due(early + timedelta(minutes=15 * n), 900) for n in range(2)]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 86_400), st.lists(st.floats(0.1, 2000), min_size=1, max_size=30))
def test_beats_are_multiples_of_the_interval_after_midnight_and_only_go_forward(interval_s, steps_s):
    beat, now, beats = ClockBeat(), START, []
    for step_s in steps_s:
        now += timedelta(seconds=step_s)
        due = beat.due(now, interval_s)
        assert beat.wait_s(now, interval_s) >= 0
        if due:
            beats.append(due)
            midnight = due.replace(hour=0, minute=0, second=0, microsecond=0)
            assert 0 == (due - midnight).total_seconds() % interval_s or due == midnight

    assert sorted(set(beats)) == beats
