"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule, as a central system meets them."""

import math
from unittest import mock

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config import schema
from jp_firmware.journal import state
from jp_firmware.journal.writer import JournalError
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import IdToken, TokenSource
from jp_firmware.ocpp.v16.charging_profile import MAX_INSTALLED, MAX_PERIODS, Mains
from jp_firmware.ocpp.v16.profile_book import PROFILES
from jp_firmware.ocpp.v16.smart_charging import SmartCharging
from tests.ocpp.bench import Site, error, settle, wall
from tests.ocpp.test_charging_profile import told

ACCEPTED, REJECTED, UNKNOWN = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "Unknown"}


async def set_(site, connector, *periods, **more):
    message = told(*(periods or ((0, 30_000),)), **more)
    return await site.ask("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": message})


def allowed(site, connector):
    """What the profiles allow now."""
    book = site.backend.profiles
    return book.in_force(connector, book.now_ms, book.began_ms(connector, book.now_ms)).limit_w


def installed(site):
    return [(one.id, one.connector, one.stack_level) for one in site.backend.profiles.profiles]


def kept(site):
    return [one["profile"]["chargingProfileId"] for one in state.get(site.journal.db, PROFILES) or []]


async def schedule(site, connector=1, duration=3600, **more):
    answer = await site.ask("GetCompositeSchedule", {"connectorId": connector, "duration": duration, **more})
    return [(one["startPeriod"], one["limit"]) for one in answer["chargingSchedule"]["chargingSchedulePeriod"]]


# --- what is offered -------------------------------------------------------------------------------------------------


async def test_the_keys_of_smart_charging_are_told_and_cannot_be_written(autojump_clock, online):
    names = [
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "ConnectorSwitch3to1PhaseSupported",
        "MaxChargingProfilesInstalled",
        "SupportedFeatureProfiles",
    ]
    answer = await online.ask("GetConfiguration", {"key": names})
    values = ["99", "Power", "96", "false", "40", "Core,RemoteTrigger,SmartCharging"]

    assert [{"key": key, "readonly": True, "value": value} for key, value in zip(names, values, strict=True)] == answer[
        "configurationKey"
    ]


# --- SetChargingProfile ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connector", "purpose"), [(0, "ChargePointMaxProfile"), (0, "TxDefaultProfile"), (2, "TxDefaultProfile")]
)
async def test_a_profile_is_in_force_and_on_the_disk_when_it_is_accepted(autojump_clock, online, connector, purpose):
    assert ACCEPTED == await set_(online, connector, purpose=purpose)
    assert 30_000 == allowed(online, 0 if purpose == "ChargePointMaxProfile" else 2)
    assert [7] == kept(online)


@pytest.mark.parametrize(
    ("connector", "purpose"),
    [
        (1, "ChargePointMaxProfile"),
        (3, "TxDefaultProfile"),
        (-1, "TxDefaultProfile"),
        (0, "TxProfile"),
        (1, "TxProfile"),  # nothing runs there
    ],
)
async def test_a_profile_for_a_place_where_it_cannot_be_is_rejected(autojump_clock, online, connector, purpose):
    assert REJECTED == await set_(online, connector, purpose=purpose)
    assert [] == installed(online)


async def test_a_profile_that_means_nothing_is_rejected_and_leaves_the_one_it_would_replace(autojump_clock, online):
    await set_(online, 1)

    assert REJECTED == await set_(online, 1, *((n, 1) for n in range(MAX_PERIODS + 1)))
    assert 30_000 == allowed(online, 1)


async def test_a_limit_of_more_than_one_decimal_is_refused_by_its_schema(autojump_clock, online):
    assert "PropertyConstraintViolation" == await set_(online, 1, (0, 21.45))


