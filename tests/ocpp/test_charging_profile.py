"""One charging profile, read and asked: kinds, validity, durations, units, and mistakes that are not accepted."""

import pytest

from jp_firmware.config import schema
from jp_firmware.ocpp.v16.charging_profile import (
    MAX_PERIODS,
    NEVER,
    Mains,
    NotAcceptable,
    Stretch,
    from_json,
)
from tests.ocpp.profiles_rig import NOW, at, read, told

HOUR = 3_600_000


def test_an_absolute_schedule_begins_and_ends_by_the_clock_and_each_period_lasts_up_to_the_next():
    profile = read(1, told((0, 30_000), (3600, 10_000), schedule={"startSchedule": at(1), "duration": 7200}), NOW)

    assert Stretch(None, NOW + HOUR) == profile.at(NOW, None)
    assert Stretch(30_000, NOW + 2 * HOUR) == profile.at(NOW + HOUR, None)
    assert Stretch(10_000, NOW + 3 * HOUR) == profile.at(NOW + 2 * HOUR, None)
    assert Stretch(None, NEVER) == profile.at(NOW + 3 * HOUR, None)


def test_the_last_period_of_a_schedule_without_duration_lasts_for_ever():
    profile = read(1, told((0, 30_000), schedule={"startSchedule": at()}), NOW)

    assert Stretch(30_000, NEVER) == profile.at(NOW + 1000 * HOUR, None)


def test_the_daily_profile_of_the_specification_limits_between_eight_and_twenty_every_day():
    """1.6 edition 2, §3.13.7."""
    schedule = {"duration": 86_400, "startSchedule": "2013-01-01T00:00Z"}
    periods = ((0, 11_000), (28_800, 6_000), (72_000, 11_000))
    profile = read(1, told(*periods, kind="Recurring", recurrencyKind="Daily", schedule=schedule), NOW)

    assert Stretch(6_000, NOW + 8 * HOUR) == profile.at(NOW, None)
    assert Stretch(11_000, NOW + 12 * HOUR) == profile.at(NOW + 8 * HOUR, None)
    assert Stretch(11_000, NOW + 20 * HOUR) == profile.at(NOW + 12 * HOUR, None)


def test_a_weekly_schedule_shorter_than_a_week_is_silent_for_the_rest_and_comes_again():
    schedule = {"duration": 3600, "startSchedule": at()}
    profile = read(1, told((0, 5_000), kind="Recurring", recurrencyKind="Weekly", schedule=schedule), NOW)

    assert Stretch(None, NOW + 168 * HOUR) == profile.at(NOW + HOUR, None)
    assert Stretch(5_000, NOW + 169 * HOUR) == profile.at(NOW + 168 * HOUR, None)
    assert Stretch(None, NOW) == profile.at(NOW - HOUR, None)


def test_what_lies_beyond_the_recurrence_is_not_executed():
    schedule = {"duration": 7 * 86_400, "startSchedule": at()}
    periods = ((0, 5_000), (90_000, 9_000))
    profile = read(1, told(*periods, kind="Recurring", recurrencyKind="Daily", schedule=schedule), NOW)

    assert Stretch(5_000, NOW + 48 * HOUR) == profile.at(NOW + 25 * HOUR, None)


@pytest.mark.parametrize("kind", ["Relative", "Absolute"])
def test_a_relative_schedule_and_one_without_a_start_count_from_the_transaction(kind):
    profile = read(1, told((0, 30_000), (600, 0), kind=kind), NOW)

    assert Stretch(30_000, NOW + 600_000) == profile.at(NOW + 1000, NOW)
    assert Stretch(0, NEVER) == profile.at(NOW + 600_000, NOW)


def test_without_a_transaction_a_relative_schedule_stands_at_its_beginning():
    profile = read(1, told((0, 30_000), (600, 0), kind="Relative", validTo=at(1)), NOW)

    assert Stretch(30_000, NOW + HOUR) == profile.at(NOW + 900_000, None)


