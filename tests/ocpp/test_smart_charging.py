"""SetChargingProfile and ClearChargingProfile, as a central system meets them."""

import math

import pytest
import trio

from jp_firmware.journal import state
from jp_firmware.journal.writer import JournalError
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import IdToken, TokenSource
from jp_firmware.ocpp.v16.charging_profile import MAX_INSTALLED, MAX_PERIODS
from jp_firmware.ocpp.v16.profile_book import PROFILES
from tests.ocpp.bench import error, settle, wall
from tests.ocpp.profiles_rig import ACCEPTED, APP, REJECTED, UNKNOWN, allowed, installed, kept, set_, told

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