async def test_a_new_profile_takes_the_place_of_its_id_and_of_its_level_in_its_stack(autojump_clock, online):
    await set_(online, 0, chargingProfileId=1, stackLevel=0)
    await set_(online, 1, chargingProfileId=2, stackLevel=0)
    await set_(online, 1, chargingProfileId=3, stackLevel=1)
    await set_(online, 1, chargingProfileId=4, stackLevel=0)
    assert [(1, 0, 0), (3, 1, 1), (4, 1, 0)] == installed(online)
    await set_(online, 2, chargingProfileId=3, stackLevel=5)

    assert [(1, 0, 0), (4, 1, 0), (3, 2, 5)] == installed(online)
    assert [1, 4, 3] == kept(online)


async def test_no_more_profiles_are_installed_than_the_key_says_and_one_may_still_be_replaced(autojump_clock, online):
    for number in range(MAX_INSTALLED):
        level, connector = number % 50, number // 50 + 1
        assert ACCEPTED == await set_(online, connector, chargingProfileId=number, stackLevel=level)

    assert REJECTED == await set_(online, 1, chargingProfileId=500, stackLevel=60)
    assert ACCEPTED == await set_(online, 1, chargingProfileId=501, stackLevel=3)


ENDED = {"startSchedule": "2026-11-20T10:00:00Z", "duration": 3600}


@pytest.mark.parametrize("more", [{"validTo": "2026-11-20T11:00:00Z"}, {"schedule": ENDED}])
async def test_profiles_that_have_ended_for_good_make_room(autojump_clock, online, more):
    for number in range(MAX_INSTALLED):
        await set_(online, 1, chargingProfileId=number, stackLevel=number % 100, **more)

    assert ACCEPTED == await set_(online, 2, chargingProfileId=500)
    assert [(500, 2, 2)] == installed(online)


async def test_a_profile_that_cannot_be_written_down_is_not_accepted_and_not_in_force(autojump_clock, online):
    def refuse(records):
        raise JournalError("the disk is full", storage=True)

    online.journal.before_commit = refuse

    assert "InternalError" == await set_(online, 1)
    assert math.inf == allowed(online, 1)


@pytest.mark.parametrize("takes_s", [0.5, 4.9])
async def test_what_is_on_the_disk_is_in_force_though_the_link_went_meanwhile(autojump_clock, online, takes_s):
    """Or it would come into force at the next restart, when nobody expects it."""
    commit = online.journal.commit

    async def slowly(*records):
        await commit(*records)
        await trio.sleep(takes_s)

    await set_(online, 1, (0, 50_000), chargingProfileId=1)
    online.journal.commit = slowly
    for asked in (
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": told((0, 7_000)) | {"chargingProfileId": 1}}),
        ("ClearChargingProfile", {"id": 1}),
    ):
        online.nursery.start_soon(online.ask, *asked)
        await settle(0.1)
        online.link.cut()
        await settle(30)
        in_memory = [one.id for one in online.backend.profiles.profiles]

        assert kept(online) == in_memory
        assert (7_000 if in_memory else math.inf) == allowed(online, 1)


async def test_a_disk_that_takes_too_long_is_one_that_refuses_and_the_next_change_makes_up_for_it(
    autojump_clock, online
):
    commit = online.journal.commit

    async def never_returns(*records):
        await commit(*records)
        await trio.sleep_forever()

    online.journal.commit = never_returns
    asked = {"connectorId": 1, "csChargingProfiles": told((0, 1)) | {"chargingProfileId": 1}}
    assert "InternalError" == await online.ask("SetChargingProfile", asked, within_s=10)
    assert (math.inf, [1]) == (allowed(online, 1), kept(online))
    online.journal.commit = commit
    await set_(online, 2, chargingProfileId=2)

    assert [2] == kept(online)


# --- TxProfile -------------------------------------------------------------------------------------------------------


async def test_a_transactions_profile_holds_for_it_and_is_gone_with_it(autojump_clock, online):
    await set_(online, 1, (0, 50_000), chargingProfileId=1)
    session = await online.begin(1)
    await settle(1)
    assert ACCEPTED == await set_(online, 1, (0, 20_000), purpose="TxProfile", transactionId=1)
    assert 20_000 == allowed(online, 1)
    await online.end(session)

    assert 50_000 == allowed(online, 1)
    assert [(1, 1, 2)] == installed(online)