def test_the_startSchedule_of_a_relative_profile_says_nothing():
    profile = read(1, told((0, 30_000), kind="Relative", schedule={"startSchedule": at(5)}), NOW)

    assert Stretch(30_000, NEVER) == profile.at(NOW, NOW)


@pytest.mark.parametrize(("more", "zero"), [({}, NOW), ({"validFrom": at(-3)}, NOW - 3 * HOUR)])
def test_the_stations_profile_without_a_start_counts_from_its_validity_or_its_acceptance(more, zero):
    profile = read(0, told((0, 1), (4 * 3600, 2), purpose="ChargePointMaxProfile", **more), NOW)

    assert Stretch(1, zero + 4 * HOUR) == profile.at(NOW, None)


def test_the_stations_profile_that_counts_from_its_acceptance_holds_at_a_clock_that_has_not_got_there():
    """Such a clock is wrong: one without a battery after a loss of power, or one that was ahead then and is right now.

    Whatever it says, a limit that was accepted does not lapse.
    """
    message = told((0, 30_000), (60, 50_000), purpose="ChargePointMaxProfile", validTo=at(24))
    profile = from_json(read(0, message, NOW).to_json(), Mains())

    assert Stretch(30_000, NOW) == profile.at(0, None)
    assert Stretch(30_000, NOW + 60_000) == profile.at(NOW, None)


@pytest.mark.parametrize(
    ("more", "over"),
    [
        ({"schedule": {"startSchedule": at(), "duration": 3600}}, True),
        ({"validTo": at(1)}, True),
        ({"schedule": {"startSchedule": at()}}, False),
        ({"schedule": {"duration": 3600}}, False),  # of each transaction
        ({"kind": "Recurring", "recurrencyKind": "Daily", "schedule": {"startSchedule": at(), "duration": 60}}, False),
    ],
)
def test_a_profile_is_over_when_it_will_never_speak_again(more, over):
    profile = read(1, told((0, 1), **more), NOW)

    assert [False, over] == [profile.is_over(NOW + HOUR - 1), profile.is_over(NOW + HOUR)]


def test_a_profile_speaks_only_while_it_is_valid():
    profile = read(1, told((0, 30_000), validFrom=at(1), validTo=at(2), schedule={"startSchedule": at(-9)}), NOW)

    assert Stretch(None, NOW + HOUR) == profile.at(NOW, None)
    assert Stretch(30_000, NOW + 2 * HOUR) == profile.at(NOW + HOUR, None)
    assert Stretch(None, NEVER) == profile.at(NOW + 2 * HOUR, None)


def test_a_limit_of_nothing_is_a_limit():
    assert 0 == read(1, told((0, 0.0), schedule={"startSchedule": at()}), NOW).at(NOW, None).limit_w


@pytest.mark.parametrize(
    ("phases", "limit_w"), [({}, 22_080), ({"numberPhases": 3}, 22_080), ({"numberPhases": 1}, 7_360)]
)
def test_amperes_are_those_of_the_mains_per_phase(phases, limit_w):
    message = told((0, 32), unit="A")
    message["chargingSchedule"]["chargingSchedulePeriod"][0].update(phases)

    assert limit_w == pytest.approx(read(1, message, NOW).at(NOW, NOW).limit_w)


@pytest.mark.parametrize(
    ("mains", "phases", "limit_w"),
    [
        (Mains(phase_voltage_v=277.0), {}, 32 * 3 * 277.0),
        (Mains(phase_voltage_v=277.0), {"numberPhases": 2}, 32 * 2 * 277.0),
        (Mains(phases=1), {}, 32 * 230.0),  # more phases are meant than there are (errata 3.34)
        (Mains(phases=2), {"numberPhases": 1}, 32 * 230.0),
    ],
)
def test_amperes_are_as_many_watts_as_the_mains_make_of_them(mains, phases, limit_w):
    message = told((0, 32), unit="A")
    message["chargingSchedule"]["chargingSchedulePeriod"][0].update(phases)

    assert limit_w == pytest.approx(read(1, message, NOW, mains).at(NOW, NOW).limit_w)


