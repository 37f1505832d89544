"""GetCompositeSchedule, in watts and in amperes of the mains there are."""

from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config import schema
from jp_firmware.ocpp.v16.charging_profile import MAX_PERIODS, Mains
from jp_firmware.ocpp.v16.smart_charging import SmartCharging
from tests.ocpp.bench import Site, settle
from tests.ocpp.profiles_rig import APP, REJECTED, allowed, schedule, set_, told


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