async def test_a_profile_without_a_transaction_id_is_for_the_one_that_runs(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    await online.begin(1)

    assert ACCEPTED == await set_(online, 1, purpose="TxProfile")


@pytest.mark.parametrize("number", [2, -1, 0])
async def test_a_profile_for_another_transaction_is_rejected(autojump_clock, online, number):
    await online.begin(1)
    await settle(1)

    assert REJECTED == await set_(online, 1, purpose="TxProfile", transactionId=number)


async def test_a_profile_for_a_transaction_that_has_no_id_yet_is_rejected(autojump_clock, online):
    online.rule("StartTransaction", *[error] * 3)
    await online.begin(1)
    await settle(1)

    assert REJECTED == await set_(online, 1, purpose="TxProfile", transactionId=1)


async def test_a_profile_whose_transaction_ends_while_the_disk_is_waited_for_is_rejected(autojump_clock, online):
    """It has the id of an installed one, which it would have replaced on the disk too."""
    await set_(online, 1, (0, 50_000), chargingProfileId=7)
    await online.begin(1)
    await settle(1)
    online.journal.before_commit = lambda _: online.charger.show(1, ConnectorState.AVAILABLE)

    assert REJECTED == await set_(online, 1, (0, 20_000), purpose="TxProfile", chargingProfileId=7)
    assert 50_000 == allowed(online, 1)
    assert [7] == kept(online)


async def test_a_relative_schedule_follows_its_session_even_if_the_wall_clock_is_set(autojump_clock, online):
    await set_(online, 1, (0, 40_000), (600, 10_000), kind="Relative")
    await online.begin(1)
    await settle(300)
    shift = wall().replace(year=2031) - wall()
    online.backend.profiles.wall = lambda: wall() + shift
    assert 40_000 == allowed(online, 1)
    await settle(300)

    assert 10_000 == allowed(online, 1)


# --- a profile that comes with a remote start ------------------------------------------------------------------------

APP = IdToken("APP-1", TokenSource.REMOTE)


async def remote_start(site, connector=None, tag="APP-1", **more):
    payload = {"idTag": tag, **({"connectorId": connector} if connector is not None else {}), **more}
    return await site.ask("RemoteStartTransaction", payload)


@pytest.mark.parametrize("connector", [1, None])
async def test_it_is_in_force_from_the_first_moment_of_its_session(autojump_clock, online, connector):
    profile = told((0, 11_000), (60, 22_000), purpose="TxProfile", kind="Relative")
    assert ACCEPTED == await remote_start(online, connector, chargingProfile=profile)
    assert math.inf == allowed(online, 1)
    await settle(30)
    session = await online.begin(1, tag=APP)
    assert [11_000, math.inf] == [allowed(online, 1), allowed(online, 2)]
    await settle(60)
    assert 22_000 == allowed(online, 1)
    await online.end(session)

    assert math.inf == allowed(online, 1)


@pytest.mark.parametrize(
    ("connector", "tag"),
    [
        (1, IdToken("APP-2", TokenSource.REMOTE)),
        (2, APP),
        (1, IdToken("APP-1", TokenSource.RFID)),
    ],
)
async def test_it_is_for_no_other_session(autojump_clock, online, connector, tag):
    await remote_start(online, 1, chargingProfile=told((0, 11_000), purpose="TxProfile"))
    await online.begin(connector, tag=tag)

    assert math.inf == allowed(online, connector)


async def test_a_later_remote_start_of_the_tag_without_a_profile_has_none(autojump_clock, online):
    await remote_start(online, chargingProfile=told((0, 11_000), purpose="TxProfile"))
    await remote_start(online, 1)
    await online.begin(1, tag=APP)

    assert math.inf == allowed(online, 1)


async def test_a_start_that_is_refused_announces_nothing_and_forgets_nothing(autojump_clock, online):
    await remote_start(online, 1, chargingProfile=told((0, 11_000), purpose="TxProfile"))
    online.charger.answer = (False, "connector 1 is busy")
    assert REJECTED == await remote_start(online, 1, chargingProfile=told((0, 5_000), purpose="TxProfile"))
    await online.begin(1, tag=APP)

    assert 11_000 == allowed(online, 1)


async def test_a_start_with_a_profile_that_means_nothing_is_rejected_and_starts_nothing(autojump_clock, online):
    assert REJECTED == await remote_start(online, 1, chargingProfile=told((5, 1), purpose="TxProfile"))
    assert [] == online.charger.asked


# --- ClearChargingProfile --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, []),
        ({"id": 2}, [1, 3, 4]),
        ({"id": 2, "connectorId": 99}, [1, 3, 4]),  # an id says it all
        ({"connectorId": 0}, [3, 4]),
        ({"chargingProfilePurpose": "TxDefaultProfile"}, [1]),
        ({"stackLevel": 0}, [4]),
        ({"connectorId": 1, "stackLevel": 5}, [1, 2, 3]),
    ],
)
async def test_profiles_are_cleared_by_id_or_by_all_that_is_given(autojump_clock, online, asked, left):
    await set_(online, 0, purpose="ChargePointMaxProfile", chargingProfileId=1, stackLevel=0)
    await set_(online, 0, chargingProfileId=2, stackLevel=0)
    await set_(online, 1, chargingProfileId=3, stackLevel=0)
    await set_(online, 1, chargingProfileId=4, stackLevel=5)

    assert ACCEPTED == await online.ask("ClearChargingProfile", asked)
    assert left == [one[0] for one in installed(online)]
    assert left == kept(online)