def test_of_amperes_at_the_mains_a_connector_gets_what_the_conversion_leaves_and_the_station_all():
    """Limits of the station are power at the grid, those of connectors are DC power; watts are what they are."""
    mains = Mains(efficiency=0.9)
    station = told((0, 100), unit="A", purpose="ChargePointMaxProfile")

    assert 69_000 == pytest.approx(read(0, station, NOW, mains).at(NOW, None).limit_w)
    assert 62_100 == pytest.approx(read(1, told((0, 100), unit="A"), NOW, mains).at(NOW, NOW).limit_w)
    assert 62_100 == pytest.approx(read(0, told((0, 100), unit="A"), NOW, mains).at(NOW, NOW).limit_w)
    assert 69_000 == read(1, told((0, 69_000)), NOW, mains).at(NOW, NOW).limit_w


def test_the_mains_are_those_of_the_configuration():
    site = schema.Site(limit_w=1.0, phase_voltage_v=277.0, phases=2, efficiency=0.95)

    assert Mains(phase_voltage_v=277.0, phases=2, efficiency=0.95) == Mains.of(site)
    assert Mains() == Mains.of(schema.Site(limit_w=1.0))


def test_phases_change_nothing_of_watts():
    message = told((0, 11_000))
    message["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 1

    assert 11_000 == read(1, message, NOW).at(NOW, NOW).limit_w


def test_what_is_kept_is_read_again_as_it_was():
    message = told((0, 30_000), (60, 5.5), validTo=at(2), minChargingRate=3.0)
    profile = read(1, message, NOW)

    assert profile == from_json(profile.to_json(), Mains())


@pytest.mark.parametrize("kept", [None, [], {}, {"connectorId": 1, "accepted_ms": 0, "profile": {"stackLevel": "x"}}])
def test_what_was_kept_wrongly_is_refused_in_one_way(kept):
    with pytest.raises(NotAcceptable):
        from_json(kept, Mains())


@pytest.mark.parametrize(
    ("connector", "message", "why"),
    [
        (1, told((0, 1), purpose="ChargePointMaxProfile"), "connector 0"),
        (0, told((0, 1), purpose="ChargePointMaxProfile", kind="Relative"), "no transaction"),
        (1, told((0, 1), stackLevel=-1), "stack level"),
        (1, told((0, 1), stackLevel=100), "stack level"),
        (1, told((0, 1), transactionId=3), "only a TxProfile"),
        (1, told((0, 1), kind="Recurring"), "recurrencyKind"),
        (1, told((0, 1), validFrom=at(2), validTo=at(1)), "ends before"),
        (1, told((0, 1), validFrom="yesterday"), "validFrom"),
        (1, told((0, 1), schedule={"startSchedule": "soon"}), "startSchedule"),
        (1, told((0, 1), schedule={"duration": 0}), "duration"),
        (1, told((0, 1), schedule={"duration": 2**40}), "duration"),
        (1, told(), "periods"),
        (1, told(*((n, 1) for n in range(MAX_PERIODS + 1))), "periods"),
        (1, told((5, 1)), "first period"),
        (1, told((0, 1), (60, 2), (60, 3)), "after the one before"),
        (1, told((0, 1), (2**40, 2)), "too late"),
        (1, told((0, -0.1)), "0 or more"),
        (1, told((0, 1e300)), "0 or more"),
    ],
)
def test_a_profile_that_means_nothing_is_not_accepted(connector, message, why):
    with pytest.raises(NotAcceptable, match=why):
        read(connector, message, NOW)


def test_amperes_on_four_phases_are_not_accepted():
    message = told((0, 32), unit="A")
    message["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 4

    with pytest.raises(NotAcceptable, match="numberPhases"):
        read(1, message, NOW)
