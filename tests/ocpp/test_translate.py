"""The charger's words become those of 1.6 without loss where money is concerned."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import MEASURANDS
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import IdToken, Sample, Session, StopReason, TokenSource
from jp_firmware.ocpp.schema import check_call
from jp_firmware.ocpp.v16 import translate
from tests.ocpp.bench import START, fault

TOKEN = IdToken("04A1B2C3", TokenSource.RFID)


def session(**more):
    values = {"id": SessionId("s"), "connector_id": ConnectorId(2), "token": TOKEN, "started_at": START}
    return Session(**values, meter_start_wh=1000, boot_id="b", **more)


def sample(**more):
    values = {"import_wh": 123_456, "voltage_v": 400.04, "current_a": 99.96, "power_w": 39_987.6, **more}
    return Sample(session_id=SessionId("s"), connector_id=ConnectorId(2), at=START, **values)


def test_every_state_and_every_stop_reason_has_a_word():
    assert set(ConnectorState) == set(translate.STATUSES)
    assert set(StopReason) == set(translate.STOP_REASONS)


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_stop_fits_its_schema(reason):
    stop = translate.stop_transaction(session(stopped_at=START, meter_stop_wh=1500, stop_reason=reason))

    assert check_call("StopTransaction", {"transactionId": 1, **stop}) is None


def test_a_stop_names_a_tag_only_if_one_was_presented():
    presented = session(stopped_at=START, meter_stop_wh=1, stop_reason=StopReason.LOCAL, stop_token=TOKEN)

    assert "idTag" not in translate.stop_transaction(session(stopped_at=START, stop_reason=StopReason.HARD_RESET))
    assert "04A1B2C3" == translate.stop_transaction(presented)["idTag"]


def test_registers_are_absolute_and_fall_back_to_the_last_that_was_committed():
    assert 1000 == translate.start_transaction(session())["meterStart"]
    assert 1200 == translate.stop_transaction(session(meter_last_wh=1200))["meterStop"]
    assert 1000 == translate.stop_transaction(session())["meterStop"]


def test_a_time_is_utc_with_a_z_whatever_its_zone():
    at = datetime(2026, 11, 20, 13, 0, 0, 123_987, tzinfo=timezone(timedelta(hours=1)))

    assert "2026-11-20T12:00:00.123Z" == translate.timestamp(at)


@settings(max_examples=60, deadline=None)
@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_read_back_to_the_millisecond(at):
    assert at.replace(microsecond=at.microsecond // 1000 * 1000) == translate.parse_timestamp(translate.timestamp(at))


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=30)
    | st.none()
    | st.integers()
    | st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
)
def test_a_time_that_is_none_is_none_and_nothing_else(text):
    at = translate.parse_timestamp(text)

    assert at is None or at.tzinfo is UTC


def test_values_are_written_with_their_unit_and_what_is_unknown_is_left_out():
    values = translate.sampled_values(sample(), MEASURANDS, "Sample.Periodic")

    assert [
        ("Energy.Active.Import.Register", "123456", "Wh"),
        ("Power.Active.Import", "39988", "W"),
        ("Voltage", "400.0", "V"),
        ("Current.Import", "100.0", "A"),
    ] == [(one["measurand"], one["value"], one["unit"]) for one in values]


def test_values_of_the_car_are_told_as_the_cars():
    values = translate.sampled_values(sample(soc_percent=55.4, offered_w=50_000.0), ["SoC", "Power.Offered"], "Trigger")

    assert [("SoC", "55", "Percent", "EV"), ("Power.Offered", "50000", "W", "Outlet")] == [
        (one["measurand"], one["value"], one["unit"], one["location"]) for one in values
    ]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_left_out(number):
    assert [] == translate.sampled_values(sample(power_w=number), ["Power.Active.Import"], "Trigger")


def test_all_measurands_fit_the_schema():
    values = translate.sampled_values(sample(soc_percent=1.0, offered_w=2.0), MEASURANDS, "Sample.Clock")

    assert check_call("MeterValues", translate.meter_values(ConnectorId(1), START, values, -1)) is None
    assert len(values) == len(MEASURANDS)


def test_a_fault_is_cut_to_the_lengths_of_1_6():
    fields = translate.error_fields(fault(code="X" * 60, mrec="M" * 60), "V" * 300)

    assert (50, 50) == (len(fields["info"]), len(fields["vendorErrorCode"]))
    assert check_call("StatusNotification", {"connectorId": 1, "status": "Faulted", **fields}) is None