async def test_clearing_a_transactions_profile_leaves_another_of_the_same_id(autojump_clock, online):
    """A remote start brings its profile under an id of its own choice; some central systems know one only."""
    await set_(online, 1, (0, 50_000), chargingProfileId=1)
    brought = told((0, 11_000), purpose="TxProfile") | {"chargingProfileId": 1}
    await remote_start(online, 1, chargingProfile=brought)
    await online.begin(1, tag=APP)
    assert 11_000 == allowed(online, 1)
    assert ACCEPTED == await online.ask("ClearChargingProfile", {"chargingProfilePurpose": "TxProfile"})

    assert 50_000 == allowed(online, 1)
    assert [1] == kept(online)


@pytest.mark.parametrize(
    "asked", [{"id": 1}, {"connectorId": 2}, {"chargingProfilePurpose": "TxProfile"}, {"stackLevel": 9}]
)
async def test_what_is_not_there_is_unknown(autojump_clock, online, asked):
    await set_(online, 1)

    assert UNKNOWN == await online.ask("ClearChargingProfile", asked)
    assert [7] == kept(online)


# --- GetCompositeSchedule --------------------------------------------------------------------------------------------


async def test_the_composite_schedule_is_the_least_of_all_that_holds_in_its_pieces(autojump_clock, online):
    """The site of this bench has 150 kW, each connector 100 kW."""
    await set_(online, 0, (0, 90_000), (1800, 40_000), purpose="ChargePointMaxProfile", chargingProfileId=1)
    start = {"startSchedule": "2026-11-20T12:10:00Z", "duration": 2400}
    await set_(online, 1, (0, 60_000), chargingProfileId=2, schedule=start)

    assert [(0, 90_000), (600, 60_000), (1800, 40_000)] == await schedule(online, 1)
    assert [(0, 90_000), (1800, 40_000)] == await schedule(online, 0)


async def test_the_station_expects_no_more_than_its_connectors_take_together(autojump_clock, online):
    await set_(online, 0, (0, 20_000))
    await set_(online, 2, (0, 5_500), chargingProfileId=8)

    assert [(0, 25_500)] == await schedule(online, 0)


async def test_without_profiles_the_charger_itself_is_the_limit(autojump_clock, online):
    assert [[(0, 150_000)], [(0, 100_000)]] == [await schedule(online, connector) for connector in (0, 2)]


async def test_without_a_transaction_one_that_begins_now_is_assumed(autojump_clock, online):
    await set_(online, 1, (0, 40_000), (600, 10_000), kind="Relative")

    assert [(0, 40_000), (600, 10_000)] == await schedule(online, 1)


async def test_with_a_transaction_the_schedule_counts_from_its_beginning(autojump_clock, online):
    await set_(online, 1, (0, 40_000), (600, 10_000), kind="Relative")
    await online.begin(1)
    await settle(100)

    assert [(0, 40_000), (500, 10_000)] == await schedule(online, 1)


async def test_the_answer_has_its_start_its_unit_and_no_startSchedule(autojump_clock, online):
    await set_(online, 1, (0, 69_000))
    asked = {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"}

    assert {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-11-20T12:00:00.000Z",
        "chargingSchedule": {
            "duration": 60,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 100.0}],
        },
    } == await online.ask("GetCompositeSchedule", asked)


async def test_what_begins_within_the_present_second_is_one_period_with_it(autojump_clock, online):
    """Central systems look at what they have just set. A schedule counts in whole seconds."""
    await settle(0.7)
    start = {"startSchedule": "2026-11-20T12:00:00.600Z"}
    await set_(online, 1, (0, 30_000), (60, 20_000), schedule=start)

    assert [(0, 30_000), (60, 20_000)] == await schedule(online, 1)


async def test_a_schedule_is_told_for_no_longer_than_anything_lasts(autojump_clock, online):
    answer = await online.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 2**62})

    assert 2**31 - 1 == answer["chargingSchedule"]["duration"]


@pytest.mark.parametrize("asked", [{"connectorId": 3, "duration": 60}, {"connectorId": 1, "duration": 0}])
async def test_a_schedule_of_nothing_or_for_nobody_is_rejected(autojump_clock, online, asked):
    assert REJECTED == await online.ask("GetCompositeSchedule", asked)


async def test_a_schedule_without_end_is_cut_short_and_says_so(autojump_clock, online):
    start = {"startSchedule": "2026-11-20T12:00:00Z"}
    await set_(online, 1, (0, 1_000), (3600, 2_000), kind="Recurring", recurrencyKind="Daily", schedule=start)
    asked = {"connectorId": 1, "duration": 2**31 - 1}
    answer = await online.ask("GetCompositeSchedule", asked)

    assert MAX_PERIODS == len(answer["chargingSchedule"]["chargingSchedulePeriod"])
    assert MAX_PERIODS // 2 * 86_400 == answer["chargingSchedule"]["duration"]


@given(st.floats(0, 1e7), st.sampled_from(["W", "A"]))
def test_a_limit_is_told_to_one_decimal_and_never_above_itself(limit_w, unit):
    smart_charging = SmartCharging(mock.Mock(mains=Mains()), mock.Mock(), mock.Mock())
    told_w = smart_charging._told(1, limit_w, unit) * (1 if unit == "W" else 690.0)

    assert limit_w - 0.1001 * (1 if unit == "W" else 690.0) <= told_w <= limit_w + 1e-3


# --- amperes ---------------------------------------------------------------------------------------------------------

AMERICA = {"site": schema.Site(limit_w=100_000.0, phase_voltage_v=277.0, efficiency=0.9)}


@pytest.fixture
async def american(nursery):
    """A charger at 277/480 V whose modules lose a tenth."""
    made = Site(nursery, **AMERICA)
    await made.start()
    yield made
    nursery.cancel_scope.cancel()
    made.journal.close()


@pytest.mark.parametrize("limit", [50, 31.5])
async def test_what_is_told_in_amperes_is_the_same_in_the_composite_schedule(autojump_clock, american, limit):
    await set_(american, 1, (0, limit), unit="A")
    await set_(american, 0, (0, 2 * limit), unit="A", purpose="ChargePointMaxProfile", chargingProfileId=8)

    assert limit * 3 * 277 * 0.9 == pytest.approx(allowed(american, 1))
    assert 2 * limit * 3 * 277 == pytest.approx(allowed(american, 0))
    assert [(0, limit)] == await schedule(american, 1, chargingRateUnit="A")
    assert [(0, 2 * limit)] == await schedule(american, 0, chargingRateUnit="A")


async def test_where_the_conversion_loses_the_station_draws_more_than_its_connectors_give(autojump_clock, american):
    """The site of this bench has 150 kW at the grid, each connector 100 kW of direct current."""
    await set_(american, 0, (0, 45_000))
    assert [[(0, 45_000)], [(0, 100_000)]] == [await schedule(american, connector) for connector in (1, 0)]
    await set_(american, 0, (0, 40_000), purpose="ChargePointMaxProfile", chargingProfileId=8)

    assert [[(0, 36_000)], [(0, 40_000)]] == [await schedule(american, connector) for connector in (1, 0)]


async def test_a_number_of_phases_that_nobody_would_guess_is_told(autojump_clock, online):
    await set_(online, 1, (0, 20), unit="A")
    online.settings.put_in_force(in_force(online, phases=1))
    answer = await online.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"})

    assert 20 * 230.0 == allowed(online, 1)
    assert [{"startPeriod": 0, "limit": 20.0, "numberPhases": 1}] == answer["chargingSchedule"][
        "chargingSchedulePeriod"
    ]


async def test_other_mains_change_what_amperes_mean_at_once_and_cost_no_link(autojump_clock, online):
    """In installed profiles, in one that waits for its session, and after a restart; in watts nothing changes."""
    await set_(online, 1, (0, 100), unit="A", chargingProfileId=1)
    await set_(online, 2, (0, 30_000), chargingProfileId=2)
    profile = told((0, 10), unit="A", purpose="TxProfile")
    await online.ask("RemoteStartTransaction", {"idTag": "APP-1", "connectorId": 2, "chargingProfile": profile})
    seen = []
    online.backend.profiles.subscribe(lambda: seen.append(allowed(online, 1)))
    links = online.links
    online.settings.put_in_force(in_force(online, phase_voltage_v=120.0))
    assert [36_000.0] == seen
    assert 30_000 == allowed(online, 2)
    await online.begin(2, tag=APP)
    assert 3_600 == allowed(online, 2)
    assert links == online.links
    await online.restart()

    assert 36_000 == allowed(online, 1)


def in_force(site, **more):
    before = site.settings.cabinet
    return attrs.evolve(before, site=attrs.evolve(before.site, **more))


# --- through restarts and away from the central system ---------------------------------------------------------------


async def test_profiles_are_there_again_after_a_restart_and_a_transactions_is_not(autojump_clock, online):
    await set_(online, 0, (0, 90_000), purpose="ChargePointMaxProfile", chargingProfileId=1)
    await set_(online, 1, (0, 50_000), chargingProfileId=2)
    await online.begin(1)
    await set_(online, 1, (0, 20_000), purpose="TxProfile", chargingProfileId=3)
    online.charger.show(1, ConnectorState.AVAILABLE)
    await online.restart()

    assert [90_000, 50_000] == [allowed(online, connector) for connector in (0, 1)]
    assert [(1, 0, 2), (2, 1, 2)] == installed(online)


async def test_what_cannot_be_read_any_more_is_left_out_and_the_rest_is_kept(autojump_clock, online, caplog):
    await set_(online, 1, chargingProfileId=2)
    good = state.get(online.journal.db, PROFILES)
    online.journal.post(state.Put(PROFILES, [{"connectorId": 1}, *good]))
    await online.restart()

    assert [(2, 1, 2)] == installed(online)
    assert "dropped" in caplog.text


async def test_away_from_the_central_system_a_transaction_keeps_its_profile_and_others_hold_until_they_end(
    autojump_clock, online
):
    await set_(online, 2, (0, 50_000), chargingProfileId=2, validTo="2026-11-20T12:30:00Z")
    await online.begin(1)
    await set_(online, 1, (0, 20_000), purpose="TxProfile", chargingProfileId=3)
    online.leave()
    await settle(1700)
    assert [20_000, 50_000] == [allowed(online, connector) for connector in (1, 2)]
    await settle(200)

    assert [20_000, math.inf] == [allowed(online, connector) for connector in (1, 2)]
